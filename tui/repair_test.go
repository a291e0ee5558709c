package tui

import (
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/units"
)

// folderOf is a folder with a text of 400 tokens and more, and an image.
func folderOf(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "long.txt"), []byte(strings.Repeat("word\n", 400)), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "it's a photo.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 12, 9))); err != nil {
		t.Fatal(err)
	}
	return folder
}

// ready waits until the model is loaded.
func (d *driver) ready() {
	d.t.Helper()
	d.until("the model", func() bool { u := d.chat().Using(); return u != nil && u.State == engines.Ready })
}

// A file that does not fit is red before it is sent, enter asks, and a failed question does not
// end the conversation.
func TestMessageThatDoesNotFit(t *testing.T) {
	s := replies("one", "two", "three")
	s.About.ContextLength = 300
	o, path := kept(t, s)
	o.Folder = folderOf(t)
	d := drive(t, o, 80, 24)
	d.ready()
	d.typed("/attach long.txt")
	d.pressed("enter")
	d.sees("▤ long.txt · ")
	d.sees("tokens · too long")
	if line := lineWith(d.m.View().Content, "long.txt"); !strings.Contains(line, d.m.look.Theme.Alert.Render("▤")[:5]) {
		t.Errorf("the chip is not red: %q", line)
	}
	d.sees("of 300 ")
	d.typed("what is it?")
	d.pressed("enter")
	d.sees("tokens and the context holds 300")
	d.sees("enter again")
	if n := asked(s); n != 0 {
		t.Fatalf("%d requests before the second enter", n)
	}
	d.pressed("enter")
	d.sees("✗ The request has ")
	d.sees("The model will not see this question again")
	d.sees("alt+x without attachments")
	d.idle()

	// The next message works.
	d.asks("hello")
	d.sees("one")
	d.idle()
	if got, want := spoken(last(t, s)), "user: hello"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}

	// The history knows it too.
	id := d.newest().ID
	list, err := d.store().Path(t.Context(), id)
	if err != nil || len(list) != 4 || !strings.Contains(list[1].Measured.Error, "the context holds 300") {
		t.Fatalf("the history has %+v, %v", list, err)
	}
	if again := history.Messages(list); len(again) != 2 || again[0].Content.Plain() != "hello" {
		t.Errorf("a later request has %+v", again)
	}
	d.end()

	s = replies("two")
	o = scripted(s)
	o.History = func() (*history.Store, error) { return history.Open(path) }
	d = drive(t, o, 80, 24)
	d.ready()
	d.send(past.Chosen{ID: id})
	d.sees("✗ The request has ")
	d.misses("versions")
	d.asks("and more")
	d.sees("two")
	d.idle()
	if got, want := spoken(last(t, s)), "user: hello\nassistant: one\nuser: and more"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// asked is how often the engine was asked for an answer.
func asked(s *enginetest.Script) (n int) {
	for _, r := range s.Requests() {
		if r.Chat != nil {
			n++
		}
	}
	return n
}

func lineWith(frame, text string) string {
	for line := range strings.Lines(frame) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func TestWithoutAttachments(t *testing.T) {
	s := replies("one")
	s.About.ContextLength = 300
	o := scripted(s)
	o.Folder = folderOf(t)
	d := drive(t, o, 80, 24)
	d.ready()
	d.typed("/attach long.txt")
	d.pressed("enter")
	d.sees("too long")
	d.typed("what is it?")
	d.pressed("enter", "enter")
	d.sees("alt+x without attachments")
	d.typed("a draft")
	d.pressed("alt+x")
	d.sees("one")
	d.idle()
	d.sees("▍ a draft")
	d.misses("✗")
	if got, want := spoken(last(t, s)), "user: what is it?"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// A failed question can be edited: shorter, or without one of its attachments.
func TestEditFailed(t *testing.T) {
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Fail{Err: fault.Errorf(fault.Network, "no route")}}, {enginetest.Text("fine")},
	}}
	o := scripted(s)
	d := drive(t, o, 80, 24)
	d.ready()
	d.asks("a long question")
	d.sees("✗ No route.")
	d.sees("alt+r answer again · alt+e edit · ctrl+l another model")
	d.pressed("alt+e")
	d.sees("▍ a long question")
	d.pressed("ctrl+u")
	d.asks("short")
	d.sees("fine")
	if got, want := spoken(last(t, s)), "user: short"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// A question that failed starts with the model that is chosen then, and so does one that waits.
