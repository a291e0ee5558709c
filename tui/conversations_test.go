package tui

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/history"
)

// The hours in the frames are the same wherever the tests run.
func init() { time.Local = time.UTC }

// An exported is a conversation as history imports it.
type exported struct {
	Title    string        `json:"title"`
	Mode     string        `json:"mode"`
	Model    string        `json:"model"`
	Created  time.Time     `json:"created"`
	Updated  time.Time     `json:"updated"`
	Draft    string        `json:"draft,omitempty"`
	Leaf     int           `json:"leaf,omitempty"`
	Messages []talkMessage `json:"messages"`
}

type talkMessage struct {
	Parent int `json:"parent,omitempty"`
	engine.Message
	Created time.Time `json:"created"`
}

// talked is a conversation of a question and an answer.
func talked(at time.Time, question, answer string) exported {
	say := func(parent int, role engine.Role, text string) talkMessage {
		return talkMessage{parent, engine.Message{Role: role, Content: engine.Text(text)}, at}
	}
	return exported{
		Title: question, Mode: "chat", Model: "ministral-3-8b", Created: at, Updated: at, Leaf: 2,
		Messages: []talkMessage{say(0, engine.User, question), say(1, engine.Assistant, answer)},
	}
}

// exportFile is a file with conversations.
func exportFile(t *testing.T, talks ...exported) string {
	t.Helper()
	data, err := json.Marshal(struct {
		Version       int        `json:"bise_history"`
		Conversations []exported `json:"conversations"`
	}{1, append([]exported{}, talks...)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "talks.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// remembering are options with a history of some conversations.
func remembering(t *testing.T, talks ...exported) Options {
	t.Helper()
	o, path := kept(t, replies("And on it goes."))
	s, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(exportFile(t, talks...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, err := s.Import(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o
}

// longAgo are conversations of days that never become today.
func longAgo() []exported {
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2024, month, day, hour, 30, 0, 0, time.UTC)
	}
	slices := talked(at(3, 14, 9), "How does a slice grow in Go?", growing)
	maps := talked(at(3, 14, 17), "And what happens to a map that grows while it is ranged over by several goroutines at once?",
		"Nothing good: the runtime notices and ends the program. A slice would not even be noticed.")
	maps.Model = "/home/me/models/Mistral-Nemo-Instruct-2407-Q4_K_M.gguf"
	kana := talked(at(2, 1, 8), "スライスとは何ですか", "配列の一部を指す記述子です。")
	draft := exported{Mode: "chat", Model: "ministral-3-8b", Created: at(3, 15, 10), Updated: at(3, 15, 10), Draft: "Write a poem about", Messages: []talkMessage{}}
	half := talked(at(1, 2, 12), "Escape \x1b[31mthis\x07 please", "no")
	half.Draft = "and one more thing"
	return []exported{slices, maps, kana, draft, half}
}

func TestConversations(t *testing.T) {
	goldens(t, func() Options { return remembering(t, longAgo()...) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.pressed("ctrl+r")
		d.sees("Write a poem about")
		d.pressed("down")
	})
}

func TestConversationsFound(t *testing.T) {
	goldens(t, func() Options { return remembering(t, longAgo()...) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.pressed("ctrl+r")
		d.sees("Write a poem about")
		d.typed("slic")
		d.sees("2 found")
		d.pressed("down")
	})
}

func TestConversationsNone(t *testing.T) {
	d := drive(t, remembering(t), 80, 24)
	d.pressed("ctrl+r")
	d.sees("No conversations yet. bise saves each")
	d.pressed("enter", "ctrl+d", "ctrl+e", "ctrl+x") // nothing is chosen
	d.misses("Rename")
	d.pressed("esc")
	d.sees("Ask anything")
}

func TestConversationsFilter(t *testing.T) {
	d := drive(t, remembering(t, longAgo()...), 80, 24)
	d.pressed("ctrl+r")
	d.sees("Write a poem about")
	d.sees("15 March 2024")
	d.typed("zebra")
	d.sees("No message matches zebra.")
	d.pressed("esc")
	d.sees("15 March 2024")
	d.typed("スライス")
	d.sees("1 found")
	d.sees("スライスとは何ですか")
	d.pressed("esc")
	d.typed(`"array, copies"`)
	d.sees("How does a slice grow … · …allocates a new array, copies")
	d.sees("…past the capacity allocates a new array, copies") // the detail
	d.pressed("esc", "esc")
	d.sees("Ask anything")
}

// TestConversationsOpen opens one by what was said in it, in another branch than
// the one that was seen last, and goes on there.
func TestConversationsOpen(t *testing.T) {
	branched := talked(time.Date(2024, 3, 14, 9, 0, 0, 0, time.UTC), "count", "one")
	again := branched.Messages[1]
	again.Content = engine.Text("two")
	branched.Messages = append(branched.Messages, again)
	branched.Leaf, branched.Draft = 3, "and th"
	o := remembering(t, append(longAgo(), branched)...)
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.pressed("ctrl+r")
	d.sees("count")
	d.typed("one")
	d.sees("found")
	d.sees("count · one")
	d.pressed("enter")
	d.sees("/ one   1 of 1") // the message is marked, not selected
	d.misses("two")
	d.misses("versions")
	d.sees("▍ and th")
	d.typed("ree?")
	d.pressed("enter")
	d.sees("And on it goes.")
	d.idle()
	path, err := d.store().Path(t.Context(), d.newest().ID)
	if err != nil || len(path) != 4 || path[1].Content.Plain() != "one" || path[2].Content.Plain() != "and three?" {
		t.Errorf("the history has %+v, %v", path, err)
	}
}

// TestConversationsOpenWhileAnswering opens the conversation that is shown: its
// answer goes on.
func TestConversationsOpenWhileAnswering(t *testing.T) {
	gate := make(chan struct{})
	o, _ := kept(t, &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("The first"), enginetest.Wait(gate), enginetest.Text(" and the second.")},
	}})
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("tell me")
	d.sees("The first")
	d.pressed("ctrl+r")
	d.sees("Today")
	d.pressed("enter")
	d.until("the chat", func() bool { return len(d.m.dialogs) == 0 })
	close(gate)
	d.sees("The first and the second.")
	d.idle()
	d.misses("stopped")
}

func TestConversationsDelete(t *testing.T) {
	d := drive(t, remembering(t, longAgo()...), 80, 24)
	d.pressed("ctrl+r")
	d.sees("Write a poem about")
	d.pressed("down", "down", "ctrl+d")
	d.sees(`deleted "How does a slice grow in Go?"`)
	d.sees("ctrl+_ undo · enter open · ctrl+e rename")
	d.misses("  How does a slice grow")
	d.typed("u") // is text, as any letter here
	d.sees("/ u")
	d.pressed("esc")
	d.sees("Write a poem about")
	d.pressed("ctrl+_")
	d.sees("How does a slice grow")
	d.pressed("home", "down", "down")
	d.pressed("delete") // the one that is chosen now
	d.sees("deleted")
	d.pressed("up")
	d.misses("deleted")
	d.sees("ctrl+_ undo delete")
	d.pressed("delete")
	d.sees("deleted")
	d.pressed("down", "ctrl+_")
	d.until("the last one", func() bool { return d.listed() == 4 })
	d.pressed("ctrl+_")
	d.until("the one before", func() bool { return d.listed() == 5 })
	d.pressed("ctrl+_")
	d.sees("no deleted conversation to restore")
}

// TestConversationsDeleteShown deletes the conversation that is shown.
func TestConversationsDeleteShown(t *testing.T) {
	d := drive(t, remembering(t), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("a question")
	d.sees("And on it goes.")
	d.idle()
	d.pressed("ctrl+r")
	d.sees("Today")
	d.pressed("ctrl+d", "esc")
	d.misses("And on it goes.")
	d.sees("Ask anything")
}

func TestConversationsRename(t *testing.T) {
	d := drive(t, remembering(t, longAgo()...), 80, 24)
	d.pressed("ctrl+r")
	d.sees("Write a poem about")
	d.pressed("down", "ctrl+e")
	d.sees("New title. If empty, bise uses the first words.")
	d.pressed("ctrl+u")
	d.typed("maps and goroutines")
	d.pressed("enter")
	d.sees("❯ maps and goroutines")
	d.pressed("ctrl+e", "ctrl+u", "enter")
	d.sees("❯ And what happens to a map")
	d.pressed("ctrl+e", "esc")
	d.sees("❯ And what happens to a map")
}

func TestConversationsExportAndImport(t *testing.T) {
	o := remembering(t, longAgo()[:1]...)
	o.Folder = t.TempDir()
	d := drive(t, o, 80, 24)
	d.pressed("ctrl+r")
	d.sees("How does a slice grow in Go?")
	d.pressed("ctrl+x")
	d.sees("How-does-a-slice-grow-in-Go.md")
	d.pressed("enter")
	d.sees("saved How-does-a-slice-grow-in-Go.md")
	data, err := os.ReadFile(filepath.Join(o.Folder, "How-does-a-slice-grow-in-Go.md"))
	if err != nil || !strings.HasPrefix(string(data), "# How does a slice grow in Go?\n") {
		t.Errorf("it is %q, %v", data, err)
	}
	d.pressed("ctrl+x", "enter")
	d.sees("the file already exists")
	d.sees("▍ How-does-a-slice-grow-in-Go.md") // to correct it
	d.pressed("ctrl+u")
	d.typed("all.JSON")
	d.pressed("enter")
	d.sees("saved all.JSON")
	d.pressed("ctrl+d", "esc")

	d.asks("/import all.JSON")
	d.sees("imported 1 conversation")
	d.asks("/import all.JSON")
	d.sees("imported 0 conversations; 1 already exist")
	d.pressed("ctrl+p")
	d.typed("import")
	d.pressed("enter")
	d.sees("Path of a file")
	d.typed("all")
	d.pressed("tab")
	d.sees("▍ all.JSON")
	d.pressed("enter")
	d.sees("1 already exist")
	d.asks("/import nowhere.json")
	d.sees("Cannot import")
	d.sees("▍ nowhere.json") // to correct it
	d.pressed("ctrl+u")
	d.typed("How-does-a-slice-grow-in-Go.md")
	d.pressed("enter")
	d.sees("annot import the file: it is not an exported history")
}

// TestConversationsMany reads a long list page by page.
func TestConversationsMany(t *testing.T) {
	const pageRows = 100
	var talks []exported
	for i := range 2*pageRows + 50 {
		talks = append(talks, talked(time.Date(2024, 1, 1, 0, i, 0, 0, time.UTC), fmt.Sprintf("exported %03d", i), "yes"))
	}
	d := drive(t, remembering(t, talks...), 80, 24)
	d.pressed("ctrl+r")
	d.sees("exported 249")
	if n := d.listed(); n != pageRows {
		t.Errorf("%d rows at first", n)
	}
	for _, n := range []int{2 * pageRows, 2*pageRows + 50} {
		d.pressed("end")
		d.until("the next page", func() bool { return d.listed() == n })
	}
	d.pressed("end")
	d.sees("❯ exported 000")
	d.idle()
	if n := d.listed(); n != 2*pageRows+50 {
		t.Errorf("%d rows after the end", n)
	}
}

// TestConversationsByMouse opens one with two clicks.
func TestConversationsByMouse(t *testing.T) {
	d := drive(t, remembering(t, longAgo()...), 80, 24)
	d.pressed("ctrl+r")
	d.sees("How does a slice grow in Go?")
	y := 0
	for i, line := range strings.Split(d.frame(), "\n") {
		if strings.Contains(line, "How does a slice grow in Go?") {
			y = i
		}
	}
	at := tea.Mouse{X: 10, Y: y, Button: tea.MouseLeft}
	click := func() {
		d.send(tea.MouseClickMsg(at))
		d.send(tea.MouseReleaseMsg(at))
	}
	click()
	d.sees("❯ How does a slice")
	click()
	d.sees("Appending past the capacity")
}

func TestConversationsOfAnotherProcess(t *testing.T) {
	o, path := kept(t, replies("x"))
	d := drive(t, o, 80, 24)
	d.pressed("ctrl+r")
	d.sees("No conversations yet.")
	d.pressed("esc")
	s, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.Start(t.Context(), "chat", "m")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveDraft(t.Context(), c.ID, "written elsewhere"); err != nil {
		t.Fatal(err)
	}
	d.pressed("ctrl+r")
	d.sees("✎ written elsewhere")
}
