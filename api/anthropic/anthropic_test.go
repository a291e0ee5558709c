package anthropic_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// serve is a server with one model, m.
func serve(e engine.Engine, key string) http.Handler {
	return api.New(api.Config{Key: key, Families: []api.Family{anthropic.Routes}, Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
		if model != "m" {
			return nil, fault.Errorf(fault.NotFound, "there is no model %q", model)
		}
		return e, nil
	}})
}

func ask(t *testing.T, h http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body)))
	return w
}

// hi is a request with more fields.
func hi(more string) string {
	return `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hi"}]` + more + `}`
}

var sign = regexp.MustCompile(`"signature":"[A-Za-z0-9+/]{43}="`)

var changing = regexp.MustCompile(`msg_[a-z0-9]{26}`)

// events are the names and data of a stream, a line each.
func events(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	var lines []string
	for _, frame := range strings.Split(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(frame, "event: "), "\ndata: ")
		if !strings.HasPrefix(data, "{") || !strings.Contains(data, `"type":"`+name+`"`) {
			t.Errorf("event %s has the data %s", name, data)
		}
		lines = append(lines, data)
	}
	return changing.ReplaceAllString(strings.Join(lines, "\n"), "msg_ID")
}

func delta(i, what string) string {
	return `{"delta":{` + what + `},"index":` + i + `,"type":"content_block_delta"}`
}

func start(i, block string) string {
	return `{"content_block":{` + block + `},"index":` + i + `,"type":"content_block_start"}`
}

func stop(i string) string { return `{"index":` + i + `,"type":"content_block_stop"}` }

func began(input, cached string) string {
	return `{"message":{"id":"msg_ID","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,` +
		`"usage":{"input_tokens":` + input + `,"cache_creation_input_tokens":0,"cache_read_input_tokens":` + cached + `,"output_tokens":0}},"type":"message_start"}`
}

func ended(reason, output string) string {
	return `{"delta":{"stop_reason":"` + reason + `","stop_sequence":null},"type":"message_delta",` +
		`"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":` + output + `}}` + "\n" + `{"type":"message_stop"}`
}

const (
	emptyText     = `"type":"text","text":""`
	emptyThinking = `"type":"thinking","thinking":"","signature":""`
	weather       = `{"city": "Aix <1>"}`
)

