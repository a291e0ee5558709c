package tui

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/downloader/ollama"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/tui/engines"
	tuimodels "github.com/bise-sh/bise/tui/models"
)

// A shelves is a library of a store of the test's own, and of models that are said
// to be here.
type shelves struct {
	store   models.Store
	catalog *catalog.Catalog
	machine fit.Machine
	said    []library.Installed
	served  map[string][]string // by server; a server without is one that cannot be reached
	puller  puller

	mu       sync.Mutex
	servers  map[string]config.Endpoint
	unloaded []string // models, by name
	chosen   string   // the default
}

// newShelves is a library with the models of a hub for tests; without a hub nothing
// can be pulled.
func newShelves(t *testing.T, hub string) *shelves {
	t.Helper()
	dir := t.TempDir()
	s := &shelves{
		store: models.Store{Dir: filepath.Join(dir, "models")}, catalog: catalog.Embedded(), servers: map[string]config.Endpoint{},
		machine: fit.Machine{Cores: 8, Memory: 16e9, Free: 9.8e9, Bandwidth: 30e9},
	}
	if hub == "" {
		return s
	}
	path := filepath.Join(dir, "catalog.toml")
	if err := os.WriteFile(path, []byte(pulltest.Catalog), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.catalog, _, err = catalog.Load(path); err != nil {
		t.Fatal(err)
	}
	client := downloader.New(downloader.Options{UserAgent: "bise/test", Connections: 1})
	t.Cleanup(client.Close)
	h, err := huggingface.New(client, huggingface.Options{Endpoint: hub})
	if err != nil {
		t.Fatal(err)
	}
	s.puller = &pull.Puller{Store: s.store, Catalog: s.catalog, Client: client, Hub: h, Registry: ollama.New(client, ""), Machine: &s.machine, Version: "test"}
	return s
}

func (s *shelves) Machine(context.Context) fit.Machine { return s.machine }

func (s *shelves) Catalog() (*catalog.Catalog, error) { return s.catalog, nil }

func (s *shelves) InstalledWithNeeds(context.Context) ([]library.Installed, error) {
	list, err := s.store.List()
	here := slices.Clone(s.said)
	for _, m := range list {
		i := library.Installed{Model: m}
		if m.Manifest != nil {
			i.Title, i.Type, i.Can = m.Manifest.Title, m.Manifest.Type, m.Manifest.Can
			i.Terms, _ = licence.Find(m.Manifest.Licence.ID)
		}
		here = append(here, i)
	}
	return here, err
}

func (s *shelves) Import(ctx context.Context, im models.Import) (models.Model, error) {
	return s.store.Import(ctx, im)
}

func (s *shelves) Unload(_ context.Context, m models.Model) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unloaded = append(s.unloaded, m.Name)
	return 1, nil
}

func (s *shelves) Use(mode, ref string) (library.Choice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen = ref
	return library.Choice{Mode: mode, Ref: ref}, nil
}

func (s *shelves) Choices() []library.Choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chosen == "" {
		return nil
	}
	return []library.Choice{{Mode: "chat", Ref: s.chosen, Why: "the default"}, {Mode: "review", Ref: s.chosen, Why: "the default"}}
}

func (s *shelves) Remove(_ context.Context, m models.Model) (*models.Removed, error) {
	return s.store.Remove(m)
}

func (s *shelves) Plan(ctx context.Context, r pull.Request) (*pull.Plan, error) {
	if s.puller == nil {
		return nil, errors.New("there is no network here")
	}
	return s.puller.Plan(ctx, r)
}

func (s *shelves) Pull(ctx context.Context, plan *pull.Plan, progress *pull.Progress) (models.Model, error) {
	return s.puller.Run(ctx, plan, progress)
}

func (s *shelves) Unfinished() ([]pull.Unfinished, error) {
	return (&pull.Puller{Store: s.store}).Unfinished()
}

func (s *shelves) Forget(p *pull.Plan) error { return (&pull.Puller{Store: s.store}).Forget(p) }

func (s *shelves) Endpoints() map[string]config.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.servers)
}

func (s *shelves) Served(_ context.Context, server string) ([]string, error) {
	if list, ok := s.served[server]; ok {
		return list, nil
	}
	return nil, fault.Errorf(fault.Network, "%s could not be reached", server)
}

