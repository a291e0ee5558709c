package responses_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/responses"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// serve is a server with one model, m.
func serve(e engine.Engine, key string) http.Handler {
	return api.New(api.Config{Key: key, Families: []api.Family{responses.Routes}, Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
		if model != "m" {
			return nil, fault.Errorf(fault.NotFound, "there is no model %q", model)
		}
		return e, nil
	}})
}

func ask(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

// hi is a request with more fields.
func hi(more string) string { return `{"model":"m","input":"hi"` + more + `}` }

var changing = regexp.MustCompile(`(resp|msg|rs|fc)_[a-z0-9]{26}`)

// events are what a stream sends: the name of each event, and its fields but for those that
// every event has, and for the whole response.
func events(t *testing.T, w *httptest.ResponseRecorder) (lines []string, last map[string]any) {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	for i, frame := range strings.Split(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(frame, "event: "), "\ndata: ")
		var f map[string]any
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			t.Fatalf("event %q: %v", frame, err)
		}
		if f["type"] != name || f["sequence_number"] != float64(i) {
			t.Errorf("event %d %s is %s", i, name, data)
		}
		delete(f, "type")
		delete(f, "sequence_number")
		if r, ok := f["response"].(map[string]any); ok {
			last = r
			f["response"] = r["status"]
		}
		rest, _ := json.Marshal(f)
		lines = append(lines, strings.TrimPrefix(name, "response.")+" "+changing.ReplaceAllString(string(rest), "${1}"))
	}
	return lines, last
}

