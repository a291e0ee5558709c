package talk

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/math"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Math is the mode for mathematics: a conversation whose answers are worked
// solutions, each with its final answer and how far that can be relied on below it.
// With votes several solutions are written at once, of which the leading one is
// shown.
type Math struct {
	*Chat
	votes   int
	session *math.Session // of the answer on its way, or of the last one
	leading int           // the solution that its turn shows
}

func NewMath(o Options) *Math {
	m := &Math{Chat: &Chat{newConversation(o, "math", "A problem. /votes asks for several solutions")}, votes: 1}
	m.handler = m
	own := m.composer.commands
	m.composer.commands = func() []kit.Command { return append([]kit.Command{m.votesCommand()}, own()...) }
	return m
}

func (m *Math) Commands() []kit.Command {
	return append([]kit.Command{m.votesCommand()}, m.Chat.Commands()...)
}

// votesCommand says how many solutions are written.
func (m *Math) votesCommand() kit.Command {
	return kit.Command{Name: "votes", Args: "N", Help: "write N solutions and take the answer that most agree on", Run: func(args string) kit.Outcome {
		n, err := strconv.Atoi(strings.TrimSpace(args))
		if err != nil || n < 1 || n > math.MaxVotes {
			m.notify.Say(fmt.Sprintf("votes are from 1 to %d", math.MaxVotes))
			return kit.Handled(nil)
		}
		m.votes = n
		m.notify.Say("the next problem gets " + units.Plural(n, "solution"))
		return kit.Handled(nil)
	}}
}

func (m *Math) Subject() string {
	s := m.Chat.Subject()
	if m.votes > 1 && s != "" {
		s += m.look.Theme.Muted.Render(fmt.Sprintf(" · %d votes", m.votes))
	}
	return s
}

// Footer says how the votes stand as long as they are counted.
func (m *Math) Footer() kit.Footer {
	f := m.Chat.Footer()
	if s := m.session; m.busy() && s != nil && len(s.Solutions) > 1 {
		f.Left = fmt.Sprintf("%d of %d solved", s.Tally.Counted(), len(s.Solutions))
		for _, g := range s.Tally.Groups() {
			f.Left += " · " + fmt.Sprintf("%s ×%d", kit.OneLine(g.Answer.Text), len(g.Choices))
		}
		f.Left = kit.Truncate(f.Left, max(10, m.width-20))
	}
	return f
}

// prepare asks for solutions to the last message in place of an answer to it.
func (m *Math) prepare(e engine.Engine, r engine.ChatRequest, kept func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event)) {
	last := len(r.Messages) - 1
	p := math.Problem{Text: r.Messages[last].Content.Plain(), Votes: m.votes, Sampling: r.Sampling, Before: r.Messages[:last]}
	for _, k := range r.Messages[last].Content {
		if k.Type != engine.TextChunk {
			p.Images = append(p.Images, k)
		}
	}
	asked := p.Request()
	// Two sessions: one belongs to the interface, one to who reads the events.
	m.session, m.leading = math.NewSession(p), 0
	read := math.NewSession(p)
	return decidingEngine{e, read}, asked, recorded(read, kept)
}

// decidingEngine is an engine that stops writing solutions when the answer is certain.
type decidingEngine struct {
	engine.Engine
	session *math.Session
}

func (d decidingEngine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return d.session.Follow(d.Engine.Chat(ctx, r))
}

// recorded gives the history one answer of a session that follows the same events:
// the only solution as it is written, the leading one of several when it is known;
// and the summary of them.
func recorded(s *math.Session, kept func(engine.Event)) func(engine.Event) {
	return func(event engine.Event) {
		if event == nil {
			if text := ending(s, len(s.Solutions) > 1); text != "" {
				kept(engine.TextDelta{Text: text})
			}
			kept(nil)
			return
		}
		if len(s.Solutions) == 1 || !ofChoice(event) {
			kept(event)
		}
	}
}

// ofChoice reports whether an event belongs to one of several solutions.
func ofChoice(event engine.Event) bool {
	switch event.(type) {
	case engine.TextDelta, engine.ThinkingDelta, engine.ToolCallDelta, engine.Finish:
		return true
	}
	return false
}

// ending is what an answer ends with: the solution, where it was not told as it
// came, and the summary.
func ending(s *math.Session, whole bool) string {
	r := s.Result()
	text := ""
	if whole {
		text = r.Solution.Text
	}
	if r.Votes > 0 {
		text += "\n\n" + r.Summary()
	}
	return text
}

// event shows the leading solution.
func (m *Math) event(t *turn, event engine.Event, now time.Time) {
	m.session.Add(event)
	if len(m.session.Solutions) == 1 || !ofChoice(event) {
		t.take(event, now)
		return
	}
	if e, ok := event.(engine.TextDelta); ok && e.Choice == m.leading && m.session.Leading() == m.leading {
		t.take(event, now)
		return
	}
	if lead := m.session.Leading(); lead != m.leading {
		m.leading = lead
		t.replaceText(m.session.Solutions[lead].Text)
	}
}

// finish puts the summary below the solution.
func (m *Math) finish(t *turn, now time.Time) {
	if len(m.session.Solutions) > 1 {
		t.replaceText(ending(m.session, true))
	} else if text := ending(m.session, false); text != "" {
		t.take(engine.TextDelta{Text: text}, now)
	}
}
