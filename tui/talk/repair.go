package talk

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// unanswered reports whether the turn is an answer that failed before its first word.
func (t *turn) unanswered() bool {
	return t.role == engine.Assistant && t.state == failed && t.text.Len() == 0 && len(t.calls) == 0
}

// hasImages reports whether the turn has an image, or audio.
func (t *turn) hasImages() bool {
	return slices.ContainsFunc(t.content, func(k engine.Chunk) bool { return k.Type == engine.ImageChunk || k.Type == engine.AudioChunk })
}

// hasEarlierImages reports whether a message before the last question has an image.
func (c *Conversation) hasEarlierImages() bool {
	turns := c.transcript.turns
	last := c.lastQuestion()
	return last > 0 && slices.ContainsFunc(turns[:last], (*turn).hasImages)
}

// lastQuestion returns the index of the user's last message, or -1.
func (c *Conversation) lastQuestion() int {
	for i, t := range slices.Backward(c.transcript.turns) {
		if t.role == engine.User {
			return i
		}
	}
	return -1
}

// editLast loads the user's last message into the composer.
func (c *Conversation) editLast() tea.Cmd { return c.editMessage(len(c.transcript.turns) - 1) }

// withoutAttachments asks the last question again without its attachments. If it has none, the
// images of the earlier messages are left out.
func (c *Conversation) withoutAttachments() tea.Cmd {
	i := c.lastQuestion()
	if c.busy() || i < 0 {
		return nil
	}
	q := c.transcript.turns[i]
	if len(q.attached) == 0 {
		c.hideImages = c.ref
		return c.regenerate(i)
	}
	m := draftMessage{text: q.plainText()}
	if m.empty() {
		c.notify.Info("the message has only attachments: write a question first")
		return c.editMessage(i)
	}
	if c.edited < 0 {
		c.beforeEdit = c.composer.message()
	}
	c.edited = i
	c.composer.clear()
	return c.ask(m)
}

// repairs returns the keys that may help after an answer failed.
func (c *Conversation) repairs(t *turn) string {
	k := c.look.Keys
	var list []kit.Hint
	if t.text.Len() > 0 {
		list = append(list, kit.Hint{Binding: k.Continue, Words: "continue"})
	}
	list = append(list, kit.Hint{Binding: k.Regenerate, Words: "answer again"})
	if i := c.lastQuestion(); i >= 0 && t == c.last() {
		switch {
		case len(c.transcript.turns[i].attached) > 0:
			list = append(list, kit.Hint{Binding: k.Without, Words: "without attachments"})
		case c.hasEarlierImages():
			list = append(list, kit.Hint{Binding: k.Without, Words: "without earlier images"})
		}
		list = append(list, kit.Hint{Binding: k.EditLast, Words: "edit"})
	}
	list = append(list, kit.Hint{Binding: k.Models, Words: "another model"})
	return kit.JoinHints(list, 1000)
}

// fitsNow reports whether the context has become long enough for a question that did not fit.
func (c *Conversation) fitsNow() bool {
	t := c.last()
	if c.busy() || t == nil || !t.unanswered() {
		return false
	}
	limit := engine.OverflowOf(t.err).Limit
	return limit > 0 && c.composer.contextLength() > limit
}

// fitRequest replaces the images and the audio of earlier messages by words, if the model cannot
// take them.
func (c *Conversation) fitRequest(t *turn, r engine.ChatRequest) engine.ChatRequest {
	can := c.model.Info.Can
	switch {
	case c.hideImages != "" && c.hideImages == c.ref:
		can = engine.Capabilities{}
	case c.model.Info.Architecture == "":
		return r
	}
	r, t.hidden = vision.HideEarlier(r, can)
	return r
}

// An askedMark identifies a message that the user was warned about, and the model.
type askedMark struct {
	draftMark
	model *engines.Model
}

const misfitCause = "a message that cannot be answered"

// warns warns once about a message that cannot be answered. It returns false if the message may
// be sent.
func (c *Conversation) warns(m draftMessage) bool {
	why := c.composer.misfit()
	mark := askedMark{draftMark{m.text, len(m.attached)}, c.model}
	if why == "" {
		return false
	}
	if c.asked == mark {
		c.notify.Solved(misfitCause) // it is sent in spite of the warning
		return false
	}
	c.asked = mark
	if c.byLine {
		c.notify(kit.Notice{Text: why + ". An empty line sends it, /detach drops the last attachment, /model switches the model.", Stays: true, Cause: misfitCause})
		return true
	}
	k := c.look.Keys
	hints := []kit.Hint{{Binding: k.Send, Words: "again sends it"}, {Binding: k.Detach, Words: "drops it"}, {Binding: k.Models, Words: "another model"}}
	if len(m.attached) == 0 {
		hints = slices.Delete(hints, 1, 2)
	}
	c.notify(kit.Notice{Text: why + ": " + kit.JoinHints(hints, 1000), Stays: true, Cause: misfitCause})
	return true
}

// describeAttached describes the attachments in words.
func (c *composer) describeAttached() string {
	var list []string
	misfits := c.misfits()
	for i, a := range c.attached {
		about := a.about
		if n := a.size.of(c.model); n > 0 {
			about = units.Count(n) + " tokens"
		}
		if misfits[i] != "" {
			about += ", " + misfits[i]
		}
		list = append(list, a.name()+", "+about)
	}
	return strings.Join(list, "; ")
}

// misfits reports for each attachment why the model cannot take it: "" if it can, or if that is
// not known.
func (c *composer) misfits() []string {
	list := make([]string, len(c.attached))
	limit := c.contextLength()
	sum := 0
	for i, a := range c.attached {
		if a.image != nil && limit > 0 && vision.Check(c.model.Info) != nil {
			list[i] = "this model has no vision"
			continue
		}
		if a.Audio != nil && limit > 0 && vision.CheckAudio(c.model.Info) != nil {
			list[i] = "this model cannot hear"
			continue
		}
		if a.image != nil && c.shrinksImages {
			continue
		}
		n := a.size.of(c.model)
		if sum += n; limit > 0 && n > 0 && sum > limit {
			list[i] = "too long"
		}
	}
	return list
}

// contextLength returns the tokens that a request can have at most, 0 if they are unknown.
func (c *composer) contextLength() int {
	if c.model == nil || c.model.State != engines.Ready {
		return 0
	}
	return c.model.Info.ContextLength
}

// misfit says why the model cannot answer the message, or "".
func (c *composer) misfit() string {
	limit := c.contextLength()
	misfits := c.misfits()
	for i, why := range misfits {
		if name := c.attached[i].name(); strings.HasPrefix(why, "this") {
			return fmt.Sprintf("%s cannot see %s", c.model.Name(), name)
		}
	}
	tokens, about := c.tokens(), ""
	estimated := 0                 // bytes of which no count is known
	if len(c.Text) > pastedBytes { // such as a text from the editor
		estimated += len(c.Text)
	}
	for _, a := range c.attached {
		if a.size.of(c.model) == 0 {
			estimated += len(a.Text)
		}
	}
	if estimated > 0 {
		tokens += engine.EstimateTokens(estimated)
		about = "about "
	}
	if limit == 0 || tokens <= limit || c.shrinksImages && !slices.Contains(misfits, "too long") && estimated == 0 {
		return ""
	}
	return fmt.Sprintf("The message has %s%s tokens and the context holds %s", about, units.Count(tokens), units.Count(limit))
}
