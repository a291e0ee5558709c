package kit

import (
	"testing"
	"unicode/utf8"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		filter, text string
		want         string // the text with what matched in brackets; "" without a match
	}{
		{"", "anything", "anything"},
		{"conv", "conversation.go", "[conv]ersation.go"},
		{"CONV", "conversation.go", "[conv]ersation.go"},
		{"cgo", "conversation.go", "[c]onversation.[go]"},
		{"tui go", "tui/list.go", "[tui]/list.[go]"},
		{"é", "café", "caf[é]"},
		{"xyz", "conversation.go", ""},
		{"oga", "conversation.go", ""},
	} {
		_, marks, ok := Match(tt.filter, tt.text)
		got := ""
		if ok {
			got = Highlight(tt.text, marks, func(s ...string) string { return "[" + s[0] + "]" }, func(s ...string) string { return s[0] })
		}
		if got != tt.want {
			t.Errorf("%q in %q: %q, want %q", tt.filter, tt.text, got, tt.want)
		}
	}
}

func TestMatchOrder(t *testing.T) {
	for _, tt := range []struct{ filter, better, worse string }{
		{"set", "settings", "again, set"},
		{"go", "go.mod", "cargo.toml"},
		{"cm", "code_map.go", "become.go"},
		{"list", "tui/list.go", "tui/finalist.go"},
		{"a", "a", "a very long name of something"},
	} {
		better, _, ok := Match(tt.filter, tt.better)
		worse, _, ok2 := Match(tt.filter, tt.worse)
		if !ok || !ok2 || better <= worse {
			t.Errorf("%q: %q has %d, %q has %d", tt.filter, tt.better, better, tt.worse, worse)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("cgo", "conversation.go")
	f.Add("é x", "a\xffé\u0130x")
	f.Fuzz(func(t *testing.T, filter, text string) {
		if len(filter) > 50 || len(text) > 500 || !utf8.ValidString(filter) {
			return
		}
		_, marks, ok := Match(filter, text)
		if !ok {
			return
		}
		same := func(s ...string) string { return s[0] }
		if got := Highlight(text, marks, same, same); got != text {
			t.Errorf("%q in %q: marked, it is %q", filter, text, got)
		}
		at := 0
		for _, m := range marks {
			if m.From < at || m.To <= m.From || m.To > len(text) {
				t.Errorf("%q in %q: marks %v", filter, text, marks)
			}
			at = m.To
		}
	})
}
