package units

import (
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Hour:          "just now", // a clock that was set back
		59 * time.Second:    "just now",
		time.Minute:         "1 minute ago",
		59 * time.Minute:    "59 minutes ago",
		2 * time.Hour:       "2 hours ago",
		47 * time.Hour:      "47 hours ago",
		3 * 24 * time.Hour:  "3 days ago",
		90 * 24 * time.Hour: "in August 2026",
	} {
		if got := Ago(now.Add(-d), now); got != want {
			t.Errorf("%v is %q, not %q", d, got, want)
		}
	}
}
