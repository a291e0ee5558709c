package lsp

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestOffset(t *testing.T) {
	text := "ab\né𝄞x\r\n\nend"
	for _, tt := range []struct {
		e               encoding
		line, character int
		want            int
	}{
		{utf16Encoding, 0, 0, 0},
		{utf16Encoding, 0, 2, 2},
		{utf16Encoding, 0, 9, 2}, // past the end of a line is its end
		{utf16Encoding, 1, 1, 5},
		{utf16Encoding, 1, 2, 5}, // within a pair of surrogates is before it
		{utf16Encoding, 1, 3, 9},
		{utf16Encoding, 1, 4, 10},
		{utf16Encoding, 1, 5, 10}, // before the carriage return
		{utf16Encoding, 3, 3, 16},
		{utf16Encoding, 9, 0, 16},
		{utf8Encoding, 1, 2, 5},
		{utf8Encoding, 1, 3, 5}, // within a rune is before it
		{utf8Encoding, 1, 6, 9},
		{utf32Encoding, 1, 2, 9},
		{utf32Encoding, 2, 0, 12},
		{utf16Encoding, 1, -3, 3},
		{utf16Encoding, 4, 1, 16},
		{utf8Encoding, 1, -3, 3},
	} {
		if got := tt.e.offset(text, position{tt.line, tt.character}); got != tt.want {
			t.Errorf("%s %d:%d is byte %d, want %d", tt.e, tt.line, tt.character, got, tt.want)
		}
	}
}

func TestName(t *testing.T) {
	folders := []workspaceFolder{{URI: "file:///home/me"}, {URI: "file:///home/me/proj/"}, {URI: "file:///c%3A/w"}}
	for uri, want := range map[string]string{
		"file:///home/me/proj/a/b%20c.go": "a/b c.go",
		"file:///home/me/x.go":            "x.go",
		"file:///home/melon/x.go":         "x.go",
		"file:///c%3A/w/x.go":             "x.go",
		"untitled:Untitled-1":             "Untitled-1",
		"%zz":                             "%zz",
	} {
		if got := name(uri, folders); got != want {
			t.Errorf("%s is %q, want %q", uri, got, want)
		}
	}
}

// FuzzApply checks that changes never break a text apart, and that positions and
// offsets agree.
func FuzzApply(f *testing.F) {
	f.Add("ab\nc𝄞d\n", "x\n", 1, 1, 1, 3, 0)
	f.Add("a\rb\r\nc\r", "x", 1, 0, 2, 1, 1)
	f.Add("a", "", 0, 9, 0, 0, 1)
	f.Fuzz(func(t *testing.T, text, put string, line, character, toLine, toCharacter, which int) {
		if len(text)+len(put) > 4096 || !utf8.ValidString(text) || !utf8.ValidString(put) || line > 1<<12 || toLine > 1<<12 {
			return
		}
		e := []encoding{utf8Encoding, utf16Encoding, utf32Encoding}[uint(which)%3]
		d := document{text: text}
		d.apply(e, []change{{&span{position{line, character}, position{toLine, toCharacter}}, put}})
		if !utf8.ValidString(d.text) || !strings.Contains(d.text, put) {
			t.Errorf("%q became %q", text, d.text)
		}
		at := e.offset(text, position{line, character})
		p := e.position(text, at)
		if e.offset(text, p) != at {
			t.Errorf("byte %d of %q is %+v, which is byte %d", at, text, p, e.offset(text, p))
		}
		if start := strings.LastIndexAny(text[:at], "\r\n") + 1; e == utf16Encoding && p.Character != len(utf16.Encode([]rune(text[start:at]))) {
			t.Errorf("byte %d of %q is %+v", at, text, p)
		}
	})
}
