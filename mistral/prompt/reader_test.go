package prompt

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// controls are the control tokens in what a model writes, in these tests: what lies
// between ⟨ and ⟩.
var controls = regexp.MustCompile(`⟨[^⟩]*⟩`)

// read gives an answer to a reader, text in pieces that end where cut says, and
// writes down what comes of it, cut by a limit where it ends with ✂: text as it is, thinking in {}, calls as
// name(arguments)#id, with <new> for an id that the reader made.
func read(r Reader, written string, cut func(left int) int) (string, bool) {
	var b strings.Builder
	thinking := false
	note := func(events []engine.Event) {
		for _, e := range events {
			_, thinks := e.(engine.ThinkingDelta)
			if thinks != thinking {
				b.WriteByte(map[bool]byte{true: '{', false: '}'}[thinks])
				thinking = thinks
			}
			switch e := e.(type) {
			case engine.TextDelta:
				b.WriteString(e.Text)
			case engine.ThinkingDelta:
				b.WriteString(e.Text)
			case engine.ToolCallDelta:
				id := e.Call.ID
				if !strings.HasPrefix(id, "given") {
					id = "<new>"
				}
				fmt.Fprintf(&b, "%d:%s(%s)#%s;", e.Call.Index, e.Call.Function.Name, e.Call.Function.Arguments, id)
			}
		}
	}
	text := func(s string) {
		for s != "" {
			runes := []rune(s)
			n := len(string(runes[:cut(len(runes))]))
			note(r.Text(s[:n]))
			s = s[n:]
		}
	}
	at := 0
	for _, c := range controls.FindAllStringIndex(written, -1) {
		text(written[at:c[0]])
		note(r.Control(written[c[0]+len("⟨") : c[1]-len("⟩")]))
		at = c[1]
	}
	text(strings.TrimSuffix(written[at:], "✂"))
	events, called := r.End(strings.HasSuffix(written, "✂"))
	note(events)
	if thinking {
		b.WriteByte('}')
	}
	return b.String(), called
}

var ask = &engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("x")}}}

func continuing(c ...engine.Chunk) *engine.ChatRequest {
	return &engine.ChatRequest{Messages: []engine.Message{ask.Messages[0], {Role: engine.Assistant, Content: c, Prefix: true}}}
}

