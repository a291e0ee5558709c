package scheduler

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		name   string
		stops  []string
		pieces []string
		want   []string // what leaves after each piece, then what flush gives
		found  string   // the stop string
	}{
		{"runes in halves", nil, []string{"a\xc3", "\xa9b\xf0\x9f", "\x98", "\x80!"}, []string{"a", "éb", "", "😀!", ""}, ""},
		{"a rune that never ends", nil, []string{"a\xe6\xbc"}, []string{"a", "\uFFFD"}, ""},
		{"bytes that are no rune", nil, []string{"a\xffb\x80"}, []string{"a\uFFFDb\uFFFD", ""}, ""},
		{"stop", []string{"END"}, []string{"go ENDless"}, []string{"go "}, "END"},
		{"stop over three pieces", []string{"END"}, []string{"go E", "N", "D!"}, []string{"go ", "", ""}, "END"},
		{"no stop after all", []string{"END"}, []string{"E", "N", "T"}, []string{"", "", "ENT", ""}, ""},
		{"no stop at the end", []string{"END"}, []string{"E", "N"}, []string{"", "", "EN"}, ""},
		{"the one that is complete first", []string{"bcd", "c"}, []string{"abcd"}, []string{"ab"}, "c"},
		{"the longer of two", []string{"c", "bc"}, []string{"abc"}, []string{"a"}, "bc"},
		{"within what may be one", []string{"aab"}, []string{"aa", "a", "b"}, []string{"", "a", ""}, "aab"},
		{"of half runes", []string{"é!"}, []string{"x\xc3", "\xa9", "!"}, []string{"x", "", ""}, "é!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := Text{Stops: c.stops}
			var got []string
			stopped := false
			for _, p := range c.pieces {
				var out string
				out, stopped = x.Write(p)
				got = append(got, out)
			}
			if !stopped {
				got = append(got, x.Flush())
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if x.Found != c.found || stopped != (c.found != "") {
				t.Errorf("the stop string is %q, want %q", x.Found, c.found)
			}
		})
	}
}

// However the bytes come, the text is the same: that before the stop string that
// is complete first, with U+FFFD for what is no rune.
func FuzzText(f *testing.F) {
	f.Add("héllo wörld", "lo", "ö", uint(3))
	f.Add("\xf0\x9f\x98\x80\xff", "\xff", "a", uint(1))
	f.Add("aaaaab", "aab", "aaaab", uint(2))
	f.Fuzz(func(t *testing.T, whole, stop1, stop2 string, cut uint) {
		if len(whole) > 1000 || !utf8.ValidString(stop1) || !utf8.ValidString(stop2) {
			return
		}
		stops := []string{stop1, stop2}
		run := func(size int) string {
			x := Text{Stops: stops}
			var b strings.Builder
			for rest := whole; rest != ""; {
				n := min(size, len(rest))
				out, stopped := x.Write(rest[:n])
				if !utf8.ValidString(out) {
					t.Fatalf("%q left", out)
				}
				b.WriteString(out)
				if stopped {
					return b.String()
				}
				rest = rest[n:]
			}
			b.WriteString(x.Flush())
			return b.String()
		}
		want := run(max(1, len(whole)))
		if got := run(1 + int(cut%7)); got != want {
			t.Errorf("in pieces it is %q, at once %q", got, want)
		}
		for _, s := range stops {
			if s != "" && strings.Contains(want, s) && !strings.ContainsRune(s, utf8.RuneError) {
				t.Errorf("%q has the stop string %q", want, s)
			}
		}
	})
}
