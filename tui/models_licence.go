package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/models/licence"
)

// licenceDialog asks somebody to agree to a licence before the bytes come: its name
// and the two sentences that matter, or the whole text.
type licenceDialog struct {
	look          *Look
	download      *download
	whole         bool // the text is shown
	width, height int
	top           int // the first line that is shown
}

func newLicenceDialog(look *Look, w *download) *licenceDialog {
	return &licenceDialog{look: look, download: w}
}

var (
	textKey   = letter("o", "open the text")
	acceptKey = letter("a", "accept")
)

func (l *licenceDialog) title() string            { return "Licence" }
func (l *licenceDialog) note() string             { return oneLine(l.download.title) }
func (l *licenceDialog) begin() tea.Cmd           { return nil }
func (l *licenceDialog) update(tea.Msg) tea.Cmd   { return nil }
func (l *licenceDialog) paste(string) outcome     { return took(nil) }
func (l *licenceDialog) click(int, int) outcome   { return took(nil) }
func (l *licenceDialog) resize(width, height int) { l.width, l.height = width, height; l.wheel(0) }

func (l *licenceDialog) wheel(lines int) {
	l.top = max(0, min(l.top+lines, len(l.lines())-l.height))
}

func (l *licenceDialog) bindings() []hint {
	text := hint{textKey, ""}
	if l.whole {
		text.words = "close the text"
	}
	list := []hint{{acceptKey, ""}, text, {l.look.Keys.Back, ""}}
	if len(l.lines()) > l.height {
		list = append(list, hint{letter("down", "scroll"), ""})
	}
	return list
}

func (l *licenceDialog) foot() foot { return foot{hints: l.bindings()} }

// licenceAccepted tells that the person agrees.
type licenceAccepted struct{ download *download }

func (l *licenceDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, acceptKey):
		return answer(licenceAccepted{l.download})
	case is(k, textKey):
		l.whole, l.top = !l.whole, 0
	case is(k, l.look.Keys.Back):
		return answer(nil)
	default:
		return l.scroll(k)
	}
	return took(nil)
}

func (l *licenceDialog) scroll(k tea.KeyPressMsg) outcome {
	switch k.String() {
	case "up":
		l.wheel(-1)
	case "down":
		l.wheel(1)
	case "pgup":
		l.wheel(-l.height + 1)
	case "pgdown", "space":
		l.wheel(l.height - 1)
	case "home":
		l.wheel(-len(l.lines()))
	case "end":
		l.wheel(len(l.lines()))
	default:
		return pass()
	}
	return took(nil)
}

func (l *licenceDialog) view() ([]string, *tea.Cursor) {
	lines := l.lines()
	return lines[min(l.top, len(lines)):min(l.top+l.height, len(lines))], nil
}

func (l *licenceDialog) lines() []string {
	left, width := column(l.width)
	terms := l.download.plan.Terms
	lines := append([]string{""}, styled(l.look.Theme.bold, wrapped(terms.Name, width))...)
	lines = append(lines, "")
	if l.whole {
		lines = append(lines, wrapped(l.text(terms), width)...)
	} else {
		lines = append(lines, wrapped(terms.Summary, width)...)
	}
	if terms.Link != "" {
		lines = append(append(lines, ""), styled(l.look.Theme.muted, wrapped(terms.Link, width))...)
	}
	return indented(append(lines, ""), left)
}

// text is the licence's text, or what is known in place of it.
func (l *licenceDialog) text(terms licence.Licence) string {
	if text := strings.TrimSpace(string(l.download.plan.Text)); text != "" {
		return text
	}
	return fmt.Sprintf("%s\n\nThe text did not come with the model. It is at the address below.", terms.Summary)
}

// accept writes down that the person agrees, and begins what waited for that.
func (s *shelf) accept(w *download) tea.Cmd {
	if w.state != asking {
		return nil
	}
	w.plan.Accept(time.Now())
	return s.run(w)
}