var readings = []struct {
	name, version string
	request       *engine.ChatRequest
	written, want string
	called        bool
}{
	{"text", "v3-tekken", ask, "Hello, world", "Hello, world", false},
	{"nothing", "v3-tekken", ask, "", "", false},
	{"SentencePiece's space", "v3", ask, " Hello, world", "Hello, world", false},
	{"two spaces", "v3", ask, "  Hello", " Hello", false},
	{"Tekken has no such space", "v3-tekken", ask, " Hello", " Hello", false},
	{"a continued text keeps its space", "v3", continuing(engine.Text("Hello")...), " world", " world", false},
	{"which was cut", "v3-tekken", continuing(engine.Text("Hello ")...), " world", "world", false},
	{"unknown control tokens", "v7", ask, "a⟨[IMG]⟩b⟨[ARGS]⟩c", "abc", false},

	{"thinking", "v13", ask, "⟨[THINK]⟩two and two⟨[/THINK]⟩4", "{two and two}4", false},
	{"thinking twice", "v13", ask, "⟨[THINK]⟩a⟨[/THINK]⟩b⟨[THINK]⟩c⟨[/THINK]⟩d", "{a}b{c}d", false},
	{"thinking without end", "v13", ask, "⟨[THINK]⟩two", "{two}", false},
	{"continued thinking", "v13", continuing(engine.Chunk{Type: engine.ThinkingChunk, Text: "a", Open: true}), "b⟨[/THINK]⟩c", "{b}c", false},
	{"after continued thinking that is closed", "v13", continuing(engine.Chunk{Type: engine.ThinkingChunk, Text: "a"}), "c", "c", false},
	{"tags", "v7-tekken", ask, "<think>\ntwo and two\n</think>\n\n4", "{two and two}4", false},
	{"tags after blanks", "v7", ask, " \n<think>a</think> b", "{a}b", false},
	{"tags without end", "v7-tekken", ask, "<think>\na </thin", "{a </thin}", false},
	{"tags with nothing in them", "v7-tekken", ask, "<think>\n\n</think>\n\nyes", "yes", false},
	{"tags inside text", "v7-tekken", ask, "the tag <think>x</think>", "the tag <think>x</think>", false},
	{"almost tags", "v7-tekken", ask, "<thin air", "<thin air", false},
	{"the beginning of a tag", "v7-tekken", ask, "\n<thi", "\n<thi", false},
	{"continued tags", "v7-tekken", continuing(engine.Text("<think>a")...), "b</think>c", "{b}c", false},
	{"blanks inside", "v7-tekken", ask, "<think>a  \n  b</think>c", "{a  \n  b}c", false},

	{"one call, listed", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "arguments": {"a": 1}, "id": "given0001"}]`, `0:f({"a": 1})#given0001;`, true},
	{"two calls, listed", "v7-tekken", ask, `⟨[TOOL_CALLS]⟩[{"name": "f", "arguments": {}}, {"name": "g", "arguments": "{\"b\": 2}"}]`, `0:f({})#<new>;1:g({"b": 2})#<new>;`, true},
	{"text, then calls", "v7", ask, ` Let me.⟨[TOOL_CALLS]⟩ [{"name": "f"}]`, `Let me.0:f({})#<new>;`, true},
	{"blanks, then calls", "v3", ask, ` ⟨[TOOL_CALLS]⟩ {"name": "f", "arguments": null}`, `0:f({})#<new>;`, true},
	{"text after a list", "v3", ask, `⟨[TOOL_CALLS]⟩[{"name": "f"}] Done.`, `0:f({})#<new>;Done.`, true},
	{"calls with ids", "v11", ask, `⟨[TOOL_CALLS]⟩f⟨[CALL_ID]⟩given0001⟨[ARGS]⟩{"a": 1}⟨[TOOL_CALLS]⟩g⟨[CALL_ID]⟩no⟨[ARGS]⟩{}`, `0:f({"a": 1})#given0001;1:g({})#<new>;`, true},
	{"calls without ids", "v13", ask, `ok⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{"a": "[}"}⟨[TOOL_CALLS]⟩g⟨[ARGS]⟩`, `ok0:f({"a": "[}"})#<new>;1:g({})#<new>;`, true},
	{"thinking, then a call", "v13", ask, `⟨[THINK]⟩hm⟨[/THINK]⟩⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{}⟨</s>⟩`, `{hm}0:f({})#<new>;`, true},
	{"a call without [ARGS]", "v13", ask, `⟨[TOOL_CALLS]⟩f{"a": 1}`, `0:f({"a": 1})#<new>;`, true},

	{"list cut short", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "argu`, `[TOOL_CALLS] [{"name": "f", "argu`, false},
	{"empty list", "v3", ask, `⟨[TOOL_CALLS]⟩[]`, `[TOOL_CALLS][]`, false},
	{"list without a name", "v3", ask, `⟨[TOOL_CALLS]⟩[{"arguments": {}}]`, `[TOOL_CALLS][{"arguments": {}}]`, false},
	{"arguments cut short", "v13", ask, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{"a": `, `[TOOL_CALLS]f[ARGS]{"a": `, false},
	{"arguments that are a list", "v11", ask, `⟨[TOOL_CALLS]⟩f⟨[CALL_ID]⟩given0001⟨[ARGS]⟩[1]`, `[TOOL_CALLS]f[CALL_ID]given0001[ARGS][1]`, false},
	{"a name that is none", "v13", ask, `⟨[TOOL_CALLS]⟩not a name⟨[ARGS]⟩{}`, `[TOOL_CALLS]not a name[ARGS]{}`, false},
	{"one of two broken", "v13", ask, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{}⟨[TOOL_CALLS]⟩g⟨[ARGS]⟩{`, `0:f({})#<new>;[TOOL_CALLS]g[ARGS]{`, true},
	{"only the token", "v13", ask, `⟨[TOOL_CALLS]⟩`, `[TOOL_CALLS]`, false},

	{"cut in a list's name", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f✂`, ``, false},
	{"cut before a list's arguments", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "argu✂`, `0:f()#<new>;`, true},
	{"cut in a list's arguments", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "arguments": {"a": "b✂`, `0:f({"a": "b)#<new>;`, true},
	{"cut in arguments that are a string", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "arguments": "{\"a\✂`, `0:f({"a)#<new>;`, true},
	{"cut after a list's arguments", "v3", ask, `⟨[TOOL_CALLS]⟩ [{"name": "f", "arguments": {"a": 1}✂`, `0:f({"a": 1})#<new>;`, true},
	{"cut in a list's second call", "v7", ask, `⟨[TOOL_CALLS]⟩[{"name": "f", "arguments": {"a": {}}, "id": "given0001"}, {"name": "g", "arguments": {"b✂`, `0:f({"a": {}})#<new>;1:g({"b)#<new>;`, true},
	{"cut before the arguments", "v13", ask, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩✂`, `0:f()#<new>;`, true},
	{"cut in the arguments", "v13", ask, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{"a": [✂`, `0:f({"a": [)#<new>;`, true},
	{"cut in the arguments after an id", "v11", ask, `⟨[TOOL_CALLS]⟩f⟨[CALL_ID]⟩given0001⟨[ARGS]⟩{"a✂`, `0:f({"a)#given0001;`, true},
	{"cut in a call without [ARGS]", "v13", ask, `⟨[TOOL_CALLS]⟩f{"a✂`, `0:f({"a)#<new>;`, true},
	{"cut in the name", "v13", ask, `⟨[TOOL_CALLS]⟩get_wea✂`, ``, false},
	{"cut after the id", "v11", ask, `⟨[TOOL_CALLS]⟩f⟨[CALL_ID]⟩given0001✂`, `0:f()#given0001;`, true},
	{"cut after the token", "v13", ask, `⟨[TOOL_CALLS]⟩✂`, ``, false},
	{"cut in the second call", "v13", ask, `⟨[TOOL_CALLS]⟩f⟨[ARGS]⟩{}⟨[TOOL_CALLS]⟩g⟨[ARGS]⟩{✂`, `0:f({})#<new>;1:g({)#<new>;`, true},
}

func TestReader(t *testing.T) {
	for _, c := range readings {
		t.Run(c.name, func(t *testing.T) {
			f := formatOf(t, c.version)
			random := rand.New(rand.NewPCG(1, 2))
			for way, cut := range map[string]func(int) int{
				"whole":   func(left int) int { return left },
				"runes":   func(int) int { return 1 },
				"a few":   func(left int) int { return min(left, 3) },
				"by luck": func(left int) int { return 1 + random.IntN(left) },
			} {
				got, called := read(f.Reader(c.request), c.written, cut)
				if got != c.want || called != c.called {
					t.Errorf("%s: %q, called %v; want %q, %v", way, got, called, c.want, c.called)
				}
			}
		})
	}
}

func TestReaderMakesIDs(t *testing.T) {
	r := formatOf(t, "v13").Reader(ask)
	var ids []string
	for range 2 {
		r.Control(beginCall)
		r.Text("f")
		for _, e := range append(r.Control(arguments), r.Control(eos)...) {
			ids = append(ids, e.(engine.ToolCallDelta).Call.ID)
		}
	}
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Fatalf("ids %q", ids)
	}
	for _, id := range ids {
		if err := (&format{rules: rules{nineIDs: true}}).checkID("", id); err != nil {
			t.Error(err)
		}
	}
}

func formatOf(t testing.TB, version string) Format {
	t.Helper()
	f, err := ForVersion(version, Options{Images: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// How an answer is cut into pieces changes nothing, and no text is lost.
func FuzzReader(f *testing.F) {
	for _, c := range readings {
		f.Add(c.written, uint8(1))
	}
	f.Fuzz(func(t *testing.T, written string, every uint8) {
		if len(written) > 1<<12 {
			return
		}
		written = strings.ToValidUTF8(written, "?")
		for _, version := range []string{"v3", "v13"} {
			form := formatOf(t, version)
			whole, called := read(form.Reader(ask), written, func(left int) int { return left })
			cut, cutCalled := read(form.Reader(ask), written, func(left int) int { return min(left, 1+int(every)) })
			if whole != cut || called != cutCalled {
				t.Fatalf("%s: %q whole reads %q, in pieces %q", version, written, whole, cut)
			}
			if !strings.Contains(written, "⟨") && !strings.Contains(written, "think>") {
				if want := strings.TrimPrefix(written, " "); whole != want && whole != written && strings.Trim(written, blanks) != "" {
					t.Fatalf("%s: %q reads %q", version, written, whole)
				}
			}
		}
	})
}
