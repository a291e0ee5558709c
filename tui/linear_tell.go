package tui

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
	"github.com/charmbracelet/x/ansi"
)

// report tells what is new.
func (l *linear) report() {
	if n := len(l.m.dialogs); n > 0 {
		l.tellDialog(l.m.dialogs[n-1])
	} else {
		l.dialog, l.listed = nil, ""
		if c := l.conversation(); c != nil {
			l.tellConversation(c)
		} else {
			l.tellBody(l.m.top())
		}
	}
	if text := l.m.notice.Text; text != l.notice {
		l.notice = text
		if l.m.notice.Key != "" {
			text += " /" + l.m.notice.Word + " takes it back"
		}
		if text != "" {
			l.say(kit.Sentence(text))
		}
	}
}

// tellDialog tells a dialog that was opened, or what changed in it.
func (l *linear) tellDialog(d kit.Dialog) {
	var b strings.Builder
	if p, ok := d.(*kit.Prompt); ok {
		fmt.Fprintf(&b, "%s\nNow it is: %s\nA line takes its place; an empty one goes back.", p.Question, p.Text)
	} else if rows, ok := d.(interface{ rowsOf() *kit.List }); ok {
		b.WriteString(rows.rowsOf().Describe(kit.Actions(d.Bindings())))
	} else {
		lines, _ := d.View()
		for _, line := range lines {
			if line = strings.TrimSpace(ansi.Strip(line)); line != "" {
				b.WriteString(line + "\n")
			}
		}
		if actions := kit.Actions(d.Bindings()); len(actions) > 0 {
			fmt.Fprintf(&b, "You can: %s. ", strings.Join(actions, ", "))
		}
		b.WriteString("An empty line goes back.")
	}
	text := b.String()
	if d == l.dialog && text == l.listed {
		return
	}
	if d != l.dialog {
		head := d.Title()
		if note := d.Note(); note != "" {
			head += ", " + note
		}
		l.say(kit.Sentence(head))
	}
	l.dialog, l.listed = d, text
	l.say(text)
}

// tellBody tells what a screen shows, for those that are neither a list nor a
// conversation.
func (l *linear) tellBody(s kit.Screen) {
	lines, _ := s.View()
	var told []string
	for _, line := range lines {
		if line = strings.TrimSpace(ansi.Strip(line)); line != "" {
			told = append(told, line)
		}
	}
	text := strings.Join(append(told, "You can: "+strings.Join(kit.Actions(s.Bindings()), ", ")), "\n")
	if text != l.listed {
		l.listed = text
		l.say(text)
	}
}

// tellConversation tells what came in the conversation.
func (l *linear) tellConversation(c *conversation) {
	if subject := ansi.Strip(c.subject()); c.model != nil && c.model.state != loading && subject != l.subject {
		l.subject = subject
		l.say(kit.Sentence(subject))
	}
	if c.saved != l.chat {
		l.chat, l.turn = c.saved, nil
		if turns := c.transcript.turns; len(turns) > 0 && !c.busy() {
			l.resumed(c)
		}
	}
	if i := c.transcript.selected; i != l.selected {
		l.selected = i
		if i >= 0 {
			t := c.transcript.turns[i]
			l.say(fmt.Sprintf("Message %d of %d, %s: %s", i+1, len(c.transcript.turns), who(c, t), kit.Truncate(kit.OneLine(t.said()), 200)))
			l.unfolded = t.unfolded
			l.say("With it: /" + strings.Join(kit.Actions(c.selectedHints(t)), ", /") + ".")
		}
	}
	if i := l.selected; i >= 0 && c.transcript.turns[i].unfolded != l.unfolded {
		l.unfolded = !l.unfolded
		if thinking := c.transcript.turns[i].thinking.String(); l.unfolded && thinking != "" {
			l.say("What it thought: " + thinking)
		}
	}
	if text := c.composer.Text; text != l.written {
		l.written = text
		if text != "" && c.edited < 0 {
			l.say("Written: " + text + "\nAn empty line sends it, others are added.")
		}
	}
	if c.edited != l.edited {
		l.edited = c.edited
		if c.edited >= 0 {
			l.say("It says: " + c.composer.Text + "\nA line takes its place, as another version. /back leaves it.")
		}
	}
	if t := c.last(); t != nil && t.role == engine.Assistant {
		l.tellAnswer(c, t)
	}
}

