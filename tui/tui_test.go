package tui

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/enginetest"
)

func TestFirstFrame(t *testing.T) {
	goldens(t, func() Options { return scripted(enginetest.Says("hello")) }, func(d *driver) { d.sees("Ministral 3 8B") })
}

func TestKeys(t *testing.T) {
	goldens(t, func() Options { return scripted(enginetest.Says("hello")) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.pressed("?")
	})
}

func TestSmallTerminal(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	for _, size := range [][2]int{{29, 24}, {80, 7}, {1, 1}, {0, 0}, {5, 3}} {
		d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
	}
	d.send(tea.WindowSizeMsg{Width: 28, Height: 7})
	d.sees("bise needs a larger window.")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	d.sees("Ask anything")
}

func TestQuit(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.pressed("ctrl+c")
	d.until("quit", func() bool { return d.quit })
}

// TestProblem tells what is wrong with the settings, and goes on.
func TestProblem(t *testing.T) {
	o := scripted(enginetest.Says("hello"))
	o.Problem = errors.New("cannot read config.toml: line 1: it is no TOML")
	d := drive(t, o, 80, 24)
	d.sees("Cannot read config.toml: line 1: it is no TOML.")
	d.typed("x")
	d.sees("Cannot read config.toml")
	d.pressed("esc")
	d.misses("Cannot read")

	o.Problem = nil
	o.Settings.Keys = map[string]config.Keys{"quit": {"ctrl+t"}, "qiut": {"q"}, "new": {"strg+n"}}
	o.Problems = config.Locate("/home/me/config.toml", CheckKeys(o.Settings))
	d = drive(t, o, 80, 24)
	d.sees(`config.toml: interface.keys.new: unknown key name "strg+n"; did you mean`)
	d.sees(`(/messages lists all 2 problems)`)
	d.pressed("esc")
	d.typed("/messages")
	d.pressed("enter")
	d.sees(`config.toml: unknown key "interface.keys.qiut" is ignored; did you mean`)
	d.pressed("esc")
	d.pressed("ctrl+c")
	if d.quit {
		t.Error("ctrl+c quits, though it was given away")
	}
	d.pressed("ctrl+t")
	d.until("the end", func() bool { return d.quit })
}

// TestNoColours tells text, code and placeholders apart on a terminal without colours.
func TestNoColours(t *testing.T) {
	d := drive(t, scripted(says("Use `make` here.")), 80, 24)
	d.send(tea.ColorProfileMsg{Profile: colorprofile.ASCII})
	d.sees("Ministral 3 8B")
	seen := func(text string) string {
		t.Helper()
		var b strings.Builder
		w := colorprofile.Writer{Forward: &b, Profile: colorprofile.ASCII}
		if _, err := w.WriteString(d.m.View().Content); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if strings.Contains(ansi.Strip(line), text) {
				return line
			}
		}
		t.Fatalf("%q is not on the screen:\n%s", text, b.String())
		return ""
	}
	if line := seen("Ask anything"); !strings.Contains(line, "\x1b[2;3m") && !strings.Contains(line, "\x1b[3;2m") {
		t.Errorf("the placeholder looks like text: %q", line)
	}
	d.typed("Ask anything")
	if line := seen("Ask anything"); strings.Contains(line, "3m") {
		t.Errorf("text looks like the placeholder: %q", line)
	}
	d.pressed("enter")
	d.sees("Use `make` here.")
	d.send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	d.sees("Use make here.")
}
