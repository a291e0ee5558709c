package talk

import (
	"cmp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/terminal"
	"github.com/bise-sh/bise/units"
)

// A composer is the input for a message: its text, its attachments and a popup that completes
// both.
type composer struct {
	look     *kit.Look
	tasks    *kit.Tasks
	terminal *terminal.Terminal
	images   *images.Cache
	folder   string // for @; "" disables it

	kit.Editor
	mode        string // of the conversation, in messages
	placeholder string
	attached    []attachment
	popup       kit.Popup      // nil: none
	vim         *kit.Vim       // nil: no vim keys
	model       *engines.Model // counts tokens

	shrinksImages bool // images that do not fit are made smaller

	sent     []string // previous messages, oldest
	recall   int      // the previous message shown, counted from the last; 0: none
	unsent   string   // the text before the recall
	commands func() []kit.Command

	width, rows int // of the text
	space       int // rows for the popup
}

func newComposer(o Options, mode, placeholder string) *composer {
	return &composer{look: o.Look, tasks: o.Tasks, terminal: o.Terminal, images: o.Images, folder: o.Folder, mode: mode, placeholder: placeholder}
}

const (
	// A paste of more lines or bytes becomes an attachment.
	pastedLines, pastedBytes = 12, 2000
	// A longer pasted text is not saved in the draft, which is written at every key.
	draftBytes = 1_000_000
)

// message returns the message in the composer.
func (c *composer) message() draftMessage { return draftMessage{c.Text, c.attached} }

// attach adds an attachment.
func (c *composer) attach(a attachment) {
	if a.image != nil {
		a.image = c.images.Add(a.image)
	}
	c.attached = append(c.attached, a)
}

// clear removes the text and the attachments.
func (c *composer) clear() {
	c.Reset()
	c.attached, c.popup, c.recall = nil, nil, 0
}

// clearText removes the text and keeps the attachments.
func (c *composer) clearText() {
	c.Reset()
	c.popup = nil
}

// restore inserts a message before the current text.
func (c *composer) restore(m draftMessage) {
	text := m.text
	if c.Text != "" {
		text += "\n\n" + c.Text
	}
	c.SetText(text)
	c.attached = append(m.attached, c.attached...)
}

// draft returns the message as one text to save: pasted text as it is, files by name. See
// resume.
func (c *composer) draft() string {
	parts := []string{c.Text}
	for _, a := range c.attached {
		switch {
		case a.Name != "":
			parts = append(parts, "@"+a.Name)
		case a.Text != "" && len(a.Text) <= draftBytes:
			parts = append(parts, a.Text)
		}
	}
	return strings.TrimSpace(strings.Join(parts, "\n\n"))
}

// resume loads a saved draft and attaches the files that it names.
func (c *composer) resume(draft string) tea.Cmd {
	var cmds []tea.Cmd
	var texts []string
	for part := range strings.SplitSeq(draft, "\n\n") {
		if name, ok := strings.CutPrefix(part, "@"); ok && name != "" && !strings.Contains(name, "\n") && c.folder != "" {
			cmds = append(cmds, c.attachDropped([][]string{{name}}, part)) // a text if the file does not exist any more
			continue
		}
		texts = append(texts, part)
	}
	c.restore(draftMessage{text: strings.Join(texts, "\n\n")})
	return tea.Batch(cmds...)
}

// press handles a key.
func (c *composer) press(k tea.KeyPressMsg) kit.Outcome {
	if c.popup != nil {
		if o := c.popup.Press(k); o.Handled {
			return o
		}
	}
	if c.vim.Press(&c.Editor, kit.KeyOf(k), c.look.Keys) {
		return c.afterEdit(kit.Handled(nil))
	}
	switch {
	case kit.Matches(k, c.look.Keys.Newline):
		c.Insert("\n")
	case kit.Matches(k, c.look.Keys.Earlier):
		c.recallSent(1)
	case kit.Matches(k, c.look.Keys.Later):
		c.recallSent(-1)
	case kit.Matches(k, c.look.Keys.Detach) || k.String() == "backspace" && c.Text == "":
		if len(c.attached) == 0 {
			return kit.Ignored()
		}
		c.attached = c.attached[:len(c.attached)-1]
	case c.Editor.Press(kit.KeyOf(k), c.look.Keys):
	case k.String() == "up" && (c.Text == "" || c.recalled()) && c.recall < len(c.sent):
		c.recallSent(1)
	case k.String() == "down" && c.recalled():
		c.recallSent(-1)
	default:
		return kit.Ignored()
	}
	return c.afterEdit(kit.Handled(nil))
}

