package tui

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/tui/talk"
)

// replies is a script that says each text in turn.
func replies(texts ...string) *enginetest.Script {
	s := &enginetest.Script{About: about}
	for _, text := range texts {
		s.Replies = append(s.Replies, enginetest.Reply{timings, enginetest.Text(text)})
	}
	return s
}

// kept are options with a history in a file of the test's own.
func kept(t *testing.T, s *enginetest.Script) (Options, string) {
	path := filepath.Join(t.TempDir(), "history.db")
	o := scripted(s)
	o.History = func() (*history.Store, error) { return history.Open(path) }
	return o, path
}

// chat is the driver's conversation.
func (d *driver) chat() mode { return d.m.screens[0] }

// store is the history after everything that was said is written.
func (d *driver) store() *history.Store {
	d.t.Helper()
	s, err := d.m.history.Store(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// last is the last request that the engine got.
func last(t *testing.T, s *enginetest.Script) engine.ChatRequest {
	t.Helper()
	list := s.Requests()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Chat != nil {
			return *list[i].Chat
		}
	}
	t.Fatal("the engine was not asked")
	return engine.ChatRequest{}
}

// spoken are the messages of a request, as text.
func spoken(r engine.ChatRequest) string {
	var list []string
	for _, m := range r.Messages {
		list = append(list, string(m.Role)+": "+m.Content.Plain())
	}
	return strings.Join(list, "\n")
}

func TestStopAndContinue(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("The first half"), enginetest.Wait(nil)},
		{enginetest.Text(" and the second.")},
	}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("tell me")
	d.sees("The first half")
	d.sees("esc stop")
	d.pressed("esc")
	d.sees("stopped · alt+c continue")
	d.pressed("alt+c")
	d.idle()
	d.sees("The first half and the second.")
	d.misses("stopped")
	r := last(t, s)
	if end := r.Messages[len(r.Messages)-1]; !end.Prefix || end.Role != engine.Assistant || end.Content.Plain() != "The first half" {
		t.Errorf("it was asked to go on from %+v", end)
	}
	path, err := d.store().Path(t.Context(), d.newest().ID)
	if err != nil || len(path) != 2 || path[1].Content.Plain() != "The first half and the second." || path[1].State != history.Complete {
		t.Errorf("the history has %+v, %v", path, err)
	}
}

func TestVersions(t *testing.T) {
	s := replies("one", "two", "three", "four")
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("count")
	d.sees("one")
	d.idle()
	d.pressed("alt+r")
	d.idle()
	d.sees("two")
	d.misses("one")
	d.pressed("alt+up")
	d.sees("‹ 2/2 › versions")
	d.pressed("left")
	d.sees("one")
	d.sees("‹ 1/2 › versions")
	d.pressed("left") // there is none
	d.sees("‹ 1/2 › versions")

	// An edited message is a branch of its own.
	d.pressed("up", "e")
	d.sees("editing: sending makes another version")
	d.typed(" again")
	d.pressed("enter")
	d.idle()
	d.sees("count again")
	d.sees("three")
	d.misses("one")
	if got, want := spoken(last(t, s)), "user: count again"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	d.pressed("alt+up", "up")
	d.sees("‹ 2/2 › versions")
	d.pressed("left")
	d.sees("‹ 1/2 › versions")
	d.until("the other branch", func() bool { return !strings.Contains(d.frame(), "count again") })
	all, err := d.store().All(t.Context(), d.newest().ID)
	if err != nil || len(all) != 5 {
		t.Errorf("%d messages are kept, %v", len(all), err)
	}
}

