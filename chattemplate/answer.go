package template

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/prompt"
)

// Answer lays out m as the model writes it after the prompt of req: what the template adds
// when the conversation has this message too, up to the token that ends it.
func (f *Format) Answer(req *engine.ChatRequest, m engine.Message) ([]prompt.Segment, error) {
	if f.template == nil {
		return nil, f.problem
	}
	if m.Role != engine.Assistant {
		return nil, invalid("the answer is not from the assistant")
	}
	m.Prefix = false
	r, err := f.prepare(req)
	if err != nil {
		return nil, err
	}
	before, err := f.render(r, true, 1)
	if err != nil {
		return nil, refusal(err)
	}
	whole := *r
	whole.Messages = append(slices.Clone(r.Messages), m)
	after, err := f.render(&whole, false, 1)
	if err != nil {
		return nil, refusal(err)
	}
	if err := complete(&whole, after); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(after.String(), before.String()) {
		return f.plainAnswer(m)
	}
	list := f.tokens.segments(after.From(len(before.String())))
	if written := f.tokens.segments(before); len(list) > 0 && len(written) > 0 && written[len(written)-1].Control == "" {
		list[0].Bare = true // it continues the prompt's text
	}
	end := slices.IndexFunc(list, func(s prompt.Segment) bool { return s.Control != "" && f.ends(s.Control) })
	if end >= 0 {
		return list[:end+1], nil
	}
	return f.end(list), nil
}

// plainAnswer is the answer of a template that writes earlier answers in another way than
// the model does: without their thoughts, say.
func (f *Format) plainAnswer(m engine.Message) ([]prompt.Segment, error) {
	thinks := slices.ContainsFunc(m.Content, func(c engine.Chunk) bool { return c.Type == engine.ThinkingChunk })
	if len(m.ToolCalls) > 0 || thinks {
		return nil, unsupported("the model's chat template does not show how the model writes tool calls and thoughts", "Use a model of Mistral, or leave such messages out.")
	}
	return f.end([]prompt.Segment{{Text: m.Content.Plain()}}), nil
}

// ends reports whether a control token ends an answer.
func (f *Format) ends(name string) bool {
	return slices.Contains(f.stops, name) || name == f.source.EOS
}

// end adds the token that ends an answer, if the model has one.
func (f *Format) end(list []prompt.Segment) []prompt.Segment {
	for _, name := range append(slices.Clone(f.stops), f.source.EOS) {
		if name != "" {
			return append(list, prompt.Segment{Control: name})
		}
	}
	return list
}
