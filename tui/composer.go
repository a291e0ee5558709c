package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/units"
)

// A composer is where a message is written: its text, what is attached, and the
// popup that helps with either.
type composer struct {
	*desk
	editor
	placeholder string
	attached    []attachment
	popup       popup  // nil: none
	vim         *vim   // nil: keys are the usual ones
	model       *model // that counts tokens

	sent     []string // messages before, oldest first
	recall   int      // which of them is shown, counted from the last; 0: none
	unsent   string   // what stood here before
	commands func() []command

	width, rows int // of the text
	space       int // rows there are for the popup
}

func newComposer(d *desk, placeholder string) *composer {
	return &composer{desk: d, placeholder: placeholder}
}

const (
	// A paste of more than so many lines, or bytes, becomes an attachment.
	pastedLines, pastedBytes = 12, 2000
	// A longer one is not kept with the draft, which is written at every key.
	draftBytes = 1_000_000
)

// message is what is written.
func (c *composer) message() composed { return composed{c.text, c.attached} }

// attach adds what goes with the message.
func (c *composer) attach(a attachment) {
	if a.shot != nil {
		a.shot = c.gallery.add(a.shot)
	}
	c.attached = append(c.attached, a)
}

// clear begins a new message.
func (c *composer) clear() {
	c.reset()
	c.attached, c.popup, c.recall = nil, nil, 0
}

// clearText leaves what is attached.
func (c *composer) clearText() {
	c.reset()
	c.popup = nil
}

// restore puts a message back, before what is written.
func (c *composer) restore(m composed) {
	text := m.text
	if c.text != "" {
		text += "\n\n" + c.text
	}
	c.set(text)
	c.attached = append(m.attached, c.attached...)
}

// draft is what would be missed of the message if the program ended: pasted text
// is in it, files by their names. resume reads it.
func (c *composer) draft() string {
	parts := []string{c.text}
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

// resume goes on with a draft: files that it names are attached again.
func (c *composer) resume(draft string) tea.Cmd {
	var cmds []tea.Cmd
	var texts []string
	for part := range strings.SplitSeq(draft, "\n\n") {
		if name, ok := strings.CutPrefix(part, "@"); ok && name != "" && !strings.Contains(name, "\n") && c.options.Folder != "" {
			cmds = append(cmds, c.inspect(name, part)) // or a text, when there is no such file any more
			continue
		}
		texts = append(texts, part)
	}
	c.restore(composed{text: strings.Join(texts, "\n\n")})
	return tea.Batch(cmds...)
}

// press takes a key; false when it means nothing here.
func (c *composer) press(k tea.KeyPressMsg) outcome {
	if c.popup != nil {
		if o := c.popup.press(k); o.handled {
			return o
		}
	}
	if o := c.vim.press(c, k); o.handled {
		return c.wrote(o)
	}
	switch {
	case is(k, c.keys.Newline):
		c.insert("\n")
	case is(k, c.keys.Earlier):
		c.remember(1)
	case is(k, c.keys.Later):
		c.remember(-1)
	case is(k, c.keys.Detach) || k.String() == "backspace" && c.text == "":
		if len(c.attached) == 0 {
			return pass()
		}
		c.attached = c.attached[:len(c.attached)-1]
	case !c.editor.press(k, c.keys):
		return pass()
	}
	return c.wrote(took(nil))
}

// wrote looks at what was written, for the popup that it asks for.
func (c *composer) wrote(o outcome) outcome {
	cmds := []tea.Cmd{o.cmd}
	word, from := c.word()
	switch {
	case c.commands != nil && from == 0 && strings.HasPrefix(word, "/") && c.at == len(c.text) && !strings.Contains(word[1:], "/"):
		if _, ok := c.popup.(*commandPopup); !ok {
			c.popup = newCommandPopup(c)
		}
	case strings.HasPrefix(word, "@") && c.options.Folder != "":
		if _, ok := c.popup.(*filePopup); !ok {
			p := newFilePopup(c)
			c.popup = p
			cmds = append(cmds, p.begin())
		}
	default:
		c.popup = nil
	}
	if c.popup != nil {
		cmds = append(cmds, c.popup.typed(word))
	}
	o.cmd = tea.Batch(cmds...)
	return o
}

// word is the word before the cursor, and where it begins.
func (c *composer) word() (word string, from int) {
	from = strings.LastIndexAny(c.text[:c.at], " \n\t") + 1
	return c.text[from:c.at], from
}

// replaceWord puts a text in place of the word before the cursor.
func (c *composer) replaceWord(text string) {
	_, from := c.word()
	c.replace(from, c.at, text)
	c.popup = nil
}

// remember goes through the messages before, back when by is positive.
func (c *composer) remember(by int) {
	to := max(0, min(c.recall+by, len(c.sent)))
	if to == c.recall {
		return
	}
	if c.recall == 0 {
		c.unsent = c.text
	}
	c.recall = to
	if to == 0 {
		c.set(c.unsent)
		return
	}
	c.set(c.sent[len(c.sent)-to])
}

// pasted takes a text from the clipboard. One that is the path of a file is the
// file, as when it was dragged here.
func (c *composer) pasted(text string) tea.Cmd {
	c.popup = nil
	if path, ok := pathOf(text); ok {
		return c.inspect(path, text)
	}
	c.putPasted(text)
	return nil
}

// putPasted inserts a text, or attaches it when it is long.
func (c *composer) putPasted(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if n := lineCount(text); n > pastedLines || len(text) > pastedBytes {
		c.attached = append(c.attached, newAttachment(attach.Attachment{Text: text}))
		return
	}
	c.insert(text)
}

// resize gives the composer a width, at most so many rows for the text, and so
// many above it for the popup.
func (c *composer) resize(width, most, space int) {
	c.width, c.space = width, space
	switch {
	case !c.settings.Vim:
		c.vim = nil
	case c.vim == nil:
		c.vim = new(vim)
	}
	c.editor.width = width
	c.rows = max(1, min(len(c.editor.rows()), most))
	c.scroll(c.rows)
}

// height is the lines that view draws.
func (c *composer) height() int { return c.rows + len(c.shelf()) }

// shelf are the lines with what is attached.
func (c *composer) shelf() []string {
	var lines []string
	line := ""
	for _, a := range c.attached {
		label := cut(a.label(), c.width)
		switch {
		case line == "":
			line = label
		case cells(line)+3+cells(label) <= c.width:
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
		lines = append(lines[:most-1], units.Plural(len(c.attached), "attachment"))
	}
	return lines
}

// view draws what is attached and the text, beside the bar that marks them.
func (c *composer) view() (lines []string, cursor *tea.Cursor) {
	bar := c.theme.accent.Render("▍") + " "
	for _, line := range c.shelf() {
		lines = append(lines, bar+c.theme.muted.Render(line))
	}
	above := len(lines)
	text, x, y := c.editor.view(c.rows)
	if c.text == "" {
		text = []string{c.theme.muted.Render(cut(c.placeholder, c.width))}
	}
	for _, line := range text {
		lines = append(lines, bar+line)
	}
	cursor = tea.NewCursor(x+2, y+above)
	if c.vim.inserting() {
		cursor.Shape = tea.CursorBar
	}
	return lines, cursor
}

// help is the popup as lines to lay over those above the composer.
func (c *composer) help() []string {
	if c.popup == nil {
		return nil
	}
	return c.popup.view(c.width, min(c.space, popupRows))
}
