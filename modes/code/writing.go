package code

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// A writing is a text while the model writes it.
type writing struct {
	scissor scissor
	limit   time.Duration // of the time since the first piece; 0: none
	first   time.Time

	pieces strings.Builder
	raw    string // from the cursor on
	kept   string // what is wanted of it
	done   bool   // and that is all
	ended  bool   // the model has stopped,
	whole  bool   // by itself

	read engine.Progress
}

func newWriting(p Place, limit time.Duration) *writing {
	return &writing{scissor: newScissor(p), limit: limit}
}

// add takes more of the text.
func (w *writing) add(piece string) {
	if w.done {
		return
	}
	if w.first.IsZero() {
		w.first = time.Now()
	}
	w.pieces.WriteString(piece)
	late := w.limit > 0 && time.Since(w.first) >= w.limit && strings.ContainsRune(w.pieces.String(), '\n')
	w.cut(late)
}

// end takes that there is no more.
func (w *writing) end(whole bool) {
	w.ended = true
	if !w.done {
		w.whole = whole
		w.cut(true)
	}
}

func (w *writing) cut(ended bool) {
	belongs := true
	w.raw = strings.ReplaceAll(strings.TrimSuffix(w.pieces.String(), "\r"), "\r\n", "\n")
	if n := strings.IndexFunc(w.raw, strange); n >= 0 {
		w.raw, ended = w.raw[:n], true
	}
	if blank(w.scissor.head) {
		w.raw, belongs = outdent(w.scissor.head, w.raw)
	}
	w.kept, w.done = w.scissor.cut(w.raw, ended, w.whole)
	w.done = w.done || ended || !belongs
}

// strange reports whether a rune is one that nobody writes into code: what comes
// with it is not worth having.
func strange(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError
}

func (w *writing) completion() Completion {
	return Completion{Text: w.kept, Evaluated: w.read.Total - w.read.Cached, Prompt: w.read.Total}
}
