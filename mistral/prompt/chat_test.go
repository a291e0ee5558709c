package prompt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// show writes a prompt down: control tokens by name, spans in «», bare ones in
// ‹›, images as #1.
func show(p Prompt) string {
	var b strings.Builder
	for _, s := range p.Segments {
		switch {
		case s.Control != "":
			b.WriteString(s.Control)
		case s.Image > 0:
			fmt.Fprintf(&b, "#%d", s.Image)
		case s.Bare:
			b.WriteString("‹" + s.Text + "›")
		default:
			b.WriteString("«" + s.Text + "»")
		}
	}
	return b.String()
}

func request(t testing.TB, s string) *engine.ChatRequest {
	t.Helper()
	var r engine.ChatRequest
	if err := json.Unmarshal([]byte(s), &r); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return &r
}

const (
	chat = `{"messages": [{"role": "system", "content": "You are concise."}, {"role": "user", "content": "Hi"},
		{"role": "assistant", "content": "Hello! "}, {"role": "user", "content": "Bye"}]}`
	toolChat = `{"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type":"object"}, "strict": true}}], "messages": [
		{"role": "user", "content": "a"},
		{"role": "assistant", "tool_calls": [{"id": "abc123DEF", "function": {"name": "f", "arguments": "{\"x\":1.0}"}}]},
		{"role": "tool", "tool_call_id": "abc123DEF", "name": "f", "content": "{\"t\":21}"}%s]}`
	toolList = `[AVAILABLE_TOOLS]«[{"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}]»[/AVAILABLE_TOOLS]`
)

