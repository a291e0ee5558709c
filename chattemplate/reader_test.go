package template

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/prompt"
)

// told writes events down: text, thoughts in (), calls in {}. Deltas of one kind
// are joined.
func told(events []engine.Event) string {
	var b strings.Builder
	last := ""
	turn := func(kind, open, shut string) {
		if kind != last {
			b.WriteString(map[string]string{"thought": ")"}[last])
			b.WriteString(open)
		}
		last = kind
	}
	for _, e := range events {
		switch e := e.(type) {
		case engine.TextDelta:
			turn("text", "", "")
			b.WriteString(e.Text)
		case engine.ThinkingDelta:
			turn("thought", "(", ")")
			b.WriteString(e.Text)
		case engine.ToolCallDelta:
			turn(fmt.Sprint("call", e.Call.Index), "", "")
			fmt.Fprintf(&b, "{%d %s %s}", e.Call.Index, e.Call.Function.Name, e.Call.Function.Arguments)
		}
	}
	turn("end", "", "")
	return b.String()
}

// read gives a reader an answer in which control tokens stand in ⟨⟩, in pieces
// of n bytes that do not cut runes. A limit cuts one that ends with ✂.
func read(r prompt.Reader, answer string, n int) ([]engine.Event, bool) {
	var events []engine.Event
	text := func(s string) {
		piece := ""
		for _, c := range s {
			if piece += string(c); len(piece) >= n {
				events = append(events, r.Text(piece)...)
				piece = ""
			}
		}
		if piece != "" {
			events = append(events, r.Text(piece)...)
		}
	}
	answer, cut := strings.CutSuffix(answer, "✂")
	for answer != "" {
		before, rest, ok := strings.Cut(answer, "⟨")
		text(before)
		if !ok {
			break
		}
		token, after, _ := strings.Cut(rest, "⟩")
		events = append(events, r.Control(token)...)
		answer = after
	}
	more, called := r.End(cut)
	return append(events, more...), called
}

var nineLetters = regexp.MustCompile(`^[A-Za-z0-9]{9}$`)