func TestEditIsLeft(t *testing.T) {
	d := drive(t, scripted(replies("one")), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("count")
	d.idle()
	d.typed("half a question")
	d.pressed("alt+up", "e")
	d.sees("▍ count")
	d.misses("half a question")
	d.pressed("esc")
	d.sees("▍ half a question")
}

func TestQueue(t *testing.T) {
	gate := make(chan struct{})
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("first"), enginetest.Wait(gate), enginetest.Text(" answer")},
		{enginetest.Text("second answer")},
		{enginetest.Text("third"), enginetest.Wait(nil)},
	}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("a")
	d.sees("first")
	d.asks("b")
	d.sees("next: b")
	close(gate)
	d.sees("second answer")
	d.idle()
	d.misses("next:")
	if got, want := spoken(last(t, s)), "user: a\nassistant: first answer\nuser: b"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	d.asks("c")
	d.sees("third")
	d.asks("later")
	d.pressed("esc")
	d.sees("▍ later")
	d.idle()
	asked := slices.DeleteFunc(s.Requests(), func(r enginetest.Request) bool { return r.Chat == nil }) // others count tokens
	if n := len(asked); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestErrorAndAgain(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("half"), enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "the worker died while it answered", Advice: "Ask again."}}},
		{enginetest.Text("whole")},
	}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("go")
	d.sees("✗ The worker died while it answered.")
	d.sees("Ask again.")
	d.sees("alt+c continue · alt+r answer again · alt+e edit · ctrl+l another model")
	d.idle()
	d.pressed("alt+r")
	d.idle()
	d.sees("whole")
	d.misses("✗")
}

func TestModelThatCannotBeOpened(t *testing.T) {
	tries := 0
	s := replies("here I am")
	o := scripted(s)
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		if tries++; tries < 3 {
			return nil, &fault.Error{Kind: fault.NotFound, Msg: "no model is installed", Advice: "Get one: bise pull ministral-3-3b."}
		}
		return s, nil
	}
	d := drive(t, o, 80, 24)
	d.sees("No model is installed.")
	d.sees("Choose a model in the list of models.")
	d.sees("✗ ministral-3-8b")
	d.asks("hello")
	d.sees("✗ No model is installed.")
	d.asks("hello again")
	d.sees("here I am")
}

// TestModelThatOpensLater types and sends while the model is being opened.
func TestModelThatOpensLater(t *testing.T) {
	gate := make(chan struct{})
	s := replies("here I am")
	o := scripted(s)
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		<-gate
		return s, nil
	}
	loaded := 0.0
	o.Loaded = func(context.Context, engine.Engine) (float64, error) {
		loaded += 0.5
		return loaded, nil
	}
	d := drive(t, o, 80, 24)
	d.sees("starting ministral-3-8b")
	d.asks("hello")
	d.asks("and more")
	d.sees("next: and more")
	close(gate)
	d.sees("here I am")
	d.idle()
}

func TestModelThatOpensLaterIsNotWaitedFor(t *testing.T) {
	gate := make(chan struct{})
	s := replies("here I am")
	o := scripted(s)
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		<-gate
		return s, nil
	}
	d := drive(t, o, 80, 24)
	d.asks("hello")
	d.pressed("esc")
	d.sees("stopped before any output")
	close(gate)
	d.until("the model", func() bool { return d.chat().Using().State == engines.Ready })
	if asked(s) > 0 {
		t.Error("it was asked all the same")
	}
}

