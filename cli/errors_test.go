package cli

import (
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"it broke": "it broke.", "it broke.": "it broke.", "why?": "why?", "": ""} {
		equal(t, "sentence", fault.Sentence(in), want)
	}
}