// Every order of what a model can say, streamed and whole.
func TestAnswers(t *testing.T) {
	const (
		created  = `created {"response":"in_progress"}`
		progress = `in_progress {"response":"in_progress"}`
		done     = `completed {"response":"completed"}`
	)
	// message are the events of item i, one delta for each text.
	message := func(i int, texts ...string) []string {
		all := strings.Join(texts, "")
		part := func(text string) string {
			return fmt.Sprintf(`{"annotations":[],"logprobs":[],"text":%q,"type":"output_text"}`, text)
		}
		lines := []string{
			fmt.Sprintf(`output_item.added {"item":{"content":[],"id":"msg_%d","role":"assistant","status":"in_progress","type":"message"},"output_index":%d}`, i, i),
			fmt.Sprintf(`content_part.added {"content_index":0,"item_id":"msg_%d","output_index":%d,"part":%s}`, i, i, part("")),
		}
		for _, text := range texts {
			lines = append(lines, fmt.Sprintf(`output_text.delta {"content_index":0,"delta":%q,"item_id":"msg_%d","logprobs":[],"output_index":%d}`, text, i, i))
		}
		return append(lines,
			fmt.Sprintf(`output_text.done {"content_index":0,"item_id":"msg_%d","logprobs":[],"output_index":%d,"text":%q}`, i, i, all),
			fmt.Sprintf(`content_part.done {"content_index":0,"item_id":"msg_%d","output_index":%d,"part":%s}`, i, i, part(all)),
			fmt.Sprintf(`output_item.done {"item":{"content":[%s],"id":"msg_%d","role":"assistant","status":"completed","type":"message"},"output_index":%d}`, part(all), i, i))
	}
	call := func(i int, id, more, arguments string) []string {
		item := func(status, arguments string) string {
			return fmt.Sprintf(`{"arguments":%q,"call_id":"call_%s","id":"fc_%d",%s,"status":"%s","type":"function_call"}`, arguments, id, i, more, status)
		}
		name := more[strings.LastIndex(more, ":")+1:]
		if strings.HasPrefix(more, `"name"`) {
			name, _, _ = strings.Cut(strings.TrimPrefix(more, `"name":`), ",")
		}
		return []string{
			fmt.Sprintf(`output_item.added {"item":%s,"output_index":%d}`, item("in_progress", ""), i),
			fmt.Sprintf(`function_call_arguments.delta {"delta":%q,"item_id":"fc_%d","output_index":%d}`, arguments, i, i),
			fmt.Sprintf(`function_call_arguments.done {"arguments":%q,"item_id":"fc_%d","name":%s,"output_index":%d}`, arguments, i, name, i),
			fmt.Sprintf(`output_item.done {"item":%s,"output_index":%d}`, item("completed", arguments), i),
		}
	}
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	start := []string{created, progress}
	end := []string{done}
	const tools = `,"tools":[{"type":"function","name":"f","parameters":null},{"type":"namespace","name":"ns","tools":[{"type":"function","name":"f"}]},
		{"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},{"type":"web_search"}]`
	thought := func(field, kind string) string { return `"` + field + `":[{"text":"hm.","type":"` + kind + `"}]` }
	for _, tt := range []struct {
		name, more string
		reply      enginetest.Reply
		want       []string
		status     string
		text       string // output_text
	}{
		{"nothing", "", enginetest.Reply{}, join(start, end), "completed", ""},
		{"text", "", enginetest.Reply{enginetest.Text("Blu"), enginetest.Text("e")}, join(start, message(0, "Blu", "e"), end), "completed", "Blue"},
		{
			"progress", "",
			enginetest.Reply{enginetest.Emit{Event: engine.Progress{Total: 9, Queued: 1}}, enginetest.Emit{Event: engine.Progress{Total: 9}}, enginetest.Text("a")},
			join(start, message(0, "a"), end), "completed", "a",
		},
		{
			"the limit", `,"max_output_tokens":2`,
			enginetest.Reply{enginetest.Text("a"), enginetest.Text("b"), enginetest.Text("c")},
			join(start, message(0, "a", "b"), []string{`incomplete {"response":"incomplete"}`}), "incomplete", "ab",
		},
		{
			"thinking, calls, text", tools,
			enginetest.Reply{
				enginetest.Thinking("hm"), enginetest.Thinking("."),
				enginetest.Call{ID: "abc123def", Name: "f", Arguments: `{"a": 1}`},
				enginetest.Call{ID: "abc123deg", Name: "ns__f"},
				enginetest.Call{ID: "abc123deh", Name: "unknown"},
				enginetest.Text("a"),
			},
			join(start, []string{
				`output_item.added {"item":{"id":"rs_0","status":"in_progress","summary":[],"type":"reasoning"},"output_index":0}`,
				`content_part.added {"content_index":0,"item_id":"rs_0","output_index":0,"part":{"text":"","type":"reasoning_text"}}`,
				`reasoning_text.delta {"content_index":0,"delta":"hm","item_id":"rs_0","output_index":0}`,
				`reasoning_text.delta {"content_index":0,"delta":".","item_id":"rs_0","output_index":0}`,
				`reasoning_text.done {"content_index":0,"item_id":"rs_0","output_index":0,"text":"hm."}`,
				`content_part.done {"content_index":0,"item_id":"rs_0","output_index":0,"part":{"text":"hm.","type":"reasoning_text"}}`,
				`output_item.done {"item":{` + thought("content", "reasoning_text") + `,"id":"rs_0","status":"completed","summary":[],"type":"reasoning"},"output_index":0}`,
			}, call(1, "abc123def", `"name":"f"`, `{"a": 1}`), call(2, "abc123deg", `"name":"f","namespace":"ns"`, `{}`), call(3, "abc123deh", `"name":"unknown"`, `{}`), message(4, "a"), end),
			"completed", "a",
		},
		{
			"a summary of the thinking", `,"reasoning":{"effort":"medium","summary":"auto"},"include":["reasoning.encrypted_content"]`,
			enginetest.Reply{enginetest.Thinking("hm.")},
			join(start, []string{
				`output_item.added {"item":{"id":"rs_0","status":"in_progress","summary":[],"type":"reasoning"},"output_index":0}`,
				`reasoning_summary_part.added {"item_id":"rs_0","output_index":0,"part":{"text":"","type":"summary_text"},"summary_index":0}`,
				`reasoning_summary_text.delta {"delta":"hm.","item_id":"rs_0","output_index":0,"summary_index":0}`,
				`reasoning_summary_text.done {"item_id":"rs_0","output_index":0,"summary_index":0,"text":"hm."}`,
				`reasoning_summary_part.done {"item_id":"rs_0","output_index":0,"part":{"text":"hm.","type":"summary_text"},"summary_index":0}`,
				`output_item.done {"item":{"encrypted_content":"bise:aG0u","id":"rs_0","status":"completed",` + thought("summary", "summary_text") + `,"type":"reasoning"},"output_index":0}`,
			}, end), "completed", "",
		},
		{
			"a custom tool, cut", tools,
			enginetest.Reply{enginetest.Call{ID: "abc123def", Name: "patch", Arguments: `{"input": "*** a"}`}, enginetest.Call{ID: "abc123deg", Name: "patch", Arguments: `{"inp`}, enginetest.End(engine.FinishModelLength)},
			join(start, []string{
				`output_item.added {"item":{"call_id":"call_abc123def","id":"fc_0","input":"","name":"patch","status":"in_progress","type":"custom_tool_call"},"output_index":0}`,
				`custom_tool_call_input.delta {"delta":"*** a","item_id":"fc_0","output_index":0}`,
				`custom_tool_call_input.done {"input":"*** a","item_id":"fc_0","output_index":0}`,
				`output_item.done {"item":{"call_id":"call_abc123def","id":"fc_0","input":"*** a","name":"patch","status":"completed","type":"custom_tool_call"},"output_index":0}`,
				`output_item.added {"item":{"call_id":"call_abc123deg","id":"fc_1","input":"","name":"patch","status":"in_progress","type":"custom_tool_call"},"output_index":1}`,
				`custom_tool_call_input.delta {"delta":"{\"inp","item_id":"fc_1","output_index":1}`,
				`custom_tool_call_input.done {"input":"{\"inp","item_id":"fc_1","output_index":1}`,
				`output_item.done {"item":{"call_id":"call_abc123deg","id":"fc_1","input":"{\"inp","name":"patch","status":"completed","type":"custom_tool_call"},"output_index":1}`,
				`incomplete {"response":"incomplete"}`,
			}), "incomplete", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := serve(&enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, "")
			got, last := events(t, ask(t, h, "POST", "/v1/responses", hi(tt.more+`,"stream":true`)))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			w := ask(t, h, "POST", "/v1/responses", hi(tt.more))
			var whole map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &whole); err != nil || w.Code != 200 {
				t.Fatalf("got %d %s: %v", w.Code, w.Body, err)
			}
			text := ""
			for _, item := range whole["output"].([]any) {
				if item := item.(map[string]any); item["type"] == "message" {
					text += item["content"].([]any)[0].(map[string]any)["text"].(string)
				}
			}
			if whole["status"] != tt.status || text != tt.text || whole["object"] != "response" || whole["store"] != false {
				t.Errorf("got %s", w.Body)
			}
			// The end of the stream is the response that is sent whole.
			if a, b := comparable(t, last), comparable(t, whole); a != b {
				t.Errorf("streamed\n%s\nwhole\n%s", a, b)
			}
		})
	}
}

