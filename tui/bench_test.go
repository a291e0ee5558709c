package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/tui/talk"
)

// long is a conversation of so many tokens, at four bytes a token, of prose, lists,
// tables and code.
func long(tokens int) []history.Message {
	var b strings.Builder
	var path []history.Message
	add := func(role engine.Role, text string) {
		path = append(path, history.Message{ID: int64(len(path) + 1), Message: engine.Message{Role: role, Content: engine.Text(text)}})
	}
	for size := 0; size < tokens*4; {
		n := len(path)
		question := fmt.Sprintf("Question %d: how does a slice grow in Go, and what does it cost?", n)
		b.Reset()
		for i := range 6 {
			fmt.Fprintf(&b, "## Part %d of %d\n\n", i, n)
			b.WriteString(strings.Repeat("Appending past the **capacity** allocates a new array, copies the `old` elements and returns a slice that points to it. ", 6))
			b.WriteString("\n\n```go\n" + strings.Repeat("s = append(s, 1, 2, 3) // cap is now 4\nfor i := range s { fmt.Println(i, \"text\") }\n", 8) + "```\n\n")
			b.WriteString("| capacity | grows by |\n| --- | --- |\n| 256 | the double |\n| more | a quarter |\n\n- one\n- two\n  - three\n\n")
		}
		add(engine.User, question)
		add(engine.Assistant, b.String())
		size += len(question) + b.Len()
	}
	return path
}

// inFront opens an interface with a history that has a long conversation, and
// gives what shows it.
func inFront(b *testing.B, e engine.Engine, tokens int) (m *Model, end func()) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "history.db")
	store, err := history.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	c, err := store.Start(b.Context(), "chat", "ministral-3-8b")
	if err != nil {
		b.Fatal(err)
	}
	for _, msg := range long(tokens) {
		msg.Conversation, msg.Parent, msg.ID = c.ID, c.Leaf, 0
		added, err := store.Add(b.Context(), msg)
		if err != nil {
			b.Fatal(err)
		}
		c.Leaf = added.ID
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	o := scripted(enginetest.Says("x"))
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return e, nil }
	o.History = func() (*history.Store, error) { return history.Open(path) }
	m = New(ctx, o)
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	_, cmd := m.Update(past.Chosen{ID: c.ID})
	finish(m, cmd)
	return m, func() {
		cancel()
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// finish runs a command, and those that come of it.
func finish(m *Model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	if list, ok := msg.(tea.BatchMsg); ok {
		for _, cmd := range list {
			finish(m, cmd)
		}
		return
	}
	_, next := m.Update(msg)
	finish(m, next)
}

// endless writes so many tokens a second until it is stopped. It does not read
// what it is asked, as the scripts of enginetest do, which would be what is
// measured.
type endless struct {
	*enginetest.Script
	rate int
}

func (e endless) Chat(ctx context.Context, _ engine.ChatRequest) iter.Seq2[engine.Event, error] {
	words := strings.SplitAfter(strings.Repeat("Appending past the capacity allocates a new **array** and copies what was there. ", 3)+"\n\n```go\ns = append(s, 1, 2, 3)\nx := len(s)\n```\n\n", " ")
	return func(yield func(engine.Event, error) bool) {
		tick := time.NewTicker(time.Second / time.Duration(e.rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			case <-tick.C:
				if !yield(engine.TextDelta{Text: words[i%len(words)]}, nil) {
					return
				}
			}
		}
	}
}

// A glass is a terminal's screen that tells when a letter comes.
type glass struct {
	mu    sync.Mutex
	want  []byte
	came  chan time.Time
	bytes int
}

func (g *glass) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes += len(p)
	if g.want != nil && bytes.Contains(p, g.want) {
		g.want = nil
		g.came <- time.Now()
	}
	return len(p), nil
}

// awaits has the screen tell when a text comes; the function that it returns
// waits for that.
func (g *glass) awaits(b *testing.B, s string) func() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.want = []byte(s)
	return func() time.Time {
		select {
		case at := <-g.came:
			return at
		case <-time.After(patience):
			b.Fatalf("%q never came", s)
			return time.Time{}
		}
	}
}

// BenchmarkKeyToFrame measures the time from a byte on the terminal to the frame
// that shows it, in a conversation of 200,000 tokens to which 200 a second are
// added, through Bubble Tea's own program and renderer on 200×50.
func BenchmarkKeyToFrame(b *testing.B) {
	m, end := inFront(b, endless{&enginetest.Script{About: about}, 200}, 200_000)
	keys, hand := io.Pipe()
	screen := &glass{came: make(chan time.Time, 1)}
	p := newProgram(m.tasks.Context(), m, tea.WithInput(keys), tea.WithOutput(screen), tea.WithWindowSize(200, 50), tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	ended := make(chan error)
	go func() {
		_, err := p.Run()
		ended <- err
	}()
	screen.awaits(b, "Ministral")()
	fmt.Fprint(hand, "go\r")
	// Now it streams.
	letters := []string{"ø", "ß", "æ", "đ", "ħ", "ŋ"}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		letter := letters[i%len(letters)]
		came := screen.awaits(b, letter)
		began := time.Now()
		fmt.Fprint(hand, letter)
		took = append(took, came().Sub(began))
		if i%50 == 49 {
			fmt.Fprint(hand, "\x15")
		}
		time.Sleep(7 * time.Millisecond) // a key every few frames, at no fixed place in one
	}
	b.StopTimer()
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1])/1e6, "max-ms")
	b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "heap-MiB")
	b.ReportMetric(float64(mem.Sys)/(1<<20), "sys-MiB")
	b.ReportMetric(0, "ns/op")
	hand.Close()
	p.Quit()
	<-ended
	if !strings.Contains(m.View().Content, "Appending") {
		b.Fatal("nothing was streamed")
	}
	end()
}

// BenchmarkUpdateAndView is what a key costs without the waiting for a frame.
func BenchmarkUpdateAndView(b *testing.B) {
	m, end := inFront(b, enginetest.Says("x"), 200_000)
	for b.Loop() {
		m.Update(tea.KeyPressMsg{Code: 'x', Text: "x"})
		m.View()
		m.Update(kit.KeyPress("ctrl+u"))
	}
	end()
}

// BenchmarkScroll goes through the whole conversation, which draws all of it.
func BenchmarkScroll(b *testing.B) {
	m, end := inFront(b, enginetest.Says("x"), 200_000)
	for b.Loop() {
		m.Update(kit.KeyPress("pgup"))
		m.View()
	}
	end()
}

// BenchmarkOpen is what it takes to read a long conversation and show its end.
func BenchmarkOpen(b *testing.B) {
	m, end := inFront(b, enginetest.Says("x"), 200_000)
	_, read := m.Update(past.Chosen{ID: 1})
	for b.Loop() {
		m.Update(talk.NewRequested{})
		finish(m, read)
		m.View()
	}
	end()
}
