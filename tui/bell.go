package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	// slowAnswer is how long an answer takes at least, so that its end rings the bell.
	slowAnswer = 10 * time.Second
	// attentive is how long after a key the bell is silent: the user is there.
	attentive = 2 * time.Second
)

// bell rings the terminal's bell when a slow answer ends while the user is elsewhere.
type bell struct {
	blurred bool        // the terminal has reported that it has no focus
	key     time.Time   // of the last key
	began   []time.Time // when each mode began to work; zero: it does not
}

// isBusy reports whether a screen generates an answer or a review.
func isBusy(s any) bool {
	b, ok := s.(interface{ Busy() bool })
	return ok && b.Busy()
}

// note follows focus, keys and the work of the modes. It returns a command to ring, or nil.
func (b *bell) note(msg tea.Msg, screens []mode, when string, now time.Time) tea.Cmd {
	switch msg.(type) {
	case tea.BlurMsg:
		b.blurred = true
	case tea.FocusMsg:
		b.blurred = false
	case tea.KeyPressMsg:
		b.key = now
	}
	if b.began == nil {
		b.began = make([]time.Time, len(screens))
	}
	var ring tea.Cmd
	for i, s := range screens {
		switch busy := isBusy(s); {
		case busy && b.began[i].IsZero():
			b.began[i] = now
		case !busy && !b.began[i].IsZero():
			slow := now.Sub(b.began[i]) >= slowAnswer
			b.began[i] = time.Time{}
			if slow && when != "never" && (b.blurred || when == "always" && now.Sub(b.key) >= attentive) {
				ring = tea.Raw("\a")
			}
		}
	}
	return ring
}
