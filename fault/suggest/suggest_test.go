package suggest

import "testing"

func TestWord(t *testing.T) {
	known := []string{"model", "keep_alive", "threads", "codestral", "ministral-3-3b", "ministral-3-8b"}
	for _, tt := range []struct{ typed, want string }{
		{"modle", "model"},
		{"MODEL", "model"},
		{"keep-alive", "keep_alive"},
		{"keep_alvie", "keep_alive"},
		{"thread", "threads"},
		{"code", "codestral"},
		{"ministral-3-8c", "ministral-3-8b"},
		{"mini", ""}, // two begin so
		{"gpu", ""},
		{"", ""},
	} {
		if got := Word(tt.typed, known); got != tt.want {
			t.Errorf("Word(%q) = %q, want %q", tt.typed, got, tt.want)
		}
	}
}
