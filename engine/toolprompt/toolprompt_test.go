package toolprompt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

var weather = engine.Tool{Type: "function", Function: engine.Function{
	Name: "get_weather", Description: "The weather <of> a city", Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
}}

func say(role engine.Role, text string) engine.Message {
	return engine.Message{Role: role, Content: engine.Text(text)}
}

// ask gives an answer in one line: text, calls in braces, the reason.
func ask(t *testing.T, e engine.Engine, r engine.ChatRequest) string {
	t.Helper()
	var out strings.Builder
	for ev, err := range e.Chat(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		switch ev := ev.(type) {
		case engine.TextDelta:
			out.WriteString(ev.Text)
		case engine.ToolCallDelta:
			if len(ev.Call.ID) != 9 {
				t.Errorf("the id is %q", ev.Call.ID)
			}
			fmt.Fprintf(&out, "[%d %s %s]", ev.Call.Index, ev.Call.Function.Name, ev.Call.Function.Arguments)
		case engine.Finish:
			fmt.Fprintf(&out, " %s", ev.Reason)
		}
	}
	return out.String()
}

func TestCallsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		end          engine.FinishReason
		single       bool
		want         string
	}{
		{"text", "It rains < 3 days.", "", false, "It rains < 3 days. stop"},
		{"a call", "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Lyon\"}}\n</tool_call>", "", false, `[0 get_weather {"city":"Lyon"}] tool_calls`},
		{"after text", "Let me see.\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{}}</tool_call>", "", false, `Let me see.[0 get_weather {}] tool_calls`},
		{
			"two", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"a\"}}</tool_call>\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"b\"}}</tool_call>\n", "", false,
			`[0 get_weather {"city":"a"}][1 get_weather {"city":"b"}] tool_calls`,
		},
		{
			"one of two", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"a\"}}</tool_call><tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"b\"}}</tool_call>", "", true,
			`[0 get_weather {"city":"a"}] tool_calls`,
		},
		{"without its end", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"a\"}}", "", false, `[0 get_weather {"city":"a"}] tool_calls`},
		{"without tags", " {\"name\":\"get_weather\",\"parameters\":{\"city\":\"a\"}}", "", false, `[0 get_weather {"city":"a"}] tool_calls`},
		{"arguments in a string", `<tool_call>{"name":"get_weather","arguments":"{\"city\":\"a\"}"}</tool_call>`, "", false, `[0 get_weather {"city":"a"}] tool_calls`},
		{"cut", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Ly", engine.FinishLength, false, `[0 get_weather {"city":"Ly] length`},
		{"cut before the name", "<tool_call>{\"na", engine.FinishLength, false, `<tool_call>{"na length`},
		{"an unknown tool", "<tool_call>{\"name\":\"rm\",\"arguments\":{}}</tool_call>", "", false, `<tool_call>{"name":"rm","arguments":{}}</tool_call> stop`},
		{"JSON that is no call", `{"answer": 1}`, "", false, `{"answer": 1} stop`},
		{"not JSON", "<tool_call>soon</tool_call> ok", "", false, `<tool_call>soon</tool_call> ok stop`},
		{"a tag at the end", "1 <tool", "", false, `1 <tool stop`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.answer); size += 1 + size/3 {
				reply := enginetest.Reply{}
				for rest := tt.answer; rest != ""; {
					n := min(size, len(rest))
					reply = append(reply, enginetest.Text(rest[:n]))
					rest = rest[n:]
				}
				if tt.end != "" {
					reply = append(reply, enginetest.End(tt.end))
				}
				e := New(&enginetest.Script{Replies: []enginetest.Reply{reply}}, true)
				r := engine.ChatRequest{Messages: []engine.Message{say(engine.User, "Lyon?")}, Tools: []engine.Tool{weather}}
				if tt.single {
					r.ParallelToolCalls = new(bool)
				}
				if got := ask(t, e, r); got != tt.want {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// A model without a place for tools is asked again with their description, once.
func TestTheFallback(t *testing.T) {
	script := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if len(r.Chat.Tools) > 0 {
			return enginetest.Reply{enginetest.Fail{Err: fault.Errorf(fault.Unsupported, "no place for tools")}}
		}
		return enginetest.Reply{enginetest.Text(`<tool_call>{"name":"get_weather","arguments":{}}</tool_call>`)}
	}}
	e := New(script, false)
	history := []engine.Message{
		say(engine.System, "Be brief."), say(engine.User, "Lyon and Nice?"),
		{Role: engine.Assistant, ToolCalls: []engine.ToolCall{
			{ID: "a", Function: engine.FunctionCall{Name: "get_weather", Arguments: `{"city":"Lyon"}`}},
			{ID: "b", Function: engine.FunctionCall{Name: "get_weather", Arguments: `{"city":"Nice"}`}},
		}},
		{Role: engine.ToolRole, ToolCallID: "a", Name: "get_weather", Content: engine.Text("rain")},
		{Role: engine.ToolRole, ToolCallID: "b", Content: engine.Text("sun")},
		say(engine.User, "And Brest?"),
	}
	for range 2 {
		if got := ask(t, e, engine.ChatRequest{Messages: history, Tools: []engine.Tool{weather}}); got != "[0 get_weather {}] tool_calls" {
			t.Errorf("got %q", got)
		}
	}
	requests := script.Requests()
	if len(requests) != 3 {
		t.Fatalf("the model was asked %d times, want 3", len(requests))
	}
	got := requests[2].Chat.Messages
	var roles []engine.Role
	for _, m := range got {
		roles = append(roles, m.Role)
	}
	if fmt.Sprint(roles) != "[system user assistant user]" {
		t.Fatalf("the roles are %v", roles)
	}
	system := got[0].Content.Plain()
	for _, part := range []string{"Be brief.\n\n# Tools", `"description":"The weather <of> a city"`, openTag} {
		if !strings.Contains(system, part) {
			t.Errorf("the system prompt lacks %q: %s", part, system)
		}
	}
	if text := got[2].Content.Plain(); !strings.Contains(text, "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Lyon\"}}\n</tool_call>\n<tool_call>") {
		t.Errorf("the calls are %q", text)
	}
	if text := got[3].Content.Plain(); !strings.Contains(text, `{"name":"get_weather","content":"rain"}`) || !strings.HasSuffix(text, "And Brest?") {
		t.Errorf("the results are %q", text)
	}
}

// A required call constrains the answer, the name first.
func TestRequiredCall(t *testing.T) {
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text(`{"name": "get_weather", "arguments": {"city": "x"}}`)}}}
	e := New(script, true)
	other := engine.Tool{Function: engine.Function{Name: "other"}}
	r := engine.ChatRequest{Messages: []engine.Message{say(engine.User, "x")}, Tools: []engine.Tool{other, weather}, ToolChoice: engine.ToolChoice{Mode: "any"}}
	if got := ask(t, e, r); got != `[0 get_weather {"city": "x"}] tool_calls` {
		t.Errorf("got %q", got)
	}
	schema := string(script.Requests()[0].Chat.ResponseFormat.JSONSchema.Schema)
	if engine.CheckSchema(json.RawMessage(schema)) != nil || !strings.Contains(schema, `{"name":{"const":"get_weather"},"arguments":{`) || !strings.Contains(schema, `"other"`) {
		t.Errorf("the schema is %s", schema)
	}
	r.ToolChoice = engine.ToolChoice{Function: "get_weather"}
	ask(t, e, r)
	if schema := string(script.Requests()[1].Chat.ResponseFormat.JSONSchema.Schema); strings.Contains(schema, "other") {
		t.Errorf("the schema is %s", schema)
	}
	r.ToolChoice = engine.ToolChoice{Mode: "none"}
	if got := ask(t, e, r); !strings.HasPrefix(got, `{"name"`) {
		t.Errorf("got %q", got)
	}
	if strings.Contains(script.Requests()[2].Chat.Messages[0].Content.Plain(), "get_weather") {
		t.Error("tools are described that must not be called")
	}
}

// Without tools, the request is as it was.
func TestNothingToDo(t *testing.T) {
	script := enginetest.Says("<tool_call>")
	e := New(script, true)
	if got := ask(t, e, engine.ChatRequest{Messages: []engine.Message{say(engine.User, "x")}}); got != "<tool_call> stop" {
		t.Errorf("got %q", got)
	}
}
