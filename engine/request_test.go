package engine_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestChatRequestJSON(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		want engine.ChatRequest
	}{
		"a question": {
			`{"messages":[{"role":"user","content":"a <b> & c"}]}`,
			engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("a <b> & c")}}},
		},
		"chunks": {
			`{"messages":[{"role":"user","content":[{"text":"look","type":"text"},{"image_url":"data:image/png;base64,AA==","type":"image_url"}]}]}`,
			engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Content{
				{Type: engine.TextChunk, Text: "look"},
				{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,AA=="},
			}}}},
		},
		"thinking": {
			`{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}],"closed":false}],"prefix":true}]}`,
			engine.ChatRequest{Messages: []engine.Message{{Role: engine.Assistant, Prefix: true, Content: engine.Content{
				{Type: engine.ThinkingChunk, Text: "hm", Open: true},
			}}}},
		},
		"a chunk of another time": {
			`{"messages":[{"role":"user","content":[{"type":"smell","of":{"a":1}}]}]}`,
			engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Content{
				{Type: "smell", Raw: json.RawMessage(`{"type":"smell","of":{"a":1}}`)},
			}}}},
		},
		"a tool's call and result": {
			`{"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"abcdefghi","type":"function","index":0,"function":{"name":"f","arguments":"{\"a\":1}"}}]},` +
				`{"role":"tool","content":"2","tool_call_id":"abcdefghi","name":"f"}]}`,
			engine.ChatRequest{Messages: []engine.Message{
				{Role: engine.Assistant, Content: engine.Text(""), ToolCalls: []engine.ToolCall{
					{ID: "abcdefghi", Type: "function", Function: engine.FunctionCall{Name: "f", Arguments: `{"a":1}`}},
				}},
				{Role: engine.ToolRole, Content: engine.Text("2"), ToolCallID: "abcdefghi", Name: "f"},
			}},
		},
		"settings": {
			`{"model":"m","messages":null,"temperature":0,"top_p":0.5,"top_k":0,"repeat_last_n":-1,"logit_bias":{"7":-100},"random_seed":0,"max_tokens":0,` +
				`"min_tokens":3,"stop":["a","b"],"n":2,"logprobs":true,"top_logprobs":5,"grammar":"root ::= \"a\"","reasoning_effort":"high","context_overflow":"drop_oldest"}`,
			engine.ChatRequest{
				Model: "m", ReasoningEffort: "high", Overflow: engine.OverflowDropOldest,
				Sampling: engine.Sampling{
					Temperature: new(0.0), TopP: new(0.5), TopK: new(0), RepeatLastN: new(-1), LogitBias: map[int32]float64{7: -100}, Seed: new(int64(0)),
					MaxTokens: new(0), MinTokens: 3, Stop: []string{"a", "b"}, N: 2, Logprobs: true, TopLogprobs: 5, Grammar: `root ::= "a"`,
				},
			},
		},
		"tools": {
			`{"messages":null,"tools":[{"type":"function","function":{"name":"f","description":"","parameters":{"type":"object"}}}],` +
				`"tool_choice":{"function":{"name":"f"},"type":"function"},"parallel_tool_calls":false}`,
			engine.ChatRequest{
				Tools:      []engine.Tool{{Type: "function", Function: engine.Function{Name: "f", Parameters: json.RawMessage(`{"type":"object"}`)}}},
				ToolChoice: engine.ToolChoice{Function: "f"}, ParallelToolCalls: new(false),
			},
		},
		"a form": {
			`{"messages":null,"tool_choice":"any","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"string"},"strict":true}}}`,
			engine.ChatRequest{
				ToolChoice: engine.ToolChoice{Mode: "any"},
				ResponseFormat: &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{
					Name: "s", Schema: json.RawMessage(`{"type":"string"}`), Strict: true,
				}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got engine.ChatRequest
			if err := json.Unmarshal([]byte(c.json), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("read %+v, want %+v", got, c.want)
			}
			if text := encoded(t, c.want); text != c.json {
				t.Errorf("wrote %s\nwant  %s", text, c.json)
			}
		})
	}
}

