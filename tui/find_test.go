package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/tui/kit"
)

// lines are the rows of the frame that have a text.
func (d *driver) lines(text string) []string {
	var list []string
	for _, line := range strings.Split(d.m.View().Content, "\n") {
		if strings.Contains(ansi.Strip(line), text) {
			list = append(list, line)
		}
	}
	return list
}

// lengthy is a conversation of several screens.
func lengthy() exported {
	talk := talked(time.Date(2024, 3, 14, 9, 30, 0, 0, time.UTC), "question 1: where is the needle?", "answer 1 has a Needle")
	say := func(role engine.Role, text string) {
		talk.Messages = append(talk.Messages, talkMessage{len(talk.Messages), engine.Message{Role: role, Content: engine.Text(text)}, talk.Created})
	}
	for i := 2; i <= 12; i++ {
		say(engine.User, fmt.Sprintf("question %d", i))
		say(engine.Assistant, fmt.Sprintf("answer %d\n\n%s", i, strings.Repeat("- an item\n", 5)))
	}
	say(engine.User, "a last needle")
	say(engine.Assistant, "no more")
	talk.Leaf = len(talk.Messages)
	return talk
}

// openFound searches for a text in the list of conversations, and opens the only one.
func (d *driver) openFound(text string) {
	d.t.Helper()
	d.sees("Ministral 3 8B")
	d.pressed("ctrl+r")
	d.sees("14 March")
	d.typed(text)
	d.sees("1 found")
	d.pressed("enter")
	d.until("the conversation", func() bool { return d.m.Dialog() == nil && strings.Contains(d.frame(), text) })
}

// TestTypedAfterAHit: a message that was searched for is marked, and what is typed is text.
func TestTypedAfterAHit(t *testing.T) {
	for _, text := range []string{"really nice", "yes please", "edit this", "1. first", "jkl", "hello", "s", "need"} {
		s := replies("fine")
		o := remembering(t, lengthy())
		o.Open = scripted(s).Open
		d := drive(t, o, 80, 24)
		d.openFound("question 7")
		if got := d.lines("question 7"); len(got) == 0 || !strings.Contains(got[0], "\x1b[4;7;") {
			t.Errorf("the match is not marked: %q", got)
		}
		d.typed(text)
		d.sees("▍ " + text)
		d.pressed("enter")
		d.sees("fine")
		d.idle()
		if got := spoken(last(t, s)); !strings.HasSuffix(got, "\nassistant: no more\nuser: "+text) {
			t.Errorf("asked %q", got)
		}
	}
}

