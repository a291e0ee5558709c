package plain

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/tui/kit"
)

// report prints what is new.
func (s *session) report() {
	if d := s.i.Dialog(); d != nil {
		s.describeDialog(d)
	} else {
		s.dialog = nil
		if n := s.narrator(); n != nil {
			s.text = ""
			s.narrated = n.Narrate(s.narrated, s.say)
		} else {
			s.describeMode(s.i.Mode())
		}
	}
	notice := s.i.Notice()
	if text := notice.Text; text != s.notice {
		s.notice = text
		if notice.Key != "" {
			text += fmt.Sprintf(" (/%s)", notice.Word)
		}
		if text != "" {
			s.say(kit.Sentence(text))
		}
	}
}

// describeDialog prints a new dialog, or one that has changed.
func (s *session) describeDialog(d kit.Dialog) {
	if list := kit.ListOf(d); list != nil && list.Loading {
		return
	}
	text := s.describe(d)
	if d == s.dialog && text == s.text {
		return
	}
	if d != s.dialog {
		var head []string
		for _, part := range []string{d.Title(), d.Note()} {
			if part = ansi.Strip(part); part != "" {
				head = append(head, part)
			}
		}
		if len(head) > 0 {
			s.say(kit.Sentence(strings.Join(head, ", ")))
		}
	}
	s.dialog, s.text = d, text
	s.say(text)
}

// describe returns what a screen shows and what can be entered.
func (s *session) describe(screen kit.Screen) string {
	if asker, ok := screen.(kit.Asker); ok {
		question, answer := asker.Question()
		return fmt.Sprintf("%s\nThe value is: %s\nA line replaces it; an empty line goes back.", question, answer)
	}
	if list := kit.ListOf(screen); list != nil {
		return list.Describe() + s.possible(screen)
	}
	return strings.Join(append(drawn(screen), s.possible(screen)), "\n")
}

// describeMode prints what a mode shows, if it has changed.
func (s *session) describeMode(screen kit.Screen) {
	if list := kit.ListOf(screen); list != nil && list.Loading {
		return
	}
	if text := s.describe(screen); text != s.text {
		s.text = text
		s.say(text)
	}
}

// drawn returns the text that a screen draws.
func drawn(screen kit.Screen) []string {
	var texts []string
	lines, _ := screen.View()
	for _, line := range lines {
		if line = strings.TrimSpace(ansi.Strip(line)); line != "" {
			texts = append(texts, line)
		}
	}
	return texts
}