func TestChosenModelAnswers(t *testing.T) {
	blind := &enginetest.Script{About: engine.Info{Model: "blind", Can: engine.Capabilities{Chat: true}}, Replies: []enginetest.Reply{{enginetest.Text("I am blind")}}}
	sees := &enginetest.Script{About: engine.Info{Model: "pixtral", Can: engine.Capabilities{Chat: true, Vision: true}}, Replies: []enginetest.Reply{{enginetest.Text("a photo")}}}
	gate := make(chan struct{})
	o := scripted(blind)
	o.Folder = folderOf(t)
	o.Open = engineByName(map[string]engine.Engine{"pixtral": sees}, blind, gate)
	d := drive(t, o, 80, 24)
	d.typed("what is on it?")
	d.pressed("enter") // the model is opened for ever
	d.asks("/model pixtral")
	d.sees("a photo")
	d.idle()
	close(gate)
	d.until("the blind model", func() bool {
		return d.m.engines.Find(o.Model) != nil && d.m.engines.Find(o.Model).State == engines.Ready
	})

	d.asks("/model " + o.Model)
	d.send(tea.PasteMsg{Content: filepath.Join(o.Folder, "it's a photo.png")})
	d.sees("it's a photo.png · 12×9 · this model has no vision")
	d.typed("and this?")
	d.pressed("enter")
	d.sees("blind cannot see it's a photo.png: enter again sends it")
	d.pressed("enter")
	d.sees("✗ ")
	d.idle()
	d.asks("/model pixtral")
	d.until("the answer", func() bool { return strings.Count(d.frame(), "a photo\n") == 2 })
	d.misses("2/2")
	d.idle()

	// A blind model can continue a conversation that has images.
	d.asks("/model " + o.Model)
	d.until("the blind model", func() bool { return d.chat().Using().Name() == "blind" })
	d.asks("thanks")
	d.sees("I am blind")
	d.sees("1 earlier attachment not shown to this model")
	d.idle()
	if got := spoken(last(t, blind)); !strings.Contains(got, "[An image that is not shown to you.]") || !strings.HasSuffix(got, "user: thanks") {
		t.Errorf("asked\n%s", got)
	}
}

// A question that did not fit is answered when the context is long enough.
func TestLongerContextAnswers(t *testing.T) {
	short, long := replies("one"), replies("two")
	short.About.ContextLength, long.About.ContextLength = 50, 5000
	o := scripted(short)
	o.Open = openContext(short, long)
	d := drive(t, o, 80, 24)
	d.ready()
	d.typed(strings.Repeat("word ", 60))
	d.pressed("enter")
	d.sees("✗ The request has ")
	_, cmd := d.m.engines.Reopen(o.Model, engine.LoadOptions{Context: 5000})
	d.run(cmd)
	d.sees("two")
}

// Several files at once, with every kind of name, are attached and counted.
func TestDroppedFiles(t *testing.T) {
	s := replies("yes")
	s.About.Can.Vision = true
	o := scripted(s)
	o.Folder = folderOf(t)
	d := drive(t, o, 80, 24)
	d.ready()
	photo, text := filepath.Join(o.Folder, "it's a photo.png"), filepath.Join(o.Folder, "long.txt")
	for _, dropped := range []string{
		"'" + strings.ReplaceAll(photo, "'", `'\''`) + "' '" + text + "' ",
		strings.NewReplacer(" ", `\ `, "'", `\'`).Replace(photo) + " " + text,
		`"` + photo + `" "` + text + `"`,
		"file://" + strings.ReplaceAll(photo, " ", "%20") + "\r\nfile://" + text + "\r\n",
		photo + "\n" + text,
		photo + " " + text,
	} {
		d.send(tea.PasteMsg{Content: dropped})
		d.sees("▣ it's a photo.png · 12×9 → ")
		d.sees("▤ long.txt · 2k tokens")
		d.pressed("ctrl+x", "ctrl+x")
		d.misses("long.txt")
		d.misses("photo")
	}
	d.send(tea.PasteMsg{Content: "'" + photo + "' /no/such/file"})
	d.sees("/no/such/file")
	d.misses("▣")
}

