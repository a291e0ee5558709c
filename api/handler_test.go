package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// ask sends a request to a handler and gives the response.
func ask(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// envelope is an error's body as clients see it.
type envelope struct {
	Object  string
	Message string
	Type    string
	Param   *string
	Code    *string
	Detail  []struct {
		Loc []any
		Msg string
	}
	Error struct {
		Message string
		Type    string
		Param   *string
		Code    *string
	}
}

func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, typ, part string) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("the body %q: %v", w.Body, err)
	}
	if w.Code != status || e.Type != typ || !strings.Contains(e.Message, part) {
		t.Errorf("got %d %s %q, want %d %s with %q", w.Code, e.Type, e.Message, status, typ, part)
	}
	if e.Object != "error" || e.Error.Message != e.Message || e.Error.Type != e.Type {
		t.Errorf("the envelope's shapes differ: %s", w.Body)
	}
	if w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the content type is %q", w.Header().Get("Content-Type"))
	}
	return e
}

const question = `"messages":[{"role":"user","content":"hi"}]`

var changing = regexp.MustCompile(`"id":"[0-9a-f]{32}"(,"object":"[a-z_.]+"),"created":\d+`)

// events are a stream's text with ids and times taken out.
func events(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d, %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	ids := map[string]bool{}
	for _, id := range changing.FindAllString(w.Body.String(), -1) {
		ids[id] = true
	}
	if len(ids) != 1 {
		t.Errorf("the chunks have %d ids and times: %s", len(ids), w.Body)
	}
	return changing.ReplaceAllString(w.Body.String(), `"id":"ID"$1,"created":0`)
}

// took makes a reply's timings the same each time.
var took = enginetest.Took(engine.Timings{Evaluated: 3, Generated: 2})

const tookJSON = `"bise":{"timings":{"queue_ns":0,"load_ns":0,"restore_ns":0,"prefill_ns":0,"first_token_ns":0,"decode_ns":0,"evaluated":3,"generated":2}`