// comparable is a response without what changes: IDs, times, and what is cached.
func comparable(t *testing.T, r map[string]any) string {
	t.Helper()
	for _, name := range []string{"created_at", "completed_at"} {
		if r[name] == nil {
			t.Errorf("no %s", name)
		}
		delete(r, name)
	}
	if u := r["usage"].(map[string]any); u["input_tokens"].(float64) < 5 || u["total_tokens"] != u["input_tokens"].(float64)+u["output_tokens"].(float64) {
		t.Errorf("the usage is %v", u)
	} else {
		delete(u, "input_tokens_details")
	}
	b, _ := json.Marshal(r)
	return changing.ReplaceAllString(string(b), "${1}")
}

// What a request with everything that Codex sends becomes.
func TestRequest(t *testing.T) {
	script := enginetest.Says("ok")
	w := ask(t, serve(script, ""), "POST", "/v1/responses", `{
		"model": "m", "stream": true, "instructions": "Be brief.", "store": false, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
		"client_metadata": {"session_id": "s"}, "reasoning": {"effort": "xhigh", "summary": "auto"}, "text": {"verbosity": "low"}, "truncation": "auto",
		"parallel_tool_calls": true, "tool_choice": "auto", "max_output_tokens": 50, "temperature": 0.5, "top_p": 0.9, "service_tier": "priority",
		"input": [
			{"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "functions", "tools": [{"type": "function", "name": "wait"}]},
				{"type": "namespace", "name": "clock", "tools": [{"type": "function", "name": "sleep"}]}]},
			{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Write Go."}], "internal_chat_message_metadata_passthrough": {"turn_id": "t"}},
			{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Here."}]},
			{"role": "user", "content": [{"type": "input_text", "text": "Look."}, {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "auto"},
				{"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,QQ=="}]},
			{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "bise:aG0u"},
			{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAA"},
			{"type": "web_search_call", "id": "ws_1", "status": "completed"},
			{"type": "function_call", "call_id": "call_abc123def", "name": "f", "arguments": "{\"a\": 1}"},
			{"type": "function_call", "call_id": "foreign", "name": "f", "namespace": "ns", "arguments": ""},
			{"type": "custom_tool_call", "call_id": "call_abc123deg", "name": "patch", "input": "*** <a>"},
			{"type": "function_call_output", "call_id": "call_abc123def", "output": "A"},
			{"type": "function_call_output", "call_id": "foreign", "output": [{"type": "input_text", "text": "B"}, {"type": "input_image", "image_url": "data:image/gif;base64,R0lG"}]},
			{"type": "custom_tool_call_output", "call_id": "call_abc123deg", "output": ""},
			{"role": "developer", "content": "Be quick."},
			{"role": "assistant", "content": [{"type": "output_text", "text": "Well,"}, {"type": "refusal", "refusal": "no."}]},
			{"role": "user", "content": "Go on."},
			{"type": "configuration_update", "reasoning": {"effort": "none"}}
		],
		"tools": [{"type": "function", "name": "f", "description": "F.", "strict": false, "parameters": {"type": "object"}}, {"type": "custom", "name": "patch", "description": "P."}]
	}`)
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	text := func(s string) engine.Chunk { return engine.Chunk{Type: engine.TextChunk, Text: s} }
	image := func(s string) engine.Chunk { return engine.Chunk{Type: engine.ImageChunk, ImageURL: s} }
	call := func(i int, id, name, arguments string) engine.ToolCall {
		return engine.ToolCall{ID: id, Type: "function", Index: i, Function: engine.FunctionCall{Name: name, Arguments: engine.Arguments(arguments)}}
	}
	foreign := wire.CallID("foreign")
	want := engine.ChatRequest{
		Model: "m", ReasoningEffort: "none", ParallelToolCalls: new(true), Overflow: engine.OverflowDropOldest,
		Sampling: engine.Sampling{Temperature: new(0.5), TopP: new(0.9), MaxTokens: new(50)},
		Messages: []engine.Message{
			{Role: engine.System, Content: engine.Content{text("Be brief."), text("Write Go.")}},
			{Role: engine.User, Content: engine.Content{text("Here."), text("Look."), image("data:image/png;base64,iVBORw0="), text("a.txt\nA")}},
			{Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "hm."}}, ToolCalls: []engine.ToolCall{
				call(0, "abc123def", "f", `{"a": 1}`), call(1, foreign, "ns__f", `{}`), call(2, "abc123deg", "patch", `{"input":"*** <a>"}`),
			}},
			{Role: engine.ToolRole, ToolCallID: "abc123def", Content: engine.Text("A")},
			{Role: engine.ToolRole, ToolCallID: foreign, Content: engine.Text("B")},
			{Role: engine.ToolRole, ToolCallID: "abc123deg", Content: engine.Text("")},
			{Role: engine.User, Content: engine.Content{image("data:image/gif;base64,R0lG"), text("Be quick.")}},
			{Role: engine.Assistant, Content: engine.Content{text("Well,"), text("no.")}},
			{Role: engine.User, Content: engine.Text("Go on.")},
		},
		Tools: []engine.Tool{
			{Type: "function", Function: engine.Function{Name: "f", Description: "F.", Parameters: json.RawMessage(`{"type": "object"}`)}},
			{Type: "function", Function: engine.Function{Name: "patch", Description: "P.", Parameters: json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`)}},
			{Type: "function", Function: engine.Function{Name: "wait", Parameters: json.RawMessage(`{"type":"object","properties":{}}`)}},
			{Type: "function", Function: engine.Function{Name: "clock__sleep", Parameters: json.RawMessage(`{"type":"object","properties":{}}`)}},
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
	const tools = `,"tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}]`
	for more, want := range map[string]func(engine.ChatRequest) bool{
		``:                                  func(r engine.ChatRequest) bool { return r.ReasoningEffort == "" && r.Overflow == "" && !r.Logprobs },
		`,"reasoning":{"effort":"minimal"}`: func(r engine.ChatRequest) bool { return r.ReasoningEffort == "minimal" },
		`,"reasoning":null`:                 func(r engine.ChatRequest) bool { return r.ReasoningEffort == "" },
		`,"text":{"format":{"type":"json_object"}}`:                                                     func(r engine.ChatRequest) bool { return r.ResponseFormat.Type == "json_object" },
		`,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}}`: func(r engine.ChatRequest) bool { return r.ResponseFormat.JSONSchema.Name == "n" },
		`,"top_logprobs":2`:                                     func(r engine.ChatRequest) bool { return r.Logprobs && r.TopLogprobs == 2 },
		`,"include":["message.output_text.logprobs"]`:           func(r engine.ChatRequest) bool { return r.Logprobs && r.TopLogprobs == 0 },
		tools + `,"tool_choice":"none"`:                         func(r engine.ChatRequest) bool { return r.ToolChoice.Mode == "none" },
		tools + `,"tool_choice":{"type":"function","name":"g"}`: func(r engine.ChatRequest) bool { return r.ToolChoice.Function == "g" },
		tools + `,"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]}`: func(r engine.ChatRequest) bool {
			return r.ToolChoice.Mode == "any" && len(r.Tools) == 1 && r.Tools[0].Function.Name == "g"
		},
	} {
		script := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply { return enginetest.Reply{enginetest.Text("{}")} }}
		if w := ask(t, serve(script, ""), "POST", "/v1/responses", hi(more)); w.Code != 200 {
			t.Errorf("%s: got %d %s", more, w.Code, w.Body)
		} else if got := *script.Requests()[0].Chat; !want(got) {
			t.Errorf("%s: got %s", more, indent(t, got))
		}
	}
}

func TestErrors(t *testing.T) {
	deep := `{"type":"function","name":"f"}`
	for range 6 {
		deep = `{"type":"namespace","name":"n","tools":[` + deep + `]}`
	}
	for _, tt := range []struct {
		body        string
		status      int
		typ, code   string
		param, part string
	}{
		{`{`, 400, "invalid_request_error", "", "", "not valid JSON"},
		{`7`, 400, "invalid_request_error", "", "", "want an object"},
		{`{"model":"m","input":7}`, 400, "invalid_request_error", "", "input", "input: got a number"},
		{`{"model":"m"}`, 400, "invalid_request_error", "", "input", "want a text or a list"},
		{`{"model":"m","input":[{"role":"tool","content":"a"}]}`, 400, "invalid_request_error", "", "input[0].role", "want user"},
		{`{"model":"m","input":[{"type":"item_reference","id":"x"}]}`, 400, "invalid_request_error", "", "input[0]", "bise stores no responses"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_audio"}]}]}`, 400, "invalid_request_error", "", "input[0].content[0].type", "input_audio"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x"}]}]}`, 400, "invalid_request_error", "", "input[0].content[0].image_url", "not fetched"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]}`, 400, "invalid_request_error", "", "input[0].content[0].file_id", "data: URL"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}`, 400, "invalid_request_error", "", "input[0].content[0]", "not read by their ID"},
		{hi(`,"previous_response_id":"r"`), 400, "invalid_request_error", "", "previous_response_id", "Send the whole conversation"},
		{hi(`,"conversation":"c"`), 400, "invalid_request_error", "", "conversation", "stores no"},
		{hi(`,"prompt":{"id":"p"}`), 400, "invalid_request_error", "", "prompt", "stores no"},
		{hi(`,"background":true`), 400, "invalid_request_error", "", "background", "stores no"},
		{hi(`,"truncation":"some"`), 400, "invalid_request_error", "", "truncation", "want auto or disabled"},
		{hi(`,"reasoning":{"effort":"some"}`), 400, "invalid_request_error", "", "reasoning.effort", "want none"},
		{hi(`,"text":{"format":{"type":"xml"}}`), 400, "invalid_request_error", "", "text.format.type", "want text"},
		{hi(`,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":7}}}`), 400, "invalid_request_error", "", "text.format.schema", "not valid"},
		{hi(`,"tools":[{"type":"function"}]`), 400, "invalid_request_error", "", "tools[0].name", "want a name"},
		{hi(`,"tools":[` + deep + `]`), 400, "invalid_request_error", "", "tools[0].tools[0].tools[0].tools[0].tools[0]", "more than 4"},
		{hi(`,"tool_choice":"required"`), 400, "invalid_request_error", "", "tool_choice", "needs tools"},
		{hi(`,"tool_choice":{"type":"function","name":"f"}`), 400, "invalid_request_error", "", "tool_choice.name", "no tool"},
		{hi(`,"tool_choice":{"type":"file_search"}`), 400, "invalid_request_error", "", "tool_choice", "file_search"},
		{hi(`,"tool_choice":"some"`), 400, "invalid_request_error", "", "tool_choice", "want auto"},
		{hi(`,"temperature":9`), 400, "invalid_request_error", "", "temperature", "temperature"},
		{`{"model":"n","input":"hi"}`, 404, "invalid_request_error", "model_not_found", "model", `no model "n"`},
		{`{"model":"m","input":"` + strings.Repeat("word ", 40_000) + `"}`, 400, "invalid_request_error", "context_length_exceeded", "", "the context holds 32768"},
	} {
		w := ask(t, serve(enginetest.Says("a"), ""), "POST", "/v1/responses", tt.body)
		var f struct {
			Error struct {
				Message, Type string
				Param, Code   *string
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
			t.Errorf("%.100s: %s: %v", tt.body, w.Body, err)
			continue
		}
		e := f.Error
		if w.Code != tt.status || e.Type != tt.typ || str(e.Code) != tt.code || str(e.Param) != tt.param || !strings.Contains(e.Message, tt.part) {
			t.Errorf("%.100s: got %d %s, want %d with %q", tt.body, w.Code, w.Body, tt.status, tt.part)
		}
	}
	if w := ask(t, serve(enginetest.Says("a"), "secret"), "POST", "/v1/responses", hi("")); w.Code != 401 || !strings.Contains(w.Body.String(), `"code":"invalid_api_key"`) {
		t.Errorf("without a key: got %d %s", w.Code, w.Body)
	}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Errors of a stream that has begun, and of a prompt that is too long, which Codex wants there.
func TestStreamFails(t *testing.T) {
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("half"), enginetest.Fail{Err: fault.Errorf(fault.Internal, "it broke")}}}}
	lines, last := events(t, ask(t, serve(script, ""), "POST", "/v1/responses", hi(`,"stream":true`)))
	if got := lines[len(lines)-1]; got != `failed {"response":"failed"}` || !reflect.DeepEqual(last["error"], map[string]any{"code": "server_error", "message": "it broke"}) {
		t.Errorf("got %s %v", got, last["error"])
	}
	lines, last = events(t, ask(t, serve(script, ""), "POST", "/v1/responses", `{"model":"m","stream":true,"input":"`+strings.Repeat("word ", 40_000)+`"}`))
	if len(lines) != 3 || last["status"] != "failed" || last["error"].(map[string]any)["code"] != "context_length_exceeded" {
		t.Errorf("got %s %v", lines, last["error"])
	}
}