// TestSelecting dims the composer, says so, and gives letters that are no command to it.
func TestSelecting(t *testing.T) {
	d := drive(t, scripted(replies("one", "two")), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("count")
	d.idle()
	const note = "A message is selected. esc to write"
	accent := d.lines("Ask anything")[0]
	d.pressed("alt+up")
	if dim := d.lines(note); len(dim) != 1 || dim[0] == accent || d.m.View().Cursor != nil {
		t.Errorf("the composer is not dimmed: %q", dim)
	}
	d.pressed("esc")
	d.misses(note)
	d.pressed("alt+up")
	d.typed("what?") // w is no command, and then all is text
	d.misses(note)
	d.sees("▍ what?")
	d.pressed("alt+up")
	d.sees(note) // above the draft
	d.sees("▍ what?")
	d.pressed("enter") // does not send
	d.misses(note)
	d.sees("▍ what?")
	if d.busy() {
		t.Error("enter sent the draft of a dimmed composer")
	}
	d.pressed("enter")
	d.sees("two")
	d.idle()
	d.send(tea.MouseClickMsg{X: 5, Y: 2, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: 5, Y: 2, Button: tea.MouseLeft})
	d.sees(note)
}

// TestRecall goes through the prompts with the arrows, as a shell does.
func TestRecall(t *testing.T) {
	o := remembering(t, longAgo()...)
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.pressed("up") // from an earlier session
	d.sees("▍ And what happens to a map")
	d.pressed("ctrl+u")
	d.asks("first")
	d.idle()
	d.asks("second")
	d.idle()
	d.pressed("up")
	d.sees("▍ second")
	d.misses("selected")
	d.pressed("up")
	d.sees("▍ first")
	d.pressed("up")
	d.sees("▍ And what happens to a map")
	d.pressed("down")
	d.sees("▍ first")
	d.pressed("down", "down")
	d.sees("Ask anything")
	d.pressed("up")
	d.typed("x")
	d.pressed("up", "down") // an edited prompt stays
	d.sees("▍ secondx")
	d.pressed("ctrl+u")
	// The prompts of a conversation that is opened come first.
	d.pressed("ctrl+r")
	d.sees("How does a slice grow")
	d.typed("slice")
	d.sees("2 found")
	d.pressed("enter")
	d.sees("/ slice   1 of 2")
	d.pressed("up")
	d.sees("▍ How does a slice grow in Go?")
	d.pressed("up")
	d.sees("▍ second")
}

func TestFind(t *testing.T) {
	o := remembering(t, lengthy())
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.pressed("ctrl+f")
	d.sees("search this conversation") // an empty one, too
	d.pressed("esc", "ctrl+r")
	d.sees("14 March")
	d.pressed("enter")
	d.sees("no more")
	d.pressed("ctrl+f")
	d.typed("needle")
	d.sees("/ needle   3 of 3")
	d.sees("enter older match · ↓ newer match · esc back")
	if marked := d.lines("a last needle"); len(marked) != 1 || !strings.Contains(marked[0], "\x1b[4;7;") {
		t.Errorf("the match is not marked: %q", marked)
	}
	d.pressed("enter")
	d.sees("/ needle   2 of 3")
	d.sees("answer 1 has a Needle")
	d.pressed("up")
	d.sees("/ needle   1 of 3")
	d.pressed("down", "down")
	d.sees("/ needle   3 of 3")
	d.sees("a last needle")
	d.pressed("down") // around
	d.sees("/ needle   1 of 3")
	for _, size := range sizes {
		d.send(tea.WindowSizeMsg{Width: size.width, Height: size.height})
		d.sees("1 of 3")
	}
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	d.pressed("alt+p", "ctrl+x", "pgdown") // the composer is dimmed: only scrolling works
	d.sees("Ask anything")
	d.typed("x")
	d.sees("/ needlex   no match")
	d.pressed("backspace", "esc")
	d.misses("of 3")
	d.typed("n")
	d.sees("▍ n")
	d.pressed("ctrl+u")
	d.asks("/find answer 1")      // as a command, with a text of two words
	d.sees("/ answer 1   1 of 4") // the nearest one
	d.pressed("ctrl+c")
	d.misses("answer 1   ")
	d.pressed("ctrl+f")
	d.send(tea.PasteMsg{Content: "answer\n 12"})
	d.sees("/ answer  12   1 of 1")
	d.pressed("ctrl+n") // a new conversation has no marks
	d.misses("/ answer")
}

// TestFindWrapped finds what is broken over two rows, in folded text, and in what grows.
func TestFindWrapped(t *testing.T) {
	gate := make(chan struct{})
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("A slice points to it. " + strings.Repeat("words ", 10) + "**bold** needle of several words\n\nand"), enginetest.Wait(gate), enginetest.Text(" a Needle")},
	}}
	d := drive(t, scripted(s), 60, 24)
	d.sees("Ministral 3 8B")
	d.typed("deep")
	for range 20 {
		d.pressed("ctrl+j")
	}
	d.asks("down there: needle")
	d.sees("lines in total")
	d.sees("bold")
	d.pressed("ctrl+f")
	d.typed("bold needle of several words")
	d.sees("1 of 1")
	d.pressed("ctrl+u")
	d.typed("needle")
	d.sees("2 of 2")
	d.sees("down there: needle") // unfolded
	close(gate)
	d.idle()
	d.sees("2 of 3")
	d.pressed("esc")
	d.sees("lines in total")
}

