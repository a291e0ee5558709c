package prompt

import (
	"slices"

	"github.com/bise-sh/bise/engine"
)

// Answer lays out m as the model writes it after the prompt of r, with the token that ends it.
func (f *format) Answer(r *engine.ChatRequest, m engine.Message) ([]Segment, error) {
	i := len(r.Messages)
	m.Prefix = false
	if m.Role != engine.Assistant {
		return nil, invalid(at(i, "role"), "message %d, from %s, is not an answer", i+1, m.Role)
	}
	if err := f.checkMessages(&engine.ChatRequest{Messages: append(slices.Clone(r.Messages), m)}); err != nil {
		return nil, err
	}
	w := writer{format: f, firstUser: -1, lastUser: -1}
	if err := w.assistant(i, &turn{role: m.Role, content: f.join(m.Content), calls: m.ToolCalls}); err != nil {
		return nil, err
	}
	return w.Segments, nil
}
