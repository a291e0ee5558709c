package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// A foreign server answers every request with the same, and keeps the last
// request.
type foreign struct {
	status int
	header map[string]string
	body   string

	mu   sync.Mutex
	path string
	sent map[string]any
	auth string
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path, f.auth, f.sent = r.URL.Path, r.Header.Get("Authorization"), nil
	json.NewDecoder(r.Body).Decode(&f.sent)
	w.Header().Set("Content-Type", "text/event-stream")
	for k, v := range f.header {
		w.Header().Set(k, v)
	}
	if f.status != 0 {
		w.WriteHeader(f.status)
	}
	io.WriteString(w, f.body)
}

// open opens an engine at c.URL, or on a server of the test.
func open(t *testing.T, h http.Handler, c Config) *Engine {
	t.Helper()
	if c.URL == "" {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		c.URL = s.URL
	}
	if c.Model == "" {
		c.Model = "m"
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// lines makes a stream of events.
func lines(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("data: " + e + "\n\n")
	}
	return b.String()
}

func choices(s string) string {
	return `{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[` + s + `]}`
}

func TestForeignStreams(t *testing.T) {
	call := func(id, name, arguments string, index int) engine.ToolCall {
		return engine.ToolCall{ID: id, Type: "function", Index: index, Function: engine.FunctionCall{Name: name, Arguments: engine.Arguments(arguments)}}
	}
	const usage = `"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}`
	counted := engine.Usage{PromptTokens: 5, CompletionTokens: 2, TotalTokens: 7}
	tests := []struct {
		name   string
		header string // content type, when it is another
		body   string
		text   string
		think  string
		calls  []engine.ToolCall
		reason engine.FinishReason
		usage  engine.Usage
	}{
		{
			name: "la plateforme",
			body: lines(
				choices(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`),
				choices(`{"index":0,"delta":{"content":"Blu"},"finish_reason":null,"logprobs":null}`),
				strings.TrimSuffix(choices(`{"index":0,"delta":{"content":"e."},"finish_reason":"stop"}`), "}")+","+usage+`,"p":"abc"}`,
				"[DONE]"),
			text: "Blue.", reason: "stop", usage: counted,
		},
		{
			name: "usage in a chunk of its own",
			body: lines(
				choices(`{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}`),
				choices(`{"index":0,"delta":{},"finish_reason":"length","stop_reason":null}`),
				`{"id":"1","choices":[],`+usage+`}`, "[DONE]"),
			text: "a", reason: "length", usage: counted,
		},
		{
			name: "no done", body: lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}`)),
			text: "a", reason: "stop",
		},
		{
			name: "no finish reason", body: lines(choices(`{"index":0,"delta":{"content":"a"}}`), "[DONE]"),
			text: "a", reason: "stop",
		},
		{
			name: "reasons of others", body: lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"eos_token"}`), "[DONE]"),
			text: "a", reason: "stop",
		},
		{
			name: "a reason of its own", body: lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"content_filter"}`), "[DONE]"),
			text: "a", reason: "content_filter",
		},
		{
			name: "a refusal", body: lines(
				choices(`{"index":0,"delta":{"role":"assistant","content":null,"refusal":"I cannot "}}`),
				choices(`{"index":0,"delta":{"refusal":"do that."}}`), choices(`{"index":0,"delta":{},"finish_reason":"stop"}`), "[DONE]"),
			text: "I cannot do that.", reason: "refusal",
		},
		{
			name: "a refusal in a whole answer", body: `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},"finish_reason":"stop"}]}`,
			text: "No.", reason: "refusal",
		},
		{
			name: "no refusal", body: `{"choices":[{"index":0,"message":{"role":"assistant","content":"a","refusal":null},"finish_reason":"stop"}]}`,
			text: "a", reason: "stop",
		},
		{
			name: "the length by another name", body: lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"MAX_TOKENS"}`), "[DONE]"),
			text: "a", reason: "length",
		},
		{
			name: "floats and numbers for strings",
			body: lines(
				`{"id":123,"object":7,"created":1788698982.0,"model":null,"choices":[{"index":0.0,"delta":{"content":"a"}}]}`,
				`{"id":123,"created":"2025/05/16 16:29:57","choices":[{"index":"0","delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5.0,"completion_tokens":"2","total_tokens":7e0,"time":0.5}}`, "[DONE]"),
			text: "ab", reason: "stop", usage: counted,
		},
		{
			name:  "calls with numeric ids",
			body:  lines(choices(`{"index":"0","delta":{"tool_calls":[{"index":0.0,"id":"Qm3xT81Zp","type":"function","function":{"name":"f","arguments":{"b": 2}}}]},"finish_reason":"tool_calls"}`), "[DONE]"),
			calls: []engine.ToolCall{call("Qm3xT81Zp", "f", `{"b":2}`, 0)}, reason: "tool_calls",
		},
		{
			name: "in one piece, called text", header: "text/plain",
			body: `  {"id":1,"created":1.5,"choices":[{"index":0,"message":{"role":"assistant","content":"Blue."},"finish_reason":"stop"}],` + usage + `}`,
			text: "Blue.", reason: "stop", usage: counted,
		},
		{
			name: "calls bit by bit",
			body: lines(
				choices(`{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"Qm3xT81Zp","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}`),
				choices(`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]},"finish_reason":null}`),
				choices(`{"index":0,"delta":{"tool_calls":[{"index":0,"id":null,"function":{"name":null,"arguments":":1}"}}]},"finish_reason":null}`),
				choices(`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"a7Kd02LmX","type":"function","function":{"name":"g","arguments":null}}]},"finish_reason":null}`),
				choices(`{"index":0,"delta":{},"finish_reason":"tool_calls"}`), "[DONE]"),
			calls: []engine.ToolCall{call("Qm3xT81Zp", "f", `{"a":1}`, 0), call("a7Kd02LmX", "g", `{}`, 1)}, reason: "tool_calls",
		},
		{
			name: "whole calls, all of index 0",
			body: lines(
				choices(`{"index":0,"delta":{"content":"","tool_calls":[{"id":"Qm3xT81Zp","function":{"name":"f","arguments":"{}"}},{"id":"a7Kd02LmX","function":{"name":"f","arguments":{"b": 2}}}]},"finish_reason":"stop"}`), "[DONE]"),
			calls: []engine.ToolCall{call("Qm3xT81Zp", "f", `{}`, 0), call("a7Kd02LmX", "f", `{"b": 2}`, 1)}, reason: "tool_calls",
		},
		{
			name:  "thinking of la plateforme",
			body:  lines(choices(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]},"finish_reason":null}`), choices(`{"index":0,"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"x"}]},"finish_reason":null}`), choices(`{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}`), "[DONE]"),
			think: "hm", text: "xy", reason: "stop",
		},
		{
			name:  "thinking of others",
			body:  lines(choices(`{"index":0,"delta":{"reasoning_content":"h","content":null},"finish_reason":null}`), choices(`{"index":0,"delta":{"reasoning":"m"},"finish_reason":null}`), choices(`{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}`), "[DONE]"),
			think: "hm", text: "y", reason: "stop",
		},
		{
			name: "in one piece", header: "application/json; charset=utf-8",
			body: `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Blue.","tool_calls":null,"prefix":false},"finish_reason":"stop"}],` + usage + `}`,
			text: "Blue.", reason: "stop", usage: counted,
		},
		{
			name: "comments and windows",
			body: ": hello\r\n\r\n: bise {\"progress\":{\"done\":1,\"total\":2}}\r\n\r\n" + strings.ReplaceAll(lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}`), "[DONE]"), "\n", "\r\n"),
			text: "a", reason: "stop",
		},
	}
	for _, test := range tests {
		for _, d := range []Dialect{OpenAI, Plateforme} {
			f := &foreign{body: test.body}
			if test.header != "" {
				f.header = map[string]string{"Content-Type": test.header}
			}
			e := open(t, f, Config{Dialect: d})
			a, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if a.Text() != test.text || a.Thinking[0] != test.think || !reflect.DeepEqual(a.Calls[0], test.calls) || a.Reason() != test.reason || a.Usage != test.usage {
				t.Errorf("%s (%s): got %+v", test.name, d, a)
			}
			if len(a.Progress) != 0 {
				t.Errorf("%s: somebody else's comment was taken for ours", test.name)
			}
			if a.Timings.Generated != test.usage.CompletionTokens || a.Timings.FirstToken <= 0 {
				t.Errorf("%s: the timings are %+v", test.name, a.Timings)
			}
		}
	}
}

func TestForeignFaults(t *testing.T) {
	const begun = `{"index":0,"delta":{"content":"a"},"finish_reason":null}`
	tests := []struct {
		name          string
		status        int
		body          string
		kind          fault.Kind
		part          string
		tokens, limit int
	}{
		{"unauthorized", 401, `{"detail":"Unauthorized"}`, fault.Denied, "Unauthorized", 0, 0},
		{"unauthorized of a proxy", 401, `{"message":"Unauthorized","request_id":"1"}`, fault.Denied, "Unauthorized", 0, 0},
		{"forbidden", 403, `no`, fault.Denied, "no", 0, 0},
		{"unknown model", 400, `{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}`, fault.NotFound, "Invalid model: x", 0, 0},
		{"unknown model of openai", 404, `{"error":{"message":"The model x does not exist.","type":"NotFoundError","param":null,"code":404}}`, fault.NotFound, "does not exist", 0, 0},
		{"fastapi", 422, `{"detail":[{"type":"missing","loc":["body","messages",0,"role"],"msg":"Field required"}]}`, fault.Invalid, "messages.0.role: Field required", 0, 0},
		{"la plateforme's fastapi", 422, `{"object":"error","message":{"detail":[{"loc":["body","n"],"msg":"too small"}]},"type":"invalid_request_error","param":null,"code":null}`, fault.Invalid, "n: too small", 0, 0},
		{"too long for la plateforme", 400, `{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_error","code":"3051"}`, fault.TooLong, "40000", 40000, 32768},
		{"too long for vllm", 400, `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4990 in the messages, 10 in the completion).","type":"BadRequestError","code":400}`, fault.TooLong, "4096", 5000, 4096},
		{"too long for openai", 400, `{"error":{"message":"Too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, fault.TooLong, "Too long", 0, 0},
		{"too long for llama.cpp", 400, `{"error":{"code":400,"message":"the request exceeds the available context size. try increasing it","type":"exceed_context_size_error"}}`, fault.TooLong, "available context size", 0, 0},
		{"rate", 429, `{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}`, fault.Busy, "Rate limit", 0, 0},
		{"loading", 503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, fault.Busy, "Loading model", 0, 0},
		{"a page", 502, `<html><body>Bad Gateway</body></html>`, fault.Network, "502 Bad Gateway", 0, 0},
		{"nothing", 500, ``, fault.Internal, "500 Internal Server Error", 0, 0},
		{"a string", 400, `{"error":"model is required"}`, fault.Invalid, "model is required", 0, 0},
		{"very long", 400, strings.Repeat("é", 100_000), fault.Invalid, "é…", 0, 0},
		{"error in the stream", 0, lines(choices(begun), `{"error":{"message":"engine stopped","type":"server_error","param":null,"code":null}}`), fault.Internal, "engine stopped", 0, 0},
		{"flat error in the stream", 0, lines(choices(begun), `{"object":"error","message":"out of memory","type":"InternalServerError","code":500}`), fault.Internal, "out of memory", 0, 0},
		{"finish reason error", 0, lines(choices(`{"index":0,"delta":{"content":""},"finish_reason":"error"}`), "[DONE]"), fault.Internal, "error", 0, 0},
		{"not json", 0, lines("{"), fault.Internal, "read the answer", 0, 0},
		{"broken off", 0, lines(choices(begun)), fault.Network, "ended in the middle", 0, 0},
		{"broken off in a chunk", 0, lines(choices(begun)) + `data: {"choices":[{"ind`, fault.Network, "ended in the middle", 0, 0},
		{"nothing at all", 0, "", fault.Network, "is empty", 0, 0},
		{"a page", 0, "\n<!DOCTYPE html><html>Sign in</html>", fault.Internal, "answered with a web page", 0, 0},
		{"an event of the type error", 0, lines(choices(begun)) + "event: error\ndata: {\"detail\":\"boom\"}\n\n", fault.Internal, "boom", 0, 0},
		{"an error in words", 0, lines(choices(begun)) + "event: error\ndata: out of memory\n\n", fault.Internal, "out of memory", 0, 0},
		{"an error that is a string", 0, lines(choices(begun), `{"error":"boom"}`), fault.Internal, "boom", 0, 0},
		{"a detail", 0, lines(choices(begun), `{"detail":"boom"}`), fault.Internal, "boom", 0, 0},
		{"an error in one piece", 0, `{"error":{"message":"boom","type":"server_error"}}`, fault.Internal, "boom", 0, 0},
		{"done at once", 0, lines("[DONE]"), fault.Internal, "incomplete", 0, 0},
		{"a choice nobody asked for", 0, lines(choices(`{"index":99999,"delta":{"content":"a"},"finish_reason":null}`)), fault.Internal, "choice 99999", 0, 0},
	}
	for _, test := range tests {
		e := open(t, &foreign{status: test.status, body: test.body}, Config{Dialect: OpenAI})
		_, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
		failed, ok := errors.AsType[*fault.Error](err)
		if !ok || failed.Kind != test.kind || !strings.Contains(failed.Msg, test.part) || engine.OverflowOf(err) != (engine.ContextOverflow{Tokens: test.tokens, Limit: test.limit}) {
			t.Errorf("%s: got %#v, want %s with %q", test.name, err, test.kind, test.part)
		}
		if ok && len(failed.Msg) > 3000 {
			t.Errorf("%s: the message has %d bytes", test.name, len(failed.Msg))
		}
	}
}

func TestDialects(t *testing.T) {
	req := engine.ChatRequest{
		Messages: []engine.Message{
			{Role: engine.User, Content: engine.Content{{Type: engine.TextChunk, Text: "look <here>"}, {Type: engine.ImageChunk, ImageURL: "data:image/png;base64,AA=="}}},
			{Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "hm"}, {Type: engine.TextChunk, Text: "It is"}}, Prefix: true},
		},
		Sampling:   engine.Sampling{Seed: new(int64(7)), MaxTokens: new(9), Stop: []string{"x"}},
		Tools:      []engine.Tool{{Type: "function", Function: engine.Function{Name: "f", Parameters: json.RawMessage(`{}`)}}},
		ToolChoice: engine.ToolChoice{Mode: "any"},
		Overflow:   engine.OverflowDropOldest,
	}
	answer := func(echo string) string {
		return lines(choices(fmt.Sprintf(`{"index":0,"delta":{"content":%q},"finish_reason":null}`, echo+" a")), choices(`{"index":0,"delta":{"content":" gull"},"finish_reason":"stop"}`), "[DONE]")
	}
	tests := []struct {
		dialect Dialect
		echo    string
		want    string
	}{
		{Plateforme, "It is", `{"max_tokens":9,"messages":[
			{"content":[{"text":"look <here>","type":"text"},{"image_url":"data:image/png;base64,AA==","type":"image_url"}],"role":"user"},
			{"content":[{"closed":true,"thinking":[{"text":"hm","type":"text"}],"type":"thinking"},{"text":"It is","type":"text"}],"prefix":true,"role":"assistant"}],
			"model":"m","random_seed":7,"stop":["x"],"stream":true,"tool_choice":"any","tools":[{"function":{"description":"","name":"f","parameters":{}},"type":"function"}]}`},
		{OpenAI, "", `{"add_generation_prompt":false,"continue_final_message":true,"max_tokens":9,"messages":[
			{"content":[{"text":"look <here>","type":"text"},{"image_url":{"url":"data:image/png;base64,AA=="},"type":"image_url"}],"role":"user"},
			{"content":"It is","role":"assistant"}],
			"model":"m","seed":7,"stop":["x"],"stream":true,"stream_options":{"include_usage":true},"tool_choice":"required","tools":[{"function":{"description":"","name":"f","parameters":{}},"type":"function"}]}`},
	}
	for _, test := range tests {
		f := &foreign{body: answer(test.echo)}
		e := open(t, f, Config{Dialect: test.dialect, Key: "k"})
		a, err := enginetest.Collect(e.Chat(t.Context(), req))
		if err != nil || a.Text() != " a gull" {
			t.Errorf("%s: got %q, %v", test.dialect, a.Text(), err)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f.sent, want) {
			got, _ := json.Marshal(f.sent)
			t.Errorf("%s: sent %s", test.dialect, got)
		}
		if f.auth != "Bearer k" || f.path != "/v1/chat/completions" {
			t.Errorf("%s: %s with %q", test.dialect, f.path, f.auth)
		}
	}
}

func TestSettingsThatAServerLacks(t *testing.T) {
	settings := map[string]engine.Sampling{
		"grammar": {Grammar: `root ::= "a"`}, "typical_p": {TypicalP: new(0.5)}, "dry_multiplier": {DRYMultiplier: new(1.0)}, "repeat_last_n": {RepeatLastN: new(3)},
	}
	hosted := map[string]engine.Sampling{"top_k": {TopK: new(3)}, "min_p": {MinP: new(0.1)}, "logit_bias": {LogitBias: map[int32]float64{1: 1}}, "logprobs": {Logprobs: true}}
	try := func(d Dialect, field string, s engine.Sampling) {
		t.Helper()
		f := &foreign{}
		e := open(t, f, Config{Dialect: d})
		req := enginetest.Chat("hi")
		req.Sampling = s
		_, chat := enginetest.Collect(e.Chat(t.Context(), req))
		_, fim := enginetest.Collect(e.Complete(t.Context(), engine.CompletionRequest{Prompt: "a", Sampling: s}))
		for _, err := range []error{chat, fim} {
			failed, ok := errors.AsType[*fault.Error](err)
			if !ok || failed.Kind != fault.Unsupported || failed.Param != field {
				t.Errorf("%s, %s: %v", d, field, err)
			}
		}
		if f.path != "" {
			t.Errorf("%s, %s: a request was sent", d, field)
		}
	}
	for field, s := range settings {
		try(OpenAI, field, s)
		try(Plateforme, field, s)
	}
	for field, s := range hosted {
		try(Plateforme, field, s)
	}
}

func TestCompletionsOfOthers(t *testing.T) {
	f := &foreign{body: lines(`{"choices":[{"index":0,"text":"  a","logprobs":{"tokens":["  a"],"token_logprobs":[-0.5],"top_logprobs":[{"  a":-0.5," b":-2}],"text_offset":[0]},"finish_reason":null}]}`, `{"choices":[{"index":0,"text":"","finish_reason":"stop"}]}`, "[DONE]")}
	e := open(t, f, Config{Dialect: OpenAI})
	a, err := enginetest.Collect(e.Complete(t.Context(), engine.CompletionRequest{Prompt: "x", Suffix: "y", Sampling: engine.Sampling{Logprobs: true, TopLogprobs: 2}}))
	if err != nil || a.Text() != "  a" || a.Logprobs[0][0].Logprob != -0.5 || a.Logprobs[0][0].Top[1].Token != " b" {
		t.Errorf("got %+v, %v", a, err)
	}
	if f.path != "/v1/completions" || f.sent["suffix"] != "y" || f.sent["logprobs"] != 2.0 || f.sent["max_tokens"] != 1024.0 {
		t.Errorf("sent %s %v", f.path, f.sent)
	}
	f = &foreign{body: lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}`), "[DONE]")}
	e = open(t, f, Config{Dialect: Plateforme})
	if _, err := enginetest.Collect(e.Complete(t.Context(), engine.CompletionRequest{Prompt: "x", Suffix: "y"})); err != nil {
		t.Error(err)
	}
	if f.path != "/v1/fim/completions" || f.sent["suffix"] != "y" {
		t.Errorf("sent %s %v", f.path, f.sent)
	}
}

func TestEmbeddingsOfOthers(t *testing.T) {
	jsonType := map[string]string{"Content-Type": "application/json"}
	tests := []struct {
		body string
		want [][]float32
	}{
		{`{"data":[{"index":1,"embedding":[0.5,1]},{"index":0,"embedding":"AAAAPwAAgD8="}],"usage":{"prompt_tokens":2,"total_tokens":2}}`, [][]float32{{0.5, 1}, {0.5, 1}}},
		{`{"data":[{"index":0,"embedding":[1]}]}`, nil},
		{`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`, nil},
		{`{"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]}`, nil},
		{`{"data":[{"index":0,"embedding":"AAA="},{"index":1,"embedding":[1]}]}`, nil},
		{`{"data":`, nil},
	}
	for _, test := range tests {
		f := &foreign{header: jsonType, body: test.body}
		e := open(t, f, Config{Dialect: OpenAI})
		got, err := e.Embed(t.Context(), engine.EmbedRequest{Input: []string{"a", "b"}, Dimension: 2})
		if (err == nil) != (test.want != nil) || err == nil && !reflect.DeepEqual(got.Vectors, test.want) {
			t.Errorf("%s: got %v, %v", test.body, got, err)
		}
		if f.sent["dimensions"] != 2.0 {
			t.Errorf("sent %v", f.sent)
		}
	}
}

func TestTokensOfOthers(t *testing.T) {
	e := open(t, &foreign{}, Config{Dialect: Plateforme})
	if _, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Text: new("a")}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("got %v", err)
	}
}

// Whatever numbers a server gives to its choices, callers get those that they asked for,
// or an error.
func TestChoicesOfOthers(t *testing.T) {
	piece := func(index int, text string) string {
		return choices(fmt.Sprintf(`{"index":%d,"delta":{"content":%q}}`, index, text))
	}
	end := func(index int) string {
		return choices(fmt.Sprintf(`{"index":%d,"delta":{},"finish_reason":"stop"}`, index))
	}
	for _, tt := range []struct {
		name   string
		n      int
		events []string
		want   []string
		err    string
	}{
		{"in order", 2, []string{piece(0, "a"), end(0), piece(1, "b"), end(1)}, []string{"a", "b"}, ""},
		{"out of order", 2, []string{piece(1, "b"), piece(0, "a"), end(1), end(0)}, []string{"a", "b"}, ""},
		{"from one", 2, []string{piece(1, "b"), piece(2, "a"), end(1), end(2)}, []string{"a", "b"}, ""},
		{"one too many", 2, []string{piece(0, "a"), piece(1, "b"), piece(2, "c"), end(2), end(1), end(0)}, []string{"a", "b"}, ""},
		{"only the second of one", 0, []string{piece(1, "a"), end(1)}, []string{"a"}, ""},
		{"one answer in parts", 1, []string{piece(0, "a"), piece(1, "b"), end(1)}, []string{"ab"}, ""},
		{"no ends", 2, []string{piece(1, "b"), piece(0, "a")}, []string{"a", "b"}, ""},
		{"the first is missing", 2, []string{piece(1, "b"), end(1)}, []string{"", "b"}, "the server gave 1 of 2 answers"},
		{"n is ignored", 3, []string{piece(0, "a"), end(0)}, []string{"a"}, "the server gave 1 of 3 answers"},
		{"empty", 1, []string{end(0)}, []string{""}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, &foreign{body: lines(append(tt.events, "[DONE]")...)}, Config{Dialect: OpenAI})
			req := enginetest.Chat("hi")
			req.N = tt.n
			got, err := enginetest.Collect(e.Chat(t.Context(), req))
			if !slices.Equal(got.Texts, tt.want) {
				t.Errorf("got %q, want %q", got.Texts, tt.want)
			}
			if tt.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failed, ok := errors.AsType[*fault.Error](err)
			if !ok || failed.Kind != fault.Unsupported || failed.Param != "n" || failed.Msg != tt.err || failed.Advice == "" {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

// Whatever a server streams, the events keep the contract or end with an error.
func FuzzForeignStream(f *testing.F) {
	f.Add([]byte(lines(choices(`{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{"}}]},"finish_reason":"stop"}`), "[DONE]")), "a")
	f.Add([]byte(lines(choices(`{"index":1,"message":{"content":[{"type":"thinking","thinking":"x"}]},"finish_reason":"length"}`), `{"error":{}}`)), "")
	f.Add([]byte(lines(`{"choices":[{"text":"a","logprobs":{"tokens":["a"]}}],"usage":{}}`)), "")
	f.Add([]byte(lines(choices(`{"index":1,"delta":{"content":"a"},"finish_reason":"stop"}`), "[DONE]")), "")
	f.Fuzz(func(t *testing.T, stream []byte, prefix string) {
		if len(stream) > 1<<14 {
			return
		}
		for _, c := range []call{{n: 1}, {n: 2}, {n: 1, whole: true}} {
			c.echo = prefix
			e := &Engine{c: Config{Model: "m"}}
			e.base, _ = baseURL("http://h")
			var got enginetest.Answer
			a := newAnswer(c, time.Time{}, func(ev engine.Event, _ error) bool {
				if err := got.Add(ev); err != nil && !c.whole { // bise's own servers are trusted with the order
					t.Fatalf("%q: %v", stream, err)
				}
				return true
			})
			ctx, cancel := context.WithCancel(t.Context())
			err := e.stream(ctx, cancel, bufio.NewReader(io.NopCloser(strings.NewReader(string(stream)))), a)
			cancel()
			if err == nil && !got.Done {
				t.Fatalf("%q: the answer has no end", stream)
			}
			if err == nil && len(got.Texts) != c.n {
				t.Fatalf("%q: %d answers, want %d", stream, len(got.Texts), c.n)
			}
		}
	})
}
