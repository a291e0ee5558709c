package tui

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
)

// A listener is somebody who hears the linear interface and types.
type listener struct {
	t           *testing.T
	hand        io.WriteCloser
	heard       strings.Builder
	runes       chan rune
	interrupted chan os.Signal
	ended       chan error
}

func listen(t *testing.T, o Options) *listener {
	in, hand := io.Pipe()
	ear, out := io.Pipe()
	l := &listener{t: t, hand: hand, runes: make(chan rune, 1<<16), interrupted: make(chan os.Signal), ended: make(chan error, 1)}
	go func() {
		l.ended <- RunPlain(t.Context(), o, in, out, l.interrupted)
		out.Close()
	}()
	go func() {
		defer close(l.runes)
		for r := bufio.NewReader(ear); ; {
			c, _, err := r.ReadRune()
			if err != nil {
				return
			}
			l.runes <- c
		}
	}()
	return l
}

// hears waits for a text that was not heard before.
func (l *listener) hears(text string) {
	l.t.Helper()
	start := l.heard.Len()
	for !strings.Contains(l.heard.String()[max(0, start-len(text)):], text) {
		select {
		case r, ok := <-l.runes:
			if !ok {
				l.t.Fatalf("%q never came:\n%s", text, l.heard.String())
			}
			if r == '\x1b' {
				l.t.Fatalf("an escape sequence after:\n%s", l.heard.String())
			}
			l.heard.WriteRune(r)
		case <-time.After(patience):
			l.t.Fatalf("%q never came:\n%s", text, l.heard.String())
		}
	}
}

// types a line.
func (l *listener) types(line string) {
	if _, err := io.WriteString(l.hand, line+"\n"); err != nil {
		l.t.Fatal(err)
	}
}

// ends waits for the end.
func (l *listener) ends() {
	l.t.Helper()
	for r := range l.runes {
		l.heard.WriteRune(r)
	}
	if err := <-l.ended; err != nil {
		l.t.Error(err)
	}
}

func TestLinear(t *testing.T) {
	l := listen(t, scripted(says(strings.SplitAfter(growing+"\n\n| a | b |\n| - | - |\n| 1 | 2 |\n", " ")...)))
	l.hears("Ministral 3 8B.\nYou: ")
	l.types("How does a slice grow in Go?")
	l.hears("Context")
	l.hears("You: ")
	l.types("/quit")
	l.ends()
	const want = `bise. /help lists commands.
Starting ministral-3-8b.
You: 
Ministral 3 8B.
You: Ministral 3 8B is answering.
Appending past the capacity allocates a new array, copies the old elements and returns a slice that
points to it:
Code, go, 2 lines:
s := make([]int, 0, 2)
s = append(s, 1, 2, 3) // cap is now 4
End of code.
Capacity doubles up to 256 elements, then grows by about a quarter.
a  b
1  2
Answer ends. 57 tokens, 31 per second. Context 0 percent used.
You: `
	if got := l.heard.String(); got != want {
		t.Errorf("heard\n%s\nwant\n%s", got, want)
	}
}

func TestLinearSession(t *testing.T) {
	editor := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\necho from the editor >\"$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Thinking("hm"), enginetest.Text("one\n\nand "), enginetest.Wait(nil)},
		{enginetest.Text("two")},
		{enginetest.Text("three"), enginetest.Fail{Err: &fault.Error{Msg: "it broke", Advice: "Mend it."}}},
		{enginetest.Text("four")},
		{enginetest.Text("five")},
	}}
	o, _ := kept(t, s)
	o.Getenv = func(name string) string { return map[string]string{"EDITOR": editor}[name] }
	l := listen(t, o)
	l.hears("Ministral 3 8B.\nYou: ")
	l.types(`first\`)
	l.types("second")
	l.hears("one\n")
	l.types("/stop")
	l.hears("and\nStopped. /continue continues, /again answers again.\nYou: ")
	l.types("/continue")
	l.hears("and two\nAnswer ends.")
	l.hears("You: ")
	l.types("and then?")
	l.hears("Error: It broke. Mend it.")
	l.hears("You: ")
	l.types("/again")
	l.hears("four\n")
	l.hears("You: ")
	l.types("/message 3")
	l.hears("Message 3 of 4, yours: and then?")
	l.hears("/edit")
	l.hears("You: ")
	l.types("/edit")
	l.hears("Editing: and then?")
	l.hears("You: ")
	l.types("and what then?")
	l.hears("five\n")
	l.hears("You: ")
	if got, want := spoken(last(t, s)), "user: first\nsecond\nassistant: one\n\nand two\nuser: and what then?"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	l.types("/message 1")
	l.hears("Message 1 of 4")
	l.hears("You: ")
	l.types("/back")
	l.hears("You: ")
	l.types("/settings")
	l.hears("Settings.\n")
	l.hears("1. theme, auto\n")
	l.hears("> ")
	l.types("3")
	l.hears("3. vim, on\n")
	l.hears("> ")
	l.types("previous value 1")
	l.hears("1. theme, contrast\n")
	l.hears("> ")
	l.types("")
	l.hears("You: ")
	l.types("/theme")
	l.hears("Unknown theme: want auto") // a notice
	l.types("/help")
	l.hears("/new: start a new conversation.\n")
	l.hears("Available now: /send, /new line")
	l.hears("You: ")
	l.types("/conversations")
	l.hears("Conversations.\n")
	l.hears("1. first second")
	l.types("nothing like that")
	l.hears("No message matches nothing like that.")
	l.types("")
	l.hears("> ")
	l.types("")
	l.hears("You: ")
	l.types("/new")
	l.hears("You: ")
	l.types("/editor")
	l.hears("Draft: from the editor\n")
	l.types("")
	l.hears("five\n")
	l.hears("You: ")
	l.interrupted <- os.Interrupt
	l.ends()
}

func TestLinearInterrupt(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{{enginetest.Text("on and on\n\nand"), enginetest.Wait(nil)}}}
	l := listen(t, scripted(s))
	l.hears("Ministral 3 8B.\nYou: ")
	l.types("go")
	l.hears("on and on\n")
	l.interrupted <- os.Interrupt
	l.hears("Stopped.")
	l.hears("You: ")
	l.interrupted <- os.Interrupt
	l.ends()
}

// TestLinearEnds ends with what is typed, and with the context.
func TestLinearEnds(t *testing.T) {
	l := listen(t, scripted(says("x")))
	l.hears("You: ")
	l.hand.Close()
	l.ends()

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	in, _ := io.Pipe()
	go func() { ended <- RunPlain(ctx, scripted(says("x")), in, io.Discard, nil) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The first run, for those who hear it: choose a model, agree to its licence, ask it.
func TestLinearFirstRun(t *testing.T) {
	s := newShelves(t, pulltest.New(t).URL)
	l := listen(t, s.options(replies("Hello to you.")))
	l.hears("Choose a model. It is downloaded once and stays on this machine.")
	l.hears("Ministral 3 3B, 2.99 GB, best here")
	l.types("guarded")
	l.hears("1. Guarded 1, chat code · not for commercial use")
	l.types("1")
	l.hears("For testing and research.")
	l.hears("accept")
	l.types("accept")
	l.hears("Guarded is installed and verified")
	l.types("Hello")
	l.hears("Hello to you.")
	l.types("/quit")
	l.ends()
}
