package talk

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/units"
)

// Press handles a key and saves the draft.
func (c *Conversation) Press(k tea.KeyPressMsg) kit.Outcome {
	if c.find.open {
		return kit.Outcome{Handled: c.find.press(k) || c.pressScroll(k)}
	}
	if c.transcript.selected >= 0 {
		if o := c.pressSelected(k); o.Handled {
			return o
		}
	}
	o := c.pressKey(k)
	if c.slip != "" && c.slip != c.composer.Text {
		c.slip = ""
		c.notify.Solved(slipCause)
	}
	c.keepDraft()
	o.Cmd = tea.Batch(o.Cmd, c.count())
	return o
}

func (c *Conversation) pressKey(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, c.look.Keys.Keys) && c.composer.Text == "" {
		return kit.Ignored()
	}
	if kit.Matches(k, c.look.Keys.Find) {
		c.search("")
		return kit.Handled(nil)
	}
	if o := c.composer.press(k); o.Handled {
		c.transcript.selectTurn(-1)
		return o
	}
	switch {
	case c.pressScroll(k):
	case kit.Matches(k, c.look.Keys.Send):
		return c.sendWritten()
	case kit.Matches(k, c.look.Keys.Stop):
		return c.escape()
	case kit.Matches(k, c.look.Keys.Quit):
		return c.interrupt()
	case kit.Matches(k, c.look.Keys.Regenerate):
		return kit.Handled(c.regenerate(len(c.transcript.turns) - 1))
	case kit.Matches(k, c.look.Keys.Continue):
		return kit.Handled(c.continueAnswer())
	case k.String() == "up" && c.composer.Text == "" && len(c.composer.sent) == 0 && !c.soughtSent:
		c.soughtSent = true
		return kit.Handled(past.ReadPrompts(c.tasks, c.history, c.mode))
	case kit.Matches(k, c.look.Keys.EditLast):
		return kit.Handled(c.editLast())
	case kit.Matches(k, c.look.Keys.Without):
		return kit.Handled(c.withoutAttachments())
	case kit.Matches(k, c.look.Keys.Select):
		c.transcript.selectTurn(len(c.transcript.turns) - 1)
	case kit.Matches(k, c.look.Keys.CopyCode):
		return kit.Handled(c.copyCode(c.transcript.lastCode()))
	case kit.Matches(k, c.look.Keys.Editor):
		return kit.Handled(c.openEditor())
	case kit.Matches(k, c.look.Keys.Paste):
		return kit.Handled(c.composer.pasteFromSystem())
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

// pressScroll handles the keys that scroll.
func (c *Conversation) pressScroll(k tea.KeyPressMsg) bool {
	page := max(1, c.transcript.height-2)
	switch {
	case kit.Matches(k, c.look.Keys.PageUp):
		c.transcript.scroll(-page)
	case kit.Matches(k, c.look.Keys.PageDown):
		c.transcript.scroll(page)
	case kit.Matches(k, c.look.Keys.Top):
		c.transcript.scrollTo(position{})
	case kit.Matches(k, c.look.Keys.Bottom):
		c.transcript.toEnd()
	default:
		return false
	}
	return true
}

// pressSelected handles the keys for the selected message.
func (c *Conversation) pressSelected(k tea.KeyPressMsg) kit.Outcome {
	i := c.transcript.selected
	t := c.transcript.turns[i]
	switch {
	case kit.Matches(k, c.look.Keys.Up):
		c.transcript.selectTurn(max(0, i-1))
	case kit.Matches(k, c.look.Keys.Down):
		if i+1 == len(c.transcript.turns) {
			i = -2
		}
		c.transcript.selectTurn(i + 1)
	case kit.Matches(k, c.look.Keys.Back, c.look.Keys.Send):
		c.transcript.selectTurn(-1)
	case kit.Matches(k, c.look.Keys.Copy):
		return kit.Handled(c.copyText(t.plainText(), "the message"))
	case kit.Matches(k, c.look.Keys.Edit):
		return kit.Handled(c.editMessage(i))
	case kit.Matches(k, c.look.Keys.Again):
		return kit.Handled(c.regenerate(i))
	case kit.Matches(k, c.look.Keys.OlderVersion):
		return kit.Handled(c.version(i, -1))
	case kit.Matches(k, c.look.Keys.NewerVersion):
		return kit.Handled(c.version(i, 1))
	case kit.Matches(k, c.look.Keys.Fold):
		t.unfolded = !t.unfolded
		t.refresh()
	case kit.Matches(k, c.look.Keys.Save):
		return kit.Open(c.savePrompt(t))
	default:
		codes := t.codes()
		if n := int(k.Code - '1'); k.Mod == 0 && n >= 0 && n < min(9, len(codes)) {
			return kit.Handled(c.copyCode(codes[n]))
		}
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

const slipCause = "an unknown command"

// sendWritten sends the message, or runs it if it is a command.
func (c *Conversation) sendWritten() kit.Outcome {
	m := c.composer.message()
	if m.empty() {
		return kit.Handled(nil)
	}
	switch command, args, err := kit.FindCommand(m.text, c.composer.commands()); {
	case err != nil:
		c.slip = c.composer.Text
		c.notify.ErrorOf(slipCause, err)
		return kit.Handled(nil)
	case command != nil:
		c.composer.clearText()
		return command.Run(args)
	}
	if c.warns(m) {
		return kit.Handled(nil)
	}
	if m.text != "" {
		c.composer.sent = append(c.composer.sent, m.text)
	}
	c.composer.clear()
	if strings.HasPrefix(m.text, " /") {
		m.text = m.text[1:] // the space only kept it from being a command
	}
	return kit.Handled(c.send(m))
}

// escape stops the current answer or cancels an edit.
func (c *Conversation) escape() kit.Outcome {
	switch {
	case c.busy():
		c.stop()
	case c.edited >= 0:
		c.cancelEdit()
	case c.find.active:
		c.find.close()
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

// search opens the line to search the conversation. An empty text keeps the one before.
func (c *Conversation) search(text string) {
	c.transcript.selectTurn(-1)
	switch {
	case text != "":
		c.find.start(text)
	case !c.find.active:
		c.find.start("")
	}
	c.find.open = !c.look.DefaultKeys() // lines are not keys
}

// interrupt stops the current answer, cancels an edit or clears the composer. Otherwise the
// key leaves bise.
func (c *Conversation) interrupt() kit.Outcome {
	switch {
	case c.busy():
		c.stop()
	case c.edited >= 0:
		c.cancelEdit()
	case !c.composer.message().empty():
		c.composer.sent = append(c.composer.sent, c.composer.Text)
		c.composer.clear()
		text := c.look.Keys.Quit.Help().Key + " again quits"
		if c.look.Keys.Earlier.Enabled() {
			text += " · " + c.look.Keys.Earlier.Help().Key + " restores the text"
		}
		c.notify.Info(text)
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

// keepDraft saves the draft if it changed.
func (c *Conversation) keepDraft() {
	now := draftMark{c.composer.Text, len(c.composer.attached)}
	if now == c.keptDraft || c.edited >= 0 {
		return
	}
	c.keptDraft = now
	c.history.WriteDraft(c.ensureSaved(), c.composer.draft())
}

// A draftMark identifies a version of the draft.
type draftMark struct {
	text     string
	attached int
}

// editMessage loads the user's message at or before turn i into the composer. Sending it makes
// another version, and a new branch.
func (c *Conversation) editMessage(i int) tea.Cmd {
	for i >= 0 && c.transcript.turns[i].role != engine.User {
		i--
	}
	if c.busy() || i < 0 {
		return nil
	}
	if c.edited < 0 {
		c.beforeEdit = c.composer.message()
	}
	c.edited = i
	c.transcript.selectTurn(-1)
	c.composer.clear()
	c.composer.restore(draftOf(c.transcript.turns[i]))
	return nil
}

// cancelEdit restores the draft from before the edit.
func (c *Conversation) cancelEdit() {
	c.edited = -1
	c.composer.clear()
	c.composer.restore(c.beforeEdit)
	c.beforeEdit = draftMessage{}
}

// copyCode copies the code of a part.
func (c *Conversation) copyCode(p *part) tea.Cmd {
	if p == nil {
		return nil
	}
	source := p.code.source.String()
	return c.copyText(source, units.Plural(kit.LineCount(source), "line")+" of code")
}

// editorDone has the text written in $EDITOR.
type editorDone struct {
	to   string // mode
	text string
	err  error
}

// openEditor edits the composer's text in $EDITOR.
func (c *Conversation) openEditor() tea.Cmd {
	to := c.mode
	return c.terminal.EditText("message.md", c.composer.Text, func(text string, err error) tea.Msg { return editorDone{to, text, err} })
}

// savePrompt asks for the file to save a message to.
func (c *Conversation) savePrompt(t *turn) kit.Dialog {
	text, folder := t.plainText(), c.folder
	p := kit.NewPrompt(c.look, "Save", "Save the message as a file in "+folder, "answer.md", "save", nil)
	p.Done = func(path string) kit.Outcome { return kit.Close(past.FileNamed{Path: path, Text: text, Prompt: p}) }
	return p
}

// version switches to another version of a turn.
func (c *Conversation) version(i, by int) tea.Cmd {
	t := c.transcript.turns[i]
	n, of := t.version()
	if c.busy() || n == 0 || n+by < 1 || n+by > of {
		return nil
	}
	to, conversation, ctx, records := t.versions[n+by-1], c.saved, c.tasks.Context(), c.history
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return pathRead{of: conversation, err: err}
		}
		if err := store.Switch(ctx, to.Load()); err != nil {
			return pathRead{of: conversation, err: err}
		}
		path, err := store.Path(ctx, conversation.Load())
		return pathRead{of: conversation, path: path, selected: i, err: err}
	}
}

// pathRead has the current branch of a conversation.
type pathRead struct {
	of       *past.ID
	path     []history.Message
	selected int // a turn; -1: none
	err      error
}

// showPath shows the messages of another branch. Turns in both keep their drawings.
func (c *Conversation) showPath(msg pathRead) {
	byID := map[int64]*turn{}
	for _, t := range c.transcript.turns {
		byID[t.saved.Load()] = t
	}
	var turns []*turn
	for _, m := range msg.path {
		t := byID[m.ID]
		if t == nil {
			t = readTurn(c.look, c.images, m)
		}
		t.setVersions(m.Versions)
		turns = append(turns, t)
	}
	c.transcript.turns = turns
	if t := c.last(); t != nil && t.state == failed {
		t.repairs = c.repairs(t)
		t.refresh()
	}
	c.transcript.selectTurn(min(msg.selected, len(turns)-1))
}

// open shows a conversation that was read. What was searched for is marked, but not selected: keys
// go to the composer.
func (c *Conversation) open(msg past.Opened) tea.Cmd {
	var cmd tea.Cmd
	if !c.busy() || c.saved.Load() != msg.Conversation.ID { // else it is shown already
		c.reset()
		c.saved = past.NewID(msg.Conversation.ID)
		c.system, c.parameters = msg.Conversation.System, msg.Conversation.Parameters
		c.showPath(pathRead{of: c.saved, path: msg.Path, selected: -1})
		c.composer.addSent(past.Prompts(msg.Path))
		cmd = c.composer.resume(msg.Conversation.Draft)
		c.keptDraft = draftMark{c.composer.Text, 0}
		if ref := msg.Conversation.Model; ref != "" && ref != c.ref {
			cmd = tea.Batch(cmd, c.use(ref))
		}
	}
	if i := msg.Found; i >= 0 && i < len(c.transcript.turns) {
		c.find.show(msg.Query, i)
	}
	return cmd
}

// reset starts a new conversation. The current one and its draft stay in the history.
func (c *Conversation) reset() {
	if c.busy() {
		c.stop()
		c.keepDraft()
	}
	c.stream, c.saved, c.edited, c.keptDraft = nil, nil, -1, draftMark{}
	c.system, c.parameters, c.asked, c.hideImages = c.standard, engine.Parameters{}, askedMark{}, ""
	c.find.close()
	c.transcript.turns = nil
	c.transcript.selectTurn(-1)
	c.transcript.toEnd()
	c.composer.clear()
}