func TestStream(t *testing.T) {
	const usage = `"usage":{"prompt_tokens":P,"completion_tokens":2,"total_tokens":T,"prompt_tokens_details":{"cached_tokens":0}}`
	chunk := func(choices string) string {
		return `data: {"id":"ID","object":"chat.completion.chunk","created":0,"model":"m","choices":[` + choices + "]}\n\n"
	}
	last := func(choices string) string {
		return `data: {"id":"ID","object":"chat.completion.chunk","created":0,"model":"m","choices":[` + choices + `],` + usage + "," + tookJSON + "}}\n\ndata: [DONE]\n\n"
	}
	role := chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`)
	stop := last(`{"index":0,"delta":{"content":""},"finish_reason":"stop"}`)
	text := func(s string) string {
		return chunk(`{"index":0,"delta":{"content":"` + s + `"},"finish_reason":null}`)
	}
	tests := []struct {
		name  string
		reply enginetest.Reply
		body  string
		want  string
	}{
		{
			"text",
			enginetest.Reply{took, enginetest.Text("Blu"), enginetest.Text("<e>.")},
			question,
			role + text("Blu") + text("<e>.") + stop,
		},
		{
			"progress",
			enginetest.Reply{
				took,
				enginetest.Emit{Event: engine.Loading{Fraction: 0.5}},
				enginetest.Emit{Event: engine.Progress{Done: 2, Total: 4, Cached: 1}},
				enginetest.Text("a"), enginetest.Text("b"),
			},
			question,
			": bise {\"loading\":{\"fraction\":0.5}}\n\n: bise {\"progress\":{\"done\":2,\"total\":4,\"cached\":1,\"queued\":0}}\n\n" +
				role + text("a") + text("b") + stop,
		},
		{
			"prefix",
			enginetest.Reply{took, enginetest.Text("one"), enginetest.Text("two")},
			`"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"X: \n","prefix":true}]`,
			role + text("X:") + text(` \none`) + text("two") + stop,
		},
		{
			"prefix with nothing after it",
			enginetest.Reply{took, enginetest.Thinking("a"), enginetest.Thinking("b")},
			`"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"X ","prefix":true}]`,
			role + text("X") +
				chunk(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}],"closed":false}]},"finish_reason":null}`) +
				chunk(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}],"closed":false}]},"finish_reason":null}`) +
				chunk(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":""}],"closed":true},{"text":" ","type":"text"}]},"finish_reason":null}`) +
				stop,
		},
		{
			"thinking",
			enginetest.Reply{took, enginetest.Thinking("hm"), enginetest.Text("391")},
			question,
			role +
				chunk(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}],"closed":false}]},"finish_reason":null}`) +
				chunk(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":""}],"closed":true},{"text":"391","type":"text"}]},"finish_reason":null}`) +
				stop,
		},
		{
			"tools",
			enginetest.Reply{took, enginetest.Call{ID: "Qm3xT81Zp", Name: "f", Arguments: `{"a":1}`}, enginetest.Call{ID: "a7Kd02LmX", Name: "g"}},
			`"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],` + question,
			role +
				chunk(`{"index":0,"delta":{"content":"","tool_calls":[{"id":"Qm3xT81Zp","type":"function","index":0,"function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":null}`) +
				chunk(`{"index":0,"delta":{"content":"","tool_calls":[{"id":"a7Kd02LmX","type":"function","index":1,"function":{"name":"g","arguments":"{}"}}]},"finish_reason":null}`) +
				last(`{"index":0,"delta":{"content":""},"finish_reason":"tool_calls"}`),
		},
		{
			"model_length",
			enginetest.Reply{took, enginetest.Text("a"), enginetest.Text("b"), enginetest.End(engine.FinishModelLength)},
			question,
			role + text("a") + text("b") + last(`{"index":0,"delta":{"content":""},"finish_reason":"length","bise_finish_reason":"model_length"}`),
		},
		{
			"refusal",
			enginetest.Reply{took, enginetest.Emit{Event: engine.TextDelta{Text: "No.", Refusal: true}}, enginetest.End(engine.FinishRefusal)},
			question,
			role + chunk(`{"index":0,"delta":{"content":"","refusal":"No."},"finish_reason":null}`) +
				strings.Replace(last(`{"index":0,"delta":{"content":""},"finish_reason":"stop","bise_finish_reason":"refusal"}`), `"completion_tokens":2`, `"completion_tokens":0`, 1),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := api.New(one(&enginetest.Script{Replies: []enginetest.Reply{test.reply}}))
			w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","stream":true,`+test.body+`}`)
			got := regexp.MustCompile(`"prompt_tokens":\d+`).ReplaceAllString(events(t, w), `"prompt_tokens":P`)
			got = regexp.MustCompile(`"total_tokens":\d+`).ReplaceAllString(got, `"total_tokens":T`)
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// A last chunk with the error, which Mistral's client delivers and OpenAI's
// throws.
func TestStreamFails(t *testing.T) {
	broken := &fault.Error{Kind: fault.Crashed, Msg: "the worker died", Advice: "Ask again"}
	arrived := make(chan struct{}) // before that, the error would be answered with a status
	url := serve(t, one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("a"), enginetest.Wait(arrived), enginetest.Fail{Err: broken}}}}))
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"m","stream":true,`+question+`}`))
	if err != nil {
		t.Fatal(err)
	}
	close(arrived)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]`,
		`"error":{"message":"the worker died. Ask again","type":"server_error","param":null,"code":"crashed","bise":{"kind":"crashed","advice":"Ask again"}}`,
	} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%s lacks %s", body, part)
		}
	}
	if !strings.HasSuffix(string(body), "\n\ndata: [DONE]\n\n") {
		t.Errorf("the stream ends with %q", body)
	}
}

// What fails before anything was sent gets its status, also of a stream.
func TestStreamRefused(t *testing.T) {
	for _, stream := range []string{"false", "true"} {
		h := api.New(one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: engine.ErrTooLong(5000, 4096)}}}}))
		w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","stream":`+stream+`,`+question+`}`)
		e := wantError(t, w, 400, "invalid_request_error", "5000 tokens and the context holds 4096")
		if e.Code == nil || *e.Code != "context_length_exceeded" {
			t.Errorf("the code is %v", e.Code)
		}
	}
}

