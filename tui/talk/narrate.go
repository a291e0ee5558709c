package talk

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/units"
)

// A narration has what was printed about a conversation, so that only changes are printed.
type narration struct {
	say       func(string)
	subject   string
	announced string // where messages go
	selected  int
	searched  string // what was searched for
	unfolded  bool   // of the selected message
	edited    int    // the message in the composer
	written   string
	attached  string
	chat      *past.ID
	turn      *turn
	parts     int    // printed
	phase     string // the last printed one
	inCode    bool
	ended     bool
}

// Narrate prints the changes in the conversation. See [kit.Narrator].
func (c *Conversation) Narrate(before any, say func(string)) (now any) {
	n, ok := before.(*narration)
	if !ok {
		n = &narration{selected: -1, edited: -1}
	}
	n.say = say
	n.describe(c)
	return n
}

// EnterLine adds a line to the message and sends it, unless the line ends with a
// backslash. A command is run at once, and the draft stays.
func (c *Conversation) EnterLine(line string) kit.Outcome {
	c.byLine = true
	command, args, err := kit.FindCommand(line, c.composer.commands())
	switch {
	case err != nil:
		c.notify.Error(err)
		return kit.Handled(nil)
	case command != nil:
		return command.Run(args)
	case strings.TrimSpace(line) == "" && c.composer.message().empty():
		return kit.Ignored()
	case strings.HasSuffix(line, `\`):
		c.composer.Insert(strings.TrimSuffix(line, `\`) + "\n")
		c.entered = c.composer.Text
		return kit.Handled(nil)
	}
	if c.edited >= 0 {
		c.composer.SetText("")
	}
	c.transcript.selectTurn(-1)
	c.find.close()
	c.composer.popup = nil
	c.composer.Insert(line)
	return c.sendWritten()
}

// describe prints the changes in the conversation.
func (n *narration) describe(c *Conversation) {
	// The mark of a server is said in words.
	unmarked := func(text string) string { return strings.ReplaceAll(text, library.RemoteMark+" ", "") }
	if subject := unmarked(ansi.Strip(c.Subject())); c.model != nil && c.model.State != engines.Loading && subject != n.subject {
		n.subject = subject
		n.say(kit.Sentence(subject))
	}
	if text := unmarked(c.engines.Announcement(c.model, "Your messages go")); text != n.announced {
		n.announced = text
		if text != "" {
			n.say(text)
		}
	}
	if c.saved != n.chat {
		n.chat, n.turn = c.saved, nil
		if turns := c.transcript.turns; len(turns) > 0 && !c.busy() {
			n.describeOpened(c)
		}
	}
	n.describeFound(c)
	if i := c.transcript.selected; i != n.selected {
		n.selected = i
		if i >= 0 {
			t := c.transcript.turns[i]
			n.say(fmt.Sprintf("Message %d of %d, %s: %s", i+1, len(c.transcript.turns), authorOf(c, t), kit.Truncate(kit.OneLine(t.plainText()), 200)))
			n.unfolded = t.unfolded
			n.say("Actions: /" + strings.Join(kit.Actions(c.selectedHints(t)), ", /") + ".")
		}
	}
	if i := n.selected; i >= 0 && c.transcript.turns[i].unfolded != n.unfolded {
		n.unfolded = !n.unfolded
		if thinking := c.transcript.turns[i].thinking.String(); n.unfolded && thinking != "" {
			n.say("Thinking: " + thinking)
		}
	}
	if attached := c.composer.describeAttached(); attached != n.attached {
		n.attached = attached
		if attached != "" {
			n.say("Attached: " + attached + ".")
		}
	}
	if text := c.composer.Text; text != n.written {
		n.written = text
		if text != "" && text != c.entered && c.edited < 0 {
			n.say("Draft: " + text + "\nAn empty line sends it; other lines are added.")
		}
	}
	if c.edited != n.edited {
		n.edited = c.edited
		if c.edited >= 0 {
			n.say("Editing: " + c.composer.Text + "\nA line replaces it, as another version. /back cancels.")
		}
	}
	if t := c.last(); t != nil && t.role == engine.Assistant {
		n.describeAnswer(c, t)
	}
}

// maxMatches is how many matches are printed.
const maxMatches = 20

// describeFound prints the matches of a search.
func (n *narration) describeFound(c *Conversation) {
	searched := ""
	if f := c.find; f.active {
		searched = fmt.Sprintf("Search for %q: %d found", kit.OneLine(f.Text), len(f.hits))
	}
	if searched == n.searched {
		return
	}
	n.searched = searched
	switch f := c.find; {
	case searched == "":
	case strings.TrimSpace(f.Text) == "":
		n.say("/find TEXT searches this conversation.")
	default:
		n.say(searched + ".")
		for _, h := range f.hits[:min(len(f.hits), maxMatches)] {
			row := ansi.Strip(c.transcript.rows(position{turn: h.turn, part: h.part})[h.spans[0].Row])
			n.say(fmt.Sprintf("Message %d, %s: %s", h.turn+1, authorOf(c, c.transcript.turns[h.turn]), strings.TrimSpace(row)))
		}
		if rest := len(f.hits) - maxMatches; rest > 0 {
			n.say(fmt.Sprintf("And %d more.", rest))
		}
		if len(f.hits) > 0 {
			n.say("/message NUMBER selects a message.")
		}
	}
}

// describeOpened prints the last question of a conversation that was opened; describeAnswer
// prints its answer.
func (n *narration) describeOpened(c *Conversation) {
	turns := c.transcript.turns
	n.say(fmt.Sprintf("A conversation with %s. The last:", units.Plural(len(turns), "message")))
	for _, t := range turns[max(0, len(turns)-2):] {
		if t.role == engine.User {
			n.say("You: " + t.plainText())
		}
	}
}

func authorOf(c *Conversation, t *turn) string {
	if t.role == engine.User {
		return "yours"
	}
	if t.measured.Model != "" {
		return kit.OneLine(t.measured.Model)
	}
	return c.model.Name()
}

// describeAnswer prints what is new in an answer.
func (n *narration) describeAnswer(c *Conversation, t *turn) {
	if t != n.turn {
		n.turn, n.parts, n.phase, n.inCode, n.ended = t, 0, "", false, false
		if t.state == answering {
			n.say(authorOf(c, t) + " is answering.")
		}
	}
	if t.state == answering {
		if n.ended { // it is continued
			n.ended, n.parts = false, max(0, len(t.article.parts))
		}
		n.describeProgress(t)
	}
	for ; n.parts < len(t.article.parts); n.parts++ {
		n.describePart(c.look.Theme, t.article.parts[n.parts])
	}
	if t.state == answering || n.ended {
		return
	}
	n.ended = true
	n.endCode()
	for i := range t.calls {
		n.say("Calls " + drawCall(c.look.Theme, t.calls[i], kit.MaxColumns))
	}
	n.describeEnd(c, t)
}

// describeProgress prints each phase before the answer once.
func (n *narration) describeProgress(t *turn) {
	phase := ""
	switch t.waiting.Phase {
	case progress.Starting:
		phase = "Starting the model."
	case progress.Loading:
		phase = "Loading the model."
	case progress.Queued:
		phase = fmt.Sprintf("Waiting for %s.", units.Plural(t.waiting.Prefill.Queued, "request"))
	case progress.Prefilling:
		if t.waiting.Prefill.Total == 0 {
			return
		}
		phase = fmt.Sprintf("Prefill of %s tokens.", units.Count(t.waiting.Prefill.Total))
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

// describePart prints a finished block; lines before and after mark code.
func (n *narration) describePart(th *kit.Theme, p *part) {
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

// describeEnd prints how the answer ended.
func (n *narration) describeEnd(c *Conversation, t *turn) {
	switch {
	case t.state == failed:
		msg, advice := kit.Explain(t.err)
		n.say("Error: " + strings.TrimSpace(msg+" "+advice))
		keys := "/again answers again, /edit changes the message, "
		if i := c.lastQuestion(); i >= 0 && len(c.transcript.turns[i].attached) > 0 {
			keys += "/without asks it without attachments, "
		}
		n.say(keys + "/model switches the model.")
		return
	case t.state == stopped:
		n.say("Stopped. /continue continues, /again answers again.")
		return
	case t.canContinue():
		n.say("The answer is cut off. /continue continues it.")
	case chat.CutOff(t.measured.Finish, 0) != "":
		n.say("The answer is " + chat.CutOff(t.measured.Finish, 0) + ".")
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
	if out := t.measured.LeftOut; out.Messages > 0 {
		end += " " + chat.LeftOut(out) + "."
	}
	n.say(end)
}