// encoded is v in JSON, without what encoding/json does for browsers.
func encoded(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// What clients write besides the form that this package writes.
func TestLenientJSON(t *testing.T) {
	for _, c := range []struct {
		json string
		into any
		want any
	}{
		{`null`, &engine.Content{}, new(engine.Content(nil))},
		{`[]`, &engine.Content{}, &engine.Content{}},
		{`[{"type":"image_url","image_url":{"url":"data:,"}}]`, &engine.Content{}, &engine.Content{{Type: engine.ImageChunk, ImageURL: "data:,"}}},
		{`[{"type":"thinking","thinking":"hm"}]`, &engine.Content{}, &engine.Content{{Type: engine.ThinkingChunk, Text: "hm"}}},
		{`[{"type":"thinking","thinking":[{"text":"a"},{"text":"b"}],"closed":true}]`, &engine.Content{}, &engine.Content{{Type: engine.ThinkingChunk, Text: "ab"}}},
		{`"a"`, &engine.StringList{}, &engine.StringList{"a"}},
		{`null`, &engine.StringList{"a"}, new(engine.StringList(nil))},
		{` {"a": [1]} `, new(engine.Arguments), new(engine.Arguments(`{"a": [1]}`))},
		{"{\"a\":\"\xff\"}", new(engine.Arguments), new(engine.Arguments("{\"a\":\"\uFFFD\"}"))},
		{`null`, new(engine.Arguments), new(engine.Arguments("{}"))},
		{`"required"`, &engine.ToolChoice{}, &engine.ToolChoice{Mode: "any"}},
		{`null`, &engine.ToolChoice{Mode: "any"}, &engine.ToolChoice{}},
		{`{"type":"function","function":{"name":"f"}}`, &engine.ToolChoice{}, &engine.ToolChoice{Function: "f"}},
	} {
		if err := json.Unmarshal([]byte(c.json), c.into); err != nil {
			t.Errorf("%T of %s: %v", c.into, c.json, err)
		} else if !reflect.DeepEqual(c.into, c.want) {
			t.Errorf("%T of %s is %+v, want %+v", c.into, c.json, c.into, c.want)
		}
	}
}

func TestRefusedJSON(t *testing.T) {
	for _, c := range []struct {
		json string
		into any
	}{
		{`5`, &engine.Content{}},
		{`{"type":"text"}`, &engine.Content{}},
		{`["a"]`, &engine.Content{}},
		{`[{"type":"text","text":5}]`, &engine.Content{}},
		{`[{"type":"image_url"}]`, &engine.Content{}},
		{`[{"type":"image_url","image_url":5}]`, &engine.Content{}},
		{`[{"type":"thinking","thinking":5}]`, &engine.Content{}},
		{`5`, &engine.StringList{}},
		{`[5]`, &engine.StringList{}},
		{`5`, new(engine.Arguments)},
		{`[1]`, new(engine.Arguments)},
		{`true`, new(engine.Arguments)},
		{`5`, &engine.ToolChoice{}},
		{`{"function":5}`, &engine.ToolChoice{}},
	} {
		if err := json.Unmarshal([]byte(c.json), c.into); err == nil {
			t.Errorf("%T of %s is %+v, want an error", c.into, c.json, c.into)
		}
	}
}

// A chunk that cannot be written fails and is not lost.
func TestUnknownChunk(t *testing.T) {
	if b, err := json.Marshal(engine.Content{{Type: "smell"}, {Type: "taste"}}); err == nil {
		t.Errorf("chunks of unknown types without their JSON were written as %s", b)
	}
}

func TestPlain(t *testing.T) {
	c := engine.Content{{Type: engine.TextChunk, Text: "a"}, {Type: engine.ImageChunk}, {Type: engine.ThinkingChunk, Text: "b"}, {Type: engine.TextChunk, Text: "c"}}
	if got := c.Plain(); got != "a\n\nc" {
		t.Errorf("got %q, want %q", got, "a\n\nc")
	}
}

// What can be read can be written and reads as the same again.
func FuzzChatRequest(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":"hi"}],"stop":"a","temperature":0.5,"logit_bias":{"1":2}}`))
	f.Add([]byte(`{"messages":[{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}],"tool_choice":"required"}`))
	f.Add([]byte(`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"thinking","thinking":"a"},{"type":"x","y":[]},null]}]}`))
	f.Add([]byte(`{"tools":[{"function":{"parameters":{}}}],"response_format":{"type":"json_schema","json_schema":{"schema":{}}},"n":3,"max_tokens":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		var first engine.ChatRequest
		if json.Unmarshal(data, &first) != nil {
			return
		}
		_ = first.Check() // must not panic
		written, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", first, err)
		}
		var second engine.ChatRequest
		if err := json.Unmarshal(written, &second); err != nil {
			t.Fatalf("%s cannot be read again: %v", written, err)
		}
		again, err := json.Marshal(second)
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != string(written) {
			t.Errorf("first  %s\nsecond %s", written, again)
		}
		if (first.Check() == nil) != (second.Check() == nil) {
			t.Errorf("%s: %v, then %v", written, first.Check(), second.Check())
		}
	})
}

func FuzzCompletionRequest(f *testing.F) {
	f.Add([]byte(`{"prompt":"a","suffix":"b","stop":["x"],"tokens":[1,2],"max_tokens":3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second engine.CompletionRequest
		if len(data) > 1<<16 || json.Unmarshal(data, &first) != nil {
			return
		}
		_ = first.Check() // must not panic
		written, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &second); err != nil {
			t.Fatalf("%s cannot be read again: %v", written, err)
		}
		if again, _ := json.Marshal(second); string(again) != string(written) {
			t.Errorf("first  %s\nsecond %s", written, again)
		}
	})
}
