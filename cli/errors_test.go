package cli

import "testing"

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"it broke": "it broke.", "it broke.": "it broke.", "why?": "why?", "": ""} {
		equal(t, "sentence", sentence(in), want)
	}
}