func TestReader(t *testing.T) {
	plain := &engine.ChatRequest{}
	tools := &engine.ChatRequest{Tools: []engine.Tool{weather}}
	none := &engine.ChatRequest{Tools: []engine.Tool{weather}, ToolChoice: engine.ToolChoice{Mode: "none"}}
	tests := []struct {
		name   string
		s      Source
		req    *engine.ChatRequest
		answer string
		want   string
		called bool
	}{
		{"text", chatML, plain, "Hello, world", "Hello, world", false},
		{"text with brackets", chatML, tools, "a < b <tool and [TOOL_ {x}", "a < b <tool and [TOOL_ {x}", false},
		{"nothing", chatML, tools, "", "", false},
		{"white space", chatML, tools, " \n", " \n", false},
		{"leading white space", chatML, tools, "\n hi", "\n hi", false},
		{"thought", chatML, plain, "<think>\nhm\n</think>\n\nHello", "(hm)Hello", false},
		{"thought in tokens", chatML, plain, "⟨<think>⟩\nhm\n⟨</think>⟩\n\nHello", "(hm)Hello", false},
		{"empty thought", chatML, plain, "<think>\n\n</think>\n\nHello", "Hello", false},
		{"thought without end", chatML, plain, "<think>hm\n\nwell </thi", "(hm\n\nwell </thi)", false},
		{"thought with lines", chatML, plain, "<think>a\n\nb \n</think>c", "(a\n\nb)c", false},
		{"tag within text", chatML, plain, "use <think> here", "use <think> here", false},
		{"thought that the prompt began", thinker, plain, "hm\n</think>\n\nHello", "(hm)Hello", false},
		{"other control tokens", chatML, plain, "a⟨<|endoftext|>⟩b⟨</think>⟩c", "abc", false},
		{"Hermes", chatML, tools, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>", `{0 get_weather {"city": "Paris"}}`, true},
		{"Hermes in tokens", chatML, tools, "⟨<tool_call>⟩\n{\"name\": \"f\", \"arguments\": {}}\n⟨</tool_call>⟩\n", `{0 f {}}`, true},
		{
			"Hermes twice, with text", chatML, tools,
			"Let me see.\n<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"<b> & c\"}}</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call>",
			"Let me see.\n" + `{0 f {"a": "<b> & c"}}{1 g {}}`, true,
		},
		{"Hermes after a thought", chatML, tools, "<think>hm</think>\n\n<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>", `(hm){0 f {"a": 1}}`, true},
		{"Hermes cut off", chatML, tools, "<tool_call>{\"name\": \"f\", \"arguments\": {}}", `{0 f {}}`, true},
		{"text after a call", chatML, tools, "<tool_call>{\"name\": \"f\"}</tool_call>\n\nDone.", `{0 f {}}Done.`, true},
		{"Hermes with the opening tag at its end", chatML, tools, "\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n<tool_call>\n", `{0 f {}}`, true},
		{"Hermes with the opening token at its end", chatML, tools, "⟨<tool_call>⟩{\"name\": \"f\"}⟨<tool_call>⟩", `{0 f {}}`, true},
		{"Hermes twice without an end", chatML, tools, `<tool_call>{"name": "f"}<tool_call>{"name": "g"}</tool_call>a`, `{0 f {}}{1 g {}}a`, true},
		{"Hermes with a tag in its text", chatML, tools, `<tool_call>{"name": "f", "arguments": {"a": "<tool_call>"}}</tool_call>`, `{0 f {"a": "<tool_call>"}}`, true},
		{"a call in a code block", chatML, tools, "```json\n{\n  \"name\": \"get_weather\",\n  \"arguments\": {\"city\": \"Aix\"}\n}\n```", `{0 get_weather {"city": "Aix"}}`, true},
		{"calls in code blocks, and text", chatML, tools, "```json\n{\"name\": \"get_weather\"}\n```\n\n```json {\"name\": \"get_weather\"}\n```\nWell.", `{0 get_weather {}}{1 get_weather {}}Well.`, true},
		{"a code block without an end", chatML, tools, "```json\n{\"name\": \"get_weather\"}", `{0 get_weather {}}`, true},
		{"a code block of something else", chatML, tools, "```json\n{\"name\": \"Ann\"}\n```\n", "```json\n{\"name\": \"Ann\"}\n```\n", false},
		{"a code block of a list", chatML, tools, " ```json\n[1]\n```", " ```json\n[1]\n```", false},
		{"a code block in another language", chatML, tools, "```js\n{}\n```", "```js\n{}\n```", false},
		{"the beginning of a code block", chatML, tools, "```js", "```js", false},
		{"a code block without tools", chatML, plain, "```json\n{\"name\": \"get_weather\"}\n```", "```json\n{\"name\": \"get_weather\"}\n```", false},
		{"Hermes that is no JSON", chatML, tools, "a<tool_call>{oh</tool_call>b", "a<tool_call>{oh</tool_call>b", false},
		{"Hermes that is half a call", chatML, tools, `<tool_call>{"name": "f", "arg`, `<tool_call>{"name": "f", "arg`, false},
		{"Hermes cut by a limit", chatML, tools, `<tool_call>{"name": "f", "arguments": {"a": "b✂`, `{0 f {"a": "b}`, true},
		{"Hermes cut in a name", chatML, tools, `<tool_call>{"name": "f✂`, ``, false},
		{"wrapped function cut", chatML, tools, `<tool_call>{"type": "function", "function": {"name": "f", "arguments": {"a✂`, `{0 f {"a}`, true},
		{"Llama cut", headers, tools, `{"name": "get_weather", "parameters": {"city✂`, `{0 get_weather {"city}`, true},
		{"Llama's JSON cut", headers, tools, `{"name": "other", "parameters": {"city✂`, `{"name": "other", "parameters": {"city`, false},
		{"Mistral cut", turns, tools, `[TOOL_CALLS] [{"name": "f", "arguments": {"a": [1]}}, {"name": "g", "arguments": {"b✂`, `{0 f {"a": [1]}}{1 g {"b}`, true},
		{"Mistral cut in arguments", turns, tools, `[TOOL_CALLS]f[ARGS]{"a": ✂`, `{0 f {"a": }`, true},
		{"Mistral cut in a name", turns, tools, `[TOOL_CALLS]get_✂`, ``, false},
		{"Hermes with arguments that are none", chatML, tools, `<tool_call>{"name": "f", "arguments": [1]}</tool_call>`, `<tool_call>{"name": "f", "arguments": [1]}</tool_call>`, false},
		{"Hermes without tools", chatML, plain, `<tool_call>{"name": "f"}</tool_call>`, `<tool_call>{"name": "f"}</tool_call>`, false},
		{"Hermes with tools forbidden", chatML, none, `<tool_call>{"name": "f"}</tool_call>`, `<tool_call>{"name": "f"}</tool_call>`, false},
		{"wrapped function", chatML, tools, `<tool_call>{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}</tool_call>`, `{0 f {"a": 1}}`, true},
		{"Llama", headers, tools, `{"name": "get_weather", "parameters": {"city": "Pa}ris"}}`, `{0 get_weather {"city": "Pa}ris"}}`, true},
		{"Llama twice", headers, tools, `{"name": "get_weather", "parameters": {}}; {"name": "get_weather", "parameters": {"a": "\"{"}}`, `{0 get_weather {}}{1 get_weather {"a": "\"{"}}`, true},
		{"Llama with its tag", headers, tools, `⟨<|python_tag|>⟩{"name": "get_weather", "parameters": {}}`, `{0 get_weather {}}`, true},
		{"Llama of an unknown tool", headers, tools, ` {"name": "other", "parameters": {}} x`, ` {"name": "other", "parameters": {}} x`, false},
		{"JSON that is an answer", headers, tools, `{"city": "Paris", "name": 1}`, `{"city": "Paris", "name": 1}`, false},
		{"JSON that looks like a call", headers, tools, `{"name": "get_weather"`, `{"name": "get_weather"`, false},
		{"JSON within text", headers, tools, `See {"name": "get_weather", "parameters": {}}`, `See {"name": "get_weather", "parameters": {}}`, false},
		{"Llama without tools", headers, plain, `{"name": "get_weather", "parameters": {}}`, `{"name": "get_weather", "parameters": {}}`, false},
		{"Mistral", turns, tools, `[TOOL_CALLS] [{"name": "f", "arguments": {"a": [1]}}, {"name": "g", "arguments": {}}]`, `{0 f {"a": [1]}}{1 g {}}`, true},
		{"Mistral in a token", turns, tools, `ok⟨[TOOL_CALLS]⟩[{"name": "f", "arguments": {}, "id": "123456789"}]`, `ok{0 f {}}`, true},
		{"Mistral with names", turns, tools, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{"a": 1}⟨[TOOL_CALLS]⟩g⟨[CALL_ID]⟩123456789⟨[ARGS]⟩{}`, `{0 f {"a": 1}}{1 g {}}`, true},
		{"Mistral with names in text", turns, tools, `[TOOL_CALLS]f[ARGS]{"a": 1}`, `{0 f {"a": 1}}`, true},
		{"Mistral cut off", turns, tools, `[TOOL_CALLS] [{"name": "f", "argu`, `[TOOL_CALLS] [{"name": "f", "argu`, false},
		{"Mistral that is none", turns, tools, `[TOOL_CALLS] [1]`, `[TOOL_CALLS] [1]`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := load(t, tt.s)
			for _, n := range []int{1, 2, 3, 7, 1000} {
				events, called := read(f.Reader(tt.req), tt.answer, n)
				if got := told(events); got != tt.want || called != tt.called {
					t.Errorf("in pieces of %d\n got  %q, called %v\n want %q, called %v", n, got, called, tt.want, tt.called)
				}
				for _, e := range events {
					if c, ok := e.(engine.ToolCallDelta); ok && (!nineLetters.MatchString(c.Call.ID) || c.Call.Type != "function") {
						t.Errorf("a call %+v", c.Call)
					}
				}
			}
		})
	}
}

// Text is not held back for longer than it may begin a tag.
func TestReaderDoesNotWait(t *testing.T) {
	r := load(t, chatML).Reader(&engine.ChatRequest{Tools: []engine.Tool{weather}})
	for i, step := range []struct{ text, want string }{
		{"Hel", "Hel"},
		{"lo <", "lo "},
		{"b> <to", "<b> "},
		{"ol x", "<tool x"},
		{"\n\n", "\n\n"},
		{"{\"name", "{\"name"},
	} {
		if got := told(r.Text(step.text)); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
	r = load(t, headers).Reader(&engine.ChatRequest{Tools: []engine.Tool{weather}})
	if got := told(r.Text(`{"ci`)); got != `{"ci` {
		t.Errorf("JSON that is no call: got %q", got)
	}
	// The prefix says that the thought is over.
	r = load(t, thinker).Reader(&engine.ChatRequest{Messages: []engine.Message{say("user", "x"), prefix("y")}})
	if got := told(r.Text("z")); got != "z" {
		t.Errorf("after a prefix: got %q", got)
	}
}

// Nothing is lost but white space and tags that were understood, however the
// answer is cut into pieces.
func FuzzReader(f *testing.F) {
	f.Add("<think>hm</think>\n<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call> x", 3, true)
	f.Add("[TOOL_CALLS] [{\"name\": \"f\"}] y", 1, true)
	f.Add("{\"name\": \"get_weather\", \"parameters\": {}}; {", 2, true)
	f.Add("⟨<tool_call>⟩{⟨</tool_call>⟩⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{}", 5, true)
	f.Add(" < <t <think </think> ", 1, false)
	format := load(f, chatML)
	f.Fuzz(func(t *testing.T, answer string, n int, tools bool) {
		if len(answer) > 2000 {
			return
		}
		answer = strings.ToValidUTF8(answer, "?")
		req := &engine.ChatRequest{}
		if tools {
			req.Tools = []engine.Tool{weather}
		}
		whole, called := read(format.Reader(req), answer, len(answer)+1)
		pieces, calledToo := read(format.Reader(req), answer, max(1, n%16))
		if a, b := told(whole), told(pieces); a != b || called != calledToo {
			t.Errorf("whole it is %q, in pieces %q", a, b)
		}
		if tools || strings.Contains(answer, "⟨") {
			return
		}
		got := ""
		for _, e := range whole {
			switch e := e.(type) {
			case engine.TextDelta:
				got += e.Text
			case engine.ThinkingDelta:
				got += e.Text
			}
		}
		want, rest := "", answer
		for {
			thought, ok := strings.CutPrefix(strings.TrimLeft(rest, space), thinkTag)
			if !ok {
				break
			}
			thought, rest, _ = strings.Cut(thought, thinkEnd)
			want += thought
		}
		want += rest
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if bare(got) != bare(want) {
			t.Errorf("%q became %q", answer, got)
		}
	})
}