// TestNewBelow says that an answer grows out of sight, and a key or a click goes there.
func TestNewBelow(t *testing.T) {
	gate := make(chan struct{})
	reply := enginetest.Reply{enginetest.Text(strings.Repeat("a line\n\n", 30)), enginetest.Wait(gate), enginetest.Text("more\n\n"), enginetest.Wait(gate), enginetest.Text("and more")}
	d := drive(t, scripted(&enginetest.Script{About: about, Replies: []enginetest.Reply{reply}}), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("go")
	d.sees("a line")
	d.until("all lines", func() bool { return strings.Count(d.frame(), "a line") > 8 })
	d.pressed("pgup")
	d.misses("↓ new")
	gate <- struct{}{}
	d.sees("↓ new · ctrl+end")
	d.misses("more")
	d.pressed("ctrl+end")
	d.misses("↓ new")
	d.sees("more")
	d.pressed("pgup")
	d.misses("↓ new")
	gate <- struct{}{}
	d.sees("↓ new · ctrl+end")
	y := d.row("↓ new")
	d.send(tea.MouseClickMsg{X: 70, Y: y, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: 70, Y: y, Button: tea.MouseLeft})
	d.misses("↓ new")
	d.sees("and more")
	d.idle()
}

// TestVimMode names vi's mode beside what is written.
func TestVimMode(t *testing.T) {
	o := scripted(replies("yes"))
	o.Settings.Vim = true
	d := drive(t, o, 40, 12)
	d.sees("Ministral 3 8B")
	last := func() string { return strings.Split(d.frame(), "\n")[10] }
	if got := last(); !strings.HasSuffix(got, "INSERT") {
		t.Errorf("the composer is %q", got)
	}
	d.typed("hello and a text that is longer than the line")
	d.pressed("esc")
	if got := last(); !strings.HasSuffix(got, "NORMAL") || !strings.Contains(got, "line") {
		t.Errorf("the composer is %q", got)
	}
	d.typed("cc")
	if got := last(); !strings.HasSuffix(got, "INSERT") {
		t.Errorf("the composer is %q", got)
	}
}

// TestUnknownCommands are answered, not sent; a leading space sends them.
func TestUnknownCommands(t *testing.T) {
	s := replies("one", "two", "three")
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	for line, near := range map[string]string{"/modle mathstral": "/model", "/attatch a b": "/attach", "/Hlep": "/help", "/qiut": "/quit"} {
		d.asks(line)
		d.sees("Did you mean " + near + "? Start with a space to send it.")
		d.sees("▍ " + line)
		d.pressed("left") // the error stays as long as its cause
		d.sees("Did you mean")
		d.pressed("ctrl+e", "backspace")
		d.misses("Did you mean")
		d.pressed("esc", "ctrl+u")
	}
	d.asks("/xyzzy says nothing")
	d.sees("Unknown command /xyzzy. /help lists the commands. Start with a")
	if d.busy() {
		t.Error("it was sent")
	}
	d.pressed("esc", "ctrl+u")
	for line, sent := range map[string]string{" /modle is a word": "/modle is a word", "/etc/hosts has what?": "/etc/hosts has what?", "/ is a slash": "/ is a slash"} {
		d.asks(line)
		d.idle()
		if got := spoken(last(t, s)); !strings.HasSuffix(got, "user: "+sent) {
			t.Errorf("asked %q, want %q at the end", got, sent)
		}
	}
	d.typed("draft")
	d.pressed("ctrl+u")
	d.asks("/CLEAR")
	d.sees("draft discarded")
}

// TestCommandsPopupScrolls shows every command, and how many are out of sight.
func TestCommandsPopupScrolls(t *testing.T) {
	d := drive(t, scripted(replies("one")), 80, 24)
	d.sees("Ministral 3 8B")
	d.typed("/")
	n := len(d.m.Commands())
	d.sees(fmt.Sprintf("↓ %d more", n-kit.PopupRows+1))
	for i := range n {
		d.sees("❯ /" + d.m.Commands()[i].Name)
		d.pressed("down")
	}
	d.pressed("up")
	d.sees(fmt.Sprintf("↑ %d more", n-kit.PopupRows+1))
	d.misses("↓")
	d.typed("zzz")
	d.sees("no command matches")
	d.misses("enter ")
	d.pressed("ctrl+u")
	d.typed("/messages")
	d.sees("enter run")
	d.pressed("ctrl+u")
	d.typed("/message")
	d.sees("enter insert")
}

// TestFilterWithoutMatch says so beside the filter, in every list that has one.
func TestFilterWithoutMatch(t *testing.T) {
	o := remembering(t, longAgo()...)
	reviewing, _ := reviewable(t, reviewer(nilMapFound))
	coding, _ := coding(t)
	library := furnished(t).options(replies())
	o.Changes, o.Folder = reviewing.Changes, coding.Folder
	o.Models, o.Downloads, o.Endpoints = library.Models, library.Downloads, library.Endpoints
	for name, keys := range map[string][]string{
		"conversations": {"ctrl+r"}, "models": {"ctrl+l", "/"}, "servers": {"ctrl+l", "s", "/"}, "commands": {"alt+2", "ctrl+p"}, "files": {"alt+3"}, "settings": {"ctrl+s", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			d := drive(t, o, 80, 24)
			d.sees("Ministral 3 8B")
			d.pressed(keys...)
			d.typed("zqx")
			d.sees("/ zqx   no match")
			d.pressed("backspace", "backspace", "backspace")
			d.misses("no match")
		})
	}
	for name, keys := range map[string][]string{"changes": {"alt+2", "/"}} {
		t.Run(name, func(t *testing.T) {
			d := drive(t, o, 80, 24)
			d.sees("Ministral 3 8B")
			d.pressed(keys...)
			d.typed("zq")
			d.misses("zq") // there is no filter
		})
	}
}
