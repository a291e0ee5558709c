package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// readChat reads a chat request as the handler does.
func readChat(strict bool, body []byte) (engine.ChatRequest, *reader, error) {
	r := &reader{strict: strict}
	var req engine.ChatRequest
	if o, ok := r.read(body); ok {
		o.need("model")
		req = o.chat()
		o.boolean("stream")
		o.done()
	}
	return req, r, r.err()
}

const hello = `"messages":[{"role":"user","content":"hi"}]`

// message wraps messages into a request.
func conversation(messages string) string { return `{"model":"m","messages":[` + messages + `]}` }

func TestRefused(t *testing.T) {
	const both, lenient, strict = 0, 1, 2
	call := func(id string) string {
		return `{"role":"assistant","tool_calls":[{"id":"` + id + `","function":{"name":"f","arguments":"{}"}}]}`
	}
	tests := []struct {
		name   string
		mode   int
		body   string
		status int
		typ    string // of the first violation, or of the error when there is none
		loc    string // of the first violation, as JSON; or the error's param
	}{
		{"not json", both, `{"model":`, 422, "json_invalid", `["body",9]`},
		{"empty", both, ``, 422, "json_invalid", `["body",0]`},
		{"a list", both, `[]`, 422, "model_attributes_type", `["body"]`},
		{"no model", both, `{` + hello + `}`, 422, "missing", `["body","model"]`},
		{"no messages", both, `{"model":"m"}`, 422, "missing", `["body","messages"]`},
		{"null messages", both, `{"model":"m","messages":null}`, 422, "missing", `["body","messages"]`},
		{"empty messages", both, `{"model":"m","messages":[]}`, 422, "too_short", `["body","messages"]`},
		{"model of a number", both, `{"model":7,` + hello + `}`, 422, "string_type", `["body","model"]`},
		{"hot", both, `{"model":"m","temperature":9,` + hello + `}`, 422, "less_than_equal", `["body","temperature"]`},
		{"hotter than the hosted", strict, `{"model":"m","temperature":1.6,` + hello + `}`, 422, "less_than_equal", `["body","temperature"]`},
		{"temperature of text", both, `{"model":"m","temperature":"1",` + hello + `}`, 422, "float_type", `["body","temperature"]`},
		{"temperature without end", both, `{"model":"m","temperature":1e999,` + hello + `}`, 422, "finite_number", `["body","temperature"]`},
		{"top_p", both, `{"model":"m","top_p":2,` + hello + `}`, 422, "less_than_equal", `["body","top_p"]`},
		{"max_tokens", both, `{"model":"m","max_tokens":-1,` + hello + `}`, 422, "greater_than_equal", `["body","max_tokens"]`},
		{"max_tokens of a fraction", both, `{"model":"m","max_tokens":1.5,` + hello + `}`, 422, "int_from_float", `["body","max_tokens"]`},
		{"max_tokens without end", both, `{"model":"m","max_tokens":1e300,` + hello + `}`, 422, "int_parsing_size", `["body","max_tokens"]`},
		{"max_tokens of a bool", both, `{"model":"m","max_tokens":true,` + hello + `}`, 422, "int_type", `["body","max_tokens"]`},
		{"presence", both, `{"model":"m","presence_penalty":3,` + hello + `}`, 422, "less_than_equal", `["body","presence_penalty"]`},
		{"n", both, `{"model":"m","n":0,` + hello + `}`, 422, "greater_than_equal", `["body","n"]`},
		{"many n", both, `{"model":"m","n":1000,` + hello + `}`, 422, "less_than_equal", `["body","n"]`},
		{"seed", both, `{"model":"m","random_seed":-1,` + hello + `}`, 422, "greater_than_equal", `["body","random_seed"]`},
		{"stream of text", both, `{"model":"m","stream":"yes",` + hello + `}`, 422, "bool_type", `["body","stream"]`},
		{"stop of a number", both, `{"model":"m","stop":3,` + hello + `}`, 422, "list_type", `["body","stop"]`},
		{"stop of numbers", both, `{"model":"m","stop":["a",3],` + hello + `}`, 422, "string_type", `["body","stop",1]`},
		{"bias", lenient, `{"model":"m","logit_bias":{"x":1},` + hello + `}`, 422, "int_parsing", `["body","logit_bias","x"]`},
		{"openai's names", strict, `{"model":"m","max_completion_tokens":4,` + hello + `}`, 422, "extra_forbidden", `["body","max_completion_tokens"]`},
		{"unknown fields", strict, `{"model":"m","colour":"red",` + hello + `}`, 422, "extra_forbidden", `["body","colour"]`},
		{"our names", strict, `{"model":"m","min_p":0.1,` + hello + `}`, 422, "extra_forbidden", `["body","min_p"]`},
		{"greedy with top_p", strict, `{"model":"m","temperature":0,"top_p":0.5,` + hello + `}`, 400, "invalid_request_error", "top_p"},
		{"guardrails", both, `{"model":"m","guardrails":[{"block_on_error":true}],` + hello + `}`, 422, "too_long", `["body","guardrails"]`},
		{"prompt_mode", both, `{"model":"m","prompt_mode":"poetry",` + hello + `}`, 422, "literal_error", `["body","prompt_mode"]`},
		{"service tier", strict, `{"model":"m","service_tier":"gold",` + hello + `}`, 422, "literal_error", `["body","service_tier"]`},
		{"metadata", both, `{"model":"m","metadata":3,` + hello + `}`, 422, "dict_type", `["body","metadata"]`},
		{"prediction and n", both, `{"model":"m","n":2,"prediction":{"type":"content","content":"x"},` + hello + `}`, 400, "invalid_request_error", "n"},
		{"format", both, `{"model":"m","response_format":{"type":"xml"},` + hello + `}`, 422, "literal_error", `["body","response_format","type"]`},
		{"schema missing", both, `{"model":"m","response_format":{"type":"json_schema"},` + hello + `}`, 422, "missing", `["body","response_format","json_schema"]`},
		{"schema", both, `{"model":"m","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"nope"}}},` + hello + `}`, 422, "value_error", `["body","response_format","json_schema","schema"]`},
		{"hosted tool", both, `{"model":"m","tools":[{"type":"web_search"}],` + hello + `}`, 422, "literal_error", `["body","tools",0,"type"]`},
		{"tool name", both, `{"model":"m","tools":[{"type":"function","function":{"name":"a b","parameters":{}}}],` + hello + `}`, 422, "string_pattern_mismatch", `["body","tools",0,"function","name"]`},
		{"tool schema", both, `{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"text"}}}}}],` + hello + `}`, 422, "value_error", `["body","tools",0,"function","parameters"]`},
		{"tool parameters", both, `{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":true}}],` + hello + `}`, 422, "value_error", `["body","tools",0,"function","parameters"]`},
		{"choice of nothing", both, `{"model":"m","tool_choice":"any",` + hello + `}`, 400, "invalid_request_error", "tool_choice"},
		{"choice of a stranger", both, `{"model":"m","tool_choice":{"type":"function","function":{"name":"g"}},` + hello + `}`, 400, "invalid_request_error", "tool_choice"},
		{"role", both, conversation(`{"role":"wizard","content":"x"}`), 422, "union_tag_invalid", `["body","messages",0]`},
		{"role missing", both, conversation(`{"content":"x"}`), 422, "missing", `["body","messages",0,"role"]`},
		{"developer", strict, conversation(`{"role":"developer","content":"x"},{"role":"user","content":"x"}`), 422, "union_tag_invalid", `["body","messages",0]`},
		{"name of a user", strict, conversation(`{"role":"user","content":"x","name":"y"}`), 422, "extra_forbidden", `["body","messages",0,"user","name"]`},
		{"content", both, conversation(`{"role":"user","content":3}`), 422, "string_type", `["body","messages",0,"user","content"]`},
		{"chunk", both, conversation(`{"role":"user","content":[{"type":"video"}]}`), 422, "union_tag_invalid", `["body","messages",0,"user","content",0]`},
		{"picture of the system", both, conversation(`{"role":"system","content":[{"type":"image_url","image_url":"data:image/png;base64,AA=="}]},{"role":"user","content":"x"}`), 422, "union_tag_invalid", `["body","messages",0,"system","content",0]`},
		{"document", both, conversation(`{"role":"user","content":[{"type":"document_url","document_url":"data:application/pdf;base64,x"}]}`), 400, "invalid_request_error", "messages"},
		{"audio from elsewhere", both, conversation(`{"role":"user","content":[{"type":"input_audio","input_audio":"https://example.com/a.wav"}]}`), 400, "invalid_request_error", "messages"},
		{"audio of the system", both, conversation(`{"role":"system","content":[{"type":"input_audio","input_audio":"AA=="}]},{"role":"user","content":"x"}`), 422, "union_tag_invalid", `["body","messages",0,"system","content",0]`},
		{"picture from elsewhere", both, conversation(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/x.png"}}]}`), 400, "invalid_request_error", "messages"},
		{"assistant last", both, conversation(`{"role":"user","content":"x"},{"role":"assistant","content":"y"}`), 400, "invalid_request_message_order", "messages"},
		{"prefix before the last", both, conversation(`{"role":"assistant","content":"y","prefix":true},{"role":"user","content":"x"}`), 400, "invalid_request_error", "messages"},
		{"prefix of nothing", both, conversation(`{"role":"user","content":"x"},{"role":"assistant","prefix":true,"tool_calls":[{"id":"abcdefghi","function":{"name":"f","arguments":"{}"}}]}`), 400, "invalid_request_error", "messages"},
		{"assistant of nothing", both, conversation(`{"role":"user","content":"x"},{"role":"assistant"},{"role":"user","content":"x"}`), 400, "invalid_request_error", "messages"},
		{"system after assistant", strict, conversation(`{"role":"user","content":"x"},{"role":"assistant","content":"x"},{"role":"system","content":"x"},{"role":"user","content":"x"}`), 400, "invalid_request_message_order", "messages"},
		{"foreign call id", strict, conversation(`{"role":"user","content":"x"},` + call("call_1") + `,{"role":"tool","tool_call_id":"call_1","content":"1"}`), 400, "invalid_function_call", "messages"},
		{"no call id", both, conversation(`{"role":"user","content":"x"},` + call("null") + `,{"role":"tool","tool_call_id":"null","content":"1"}`), 400, "invalid_function_call", "messages"},
		{"result of no call", both, conversation(`{"role":"user","content":"x"},` + call("abcdefghi") + `,{"role":"tool","tool_call_id":"ihgfedcba","content":"1"}`), 400, "invalid_function_call", "messages"},
	}
	for _, test := range tests {
		for _, isStrict := range []bool{false, true} {
			if test.mode == lenient && isStrict || test.mode == strict && !isStrict {
				continue
			}
			_, _, err := readChat(isStrict, []byte(test.body))
			r, ok := errors.AsType[*refusal](err)
			if !ok {
				t.Errorf("%s (strict %v): got %v, want a refusal", test.name, isStrict, err)
				continue
			}
			typ, loc := r.class.Type, r.err.Param
			if len(r.detail) > 0 {
				where, _ := json.Marshal(r.detail[0].Loc)
				typ, loc = r.detail[0].Type, string(where)
			}
			if r.class.Status != test.status || typ != test.typ || loc != test.loc {
				t.Errorf("%s (strict %v): got %d %s %s (%v), want %d %s %s", test.name, isStrict, r.class.Status, typ, loc, r, test.status, test.typ, test.loc)
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: the kind is %q", test.name, fault.KindOf(err))
			}
		}
	}
}

// A lenient reader understands the names that others have.
func TestForeignNames(t *testing.T) {
	req, r, err := readChat(false, []byte(`{"model":"m","seed":7,"max_completion_tokens":9,"top_k":-1,"repetition_penalty":1.1,
		"logit_bias":{"5":-100},"logprobs":true,"top_logprobs":2,"stream_options":{"include_usage":true},"user":"me","store":false,
		"tool_choice":"required","reasoning_effort":"low","colour":"red",
		"tools":[{"type":"function","function":{"name":"f"}}],
		"messages":[{"role":"developer","content":"be brief"},{"role":"user","content":"hi","name":"ann"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"call_abc","type":"function","function":{"name":"f","arguments":{"b":1,"a":2}}}]},
		{"role":"tool","tool_call_id":"call_abc","content":"3"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if *req.Seed != 7 || *req.MaxTokens != 9 || *req.TopK != 0 || *req.RepeatPenalty != 1.1 || req.LogitBias[5] != -100 || !req.Logprobs || req.TopLogprobs != 2 {
		t.Errorf("the settings are %+v", req.Sampling)
	}
	if req.ToolChoice.Mode != "any" || req.ReasoningEffort != "low" || req.Messages[0].Role != engine.System {
		t.Errorf("choice %+v, effort %q, first role %q", req.ToolChoice, req.ReasoningEffort, req.Messages[0].Role)
	}
	made, result := req.Messages[2].ToolCalls[0], req.Messages[3]
	if len(made.ID) != 9 || made.ID != result.ToolCallID {
		t.Errorf("the call %q and its result %q do not meet", made.ID, result.ToolCallID)
	}
	if made.Function.Arguments != `{"b":1,"a":2}` {
		t.Errorf("the arguments are %s", made.Function.Arguments)
	}
	if !reflect.DeepEqual(r.unknown, []string{"name", "colour"}) {
		t.Errorf("unknown fields: %q", r.unknown)
	}
}

func TestNullIsAbsent(t *testing.T) {
	plain, _, err := readChat(true, []byte(`{"model":"m",`+hello+`}`))
	if err != nil {
		t.Fatal(err)
	}
	nulls, _, err := readChat(true, []byte(`{"model":"m","temperature":null,"top_p":null,"max_tokens":null,"n":null,"stop":null,"random_seed":null,
		"tools":null,"tool_choice":null,"response_format":null,"prediction":null,"prompt_mode":null,"reasoning_effort":null,"safe_prompt":null,
		"guardrails":null,"metadata":null,"prompt_cache_key":null,"service_tier":null,"stream":null,`+hello+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain, nulls) {
		t.Errorf("nulls give %+v, want %+v", nulls, plain)
	}
}

func TestSafePrompt(t *testing.T) {
	for _, messages := range []string{`{"role":"user","content":"hi"}`, `{"role":"system","content":"be brief"},{"role":"user","content":"hi"}`} {
		req, _, err := readChat(true, []byte(`{"model":"m","safe_prompt":true,"messages":[`+messages+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		first := req.Messages[0]
		if first.Role != engine.System || !strings.HasPrefix(first.Content.Plain(), safetyPrompt) {
			t.Errorf("the conversation begins with %+v", first)
		}
		if last := req.Messages[len(req.Messages)-1]; len(req.Messages) != 2 || last.Content.Plain() != "hi" {
			t.Errorf("the conversation is %+v", req.Messages)
		}
	}
}

func TestSchemaKeepsItsOrder(t *testing.T) {
	const schema = `{"type":"object","properties":{"zebra":{"type":["string","null"]},"ape":{"$ref":"#/$defs/x"}},"$defs":{"x":{"enum":[1]}},"required":["zebra"],"additionalProperties":false}`
	req, _, err := readChat(true, []byte(`{"model":"m","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":`+schema+`}},`+hello+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(req.ResponseFormat.JSONSchema.Schema); got != schema {
		t.Errorf("the schema is %s, want %s", got, schema)
	}
}

func TestManyViolations(t *testing.T) {
	body := `{"model":"m","messages":[` + strings.Repeat(`{"role":"x"},`, 1000) + `{"role":"user","content":"` + strings.Repeat("y", 1000) + `"}]}`
	_, _, err := readChat(false, []byte(body))
	r, ok := errors.AsType[*refusal](err)
	if !ok || len(r.detail) != maxDetail {
		t.Fatalf("got %v", err)
	}
	if !strings.HasSuffix(r.Error(), "(and 15 more)") {
		t.Errorf("the message is %q", r)
	}
}

// What is read, written and read again is the same request.
func FuzzChatRequest(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m",` + hello + `}`, `{"model":"m","temperature":0.5,"stop":["a"],"n":2,` + hello + `}`,
		`{"model":"m","tools":[{"function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"any",` + hello + `}`,
		conversation(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":"data:,"}]},{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}],"closed":false}],"prefix":true}`),
		conversation(`{"role":"user"},{"role":"assistant","tool_calls":[{"id":"x","function":{"name":"f","arguments":{}}}]},{"role":"tool","tool_call_id":"x","content":""}`),
		`{"model":"m","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"logit_bias":{"1":2},"context_overflow":"drop_oldest",` + hello + `}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, strict bool) {
		if len(body) > 1<<16 {
			return
		}
		req, _, err := readChat(strict, body)
		if err != nil {
			if r, ok := errors.AsType[*refusal](err); !ok || len(r.detail) > maxDetail {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		written, err := json.Marshal(req)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if !json.Valid(written) {
			t.Fatalf("%q is written as %q", body, written)
		}
		if req.Model == "" {
			return // which is not written
		}
		again, _, err := readChat(false, written)
		if err != nil {
			t.Fatalf("%q: read again from %q: %v", body, written, err)
		}
		rewritten, err := json.Marshal(again)
		if err != nil || string(rewritten) != string(written) {
			t.Fatalf("%q: written as %q, then as %q, %v", body, written, rewritten, err)
		}
	})
}
