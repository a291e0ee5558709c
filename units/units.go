// Package units formats sizes, times, speeds and counts for display.
package units

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Size formats a number of bytes: 98.4 MB, 2.15 GB, 13.3 GB.
func Size(bytes int64) string {
	x := float64(bytes)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if x < 999.5 {
			return Short(x) + " " + unit
		}
		x /= 1000
	}
	return Short(x) + " TB"
}

// Part formats a part of a size: 3.1 of 13.3 GB, 940 MB of 13.3 GB.
func Part(done, total int64) string {
	part, whole := Size(done), Size(total)
	if number, unit, _ := strings.Cut(part, " "); strings.HasSuffix(whole, " "+unit) {
		part = number
	}
	return part + " of " + whole
}

// Short formats a number with three digits, or all digits before the point.
func Short(x float64) string {
	if x >= 999.5 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// Count formats a number of tokens: 482, 4.1k, 32k, 1.2M.
func Count(n int) string {
	for _, scale := range []struct {
		one  float64
		unit string
	}{{1e6, "M"}, {1e3, "k"}} {
		if x := float64(n) / scale.one; x >= 0.9995 {
			if x < 9.95 {
				return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") + scale.unit
			}
			return fmt.Sprintf("%.0f", x) + scale.unit
		}
	}
	return fmt.Sprint(n)
}

// Duration formats a time: 0.4 s, 25 s, 3 min, 2 h.
func Duration(d time.Duration) string {
	switch {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", math.Max(0, d.Seconds()))
	case d < 119500*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 119*time.Minute+30*time.Second:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

// Speed formats a number of tokens per second.
func Speed(rate float64) string {
	if rate < 9.95 {
		return fmt.Sprintf("%.1f tok/s", rate)
	}
	return fmt.Sprintf("%.0f tok/s", rate)
}

// Plural formats a number with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Precise formats a short time: 4 ms, 0.43 s, 12.4 s.
func Precise(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Bar draws a progress bar.
func Bar(share float64, columns int) string {
	full := max(0, min(columns, int(share*float64(columns)+0.5)))
	return strings.Repeat("━", full) + strings.Repeat("─", max(0, columns-full))
}

// Ago says how long ago something was: "just now", "5 minutes ago", "3 days ago".
func Ago(then, now time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return Plural(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return Plural(int(d.Hours()), "hour") + " ago"
	case d < 60*24*time.Hour:
		return Plural(int(d.Hours()/24), "day") + " ago"
	}
	return fmt.Sprintf("in %s", then.Format("January 2006"))
}
