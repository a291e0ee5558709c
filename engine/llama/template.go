//go:build cgo

package llama

import (
	"log/slog"

	template "github.com/bise-sh/bise/chattemplate"
	"github.com/bise-sh/bise/mistral/prompt"
)

// ownTemplate lays conversations out by the file's own chat template. A template
// that cannot be used, or none, leaves a model that only completes text.
func (e *Engine) ownTemplate(text string) (prompt.Format, error) {
	m := e.scheduler.m
	source := template.Source{Template: text, AddBOS: m.addBOS()}
	for id := range token(m.vocabulary()) {
		if !m.special(id) {
			continue
		}
		name := m.piece(id)
		if _, ok := e.vocab.ID(name); ok {
			source.Tokens = append(source.Tokens, name)
		}
	}
	if id := m.bos(); id >= 0 {
		source.BOS = m.piece(id)
	}
	if id := m.eos(); id >= 0 {
		source.EOS = m.piece(id)
	}
	f, err := template.New(source)
	if err == nil {
		return f, nil
	}
	slog.Warn("chat template cannot be used", "err", err)
	source.Template = ""
	return template.New(source)
}