func TestLogprobs(t *testing.T) {
	w := ask(t, serve(enginetest.Says("a", "b"), ""), "POST", "/v1/responses", hi(`,"top_logprobs":1`))
	var r struct {
		Output []struct {
			Content []struct{ Logprobs []struct{ Token string } }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if l := r.Output[0].Content[0].Logprobs; len(l) != 2 || l[0].Token != "a" || l[1].Token != "b" {
		t.Errorf("got %s", w.Body)
	}
}

// Routes of what bise does not do.
func TestAbsent(t *testing.T) {
	h := serve(enginetest.Says("a"), "")
	for _, tt := range []struct {
		method, path string
		status       int
		header       []string
	}{
		{"GET", "/v1/responses", 426, []string{"Connection", "Upgrade", "Upgrade", "websocket"}},
		{"GET", "/v1/responses", 405, nil},
		{"GET", "/v1/responses/resp_1", 404, nil},
		{"GET", "/v1/responses/resp_1/input_items", 404, nil},
		{"DELETE", "/v1/responses/resp_1", 404, nil},
	} {
		w := ask(t, h, tt.method, tt.path, "", tt.header...)
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), `{"error":{"message":"`) {
			t.Errorf("%s %s: got %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "POST", "/v1/responses/input_tokens", hi("")); strings.TrimSpace(w.Body.String()) != `{"input_tokens":5,"object":"response.input_tokens"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// No body breaks the server, and what it refuses is an error in OpenAI's shape.
func FuzzResponses(f *testing.F) {
	f.Add([]byte(hi(`,"stream":true,"tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"f"}]}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"name":"f"}]}`)))
	f.Add([]byte(`{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"bise:aG0u"},{"type":"custom_tool_call","input":"x"},{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:"}]}]}`))
	h := serve(enginetest.Says("a"), "")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"} {
			w := ask(t, h, "POST", path, string(body))
			switch w.Code {
			case 200:
			case 400, 404:
				if !strings.HasPrefix(w.Body.String(), `{"error":{"message":"`) {
					t.Errorf("got %s", w.Body)
				}
			default:
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		}
	})
}

// A compaction is one item, which stands for the conversation in later requests: as Codex asks
// for it, streamed and whole, and on OpenAI's route.
func TestCompaction(t *testing.T) {
	const conversation = `{"type":"message","role":"user","content":"fix it"},{"type":"function_call","call_id":"call_abcdef123","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_abcdef123","output":"ok"}`
	tools := `"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":"auto"`
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Thinking("hm"), enginetest.Text(" The user "), enginetest.Text("wants a fix. ")}}}
	h := serve(script, "")
	sealed := "bise:" + base64.StdEncoding.EncodeToString([]byte("The user wants a fix."))
	item := regexp.MustCompile(`\{"id":"cmp_[a-z0-9]+","type":"compaction","encrypted_content":"` + regexp.QuoteMeta(sealed) + `"\}`)
	last := func() engine.ChatRequest {
		t.Helper()
		list := script.Requests()
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].Chat != nil {
				return *list[i].Chat
			}
		}
		t.Fatal("the model was not asked")
		return engine.ChatRequest{}
	}
	body := `{"model":"m","input":[` + conversation + `,{"type":"compaction_trigger"}],` + tools
	for _, tt := range []struct{ path, body, only string }{
		{"/v1/responses", body + `}`, `"output":[{"id":"cmp_`},
		{"/v1/responses", body + `,"stream":true}`, "event: response.output_item.done"},
		{"/v1/responses/compact", `{"model":"m","input":[` + conversation + `]}`, `"object":"response.compaction","output":[{"type":"message","role":"user","content":"fix it"},{"id":"cmp_`},
		{"/v1/responses/compact", `{"model":"m","input":"fix it"}`, `"text":"fix it"`},
	} {
		w := ask(t, h, "POST", tt.path, tt.body)
		if w.Code != 200 || !item.MatchString(w.Body.String()) || !strings.Contains(w.Body.String(), tt.only) || strings.Contains(w.Body.String(), "output_text") || strings.Contains(w.Body.String(), "wants") {
			t.Errorf("%s: got %d %s", tt.path, w.Code, w.Body)
		}
		req := last()
		said := req.Messages[len(req.Messages)-1]
		if len(req.Tools) > 0 || req.Overflow != engine.OverflowDropOldest || req.MaxTokens == nil || said.Role != engine.User || !strings.Contains(said.Content.Plain(), "Summarize this conversation") {
			t.Errorf("%s: the model was asked %+v", tt.path, req)
		}
	}
	w := ask(t, h, "POST", "/v1/responses", `{"model":"m","input":[{"type":"message","role":"user","content":"fix it"},{"type":"compaction","id":"cmp_1","encrypted_content":"`+sealed+`"}]}`)
	if text := last().Messages[0].Content.Plain(); w.Code != 200 || !strings.Contains(text, "fix it") || !strings.Contains(text, "Summary of the conversation so far:\nThe user wants a fix.") {
		t.Errorf("after a compaction: %d, the model was asked %q", w.Code, text)
	}
	if w := ask(t, h, "POST", "/v1/responses", `{"model":"m","input":[{"type":"message","role":"user","content":"hi"},{"type":"compaction","encrypted_content":"other"}]}`); w.Code != 200 || strings.Contains(last().Messages[0].Content.Plain(), "Summary") {
		t.Errorf("a compaction of another server: %d %s", w.Code, w.Body)
	}
	h = serve(&enginetest.Script{Replies: []enginetest.Reply{{enginetest.Thinking("hm")}}}, "")
	if w := ask(t, h, "POST", "/v1/responses", body+`}`); w.Code != 500 || !strings.Contains(w.Body.String(), "no summary") {
		t.Errorf("no summary: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "POST", "/v1/responses", body+`,"stream":true}`); !strings.Contains(w.Body.String(), "no summary") || strings.Contains(w.Body.String(), "response.completed") {
		t.Errorf("no summary, streamed: %d %s", w.Code, w.Body)
	}
}
