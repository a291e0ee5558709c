package tui

import (
	"context"
	"fmt"
	"image/color"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// A driver plays the person and Bubble Tea: it feeds messages to the interface,
// runs the commands that come back, each in a goroutine of its own, and looks at
// what a person would see.
type driver struct {
	t       *testing.T
	m       *Model
	arrived chan tea.Msg
	running int // commands whose result has not been taken
	raw     []string
	quit    bool
	end     func() // ends the interface; the test's end does too
}

// patience is how long a test waits for something before it fails.
const patience = 10 * time.Second

// drive begins an interface of a size, in a context of its own.
func drive(t *testing.T, o Options, width, height int) *driver {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &driver{t: t, m: New(ctx, o), arrived: make(chan tea.Msg, 100)}
	d.end = sync.OnceFunc(func() {
		cancel()
		if err := d.m.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(d.end)
	d.run(d.m.Init())
	d.send(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

// run starts a command.
func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	d.running++
	go func() { d.arrived <- cmd() }()
}

// send gives a message to the interface.
func (d *driver) send(msg tea.Msg) {
	d.t.Helper()
	switch msg := msg.(type) {
	case nil:
		return
	case tea.QuitMsg:
		d.quit = true
		return
	case tea.BatchMsg:
		for _, cmd := range msg {
			d.run(cmd)
		}
		return
	case tea.RawMsg:
		d.raw = append(d.raw, fmt.Sprint(msg.Msg))
		return
	}
	if v := reflect.ValueOf(msg); v.Kind() == reflect.String && v.Type().PkgPath() == "charm.land/bubbletea/v2" {
		d.raw = append(d.raw, v.String()) // a clipboard's text
		return
	}
	_, cmd := d.m.Update(msg)
	d.run(cmd)
	d.check()
}

// take waits for the result of one command, and gives it to the interface.
func (d *driver) take() {
	d.t.Helper()
	select {
	case msg := <-d.arrived:
		d.running--
		d.send(msg)
	case <-time.After(patience):
		d.t.Fatalf("nothing happens any more; the screen:\n%s", d.frame())
	}
}

// until takes results until something is so.
func (d *driver) until(what string, so func() bool) {
	d.t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > patience {
			d.t.Fatalf("%s did not come; the screen:\n%s", what, d.frame())
		}
		if d.running == 0 {
			d.t.Fatalf("%s never came; the screen:\n%s", what, d.frame())
		}
		d.take()
	}
}

// sees takes results until a text is on the screen.
func (d *driver) sees(text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("%q", text), func() bool { return strings.Contains(d.frame(), text) })
}

// misses fails when a text is on the screen.
func (d *driver) misses(text string) {
	d.t.Helper()
	if frame := d.frame(); strings.Contains(frame, text) {
		d.t.Errorf("%q is on the screen:\n%s", text, frame)
	}
}

// typed presses the key of each character.
func (d *driver) typed(text string) {
	d.t.Helper()
	for _, r := range text {
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// pressed presses keys by their names, such as ctrl+p.
func (d *driver) pressed(names ...string) {
	d.t.Helper()
	for _, name := range names {
		d.send(kit.KeyPress(name))
	}
}

// frame is what a person sees.
func (d *driver) frame() string {
	lines := strings.Split(ansi.Strip(d.m.View().Content), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// check fails when the frame does not fit the terminal, or has what a terminal
// would obey.
func (d *driver) check() {
	d.t.Helper()
	checkFrame(d.t, d.m)
}

func checkFrame(t testing.TB, m *Model) {
	t.Helper()
	v := m.View()
	lines := strings.Split(v.Content, "\n")
	if len(lines) > max(1, m.height) {
		t.Fatalf("%d lines on %d:\n%s", len(lines), m.height, v.Content)
	}
	for _, line := range lines {
		if w := ansi.StringWidth(line); w > max(1, m.width) {
			t.Fatalf("%d columns on %d: %q", w, m.width, line)
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.X >= m.width || c.Y < 0 || c.Y >= m.height) {
		t.Fatalf("the cursor is at %d, %d on %d×%d", c.X, c.Y, m.width, m.height)
	}
	if bad := commands(v.Content); bad != "" {
		t.Fatalf("the frame has %q", bad)
	}
	if again := m.View(); again.Content != v.Content {
		t.Fatal("two views differ")
	}
}

// commands finds what in a frame is neither text nor colour nor link.
func commands(s string) string {
	for len(s) > 0 {
		seq, _, n, _ := ansi.DecodeSequence(s, ansi.NormalState, nil)
		if n <= 0 {
			return s
		}
		switch {
		case strings.HasPrefix(seq, "\x1b["):
			if !strings.HasSuffix(seq, "m") {
				return seq
			}
		case strings.HasPrefix(seq, "\x1b]8;"):
		case seq[0] == '\x1b', seq[0] < ' ' && seq != "\n", seq[0] == 0x7f:
			return seq
		}
		s = s[n:]
	}
	return ""
}

// sizes are those of the golden frames.
var sizes = []struct{ width, height int }{{40, 12}, {80, 24}, {200, 50}}

// goldens plays a scene at every size, on a dark and a light background, and
// compares what a person sees with testdata.
func goldens(t *testing.T, options func() Options, scene func(*driver)) {
	t.Helper()
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(t *testing.T) {
			for name, colour := range map[string]color.Color{"dark": color.Black, "light": color.White} {
				t.Run(name, func(t *testing.T) {
					d := drive(t, options(), size.width, size.height)
					d.send(tea.BackgroundColorMsg{Color: colour})
					scene(d)
					golden.RequireEqual(t, d.frame()+"--\n"+strings.ReplaceAll(d.m.View().Content, "\x1b", "␛")+"\n")
				})
			}
		})
	}
}

// scripted are options with an engine that plays replies.
func scripted(s *enginetest.Script) Options {
	if s.About.Model == "" {
		s.About.Model = "Ministral 3 8B"
	}
	return Options{
		Model: "ministral-3-8b",
		Open:  func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return s, nil },
	}
}

// busy reports whether the current mode waits for an answer.
func (d *driver) busy() bool {
	n, ok := d.m.Mode().(kit.Narrator)
	return ok && n.Busy()
}

// newest is the conversation of the history that changed last.
func (d *driver) newest() history.Conversation {
	d.t.Helper()
	list, err := d.store().List(d.t.Context(), history.Conversation{}, 1)
	if err != nil || len(list) == 0 {
		d.t.Fatalf("the history has %d conversations, %v", len(list), err)
	}
	return list[0]
}

// listed is how many rows the dialog on top has.
func (d *driver) listed() int { return len(d.m.Dialog().(kit.Lister).AsList().Rows) }

// row is the row of the frame that has a text.
func (d *driver) row(text string) int {
	d.t.Helper()
	for y, line := range strings.Split(d.frame(), "\n") {
		if strings.Contains(line, text) {
			return y
		}
	}
	d.t.Fatalf("%q is not on the screen:\n%s", text, d.frame())
	return 0
}
