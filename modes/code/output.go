package code

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// An output is a completion that the model is generating.
type output struct {
	trimmer trimmer
	limit   time.Duration // since the first text; 0: none
	first   time.Time

	text  strings.Builder
	raw   string // the text after the cursor
	kept  string // the part of raw to suggest
	done  bool   // kept is final
	ended bool   // the model has stopped
	whole bool   // the model ended the text itself

	prefill engine.Progress
}

func newOutput(p Place, limit time.Duration) *output {
	return &output{trimmer: newTrimmer(p), limit: limit}
}

// add appends text.
func (w *output) add(text string) {
	if w.done {
		return
	}
	if w.first.IsZero() {
		w.first = time.Now()
	}
	w.text.WriteString(text)
	late := w.limit > 0 && time.Since(w.first) >= w.limit && strings.ContainsRune(w.text.String(), '\n')
	w.trim(late)
}

// end records that the model has stopped.
func (w *output) end(whole bool) {
	w.ended = true
	if !w.done {
		w.whole = whole
		w.trim(true)
	}
}

func (w *output) trim(ended bool) {
	belongs := true
	w.raw = strings.ReplaceAll(strings.TrimSuffix(w.text.String(), "\r"), "\r\n", "\n")
	if n := strings.IndexFunc(w.raw, isInvalid); n >= 0 {
		w.raw, ended = w.raw[:n], true
	}
	if blank(w.trimmer.head) {
		w.raw, belongs = outdent(w.trimmer.head, w.raw)
	}
	w.kept, w.done = w.trimmer.trim(w.raw, ended, w.whole)
	w.done = w.done || ended || !belongs
}

// isInvalid reports whether a rune does not occur in code. The output ends before it.
func isInvalid(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError
}

func (w *output) completion() Completion {
	return Completion{Text: w.kept, Evaluated: w.prefill.Total - w.prefill.Cached, Prompt: w.prefill.Total}
}