// TestMeterGrows checks that the meter counts an answer while it is written.
func TestMeterGrows(t *testing.T) {
	gate := make(chan struct{})
	reply := enginetest.Reply{
		enginetest.Emit{Event: engine.Progress{Done: 900, Total: 900}},
		enginetest.Thinking("hm"), enginetest.Text("one"), enginetest.Text(" two"),
		enginetest.Wait(gate), enginetest.Text(" three"),
	}
	d := drive(t, scripted(&enginetest.Script{About: about, Replies: []enginetest.Reply{reply}}), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("count")
	d.sees("903 of 32k")
	gate <- struct{}{}
	d.idle()
}

func TestWaitingLines(t *testing.T) {
	gate := make(chan struct{})
	step := func(e engine.Event) []enginetest.Step {
		return []enginetest.Step{enginetest.Emit{Event: e}, enginetest.Wait(gate)}
	}
	var reply enginetest.Reply
	reply = append(reply, step(engine.Loading{Fraction: 0.4})...)
	reply = append(reply, step(engine.Progress{Queued: 2, Total: 10})...)
	reply = append(reply, step(engine.Progress{Done: 3200, Total: 9800})...)
	reply = append(reply, enginetest.Emit{Event: engine.LeftOut{Messages: 2, Tokens: 900, Context: 4096}}, enginetest.Thinking("hm "), enginetest.Wait(gate), enginetest.Thinking("indeed"), enginetest.Text("so"))
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{{timings, enginetest.Text("yes")}, reply}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("one")
	d.idle()
	d.asks("two")
	for _, line := range []string{"loading Ministral 3 8B ━━━━━━━━━━", "waiting for 2 requests before this one", "prefill: 3.2k of 9.8k tokens ━━━━━━━━────────────────", "▸ thinking"} {
		d.sees(line)
		gate <- struct{}{}
	}
	d.idle()
	d.sees("▸ thought for 0.0 s (")
	d.sees("⋯ 2 earlier messages (")
	d.misses("indeed")
	d.pressed("alt+up", "space")
	d.sees("hm indeed")
	d.pressed("space")
	d.misses("hm indeed")
}

func TestToolCalls(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{{enginetest.Call{Name: "get_weather", Arguments: `{"city": "Paris", "days": 2}`}}}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("how is the weather?")
	d.sees("▸ get_weather(city: Paris, days: 2)")
}

func TestCut(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{{enginetest.Text("a b"), enginetest.End(engine.FinishLength)}, {enginetest.Text("c"), enginetest.End(engine.FinishModelLength)}, {}}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("go")
	d.sees("cut off after ")
	d.idle()
	d.asks("go")
	d.sees("cut off: the context is full · ctrl+o longer context")
	d.idle()
	d.asks("go")
	d.sees("empty answer · alt+r answer again")
}

// TestResume closes an interface and goes on in another.
func TestResume(t *testing.T) {
	s := replies("An answer.\n\n```go\nx := 1\n```")
	o, path := kept(t, s)
	o.Folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Folder, "notes.txt"), []byte("a note\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := o.Folder
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("a question")
	d.idle()
	d.typed("half a th")
	d.pressed("backspace", "backspace")
	d.typed("next one")
	d.typed(" @no")
	d.sees("❯ notes.txt")
	d.pressed("enter")
	d.sees("▤ notes.txt")
	d.store()
	id := d.newest().ID
	d.end()

	s = replies("Another.")
	o = scripted(s)
	o.Folder = folder
	o.History = func() (*history.Store, error) { return history.Open(path) }
	d = drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.send(past.Chosen{ID: id})
	d.sees("▤ notes.txt")
	d.sees("a question")
	d.sees("An answer.")
	d.sees("▍ half a next one")
	d.sees("31 tok/s")
	d.pressed("enter")
	d.sees("Another.")
	d.idle()
	if got, want := spoken(last(t, s)), "user: a question\nassistant: An answer.\n\n```go\nx := 1\n```\nuser: notes.txt:\n```txt\na note\n```\n\nhalf a next one"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	c, err := d.store().Conversation(t.Context(), id)
	if err != nil || c.Draft != "" {
		t.Errorf("the draft is %q, %v", c.Draft, err)
	}
	d.send(past.Deleted{ID: id})
	d.misses("a question")
}

// TestResumeInItsMode opens a conversation from another mode, in the one where it was
// had; what is said elsewhere stays.
func TestResumeInItsMode(t *testing.T) {
	o, _ := kept(t, replies("x = 7", "hello", "again"))
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.pressed("alt+4")
	d.sees("Enter a problem.")
	d.asks("what is x?")
	d.sees("x = 7")
	d.idle()
	id := d.newest().ID
	d.pressed("ctrl+n")
	d.sees("Enter a problem.") // a new one in the same mode
	d.misses("what is x?")
	d.pressed("alt+1")
	d.asks("hi")
	d.sees("hello")
	d.idle()
	d.send(past.Chosen{ID: id})
	d.sees("what is x?")
	if name := modes[d.m.current]; name != "math" {
		t.Errorf("it is shown in %s", name)
	}
	d.pressed("alt+1")
	d.sees("hello")
	d.pressed("alt+2")
	d.send(talk.NewRequested{}) // the review has no conversation
	d.sees("Ask anything")
	d.misses("hello")
}

// TestDraftFromTheFirstKey checks what would be left if the program were killed.
func TestDraftFromTheFirstKey(t *testing.T) {
	o, _ := kept(t, replies("x"))
	d := drive(t, o, 80, 24)
	d.typed("H")
	list, err := d.store().List(t.Context(), history.Conversation{}, 10)
	if err != nil || len(list) != 1 || list[0].Draft != "H" {
		t.Fatalf("the history has %+v, %v", list, err)
	}
	d.send(tea.PasteMsg{Content: strings.Repeat("a line\n", 40)})
	d.sees("▤ pasted text · 40 lines")
	c, err := d.store().Conversation(t.Context(), list[0].ID)
	if err != nil || !strings.HasPrefix(c.Draft, "H\n\na line\n") || strings.Count(c.Draft, "a line") != 40 {
		t.Errorf("the draft is %q, %v", c.Draft, err)
	}
}

func TestHistoryThatCannotBeOpened(t *testing.T) {
	o := scripted(replies("one", "two"))
	o.History = func() (*history.Store, error) { return nil, errors.New("cannot open the history: it is locked") }
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("count")
	d.idle()
	d.store()
	d.typed("x")
	d.sees("is locked. This session is not saved.")
	d.pressed("esc")
	d.misses("is locked")
	d.pressed("alt+r")
	d.idle()
	d.pressed("alt+up", "left") // walking versions works all the same
	d.sees("‹ 1/2 ›")
}

func TestAttachments(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "a folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "a folder", "photo.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 12, 9))); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s := replies("I see.")
	s.About.Can.Vision = true
	o := scripted(s)
	o.Folder = folder
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.until("the model", func() bool { return d.chat().Using().State == engines.Ready })

	// A name that is typed to its end is attached by the space after it.
	d.typed("@main.go")
	d.sees("❯ main.go")
	d.pressed("space")
	d.sees("▤ main.go · ")
	d.typed("what is it?")
	d.sees("▍ what is it?")
	d.pressed("ctrl+u", "backspace")
	d.misses("▤ main.go · ")

	d.typed("@mai")
	d.sees("❯ main.go")
	d.sees("package main") // its preview
	d.sees("tokens")
	d.pressed("enter")
	d.sees("▤ main.go · ")

	// A picture that is dragged here comes as its path.
	d.send(tea.PasteMsg{Content: "'" + filepath.Join(folder, "a folder", "photo.png") + "'"})
	d.sees("▣ a folder/photo.png · 12×9")
	d.send(tea.PasteMsg{Content: "/no/such/file.txt"})
	d.sees("/no/such/file.txt")
	d.pressed("ctrl+u")
	d.typed("/attach a folder")
	d.pressed("enter")
	d.sees("Cannot read a folder")
	d.send(tea.PasteMsg{Content: strings.Repeat("long\n", 30)})
	d.pressed("ctrl+x")
	d.misses("pasted text")
	d.asks("what is it?")
	d.sees("I see.")
	d.idle()

	content := last(t, s).Messages[0].Content
	if len(content) != 3 {
		t.Fatalf("%d chunks: %+v", len(content), content)
	}
	data, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(content[0].ImageURL, "data:image/png;base64,"))
	if len(data) == 0 || content[1].Text != "main.go:\n```go\npackage main\n\nfunc main() {}\n```" || content[2].Text != "what is it?" {
		t.Errorf("content %+v", content)
	}
	d.sees("▣ a folder/photo.png")
	d.sees("▤ main.go · 3 lines")

	// Editing takes it apart again.
	d.pressed("alt+up", "e")
	d.sees("▤ main.go · 3 lines")
	d.sees("▍ what is it?")
	d.pressed("enter")
	d.idle()
	asked := last(t, s).Messages
	again := asked[len(asked)-1].Content
	if len(again) != 3 || again[1].Text != content[1].Text || again[0].ImageURL != content[0].ImageURL {
		t.Errorf("edited, it is %+v", again)
	}
}

