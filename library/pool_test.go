package library

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models"
)

// pooled is a pool over two installed models and one elsewhere, with workers that a test
// plays.
func pooled(t *testing.T, o PoolOptions) (p *Pool, fake *fakeWorkers, elsewhere string) {
	t.Helper()
	l := newLibrary(t)
	l.options.Config.Endpoints = map[string]config.Endpoint{"lab": {URL: "http://lab"}}
	l.endpoints = l.options.Config.Endpoints
	folder := l.options.Places.Models
	elsewhere = filepath.Join(t.TempDir(), "Mine-Q4_K_M.gguf")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, m := range map[string]tinymodel.Options{
		filepath.Join(folder, "one.gguf"): tinymodel.Mistral(), filepath.Join(folder, "two.gguf"): tinymodel.Mamba(), elsewhere: tinymodel.Mistral(),
	} {
		if err := tinymodel.Write(path, m); err != nil {
			t.Fatal(err)
		}
	}
	if o.Default == "elsewhere" {
		o.Default = elsewhere
	}
	fake = &fakeWorkers{}
	p = l.NewPool(o)
	p.workers = fake
	return p, fake, elsewhere
}

type fakeWorkers struct {
	mu      sync.Mutex
	running []worker.Status
	stopped []string
}

func (f *fakeWorkers) list(context.Context) ([]worker.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.running), nil
}

func (f *fakeWorkers) stop(_ context.Context, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = append(f.stopped, filepath.Base(path))
	f.running = slices.DeleteFunc(f.running, func(s worker.Status) bool { return s.Path == path })
	return nil
}

func TestNames(t *testing.T) {
	p, _, elsewhere := pooled(t, PoolOptions{Default: "elsewhere", Aliases: map[string]string{
		"gpt-*": "one", "gpt-4*": "two", "gpt-4o": "lab/large", "mistral-*-latest": "one", "two": "one", "org/*": "two",
	}})
	short := strings.TrimSuffix(filepath.Base(elsewhere), ".gguf")
	for _, m := range mustModels(t, p) {
		if m.Default {
			short = m.Name
		}
	}
	if strings.ContainsAny(short, "/.") {
		t.Errorf("the default's name is %q", short)
	}
	for name, want := range map[string]string{
		"": elsewhere, elsewhere: elsewhere, short: elsewhere, short + ":latest": elsewhere,
		"one": "one", "One:latest": "one", "two": "two", "gpt-3.5-turbo": "one", "gpt-4.1": "two", "GPT-4o": "lab/large",
		"mistral-small-latest": "one", "lab/large": "lab/large", "org/a/b": "two", "gpt-4o:latest": "lab/large",
	} {
		if got, err := p.resolve(name); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"three", "on", "lab/small", "/etc/hostname", "one.gguf/x", "gp"} {
		if got, err := p.resolve(name); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
}

// An alias may stand for the file of -m, by the name that it is served under.
func TestAliasOfFile(t *testing.T) {
	p, _, elsewhere := pooled(t, PoolOptions{Default: "elsewhere", Aliases: map[string]string{"gpt-4o": "mine-q4_k_m", "gpt-*": "nothing"}})
	if got, err := p.resolve("gpt-4o"); got != elsewhere || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, elsewhere)
	}
	for _, s := range mustModels(t, p) {
		if s.Default && !slices.Equal(s.Aliases, []string{"gpt-4o"}) {
			t.Errorf("the card has the aliases %q", s.Aliases)
		}
	}
	if err := p.CheckAliases(); err == nil || !strings.Contains(err.Error(), "gpt-*") || strings.Contains(err.Error(), "gpt-4o") {
		t.Errorf("got %v", err)
	}
}