// A stream that has nothing to say gets headers and comments all the same.
func TestStreamStaysAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		think := make(chan struct{})
		time.AfterFunc(25*time.Second, func() { close(think) })
		h := api.New(one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Wait(think), enginetest.Fail{Err: errors.New("out of order")}}}}))
		w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","stream":true,`+question+`}`)
		if n := strings.Count(w.Body.String(), ": keep-alive\n\n"); n != 3 { // after 1, 11 and 21 s
			t.Errorf("%d comments in 25 s: %s", n, w.Body)
		}
		if !strings.Contains(w.Body.String(), `"message":"out of order"`) {
			t.Errorf("the error is missing: %s", w.Body)
		}
	})
}

// A client that leaves ends the generation.
func TestDisconnect(t *testing.T) {
	for _, stream := range []string{"false", "true"} {
		begun, ended := make(chan struct{}), make(chan struct{})
		url := serve(t, one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Do(func(ctx context.Context) {
			close(begun)
			<-ctx.Done()
			close(ended)
		})}}}))
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":`+stream+`,`+question+`}`))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-begun
			leave()
		}()
		if resp, err := http.DefaultClient.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		<-ended // the test times out otherwise
	}
}

// A client that reads nothing makes the engine wait, and one that then leaves
// sets it free.
func TestSlowClient(t *testing.T) {
	said := make(chan int, 1)
	url := serve(t, one(&flood{said: said}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,`+question+`}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-said:
		t.Fatalf("the engine said %d words to nobody", n)
	default:
	}
	leave()
	if n := <-said; n >= floods {
		t.Errorf("the engine said all of its %d words", n)
	}
}

const floods = 1 << 20

// A flood is an engine that says more than any buffer holds.
type flood struct {
	enginetest.Script
	said chan<- int
}

func (e *flood) Chat(context.Context, engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		n := 0
		defer func() { e.said <- n }()
		for ; n < floods; n++ {
			if !yield(engine.TextDelta{Text: "a hundred bytes of text, give or take, of which a million are more than sockets hold"}, nil) {
				return
			}
		}
	}
}

func TestWhole(t *testing.T) {
	script := &enginetest.Script{Replies: []enginetest.Reply{{took, enginetest.Thinking("hm"), enginetest.Text("39"), enginetest.Text("1")}}}
	h := api.New(one(script))
	w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m",`+question+`}`)
	const want = `"choices":[{"index":0,"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}],"closed":true},{"text":"391","type":"text"}]},"finish_reason":"stop"}],"usage":{`
	if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
	}
	w = ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"17*23 = ","prefix":true}]}`)
	if !strings.Contains(w.Body.String(), `"text":"17*23 = 391"`) {
		t.Errorf("the prefix is missing: %s", w.Body)
	}
}

func TestLogprobs(t *testing.T) {
	h := api.New(one(&enginetest.Script{}))
	for _, stream := range []string{"false", "true"} {
		w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","max_tokens":1,"logprobs":true,"top_logprobs":1,"stream":`+stream+`,`+question+`}`)
		if !regexp.MustCompile(`"logprobs":\{"content":\[\{"token":"[^"]*","logprob":-?[0-9.e-]+,"bytes":\[[0-9,]*\],"id":\d+,"top_logprobs":\[\{"token":`).MatchString(w.Body.String()) {
			t.Errorf("stream %s: %s", stream, w.Body)
		}
		w = ask(t, h, "POST", "/v1/completions", `{"model":"m","max_tokens":1,"logprobs":1,"prompt":"a","stream":`+stream+`}`)
		if !regexp.MustCompile(`"logprobs":\{"tokens":\["[^"]*"\],"token_logprobs":\[-?[0-9.e-]+\],"top_logprobs":\[\{`).MatchString(w.Body.String()) {
			t.Errorf("stream %s: %s", stream, w.Body)
		}
	}
}

