package models

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// licenceDialog asks somebody to agree to a licence before the bytes come: its name
// and the two sentences that matter, or the whole text.
type licenceDialog struct {
	look          *kit.Look
	download      *Download
	whole         bool // the text is shown
	width, height int
	top           int // the first line that is shown
}

func newLicenceDialog(look *kit.Look, w *Download) *licenceDialog {
	return &licenceDialog{look: look, download: w}
}

var (
	textKey   = kit.NewBinding("o", "open the text")
	acceptKey = kit.NewBinding("a", "accept")
)

func (l *licenceDialog) Title() string              { return "Licence" }
func (l *licenceDialog) Note() string               { return kit.OneLine(l.download.title) }
func (l *licenceDialog) Init() tea.Cmd              { return nil }
func (l *licenceDialog) Update(tea.Msg) tea.Cmd     { return nil }
func (l *licenceDialog) Paste(string) kit.Outcome   { return kit.Handled(nil) }
func (l *licenceDialog) Click(int, int) kit.Outcome { return kit.Handled(nil) }
func (l *licenceDialog) Resize(width, height int)   { l.width, l.height = width, height; l.Scroll(0) }

func (l *licenceDialog) Scroll(lines int) {
	l.top = max(0, min(l.top+lines, len(l.lines())-l.height))
}

func (l *licenceDialog) Bindings() []kit.Hint {
	text := kit.Hint{Binding: textKey, Words: ""}
	if l.whole {
		text.Words = "close the text"
	}
	list := []kit.Hint{{Binding: acceptKey, Words: ""}, text, {Binding: l.look.Keys.Back, Words: ""}}
	if len(l.lines()) > l.height {
		list = append(list, kit.Hint{Binding: kit.NewBinding("down", "scroll"), Words: ""})
	}
	return list
}

func (l *licenceDialog) Footer() kit.Footer { return kit.Footer{Hints: l.Bindings()} }

// licenceAccepted reports that the user accepts the licence of a download.
type licenceAccepted struct{ number int }

func (l *licenceDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	switch {
	case kit.Matches(k, acceptKey):
		return kit.Close(licenceAccepted{l.download.Number})
	case kit.Matches(k, textKey):
		l.whole, l.top = !l.whole, 0
	case kit.Matches(k, l.look.Keys.Back):
		return kit.Close(nil)
	default:
		return l.scroll(k)
	}
	return kit.Handled(nil)
}

func (l *licenceDialog) scroll(k tea.KeyPressMsg) kit.Outcome {
	switch k.String() {
	case "up":
		l.Scroll(-1)
	case "down":
		l.Scroll(1)
	case "pgup":
		l.Scroll(-l.height + 1)
	case "pgdown", "space":
		l.Scroll(l.height - 1)
	case "home":
		l.Scroll(-len(l.lines()))
	case "end":
		l.Scroll(len(l.lines()))
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

func (l *licenceDialog) View() ([]string, *tea.Cursor) {
	lines := l.lines()
	return lines[min(l.top, len(lines)):min(l.top+l.height, len(lines))], nil
}

func (l *licenceDialog) lines() []string {
	left, width := kit.Column(l.width)
	terms := l.download.plan.Terms
	lines := append([]string{""}, kit.StyleLines(l.look.Theme.Bold, kit.Wrap(terms.Name, width))...)
	lines = append(lines, "")
	if l.whole {
		lines = append(lines, kit.Wrap(l.download.plan.TermsText(), width)...)
	} else {
		lines = append(lines, kit.Wrap(terms.Summary, width)...)
	}
	if terms.Link != "" {
		lines = append(append(lines, ""), kit.StyleLines(l.look.Theme.Muted, kit.Wrap(terms.Link, width))...)
	}
	return kit.Indent(append(lines, ""), left)
}

// accepted records that the user accepts a licence, and begins the download.
func (s *Service) accepted(msg licenceAccepted) tea.Cmd {
	for _, w := range s.Downloads {
		if w.Number == msg.number && w.State == AwaitingLicence {
			w.plan.Accept(time.Now())
			return s.run(w)
		}
	}
	return nil
}

// LicenceDialog returns the dialog in which the user accepts the licence of a
// download that was planned, nil when it does not need that.
func (s *Service) LicenceDialog(msg DownloadPlanned) kit.Dialog {
	w := s.find(msg.number, msg.try)
	if w == nil || w.State != AwaitingLicence {
		return nil
	}
	return newLicenceDialog(s.look, w)
}
