package term

import "testing"

func TestWrapMarked(t *testing.T) {
	const sp, in = WrappedAtSpace, WrappedInWord
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 8, "one two" + sp + "\nthree"},
		{"one\ntwo", 8, "one\ntwo"},
		{"abcdefghij", 4, "abcd" + in + "\nefgh" + in + "\nij"},
		{"\x1b[1mone two\x1b[m three", 7, "\x1b[1mone two\x1b[m" + sp + "\nthree"},
		{"日本語日本語", 4, "日本" + in + "\n語日" + in + "\n本語"},
		{"", 4, ""},
	} {
		got := WrapMarked(tt.text, tt.width)
		if got != tt.want {
			t.Errorf("%q in %d columns: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
	if got := Unmark("a" + sp + in + TextStart + TextEnd + "\x1b[1mb\x1b[m"); got != "a\x1b[1mb\x1b[m" {
		t.Errorf("unmarked: %q", got)
	}
}
