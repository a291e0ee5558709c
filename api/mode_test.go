package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/api/responses"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// An unasked engine counts how often it is asked about its model.
type unasked struct {
	*enginetest.Script
	asked *int
}

func (e unasked) Info() engine.Info {
	*e.asked++
	return e.Script.Info()
}

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// Requests without a model get that of their mode, and are answered without a question about it.
func TestDefaultOfMode(t *testing.T) {
	image := `{"type":"image_url","image_url":"data:image/png;base64,` + pixel + `"}`
	anthropicImage := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + pixel + `"}}`
	for _, tt := range []struct {
		path, body string
		opened     string
		answer     string // the name in it
	}{
		{"/v1/chat/completions", `{` + question + `}`, "m-chat", `"model":"m-chat"`},
		{"/v1/chat/completions", `{"stream":true,` + question + `}`, "m-chat", `"model":"m-chat"`},
		{"/v1/chat/completions", `{"model":"x",` + question + `}`, "x", `"model":"x"`},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":[` + image + `]}]}`, "m-vision", `"model":"m-vision"`},
		{"/v1/fim/completions", `{"prompt":"a","suffix":"b"}`, "m-code", `"model":"m-code"`},
		{"/v1/completions", `{"prompt":"a"}`, "m-chat", `"model":"m-chat"`},
		{"/v1/completions", `{"prompt":"a","suffix":"b"}`, "m-code", `"model":"m-code"`},
		{"/infill", `{"input_prefix":"a","input_suffix":"b"}`, "m-code", `"model":"m-code"`},
		{"/infill", `{"input_prefix":"a","input_suffix":"b","stream":true}`, "m-code", `"model":"m-code"`},
		{"/completion", `{"prompt":"a"}`, "m-chat", `"model":"m-chat"`},
		{"/v1/embeddings", `{"input":"a"}`, "m-embed", `"model":"m-embed"`},
		{"/tokenize", `{"content":"a"}`, "m-chat", `"tokens"`},
		{"/v1/bise/tokenize", `{"fim":{"prompt":"a","suffix":"b"}}`, "m-code", `"tokens"`},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}`, "m-chat", `"model":"m-chat"`},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":[` + anthropicImage + `]}]}`, "m-vision", `"model":"m-vision"`},
		{"/v1/responses", `{"input":"a"}`, "m-chat", `"model":"m-chat"`},
		{"/api/chat", `{"stream":false,"messages":[{"role":"user","content":"a"}]}`, "m-chat", `"model":"m-chat"`},
		{"/api/generate", `{"stream":false,"prompt":"a","suffix":"b"}`, "m-code", `"model":"m-code"`},
		{"/api/generate", `{"stream":false,"prompt":"a","images":["` + pixel + `"]}`, "m-vision", `"model":"m-vision"`},
		{"/api/embed", `{"input":"a"}`, "m-embed", `"model":"m-embed"`},
		{"/api/embeddings", `{"prompt":"a"}`, "m-embed", `"embedding"`},
	} {
		asked, opened := 0, ""
		h := api.New(api.Config{
			Families: []api.Family{anthropic.Routes, responses.Routes, ollama.Routes},
			Default:  func(_ context.Context, mode api.Mode) (string, error) { return "m-" + string(mode), nil },
			Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
				opened = model
				return unasked{enginetest.Says("hi"), &asked}, nil
			},
		})
		w := ask(t, h, "POST", tt.path, tt.body)
		if w.Code != 200 || opened != tt.opened || !strings.Contains(w.Body.String(), tt.answer) {
			t.Errorf("%s %s: opened %q; %d %s", tt.path, tt.body, opened, w.Code, w.Body)
		}
		if tt.path == "/v1/chat/completions" && asked > 0 {
			t.Errorf("%s %s: the engine was asked %d times about its model", tt.path, tt.body, asked)
		}
	}
}

// A name that only Anthropic's service has is the default of the mode.
func TestHostedName(t *testing.T) {
	var names []string
	h := api.New(api.Config{
		Families: []api.Family{anthropic.Routes},
		Default:  func(_ context.Context, mode api.Mode) (string, error) { return "m-" + string(mode), nil },
		Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
			names = append(names, model)
			if strings.HasPrefix(model, "m-") {
				return enginetest.Says("hi"), nil
			}
			return nil, fault.Errorf(fault.NotFound, "there is no %s", model)
		},
	})
	body := `{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"a"}]}`
	if w := ask(t, h, "POST", "/v1/messages", body); w.Code != 200 || strings.Join(names, " ") != "claude-x m-chat" {
		t.Errorf("opened %q: %d %s", names, w.Code, w.Body)
	}
}

// The time that a request waits for its model is in its timings, once, and in Ollama's
// load_duration. A request that does not wait has none.
func TestLoadTime(t *testing.T) {
	for _, tt := range []struct {
		path, body, field string
	}{
		{"/v1/chat/completions", `{` + question + `}`, "bise.timings.load_ns"},
		{"/v1/completions", `{"prompt":["a","b","c"]}`, "bise.timings.load_ns"},
		{"/v1/embeddings", `{"input":"a"}`, "bise.timings.load_ns"},
		{"/api/chat", `{"stream":false,"messages":[{"role":"user","content":"a"}]}`, "load_duration"},
		{"/api/embed", `{"input":"a"}`, "load_duration"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var once sync.Once
			h := api.New(api.Config{
				Families: []api.Family{ollama.Routes},
				Open: func(_ context.Context, _ string, loading func(float64)) (engine.Engine, error) {
					once.Do(func() {
						time.Sleep(3 * time.Second)
						loading(0)
						loading(1)
					})
					return enginetest.Says("hi"), nil
				},
			})
			for _, want := range []time.Duration{3 * time.Second, 0} {
				w := ask(t, h, "POST", tt.path, tt.body)
				var answer any
				if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
					t.Fatal(err)
				}
				for _, key := range strings.Split(tt.field, ".") {
					m, _ := answer.(map[string]any)
					answer = m[key]
				}
				got, _ := answer.(float64)
				if time.Duration(got) != want {
					t.Errorf("%s: %s is %v, want %v: %s", tt.path, tt.field, answer, want, w.Body)
				}
			}
		})
	}
}
