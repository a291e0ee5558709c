package api_test

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/api/responses"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// asked are the routes that a model answers, each with a request.
var asked = []struct{ path, body string }{
	{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"a"}]}`},
	{"/v1/fim/completions", `{"model":"m","prompt":"a","suffix":"b"}`},
	{"/v1/completions", `{"model":"m","prompt":"a"}`},
	{"/v1/embeddings", `{"model":"m","input":"a"}`},
	{"/infill", `{"model":"m","input_prefix":"a","input_suffix":"b"}`},
	{"/completion", `{"model":"m","prompt":"a"}`},
	{"/completions", `{"model":"m","prompt":"a"}`},
	{"/tokenize", `{"model":"m","content":"a"}`},
	{"/detokenize", `{"model":"m","tokens":[1]}`},
	{"/apply-template", `{"model":"m","messages":[{"role":"user","content":"a"}]}`},
	{"/v1/bise/tokenize", `{"model":"m","text":"a"}`},
	{"/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}]}`},
	{"/v1/messages/count_tokens", `{"model":"m","messages":[{"role":"user","content":"a"}]}`},
	{"/v1/responses", `{"model":"m","input":"a"}`},
	{"/v1/responses/compact", `{"model":"m","input":"a"}`},
	{"/v1/responses/input_tokens", `{"model":"m","input":"a"}`},
	{"/api/chat", `{"model":"m","messages":[{"role":"user","content":"a"}]}`},
	{"/api/generate", `{"model":"m","prompt":"a"}`},
	{"/api/embed", `{"model":"m","input":"a"}`},
	{"/api/embeddings", `{"model":"m","prompt":"a"}`},
}

// checkFailure checks that an answer is an error in the shape of its route's family.
func checkFailure(t *testing.T, path, body string) {
	t.Helper()
	var f struct {
		Type    string
		Message string
		Error   json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Errorf("%s: got %s", path, body)
		return
	}
	var text string
	var object struct{ Message, Type string }
	switch {
	case strings.HasPrefix(path, "/api/"): // a string
		if json.Unmarshal(f.Error, &text) != nil || text == "" {
			t.Errorf("%s: got %s", path, body)
		}
	case json.Unmarshal(f.Error, &object) != nil || object.Message == "" || object.Type == "":
		t.Errorf("%s: got %s", path, body)
	case strings.HasPrefix(path, "/v1/messages") && f.Type != "error":
		t.Errorf("%s: got %s", path, body)
	}
}

// On every route, what can go wrong is an error of the right status in the shape of its family:
// bodies that are not requests, a model that is gone, a worker that dies, a full queue.
func TestRough(t *testing.T) {
	families := []api.Family{anthropic.Routes, responses.Routes, ollama.Routes}
	handler := func(e engine.Engine, err error) http.Handler {
		return api.New(api.Config{Families: families, BodyLimit: 100_000, Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return e, err }})
	}
	crash := fault.Errorf(fault.Crashed, "the worker for m died")
	crashed := broken{err: crash}
	deep := strings.Repeat(`[`, 20_000)
	for _, r := range asked {
		t.Run(r.path, func(t *testing.T) {
			fine := handler(enginetest.Says("a"), nil)
			if w := ask(t, fine, "POST", r.path, r.body); w.Code != 200 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			for _, body := range []string{
				``, `null`, `[]`, `"a"`, `7`, `{`, `{"model":`, "\x00\xff", `{"model":7}`, `{"model":null}` + `x`, `{"model":"m","messages":` + deep,
				`{"model":"m","messages":[null],"input":[null],"prompt":[null],"content":[null],"tokens":[null],"text":[null]}`,
				`{"messages":{},"input":{},"prompt":{},"content":{},"tokens":{},"input_prefix":{},"text":{}}`,
			} {
				w := ask(t, fine, "POST", r.path, body)
				if w.Code < 400 || w.Code >= 500 {
					t.Errorf("%.60s: got %d %s", body, w.Code, w.Body)
					continue
				}
				checkFailure(t, r.path, w.Body.String())
			}
			for _, tt := range []struct {
				name   string
				h      http.Handler
				body   string
				status int
			}{
				{"a large body", fine, `{"model":"` + strings.Repeat("m", 200_000) + `"}`, 413},
				{"a model that is gone", handler(nil, fault.Errorf(fault.NotFound, "there is no model m")), r.body, 404},
				{"a worker that dies", handler(crashed, nil), r.body, 503},
				{"a worker that dies at its start", handler(nil, crash), r.body, 503},
				{"no room", handler(nil, fault.Errorf(fault.Busy, "no room for m")), r.body, 429},
			} {
				w := ask(t, tt.h, "POST", r.path, strings.Replace(tt.body, `{"model"`, `{"stream":false,"model"`, 1))
				if w.Code != tt.status {
					t.Errorf("%s: got %d %s, want %d", tt.name, w.Code, w.Body, tt.status)
				}
				checkFailure(t, r.path, w.Body.String())
			}
		})
	}
}

// A broken engine fails with everything.
type broken struct{ err error }

func (b broken) fail(yield func(engine.Event, error) bool) { yield(nil, b.err) }

func (b broken) Info() engine.Info {
	return engine.Info{Model: "m", Can: engine.Capabilities{Chat: true, FIM: true, Embed: true}}
}

func (b broken) Chat(context.Context, engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return b.fail
}

func (b broken) Complete(context.Context, engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return b.fail
}

func (b broken) Embed(context.Context, engine.EmbedRequest) (engine.Embeddings, error) {
	return engine.Embeddings{}, b.err
}

func (b broken) Tokenize(context.Context, engine.TokenizeRequest) (engine.Tokens, error) {
	return engine.Tokens{}, b.err
}

func (b broken) Close() error { return nil }