func (s *shelves) AddEndpoint(name, url, variable string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(url, "broken") {
		return errors.New("the file is written in a way that bise cannot change")
	}
	s.servers[name] = config.Endpoint{URL: url, KeyEnv: variable}
	return nil
}

// options are those of an interface over the library, whose models are a script that
// answers. Without a model here, none can be opened.
func (s *shelves) options(script *enginetest.Script) Options {
	return Options{
		Models: s, Downloads: s, Endpoints: s, Folder: s.store.Dir,
		Open: func(_ context.Context, ref string, _ engine.LoadOptions) (engine.Engine, error) {
			if _, ok := s.Endpoints()[strings.Split(ref, "/")[0]]; ok {
				return named{script, ref}, nil
			}
			if i := slices.IndexFunc(s.said, func(i library.Installed) bool { return i.Name == ref }); i >= 0 || ref == "" && len(s.said) > 0 {
				return named{script, s.said[max(0, i)].Name}, nil
			}
			if list, _ := s.store.List(); ref == "" && len(list) > 0 {
				ref = list[0].Name
			}
			m, err := s.store.Find(ref)
			if err != nil {
				return nil, err
			}
			return named{script, m.Name}, nil
		},
	}
}

// named is an engine with a name of its own.
type named struct {
	engine.Engine
	name string
}

func (n named) Info() engine.Info { return engine.Info{Model: n.name, ContextLength: 4096} }

// A puller plans and runs downloads.
type puller interface {
	Plan(context.Context, pull.Request) (*pull.Plan, error)
	Run(context.Context, *pull.Plan, *pull.Progress) (models.Model, error)
}

// A slowPuller finds out what is to be done, and never does it.
type slowPuller struct{}

func (slowPuller) Plan(_ context.Context, r pull.Request) (*pull.Plan, error) {
	plan := &pull.Plan{Request: r, Name: r.Ref, Tag: "q4_k_m", Download: 13_300_000_000}
	m, _, err := catalog.Embedded().Find(r.Ref)
	if err != nil {
		return nil, err
	}
	plan.Title = m.Title
	plan.Terms, _ = m.Terms()
	if plan.Terms.Ask {
		plan.Text = []byte("Mistral AI Non-Production License\n\n" + strings.Repeat("1. You may look at \x1b[31mit.\n", 60))
	}
	return plan, nil
}

func (slowPuller) Run(ctx context.Context, _ *pull.Plan, _ *pull.Progress) (models.Model, error) {
	<-ctx.Done()
	return models.Model{}, context.Cause(ctx)
}

// furnished is a library in which there is something of everything.
func furnished(t *testing.T) *shelves {
	s := newShelves(t, "")
	s.puller = slowPuller{}
	takes := func(name string) *fit.Model {
		m, _, err := s.catalog.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		whole, _ := fit.FromCatalog(m)
		usual, err := whole.Quantized(catalog.DefaultType)
		if err != nil {
			t.Fatal(err)
		}
		return &usual
	}
	terms := func(id string) licence.Licence { l, _ := licence.Find(id); return l }
	at := time.Date(2024, 3, 14, 9, 30, 0, 0, time.UTC)
	s.said = []library.Installed{
		{
			Model: models.Model{Name: "ministral-3-3b", Tag: "q4_k_m", Origin: models.Installed, Path: "/models/ministral-3-3b.gguf", Size: 2_990_000_000, Used: at, Verified: at, Manifest: &models.Manifest{
				Name: "ministral-3-3b", Tag: "q4_k_m", Source: models.Source{Repo: "mistralai/Ministral-3-3B-Instruct-2512-GGUF"},
			}},
			Title: "Ministral 3 3B", Type: "Q4_K_M", Can: []string{"chat", "vision", "tools"}, Licence: models.Agreement{ID: "apache-2.0"}, Terms: terms("apache-2.0"), Needs: takes("ministral-3-3b"),
		},
		{
			Model: models.Model{Name: "codestral", Tag: "q4_k_m", Origin: models.Installed, Size: 13_300_000_000, Manifest: &models.Manifest{
				Name: "codestral", Tag: "q4_k_m", Licence: models.Agreement{ID: "MNPL-0.1", Accepted: at},
			}},
			Title: "Codestral 22B v0.1", Type: "Q4_K_M", Can: []string{"chat", "fim"}, Terms: terms("mnpl"), Needs: takes("codestral"), State: worker.Idle,
		},
		{
			Model: models.Model{Name: "mistral-7b-instruct-v0.3.Q4_K_M", Origin: models.Cached, Program: "Hugging Face", Path: "/cache/mistral-7b.gguf", Size: 4_370_000_000},
			Type:  "Q4_K_M", Can: []string{"chat", "tools"}, Needs: takes("mistral-7b-v0.3"),
		},
		{Model: models.Model{Name: "half\x1b[2J", Origin: models.Loose, Size: 1_000_000, Problem: errors.New("half.gguf is cut off")}},
	}
	s.servers["lab"], s.servers["plateforme"] = config.Endpoint{URL: "http://lab:8000"}, config.Endpoint{URL: "https://api.mistral.ai"}
	s.served = map[string][]string{"plateforme": {"codestral-latest", "mistral-large-latest", "mistral-\x1b[2Jsmall-latest"}}
	return s
}