func TestLegacyCompletions(t *testing.T) {
	script := &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		return enginetest.Reply{enginetest.Text(r.Complete.Prompt), enginetest.Text(r.Complete.Suffix), enginetest.Text(string('0' + rune(choice)))}
	}}
	h := api.New(one(script))
	var answer struct {
		Object  string
		Choices []struct {
			Index  int
			Text   string
			Reason string `json:"finish_reason"`
		}
		Usage engine.Usage
	}
	w := ask(t, h, "POST", "/v1/completions", `{"model":"m","prompt":["a","b"],"suffix":"z","n":2,"echo":true}`)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Object != "text_completion" || len(answer.Choices) != 4 {
		t.Fatalf("got %s, %v", w.Body, err)
	}
	for i, want := range []string{"aaz0", "aaz1", "bbz0", "bbz1"} {
		if c := answer.Choices[i]; c.Text != want || c.Index != i || c.Reason != "stop" {
			t.Errorf("choice %d is %+v, want %q", i, c, want)
		}
	}
	if answer.Usage.CompletionTokens != 12 {
		t.Errorf("the usage is %+v", answer.Usage)
	}
	w = ask(t, h, "POST", "/v1/completions", `{"model":"m","prompt":"a","stream":true}`)
	if !strings.Contains(w.Body.String(), `"choices":[{"index":0,"text":"a","finish_reason":null}]`) || strings.Contains(w.Body.String(), "delta") {
		t.Errorf("got %s", w.Body)
	}
	if r := script.Requests(); *r[0].Complete.MaxTokens != 16 {
		t.Errorf("max_tokens is %d", *r[0].Complete.MaxTokens)
	}
	w = ask(t, h, "POST", "/v1/completions", `{"model":"m","prompt":[[1,2],[3]]}`)
	if r := script.Requests(); w.Code != 200 || len(r[len(r)-2].Complete.Tokens) != 2 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	wantError(t, ask(t, h, "POST", "/v1/completions", `{"model":"m","prompt":[]}`), 422, "invalid_request_error", "prompts")
	wantError(t, ask(t, h, "POST", "/v1/completions", `{"model":"m","n":100,"prompt":["a","b"]}`), 400, "invalid_request_error", "128")
}