func TestCommands(t *testing.T) {
	s := replies("yes")
	o := scripted(s)
	saved := make(chan string, 10)
	o.Save = func(i config.Interface) error { saved <- i.Theme; return nil }
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.typed("/the")
	d.sees("❯ /theme NAME")
	d.pressed("tab")
	d.typed("olive")
	d.pressed("enter")
	if name := <-saved; name != "olive" || d.m.look.Theme.Name != "olive" {
		t.Errorf("the theme is %s, and %s is saved", d.m.look.Theme.Name, name)
	}
	d.asks("/theme pink")
	d.sees("unknown theme: want auto, light")
	d.asks("/nonsense")
	d.sees("Unknown command /nonsense. /help lists the commands.")
	d.sees("▍ /nonsense")
	d.pressed("ctrl+u")
	d.asks("/system Be brief.")
	d.sees("system prompt: Be brief.")
	d.asks("/etc/passwd is a file")
	d.sees("yes")
	d.idle()
	if got, want := spoken(last(t, s)), "system: Be brief.\nuser: /etc/passwd is a file"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	d.asks("/copy")
	d.until("the clipboard", func() bool { return len(d.raw) > 0 })
	if d.raw[0] != "yes" {
		t.Errorf("copied %q", d.raw[0])
	}
	d.asks("/new")
	d.misses("yes")
	d.asks("/quit")
	d.until("the end", func() bool { return d.quit })
}