// looks lets time pass until downloads were looked at, and says what is seen then.
func (d *driver) looks(at ...pull.Sample) {
	d.t.Helper()
	msg := tuimodels.ProgressSampled{Samples: map[int]pull.Sample{}}
	for i, sample := range at {
		msg.Samples[d.m.models.Downloads[i].Number] = sample
	}
	d.send(msg)
}

func TestFirstRun(t *testing.T) {
	goldens(t, func() Options { return newShelves(t, "").options(&enginetest.Script{}) }, func(d *driver) {
		d.waits()
		d.pressed("down")
	})
}

func TestModels(t *testing.T) {
	goldens(t, func() Options {
		s := furnished(t)
		return s.options(&enginetest.Script{})
	}, func(d *driver) {
		d.sees("ministral-3-3b")
		d.lists()
		d.pressed("/")
		d.typed("mathstral")
		d.pressed("enter")
		d.until("the download", func() bool { return d.m.models.Downloads[0].State == tuimodels.Running })
		d.pressed("home")
		d.looks(pull.Sample{Step: pull.Fetching, Done: 1_210_000_000, Total: 4_370_000_000, Rate: 38e6, Left: 83 * time.Second})
	})
}

func TestDownloadLine(t *testing.T) {
	goldens(t, func() Options { return furnished(t).options(&enginetest.Script{}) }, func(d *driver) {
		d.sees("ministral-3-3b")
		for _, name := range []string{"mathstral", "pixtral"} {
			d.lists()
			d.pressed("/")
			d.typed(name)
			d.pressed("enter")
			d.until("the download", func() bool {
				list := d.m.models.Downloads
				return len(list) > 0 && list[len(list)-1].State == tuimodels.Running
			})
			d.pressed("esc")
		}
		d.typed("meanwhile")
		d.looks(
			pull.Sample{Step: pull.Fetching, Done: 1_210_000_000, Total: 4_370_000_000, Rate: 38e6, Left: 83 * time.Second},
			pull.Sample{Step: pull.Fetching, Done: 2_000_000_000, Total: 8_350_000_000, Rate: 20e6, Left: 300 * time.Second},
		)
	})
}

func TestLicence(t *testing.T) {
	goldens(t, func() Options {
		s := furnished(t)
		s.said = s.said[:1]
		s.machine = fit.Machine{Cores: 8, Memory: 64e9, Free: 50e9, Bandwidth: 30e9}
		return s.options(&enginetest.Script{})
	}, func(d *driver) {
		d.sees("ministral-3-3b")
		d.lists()
		d.pressed("/")
		d.typed("codestral 22")
		d.pressed("enter")
		d.sees("o open the text")
	})
}

func TestAbout(t *testing.T) {
	goldens(t, func() Options { return furnished(t).options(&enginetest.Script{}) }, func(d *driver) {
		d.sees("ministral-3-3b")
		d.lists()
		d.pressed("/")
		d.typed("pixtral 12")
		d.m.dialogs[0].(*tuimodels.Dialog).Filtering = false
		d.pressed("space")
		d.sees("Q8_0")
	})
}

func TestAboutInstalled(t *testing.T) {
	goldens(t, func() Options { return furnished(t).options(&enginetest.Script{}) }, func(d *driver) {
		d.sees("ministral-3-3b")
		d.lists()
		d.pressed("space")
		d.sees("enter use")
	})
}

