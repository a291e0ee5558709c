package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// llamaVim is a request as llama.vim sends it.
const llamaVim = `{"input_prefix":"package main\n\nfunc add(a, b int) int {\n","input_suffix":"\n}\n",` +
	`"input_extra":[{"text":"func sub(a, b int) int {\n\treturn a - b\n}","time":12.5,"filename":"sub.go"}],` +
	`"prompt":"\treturn","n_predict":128,"stop":[],"n_indent":4,"top_k":40,"top_p":0.99,"stream":false,` +
	`"samplers":["top_k","top_p","infill"],"cache_prompt":true,"id_slot":0,"t_max_prompt_ms":500,"t_max_predict_ms":1000,` +
	`"response_fields":["content","timings/prompt_n","timings/prompt_ms","timings/prompt_per_token_ms","timings/prompt_per_second",` +
	`"timings/predicted_n","timings/predicted_ms","timings/predicted_per_token_ms","timings/predicted_per_second","truncated","tokens_cached"],"model":""}`

// llamaVSCode is one of llama.vscode's.
const llamaVSCode = `{"input_prefix":"x = 1\n","input_suffix":"\ny = 2\n","input_extra":[],"prompt":"z","n_predict":128,` +
	`"top_k":40,"top_p":0.99,"stream":false,"samplers":["top_k","top_p","infill"],"cache_prompt":true,"t_max_prompt_ms":500,"t_max_predict_ms":2500}`

func infill(t *testing.T, e engine.Engine, body string) map[string]any {
	t.Helper()
	w := ask(t, api.New(one(e)), "POST", "/infill", body)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestInfillOfLlamaVim(t *testing.T) {
	e := enginetest.Says(" a + b\n", "}\n", "more")
	w := ask(t, api.New(one(e)), "POST", "/infill", llamaVim)
	// The plugin takes a line that has this in it, and nothing else, for an answer.
	if body := w.Body.String(); !strings.Contains(body, `"content":" a + b"`) || strings.Count(body, "\n") != 1 {
		t.Errorf("answer %s", body)
	}
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer) != 11 {
		t.Errorf("there are %d fields, and 11 were asked for", len(answer))
	}
	for _, field := range []string{"timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_second", "timings/predicted_n", "timings/predicted_per_second", "tokens_cached"} {
		if _, ok := answer[field].(float64); !ok {
			t.Errorf("%s is %v", field, answer[field])
		}
	}
	r := *e.Requests()[2].Complete
	want := "+++++ sub.go\nfunc sub(a, b int) int {\n\treturn a - b\n}\n\n+++++ untitled\npackage main\n\nfunc add(a, b int) int {\n\treturn"
	if r.Prompt != want || r.Suffix != "\n}\n" || *r.MaxTokens != 128 || *r.Temperature != 0 || *r.TopK != 40 {
		t.Errorf("request %+v", r)
	}
}

// TestInfillReadsAhead checks that the request with which plugins have other files
// read ahead costs nothing where it would be of no use.
func TestInfillReadsAhead(t *testing.T) {
	body := `{"input_prefix":"","input_suffix":"","input_extra":[{"filename":"a","text":"b"}],"prompt":"","n_predict":0,"samplers":[],"cache_prompt":true,"t_max_prompt_ms":500,"t_max_predict_ms":1,"response_fields":[""]}`
	e := enginetest.Says("x")
	if answer := infill(t, e, body); len(answer) != 0 {
		t.Errorf("answer %v", answer)
	}
	for _, r := range e.Requests() {
		if r.Complete != nil {
			t.Error("the model had to read")
		}
	}
}

func TestInfillOfLlamaVSCode(t *testing.T) {
	e := enginetest.Says(" = 3")
	answer := infill(t, e, llamaVSCode)
	timings, _ := answer["timings"].(map[string]any)
	if answer["content"] != " = 3" || answer["stop"] != true || answer["stop_type"] != "eos" || timings["predicted_n"] != 1.0 {
		t.Errorf("answer %v", answer)
	}
}

func TestInfillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := enginetest.Do(func(context.Context) { time.Sleep(2 * time.Second) })
		for _, tt := range []struct {
			name, fields string
			reply        enginetest.Reply
			want         string
		}{
			{"indent", `"n_indent":2`, says("a", "\n ", " b", "\n ", "c"), "a\n  b"},
			{"indent of empty lines", `"n_indent":2`, says("a\n", "\n", "  b\n", "\t", "\tc\n", "\td"), "a\n\n  b\n\t\tc"},
			{"no indent", `"n_indent":0`, says("a\n", "b"), "a\nb"},
			{"time", `"t_max_predict_ms":1000`, enginetest.Reply{enginetest.Text("a"), later, enginetest.Text("b"), enginetest.Text("c\nd"), enginetest.Text("e")}, "abc"},
			{"time enough", `"t_max_predict_ms":9000`, enginetest.Reply{enginetest.Text("a\n"), later, enginetest.Text("b\n")}, "a\nb\n"},
			{"tokens", `"n_predict":2`, says("a", "b", "c"), "ab"},
			{"no bound of tokens", `"n_predict":-1`, says("a", "b", "c"), "abc"},
			{"stop", `"stop":["c"]`, says("a", "b", "c"), "ab"},
		} {
			answer := infill(t, &enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, `{"input_prefix":"p","input_suffix":"s",`+tt.fields+`}`)
			if answer["content"] != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, answer["content"], tt.want)
			}
		}
	})
}

func says(pieces ...string) (r enginetest.Reply) {
	for _, p := range pieces {
		r = append(r, enginetest.Text(p))
	}
	return r
}

func TestInfillStream(t *testing.T) {
	e := enginetest.Says("a", "\n", " b", "\nc")
	w := ask(t, api.New(one(e)), "POST", "/infill", `{"input_prefix":"p","input_suffix":"s","n_indent":1,"stream":true}`)
	text, last := "", map[string]any{}
	for line := range strings.Lines(w.Body.String()) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		last = nil
		if err := json.Unmarshal([]byte(data), &last); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprint(last["content"])
	}
	if text != "a\n b" || last["stop"] != true || last["timings"] == nil {
		t.Errorf("text %q, at last %v", text, last)
	}
}

func TestInfillRefused(t *testing.T) {
	chat := &enginetest.Script{About: engine.Info{Can: engine.Capabilities{Chat: true}}}
	wantError(t, ask(t, api.New(one(chat)), "POST", "/infill", llamaVim), http.StatusBadRequest, "invalid_request_error", "cannot fill in the middle")
	for body, part := range map[string]string{
		`{"input_prefix":1}`:                                     "input_prefix",
		`{"input_extra":[{"text":1}]}`:                           "input_extra",
		`{"input_extra":[` + strings.Repeat(`{},`, 300) + `{}]}`: "input_extra",
	} {
		wantError(t, ask(t, api.New(one(enginetest.Says("x"))), "POST", "/infill", body), http.StatusUnprocessableEntity, "invalid_request_error", part)
	}
	failing := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("a"), enginetest.Fail{Err: fault.Errorf(fault.Crashed, "the worker died")}}}}
	if w := ask(t, api.New(one(failing)), "POST", "/infill", `{"stream":true}`); !strings.Contains(w.Body.String(), "the worker died") {
		t.Errorf("answer %s", w.Body)
	}
}

// A model's layout is found once, not for each key that is typed.
func TestInfillLayoutIsKnown(t *testing.T) {
	script := enginetest.Says("x")
	h := api.New(one(script))
	counts := []int{}
	for range 3 {
		if w := ask(t, h, "POST", "/infill", `{"input_prefix":"a","input_suffix":"b"}`); w.Code != 200 {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		tokenized := 0
		for _, r := range script.Requests() {
			if r.Tokenize != nil {
				tokenized++
			}
		}
		counts = append(counts, tokenized)
	}
	if counts[0] == 0 || counts[2] != counts[0] {
		t.Errorf("the engine tokenized %v times after each request", counts)
	}
}