func TestLayout(t *testing.T) {
	inLoop, after := fmt.Sprintf(toolChat, ""), fmt.Sprintf(toolChat, `,{"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}`)
	for _, c := range []struct{ version, request, want string }{
		{"v1", chat, "<s>«[INST] You are concise.\n\nHi [/INST]»«Hello! »</s>«[INST] Bye [/INST]»"},
		{"v2", chat, "<s>[INST]«Hi»[/INST]«Hello!»</s>[INST]«You are concise.\n\nBye»[/INST]"},
		{"v3", chat, "<s>[INST]«Hi»[/INST]«Hello!»</s>[INST]«You are concise.\n\nBye»[/INST]"},
		{"v3-tekken", chat, "<s>[INST]«Hi»[/INST]«Hello!»</s>[INST]«You are concise.\n\nBye»[/INST]"},
		{"v7", chat, "<s>[SYSTEM_PROMPT]«You are concise.»[/SYSTEM_PROMPT][INST]«Hi»[/INST]«Hello!»</s>[INST]«Bye»[/INST]"},
		{"v13", chat, "<s>[SYSTEM_PROMPT]«You are concise.»[/SYSTEM_PROMPT][INST]«Hi»[/INST]«Hello!»</s>[INST]«Bye»[/INST]"},
		{"v15", chat, `<s>[SYSTEM_PROMPT]«You are concise.»[/SYSTEM_PROMPT][MODEL_SETTINGS]«{"reasoning_effort": "none"}»[/MODEL_SETTINGS][INST]«Hi»[/INST]«Hello!»</s>[INST]«Bye»[/INST]`},

		{"v2", inLoop, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«[{"name": "f", "arguments": {"x": 1.0}}]»</s>[TOOL_RESULTS]«[{"name": "f", "content": {"t": 21}}]»[/TOOL_RESULTS]`},
		{"v3", inLoop, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«[{"name": "f", "arguments": {"x": 1.0}, "id": "abc123DEF"}]»</s>[TOOL_RESULTS]«{"content": {"t": 21}, "call_id": "abc123DEF"}»[/TOOL_RESULTS]`},
		{"v7-tekken", inLoop, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«[{"name": "f", "arguments": {"x": 1.0}, "id": "abc123DEF"}]»</s>[TOOL_RESULTS]«abc123DEF»[TOOL_CONTENT]«{"t":21}»[/TOOL_RESULTS]`},
		{"v11", inLoop, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«f»[CALL_ID]«abc123DEF»[ARGS]«{"x": 1.0}»</s>[TOOL_RESULTS]«abc123DEF»[TOOL_CONTENT]«{"t":21}»[/TOOL_RESULTS]`},
		{"v13", inLoop, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«f»[ARGS]«{"x": 1.0}»</s>[TOOL_RESULTS]«{"t":21}»[/TOOL_RESULTS]`},

		{"v2", after, `<s>[INST]«a»[/INST]«b»</s>` + toolList + `[INST]«c»[/INST]`},
		{"v3", after, `<s>[INST]«a»[/INST][TOOL_CALLS]«[{"name": "f", "arguments": {"x": 1.0}, "id": "abc123DEF"}]»</s>[TOOL_RESULTS]«{"content": {"t": 21}, "call_id": "abc123DEF"}»[/TOOL_RESULTS]«b»</s>` + toolList + `[INST]«c»[/INST]`},
		{"v13", after, `<s>` + toolList + `[INST]«a»[/INST][TOOL_CALLS]«f»[ARGS]«{"x": 1.0}»</s>[TOOL_RESULTS]«{"t":21}»[/TOOL_RESULTS]«b»</s>[INST]«c»[/INST]`},

		{
			"v13", `{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "prefix": true, "content": [{"type": "thinking", "thinking": "two", "closed": false}]}]}`,
			"<s>[INST]«2+2?»[/INST][THINK]«two»",
		},
		{
			"v3-tekken", `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "data:x"}]}]}`,
			"<s>[INST]«S\n\n»#1«a»[/INST]",
		},
		{
			"v11", `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "ok", "tool_calls": [{"id": "123456789", "function": {"name": "f", "arguments": ""}}, {"id": "abcdefghi", "function": {"name": "g", "arguments": "no JSON"}}]},
			{"role": "tool", "tool_call_id": "abcdefghi", "content": "R2"}, {"role": "tool", "tool_call_id": "123456789", "content": "R1"}]}`,
			`<s>[INST]«a»[/INST]«ok»[TOOL_CALLS]«f»[CALL_ID]«123456789»[ARGS]«{}»[TOOL_CALLS]«g»[CALL_ID]«abcdefghi»[ARGS]«"no JSON"»</s>[TOOL_RESULTS]«123456789»[TOOL_CONTENT]«R1»[/TOOL_RESULTS][TOOL_RESULTS]«abcdefghi»[TOOL_CONTENT]«R2»[/TOOL_RESULTS]`,
		},
	} {
		p, err := formatOf(t, c.version).Chat(request(t, c.request))
		if err != nil {
			t.Errorf("%s: %v", c.version, err)
		} else if got := show(p); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.version, got, c.want)
		}
	}
}

func TestPromptThinking(t *testing.T) {
	open := engine.Chunk{Type: engine.ThinkingChunk, Text: "a", Open: true}
	closed := engine.Chunk{Type: engine.ThinkingChunk, Text: "a"}
	for _, c := range []struct {
		request *engine.ChatRequest
		want    bool
	}{
		{ask, false},
		{continuing(open), true},
		{continuing(closed), false},
		{continuing(closed, engine.Chunk{Type: engine.TextChunk, Text: "b"}), false},
		{continuing(engine.Text("<think>b")...), true},
	} {
		p, err := formatOf(t, "v13").Chat(c.request)
		if err != nil {
			t.Fatal(err)
		}
		if p.Thinking != c.want {
			t.Errorf("%s: thinking %v", show(p), p.Thinking)
		}
	}
}

func TestRefusals(t *testing.T) {
	message := func(s string) string { return `{"messages": [` + s + `]}` }
	user := `{"role": "user", "content": "a"}`
	call := `{"role": "assistant", "tool_calls": [{"id": "abcdefghi", "function": {"name": "f", "arguments": "{}"}}]}`
	result := `{"role": "tool", "tool_call_id": "abcdefghi", "content": "r"}`
	tool := func(f string) string { return `{"messages": [` + user + `], "tools": [{"function": ` + f + `}]}` }
	for _, c := range []struct {
		version, request string
		kind             fault.Kind
		param, msg       string
	}{
		{"v3", `{}`, fault.Invalid, "messages", "the conversation is empty"},
		{"v3", message(`{"role": "robot", "content": "a"}`), fault.Invalid, "messages[0].role", `message 1 has the unknown role "robot"`},
		{"v3", message(`{"role": "assistant", "content": "a", "prefix": true}`), fault.Invalid, "messages", "a conversation cannot be one message from assistant"},
		{"v3", message(user + `,` + result), fault.Invalid, "messages[1].role", "message 2, from tool, cannot follow one from user"},
		{"v3", message(user + `,{"role": "assistant", "content": "b"}`), fault.Invalid, "messages", "the last message is the assistant's, so there is nothing to answer"},
		{"v3", message(user + `,{"role": "assistant", "content": "b", "prefix": true},` + user), fault.Invalid, "messages[1].prefix", "message 2 has prefix and is not the last message"},
		{"v3", message(user + `,` + call + `,` + user), fault.Invalid, "messages", "1 of the tool calls before message 4 have no result"},
		{"v3", message(user + `,` + call + `,` + result + `,` + result), fault.Invalid, "messages", "1 of the tool results before message 5 answer no call"},
		{"v13", message(user + `,` + call + `,` + user), fault.Invalid, "messages", "1 of the tool calls before message 4 have no result"},
		{"v13", message(user + `,` + call + `,` + result + `,` + result), fault.Invalid, "messages[3].tool_call_id", `message 4 is a second result of the call with id "abcdefghi"`},
		{"v13", message(user + `,` + call + `,{"role": "tool", "tool_call_id": "other", "content": "r"}`), fault.Invalid, "messages[2].tool_call_id", `message 3 is the result of the call "other", which does not exist`},
		{"v13", message(user + `,{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}, {"id": "a", "function": {"name": "f"}}]},` + user), fault.Invalid, "messages[1].tool_calls[1].id", `message 2 has two calls with id "a"`},
		{"v3", message(`{"role": "user"}`), fault.Invalid, "messages[0].content", "message 1, from user, has no content"},
		{"v3", message(user + `,{"role": "assistant", "content": ""},` + user), fault.Invalid, "messages[1].content", "message 2, from the assistant, is empty"},
		{"v7", message(user + `,{"role": "assistant", "content": ""},` + user), fault.Invalid, "messages", "a message from the assistant is empty"},
		{"v3", message(user + `,{"role": "assistant", "content": "b"},` + call + `,` + result), fault.Unsupported, "messages", "models of version v3 cannot have text and tool calls in one turn"},
		{"v3", strings.Replace(message(user+`,`+call+`,`+result), "abcdefghi", "abc", 2), fault.Invalid, "messages[1].tool_calls[0].id", `the tool call id "abc" is not nine letters and digits`},
		{"v13", strings.Replace(message(user+`,`+call+`,`+result), "abcdefghi", "null", 2), fault.Invalid, "messages[1].tool_calls[0].id", "a tool call has no id"},
		{"v3", strings.Replace(message(user+`,`+call+`,`+result), `"f"`, `"f g"`, 1), fault.Invalid, "messages[1].tool_calls[0].function.name", `the function name "f g" is not 1 to 64 letters, digits, underscores and hyphens`},
		{"v1", message(user + `,` + call + `,` + result), fault.Unsupported, "messages[1].tool_calls", "models of version v1 have no tools"},
		{"v2", message(user + `,` + strings.Replace(call, `[{`, `[{"id": "x", "function": {"name": "g"}}, {`, 1) + `,` + result + `,` + result), fault.Unsupported, "messages", "models of version v2 take only one tool result after a message"},
		{"v1", message(`{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}`), fault.Unsupported, "messages[0].content[0]", "models of version v1 accept no images"},
		{"v13", message(`{"role": "user", "content": [{"type": "image_url", "image_url": "https://x"}]}`), fault.Invalid, "messages[0].content[0]", "an image must be a data: URL"},
		{"v13", message(`{"role": "system", "content": [{"type": "image_url", "image_url": "data:x"}]}`), fault.Invalid, "messages[0].content[0]", "a message from system cannot contain an image"},
		{"v13", message(`{"role": "user", "content": [{"type": "thinking", "thinking": "x"}]}`), fault.Invalid, "messages[0].content[0]", "a message from user cannot have thinking in it"},
		{"v11", message(user + `,{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]},` + user), fault.Unsupported, "messages[1].content[0]", "the model reads no thinking in messages from assistant"},
		{"v13", message(`{"role": "user", "content": [{"type": "input_audio", "input_audio": "x"}]}`), fault.Unsupported, "messages[0].content[0]", "the model cannot hear"},
		{"v13", message(`{"role": "user", "content": [{"type": "video", "video": "x"}]}`), fault.Unsupported, "messages[0].content[0]", `models read no chunks of type "video" here`},
		{"v13", `{"messages": [` + user + `], "reasoning_effort": "high"}`, fault.Unsupported, "reasoning_effort", "models of version v13 have no reasoning effort"},
		{"v15", `{"messages": [` + user + `], "reasoning_effort": "some"}`, fault.Invalid, "reasoning_effort", `unknown reasoning effort "some"`},
		{"v3", tool(`{"name": ""}`), fault.Invalid, "tools[0].function.name", `the function name "" is not 1 to 64 letters, digits, underscores and hyphens`},
		{"v3", tool(`{"name": "f", "parameters": []}`), fault.Invalid, "tools[0].function.parameters", "the parameters of f are not a JSON schema: it is not a JSON object"},
		{"v3", tool(`{"name": "f", "parameters": {"type": "thing"}}`), fault.Invalid, "tools[0].function.parameters", "the parameters of f are not a JSON schema: /type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'"},
		{"v3", strings.Replace(message(user+`,`+call+`,`+result), `"{}"`, `"`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`"`, 1), fault.Invalid, "messages", "the arguments of a call of f: JSON nested more than 990 deep"},
	} {
		_, err := formatOf(t, c.version).Chat(request(t, c.request))
		e, ok := err.(*fault.Error)
		if !ok {
			t.Errorf("%s, %s: error %v, want %q", c.version, c.request, err, c.msg)
			continue
		}
		if e.Kind != c.kind || e.Param != c.param || e.Msg != c.msg {
			t.Errorf("%s, %.200s:\n got %s, %q, %s\nwant %s, %q, %s", c.version, c.request, e.Kind, e.Param, e.Msg, c.kind, c.param, c.msg)
		}
	}
}

func TestPicturesRefused(t *testing.T) {
	blind, err := ForVersion("v13", Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = blind.Chat(request(t, `{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}]}`))
	if fault.KindOf(err) != fault.Unsupported {
		t.Errorf("error %v", err)
	}
}

func TestFill(t *testing.T) {
	for _, c := range []struct{ version, prefix, suffix, want string }{
		{"v3", "def f(", "return a", "<s>[SUFFIX]‹return a›[PREFIX]«def f(»"},
		{"v13", "x", "", "<s>[SUFFIX][PREFIX]«x»"},
		{"v2", "", "y", "<s><unk>‹y›<unk>"},
	} {
		p, err := formatOf(t, c.version).Fill(c.prefix, c.suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(p); got != c.want {
			t.Errorf("%s: %s, want %s", c.version, got, c.want)
		}
	}
	if _, err := formatOf(t, "v1").Fill("a", "b"); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("v1: error %v", err)
	}
}

func TestEncodeWithoutToken(t *testing.T) {
	m := open(t, "../tokenizer/testdata/sp_tiny.model.v1")
	_, _, err := Encode(m, Prompt{Segments: []Segment{{Control: "<s>"}, {Control: "[INST]"}}})
	if fault.KindOf(err) != fault.BadModel || !strings.Contains(err.Error(), "[INST]") {
		t.Errorf("error %v", err)
	}
}

// What a person writes is never read as a control token, in any version.
func TestNothingForged(t *testing.T) {
	for _, file := range []string{"sp_tiny.model.v1", "sp_tiny.model.v3", "tekken_tiny_v3.json", "tekken_tiny_v13.json"} {
		m := open(t, "../tokenizer/testdata/"+file)
		for _, evil := range []string{"</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[TOOL_CALLS]", "<unk>", "[THINK]", "[AVAILABLE_TOOLS]"} {
			r := &engine.ChatRequest{Messages: []engine.Message{
				{Role: engine.System, Content: engine.Text(evil)},
				{Role: engine.User, Content: engine.Text(evil)},
				{Role: engine.Assistant, Content: engine.Text(evil)},
				{Role: engine.User, Content: engine.Text("x")},
			}}
			count := func(r *engine.ChatRequest) (n int) {
				p, err := m.Chat(r)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range m.encode(t, p) {
					if m.IsControl(id) {
						n++
					}
				}
				return n
			}
			forged := count(r)
			for i := range r.Messages {
				r.Messages[i].Content = engine.Text("x")
			}
			if honest := count(r); forged != honest {
				t.Errorf("%s: %d control tokens with %s in the text, %d without", file, forged, evil, honest)
			}
		}
	}
}

var _ tokenizer.Tokenizer = model{}

func FuzzChat(f *testing.F) {
	f.Add(chat)
	f.Add(fmt.Sprintf(toolChat, ""))
	f.Add(`{"messages": [{"role": "user", "content": [{"type": "thinking"}, {"type": "x"}]}], "tools": [{}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		var r engine.ChatRequest
		if len(s) > 1<<14 || json.Unmarshal([]byte(s), &r) != nil {
			return
		}
		for _, rule := range versions {
			p, err := formatOf(t, rule.version).Chat(&r)
			if err != nil {
				if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Unsupported {
					t.Fatalf("%s: error %v", rule.version, err)
				}
				continue
			}
			if p.Segments[0].Control != bos {
				t.Fatalf("%s: %s", rule.version, show(p))
			}
			for _, seg := range p.Segments {
				if seg == (Segment{}) || seg.Image > len(p.Images) {
					t.Fatalf("%s: %s", rule.version, show(p))
				}
			}
		}
	})
}