func mustModels(t *testing.T, p *Pool) []ServedModel {
	t.Helper()
	list, err := p.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Cards say how long a context is, what a model can do, and whether it is in memory.
func TestServedModels(t *testing.T) {
	p, fake, _ := pooled(t, PoolOptions{Default: "two", Aliases: map[string]string{"gpt-4o": "one", "gpt-*": "one"}})
	m, err := p.library.Find("one")
	if err != nil {
		t.Fatal(err)
	}
	for _, loaded := range []bool{false, true} {
		for _, s := range mustModels(t, p) {
			if s.Context == 0 || s.Default != (s.Name == "two") || s.Loaded != (loaded && s.Name == "one") {
				t.Errorf("loaded %v: %+v", loaded, s)
			}
			if s.Name == "one" && (!slices.Equal(s.Aliases, []string{"gpt-4o"}) || loaded && s.Context != 777) {
				t.Errorf("loaded %v: %+v", loaded, s)
			}
		}
		fake.running = []worker.Status{{Path: m.Path, State: worker.Idle, Context: 777}}
	}
}

// The least recently used idle model leaves, one that is kept for ever last.
// What is known of a model without loading it, and of one that is loaded.
func TestPoolInfo(t *testing.T) {
	p, fake, _ := pooled(t, PoolOptions{Default: "elsewhere", Aliases: map[string]string{"gpt-*": "one"}})
	for name, model := range map[string]string{"one": "one", "gpt-4": "one", "two:latest": "two"} {
		info, err := p.Info(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(info.Path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Model != model || info.Architecture == "" || info.Parameters == 0 || info.Size != file.Size() || info.EmbeddingSize == 0 || info.ContextLength == 0 || !info.Can.Chat && model == "one" {
			t.Errorf("%s is %+v", name, info)
		}
	}
	if _, err := p.Info(t.Context(), "three"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown model: %v", err)
	}
	m, err := p.library.Find("one")
	if err != nil {
		t.Fatal(err)
	}
	leaves := time.Now().Add(time.Minute)
	for _, tt := range []struct {
		status worker.Status
		leaves func(time.Time) bool
	}{
		{worker.Status{State: worker.Idle, LeavesAt: leaves, KeepAlive: time.Hour}, leaves.Equal},
		{worker.Status{State: worker.Answering, KeepAlive: time.Hour}, func(at time.Time) bool { return at.After(leaves) }},
		{worker.Status{State: worker.Idle, KeepAlive: -1}, time.Time.IsZero},
	} {
		tt.status.Path, tt.status.Memory = m.Path, 5_000
		fake.running = []worker.Status{tt.status}
		for _, s := range mustModels(t, p) {
			if s.Name == "one" && (!s.Loaded || s.Memory != 5_000 || !tt.leaves(s.Leaves)) {
				t.Errorf("%+v is %+v", tt.status, s)
			}
		}
	}
}

func TestRoom(t *testing.T) {
	gb := int64(1e9)
	now := time.Now()
	idle := func(name string, used time.Duration) worker.Status {
		return worker.Status{Path: name, Name: name, State: worker.Idle, Memory: 4 * gb, Started: now.Add(-used), KeepAlive: time.Hour}
	}
	busy, forever := idle("busy", 9), idle("forever", 9)
	busy.State, forever.KeepAlive = worker.Answering, -1
	for _, tt := range []struct {
		name    string
		memory  int64
		running []worker.Status
		stopped string
	}{
		{"enough", 100 * gb, []worker.Status{idle("a", 1), idle("b", 2)}, ""},
		{"one leaves", 9 * gb, []worker.Status{idle("a", 1), idle("b", 2), busy}, "b"},
		{"two leave", 5 * gb, []worker.Status{idle("a", 1), idle("b", 2), forever}, "b a"},
		{"all leave", gb, []worker.Status{idle("a", 1), forever}, "a forever"},
		{"nothing is there", 1, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, fake, _ := pooled(t, PoolOptions{Memory: tt.memory})
			fake.running = tt.running
			m, err := p.library.Find("one")
			if err != nil {
				t.Fatal(err)
			}
			if err := p.makeRoom(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(fake.stopped, " "); got != tt.stopped {
				t.Errorf("stopped %q, want %q", got, tt.stopped)
			}
		})
	}
	t.Run("a model that is here needs no room", func(t *testing.T) {
		p, fake, _ := pooled(t, PoolOptions{Memory: 1})
		m, _ := p.library.Find("one")
		fake.running = []worker.Status{{Path: m.Path, State: worker.Idle, Memory: 4 * gb}, idle("a", 1)}
		if err := p.makeRoom(t.Context(), m); err != nil || fake.stopped != nil {
			t.Errorf("stopped %q, %v", fake.stopped, err)
		}
	})
	t.Run("a request waits for a busy model", func(t *testing.T) {
		p, fake, _ := pooled(t, PoolOptions{Memory: 1})
		m, _ := p.library.Find("one")
		fake.running = []worker.Status{busy}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := p.makeRoom(ctx, m); fault.KindOf(err) != fault.Busy || !strings.Contains(err.Error(), "no room for one") {
				t.Errorf("got %v", err)
			}
			time.AfterFunc(time.Second, func() {
				fake.mu.Lock()
				defer fake.mu.Unlock()
				fake.running[0].State = worker.Idle
			})
			if err := p.makeRoom(t.Context(), m); err != nil || !slices.Equal(fake.stopped, []string{"busy"}) {
				t.Errorf("stopped %q, %v", fake.stopped, err)
			}
		})
	})
}

// A model that config.toml chooses for a mode answers its requests, unless the caller named one.
func TestDefaultsOfModes(t *testing.T) {
	p, _, elsewhere := pooled(t, PoolOptions{})
	l := p.library
	t.Setenv("BISE_MODEL", "")
	l.options.Config.Model, l.options.Config.Models.Code = "one", elsewhere
	l.options.Config.Models.Embed = "lab/embed"
	wants := func(p *Pool, want map[string]string) {
		t.Helper()
		for mode, name := range want {
			if got, err := p.Default(mode); got != name || err != nil {
				t.Errorf("%s: got %q, %v, want %q", mode, got, err, name)
			}
		}
	}
	p = l.NewPool(PoolOptions{})
	p.workers = &fakeWorkers{}
	file, err := l.Find(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	// No model reads images: those requests get the model of chat, whose error says so.
	wants(p, map[string]string{"chat": "one", "code": file.Name, "vision": "one", "embed": "lab/embed"})
	for name, ref := range map[string]string{file.Name: elsewhere, "lab/embed": "lab/embed", "": "one"} {
		if got, err := p.resolve(name); got != ref || err != nil {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, ref)
		}
	}
	wants(l.NewPool(PoolOptions{Default: "two"}), map[string]string{"chat": "two", "code": "two", "vision": "two", "embed": "two"})

	l.options.Config.Models.Code = "nothing"
	if got, err := l.NewPool(PoolOptions{}).Default("code"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a setting that names no model: got %q, %v", got, err)
	}
}

// A slow starter is an engine that knows its model once it is loaded.
type slowStarter struct {
	*enginetest.Script
	loaded bool
	asked  int
}

func (e *slowStarter) Info() engine.Info {
	e.asked++
	if !e.loaded {
		return engine.Info{Model: "one"}
	}
	return e.Script.Info()
}

// Before a model is loaded, its file says what it can do. Afterwards its engine is asked once
// in a while, and not for every request.
func TestKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStarter{Script: &enginetest.Script{}}
		e := &known{Engine: slow, file: func() engine.Info { return engine.Info{Model: "file"} }}
		if got := e.Info().Model; got != "file" {
			t.Errorf("before it is loaded: %q", got)
		}
		slow.loaded = true
		for range 9 {
			if got := e.Info().Model; got != "script" {
				t.Errorf("when it is loaded: %q", got)
			}
		}
		if slow.asked != 2 {
			t.Errorf("asked %d times", slow.asked)
		}
		time.Sleep(knownFor)
		if e.Info(); slow.asked != 3 {
			t.Errorf("after a while: asked %d times", slow.asked)
		}
	})
	p, _, _ := pooled(t, PoolOptions{})
	m, err := p.library.Find("one")
	if err != nil {
		t.Fatal(err)
	}
	if info := p.beforeLoading("one", m); info.Model != "one" || !info.Can.Chat || !strings.HasPrefix(info.PromptVersion, "v") {
		t.Errorf("the file says %+v", info)
	}
}

