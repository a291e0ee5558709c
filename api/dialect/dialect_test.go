package dialect_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

func say(role engine.Role, text string) engine.Message {
	return engine.Message{Role: role, Content: engine.Text(text)}
}

func call(ids ...string) engine.Message {
	m := engine.Message{Role: engine.Assistant}
	for _, id := range ids {
		m.ToolCalls = append(m.ToolCalls, engine.ToolCall{ID: id})
	}
	return m
}

func result(id string) engine.Message {
	return engine.Message{Role: engine.ToolRole, ToolCallID: id, Content: engine.Text(id)}
}

// order is the roles of messages, with the IDs of calls and results, and their texts.
func order(messages []engine.Message) (list []string) {
	for _, m := range messages {
		s := string(m.Role)
		for _, k := range m.Content {
			s += " " + k.Text
		}
		for i, c := range m.ToolCalls {
			if s += " call:" + c.ID; c.Index != i {
				s += " index?"
			}
		}
		if m.Prefix {
			s += " …"
		}
		list = append(list, s)
	}
	return list
}

func TestConversation(t *testing.T) {
	for _, tt := range []struct {
		name string
		add  []engine.Message
		want []string
	}{
		{"nothing", nil, nil},
		{"empty messages", []engine.Message{{Role: engine.System}, {Role: engine.User}, {Role: engine.Assistant}}, nil},
		{"instructions at the start", []engine.Message{say(engine.System, "a"), say(engine.System, "b"), say(engine.User, "c")}, []string{"system a b", "user c"}},
		{"instructions between", []engine.Message{say(engine.User, "a"), say(engine.System, "b"), say(engine.Assistant, "c"), say(engine.System, "d")}, []string{"user a b", "assistant c", "user d"}},
		{"calls one by one", []engine.Message{say(engine.User, "a"), say(engine.Assistant, "b"), call("x"), call("y"), result("x"), result("y")}, []string{"user a", "assistant b call:x call:y", "tool x", "tool y"}},
		{"a user between results", []engine.Message{call("x", "y"), result("x"), say(engine.User, "a"), result("y"), say(engine.User, "b")}, []string{"assistant call:x call:y", "tool x", "tool y", "user a b"}},
		{"a user before a result", []engine.Message{call("x"), say(engine.User, "a"), result("x")}, []string{"assistant call:x", "tool x", "user a"}},
		{"an empty result", []engine.Message{call("x"), {Role: engine.ToolRole, ToolCallID: "x"}}, []string{"assistant call:x", "tool "}},
		{"an answer to continue", []engine.Message{say(engine.User, "a"), say(engine.Assistant, "b")}, []string{"user a", "assistant b …"}},
	} {
		var c dialect.Conversation
		for _, m := range tt.add {
			c.Add(m)
		}
		if got := order(c.Messages()); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAdapt(t *testing.T) {
	for _, tt := range []struct {
		info    engine.Info
		effort  string
		thought bool
	}{
		{engine.Info{}, "", false},
		{engine.Info{PromptVersion: "v7", Can: engine.Capabilities{Thinking: true}}, "", false},
		{engine.Info{PromptVersion: "v13", Can: engine.Capabilities{Thinking: true}}, "", true},
		{engine.Info{PromptVersion: "v15", Can: engine.Capabilities{Thinking: true}}, "high", true},
		{engine.Info{PromptVersion: "template", Can: engine.Capabilities{Thinking: true}}, "high", true},
	} {
		req := engine.ChatRequest{ReasoningEffort: "high", Messages: []engine.Message{
			say(engine.User, "a"), {Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "t"}, {Type: engine.TextChunk, Text: "b"}}},
		}}
		kept := req.Messages[1].Content
		dialect.Adapt(&req, tt.info)
		if thought := req.Messages[1].Content[0].Type == engine.ThinkingChunk; req.ReasoningEffort != tt.effort || thought != tt.thought {
			t.Errorf("%+v: got effort %q, thought %v", tt.info, req.ReasoningEffort, thought)
		}
		if kept[0].Text != "t" {
			t.Error("the caller's messages have changed")
		}
	}
}

func TestCallID(t *testing.T) {
	for _, id := range []string{"abc123def", "toolu_abc123def", "call_abc123def"} {
		if got := dialect.CallID(id); got != "abc123def" {
			t.Errorf("%s is %s", id, got)
		}
	}
	if a, b := dialect.CallID("toolu_01ABC"), dialect.CallID("toolu_01ABD"); len(a) != 9 || a == b {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestObject(t *testing.T) {
	for in, want := range map[engine.Arguments]string{`{"a": 1}`: `{"a": 1}`, ` {}`: ` {}`, `{"a`: `{}`, ``: `{}`, `[1]`: `{}`, `"a"`: `{}`} {
		if got := string(dialect.Object(in)); got != want || !json.Valid([]byte(got)) {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}
