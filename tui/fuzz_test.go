package tui

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// hands are what a person does, by number.
var hands = []string{
	"a", "/", "@", "?", "1", " ", "日", "👩‍👩‍👧", "\u202e", "e\u0301", "y", "e", "r", "s", "j", "k",
	"enter", "esc", "tab", "space", "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "backspace", "delete", "shift+enter",
	"ctrl+p", "ctrl+r", "ctrl+l", "ctrl+s", "ctrl+o", "ctrl+n", "ctrl+x", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+y", "ctrl+_", "ctrl+d", "ctrl+e",
	"ctrl+f", "alt+r", "alt+c", "alt+y", "alt+up", "alt+p", "alt+n", "alt+1", "ctrl+home", "ctrl+end", "shift+tab", "f1",
}

var hours = flag.Duration("hands", 300*time.Millisecond, "how long TestHands plays")

// TestHands plays at random, for as long as it is told to.
func TestHands(t *testing.T) {
	for seed, end := uint64(1), time.Now().Add(*hours); time.Now().Before(end); seed++ {
		random := rand.New(rand.NewPCG(seed, 0))
		script := make([]byte, 20+random.IntN(400))
		for i := range script {
			script[i] = byte(random.IntN(256))
			if random.IntN(3) > 0 {
				script[i] = byte(random.IntN(len(hands)))
			}
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playSession(t, script) })
	}
}

// FuzzHands plays anything at all, and looks at every frame: none overflows, none
// has what a terminal would obey, and nothing panics. Half of the bytes are keys,
// the others resizes, pastes, clicks, and the arrival of what was asked for.
func FuzzHands(f *testing.F) {
	f.Add([]byte("\x00\x10hello\x10\x14\x14\x0b\x82\xff\xc0\xd0"))
	f.Add([]byte{16, 200, 200, 20, 9, 31, 5, 16, 250, 3, 129, 60, 60, 16, 200, 200, 200})
	f.Add([]byte{2, 0, 200, 200, 16, 200, 33, 21, 21, 16, 17, 34, 22, 16, 200, 129, 1, 200, 1, 16})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 300 {
			playSession(t, script)
		}
	})
}

// playSession plays a script in an interface with everything.
func playSession(t *testing.T, script []byte) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{timings, enginetest.Thinking("hm"), enginetest.Text(growing)},
		{enginetest.Text(strings.Repeat("日本語 wide, ", 40)), enginetest.End(engine.FinishLength)},
		{enginetest.Text("| a | b |\n| - | - |\n| x | y |\n\n"), enginetest.Fail{Err: fault.Errorf(fault.Internal, "it broke")}},
		{enginetest.Text("on and on "), enginetest.Wait(nil)},
	}}
	o := scripted(s)
	o.Folder = folder
	path := filepath.Join(folder, "history.db")
	o.History = func() (*history.Store, error) { return history.Open(path) }
	o.Settings.Vim = len(script)%5 == 0
	if len(script)%2 == 0 {
		o.Model = "" // the one of the last time
	}
	play(t, o, script)
}

func play(t *testing.T, o Options, script []byte) {
	ctx, cancel := context.WithCancel(t.Context())
	m := New(ctx, o)
	defer m.Close()
	defer cancel()
	arrived := make(chan tea.Msg, 1000)
	run := func(cmd tea.Cmd) {
		if cmd != nil {
			go func() { arrived <- cmd() }()
		}
	}
	do := func(msg tea.Msg) {
		switch msg := msg.(type) {
		case nil:
		case tea.BatchMsg:
			for _, cmd := range msg {
				run(cmd)
			}
		default:
			_, cmd := m.Update(msg)
			run(cmd)
			checkFrame(t, m)
		}
	}
	do(tea.WindowSizeMsg{Width: 80, Height: 24})
	run(m.screens[0].Shown())
	for i := 0; i < len(script); i++ {
		switch c := script[i]; {
		case int(c) < len(hands):
			do(kit.KeyPress(hands[c]))
		case c < 140 && i+2 < len(script):
			do(tea.WindowSizeMsg{Width: int(script[i+1]), Height: int(script[i+2]) / 3})
			i += 2
		case c < 160:
			at := tea.Mouse{X: int(c) % 40, Y: i % 24, Button: tea.MouseLeft}
			do(tea.MouseClickMsg(at))
			if at.X += i % 3; i%3 > 0 {
				do(tea.MouseMotionMsg(at))
			}
			do(tea.MouseReleaseMsg(at))
		case c < 170:
			do(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
		case c < 180:
			do(tea.PasteMsg{Content: strings.Repeat(strings.ToValidUTF8(string(script[i:]), "?"), int(c)-169)})
		default:
			select {
			case msg := <-arrived:
				do(msg)
			default:
			}
		}
	}
}