// A client does not learn where the file of a model was that is gone.
func TestRemovedFile(t *testing.T) {
	p, _, elsewhere := pooled(t, PoolOptions{Default: "elsewhere"})
	if err := os.Remove(elsewhere); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Engine": func() error { _, err := p.Engine(t.Context(), "", func(float64) {}); return err }(),
		"Info":   func() error { _, err := p.Info(t.Context(), ""); return err }(),
	} {
		if fault.KindOf(err) != fault.NotFound || strings.Contains(err.Error(), filepath.Dir(elsewhere)) || !strings.Contains(err.Error(), "is gone") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A model is opened once, and again when its worker may have left.
func TestOpened(t *testing.T) {
	p, _, _ := pooled(t, PoolOptions{Default: "one"})
	opened := 0
	p.library.options.Engine = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		opened++
		return &enginetest.Script{}, nil
	}
	waited := 0
	for _, name := range []string{"", "one", "one:latest"} {
		if _, err := p.Engine(t.Context(), name, func(float64) { waited++ }); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 1 || waited != 1 {
		t.Errorf("opened %d times, and %d waited", opened, waited)
	}
	m := models.Model{Path: "x"}
	p.used[m.Path] = time.Now().Add(-worker.DefaultKeepAlive)
	if _, ok := p.opened("one", m.Path); ok {
		t.Error("a worker that was idle for its keep-alive counts as there")
	}
}
