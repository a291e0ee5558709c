package talk

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/past"
)

// count counts an attachment's tokens.
func (a attachment) count(ctx context.Context, c engines.Counter) (tokens int, estimated bool) {
	if a.image != nil {
		return c.Image(ctx, a.image.Width, a.image.Height), false
	}
	if a.Audio != nil {
		return c.Audio(ctx, a.Audio.URL), false
	}
	return c.Text(ctx, a.Text)
}

// attachmentsCounted has the tokens of attachments for a model.
type attachmentsCounted struct {
	model  *engines.Model
	counts map[*tokenCount]tokenCount
}

// count is a command that counts the tokens of the attachments that the model has not counted.
func (c *composer) count() tea.Cmd {
	if c.contextLength() == 0 {
		return nil
	}
	var list []attachment
	for _, a := range c.attached {
		if a.size.model != c.model {
			*a.size = tokenCount{model: c.model}
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return nil
	}
	ctx, counter, m := c.tasks.Context(), c.model.Counter(), c.model
	return func() tea.Msg {
		msg := attachmentsCounted{m, map[*tokenCount]tokenCount{}}
		for _, a := range list {
			n, estimated := a.count(ctx, counter)
			msg.counts[a.size] = tokenCount{m, n, estimated}
		}
		return msg
	}
}

// count is a command that counts what is not counted yet.
func (c *Conversation) count() tea.Cmd {
	if c.asked != (askedMark{}) && c.composer.misfit() == "" {
		c.asked = askedMark{}
		c.notify.Solved(misfitCause)
	}
	return tea.Batch(c.composer.count(), c.countTurns())
}

// take sets the counts, unless another model counts meanwhile.
func (msg attachmentsCounted) take() {
	for to, n := range msg.counts {
		if to.model == msg.model {
			*to = n
		}
	}
}

// tokens returns the tokens of the attachments, as far as they are known.
func (c *composer) tokens() int {
	sum := 0
	for _, a := range c.attached {
		sum += a.size.of(c.model)
	}
	return sum
}

// thinkingCounted has the number of tokens in the model's thinking.
type thinkingCounted struct {
	of     *past.ID // the answer
	tokens int
}

// countThinking counts the tokens of the model's thinking.
func (c *Conversation) countThinking(t *turn) tea.Cmd {
	if t.thinking.Len() == 0 {
		return nil
	}
	ctx, counter, text, of := c.tasks.Context(), c.model.Counter(), t.thinking.String(), t.saved
	return func() tea.Msg {
		n, _ := counter.Text(ctx, text)
		return thinkingCounted{of, n}
	}
}

// A countedMark identifies what is on the screen, for its number of tokens.
type countedMark struct {
	last   *turn
	length int // of its text
	turns  int
	system string
	model  *engines.Model
}

// turnsCounted has the tokens of the turns on the screen.
type turnsCounted struct {
	mode   string
	mark   countedMark
	tokens int
}

// countTurns is a command that counts the tokens of the conversation, where the last answer does
// not say them: it was stopped, or another model wrote it.
func (c *Conversation) countTurns() tea.Cmd {
	t := c.last()
	if c.busy() || t == nil || c.composer.contextLength() == 0 || c.model.Server != "" || c.measures(t) {
		return nil
	}
	mark := c.mark(t)
	if c.counted.mark == mark {
		return nil
	}
	c.counted = turnsCounted{c.mode, mark, 0}
	r := c.requestOf(c.transcript.turns)
	n := len(r.Messages)
	if n == 0 {
		return nil
	}
	r.Messages[n-1].Prefix = r.Messages[n-1].Role == engine.Assistant
	ctx, e, msg := c.tasks.Context(), c.model.Engine, c.counted
	return func() tea.Msg {
		tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Chat: &r})
		if err == nil {
			msg.tokens = len(tokens.IDs)
		}
		return msg
	}
}

func (c *Conversation) mark(t *turn) countedMark {
	return countedMark{t, t.text.Len() + t.thinking.Len(), len(c.transcript.turns), c.system, c.model}
}

// measures reports whether an answer says how many tokens the model has seen up to its end.
func (c *Conversation) measures(t *turn) bool {
	if t.measured.Usage.TotalTokens == 0 || c.model == nil {
		return false
	}
	return t.by == c.model || t.by == nil && t.measured.Model == c.model.Name()
}

// used returns the tokens of the conversation on the screen, and the context length. 0 means
// unknown.
func (c *Conversation) used() (used, total int) {
	if c.model != nil {
		total = c.model.Info.ContextLength
	}
	switch t := c.last(); {
	case t == nil:
	case t.state == answering && t.waiting.Prefill.Total > 0:
		used = t.waiting.Prefill.Total + t.pieces
	case c.measures(t):
		used = t.measured.Usage.TotalTokens
	case c.counted.mark == c.mark(t):
		used = c.counted.tokens
	}
	return used, total
}