// Every order of what a model can say, streamed and whole.
func TestAnswers(t *testing.T) {
	text := func(s string) enginetest.Step { return enginetest.Text(s) }
	use := func(id string) string { return `"type":"tool_use","id":"toolu_` + id + `","name":"f","input":{}` }
	for _, tt := range []struct {
		name   string
		more   string
		reply  enginetest.Reply
		stream []string
		whole  string // content
		reason string
	}{
		{
			"nothing", "", enginetest.Reply{}, []string{began("0", "0"), ended("end_turn", "0")}, `[]`, "end_turn",
		}, {
			"text", "",
			enginetest.Reply{text("Blu"), text("<e>")},
			[]string{began("0", "0"), start("0", emptyText), delta("0", `"text":"Blu","type":"text_delta"`), delta("0", `"text":"<e>","type":"text_delta"`), stop("0"), ended("end_turn", "2")},
			`[{"type":"text","text":"Blu<e>"}]`, "end_turn",
		}, {
			"progress", "",
			enginetest.Reply{
				enginetest.Emit{Event: engine.Loading{Fraction: 0.5}},
				enginetest.Emit{Event: engine.Progress{Total: 9, Queued: 1}},
				enginetest.Emit{Event: engine.Progress{Done: 3, Total: 9, Cached: 3}},
				enginetest.Emit{Event: engine.Progress{Done: 9, Total: 9, Cached: 3}},
				text("a"),
			},
			[]string{began("6", "3"), start("0", emptyText), delta("0", `"text":"a","type":"text_delta"`), stop("0"), ended("end_turn", "1")},
			`[{"type":"text","text":"a"}]`, "end_turn",
		}, {
			"thinking and text", `,"thinking":{"type":"adaptive"}`,
			enginetest.Reply{enginetest.Thinking("hm"), enginetest.Thinking("."), text("a")},
			[]string{
				began("0", "0"), start("0", emptyThinking), delta("0", `"thinking":"hm","type":"thinking_delta"`), delta("0", `"thinking":".","type":"thinking_delta"`),
				delta("0", `"signature":"SIG","type":"signature_delta"`), stop("0"),
				start("1", emptyText), delta("1", `"text":"a","type":"text_delta"`), stop("1"), ended("end_turn", "3"),
			},
			`[{"type":"thinking","thinking":"hm.","signature":"SIG"},{"type":"text","text":"a"}]`, "end_turn",
		}, {
			"thinking, text, thinking, calls", "",
			enginetest.Reply{
				enginetest.Thinking("a"), text("b"), enginetest.Thinking("a"),
				enginetest.Call{ID: "abc123def", Name: "f", Arguments: weather},
				enginetest.Call{ID: "abc123deg", Name: "f"},
			},
			[]string{
				began("0", "0"), start("0", emptyThinking), delta("0", `"thinking":"a","type":"thinking_delta"`), delta("0", `"signature":"SIG","type":"signature_delta"`), stop("0"),
				start("1", emptyText), delta("1", `"text":"b","type":"text_delta"`), stop("1"),
				start("2", emptyThinking), delta("2", `"thinking":"a","type":"thinking_delta"`), delta("2", `"signature":"SIG","type":"signature_delta"`), stop("2"),
				start("3", use("abc123def")), delta("3", `"partial_json":"{\"city\": \"Aix <1>\"}","type":"input_json_delta"`), stop("3"),
				start("4", use("abc123deg")), delta("4", `"partial_json":"{}","type":"input_json_delta"`), stop("4"), ended("tool_use", "5"),
			},
			`[{"type":"thinking","thinking":"a","signature":"SIG"},{"type":"text","text":"b"},{"type":"thinking","thinking":"a","signature":"SIG"},` +
				`{"type":"tool_use","id":"toolu_abc123def","name":"f","input":{"city":"Aix <1>"}},{"type":"tool_use","id":"toolu_abc123deg","name":"f","input":{}}]`, "tool_use",
		}, {
			"a call and text after it", "",
			enginetest.Reply{enginetest.Call{ID: "abc123def", Name: "f"}, text("b"), enginetest.End(engine.FinishStop)},
			[]string{
				began("0", "0"), start("0", use("abc123def")), delta("0", `"partial_json":"{}","type":"input_json_delta"`), stop("0"),
				start("1", emptyText), delta("1", `"text":"b","type":"text_delta"`), stop("1"), ended("end_turn", "2"),
			},
			`[{"type":"tool_use","id":"toolu_abc123def","name":"f","input":{}},{"type":"text","text":"b"}]`, "end_turn",
		}, {
			"a call that was cut", "",
			enginetest.Reply{enginetest.Call{ID: "abc123def", Name: "f", Arguments: `{"ci`}, enginetest.End(engine.FinishLength)},
			[]string{began("0", "0"), start("0", use("abc123def")), delta("0", `"partial_json":"{\"ci","type":"input_json_delta"`), stop("0"), ended("max_tokens", "1")},
			`[{"type":"tool_use","id":"toolu_abc123def","name":"f","input":{}}]`, "max_tokens",
		}, {
			"a stop sequence", `,"stop_sequences":["bc"]`,
			enginetest.Reply{text("ab"), text("cd")},
			[]string{
				began("0", "0"), start("0", emptyText), delta("0", `"text":"a","type":"text_delta"`), stop("0"),
				strings.Replace(ended("stop_sequence", "2"), `"stop_sequence":null`, `"stop_sequence":"bc"`, 1),
			},
			`[{"type":"text","text":"a"}]`, "stop_sequence",
		}, {
			"the context is full", "",
			enginetest.Reply{text("a"), enginetest.End(engine.FinishModelLength)},
			[]string{began("0", "0"), start("0", emptyText), delta("0", `"text":"a","type":"text_delta"`), stop("0"), ended("model_context_window_exceeded", "1")},
			`[{"type":"text","text":"a"}]`, "model_context_window_exceeded",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, serve(&enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, ""), "/v1/messages?beta=true", hi(tt.more+`,"stream":true`))
			if got, want := sign.ReplaceAllString(events(t, w), `"signature":"SIG"`), strings.Join(tt.stream, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			w = ask(t, serve(&enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, ""), "/v1/messages", hi(tt.more))
			var m struct {
				ID, Type, Role, Model string
				Content               json.RawMessage
				Reason                string `json:"stop_reason"`
				Usage                 map[string]int
			}
			if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || w.Code != 200 {
				t.Fatalf("got %d %s: %v", w.Code, w.Body, err)
			}
			if got := sign.ReplaceAllString(string(m.Content), `"signature":"SIG"`); got != tt.whole {
				t.Errorf("got  %s\nwant %s", got, tt.whole)
			}
			if m.Reason != tt.reason || !changing.MatchString(m.ID) || m.Type != "message" || m.Role != "assistant" || m.Model != "m" || m.Usage["input_tokens"] != 5 {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

// What a request with everything that Claude Code sends becomes.
func TestRequest(t *testing.T) {
	script := enginetest.Says("ok")
	w := ask(t, serve(script, ""), "/v1/messages?beta=true", `{
		"model": "m", "max_tokens": 64000, "stream": true, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["END", ""],
		"system": [
			{"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=00f3a;"},
			{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
			{"type": "text", "text": "Write Go."}
		],
		"messages": [
			{"role": "user", "content": [{"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
				{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}}]},
			{"role": "system", "content": "The date is today."},
			{"role": "assistant", "content": [
				{"type": "thinking", "thinking": "Two files.", "signature": "x"}, {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "I read them."},
				{"type": "tool_use", "id": "toolu_abc123def", "name": "Read", "input": {"path": "a"}, "caller": {"type": "direct"}},
				{"type": "tool_use", "id": "foreign", "name": "Read", "input": {}}]},
			{"role": "user", "content": [
				{"type": "tool_result", "tool_use_id": "toolu_abc123def", "content": [{"type": "text", "text": "A"}, {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}}]},
				{"type": "tool_result", "tool_use_id": "foreign", "is_error": true, "content": "B"},
				{"type": "tool_result", "tool_use_id": "foreign"},
				{"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
				{"type": "search_result", "title": "S", "source": "u", "content": [{"type": "text", "text": "found"}]},
				{"type": "text", "text": "Go on."}]},
			{"role": "assistant", "content": "Well,"}
		],
		"tools": [
			{"name": "Read", "description": "Read a file.", "input_schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"path": {"type": "string"}}}, "cache_control": {"type": "ephemeral"}, "eager_input_streaming": true},
			{"type": "tool_search_tool_regex_20251119", "name": "tool_search"},
			{"type": "custom", "name": "Now", "defer_loading": true, "input_schema": {"type": "object"}}
		],
		"tool_choice": {"type": "any", "disable_parallel_tool_use": true},
		"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}, "metadata": {"user_id": "{}"},
		"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, "service_tier": "auto", "speed": null
	}`)
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	image := func(s string) engine.Chunk { return engine.Chunk{Type: engine.ImageChunk, ImageURL: s} }
	text := func(s string) engine.Chunk { return engine.Chunk{Type: engine.TextChunk, Text: s} }
	want := engine.ChatRequest{
		Model: "m", ReasoningEffort: "high", ParallelToolCalls: new(false), ToolChoice: engine.ToolChoice{Mode: "any"},
		Sampling: engine.Sampling{Temperature: new(0.5), TopP: new(0.9), TopK: new(40), MaxTokens: new(64000), Stop: engine.StringList{"END"}},
		Messages: []engine.Message{
			{Role: engine.System, Content: engine.Content{text("Be brief."), text("Write Go.")}},
			{Role: engine.User, Content: engine.Content{text("Look."), image("data:image/png;base64,iVBORw0="), text("The date is today.")}},
			{Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "Two files."}, text("I read them.")}, ToolCalls: []engine.ToolCall{
				{ID: "abc123def", Type: "function", Function: engine.FunctionCall{Name: "Read", Arguments: `{"path": "a"}`}},
				{ID: wire.CallID("foreign"), Type: "function", Index: 1, Function: engine.FunctionCall{Name: "Read", Arguments: `{}`}},
			}},
			{Role: engine.ToolRole, ToolCallID: "abc123def", Content: engine.Text("A")},
			{Role: engine.ToolRole, ToolCallID: wire.CallID("foreign"), Content: engine.Text("B")},
			{Role: engine.ToolRole, ToolCallID: wire.CallID("foreign"), Content: engine.Text("")},
			{Role: engine.User, Content: engine.Content{image("data:image/gif;base64,R0lG"), text("T\nD"), text("S\nu\nfound"), text("Go on.")}},
			{Role: engine.Assistant, Content: engine.Text("Well,"), Prefix: true},
		},
		Tools: []engine.Tool{
			{Type: "function", Function: engine.Function{Name: "Read", Description: "Read a file.", Parameters: json.RawMessage(`{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"path": {"type": "string"}}}`)}},
			{Type: "function", Function: engine.Function{Name: "Now", Parameters: json.RawMessage(`{"type": "object"}`)}},
		},
	}
	if got := *script.Requests()[0].Chat; !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", indent(t, got), indent(t, want))
	}
}

func indent(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Fields that choose how to answer.
func TestSettings(t *testing.T) {
	for more, want := range map[string]func(engine.ChatRequest) bool{
		``:                                func(r engine.ChatRequest) bool { return r.ReasoningEffort == "none" },
		`,"thinking":{"type":"disabled"}`: func(r engine.ChatRequest) bool { return r.ReasoningEffort == "none" },
		`,"thinking":{"type":"enabled","budget_tokens":1024}`:                           func(r engine.ChatRequest) bool { return r.ReasoningEffort == "high" },
		`,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}`:              func(r engine.ChatRequest) bool { return r.ReasoningEffort == "none" },
		`,"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}`:              func(r engine.ChatRequest) bool { return r.ReasoningEffort == "max" },
		`,"thinking":{"type":"enabled"},"output_config":{"effort":"medium"}`:            func(r engine.ChatRequest) bool { return r.ReasoningEffort == "medium" },
		`,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}`: func(r engine.ChatRequest) bool { return r.ResponseFormat.Type == "json_schema" },
		`,"output_format":{"type":"json_schema","schema":{"type":"object"}}`: func(r engine.ChatRequest) bool {
			return string(r.ResponseFormat.JSONSchema.Schema) == `{"type":"object"}`
		},
		`,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"}`: func(r engine.ChatRequest) bool { return r.ToolChoice.Function == "f" },
		`,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"none"}`:            func(r engine.ChatRequest) bool { return r.ToolChoice.Mode == "none" },
		`,"system":"S"`: func(r engine.ChatRequest) bool { return r.Messages[0].Content.Plain() == "S" },
		`,"system":""`:  func(r engine.ChatRequest) bool { return len(r.Messages) == 1 },
	} {
		script := enginetest.Says(`{}`)
		if w := ask(t, serve(script, ""), "/v1/messages", hi(more)); w.Code != 200 {
			t.Errorf("%s: got %d %s", more, w.Code, w.Body)
		} else if got := *script.Requests()[0].Chat; !want(got) {
			t.Errorf("%s: got %s", more, indent(t, got))
		}
	}
	// A model that cannot think gets neither an effort nor old thoughts.
	script := enginetest.Says("a")
	script.About.Can = engine.Capabilities{Chat: true}
	ask(t, serve(script, ""), "/v1/messages", `{"model":"m","max_tokens":9,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"a"},
		{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":""}]},{"role":"user","content":"b"}]}`)
	if got := *script.Requests()[0].Chat; got.ReasoningEffort != "" || len(got.Messages) != 2 {
		t.Errorf("got %s", indent(t, got))
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		body   string
		status int
		typ    string
		part   string
	}{
		{``, 400, "invalid_request_error", "not valid JSON"},
		{`{"model":`, 400, "invalid_request_error", "not valid JSON"},
		{`null`, 400, "invalid_request_error", "not a JSON object"},
		{`[]`, 400, "invalid_request_error", "want an object"},
		{`{"model":7}`, 400, "invalid_request_error", "model: got a number, want a string"},
		{`{"model":"m","messages":{}}`, 400, "invalid_request_error", "messages: got an object, want a list"},
		{`{"model":"m","messages":[{"role":"user","content":7}]}`, 400, "invalid_request_error", "messages.content: got a number, want a list"},
		{`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":{}}]}]}`, 400, "invalid_request_error", "messages.content.text: got an object, want a string"},
		{`{"model":"m","max_tokens":9,"messages":[]}`, 400, "invalid_request_error", "at least one message"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":""}]}`, 400, "invalid_request_error", "all messages are empty"},
		{`{"model":"m","messages":[{"role":"user","content":"a"}]}`, 400, "invalid_request_error", "max_tokens: Field required"},
		{`{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"a"}]}`, 400, "invalid_request_error", "greater than or equal to 1"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"tool","content":"a"}]}`, 400, "invalid_request_error", "messages.0.role"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"audio"}]}]}`, 400, "invalid_request_error", `messages.0.content.0.type: blocks of type "audio"`},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]}]}`, 400, "invalid_request_error", "images are not fetched"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image"}]}]}`, 400, "invalid_request_error", "source: Field required"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"x"}}]}]}`, 400, "invalid_request_error", "PDFs are not read here"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}]}`, 400, "invalid_request_error", "belongs to the assistant"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"a"}]}]}`, 400, "invalid_request_error", "belongs to the user"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":7}]}]}`, 400, "invalid_request_error", "want a string or a list"},
		{`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"search_result","content":7}]}]}`, 400, "invalid_request_error", "want a list of blocks"},
		{hi(`,"tools":[{"type":"web_search_20250305","name":"web_search"}]`), 400, "invalid_request_error", "web_search_20250305"},
		{hi(`,"tools":[{"input_schema":{}}]`), 400, "invalid_request_error", "tools.0.name"},
		{hi(`,"tools":[{"name":"f","input_schema":{"type":7}}]`), 400, "invalid_request_error", `the schema of tool "f"`},
		{hi(`,"tool_choice":{"type":"any"}`), 400, "invalid_request_error", "needs tools"},
		{hi(`,"tool_choice":{"type":"tool","name":"f"}`), 400, "invalid_request_error", `no tool "f"`},
		{hi(`,"tool_choice":{"type":"most"}`), 400, "invalid_request_error", "want auto, any, tool or none"},
		{hi(`,"thinking":{"type":"hard"}`), 400, "invalid_request_error", "thinking.type"},
		{hi(`,"mcp_servers":[{}]`), 400, "invalid_request_error", "mcp_servers"},
		{hi(`,"output_format":{"type":"xml"}`), 400, "invalid_request_error", "want json_schema"},
		{hi(`,"output_format":{"type":"json_schema","schema":{"type":7}}`), 400, "invalid_request_error", "the schema is not valid"},
		{hi(`,"temperature":9`), 400, "invalid_request_error", "temperature"},
		{strings.Replace(hi(``), `"m"`, `"n"`, 1), 404, "not_found_error", `no model "n"`},
		{strings.Replace(hi(``), `"hi"`, `"`+strings.Repeat("word ", 40_000)+`"`, 1), 400, "invalid_request_error", "prompt is too long: "},
	} {
		for _, body := range []string{tt.body, strings.Replace(tt.body, `{"model"`, `{"stream":true,"model"`, 1)} {
			w := ask(t, serve(enginetest.Says("a"), ""), "/v1/messages", body)
			var f struct {
				Type  string
				Error struct{ Type, Message string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
				t.Errorf("%.100s: %s: %v", body, w.Body, err)
			} else if w.Code != tt.status || f.Type != "error" || f.Error.Type != tt.typ || !strings.Contains(f.Error.Message, tt.part) {
				t.Errorf("%.100s: got %d %s, want %d %s with %q", body, w.Code, w.Body, tt.status, tt.typ, tt.part)
			}
		}
	}
	if w := ask(t, serve(enginetest.Says("a"), "secret"), "/v1/messages", hi("")); w.Code != 401 || !strings.Contains(w.Body.String(), `{"type":"error","error":{"type":"authentication_error"`) {
		t.Errorf("without a key: got %d %s", w.Code, w.Body)
	}
	if w := ask(t, serve(enginetest.Says("a"), ""), "/v1/messages/batches", "{}"); w.Code != 400 || !strings.Contains(w.Body.String(), "no message batches") {
		t.Errorf("batches: got %d %s", w.Code, w.Body)
	}
}

