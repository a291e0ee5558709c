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
	"github.com/bise-sh/bise/render/latex"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Math is the mode for mathematics. Each answer is a worked solution with its final answer and
// how it was verified. With votes it generates several solutions and shows the leading one.
type Math struct {
	*Chat
	votes   int
	session *math.Session // of the current or the last answer
	leading int           // the solution shown
}

func NewMath(o Options) *Math {
	m := &Math{Chat: &Chat{newConversation(o, "math", "Enter a problem. /votes generates several solutions")}, votes: 1}
	m.handler = m
	m.commands = []kit.Command{m.votesCommand()}
	return m
}

// votesCommand sets the number of solutions.
func (m *Math) votesCommand() kit.Command {
	return kit.Command{Name: "votes", Args: "N", Help: "generate N solutions and choose the most frequent answer", Run: func(args string) kit.Outcome {
		n, err := strconv.Atoi(strings.TrimSpace(args))
		if err != nil || n < 1 || n > math.MaxVotes {
			m.notify.Info(fmt.Sprintf("invalid number of votes: want 1 to %d", math.MaxVotes))
			return kit.Handled(nil)
		}
		m.votes = n
		m.notify.Info(units.Plural(n, "solution") + " for the next problem")
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

// Footer shows the tally while votes are counted.
func (m *Math) Footer() kit.Footer {
	f := m.Chat.Footer()
	if s := m.session; m.busy() && s != nil && len(s.Solutions) > 1 {
		f.Left = kit.Truncate(s.VotesLine(latex.Line), max(10, m.width-20))
	}
	return f
}

// prepare requests solutions to the last message.
func (m *Math) prepare(e engine.Engine, r engine.ChatRequest, record func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event)) {
	last := len(r.Messages) - 1
	p := math.Problem{Text: r.Messages[last].Content.Plain(), Votes: m.votes, Sampling: r.Sampling, Effort: r.ReasoningEffort, Before: r.Messages[:last]}
	for _, k := range r.Messages[last].Content {
		if k.Type != engine.TextChunk {
			p.Images = append(p.Images, k)
		}
	}
	asked := p.Request()
	// Two sessions: one for the interface, one for the goroutine that reads the events.
	m.session, m.leading = math.NewSession(p), 0
	read := math.NewSession(p)
	return votingEngine{e, read}, asked, recordSession(read, record)
}

// votingEngine stops generating solutions when the winner is certain.
type votingEngine struct {
	engine.Engine
	session *math.Session
}

func (d votingEngine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return d.session.Follow(d.Engine.Chat(ctx, r))
}

// recordSession records one answer of a session: the only solution while it grows, or the
// winning one of several at the end; and the summary.
func recordSession(s *math.Session, record func(engine.Event)) func(engine.Event) {
	return func(event engine.Event) {
		if event == nil {
			if text := answerText(s, len(s.Solutions) > 1); text != "" {
				record(engine.TextDelta{Text: text})
			}
			record(nil)
			return
		}
		if len(s.Solutions) == 1 || !hasChoice(event) {
			record(event)
		}
	}
}

// hasChoice reports whether an event belongs to one of several solutions.
func hasChoice(event engine.Event) bool {
	switch event.(type) {
	case engine.TextDelta, engine.ThinkingDelta, engine.ToolCallDelta, engine.Finish:
		return true
	}
	return false
}

// answerText returns the summary, after the solution if whole.
func answerText(s *math.Session, whole bool) string {
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
	if len(m.session.Solutions) == 1 || !hasChoice(event) {
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

// finish adds the summary.
func (m *Math) finish(t *turn, now time.Time) {
	if len(m.session.Solutions) > 1 {
		t.replaceText(answerText(m.session, true))
	} else if text := answerText(m.session, false); text != "" {
		t.take(engine.TextDelta{Text: text}, now)
	}
}
