package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

const longNotice = "Cannot save the conversation: the disk that has the history is full and nothing can be written to it"

// TestNoticeIsWhole checks that a message is shown in full, beside the keys, until esc.
func TestNoticeIsWhole(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 12}} {
		d := drive(t, scripted(enginetest.Says("hello")), size[0], size[1])
		d.sees("Ministral 3 8B")
		d.m.notify.Error(errors.New(longNotice))
		d.send(nil)
		frame := strings.Join(strings.Fields(d.frame()), " ")
		if !strings.Contains(frame, longNotice+".") || !strings.Contains(frame, "esc dismiss · ? keys") {
			t.Errorf("%d×%d:\n%s", size[0], size[1], d.frame())
		}
		d.typed("x")
		d.sees("esc dismiss")
		d.pressed("esc")
		d.misses("esc dismiss")
		d.sees("▍ x")
	}
}

func TestNoticeFits(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.sees("Ministral 3 8B")
	d.m.notify.Undo("deleted something", func() tea.Msg { return nil })
	d.sees("deleted something · ctrl+_ undo ")
	d.sees("? keys")
	d.m.notify.Undo(longNotice, func() tea.Msg { return nil })
	d.sees("\n ctrl+_ undo · ? keys")
	d.typed("x")
	d.misses("undo")
	d.m.notify.Warn(strings.Repeat("very long ", 100))
	d.sees("…\n")
	if lines := len(d.m.noticeLines()); lines != maxNoticeLines {
		t.Errorf("%d lines", lines)
	}
}

func TestNoticeIsClicked(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.sees("Ministral 3 8B")
	d.m.notify.Warn(longNotice)
	y := d.row("Cannot save")
	for _, msg := range []tea.Msg{tea.MouseClickMsg{X: 5, Y: y, Button: tea.MouseLeft}, tea.MouseReleaseMsg{X: 5, Y: y, Button: tea.MouseLeft}} {
		d.send(msg)
	}
	d.misses("Cannot save")
}

// TestNoticeIsSolved checks that a message goes with its cause, and only then.
func TestNoticeIsSolved(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.sees("Ministral 3 8B")
	d.m.notify.ErrorOf("saving", fault.Errorf(fault.NoSpace, "cannot save x: the disk is full"))
	d.m.notify.Solved("opening")
	d.sees("Cannot save x: the disk is full. Free some disk space and try again.")
	d.m.notify.Solved("saving")
	d.misses("Cannot save")
}

func TestMessages(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.sees("Ministral 3 8B")
	d.typed("/messages")
	d.pressed("enter")
	d.sees("No messages yet.")
	d.pressed("esc")
	for i := range maxNotices + 10 {
		d.m.notify.Info(fmt.Sprintf("message %d", i))
		d.m.notify.Info(fmt.Sprintf("message %d", i)) // the same again
	}
	d.typed("/messages")
	d.pressed("enter")
	d.sees("message 59")
	d.misses("message 11\n")
	d.pressed("end")
	d.sees("message 10\n")
	d.misses("message 9\n")
	d.pressed("esc")
	d.sees("Ask anything")
}

// TestCommandsNarrow checks that a help that is cut in its row is whole below.
func TestCommandsNarrow(t *testing.T) {
	o, _ := reviewable(t, reviewer())
	d := drive(t, o, 40, 12)
	d.pressed("alt+2", "ctrl+p", "down")
	d.sees("  dismiss        mark the finding as …"[2:])
	d.sees("  mark the finding as one to ignore")
}

// TestPromptIsWhole checks that a long answer is shown in rows, and marked where it does not fit.
func TestPromptIsWhole(t *testing.T) {
	d := drive(t, furnished(t).options(&enginetest.Script{}), 40, 12)
	d.sees("ministral-3-3b")
	d.lists()
	d.pressed("i")
	d.typed("/first" + strings.Repeat("x", 40) + "/last")
	d.sees("▍ /firstxxx")
	d.sees("/last")
	d.typed("/" + strings.Repeat("y", 80))
	d.misses("/first")
	d.sees("↑")
}
