package talk

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// A narration is what a conversation has said of itself in lines, so that only
// what is new is said.
type narration struct {
	say      func(string)
	subject  string
	selected int
	unfolded bool // the selected message
	edited   int  // the message that is being edited
	written  string
	chat     *savedID
	turn     *turn
	parts    int    // of the turn
	phase    string // what the answer waits for
	inCode   bool
	ended    bool
}

// Narrate says what is new in the conversation. See [kit.Narrator].
func (c *Conversation) Narrate(before any, say func(string)) (now any) {
	n, ok := before.(*narration)
	if !ok {
		n = &narration{selected: -1, edited: -1}
	}
	n.say = say
	n.tellConversation(c)
	return n
}

// EnterLine adds a line to the message and sends it, unless the line ends with a
// backslash.
func (c *Conversation) EnterLine(line string) kit.Outcome {
	switch {
	case strings.TrimSpace(line) == "" && c.composer.message().empty():
		return kit.Ignored()
	case strings.HasSuffix(line, `\`):
		c.composer.Insert(strings.TrimSuffix(line, `\`) + "\n")
		c.heard = c.composer.Text
		return kit.Handled(nil)
	}
	if c.edited >= 0 {
		c.composer.SetText("")
	}
	c.transcript.selectTurn(-1)
	c.composer.popup = nil
	c.composer.Insert(line)
	return c.sendWritten()
}

// tellConversation tells what came in the conversation.
func (n *narration) tellConversation(c *Conversation) {
	if subject := ansi.Strip(c.Subject()); c.model != nil && c.model.State != engines.Loading && subject != n.subject {
		n.subject = subject
		n.say(kit.Sentence(subject))
	}
	if c.saved != n.chat {
		n.chat, n.turn = c.saved, nil
		if turns := c.transcript.turns; len(turns) > 0 && !c.busy() {
			n.resumed(c)
		}
	}
	if i := c.transcript.selected; i != n.selected {
		n.selected = i
		if i >= 0 {
			t := c.transcript.turns[i]
			n.say(fmt.Sprintf("Message %d of %d, %s: %s", i+1, len(c.transcript.turns), who(c, t), kit.Truncate(kit.OneLine(t.plainText()), 200)))
			n.unfolded = t.unfolded
			n.say("With it: /" + strings.Join(kit.Actions(c.selectedHints(t)), ", /") + ".")
		}
	}
	if i := n.selected; i >= 0 && c.transcript.turns[i].unfolded != n.unfolded {
		n.unfolded = !n.unfolded
		if thinking := c.transcript.turns[i].thinking.String(); n.unfolded && thinking != "" {
			n.say("What it thought: " + thinking)
		}
	}
	if text := c.composer.Text; text != n.written {
		n.written = text
		if text != "" && text != c.heard && c.edited < 0 {
			n.say("Written: " + text + "\nAn empty line sends it, others are added.")
		}
	}
	if c.edited != n.edited {
		n.edited = c.edited
		if c.edited >= 0 {
			n.say("It says: " + c.composer.Text + "\nA line takes its place, as another version. /back leaves it.")
		}
	}
	if t := c.last(); t != nil && t.role == engine.Assistant {
		n.tellAnswer(c, t)
	}
}

// resumed tells a conversation that was opened: its last question and answer.
func (n *narration) resumed(c *Conversation) {
	turns := c.transcript.turns
	n.say(fmt.Sprintf("A conversation of %s. The last:", units.Plural(len(turns), "message")))
	for _, t := range turns[max(0, len(turns)-2):] {
		if t.role == engine.User {
			n.say("You: " + t.plainText())
		}
	}
}

func who(c *Conversation, t *turn) string {
	if t.role == engine.User {
		return "yours"
	}
	if t.measured.Model != "" {
		return kit.OneLine(t.measured.Model)
	}
	return c.model.Name()
}

// tellAnswer tells what has come of an answer since the last time.
func (n *narration) tellAnswer(c *Conversation, t *turn) {
	if t != n.turn {
		n.turn, n.parts, n.phase, n.inCode, n.ended = t, 0, "", false, false
		if t.state == answering {
			n.say(who(c, t) + " is answering.")
		}
	}
	if t.state == answering {
		if n.ended { // it is continued
			n.ended, n.parts = false, max(0, len(t.article.parts))
		}
		n.tellWaiting(t)
	}
	for ; n.parts < len(t.article.parts); n.parts++ {
		n.tellPart(c.look.Theme, t.article.parts[n.parts])
	}
	if t.state == answering || n.ended {
		return
	}
	n.ended = true
	n.endCode()
	for i := range t.calls {
		n.say("Calls " + drawCall(c.look.Theme, t.calls[i], kit.MaxColumns))
	}
	n.tellEnd(c, t)
}

// tellWaiting tells once what is waited for.
func (n *narration) tellWaiting(t *turn) {
	phase := ""
	switch t.waits.Phase {
	case engines.Starting:
		phase = "Starting the model."
	case engines.LoadingModel:
		phase = "Loading the model."
	case engines.Queued:
		phase = fmt.Sprintf("Waiting for %s before this one.", units.Plural(t.waits.Progress.Queued, "request"))
	case engines.Prefilling:
		if t.waits.Progress.Total == 0 {
			return
		}
		phase = fmt.Sprintf("Reading %s tokens.", units.Count(t.waits.Progress.Total))
	default:
		if t.thinking.Len() > 0 && t.text.Len() == 0 {
			phase = "Thinking."
		}
	}
	if phase != "" && phase != n.phase {
		n.phase = phase
		n.say(phase)
	}
}

// tellPart tells a finished block: code as it is, between two lines that say so.
func (n *narration) tellPart(th *kit.Theme, p *part) {
	if language, source, ok := markdown.Code(p.block); ok {
		if !p.joined {
			n.endCode()
			if language == "" {
				language = "no language"
			}
			n.say(fmt.Sprintf("Code, %s, %s:", language, units.Plural(kit.LineCount(source), "line")))
		}
		n.inCode = true
		n.say(source)
		return
	}
	n.endCode()
	for _, line := range p.draw(th, kit.MaxColumns) {
		if text := strings.TrimSpace(ansi.Strip(line)); strings.Trim(text, "─│ ") != "" {
			n.say(text)
		}
	}
}

func (n *narration) endCode() {
	if n.inCode {
		n.say("End of code.")
	}
	n.inCode = false
}

// tellEnd tells how the answer ended.
func (n *narration) tellEnd(c *Conversation, t *turn) {
	switch {
	case t.state == failed:
		msg, advice := kit.Explain(t.err)
		n.say("Error: " + strings.TrimSpace(msg+" "+advice))
		n.say("/again answers again, /model takes another model.")
		return
	case t.state == stopped:
		n.say("Stopped. /continue goes on, /again answers again.")
		return
	case t.canContinue():
		n.say("The answer is cut off. /continue goes on.")
	}
	end := "Answer ends."
	if tokens := t.measured.Usage.CompletionTokens; tokens > 0 {
		end += " " + units.Plural(tokens, "token")
		if rate := t.measured.Timings.DecodeRate(); rate > 0 {
			end += fmt.Sprintf(", %.0f per second", rate)
		}
		end += "."
	}
	if used, total := c.used(); used > 0 && total > 0 {
		end += fmt.Sprintf(" Context %.0f percent used.", float64(used)/float64(total)*100)
	}
	if out := t.measured.LeftOut.Messages; out > 0 {
		end += fmt.Sprintf(" %s not in the model's view.", units.Plural(out, "earlier message"))
	}
	n.say(end)
}