// The system prompt and the parameters are those of the conversation.
func TestSystemAndSet(t *testing.T) {
	s := replies("one", "two", "three")
	o, _ := kept(t, s)
	o.System = "Speak French."
	o.Sampling, o.Effort = engine.Sampling{Temperature: new(0.7)}, "high"
	s.About = engine.Info{PromptVersion: "v15", Can: engine.Capabilities{Chat: true, Thinking: true}, Efforts: []string{"none", "high"}}
	d := drive(t, o, 80, 24)
	d.ready()
	d.sees("system prompt: Speak French.")
	d.asks("/set temperature 0.2")
	d.sees("temperature is 0.2 in this conversation")
	d.asks("/effort medium")
	d.sees("high: it gets high.") // wrapped
	d.asks("/effort default")
	d.asks("/set seed=7")
	d.asks("/set temprature 1")
	d.sees("did you mean temperature?")
	d.pressed("ctrl+u")
	d.asks("/system Be brief.")
	d.asks("hi")
	d.sees("one")
	d.idle()
	d.sees("system prompt: Be brief.")
	d.sees("temperature 0.2 · seed 7")
	if r := last(t, s); spoken(r) != "system: Be brief.\nuser: hi" || *r.Temperature != 0.2 || *r.Seed != 7 || r.ReasoningEffort != "high" {
		t.Errorf("asked %s with %+v", spoken(r), r.Sampling)
	}
	id := d.newest().ID

	// A new conversation has the defaults.
	d.asks("/new")
	d.sees("system prompt: Speak French.")
	d.misses("seed")
	d.asks("hello")
	d.sees("two")
	d.idle()
	if r := last(t, s); spoken(r) != "system: Speak French.\nuser: hello" || *r.Temperature != 0.7 || r.Seed != nil {
		t.Errorf("asked %s with %+v", spoken(r), r.Sampling)
	}

	// The old one has kept its own.
	d.send(past.Chosen{ID: id})
	d.sees("one")
	d.sees("temperature 0.2 · seed 7")
	d.asks("/system")
	d.sees("▍ /system Be brief.")
	d.pressed("ctrl+u")
	d.asks("/system clear")
	d.misses("Be brief.")
	d.asks("/set temperature default")
	d.sees("temperature is the default again")
	d.asks("/set")
	d.sees("0.7 (config.toml)")
	d.sees("Parameters of this conversation")
	d.typed("max")
	d.pressed("enter")
	d.typed("20")
	d.pressed("enter")
	d.sees("max_tokens is 20 in this conversation")
	d.pressed("esc", "esc")
	d.asks("and now?")
	d.sees("three")
	d.idle()
	if r := last(t, s); spoken(r) != "user: hi\nassistant: one\nuser: and now?" || *r.Temperature != 0.7 || *r.MaxTokens != 20 {
		t.Errorf("asked %s with %+v", spoken(r), r.Sampling)
	}
	if c, err := d.store().Conversation(t.Context(), id); err != nil || c.System != "" || c.Parameters.Temperature != nil || *c.Parameters.MaxTokens != 20 {
		t.Errorf("the history has %+v, %v", c, err)
	}
}

