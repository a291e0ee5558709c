package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/kit"
)

// drag moves the mouse with its button down.
func (d *driver) drag(fromX, fromY, toX, toY int) {
	d.send(tea.MouseClickMsg{X: fromX, Y: fromY, Button: tea.MouseLeft})
	d.send(tea.MouseMotionMsg{X: (fromX + toX) / 2, Y: (fromY + toY) / 2, Button: tea.MouseLeft})
	d.send(tea.MouseMotionMsg{X: toX, Y: toY, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: toX, Y: toY, Button: tea.MouseLeft})
}

func TestDraggingCopies(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		fromX, fromY, toX, toY int
		want                   string
	}{
		{"a word", 3, 4, 11, 4, "Appending"},
		{"backwards", 11, 4, 3, 4, "Appending"},
		{"lines", 0, 7, 79, 8, "s := make([]int, 0, 2)\ns = append(s, 1, 2, 3) // cap is now 4"},
		{"from within a line", 13, 4, 12, 5, "past the capacity allocates a new array, copies the old elements and return"},
		{"wide", 3, 12, 8, 12, "日本語"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := drive(t, scripted(says(growing+"\n\n日本語 and more")), 80, 24)
			d.sees("Ministral 3 8B")
			d.asks("How does a slice grow in Go?")
			d.idle()
			d.drag(tt.fromX, tt.fromY, tt.toX, tt.toY)
			d.sees("copied")
			d.until("the clipboard", func() bool { return len(d.raw) > 0 })
			if d.raw[0] != tt.want {
				t.Errorf("copied %q, want %q", d.raw[0], tt.want)
			}
			d.pressed("esc")
			d.misses("copied")
		})
	}
}

// What was wrapped for the screen is copied as it was written.
func TestDraggingJoinsWrappedLines(t *testing.T) {
	prose := strings.TrimSpace(strings.Repeat("A sentence that goes on. ", 8))
	code := "x := \"" + strings.Repeat("0123456789", 10) + "\""
	list := "- " + prose + "\n- second"
	d := drive(t, scripted(says(prose+"\n\n"+list+"\n\n```go\nif x {\n\t"+code+"\n}\n```\n\n> "+prose)), 80, 40)
	d.ready()
	question := strings.TrimSpace(strings.Repeat("Why is that so? ", 10))
	d.asks(question)
	d.idle()
	lines := strings.Split(d.frame(), "\n")
	d.drag(0, 1, 79, len(lines)-5)
	d.until("the clipboard", func() bool { return len(d.raw) > 0 })
	want := question + "\n\n" + prose + "\n\n• " + prose + "\n• second\n\n  if x {\n      " + code + "\n  }\n\n│ " + prose
	if d.raw[0] != want {
		t.Errorf("copied\n%s\nwant\n%s", d.raw[0], want)
	}
	if v := d.m.View().Content; v != term.Unmark(v) {
		t.Error("the terminal gets the marks")
	}

	// What is being written, too.
	d.raw = nil
	d.send(tea.PasteMsg{Content: question})
	lines = strings.Split(d.frame(), "\n")
	d.drag(0, len(lines)-5, 79, len(lines)-3)
	d.until("the clipboard", func() bool { return len(d.raw) > 0 })
	if d.raw[0] != question {
		t.Errorf("copied\n%s\nwant\n%s", d.raw[0], question)
	}
}

func TestClicks(t *testing.T) {
	d := drive(t, scripted(says(growing)), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("How does a slice grow in Go?")
	d.idle()
	click := func(x, y int) {
		d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
		d.send(tea.MouseReleaseMsg{X: x, Y: y, Button: tea.MouseLeft})
	}
	click(10, 4)
	d.sees("▍ Appending")
	click(10, 4)
	d.misses("▍ Appending")
	click(75, 7) // the label of the code
	d.sees("copied the code")
	d.until("the clipboard", func() bool { return len(d.raw) > 0 })
	d.typed("abc")
	click(4, 22)
	d.typed("x")
	d.sees("▍ axbc")
	click(16, 0)
	if name := modes[d.m.current]; name != "review" {
		t.Errorf("the tab of %s is current", name)
	}
	click(9, 0)
	d.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	d.sees("▍ axbc")
}

// TestHintsAreClicked does what the foot says by clicking on it.
func TestHintsAreClicked(t *testing.T) {
	d := drive(t, scripted(says(growing)), 80, 24)
	d.sees("Ministral 3 8B")
	on := func(text string) {
		t.Helper()
		lines := strings.Split(d.frame(), "\n")
		foot := lines[23]
		at := strings.Index(foot, text)
		if at < 0 {
			t.Fatalf("there is no %q in %q", text, foot)
		}
		mouse := tea.Mouse{X: kit.Width(foot[:at]), Y: 23, Button: tea.MouseLeft}
		d.send(tea.MouseClickMsg(mouse))
		d.send(tea.MouseReleaseMsg(mouse))
	}
	on("ctrl+s")
	d.sees("theme")
	on("esc")
	d.misses("theme")
	d.asks("How does a slice grow in Go?")
	d.idle()
	on("? keys") // at the right end
	d.sees("everywhere")
	on("back")
	d.pressed("alt+up")
	on("copy")
	d.sees("copied the message")
	d.send(tea.MouseClickMsg{X: 0, Y: 23, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: 0, Y: 23, Button: tea.MouseLeft})
}