// afterEdit opens, updates or closes the popup after an edit.
func (c *composer) afterEdit(o kit.Outcome) kit.Outcome {
	cmds := []tea.Cmd{o.Cmd}
	word, from := c.word()
	switch {
	case c.commands != nil && from == 0 && strings.HasPrefix(word, "/") && c.Cursor == len(c.Text) && !strings.Contains(word[1:], "/"):
		if _, ok := c.popup.(*commandPopup); !ok {
			c.popup = newCommandPopup(c)
		}
	case strings.HasPrefix(word, "@") && c.folder != "":
		if _, ok := c.popup.(*filePopup); !ok {
			p := newFilePopup(c)
			c.popup = p
			cmds = append(cmds, p.load())
		}
	default:
		c.popup = nil
	}
	if c.popup != nil {
		cmds = append(cmds, c.popup.Typed(word))
	}
	o.Cmd = tea.Batch(cmds...)
	return o
}

// word returns the word before the cursor and its start.
func (c *composer) word() (word string, from int) {
	from = strings.LastIndexAny(c.Text[:c.Cursor], " \n\t") + 1
	return c.Text[from:c.Cursor], from
}

// replaceWord replaces the word before the cursor.
func (c *composer) replaceWord(text string) {
	_, from := c.word()
	c.Replace(from, c.Cursor, text)
	c.popup = nil
}

// paste inserts text from the clipboard. The paths of files, as a terminal inserts them when
// files are dropped, attach the files.
func (c *composer) paste(text string) tea.Cmd {
	c.popup = nil
	if lists := attach.Dropped(text); len(lists) > 0 {
		return c.attachDropped(lists, text)
	}
	c.insertPasted(text)
	return nil
}

// insertPasted inserts text, or attaches it when it is long.
func (c *composer) insertPasted(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if n := kit.LineCount(text); n > pastedLines || len(text) > pastedBytes {
		c.attached = append(c.attached, newAttachment(attach.Attachment{Text: text}))
		return
	}
	c.Insert(text)
}

// resize sets the width, the maximum number of rows of the text, and the rows above it for the
// popup.
func (c *composer) resize(width, most, space int) {
	c.width, c.space = width, space
	switch {
	case !c.look.Settings.Vim:
		c.vim = nil
	case c.vim == nil:
		c.vim = new(kit.Vim)
	}
	c.Editor.Width = width
	if c.vim != nil {
		c.Editor.Width = max(8, width-vimColumns)
	}
	c.rows = max(1, min(len(c.Editor.Rows()), most))
	c.ScrollTo(c.rows)
}

// height returns how many lines view draws.
func (c *composer) height() int { return c.rows + len(c.attachedLines()) }

// attachedLines returns the lines that list the attachments. An attachment that the model cannot
// take is red.
func (c *composer) attachedLines() []string {
	var lines []string
	line := ""
	misfits := c.misfits()
	for i, a := range c.attached {
		label, style := a.label(c.model), c.look.Theme.Muted
		if misfits[i] != "" {
			label, style = label+" · "+misfits[i], c.look.Theme.Alert
		}
		label = style.Render(kit.Truncate(label, c.width))
		switch {
		case line == "":
			line = label
		case kit.Width(line)+3+kit.Width(label) <= c.width:
			line += "   " + label
		default:
			lines = append(lines, line)
			line = label
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	const most = 3
	if len(lines) > most {
		style := c.look.Theme.Muted
		if slices.ContainsFunc(misfits, func(s string) bool { return s != "" }) {
			style = c.look.Theme.Alert
		}
		lines = append(lines[:most-1], style.Render(units.Plural(len(c.attached), "attachment")))
	}
	return lines
}

// vimColumns is the space for the name of vi's mode.
const vimColumns = len("  NORMAL")

// view draws the attachments and the text beside the accent bar. If its keys go elsewhere, it is
// dimmed, with a note in place of the placeholder.
func (c *composer) view(dimmed bool, note string) (lines []string, cursor *tea.Cursor) {
	bar := c.look.Theme.Accent.Render("▍") + " " + term.TextStart
	if dimmed {
		bar = c.look.Theme.Muted.Render("▍") + " " + term.TextStart
	}
	for _, line := range c.attachedLines() {
		lines = append(lines, bar+line)
	}
	above := len(lines)
	text, x, y := c.Editor.View(c.rows)
	if c.Text == "" {
		text = []string{c.look.Theme.Placeholder.Render(kit.Truncate(cmp.Or(note, c.placeholder), c.Editor.Width))}
	}
	for i, line := range text {
		if c.Text != "" && dimmed {
			line = c.look.Theme.Muted.Render(line)
		}
		if i == len(text)-1 && c.vim != nil && !dimmed {
			line = kit.Spread(line, c.vimMode(), c.width)
		}
		lines = append(lines, bar+line)
	}
	cursor = tea.NewCursor(x+2, y+above)
	if c.vim.Inserting() {
		cursor.Shape = tea.CursorBar
	}
	return lines, cursor
}

// vimMode names vi's mode.
func (c *composer) vimMode() string {
	if c.vim.Inserting() {
		return c.look.Theme.Muted.Render("INSERT")
	}
	return c.look.Theme.Selected.Render("NORMAL")
}

// popupLines returns the popup's lines, which cover the ones above the composer.
func (c *composer) popupLines() []string {
	if c.popup == nil {
		return nil
	}
	return c.popup.View(c.width, min(c.space, kit.PopupRows))
}