func TestErrors(t *testing.T) {
	open := func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
		if model != "m" {
			return nil, fault.Errorf(fault.NotFound, "Invalid model: %s", model)
		}
		return &enginetest.Script{About: engine.Info{Can: engine.Capabilities{Chat: true}}}, nil
	}
	models := func(context.Context) ([]api.Model, error) {
		return []api.Model{{ID: "m", Aliases: []string{"alias", "ft:a/b"}, ContextLength: 4096, Can: engine.Capabilities{Chat: true}}}, nil
	}
	h := api.New(api.Config{Open: open, Models: models, BodyLimit: 1000})
	tests := []struct {
		name, method, path, body string
		status                   int
		typ, part                string
	}{
		{"no such model", "POST", "/v1/chat/completions", `{"model":"x",` + question + `}`, 404, "invalid_model", "Invalid model: x"},
		{"large", "POST", "/v1/chat/completions", `{"model":"` + strings.Repeat("x", 1000) + `"}`, 413, "invalid_request_error", "1000 bytes"},
		{"path", "GET", "/v1/nothing", "", 404, "not_supported", "GET /v1/nothing"},
		{"v1 twice", "GET", "/v1/v1/models", "", 404, "not_supported", "base URL"},
		{"method", "GET", "/v1/chat/completions", "", 405, "not_supported", "want POST"},
		{"card", "GET", "/v1/models/no/such:model", "", 404, "invalid_model", "no/such:model"},
		{"delete", "DELETE", "/v1/models/m", "", 403, "invalid_request_error", "bise rm"},
		{"fim", "POST", "/v1/fim/completions", `{"model":"m","prompt":"a","suffix":"b"}`, 400, "invalid_request_error", "fill in the middle"},
		{"embed", "POST", "/v1/embeddings", `{"model":"m","input":"a"}`, 400, "invalid_request_error", "embed"},
		{"embed nothing", "POST", "/v1/embeddings", `{"model":"m","input":[]}`, 422, "invalid_request_error", "at least 1 item"},
		{"embed without input", "POST", "/v1/embeddings", `{"model":"m"}`, 422, "invalid_request_error", "input: Field required"},
		{"embed tokens", "POST", "/v1/embeddings", `{"model":"m","input":[1,2]}`, 422, "invalid_request_error", "valid string"},
		{"tokenize two", "POST", "/v1/bise/tokenize", `{"model":"m","text":"a","fim":{"prompt":"b"}}`, 400, "invalid_request_error", "got 2"},
	}
	for _, test := range tests {
		w := ask(t, h, test.method, test.path, test.body)
		t.Run(test.name, func(t *testing.T) { wantError(t, w, test.status, test.typ, test.part) })
	}
	for _, id := range []string{"m", "alias", "ft%3Aa%2Fb", "ft:a/b"} {
		w := ask(t, h, "GET", "/v1/models/"+id, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"m","object":"model","created":0,"owned_by":"local","type":"base","capabilities":{`) {
			t.Errorf("%s: got %d %s", id, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "GET", "/v1/models", ""); bytes.Contains(w.Body.Bytes(), []byte(`"aliases":null`)) || !strings.Contains(w.Body.String(), `"max_context_length":4096`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestKey(t *testing.T) {
	c := one(&enginetest.Script{})
	c.Key = "secret"
	h := api.New(c)
	for _, header := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Authorization", "secret"}, {"Authorization", "Bearer "}, {"X-Api-Key", "wrong"}} {
		for _, path := range []string{"/v1/models", "/no/such/path", "/tokenize"} {
			if w := ask(t, h, "GET", path, "", header...); w.Code != 401 || !strings.Contains(w.Body.String(), `"Unauthorized`) {
				t.Errorf("%s with %q: got %d %s", path, header, w.Code, w.Body)
			}
		}
	}
	for _, header := range [][]string{{"Authorization", "Bearer secret"}, {"authorization", "bearer secret"}, {"X-Api-Key", "secret"}} {
		if w := ask(t, h, "GET", "/v1/models", "", header...); w.Code != 200 {
			t.Errorf("with %q: got %d %s", header, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "GET", "/health", ""); w.Code != 200 || w.Body.String() != "{\"status\":\"ok\"}\n" {
		t.Errorf("health: got %d %s", w.Code, w.Body)
	}
}

func TestHealth(t *testing.T) {
	c := one(&enginetest.Script{})
	c.Health = func() error { return fault.Errorf(fault.Busy, "the model is loading") }
	w := ask(t, api.New(c), "GET", "/health", "")
	wantError(t, w, 503, "rate_limited", "the model is loading")
	if w.Header().Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

func TestEmbeddings(t *testing.T) {
	h := api.New(one(&enginetest.Script{About: engine.Info{EmbeddingSize: 20}}))
	embed := func(more string) []float64 {
		t.Helper()
		var answer struct {
			Data []struct {
				Index     int
				Embedding []float64
			}
		}
		w := ask(t, h, "POST", "/v1/embeddings", `{"model":"m","input":["a","b"]`+more+`}`)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Data) != 2 || answer.Data[1].Index != 1 {
			t.Fatalf("%s: got %s, %v", more, w.Body, err)
		}
		return answer.Data[0].Embedding
	}
	floats := embed("")
	if len(floats) != 20 {
		t.Fatalf("the vector has %d components", len(floats))
	}
	if n := len(embed(`,"output_dimension":8`)); n != 8 {
		t.Errorf("output_dimension 8 gives %d components", n)
	}
	for dtype, bounds := range map[string]struct{ n, low, high int }{
		"int8": {20, -128, 127}, "uint8": {20, 0, 255}, "binary": {3, -128, 127}, "ubinary": {3, 0, 255},
	} {
		v := embed(`,"output_dtype":"` + dtype + `"`)
		if len(v) != bounds.n {
			t.Errorf("%s has %d components, want %d", dtype, len(v), bounds.n)
		}
		for i, x := range v {
			if x != float64(int(x)) || int(x) < bounds.low || int(x) > bounds.high {
				t.Errorf("component %d of %s is %v", i, dtype, x)
			}
			if dtype == "int8" && (x > 0) != (floats[i] > 0) && x != 0 {
				t.Errorf("component %d is %v, of int8 %v", i, floats[i], x)
			}
			if dtype == "ubinary" && int(x)&0x80 != 0 != (floats[8*i] > 0) {
				t.Errorf("the first bit of byte %d is of %v: %08b", i, floats[8*i], int(x))
			}
		}
	}
	w := ask(t, h, "POST", "/v1/embeddings", `{"model":"m","input":"a","dimensions":21}`)
	if e := wantError(t, w, 422, "invalid_request_error", "less than or equal to 20"); len(e.Detail) != 1 {
		t.Errorf("the detail is %v", e.Detail)
	}
}

func TestTokenize(t *testing.T) {
	h := api.New(one(&enginetest.Script{}))
	for _, tt := range []struct{ body, want string }{
		{`{"content":"é"}`, `{"tokens":[195,169],"count":2,"max_model_len":32768}`},
		{`{"content":""}`, `{"tokens":[],"count":0,"max_model_len":32768}`},
		{`{"content":"é","with_pieces":true}`, `{"tokens":[{"id":195,"piece":[195]},{"id":169,"piece":[169]}],"count":2,"max_model_len":32768}`},
		{`{"content":"b","add_special":true}`, `{"tokens":[256,98],"count":2,"max_model_len":32768}`},
		{`{"content":"</s>"}`, `{"tokens":[257],"count":1,"max_model_len":32768}`},
		{`{"content":"</s>","parse_special":false}`, `{"tokens":[60,47,115,62],"count":4,"max_model_len":32768}`},
		{`{"prompt":"b"}`, `{"tokens":[256,98],"count":2,"max_model_len":32768}`},
		{`{"prompt":"b</s>","add_special_tokens":false,"return_token_strs":true}`, `{"tokens":[98,257],"count":2,"max_model_len":32768,"token_strs":["b","</s>"]}`},
	} {
		if got := strings.TrimSpace(ask(t, h, "POST", "/tokenize", tt.body).Body.String()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
	if w := ask(t, h, "POST", "/tokenize", `{`+question+`,"add_generation_prompt":true}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"tokens":[256,`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	wantError(t, ask(t, h, "POST", "/tokenize", `{}`), 422, "invalid_request_error", "content: Field required")
	for body, want := range map[string]string{`{"tokens":[195,169,98]}`: `{"content":"éb","prompt":"éb"}`, `{"tokens":[]}`: `{"content":"","prompt":""}`} {
		if got := strings.TrimSpace(ask(t, h, "POST", "/detokenize", body).Body.String()); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	wantError(t, ask(t, h, "POST", "/detokenize", `{"tokens":[99999999]}`), 400, "invalid_request_error", "invalid token 99999999")
	if w := ask(t, h, "GET", "/tokenizer_info", ""); !strings.Contains(w.Body.String(), `"eos_token":"</s>"`) || !strings.Contains(w.Body.String(), `"bos_token":"<s>"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Completions with echo and logprobs have those of the prompt: the first is null, and nothing
// is left out at the end.
func TestPromptLogprobs(t *testing.T) {
	type choice struct {
		Index    int
		Text     string
		Logprobs *struct {
			Tokens   []string
			Logprobs []*float64           `json:"token_logprobs"`
			Top      []map[string]float64 `json:"top_logprobs"`
			Offsets  []int                `json:"text_offset"`
		}
	}
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("x")}}}
	h := api.New(one(script))
	ids := `[256,97,98,99]`
	for _, tt := range []struct {
		body    string
		prompts []string // the texts that choices begin with
		tokens  []int    // of the prompts
		answer  int      // tokens after them: "x", and the end unless max_tokens comes first
	}{
		{`"prompt":"abc","logprobs":1,"echo":true`, []string{"abc"}, []int{4}, 2},
		{`"prompt":"abc","logprobs":1,"echo":true,"max_tokens":1`, []string{"abc"}, []int{4}, 1},
		{`"prompt":"abc","logprobs":0,"echo":true,"max_tokens":0`, []string{"abc"}, []int{4}, 0},
		{`"prompt":` + ids + `,"logprobs":1,"echo":true`, []string{"abc"}, []int{4}, 2},
		{`"prompt":` + ids + `,"echo":true`, []string{"abc"}, nil, 0},
		{`"prompt":[` + ids + `,[256,98]],"logprobs":1,"echo":true`, []string{"abc", "b"}, []int{4, 2}, 2},
		{`"prompt":["abc","b"],"n":2,"logprobs":5,"echo":true`, []string{"abc", "abc", "b", "b"}, []int{4, 4, 2, 2}, 2},
		{`"prompt":"abc","logprobs":1`, []string{""}, []int{0}, 1},
	} {
		for _, stream := range []string{"false", "true"} {
			t.Run(tt.body+" "+stream, func(t *testing.T) {
				w := ask(t, h, "POST", "/v1/completions", `{"model":"m","stream":`+stream+`,`+tt.body+`}`)
				got := make([]choice, len(tt.prompts))
				for _, line := range strings.Split(w.Body.String(), "\n") {
					line = strings.TrimPrefix(line, "data: ")
					var answer struct{ Choices []choice }
					if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &answer) != nil {
						continue
					}
					for _, c := range answer.Choices {
						to := &got[c.Index]
						to.Text += c.Text
						if c.Logprobs == nil {
							continue
						}
						if to.Logprobs == nil {
							to.Logprobs = c.Logprobs
							continue
						}
						to.Logprobs.Tokens = append(to.Logprobs.Tokens, c.Logprobs.Tokens...)
						to.Logprobs.Logprobs = append(to.Logprobs.Logprobs, c.Logprobs.Logprobs...)
						to.Logprobs.Top = append(to.Logprobs.Top, c.Logprobs.Top...)
					}
				}
				for i, c := range got {
					answer := "x"
					if strings.Contains(tt.body, `"max_tokens":0`) {
						answer = ""
					}
					if c.Text != tt.prompts[i]+answer {
						t.Errorf("choice %d has the text %q", i, c.Text)
					}
					if tt.tokens == nil {
						if c.Logprobs != nil {
							t.Errorf("choice %d has logprobs that nobody asked for", i)
						}
						continue
					}
					if c.Logprobs == nil {
						t.Fatalf("choice %d has no logprobs: %s", i, w.Body)
					}
					n := tt.tokens[i] + tt.answer
					if l := c.Logprobs; len(l.Tokens) != n || len(l.Logprobs) != n || len(l.Top) != n {
						t.Fatalf("choice %d has %d tokens, %d logprobs and %d alternatives, want %d", i, len(l.Tokens), len(l.Logprobs), len(l.Top), n)
					}
					for k, p := range c.Logprobs.Logprobs {
						if first := k == 0 && tt.tokens[i] > 0; (p == nil) != first || (c.Logprobs.Top[k] == nil) != first {
							t.Errorf("choice %d: token %d has %v, %v", i, k, p, c.Logprobs.Top[k])
						}
					}
				}
			})
		}
	}
}

// The log tells of a request what it was and how it went, and nothing of what was
// said.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	c := one(enginetest.Says("a secret answer"))
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := api.New(c)
	ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","colour":"red","messages":[{"role":"user","content":"a secret question"}]}`)
	ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","messages":"a secret question"}`)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "method=POST path=/v1/chat/completions status=200") || !strings.Contains(lines[0], "ignored=[colour]") ||
		!strings.Contains(lines[1], "status=422") || !strings.Contains(lines[1], "kind=invalid") {
		t.Errorf("the log is\n%s", log.String())
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log tells what was said:\n%s", log.String())
	}
}

// A family of routes is served beside the others, with errors of its own shape.
func TestFamily(t *testing.T) {
	c := one(&enginetest.Script{})
	c.Key = "secret"
	c.Families = []api.Family{func(c api.Config) []api.Route {
		fail := func(w http.ResponseWriter, status int, err *fault.Error) {
			api.WriteJSON(w, status, map[string]string{"error": err.Msg})
		}
		return []api.Route{
			{Method: "GET", Path: "/{$}", Open: true, Fail: fail, Serve: func(w http.ResponseWriter, _ *http.Request) error {
				_, err := io.WriteString(w, "here")
				return err
			}},
			{Method: "POST", Path: "/api/x", Fail: fail, Serve: func(http.ResponseWriter, *http.Request) error {
				return fault.Errorf(fault.Busy, "later")
			}},
		}
	}}
	h := api.New(c)
	for _, tt := range []struct {
		method, path, key, want string
		status                  int
	}{
		{"GET", "/", "", "here", 200},
		{"HEAD", "/", "", "here", 200}, // net/http leaves out the body
		{"POST", "/api/x", "", `{"error":"Unauthorized"}`, 401},
		{"POST", "/api/x", "Bearer secret", `{"error":"later"}`, 429},
		{"PUT", "/api/x", "Bearer secret", `{"error":"invalid method PUT for /api/x: want POST"}`, 405},
	} {
		w := ask(t, h, tt.method, tt.path, "", "Authorization", tt.key)
		if got := strings.TrimSpace(w.Body.String()); w.Code != tt.status || got != tt.want {
			t.Errorf("%s %s: got %d %s, want %d %s", tt.method, tt.path, w.Code, got, tt.status, tt.want)
		}
		if tt.status == 429 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", tt.method, tt.path)
		}
	}
}

// A model that is not there is OpenAI's 404, and La Plateforme's 400 where that is kept.
func TestUnknownModel(t *testing.T) {
	for _, tt := range []struct {
		strict bool
		status int
		code   string
	}{{false, 404, "model_not_found"}, {true, 400, "1500"}} {
		c := one(&enginetest.Script{})
		c.Strict = tt.strict
		c.Open = func(_ context.Context, name string, _ func(float64)) (engine.Engine, error) {
			return nil, fault.Errorf(fault.NotFound, "Invalid model: %s", name)
		}
		e := wantError(t, ask(t, api.New(c), "POST", "/v1/chat/completions", `{"model":"x",`+question+`}`), tt.status, "invalid_model", "Invalid model: x")
		if e.Code == nil || *e.Code != tt.code {
			t.Errorf("strict %v: the code is %v, want %s", tt.strict, e.Code, tt.code)
		}
	}
}

// Without a model, the default answers and is named.
func TestDefaultModel(t *testing.T) {
	c := one(&enginetest.Script{About: engine.Info{Model: "here"}})
	for _, body := range []string{`{`, `{"stream":true,`, `{"model":null,`} {
		w := ask(t, api.New(c), "POST", "/v1/chat/completions", body+question+`}`)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"model":"here"`) {
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
	}
	c.Strict = true
	wantError(t, ask(t, api.New(c), "POST", "/v1/chat/completions", `{`+question+`}`), 422, "invalid_request_error", "model: Field required")
}

// An error names the field that the request has.
func TestPromptMode(t *testing.T) {
	refused := &fault.Error{Kind: fault.Unsupported, Param: "reasoning_effort", Msg: "models of version v3 have no reasoning effort"}
	h := api.New(one(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: refused}}}}))
	for field, param := range map[string]string{`"prompt_mode":"reasoning"`: "prompt_mode", `"reasoning_effort":"high"`: "reasoning_effort"} {
		for _, stream := range []string{"false", "true"} {
			w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","stream":`+stream+`,`+field+`,`+question+`}`)
			if e := wantError(t, w, 400, "invalid_request_error", "no reasoning effort"); e.Param == nil || *e.Param != param {
				t.Errorf("%s: the parameter is %v", field, e.Param)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	h := api.New(one(&enginetest.Script{}))
	for _, tt := range []struct{ given, want string }{{"", ""}, {"abc-1", "abc-1"}, {"a b", ""}, {strings.Repeat("x", 65), ""}} {
		w := ask(t, h, "GET", "/health", "", "X-Request-Id", tt.given)
		got := w.Header().Get("X-Request-Id")
		if tt.want != "" && got != tt.want || tt.want == "" && len(got) != 32 || w.Header().Get("Mistral-Correlation-Id") != got {
			t.Errorf("%q: the ID is %q", tt.given, got)
		}
	}
}
