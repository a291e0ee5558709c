package talk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/units"
)

// A turn is a message as the transcript shows it.
type turn struct {
	look            *kit.Look
	images          *images.Cache
	saved           *past.ID
	role            engine.Role
	content         engine.Content // the user's message
	attached        []history.Attachment
	versions        []*past.ID            // alternatives, oldest first, this one included
	attachedImages  map[int]*images.Image // by chunk
	imagesElsewhere bool                  // shown beside the conversation
	unfolded        bool
	leftOut         *engine.LeftOut // not nil: the context starts at this turn
	setup           string          // of the conversation; only in the first turn

	// Of an answer.
	begun          bool // in the history, or soon
	thinking       strings.Builder
	thinkingTime   time.Duration // 0: unknown
	thinkingTokens int           // 0: not counted
	pieces         int           // that have arrived: about as many as tokens
	calls          []engine.ToolCall
	text           strings.Builder
	article        markdownParts
	state          turnState
	waiting        progress.Progress
	err            error
	repairs        string         // the keys that may help after an error
	by             *engines.Model // nil: in an earlier session
	hidden         int            // earlier images that the model cannot see
	measured       history.Measured

	parts []*part
}

type turnState int

const (
	complete turnState = iota
	answering
	stopped // by the user, or the process ended
	failed  // see err
)

// newQuestion returns a turn of the user.
func newQuestion(look *kit.Look, g *images.Cache, content engine.Content, attached []history.Attachment) *turn {
	t := &turn{look: look, images: g, role: engine.User, saved: new(past.ID), content: content, attached: attached}
	t.findImages()
	t.refresh()
	return t
}

// newAnswer returns an empty turn of the model.
func newAnswer(look *kit.Look, model string) *turn {
	t := &turn{look: look, role: engine.Assistant, saved: new(past.ID), state: answering, unfolded: look.Settings.Thinking}
	t.measured.Model = model
	t.refresh()
	return t
}

// readTurn returns the turn of a message in the history.
func readTurn(look *kit.Look, g *images.Cache, m history.Message) *turn {
	t := &turn{look: look, images: g, role: m.Role, saved: past.NewID(m.ID), attached: m.Attached, measured: m.Measured, calls: m.ToolCalls}
	switch {
	case m.Measured.Error != "":
		t.state, t.err = failed, errors.New(m.Measured.Error)
	case m.State != history.Complete:
		t.state = stopped
	}
	if m.Role != engine.Assistant {
		t.content = m.Content
		t.findImages()
		t.refresh()
		return t
	}
	t.unfolded, t.begun = look.Settings.Thinking, true
	for _, k := range m.Content {
		switch {
		case k.Type == engine.ThinkingChunk:
			t.thinking.WriteString(k.Text)
		case k.Type == engine.TextChunk:
			t.text.WriteString(k.Text)
		}
	}
	t.article.add(t.text.String())
	t.article.end()
	t.refresh()
	return t
}

// setVersions sets the versions from the history.
func (t *turn) setVersions(ids []int64) {
	t.versions = nil
	for _, id := range ids {
		s := t.saved
		if id != s.Load() {
			s = past.NewID(id)
		}
		t.versions = append(t.versions, s)
	}
}

// replaceTurn makes t another version of the turn before.
func (t *turn) replaceTurn(before *turn) {
	t.versions = slices.Clone(before.versions)
	switch {
	case before.role == engine.Assistant && !before.begun || before.unanswered():
		t.versions = slices.DeleteFunc(t.versions, func(s *past.ID) bool { return s == before.saved })
	case len(t.versions) == 0:
		t.versions = append(t.versions, before.saved)
	}
	t.versions = append(t.versions, t.saved)
}

// version returns the number of this version, from 1, and how many there are.
func (t *turn) version() (n, of int) {
	return slices.IndexFunc(t.versions, func(s *past.ID) bool { return s == t.saved }) + 1, max(1, len(t.versions))
}

// message returns the turn for a request.
func (t *turn) message() engine.Message {
	if t.role != engine.Assistant {
		return engine.Message{Role: t.role, Content: t.content}
	}
	m := engine.Message{Role: engine.Assistant, ToolCalls: t.calls}
	if t.thinking.Len() > 0 {
		m.Content = append(m.Content, engine.Chunk{Type: engine.ThinkingChunk, Text: t.thinking.String()})
	}
	if t.text.Len() > 0 {
		m.Content = append(m.Content, engine.Text(t.text.String())...)
	}
	return m
}

// plainText returns the text to copy.
func (t *turn) plainText() string {
	if t.role == engine.Assistant {
		return t.text.String()
	}
	var texts []string
	for i, k := range t.content {
		if k.Type == engine.TextChunk && !t.isAttached(i) {
			texts = append(texts, k.Text)
		}
	}
	return strings.Join(texts, "\n\n")
}

func (t *turn) isAttached(chunk int) bool {
	for _, a := range t.attached {
		if a.Chunk == chunk {
			return true
		}
	}
	return false
}

