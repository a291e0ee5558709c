package api_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine/enginetest"
)

func TestLlamaRoutes(t *testing.T) {
	const (
		timings = `"timings":{"cache_n":0,"predicted_ms":0,"predicted_n":2,"predicted_per_second":0,"predicted_per_token_ms":0,` +
			`"prompt_ms":0,"prompt_n":3,"prompt_per_second":0,"prompt_per_token_ms":0},"tokens_cached":P,"tokens_evaluated":E,"tokens_predicted":2,"truncated":false}`
		end = `"model":"script","stop":true,"stop_type":"eos","stopping_word":"",` + timings
	)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/health", "", 200, `{"status":"ok"}`},
		{"GET", "/props", "", 200, `{"build_info":"bise","chat_template":"","default_generation_settings":{"n_ctx":32768,"params":{}},"is_sleeping":false,` +
			`"modalities":{"audio":true,"vision":true},"model_alias":"script","model_path":"","total_slots":2}`},
		{"GET", "/slots", "", 200, `[{"id":0,"is_processing":false,"n_ctx":32768,"speculative":false}]`},
		{"POST", "/apply-template", `{` + question + `}`, 200, `{"prompt":"<s>[INST]hi[/INST]"}`},
		{"POST", "/completion", `{"prompt":"hi","n_predict":-1,"cache_prompt":true}`, 200, `{"content":"a<b",` + end},
		{"POST", "/completion", `{"prompt":"hi","stop":["<"],"response_fields":["content","stop_type","stopping_word"]}`, 200, `{"content":"a","stop_type":"word","stopping_word":"<"}`},
		{"POST", "/completions", `{"prompt":[1,2],"response_fields":["content","timings/predicted_n"]}`, 200, `{"content":"a<b","timings/predicted_n":2}`},
		{"POST", "/completion", `{"prompt":"hi","stream":true}`, 200, "data: {\"content\":\"a\",\"stop\":false}\n\ndata: {\"content\":\"<b\",\"stop\":false}\n\ndata: {\"content\":\"\"," + end},
		{"POST", "/completion", `{}`, 422, `{"error":{"code":422,"message":"prompt: Field required","type":"invalid_request_error"}}`},
		{"POST", "/completion", `{"prompt":["a","b"]}`, 400, `{"error":{"code":400,"message":"2 prompts: /completion answers one at a time. Use /v1/completions","type":"invalid_request_error"}}`},
		{"POST", "/completion", `{"prompt":"a","json_schema":{"type":"object"}}`, 400, `{"error":{"code":400,"message":"json_schema is not supported here. Use response_format in /v1/chat/completions, or a grammar","type":"invalid_request_error"}}`},
		{"POST", "/completion", `{"prompt":"` + strings.Repeat("word ", 40_000) + `"}`, 400, `{"error":{"code":400,"message":"the request has N tokens and the context holds N","n_ctx":N,"n_prompt_tokens":N,"type":"exceed_context_size_error"}}`},
		{"DELETE", "/props", "", 405, `{"error":{"code":405,"message":"invalid method DELETE for /props: want GET","type":"invalid_request_error"}}`},
	} {
		c := one(&enginetest.Script{Replies: []enginetest.Reply{{took, enginetest.Text("a"), enginetest.Text("<b")}}})
		c.Queue = 2
		w := ask(t, api.New(c), tt.method, tt.path, tt.body)
		got := strings.TrimSpace(strings.ReplaceAll(w.Body.String(), `\u003c`, "<"))
		got = regexp.MustCompile(`"tokens_cached":\d+,"tokens_evaluated":\d+`).ReplaceAllString(got, `"tokens_cached":P,"tokens_evaluated":E`)
		if strings.Contains(tt.want, "N tokens") {
			got = regexp.MustCompile(`\d{5,}`).ReplaceAllString(got, "N")
		}
		if w.Code != tt.status || got != tt.want {
			t.Errorf("%s %s %.60s: got %d\n%s\nwant %d\n%s", tt.method, tt.path, tt.body, w.Code, got, tt.status, tt.want)
		}
	}
}

// A request that is being answered takes a slot.
func TestSlots(t *testing.T) {
	release, inside := make(chan struct{}), make(chan struct{})
	c := one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Do(func(context.Context) { close(inside) }), enginetest.Wait(release), enginetest.Text("a")}}})
	c.Queue = 1
	h := api.New(c)
	done := make(chan struct{})
	go func() { defer close(done); ask(t, h, "POST", "/completion", `{"prompt":"hi"}`) }()
	<-inside
	if got := strings.TrimSpace(ask(t, h, "GET", "/slots", "").Body.String()); got != `[{"id":0,"is_processing":true,"n_ctx":32768,"speculative":false}]` {
		t.Errorf("got %s", got)
	}
	if w := ask(t, h, "GET", "/slots?fail_on_no_slot=1", ""); w.Code != 503 || !strings.Contains(w.Body.String(), `"code":503`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	close(release)
	<-done
}

// What bise does not do is named.
func TestAbsent(t *testing.T) {
	h := api.New(one(&enginetest.Script{}))
	for path, part := range map[string]string{
		"/v1/ocr": "OCR needs Mistral's OCR service", "/v1/moderations": "moderation model", "/v1/libraries/1/documents": "libraries are stored",
		"/v1/connectors": "connectors", "/v1/audio/speech": "a model that speaks", "/v1/agents/completions": "agents",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			wantError(t, ask(t, h, method, path, "{}"), 501, "not_supported", part)
		}
	}
}

// No body breaks the routes of llama.cpp.
func FuzzLlama(f *testing.F) {
	f.Add([]byte(`{"prompt":[1,2],"n_predict":3,"stream":true,"response_fields":["timings/x"],"json_schema":{}}`))
	f.Add([]byte(`{` + question + `,"add_generation_prompt":true}`))
	h := api.New(one(enginetest.Says("a")))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/completion", "/apply-template"} {
			w := ask(t, h, "POST", path, string(body))
			switch w.Code {
			case 200:
			case 400, 404, 422:
				var e struct{ Error struct{ Code int } }
				if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error.Code != w.Code {
					t.Errorf("%s: got %s", path, w.Body)
				}
			default:
				t.Errorf("%s: got %d %s", path, w.Code, w.Body)
			}
		}
	})
}
