package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

const (
	// maxNotices is how many notices are kept for the list of messages.
	maxNotices = 50
	// maxNoticeLines is how many lines of a notice are shown.
	maxNoticeLines = 3
)

// take shows a notice, or removes the one whose cause is gone.
func (m *Model) take(n kit.Notice) {
	if n.Text == "" {
		if m.notice.Cause == n.Cause {
			m.notice = kit.Notice{}
		}
		return
	}
	m.notice = n
	if last := len(m.notices) - 1; last < 0 || m.notices[last] != n.Text {
		m.notices = append(m.notices[max(0, len(m.notices)-maxNotices+1):], n.Text)
	}
}

// dismiss removes a notice that stays, if k is the key for that. While an answer is generated
// the key stops it, too.
func (m *Model) dismiss(k tea.KeyPressMsg) bool {
	if m.notice.Text == "" || !m.notice.Stays || !kit.Matches(k, m.look.Keys.Back) {
		return false
	}
	m.notice = kit.Notice{}
	return !isBusy(m.top())
}

// noticeKey returns the key for what a notice offers, "" if there is none. Where letters are text, it
// is not a letter alone.
func (m *Model) noticeKey() string {
	if len(m.notice.Key) != 1 || !m.typing() {
		return m.notice.Key
	}
	if undo := m.look.Keys.Undo.Keys(); m.notice.Word == "undo" && len(undo) > 0 {
		return undo[0]
	}
	return "alt+" + m.notice.Key
}

// typing reports whether the letters that the user types are text.
func (m *Model) typing() bool {
	top := m.top()
	if list := kit.ListOf(top); list != nil {
		return list.Typing() && !m.look.DefaultKeys()
	}
	_, isDialog := top.(kit.Dialog)
	_, asks := top.(kit.Asker)
	return (!isDialog || asks) && !m.look.DefaultKeys()
}

// noticeText returns the notice with its key.
func (m *Model) noticeText() string {
	key := m.noticeKey()
	if key == "" {
		return m.notice.Text
	}
	return m.notice.Text + kit.HintSeparator + key + " " + m.notice.Word
}

// noticeLines returns the lines of a notice above the last line, none if it fits there beside
// the keys.
func (m *Model) noticeLines() []string {
	if text := m.noticeText(); text == "" || m.noticeFits(text) {
		return nil
	}
	lines := kit.Wrap(m.notice.Text, m.width-2)
	if most := max(1, min(maxNoticeLines, m.height/4)); len(lines) > most {
		rest := strings.Join(lines[most-1:], " ")
		lines = append(lines[:most-1], kit.Truncate(rest, m.width-2))
	}
	return lines
}

// noticeFits reports whether the last line has room for the notice and some keys.
func (m *Model) noticeFits(text string) bool {
	width := m.width - 2
	keys := kit.Width(kit.JoinHints(m.noticeHints(), width))
	return kit.Width(text) <= width-3-min(keys, width/3)
}

// noticeHints returns the keys of the top screen, with esc for a notice that stays.
func (m *Model) noticeHints() []kit.Hint {
	hints := m.top().Footer().Hints
	if !m.notice.Stays {
		return hints
	}
	back := kit.Hint{Binding: m.look.Keys.Back, Words: "dismiss"}
	list := []kit.Hint{back}
	for _, h := range hints {
		if h.Help().Key != back.Help().Key {
			list = append(list, h)
		}
	}
	return list
}

// footer returns the last line: that of the top screen, with the notice.
func (m *Model) footer() kit.Footer {
	f := m.top().Footer()
	text := m.noticeText()
	if text == "" {
		return f
	}
	f.Hints = m.noticeHints()
	switch {
	case m.noticeFits(text):
		f.Left = text
	case m.noticeKey() != "":
		key := kit.NewBinding(m.noticeKey(), m.notice.Word)
		others := slices.DeleteFunc(slices.Clone(f.Hints), func(h kit.Hint) bool { return h.Help().Key == key.Help().Key })
		f.Hints = append([]kit.Hint{{Binding: key}}, others...)
	}
	return f
}

// messagesDialog lists the last notices, the newest first.
type messagesDialog struct{ kit.TextDialog }

func newMessagesDialog(look *kit.Look, notices []string) *messagesDialog {
	d := new(messagesDialog)
	d.Look = look
	d.Lines = func() []string {
		left, width := kit.Column(d.Width)
		lines := []string{""}
		for i := range notices {
			lines = append(lines, kit.Wrap(notices[len(notices)-1-i], width)...)
			lines = append(lines, "")
		}
		if len(notices) == 0 {
			lines = append(lines, look.Theme.Muted.Render("No messages yet."))
		}
		return kit.Indent(lines, left)
	}
	return d
}

func (d *messagesDialog) Title() string              { return "Messages" }
func (d *messagesDialog) Note() string               { return "" }
func (d *messagesDialog) Bindings() []kit.Hint       { return nil }
func (d *messagesDialog) Click(int, int) kit.Outcome { return kit.Handled(nil) }

func (d *messagesDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	switch k.String() {
	case "esc", "q", "enter":
		return kit.Close(nil)
	}
	return d.TextDialog.Press(k)
}

func (d *messagesDialog) Footer() kit.Footer {
	return kit.Footer{Hints: kit.Hints(kit.NewBinding("up", "scroll"), kit.NewBinding("esc", "back"))}
}
