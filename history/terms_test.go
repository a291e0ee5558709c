package history

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTerms(t *testing.T) {
	for _, tt := range []struct{ text, words, parts string }{
		{"", "", ""},
		{"How does a slice grow?", "how does a slice grow", ""},
		{"Élève, ÇA VA? naïve Ångström", "eleve ca va naive angstrom", ""},
		{"e\u0301te\u0301", "ete", ""},
		{"Straße Œuvre Łódź ﬁne ＡＢ", "strasse oeuvre lodz fine ab", ""},
		{"ΟΔΥΣΣΕΎΣ Ёлка", "οδυσσευσ елка", ""}, // the same with a final sigma or without
		{"don't l'avion", "don t l avion", ""},
		{"os.ReadFile(path)", "os readfile path", "file"},
		{"api/user.go:42", "api user go 42", ""},
		{"snake_case kebab-case", "snake case kebab case", ""},
		{"userName HTTPServer XMLHttpRequest iOS", "username httpserver xmlhttprequest ios", "name server http request os"},
		{"x := a->b && c != d", "x a b c d", ":= -> && !="},
		{"C++ and C#, F# but a++b and #anchor", "c and c f but a b and anchor", "c++ c# f# ++"},
		{"**bold** --- | --- | ~~no~~", "bold no", ""},
		{"日本語", "日本 本語 語", ""},
		{"Goで日本", "go で日 日本 本", ""},
		{"ภาษา", "ภา าษ ษา า", ""},
		{"한국어 배우기", "한국어 배우기", ""},
		{"हिन्दी", "हिन्दी", ""},
		{"سَلام", "سلام", ""},
		{"ok 🎉 👨‍👩‍👧", "ok", "🎉 👨 👩 👧"},
		{"a\xffb \uFFFD", "a b", ""},
		{strings.Repeat("x", 100), strings.Repeat("x", maxTerm), ""},
		{strings.Repeat("é", 100), strings.Repeat("e", maxTerm), ""},
	} {
		words, parts := indexed(tt.text)
		if words != tt.words || parts != tt.parts {
			t.Errorf("%q: words %q, parts %q, want %q and %q", tt.text, words, parts, tt.words, tt.parts)
		}
	}
}

func FuzzTerms(f *testing.F) {
	for _, s := range []string{"How does a slice grow?", "userName := x++ aC#", "日本語 ภาษา ﷺ", "e\u0301\xff\u0130", "👨‍👩‍👧"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		words, parts := terms(text)
		for _, list := range [][]term{words, parts} {
			start := 0
			for _, w := range list {
				if w.start < start || w.end <= w.start || w.end > len(text) || w.first != 0 && (w.first <= w.start || w.first > w.end) {
					t.Fatalf("%q: term %+v after %d", text, w, start)
				}
				start = w.start
				if w.text == "" || len(w.text) > maxTerm || !utf8.ValidString(w.text) || strings.ContainsAny(w.text, "\" \x00") {
					t.Fatalf("%q: term %q", text, w.text)
				}
			}
		}
	})
}