// What a model has been through is told, whatever it is.
func TestAboutEveryModel(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(&enginetest.Script{}), 120, 40)
	d.sees("ministral-3-3b")
	d.lists()
	for _, texts := range [][]string{
		{"Ministral 3 3B", "Apache License 2.0", "mistralai/Ministral-3-3B-Instruct-2512-GGUF", "in March 2024"},
		{"Codestral 22B v0.1", "no commercial use", "accepted 14"},
		{"mistral-7b-instruct", "Hugging Face's cache"},
		{"half", "half.gguf is cut off"},
	} {
		d.pressed("space")
		for _, text := range texts {
			d.sees(text)
		}
		d.pressed("esc", "down")
	}
	// Enter in it uses the model.
	d.pressed("home", "down", "space", "enter")
	d.until("the model", func() bool { m := d.chat().Using(); return m.Ref == "codestral" && m.State == engines.Ready })
	if n := len(d.m.dialogs); n > 0 {
		t.Errorf("%d dialogs are open", n)
	}
}

func TestModelsByMouse(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(&enginetest.Script{}), 80, 24)
	d.sees("ministral-3-3b")
	// click clicks on the line that has a text.
	click := func(text string) {
		t.Helper()
		for y, line := range strings.Split(d.frame(), "\n") {
			if strings.Contains(line, text) {
				at := tea.Mouse{X: 10, Y: y, Button: tea.MouseLeft}
				d.send(tea.MouseClickMsg(at))
				d.send(tea.MouseReleaseMsg(at))
				return
			}
		}
		t.Fatalf("%q is not on the screen:\n%s", text, d.frame())
	}
	d.lists()
	click("plateforme")
	d.sees("❯ plateforme")
	click("plateforme")
	d.sees("codestral-latest")
	click("mistral-large-latest")
	click("mistral-large-latest")
	d.until("the model", func() bool {
		m := d.chat().Using()
		return m.Ref == "plateforme/mistral-large-latest" && m.State == engines.Ready
	})

	d.lists()
	d.finds("mathstral")
	click("4.37 GB")
	d.until("the download", func() bool { list := d.m.models.Downloads; return len(list) == 1 && list[0].State == tuimodels.Running })
	d.pressed("esc")
	click("mathstral") // the frame's line
	d.sees("downloads")
}

func TestLicenceScrolls(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(&enginetest.Script{}), 80, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.finds("pixtral large")
	d.pressed("enter")
	d.sees("d download anyway")
	d.pressed("d")
	d.sees("a accept")
	d.pressed("o")
	d.sees("You may look")
	first := d.frame()
	for _, c := range []struct {
		keys []string
		same bool // as at first
	}{
		{[]string{"down"}, false},
		{[]string{"up"}, true},
		{[]string{"pgdown"}, false},
		{[]string{"pgup"}, true},
		{[]string{"space"}, false},
		{[]string{"home"}, true},
		{[]string{"end"}, false},
		{[]string{"o", "o"}, true},
	} {
		d.pressed(c.keys...)
		if got := d.frame(); (got == first) != c.same {
			t.Errorf("after %q it is the same: %v\n%s", c.keys, !c.same, got)
		}
	}
	d.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if d.frame() == first {
		t.Error("the wheel does not scroll")
	}
}

func TestServers(t *testing.T) {
	goldens(t, func() Options { return furnished(t).options(&enginetest.Script{}) }, func(d *driver) {
		d.sees("ministral-3-3b")
		d.lists()
		d.pressed("s")
		d.sees("codestral-latest")
		d.sees("could not be reached")
		d.pressed("down")
	})
}

// lists opens the list of models and waits until it is all there.
func (d *driver) lists() {
	d.t.Helper()
	d.pressed("ctrl+l")
	d.waits()
}

// waits waits until the list of models is all there.
func (d *driver) waits() {
	d.t.Helper()
	d.until("the list of models", func() bool { return d.m.models.Machine != nil && d.m.models.Installed != nil })
}

// finds filters the list of models.
func (d *driver) finds(text string) {
	d.t.Helper()
	d.pressed("/")
	d.typed(text)
}

