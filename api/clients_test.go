package api_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/api/batch"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/api/responses"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// TestClients runs the clients that people have against the handler. BISE_CLIENTS
// is a folder where they are installed: node_modules with @mistralai/mistralai, zod,
// openai, @anthropic-ai/sdk and ollama, and a Python environment py with mistralai,
// openai, anthropic and ollama.
func TestClients(t *testing.T) {
	clients := os.Getenv("BISE_CLIENTS")
	if clients == "" {
		t.Skip("BISE_CLIENTS names no folder with clients")
	}
	scripts := t.TempDir() // where Node finds the modules beside the scripts
	if err := os.CopyFS(scripts, os.DirFS("testdata/clients")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(clients, "node_modules"), filepath.Join(scripts, "node_modules")); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	base := w.server(t, api.Config{})
	env := []string{"BASE=" + base, "KEYED=" + w.server(t, api.Config{Key: "secret"}), "STRICT=" + w.server(t, api.Config{Strict: true})}
	python := filepath.Join(clients, "py", "bin", "python")
	for script, program := range map[string]string{
		"mistral.mjs": "node", "openai.mjs": "node", "mistral.py": python, "anthropic.mjs": "node", "responses.mjs": "node", "ollama.mjs": "node",
		"anthropic_client.py": python, "openai_client.py": python, "ollama_client.py": python,
	} {
		t.Run(script, func(t *testing.T) {
			path, err := exec.LookPath(program)
			if err != nil {
				t.Skip(err)
			}
			cmd := exec.CommandContext(t.Context(), path, filepath.Join(scripts, script))
			cmd.Env = append(os.Environ(), env...)
			var errors bytes.Buffer
			cmd.Stderr = &errors
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v\n%s", err, errors.Bytes())
			}
			report(t, out)
		})
	}
}

// report makes a subtest of each line that a script prints.
func report(t *testing.T, out []byte) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	n := 0
	for ; lines.Scan(); n++ {
		var result struct {
			Name string
			OK   bool
			Why  string
		}
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			t.Errorf("%q: %v", lines.Bytes(), err)
			continue
		}
		t.Run(result.Name, func(t *testing.T) {
			if !result.OK {
				t.Error(result.Why)
			}
		})
	}
	if n == 0 {
		t.Error("nothing was checked")
	}
}

// A world is the models that the scripts ask, and how many requests run.
type world struct{ running, fetched atomic.Int32 }

// prescribed is the reply to requests of the scripts that bind the answer; nil: any words.
func prescribed(r enginetest.Request, _ int) enginetest.Reply {
	c := r.Chat
	if c == nil {
		return nil
	}
	if len(c.Tools) > 0 && (c.ToolChoice.Mode == "any" || c.ToolChoice.Function != "") {
		return enginetest.Reply{enginetest.Call{Name: cmp.Or(c.ToolChoice.Function, c.Tools[0].Function.Name), Arguments: `{"city": "Aix"}`}}
	}
	if f := c.ResponseFormat; f != nil && f.JSONSchema != nil {
		switch schema := string(f.JSONSchema.Schema); {
		case strings.Contains(schema, `"kind"`):
			return enginetest.Reply{enginetest.Text(`{"n": 1, "s": "a", "kind": "b", `), enginetest.Text(`"list": [{"x": 2}]}`)}
		case strings.Contains(schema, `"minLength"`):
			return enginetest.Reply{enginetest.Text(`{`), enginetest.Text(`"text": `), enginetest.Text(`"a`), enginetest.Text(` long text"}`)}
		default:
			return enginetest.Reply{enginetest.Text(`{}`)}
		}
	}
	return nil
}

func (w *world) server(t *testing.T, c api.Config) string {
	chat := engine.Capabilities{Chat: true, Tools: true}
	engines := map[string]engine.Engine{
		"all":  &enginetest.Script{Answer: prescribed},
		"chat": &enginetest.Script{About: engine.Info{ContextLength: 2048, Can: chat}},
		"slow": &slow{running: &w.running},
		"runes": &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Text("\xf0\x9f"), enginetest.Text("\x98\x80"), enginetest.Text("漢"), enginetest.Text("é"),
		}}},
		"thinking": &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Thinking("hm"), enginetest.Thinking(" so"), enginetest.Text("39"), enginetest.Text("1"),
		}}},
		"agent": &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
			if c := r.Chat; c != nil && len(c.Tools) > 0 && c.Messages[len(c.Messages)-1].Role == engine.User {
				return enginetest.Reply{
					enginetest.Thinking("hm"), enginetest.Thinking("."), enginetest.Text("I look."), enginetest.Call{Name: "f", Arguments: `{"city": "Aix"}`},
				}
			}
			return enginetest.Reply{enginetest.Text("It is "), enginetest.Text("done.")}
		}},
		"failing": &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Text("half"), enginetest.Fail{Err: fault.Errorf(fault.Internal, "the engine stopped")},
		}}},
	}
	c.Open = func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
		if e, ok := engines[cmp.Or(model, "all")]; ok {
			return e, nil
		}
		return nil, fault.Errorf(fault.NotFound, "Invalid model: %s", model)
	}
	c.Models = func(context.Context) ([]api.Model, error) {
		return []api.Model{
			{ID: "all", Aliases: []string{"all-latest"}, Created: time.Unix(1790000000, 0), ContextLength: 32768, Can: engines["all"].Info().Can},
			{ID: "chat", ContextLength: 2048, Can: chat},
		}, nil
	}
	c.Families = []api.Family{anthropic.Routes, responses.Routes, ollama.Routes}
	c.Info = func(ctx context.Context, model string) (engine.Info, error) {
		e, err := c.Open(ctx, model, nil)
		if err != nil {
			return engine.Info{}, err
		}
		return e.Info(), nil
	}
	jobs, err := batch.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	running := c
	go func() { defer close(done); jobs.Run(ctx, running) }()
	t.Cleanup(func() { cancel(); <-done })
	c.Families = append(c.Families, jobs.Routes)
	mux := http.NewServeMux()
	mux.Handle("/", jobs.Watch(api.New(c)))
	mux.HandleFunc("/test/picture.png", func(http.ResponseWriter, *http.Request) { w.fetched.Add(1) })
	mux.HandleFunc("/test/fetched", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintf(rw, `{"fetched":%d}`, w.fetched.Load()) })
	mux.HandleFunc("/test/running", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintf(rw, `{"running":%d}`, w.running.Load()) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// A slow engine says a word every few milliseconds, as models do.
type slow struct {
	enginetest.Script
	running *atomic.Int32
}

func (e *slow) Chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.running.Add(1)
		defer e.running.Add(-1)
		clock := time.NewTicker(5 * time.Millisecond)
		defer clock.Stop()
		for n := 0; req.MaxTokens == nil || n < *req.MaxTokens; n++ {
			select {
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			case <-clock.C:
			}
			if !yield(engine.TextDelta{Text: "word "}, nil) {
				return
			}
		}
		_ = yield(engine.Finish{Reason: engine.FinishLength}, nil) && yield(engine.Done{}, nil)
	}
}
