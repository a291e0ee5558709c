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

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/tui/kit"
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

// A server is named in words, and where messages go is said once.
func TestLinearServer(t *testing.T) {
	s := newShelves(t, "")
	s.servers["lab"] = config.Endpoint{URL: "http://lab:8000"}
	o := s.options(replies("yes"))
	o.Model = "lab/big"
	l := listen(t, o)
	l.hears("Your messages go to the server lab (http://lab:8000).")
	l.hears("You: ")
	l.types("hi")
	l.hears("Answer ends.")
	l.types("/quit")
	l.ends()
	heard := l.heard.String()
	if strings.Contains(heard, library.RemoteMark) || strings.Count(heard, "Your messages go") != 1 || !strings.Contains(heard, "lab/big is answering.") {
		t.Errorf("heard\n%s", heard)
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

// TestLinearActions: an action concerns a row only with its number; words filter.
func TestLinearActions(t *testing.T) {
	l := listen(t, remembering(t, longAgo()...))
	l.hears("You: ")
	l.types("/conversations")
	l.hears("5. Escape this please")
	l.hears("> ")
	for _, words := range []string{"del", "words filter", "rename it", "undo"} {
		l.types(words)
		l.hears("No message matches " + words)
		l.hears("> ")
	}
	l.types("delete")
	l.hears("To delete, add the number of a row.")
	l.hears("No message matches delete.")
	l.hears("> ")
	l.types("")
	l.hears("5. Escape this please")
	l.hears("> ")
	l.types("delete 6")
	l.hears("No row has the number 6. The list has 5 rows.")
	l.types("0")
	l.hears("No row has the number 0.")
	l.types("/export")
	l.hears("To export, add the number of a row.")
	l.types("/nonsense")
	l.hears(`Unknown action "/nonsense". A number chooses, words filter. Actions, before a number: open, rename, delete, export.`)
	l.types("DELETE 5")
	l.hears(`Deleted "Escape this please" (/undo).`)
	l.types("/undo")
	l.hears("5. Escape this please")
	l.hears("> ")
	l.types("delete 4")
	l.hears("(/undo)")
	l.types("slice")
	l.hears("1. How does a slice grow")
	l.hears("> ")
	l.types("/back")
	l.hears("1. ✎ Write a poem about")
	l.hears("/undo delete")
	l.types("slice")
	l.hears("2. And what happens to a map")
	l.hears("> ")
	l.types("1")
	l.hears(`Search for "slice": 2 found.`)
	l.hears("Message 1, yours: How does a slice grow in Go?")
	l.hears("You: ")
	l.types("/find Capacity doubles")
	l.hears(`Search for "Capacity doubles": 1 found.`)
	l.hears("Message 2, Ministral 3 8B: Capacity doubles up to 256")
	l.types("/message 2")
	l.hears("Message 2 of 2")
	l.types("/find zebra")
	l.hears(`Search for "zebra": 0 found.`)
	l.types("/conversations")
	l.hears("1. ✎ Write a poem about")
	l.hears("> ")
	l.types("1")
	l.hears("Draft: Write a poem about")
	l.types("/clear")
	l.hears("Draft discarded.")
	l.types("/quit")
	l.ends()
}

// TestLinearDraft: a command after a draft is a command, and a slip is not sent.
func TestLinearDraft(t *testing.T) {
	s := replies("one", "two")
	l := listen(t, scripted(s))
	l.hears("You: ")
	l.types("/modle")
	l.hears("Unknown command /modle. Did you mean /model?")
	l.types(`first\`)
	l.types("/system Be brief.")
	l.hears("System prompt: Be brief.")
	l.types("/sytsem")
	l.hears("Did you mean /system?")
	l.types(" /second")
	l.hears("one\n")
	l.hears("You: ")
	if got, want := spoken(last(t, s)), "system: Be brief.\nuser: first\n /second"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	l.types(`forget this\`)
	l.types("/clear")
	l.hears("Draft discarded.")
	l.types(" /etc is a folder")
	l.hears("two\n")
	l.hears("You: ")
	if got := spoken(last(t, s)); !strings.HasSuffix(got, "\nuser: /etc is a folder") {
		t.Errorf("asked\n%s", got)
	}
	l.types("/new line") // an action, not the command /new
	l.hears("other lines are added.")
	l.types("/quit")
	l.ends()
}

// TestLinearUnbound works without any key: there are none to press.
func TestLinearUnbound(t *testing.T) {
	o := remembering(t, longAgo()...)
	look, _ := kit.NewLook(o.Settings, modes)
	o.Settings.Keys = map[string]config.Keys{}
	for _, n := range look.Keys.Named() {
		o.Settings.Keys[n.Name] = config.Keys{}
	}
	l := listen(t, o)
	l.hears("You: ")
	l.types("/conversations")
	l.hears("5. Escape")
	l.types("rename 5")
	l.hears("New title.")
	l.types("Escapes")
	l.hears("5. Escapes")
	l.types("5")
	l.hears("Draft: and one more thing")
	l.types("/settings")
	l.hears("1. theme")
	l.types("1")
	l.hears("1. theme, light")
	l.types("")
	l.hears("You: ")
	l.types("/review")
	l.hears("No changes")
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
	l.hears("ministral-3-3b, 2.99 GB, best here")
	l.types("guarded")
	l.hears("1. guarded, chat code · not for commercial use")
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

// TestLinearModes chooses a file, a change and a finding by their numbers.
func TestLinearModes(t *testing.T) {
	o, path := reviewable(t, reviewer(nilMapFound, droppedFound))
	coding, _ := coding(t)
	o.Folder = coding.Folder
	l := listen(t, o)
	l.hears("You: ")
	l.types("/code")
	l.hears("Choose a file.\n")
	l.hears("2. sub/other.txt\n")
	l.types("words")
	l.hears("1. words.go\n")
	l.types("1")
	l.hears("package words\n")
	l.types("/review")
	l.hears("1. not staged, 3 files")
	l.types("words filter")
	l.hears(`Unknown action "words filter". A number chooses.`)
	l.types("1")
	l.hears("2. minor, store/open.go:17-18, error dropped\n")
	l.types("/apply")
	l.hears("To apply, add the number of a row.")
	l.types("dropped")
	l.hears("1. minor, store/open.go:17-18, error dropped\n")
	l.types("")
	l.hears("2. minor, store/open.go:17-18, error dropped\n")
	l.types("2")
	l.hears("What Sync and Close say is lost.\n")
	l.types("")
	l.hears("1. major, api/user.go:42, write to a nil map\n")
	l.types("apply 1")
	l.hears("Applied to api/user.go (/undo).")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "if u.tags == nil") {
		t.Errorf("the file is %q, %v", text, err)
	}
	l.types("/quit")
	l.ends()
}
