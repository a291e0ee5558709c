package library

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
)

// newLibrary is a library of a person who has nothing yet, and a hub for tests.
func newLibrary(t *testing.T) *Library {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, filepath.Join(dir, name))
	}
	t.Setenv("HF_ENDPOINT", pulltest.New(t).URL)
	if err := os.WriteFile(filepath.Join(dir, "catalog.toml"), []byte(pulltest.Catalog), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(Options{Places: config.Places{Config: dir, Models: filepath.Join(dir, "models"), Cache: filepath.Join(dir, "cache"), State: filepath.Join(dir, "state")}, Stderr: io.Discard})
	l.MemoryBench().Save(30e9, true)
	t.Cleanup(l.Close)
	return l
}

// config.toml has the efforts of requests, for models that have the setting.
func TestEffort(t *testing.T) {
	if !slices.Equal(config.Efforts, engine.Efforts) {
		t.Errorf("config.toml knows %q, requests %q", config.Efforts, engine.Efforts)
	}
	c := config.Sampling{ReasoningEffort: "high"}
	thinks := engine.Capabilities{Thinking: true}
	for _, tt := range []struct {
		info engine.Info
		want string
	}{
		{engine.Info{PromptVersion: "v15", Can: thinks, Efforts: []string{"none", "high"}}, "high"},
		{engine.Info{PromptVersion: "v13", Can: thinks}, ""},
		{engine.Info{PromptVersion: "v3"}, ""},
		{engine.Info{PromptVersion: "template", Can: thinks}, "high"},
		{engine.Info{PromptVersion: "template"}, ""},
	} {
		if got := Effort(c, tt.info); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.info, got, tt.want)
		}
	}
}

func TestLibrary(t *testing.T) {
	l := newLibrary(t)
	here := func() []string {
		t.Helper()
		list, err := l.InstalledWithNeeds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, i := range list {
			if i.Needs == nil || i.Type == "" || i.Problem != nil {
				t.Errorf("%s: it takes %v, its type is %q, its problem %v", i.Name, i.Needs, i.Type, i.Problem)
			}
			names = append(names, i.Name)
		}
		return names
	}
	holds := func(want ...string) {
		t.Helper()
		if got := here(); !slices.Equal(got, want) {
			t.Errorf("here are %q, want %q", got, want)
		}
	}
	if h := l.Machine(t.Context()); h.Bandwidth != 30e9 || h.Cores == 0 {
		t.Errorf("the machine is %+v", h)
	}
	holds()

	plan, err := l.Plan(t.Context(), pull.Request{Ref: "tiny"})
	if err != nil {
		t.Fatal(err)
	}
	tiny, err := l.Pull(t.Context(), plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mine.Q8_0.gguf")
	if err := os.WriteFile(file, pulltest.Model(t, 2), 0o600); err != nil {
		t.Fatal(err)
	}
	var read int64
	mine, err := l.Import(t.Context(), models.Import{Path: file, Progress: func(done, _ int64) { read = done }})
	if err != nil || read != mine.Size {
		t.Fatalf("of the file %d bytes are read: %v", read, err)
	}
	holds("mine", "tiny")
	list, _ := l.InstalledWithNeeds(t.Context())
	if i := list[1]; i.Title != "Tiny 1" || i.Terms.ID != "Apache-2.0" || !slices.Equal(i.Can, []string{"chat", "tools"}) {
		t.Errorf("of the one that was pulled is known: %+v", i)
	}
	if i := list[0]; i.Origin != models.Registered || len(i.Can) == 0 {
		t.Errorf("of the one that was imported is known: %+v", i)
	}

	r, err := l.Remove(t.Context(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	holds("mine")
	if err := r.Undo(); err != nil {
		t.Fatal(err)
	}
	holds("mine", "tiny")

	stage, err := l.Store().Stage("guarded", "q4_k_m")
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Release(); err != nil {
		t.Fatal(err)
	}
	if list, err := l.Unfinished(); err != nil || len(list) > 0 {
		t.Errorf("unfinished are %+v, %v", list, err)
	}
	if err := l.Forget(&pull.Plan{Name: "guarded", Tag: "q4_k_m"}); err != nil {
		t.Error(err)
	}
	if waste, err := l.Store().Leftovers(-time.Hour); err != nil || len(waste) > 0 {
		t.Errorf("in the store is still %+v, %v", waste, err)
	}
}

func TestEndpoints(t *testing.T) {
	l := newLibrary(t)
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"data":[{"id":"small"},{"id":"large"},{"id":"small"}]}`)
	}))
	defer there.Close()
	t.Setenv("LAB_KEY", "secret")
	if err := l.AddEndpoint("lab", there.URL, "LAB_KEY"); err != nil {
		t.Fatal(err)
	}
	if err := l.AddEndpoint("open", there.URL, ""); err != nil {
		t.Fatal(err)
	}
	if err := l.AddEndpoint("lab", there.URL, ""); err == nil {
		t.Error("a name was given twice")
	}
	if got := l.Endpoints(); len(got) != 2 || got["lab"].URL != there.URL || got["open"].URL != there.URL {
		t.Errorf("the endpoints are %+v", got)
	}
	// The next bise knows them, too.
	c, _, err := config.Load(l.options.Places.File())
	if err != nil || c.Endpoints["lab"].KeyEnv != "LAB_KEY" || len(c.Endpoints) != 2 {
		t.Errorf("written are %+v, %v", c.Endpoints, err)
	}
	if list, err := l.Served(t.Context(), "lab"); err != nil || !slices.Equal(list, []string{"large", "small"}) {
		t.Errorf("its models are %q, %v", list, err)
	}
	for name, kind := range map[string]fault.Kind{"open": fault.Denied, "nowhere": fault.NotFound} {
		_, err := l.Served(t.Context(), name)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != kind {
			t.Errorf("of %s it is said: %v", name, err)
		}
	}
	if e, err := l.Open(t.Context(), "lab/large", engine.LoadOptions{}); err != nil || e.Close() != nil {
		t.Errorf("one of them cannot be opened: %v", err)
	}
}