func TestCopyAndSave(t *testing.T) {
	folder := t.TempDir()
	o := scripted(replies("Here:\n\n```go\na := 1\n\nb := 2\n```\n\n~~~\nsecond\n~~~\n"))
	o.Folder = folder
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("code?")
	d.idle()
	for i, copies := range []struct {
		keys       []string
		says, text string
	}{
		{[]string{"alt+y"}, "copied 1 line of code", "second"},
		{[]string{"alt+up", "1"}, "copied 3 lines of code", "a := 1\n\nb := 2"},
		{[]string{"y"}, "copied the message", "Here:\n\n```go\na := 1\n\nb := 2\n```\n\n~~~\nsecond\n~~~"},
	} {
		d.pressed(copies.keys...)
		d.sees(copies.says)
		d.until("the clipboard", func() bool { return len(d.raw) > i })
		if d.raw[i] != copies.text {
			t.Errorf("copied %q, want %q", d.raw[i], copies.text)
		}
	}
	d.pressed("s")
	d.sees("Save the message as a file")
	d.pressed("enter")
	d.sees("saved answer.md")
	if data, err := os.ReadFile(filepath.Join(folder, "answer.md")); err != nil || !strings.HasPrefix(string(data), "Here:") {
		t.Errorf("the file is %q, %v", data, err)
	}
	d.pressed("s", "enter")
	d.sees("the file already exists")
}