// An error after the first event is an event.
func TestStreamFails(t *testing.T) {
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("half"), enginetest.Fail{Err: fault.Errorf(fault.Closed, "the server is shutting down")}}}}
	got := events(t, ask(t, serve(script, ""), "/v1/messages", hi(`,"stream":true`)))
	want := strings.Join([]string{
		began("0", "0"), start("0", emptyText), delta("0", `"text":"half","type":"text_delta"`),
		`{"type":"error","error":{"type":"api_error","message":"the server is shutting down"}}`,
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// In silence there are pings.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := make(chan struct{})
		go func() { time.Sleep(12 * time.Second); close(waited) }()
		script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Wait(waited), enginetest.Text("a")}}}
		w := ask(t, serve(script, ""), "/v1/messages", hi(`,"stream":true`))
		const ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
		if got := w.Body.String(); !strings.HasPrefix(got, ping+ping+"event: message_start") {
			t.Errorf("got %s", got)
		}
	})
}

func TestCountTokens(t *testing.T) {
	w := ask(t, serve(enginetest.Says("a"), ""), "/v1/messages/count_tokens", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"input_tokens":5}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// No body breaks the server, and what it refuses is an error in Anthropic's shape.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(hi(`,"stream":true,"system":[{"type":"text","text":"s"}],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"}`)))
	f.Add([]byte(`{"model":"m","max_tokens":3,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"image","source":{"type":"base64","data":"x"}}]}]}]}`))
	f.Add([]byte(`{"model":"m","max_tokens":3,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"_","name":"f","input":[1]},{"type":"thinking","thinking":"t"}]}]}`))
	h := serve(enginetest.Says("a"), "")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/v1/messages", "/v1/messages/count_tokens"} {
			w := ask(t, h, path, string(body))
			switch w.Code {
			case 200:
			case 400, 404:
				if !strings.HasPrefix(w.Body.String(), `{"type":"error","error":{"type":"`) {
					t.Errorf("got %s", w.Body)
				}
			default:
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		}
	})
}
