package past

import (
	"strings"
	"testing"
)

func TestFileName(t *testing.T) {
	for title, want := range map[string]string{
		"":                               "conversation",
		"?!":                             "conversation",
		"How does a slice grow in Go?":   "How-does-a-slice-grow-in-Go",
		"../../etc/passwd":               "etc-passwd",
		"✎ half a th":                    "half-a-th",
		"スライスとは何ですか":                     "スライスとは何ですか",
		strings.Repeat("スライス", 30):       strings.Repeat("スライス", 4) + "ス",
		strings.Repeat("long word ", 20): "long-word-long-word-long-word-long-word-long",
	} {
		if got := fileName(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}