// The meter is of what is on the screen: also of a stopped answer, and of attachments.
func TestMeter(t *testing.T) {
	gate := make(chan struct{})
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{timings, enginetest.Text("one")}, {enginetest.Text("half of it"), enginetest.Wait(gate)},
	}}
	defer close(gate)
	o := scripted(s)
	d := drive(t, o, 80, 24)
	d.ready()
	d.asks("first")
	d.sees("tok/s")
	d.idle()
	d.asks("second")
	d.sees("half of it")
	d.misses("tok/s")
	d.pressed("esc")
	d.idle()
	d.misses("tok/s") // of another answer
	tokens, err := s.Tokenize(t.Context(), engine.TokenizeRequest{Chat: &engine.ChatRequest{Messages: []engine.Message{
		{Role: engine.User, Content: engine.Text("first")},
		{Role: engine.Assistant, Content: engine.Text("one")},
		{Role: engine.User, Content: engine.Text("second")},
		{Role: engine.Assistant, Content: engine.Text("half of it"), Prefix: true},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	d.sees(" " + units.Count(len(tokens.IDs)) + " of ")
	d.asks("/new")
	d.misses(" of 32k")
	d.send(tea.PasteMsg{Content: strings.Repeat("long\n", 30)})
	d.sees("+")
	d.sees(" of 32k")
}

// engineByName opens some engines by their names, and another when the gate is open.
func engineByName(named map[string]engine.Engine, other engine.Engine, gate chan struct{}) func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
	return func(_ context.Context, ref string, _ engine.LoadOptions) (engine.Engine, error) {
		if e := named[ref]; e != nil {
			return e, nil
		}
		<-gate
		return other, nil
	}
}

// openContext opens one engine, and another for a longer context.
func openContext(short, long engine.Engine) func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
	return func(_ context.Context, _ string, o engine.LoadOptions) (engine.Engine, error) {
		if o.Context > 0 {
			return long, nil
		}
		return short, nil
	}
}

// slowCount counts no text before begin is closed, and then a token for each word.
type slowCount struct {
	*enginetest.Script
	begin <-chan struct{}
}

func (s slowCount) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	if r.Text == nil {
		return s.Script.Tokenize(ctx, r)
	}
	select {
	case <-s.begin:
		return engine.Tokens{IDs: make([]int32, len(strings.Fields(*r.Text)))}, nil
	case <-ctx.Done():
		return engine.Tokens{}, ctx.Err()
	}
}

// Enter asks also while an attachment is being counted, and takes that back if it fits after all.
func TestMessageThatIsNotCountedYet(t *testing.T) {
	s := replies("one")
	s.About.ContextLength = 600
	begin := make(chan struct{})
	o := scripted(s)
	o.Folder = folderOf(t)
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		return slowCount{s, begin}, nil
	}
	d := drive(t, o, 120, 24)
	d.ready()
	d.typed("/attach long.txt")
	d.pressed("enter")
	d.sees("▤ long.txt · 400 lines")
	d.typed("what is it?")
	d.pressed("enter")
	d.sees("The message has about 667 tokens and the context holds 600: enter again")
	if n := asked(s); n != 0 {
		t.Fatalf("%d requests before the second enter", n)
	}
	close(begin)
	d.sees("▤ long.txt · 400 tokens")
	d.until("no warning", func() bool { return !strings.Contains(d.m.View().Content, "The message has") })
}

// Everything about a message that does not fit is also said in lines.
func TestLinearRepair(t *testing.T) {
	s := replies("one")
	s.About.ContextLength = 300
	o := scripted(s)
	o.Folder = folderOf(t)
	l := listen(t, o)
	l.hears("Ministral 3 8B.")
	l.types("/attach long.txt")
	l.hears("Attached: long.txt, 2k tokens, too long.")
	l.types("what is it?")
	l.hears("The message has 2k tokens and the context holds 300. An empty line sends it, /detach drops")
	l.types("")
	l.hears("Error: The request has ")
	l.hears("/without asks it without attachments")
	l.types("/without")
	l.hears("one\n")
	if got, want := spoken(last(t, s)), "user: what is it?"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	l.types("/set seed 7")
	l.hears("Seed is 7 in this conversation.")
	l.types("/quit")
	l.ends()
}