// canContinue reports whether the answer was cut off, so that the model can continue it.
func (t *turn) canContinue() bool {
	if t.role != engine.Assistant || t.text.Len() == 0 {
		return false
	}
	return t.state == stopped || t.state == failed || t.state == complete && t.measured.Finish.IsCutOff()
}

// take adds an event of the answer.
func (t *turn) take(event engine.Event, now time.Time) {
	t.waiting.Observe(event, now)
	switch e := event.(type) {
	case engine.LeftOut:
		t.measured.LeftOut = e
	case engine.ThinkingDelta:
		t.thinking.WriteString(e.Text)
	case engine.TextDelta:
		t.text.WriteString(e.Text)
		t.article.add(e.Text)
	case engine.ToolCallDelta:
		t.calls = append(t.calls, e.Call)
	case engine.Finish:
		t.measured.Finish = e.Reason
	case engine.Done:
		t.measured.Usage, t.measured.Timings = e.Usage, e.Timings
	}
	if took := t.waiting.ThinkingTime(); took > 0 {
		t.thinkingTime = took
	}
}

// replaceText replaces the answer's text.
func (t *turn) replaceText(text string) {
	t.text.Reset()
	t.text.WriteString(text)
	t.article = markdownParts{}
	t.article.add(text)
}

// resume continues an answer that had ended.
func (t *turn) resume() {
	t.state, t.err, t.measured.Error = answering, nil, ""
	t.article = markdownParts{}
	t.article.add(t.text.String())
}

// end ends the answer.
func (t *turn) end(state turnState, err error) {
	t.state, t.err = state, err
	t.article.end()
	t.refresh()
}

// codes returns the parts that have code.
func (t *turn) codes() []*part {
	var list []*part
	for _, p := range t.parts {
		if p.code != nil {
			list = append(list, p)
		}
	}
	return list
}

// refresh updates the parts. Parts that do not change keep their drawings.
func (t *turn) refresh() {
	t.parts = nil
	if t.setup != "" {
		t.parts = append(t.parts, newPart(func(th *kit.Theme, width int) []string { return drawSetup(th, t.setup, t.unfolded, width) }))
	}
	if out := t.leftOut; out != nil {
		t.parts = append(t.parts, newPart(func(th *kit.Theme, width int) []string { return t.drawLeftOut(th, *out, width) }))
	}
	switch t.role {
	case engine.User:
		t.parts = append(t.parts, t.question()...)
		return
	case engine.ToolRole:
		p := newPart(func(th *kit.Theme, width int) []string {
			return []string{th.Muted.Render(kit.Truncate("  → "+kit.OneLine(t.content.Plain()), width))}
		})
		p.joined = true
		t.parts = append(t.parts, p)
		return
	case engine.System:
		return
	}
	if t.hidden > 0 {
		t.parts = append(t.parts, t.remark(vision.HiddenNote(t.hidden)))
	}
	if t.thinking.Len() > 0 {
		t.parts = append(t.parts, newPart(t.drawThinking))
	}
	for i := range t.calls {
		p := newPart(func(th *kit.Theme, width int) []string { return []string{drawCall(th, t.calls[i], width)} })
		p.joined = i > 0
		t.parts = append(t.parts, p)
	}
	t.parts = append(t.parts, t.article.parts...)
	if t.state == answering {
		if p := t.article.growing(); p != nil {
			t.parts = append(t.parts, p)
		} else if t.text.Len() == 0 && t.waiting.Phase != progress.Idle {
			t.parts = append(t.parts, newPart(func(th *kit.Theme, width int) []string {
				return []string{th.Muted.Render(progressLine(t.waiting.Line(), width))}
			}))
		}
		return
	}
	if p := t.ending(); p != nil {
		t.parts = append(t.parts, p)
	}
}

// question returns the parts of a user's message.
func (t *turn) question() []*part {
	var parts []*part
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) {
			continue
		}
		chunk, img := t.content[a.Chunk], t.attachedImages[a.Chunk]
		p := newPart(func(th *kit.Theme, width int) []string {
			if img != nil {
				return t.drawImage(th, a.Name, img, width)
			}
			return drawAttached(th, a.Name, chunk, width)
		})
		p.joined = len(parts) > 0
		parts = append(parts, p)
	}
	if text := t.plainText(); text != "" {
		p := newPart(func(th *kit.Theme, width int) []string { return t.drawQuestion(th, text, width) })
		p.joined = len(parts) > 0
		parts = append(parts, p)
	}
	return parts
}

// foldedLines is how many lines of a long message are shown.
const foldedLines = 16

func (t *turn) drawQuestion(th *kit.Theme, text string, width int) []string {
	const roughly = foldedLines * kit.MaxColumns * 4
	short := text
	if !t.unfolded && len(text) > roughly {
		short = text[:roughly] // the rest is not visible
	}
	lines := kit.WrapMarked(strings.ToValidUTF8(short, ""), width)
	rest := 0
	if !t.unfolded && len(lines) > foldedLines+2 {
		rest = strings.Count(text, "\n") + 1
		lines = lines[:foldedLines]
	}
	for i, line := range lines {
		lines[i] = th.Bold.Render(line)
	}
	if rest > 0 {
		lines = append(lines, th.Muted.Render(fmt.Sprintf("▸ %s in total", units.Plural(rest, "line"))))
	}
	return lines
}