func TestModelIsChosen(t *testing.T) {
	script := replies("from there")
	s := furnished(t)
	d := drive(t, s.options(script), 80, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.sees("in use")
	d.finds("codestral")
	d.pressed("enter")
	if n := len(d.m.dialogs); n > 0 {
		t.Errorf("%d dialogs are open", n)
	}
	d.until("the model", func() bool {
		m := d.chat().Using()
		return m != nil && m.Ref == "codestral" && m.State == engines.Ready
	})
	d.lists()
	d.finds("codestral")
	d.sees("in use")

	// What cannot be used says why.
	d.pressed("esc", "esc")
	d.lists()
	d.finds("half")
	d.pressed("enter")
	d.sees("cut off")

	// One of a server. The first esc removes the message.
	d.pressed("esc", "esc")
	d.finds("plateforme")
	d.pressed("enter")
	d.sees("mistral-large-latest")
	d.misses("http://lab")
	d.finds("large")
	d.pressed("enter")
	d.until("the model", func() bool {
		m := d.chat().Using()
		return m.Ref == "plateforme/mistral-large-latest" && m.State == engines.Ready
	})
	if n := len(d.m.dialogs); n > 0 {
		t.Errorf("%d dialogs are open", n)
	}
	d.asks("hello")
	d.sees("from there")
}

func TestServerIsAdded(t *testing.T) {
	s := newShelves(t, "")
	d := drive(t, s.options(&enginetest.Script{}), 80, 24)
	d.sees("best here")
	d.pressed("s")
	d.sees("No server is configured")
	for _, c := range []struct{ address, key, says, stays, name, url string }{
		{"https://api.mistral.ai", "", "", "", "plateforme", "https://api.mistral.ai MISTRAL_API_KEY"},
		{"lab.example.org:8000", "LAB_KEY", "", "", "lab", "http://lab.example.org:8000 LAB_KEY"},
		{"http://lab.example.net", "", "", "", "lab2", "http://lab.example.net"},
		{"127.0.0.1:8642", "", "", "", "server", "http://127.0.0.1:8642"},
		{"http://", "", "invalid server URL", "▍ http://", "", ""},
		{"http://broken", "", "cannot change", "Environment variable", "broken", ""},
	} {
		d.pressed("a")
		d.sees("The server's URL")
		d.typed(c.address)
		d.pressed("enter")
		if !strings.Contains(c.says, "URL") {
			d.sees("Environment variable")
			d.typed(c.key)
			d.pressed("enter")
		}
		if c.says != "" { // the question stays, to correct the answer
			d.sees(c.says)
			d.sees(c.stays)
			d.pressed("esc", "esc")
		} else {
			d.until("the server", func() bool { return s.Endpoints()[c.name].URL != "" })
		}
		if got := s.Endpoints()[c.name]; strings.TrimSpace(got.URL+" "+got.KeyEnv) != c.url {
			t.Errorf("%s is known as %s: %+v", c.address, c.name, got)
		}
	}
}

func TestRemove(t *testing.T) {
	s := newShelves(t, "")
	file := filepath.Join(t.TempDir(), "mine.Q8_0.gguf")
	if err := os.WriteFile(file, pulltest.Model(t, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	d := drive(t, s.options(&enginetest.Script{}), 80, 24)
	d.sees("best here")

	// A file is taken in; the first model is used at once.
	d.pressed("i")
	d.sees("Path of a GGUF file")
	d.typed(file)
	d.pressed("enter")
	d.until("the model", func() bool { m := d.chat().Using(); return m.Ref == "mine" && m.State == engines.Ready })
	if n := len(d.m.dialogs); n > 0 {
		t.Errorf("%d dialogs are open", n)
	}

	d.lists()
	d.sees("in use")
	d.pressed("ctrl+d")
	d.sees(`deleted "mine" · u undo`)
	d.until("the list", func() bool { return len(d.m.models.Installed) == 0 })
	d.pressed("u")
	d.until("the list", func() bool { return len(d.m.models.Installed) == 1 })
	if _, err := s.store.Find("mine"); err != nil {
		t.Error(err)
	}

	// The notice is gone, and the key for undo still there.
	d.pressed("home", "ctrl+d")
	d.sees(`deleted "mine" · u undo`)
	d.pressed("down", "ctrl+_")
	d.until("the list", func() bool { return len(d.m.models.Installed) == 1 })

	d.pressed("home", "ctrl+d")
	d.until("the list", func() bool { return len(d.m.models.Installed) == 0 })
	d.end()
	if list, err := s.store.Leftovers(0); err != nil || len(list) > 0 {
		t.Errorf("in the store is still %+v, %v", list, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file that was taken in is gone: %v", err)
	}
}

// What belongs to another program is not removed, and says whose it is.
func TestTheirsIsNotRemoved(t *testing.T) {
	d := drive(t, furnished(t).options(&enginetest.Script{}), 80, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.finds("mistral-7b-instruct")
	d.m.dialogs[0].(*tuimodels.Dialog).Filtering = false
	d.pressed("ctrl+d")
	d.sees("it belongs to Hugging Face")
}

// The default is set with a key, and a model is unloaded with another; the conversation
// keeps its model.
func TestDefaultAndUnload(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(replies("yes")), 80, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.sees("in use")
	d.pressed("down", "m")
	d.sees("codestral is the default")
	d.sees("for chat, review (the default)")
	if c := s.Choices(); c[0].Ref != "codestral" {
		t.Errorf("the default is %+v", c)
	}
	d.pressed("space")
	d.sees("used for  chat, review (the default)")
	d.pressed("esc", "home", "x")
	d.sees("ministral-3-3b is unloaded")
	d.sees("in use, unloaded")
	if !slices.Equal(s.unloaded, []string{"ministral-3-3b"}) {
		t.Errorf("unloaded %q", s.unloaded)
	}
	d.pressed("esc")
	if m := d.chat().Using(); m.Name() != "ministral-3-3b" {
		t.Errorf("the conversation uses %s", m.Ref)
	}
	d.asks("hi")
	d.sees("yes")
	d.idle()

	// A server's model, too.
	d.lists()
	d.pressed("s")
	d.sees("codestral-latest")
	d.pressed("down", "m")
	d.sees("plateforme/codestral-latest is the default")
}

func TestImportFails(t *testing.T) {
	s := newShelves(t, "")
	if err := os.MkdirAll(s.store.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "no.gguf")
	if err := os.WriteFile(path, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := drive(t, s.options(&enginetest.Script{}), 120, 24)
	d.sees("best here")
	d.pressed("i")
	d.typed(path)
	d.pressed("enter")
	d.until("an error", func() bool { return strings.Contains(d.m.notice.Text, "no.gguf") })
	if len(d.m.models.Downloads) > 0 {
		t.Error("it is still on the way")
	}

	// What was typed can be corrected, and tab completes it.
	d.sees(filepath.Base(path))
	for range len("no.gguf") {
		d.pressed("backspace")
	}
	d.pressed("tab")
	d.sees("▍ " + path)
	d.pressed("esc", "esc") // the message, the prompt
	d.sees("best here")
}

// A model that does not fit is had by those who insist.
func TestTooBig(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(&enginetest.Script{}), 120, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.finds("devstral 2")
	d.pressed("enter")
	d.sees("this machine has 16 GB")
	d.sees("d download anyway · esc dismiss")
	if len(d.m.models.Downloads) > 0 {
		t.Fatal("it is on its way")
	}
	d.pressed("d")
	d.until("the download", func() bool {
		list := d.m.models.Downloads
		return len(list) == 1 && list[0].Request.Anyway && list[0].State == tuimodels.AwaitingLicence
	})
}

// Frames hold at any size, with everything that there is.
func TestModelsAtAnySize(t *testing.T) {
	s := furnished(t)
	d := drive(t, s.options(&enginetest.Script{}), 80, 24)
	d.sees("ministral-3-3b")
	d.lists()
	d.finds("mathstral")
	d.pressed("enter")
	d.until("the download", func() bool { return d.m.models.Downloads[0].State == tuimodels.Running })
	d.pressed("home")
	for _, keys := range [][]string{{}, {"down"}, {"down", "space"}, {"esc", "s"}, {"a"}, {"esc", "esc", "esc"}} {
		d.pressed(keys...)
		for width := 1; width < 130; width += 9 {
			for height := 1; height < 40; height += 5 {
				d.send(tea.WindowSizeMsg{Width: width, Height: height})
				d.looks(pull.Sample{Step: pull.Fetching, Done: 1, Total: 3, Rate: 1, Left: time.Hour, Reason: strings.Repeat("reason ", height%3)})
			}
		}
	}
}