// resumed tells a conversation that was opened: its last question and answer.
func (l *linear) resumed(c *conversation) {
	turns := c.transcript.turns
	l.say(fmt.Sprintf("A conversation of %s. The last:", units.Plural(len(turns), "message")))
	for _, t := range turns[max(0, len(turns)-2):] {
		if t.role == engine.User {
			l.say("You: " + t.said())
		}
	}
}

func who(c *conversation, t *turn) string {
	if t.role == engine.User {
		return "yours"
	}
	if t.measured.Model != "" {
		return kit.OneLine(t.measured.Model)
	}
	return c.model.name()
}

// tellAnswer tells what has come of an answer since the last time.
func (l *linear) tellAnswer(c *conversation, t *turn) {
	if t != l.turn {
		l.turn, l.parts, l.phase, l.inCode, l.ended = t, 0, "", false, false
		if t.state == answering {
			l.say(who(c, t) + " is answering.")
		}
	}
	if t.state == answering {
		if l.ended { // it is continued
			l.ended, l.parts = false, max(0, len(t.article.parts))
		}
		l.tellWaiting(t)
	}
	for ; l.parts < len(t.article.parts); l.parts++ {
		l.tellPart(t.article.parts[l.parts])
	}
	if t.state == answering || l.ended {
		return
	}
	l.ended = true
	l.endCode()
	for i := range t.calls {
		l.say("Calls " + drawCall(l.m.look.Theme, t.calls[i], kit.MaxColumns))
	}
	l.tellEnd(c, t)
}

// tellWaiting tells once what is waited for.
func (l *linear) tellWaiting(t *turn) {
	phase := ""
	switch t.waits.what {
	case forEngine:
		phase = "Starting the model."
	case forLoading:
		phase = "Loading the model."
	case forTurn:
		phase = fmt.Sprintf("Waiting for %s before this one.", units.Plural(t.waits.now.Queued, "request"))
	case forReading:
		if t.waits.now.Total == 0 {
			return
		}
		phase = fmt.Sprintf("Reading %s tokens.", units.Count(t.waits.now.Total))
	default:
		if t.thinking.Len() > 0 && t.text.Len() == 0 {
			phase = "Thinking."
		}
	}
	if phase != "" && phase != l.phase {
		l.phase = phase
		l.say(phase)
	}
}

// tellPart tells a finished block: code as it is, between two lines that say so.
func (l *linear) tellPart(p *part) {
	if language, source, ok := markdown.Code(p.block); ok {
		if !p.joined {
			l.endCode()
			if language == "" {
				language = "no language"
			}
			l.say(fmt.Sprintf("Code, %s, %s:", language, units.Plural(kit.LineCount(source), "line")))
		}
		l.inCode = true
		l.say(source)
		return
	}
	l.endCode()
	for _, line := range p.draw(l.m.look.Theme, kit.MaxColumns) {
		if text := strings.TrimSpace(ansi.Strip(line)); strings.Trim(text, "─│ ") != "" {
			l.say(text)
		}
	}
}

func (l *linear) endCode() {
	if l.inCode {
		l.say("End of code.")
	}
	l.inCode = false
}

// tellEnd tells how the answer ended.
func (l *linear) tellEnd(c *conversation, t *turn) {
	switch {
	case t.state == broken:
		msg, advice := kit.Explain(t.err)
		l.say("Error: " + strings.TrimSpace(msg+" "+advice))
		l.say("/again answers again, /model takes another model.")
		return
	case t.state == stopped:
		l.say("Stopped. /continue goes on, /again answers again.")
		return
	case t.cut():
		l.say("The answer is cut off. /continue goes on.")
	}
	end := "Answer ends."
	if n := t.measured.Usage.CompletionTokens; n > 0 {
		end += " " + units.Plural(n, "token")
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
	l.say(end)
}
