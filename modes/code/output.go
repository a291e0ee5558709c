package code

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An output is a completion that the model is generating.
type output struct {
	trimmer trimmer
	limit   time.Duration // since the first text; 0: none
	first   time.Time

	indented bool // the indentation before the cursor is in the prompt, not in text

	text    strings.Builder
	raw     string // the text after the cursor
	kept    string // the part of raw to suggest
	done    bool   // kept is final
	ended   bool   // the model has stopped
	whole   bool   // the model ended the text itself
	outside bool   // the text does not have the indentation of the cursor

	evaluated, prompt int // tokens
}

func newOutput(p Place, limit time.Duration) *output {
	return &output{trimmer: newTrimmer(p), limit: limit}
}

// restart begins the output again, for a prompt with the indentation before the cursor.
func (w *output) restart() {
	*w = output{trimmer: w.trimmer, limit: w.limit, indented: true, evaluated: w.evaluated}
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
	w.raw = strings.ReplaceAll(strings.TrimSuffix(w.text.String(), "\r"), "\r\n", "\n")
	if n := strings.IndexFunc(w.raw, isInvalid); n >= 0 {
		w.raw, ended = w.raw[:n], true
	}
	belongs := true
	if blank(w.trimmer.head) && !w.indented {
		w.raw, belongs = outdent(w.trimmer.head, w.raw)
	}
	w.outside = !belongs
	w.kept, w.done = w.trimmer.trim(w.raw, ended, w.whole)
	w.done = w.done || ended || !belongs
}

// isInvalid reports whether a rune does not occur in code. The output ends before it.
func isInvalid(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError
}

func (w *output) completion() Completion {
	return Completion{Text: w.kept, Evaluated: w.evaluated, Prompt: w.prompt}
}
