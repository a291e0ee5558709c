package models

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// licenceDialog asks the user to accept a licence before the download. It shows a summary or
// the full text.
type licenceDialog struct {
	kit.TextDialog
	download *Download
	whole    bool // the text is shown
}

func newLicenceDialog(look *kit.Look, w *Download) *licenceDialog {
	l := &licenceDialog{download: w}
	l.Look = look
	l.Lines = l.lines
	return l
}

var (
	textKey   = kit.NewBinding("o", "open the text")
	acceptKey = kit.NewBinding("a", "accept")
)

func (l *licenceDialog) Title() string              { return "Licence" }
func (l *licenceDialog) Note() string               { return kit.OneLine(l.download.title) }
func (l *licenceDialog) Click(int, int) kit.Outcome { return kit.Handled(nil) }

func (l *licenceDialog) Bindings() []kit.Hint {
	text := kit.Hint{Binding: textKey, Words: ""}
	if l.whole {
		text.Words = "close the text"
	}
	list := []kit.Hint{{Binding: acceptKey, Words: ""}, text, {Binding: l.Look.Keys.Back, Words: ""}}
	if len(l.lines()) > l.Height {
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
		l.whole, l.Top = !l.whole, 0
	case kit.Matches(k, l.Look.Keys.Back):
		return kit.Close(nil)
	default:
		return l.TextDialog.Press(k)
	}
	return kit.Handled(nil)
}

func (l *licenceDialog) lines() []string {
	left, width := kit.Column(l.Width)
	terms := l.download.plan.Terms
	lines := append([]string{""}, kit.StyleLines(l.Look.Theme.Bold, kit.Wrap(terms.Name, width))...)
	lines = append(lines, "")
	if l.whole {
		lines = append(lines, kit.Wrap(l.download.plan.TermsText(), width)...)
	} else {
		lines = append(lines, kit.Wrap(terms.Summary, width)...)
	}
	if terms.Link != "" {
		lines = append(append(lines, ""), kit.StyleLines(l.Look.Theme.Muted, kit.Wrap(terms.Link, width))...)
	}
	return kit.Indent(append(lines, ""), left)
}

// accept records that the user accepts a licence, and starts the download.
func (s *Service) accept(msg licenceAccepted) tea.Cmd {
	for _, w := range s.Downloads {
		if w.Number == msg.number && w.State == AwaitingLicence {
			w.plan.Accept(time.Now())
			return s.run(w)
		}
	}
	return nil
}

// LicenceDialog returns the dialog to accept the licence of a planned download, or nil if none
// is needed.
func (s *Service) LicenceDialog(msg DownloadPlanned) kit.Dialog {
	w := s.find(msg.number, msg.attempt)
	if w == nil || w.State != AwaitingLicence {
		return nil
	}
	return newLicenceDialog(s.look, w)
}