func drawAttached(th *kit.Theme, name string, chunk engine.Chunk, width int) []string {
	what := cmp.Or(kit.OneLine(name), "pasted text")
	if chunk.Type == engine.AudioChunk {
		return []string{th.Muted.Render(kit.Truncate("♪ "+what, width))}
	}
	return []string{th.Muted.Render(kit.Truncate(fmt.Sprintf("▤ %s · %s", what, units.Plural(kit.LineCount(chat.Unfence(chunk.Text)), "line")), width))}
}

func (t *turn) drawThinking(th *kit.Theme, width int) []string {
	mark, what := "▸", "thought"
	if t.unfolded {
		mark = "▾"
	}
	if t.state == answering && t.text.Len() == 0 && len(t.calls) == 0 {
		what = "thinking"
	}
	if t.thinkingTime > 0 {
		what += " for " + units.Duration(t.thinkingTime)
	}
	if t.thinkingTokens > 0 {
		what += fmt.Sprintf(" (%d tokens)", t.thinkingTokens)
	}
	lines := []string{th.Muted.Render(mark + " " + what)}
	if t.unfolded {
		for _, line := range kit.WrapMarked(strings.TrimSpace(t.thinking.String()), max(1, width-2)) {
			lines = append(lines, "  "+th.Muted.Italic(true).Render(line))
		}
	}
	return lines
}

func (t *turn) drawLeftOut(th *kit.Theme, out engine.LeftOut, width int) []string {
	text := "⋯ " + chat.LeftOut(out) + " · " + kit.KeyOr(t.look.Keys.Context, "/context") + " longer context"
	return kit.StyleLines(th.Muted, kit.Wrap(text, width))
}

// ending returns the part that explains how an answer ended and what to do; nil after a normal
// end.
func (t *turn) ending() *part {
	answerAgain := kit.KeyOr(t.look.Keys.Regenerate, "/again") + " answer again"
	continueKey := kit.KeyOr(t.look.Keys.Continue, "/continue") + " continue"
	switch {
	case t.state == failed:
		return newPart(func(th *kit.Theme, width int) []string {
			msg, advice := kit.Explain(t.err)
			lines := kit.StyleLines(th.Alert, kit.Wrap("✗ "+msg, width))
			if advice != "" {
				lines = append(lines, kit.Wrap(advice, width)...)
			}
			if t.unanswered() {
				lines = append(lines, kit.StyleLines(th.Muted, kit.Wrap("The model will not see this question again unless it is answered.", width))...)
			}
			if t.repairs != "" {
				lines = append(lines, kit.StyleLines(th.Muted, kit.Wrap(t.repairs, width))...)
			}
			return lines
		})
	case t.state == stopped && t.text.Len() > 0:
		return t.remark("stopped · " + continueKey)
	case t.state == stopped:
		return t.remark("stopped before any output · " + answerAgain)
	case t.measured.Finish == engine.FinishModelLength:
		return t.remark(chat.CutOff(t.measured.Finish, 0) + " · " + kit.KeyOr(t.look.Keys.Context, "/context") + " longer context")
	case t.measured.Finish == engine.FinishLength:
		return t.remark(chat.CutOff(t.measured.Finish, t.measured.Usage.CompletionTokens) + " · " + continueKey)
	case chat.CutOff(t.measured.Finish, 0) != "":
		return t.remark(chat.CutOff(t.measured.Finish, 0) + " · " + answerAgain)
	case t.text.Len() == 0 && len(t.calls) == 0:
		return t.remark("empty answer · " + answerAgain)
	}
	return nil
}

func (t *turn) remark(text string) *part {
	return newPart(func(th *kit.Theme, width int) []string { return kit.StyleLines(th.Muted, kit.Wrap(text, width)) })
}

func drawCall(th *kit.Theme, c engine.ToolCall, width int) string {
	return th.Muted.Render(kit.Truncate(fmt.Sprintf("▸ %s(%s)", kit.OneLine(c.Function.Name), arguments(string(c.Function.Arguments))), width))
}

// arguments formats the arguments of a call: city: Paris, days: 2.
func arguments(object string) string {
	dec := json.NewDecoder(strings.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return kit.OneLine(object)
	}
	var list []string
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return kit.OneLine(object)
		}
		shown := string(value)
		var text string
		if json.Unmarshal(value, &text) == nil {
			shown = text
		}
		list = append(list, fmt.Sprintf("%s: %s", name, shown))
	}
	return kit.OneLine(strings.Join(list, ", "))
}

func progressLine(l progress.Line, width int) string {
	return kit.ProgressLine(l.Text, l.Share, l.After, width)
}
