package tui

import (
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine/enginetest"
)

// TestBell checks when the end of an answer rings.
func TestBell(t *testing.T) {
	for _, c := range []struct {
		name, setting string
		focus         tea.Msg // reported while the answer is generated
		took, since   time.Duration
		want          bool
	}{
		{"elsewhere", "", tea.BlurMsg{}, slowAnswer, time.Hour, true},
		{"elsewhere and fast", "", tea.BlurMsg{}, 0, time.Hour, false},
		{"here", "", tea.FocusMsg{}, slowAnswer, time.Hour, false},
		{"unknown", "", nil, slowAnswer, time.Hour, false},
		{"unknown, always", "always", nil, slowAnswer, time.Hour, true},
		{"unknown, always, at the keys", "always", nil, slowAnswer, 0, false},
		{"elsewhere, never", "never", tea.BlurMsg{}, slowAnswer, time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			gate := make(chan struct{})
			o := scripted(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("half"), enginetest.Wait(gate), enginetest.Text(" and half")}}})
			o.Settings.Bell = c.setting
			d := drive(t, o, 80, 24)
			d.sees("Ministral 3 8B")
			if report := d.m.View().ReportFocus; report != (c.setting != "never") {
				t.Errorf("the terminal reports the focus: %t", report)
			}
			d.typed("hi")
			d.pressed("enter")
			d.sees("half")
			d.send(c.focus)
			d.m.bell.began[0] = time.Now().Add(-c.took)
			d.m.bell.key = time.Now().Add(-c.since)
			close(gate)
			d.until("the end", func() bool { return !d.busy() && d.running == 0 })
			if rang := slices.Contains(d.raw, "\a"); rang != c.want {
				t.Errorf("it rang: %t", rang)
			}
		})
	}
}