// TestInterrupt goes through what ctrl+c does before bise is left.
func TestInterrupt(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{{enginetest.Text("on and on"), enginetest.Wait(nil)}}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("go")
	d.sees("on and on")
	d.typed("more")
	d.pressed("ctrl+c")
	d.sees("stopped")
	d.idle()
	d.pressed("ctrl+c")
	d.sees("ctrl+c again quits")
	d.misses("▍ more")
	d.pressed("alt+p")
	d.sees("▍ more")
	d.pressed("ctrl+c", "ctrl+c")
	d.until("the end", func() bool { return d.quit })
}

// TestHostileText checks that nothing from outside commands the terminal; the
// driver looks at every frame.
func TestHostileText(t *testing.T) {
	const evil = "a\x1b[2J\x1b]0;title\ab\x1b]52;c;ZXZpbA==\x1b\\c\u009b31md\x07\x08e\x1bPq\x1b\\f\u202eg"
	folder := t.TempDir()
	name := "evil\x1b[31m\x07.txt"
	if err := os.WriteFile(filepath.Join(folder, name), []byte(evil), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &enginetest.Script{
		About: engine.Info{Model: "evil\x1b]0;x\a model", ContextLength: 1000},
		Replies: []enginetest.Reply{{
			enginetest.Thinking(evil),
			enginetest.Call{Name: evil, Arguments: `{"a\u001b[31m": "\u001b[31mb"}`},
			enginetest.Text("# " + evil + "\n\n```" + evil + "\n" + evil + "\n```\n\n[" + evil + "](https://a/" + evil + ")\n\n| a" + evil + " |\n| - |\n| " + evil + " |\n\nend"),
			enginetest.Fail{Err: errors.New(evil)},
		}},
	}
	o := scripted(s)
	o.Folder = folder
	d := drive(t, o, 80, 24)
	d.sees("evil")
	d.typed("@evil")
	d.sees("❯ evil")
	d.pressed("enter")
	d.sees("▤ evil")
	d.send(tea.PasteMsg{Content: evil})
	d.send(tea.PasteMsg{Content: evil + strings.Repeat("x\n", 30)})
	d.asks("go")
	d.idle()
	for range 5 {
		d.pressed("alt+up", "space", "pgup")
	}
	for _, size := range sizes {
		d.send(tea.WindowSizeMsg{Width: size.width, Height: size.height})
	}
}

// TestUseChangesNoDefault begins with the model of each mode, whatever was used before. The
// model of an old conversation is that conversation's alone.
func TestUseChangesNoDefault(t *testing.T) {
	folder := t.TempDir()
	start := func() *driver {
		o := scripted(replies("yes"))
		o.Model = ""
		o.History = func() (*history.Store, error) { return history.Open(filepath.Join(folder, "history.db")) }
		o.Choose = func(mode, ref string) library.Choice {
			if ref == "nosuch" {
				return library.Choice{Mode: mode, Ref: ref, Err: fault.Errorf(fault.NotFound, "there is no model %q", ref)}
			}
			if mode == "vision" && ref == "" {
				return library.Choice{Mode: mode, Ref: "model-for-vision", Unable: true, Why: "the default; no installed model can read images"}
			}
			return library.Choice{Mode: mode, Ref: cmp.Or(ref, "model-for-"+mode)}
		}
		o.Open = func(_ context.Context, ref string, _ engine.LoadOptions) (engine.Engine, error) {
			s := replies("yes")
			s.About.Model = ref
			return s, nil
		}
		return drive(t, o, 80, 24)
	}
	d := start()
	d.sees("model-for-chat")
	d.asks("/model nosuch")
	d.sees("There is no model")
	d.asks("/model mathstral")
	d.sees(" mathstral")
	d.asks("hi")
	d.idle()
	d.pressed("ctrl+n")
	d.misses("model-for-chat") // for as long as bise runs, the user's choice holds
	d.store()
	d.end()

	d = start()
	d.sees("model-for-chat")
	for i, mode := range []string{"review", "code", "math", "vision"} {
		d.pressed(fmt.Sprint("alt+", i+2))
		d.sees("model-for-" + mode)
	}
	d.sees("no installed model can read images: ctrl+l")
	d.pressed("alt+1", "ctrl+r")
	d.sees("hi")
	d.pressed("enter")
	d.sees(" mathstral")
	d.pressed("ctrl+n")
	d.sees("model-for-chat")
}

// TestSendingAtOnce does not wait until it is known which model the mode uses.
func TestSendingAtOnce(t *testing.T) {
	s := replies("yes")
	o := scripted(s)
	o.Model = ""
	gate := make(chan struct{})
	o.Choose = func(mode, _ string) library.Choice {
		<-gate
		return library.Choice{Mode: mode, Ref: "slow"}
	}
	d := drive(t, o, 80, 24)
	d.asks("hi")
	close(gate)
	d.sees("yes")
	d.idle()
}

// TestServerIsVisible shows that a model is on a server, and says where the first message
// goes before it is sent.
func TestServerIsVisible(t *testing.T) {
	for _, size := range sizes[:2] {
		shelves := newShelves(t, "")
		shelves.servers["lab"] = config.Endpoint{URL: "http://lab:8000"}
		o := shelves.options(replies("yes", "no"))
		o.Choose = func(mode, ref string) library.Choice {
			return library.Choice{Mode: mode, Ref: cmp.Or(ref, "lab/big"), Remote: true}
		}
		o.Changes = func(context.Context) ([]change.Change, error) { return nil, nil }
		d := drive(t, o, size.width, size.height)
		const told = "go to the server lab"
		d.sees("⇡ lab/big")
		d.sees(told)
		d.pressed("alt+2")
		d.sees("It goes to the server lab")
		d.pressed("alt+3")
		d.sees("The code around the cursor")
		d.pressed("alt+1")
		d.sees(told)
		d.asks("hi")
		d.sees("yes")
		d.idle()
		d.misses(told)
		d.pressed("ctrl+n")
		d.misses(told) // once a session
		d.sees("⇡ lab/big")
	}
}

// TestTwoAnswersAtOnce streams in two modes, and mixes nothing up.
func TestTwoAnswersAtOnce(t *testing.T) {
	gate := make(chan struct{})
	s := &enginetest.Script{About: about, Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		what := strings.Fields(r.Text())[0]
		return enginetest.Reply{enginetest.Text(what + " begins"), enginetest.Wait(gate), enginetest.Text(" and ends")}
	}}
	d := drive(t, scripted(s), 80, 24)
	d.sees("Ministral 3 8B")
	d.asks("chat")
	d.sees("chat begins")
	d.pressed("alt+5")
	d.sees("Ask about an image.")
	d.asks("vision")
	d.sees("vision begins")
	close(gate)
	d.sees("vision begins and ends")
	d.pressed("alt+1")
	d.sees("chat begins and ends")
	d.misses("vision begins")
}

// TestAnswerThatNeverBegan is not in the history, and breaks no thread.
func TestAnswerThatNeverBegan(t *testing.T) {
	gate := make(chan struct{})
	s := replies("one", "two")
	o, _ := kept(t, s)
	tries := 0
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		if tries++; tries == 1 {
			<-gate
			return nil, fault.Errorf(fault.NoMemory, "no room")
		}
		return s, nil
	}
	d := drive(t, o, 80, 24)
	d.asks("first")
	close(gate)
	d.sees("✗ No room.")
	d.asks("second")
	d.sees("one")
	d.idle()
	path, err := d.store().Path(t.Context(), d.newest().ID)
	if err != nil || len(path) != 3 || path[0].Content.Plain() != "first" || path[1].Parent != path[0].ID || path[2].Content.Plain() != "one" {
		t.Errorf("the history has %+v, %v", path, err)
	}
	d.pressed("alt+up", "up", "up") // the answer that never began
	d.pressed("r")
	d.sees("two")
	d.idle()
	d.pressed("alt+up")
	d.misses("versions")
}
