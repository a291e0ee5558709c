package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

func TestAskMakesTheRequest(t *testing.T) {
	s := enginetest.Says("Hi", " there")
	got := runBise(t, s, "", "ask", "--system", "Be brief.", "--temperature", "0.5", "--top-p", "0.9", "--top-k", "40",
		"--min-p", "0.05", "--seed", "7", "--max-tokens", "12", "--stop", "END", "--no-thinking", "what", "is", "it?")
	if got.code != 0 || got.stdout != "Hi there\n" || got.stderr != "" {
		t.Fatalf("got %+v", got)
	}
	r := asked(t, s)
	if len(r.Messages) != 2 || r.Messages[0].Content.Plain() != "Be brief." || r.Messages[1].Content.Plain() != "what is it?" {
		t.Errorf("messages %+v", r.Messages)
	}
	equal(t, "temperature", *r.Temperature, 0.5)
	equal(t, "top_p", *r.TopP, 0.9)
	equal(t, "top_k", *r.TopK, 40)
	equal(t, "min_p", *r.MinP, 0.05)
	equal(t, "seed", *r.Seed, 7)
	equal(t, "max_tokens", *r.MaxTokens, 12)
	equal(t, "stop", r.Stop[0], "END")
	equal(t, "reasoning effort", r.ReasoningEffort, "none")
}

// --effort is passed on, with a note if the model does not know it; config.toml has a default.
func TestAskEffort(t *testing.T) {
	info := engine.Info{PromptVersion: "v15", Can: engine.Capabilities{Chat: true, Thinking: true}, Efforts: []string{"none", "high"}}
	ask := func(args ...string) (ran, string) {
		s := enginetest.Says("ok")
		s.About = info
		got := runBise(t, s, "", append(append([]string{"ask"}, args...), "hi")...)
		if got.code != 0 {
			return got, ""
		}
		return got, asked(t, s).ReasoningEffort
	}
	got, effort := ask("--effort", "medium")
	if want := "The model knows the efforts none, high: it gets high."; effort != "medium" || !strings.Contains(got.stderr, want) {
		t.Errorf("effort %q, %+v", effort, got)
	}
	if got, effort := ask("--effort", "high"); effort != "high" || got.stderr != "" {
		t.Errorf("effort %q, %+v", effort, got)
	}
	if got, _ := ask("--effort", "some"); got.code != 2 || !strings.Contains(got.stderr, `invalid --effort "some": want none, minimal,`) {
		t.Errorf("got %+v", got)
	}
	if got, _ := ask("--effort", "high", "--no-thinking"); got.code != 2 {
		t.Errorf("got %+v", got)
	}
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	write(t, filepath.Join(dir, "bise", "config.toml"), "[sampling]\nreasoning_effort = \"max\"\n")
	if _, effort := ask(); effort != "max" {
		t.Errorf("effort %q, want that of config.toml", effort)
	}
	s := enginetest.Says("7")
	s.About = info
	if got := runBise(t, s, "", "solve", "3 + 4"); asked(t, s).ReasoningEffort != "max" || !strings.Contains(got.stderr, "it gets high.") {
		t.Errorf("solve: effort %q, %+v", asked(t, s).ReasoningEffort, got)
	}
	info.PromptVersion, info.Efforts = "v13", nil
	if _, effort := ask(); effort != "" {
		t.Errorf("effort %q for a model without the setting", effort)
	}
}

func TestAskTakesDefaultsFromConfig(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	write(t, filepath.Join(dir, "bise", "config.toml"), "modle = \"x\"\n[sampling]\ntemperature = 0.3\nseed = 9\n[interface.keys]\nnew = \"ctrl+r\"\n")
	s := enginetest.Says("ok")
	got := runBise(t, s, "", "ask", "--seed", "1", "hi")
	if got.code != 0 || !strings.Contains(got.stderr, `unknown key "modle" is ignored; did you mean "model"?`) ||
		!strings.Contains(got.stderr, `config.toml:6: interface.keys.new: "ctrl+r" is also the key of "conversations"`) {
		t.Errorf("got %+v", got)
	}
	r := asked(t, s)
	equal(t, "temperature", *r.Temperature, 0.3)
	equal(t, "seed", *r.Seed, 1)
	if r.MaxTokens != nil {
		t.Errorf("max_tokens is %d and nothing set it", *r.MaxTokens)
	}
	if quiet := runBise(t, enginetest.Says("ok"), "", "ask", "--quiet", "hi"); quiet.stderr != "" {
		t.Errorf("--quiet says %q", quiet.stderr)
	}
}

func TestAskAttaches(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.go")
	write(t, path, "package a\n")
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"piped alone", "why?\n", nil, "why?\n"},
		{"piped", "a diff\n", []string{"explain"}, "```\na diff\n```\n\nexplain"},
		{"nothing piped", "", []string{"hello"}, "hello"},
		{"blank piped", " \n", []string{"hello"}, "hello"},
		{"file", "", []string{"-f", path, "explain"}, path + ":\n```go\npackage a\n```\n\nexplain"},
		{"file and piped", "x", []string{"-f", path, "explain"}, path + ":\n```go\npackage a\n```\n\n```\nx\n```\n\nexplain"},
		{"dash", "x", []string{"-f", "-", "-f", path, "explain"}, "```\nx\n```\n\n" + path + ":\n```go\npackage a\n```\n\nexplain"},
		{"byte order mark", "\ufeffhi", nil, "hi"},
		{"UTF-16", "\xff\xfeh\x00i\x00", nil, "hi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := enginetest.Says("ok")
			if got := runBise(t, s, tt.stdin, append([]string{"ask"}, tt.args...)...); got.code != 0 {
				t.Fatalf("got %+v", got)
			}
			m := asked(t, s).Messages
			equal(t, "message", m[len(m)-1].Content.Plain(), tt.want)
		})
	}
}

func TestAskRefusesInput(t *testing.T) {
	dir := t.TempDir()
	text, binary, schema := filepath.Join(dir, "t.txt"), filepath.Join(dir, "b"), filepath.Join(dir, "s.json")
	write(t, text, "text")
	write(t, binary, "a\x00b")
	write(t, schema, "[1]")
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"nothing", "", nil, "no question given."},
		{"no file", "", []string{"-f", filepath.Join(dir, "no"), "x"}, "no such file or directory"},
		{"folder", "", []string{"-f", dir, "x"}, "it is a folder"},
		{"binary file", "", []string{"-f", binary, "x"}, "is not text: byte 2 is zero"},
		{"binary stdin", "\x00", []string{"x"}, "standard input is not text: byte 1 is zero"},
		{"UTF-16 with a zero", "\xff\xfe\x00\x00", []string{"x"}, "standard input is not text: byte 1 is zero"},
		{"noise", "\x80\x81\x82abc", []string{"x"}, "3 of its 6 bytes are not UTF-8"},
		{"too much", strings.Repeat("x", attach.MaxText+1), []string{"x"}, "the request has more than 60 MB"},
		{"no picture", "", []string{"-i", text, "x"}, "it is not an image but text"},
		{"no schema", "", []string{"--schema", schema, "x"}, "is not a JSON schema"},
		{"temperature", "", []string{"--temperature", "-1", "x"}, "invalid temperature -1: want 0 to 5"},
		{"kv type", "", []string{"--kv-type", "q3", "x"}, `invalid --kv-type "q3": want f32, f16, bf16, q8_0 or q4_0.`},
		{"log level", "", []string{"--log-level", "loud", "x"}, `invalid --log-level "loud": want debug, info, warn or error.`},
		{"not a number", "", []string{"--seed", "x", "x"}, `invalid --seed "x"`},
		{"no value", "", []string{"--seed"}, `--seed needs a value`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := enginetest.Says("ok")
			got := runBise(t, s, tt.stdin, append([]string{"ask"}, tt.args...)...)
			if got.code != fault.ExitUsage || got.stdout != "" || !strings.HasPrefix(got.stderr, "bise: ") || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("got %+v", got)
			}
			if len(s.Requests()) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func TestAskSaysHowItDecoded(t *testing.T) {
	s := enginetest.Says("ok")
	got := runBise(t, s, "caf\xe9 au lait", "ask")
	equal(t, "stderr", got.stderr, "standard input is not UTF-8: it was read as Windows-1252.\n")
	equal(t, "message", asked(t, s).Messages[0].Content.Plain(), "café au lait")
}

func TestAskShowsPictures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.png")
	file := pngFile(t, 8, 4)
	write(t, path, string(file))
	s := enginetest.Says("a cat")
	if got := runBise(t, s, "", "ask", "-i", path, "what is it?"); got.code != 0 {
		t.Fatalf("got %+v", got)
	}
	c := asked(t, s).Messages[0].Content
	if len(c) != 2 || c[0].Type != engine.ImageChunk || c[0].ImageURL != "data:image/png;base64,"+base64.StdEncoding.EncodeToString(file) {
		t.Errorf("content %+v", c)
	}
	blind := enginetest.Says("a cat")
	blind.About = engine.Info{Model: "mole", Can: engine.Capabilities{Chat: true}}
	got := runBise(t, blind, "", "ask", "-i", path, "what is it?")
	if got.code != fault.ExitModel || !strings.Contains(got.stderr, "bise: mole has no vision encoder.\n") {
		t.Errorf("got %+v", got)
	}
	if got := runBise(t, s, "", "ask", "-i", path); got.code != fault.ExitUsage || !strings.Contains(got.stderr, "no question given") {
		t.Errorf("got %+v", got)
	}
}

func TestAskWithSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "person.json")
	write(t, path, `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`)
	s := enginetest.Says(`{"name": "Ada"}`)
	got := runBise(t, s, "", "ask", "--schema", path, "who?")
	var person struct{ Name *string }
	if err := json.Unmarshal([]byte(got.stdout), &person); got.code != 0 || err != nil || person.Name == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	f := asked(t, s).ResponseFormat
	if f.Type != "json_schema" || f.JSONSchema.Name != "person" || !f.JSONSchema.Strict {
		t.Errorf("response format %+v", f)
	}
}

func TestAskWithStrictSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tags.json")
	for schema, want := range map[string]string{
		`{"type":"array","items":{"type":"string"}}`: "",
		`{"type":"array","items":{"type":"string","format":"email"},"uniqueItems":true}`: "bise: " + path + " is not enforced as a whole: " +
			"only a complete answer is checked for /uniqueItems; an annotation is /items/format.\nChange these keywords, or leave out --strict.\n",
		`{"type":"string","pattern":"(?=a)"}`: "bise: cannot enforce /pattern: lookahead (?= is not supported.\n",
	} {
		write(t, path, schema)
		got := runBise(t, enginetest.Says(`[]`), "", "ask", "--strict", "--schema", path, "which?")
		if code := map[bool]int{true: 0, false: fault.ExitUsage}[want == ""]; got.code != code || got.stderr != want {
			t.Errorf("%s: got %+v, want %q", schema, got, want)
		}
		if got := runBise(t, enginetest.Says(`[]`), "", "ask", "--schema", path, "which?"); got.code != 0 || got.stderr != "" {
			t.Errorf("%s, not strict: got %+v", schema, got)
		}
	}
}

func TestAskWritesEvents(t *testing.T) {
	s := &enginetest.Script{Replies: []enginetest.Reply{{
		enginetest.Emit{Event: engine.Loading{Fraction: 0.5}},
		enginetest.Emit{Event: engine.Progress{Done: 3, Total: 10, Cached: 2}},
		enginetest.Emit{Event: engine.LeftOut{Messages: 2, Tokens: 40, Context: 512}},
		enginetest.Thinking("hm"), enginetest.Text("a <b>"),
		enginetest.Call{ID: "abcdefghi", Name: "f", Arguments: `{"x":1}`},
	}}}
	got := runBise(t, s, "", "ask", "--json", "hi")
	if got.code != 0 {
		t.Fatalf("got %+v", got)
	}
	want := []string{
		`{"type":"loading","fraction":0.5}`,
		`{"type":"progress","done":3,"total":10,"cached":2,"queued":0}`,
		`{"type":"left_out","messages":2,"tokens":40,"context":512}`,
		`{"type":"thinking","choice":0,"text":"hm"}`,
		`{"type":"text","choice":0,"text":"a <b>"}`,
		`{"type":"tool_call","choice":0,"call":{"id":"abcdefghi","type":"function","index":0,"function":{"name":"f","arguments":"{\"x\":1}"}}}`,
		`{"type":"finish","choice":0,"reason":"tool_calls"}`,
		`{"type":"done","usage":{"prompt_tokens":`,
	}
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	for i, line := range lines {
		// The script adds reports of its own before the answer.
		if i < len(want) && !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %s, want %s", i, line, want[i])
		}
	}
	equal(t, "number of lines", len(lines), len(want))
	equal(t, "stderr", got.stderr, "2 earlier messages (40 tokens) left out: the context holds 512 tokens.\n")
}

func TestAskFails(t *testing.T) {
	failing := func(kind fault.Kind) *enginetest.Script {
		return &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Text("so far"),
			enginetest.Fail{Err: &fault.Error{Kind: kind, Msg: "it broke", Advice: "Mend it."}},
		}}}
	}
	for kind, code := range map[fault.Kind]int{
		fault.Invalid: fault.ExitUsage, fault.TooLong: fault.ExitModel, fault.NotFound: fault.ExitModel, fault.BadModel: fault.ExitModel,
		fault.NoMemory: fault.ExitModel, fault.Crashed: fault.ExitModel, fault.Network: fault.ExitNetwork, fault.Denied: fault.ExitNetwork,
	} {
		got := runBise(t, failing(kind), "", "ask", "hi")
		if want := (ran{code, "so far\n", "bise: it broke.\nMend it.\n"}); got != want {
			t.Errorf("%s: got %+v, want %+v", kind, got, want)
		}
	}
	got := runBise(t, failing(fault.Crashed), "", "ask", "--json", "hi")
	if !strings.HasSuffix(got.stdout, `{"type":"error","kind":"crashed","message":"it broke.","hint":"Mend it."}`+"\n") {
		t.Errorf("got %+v", got)
	}
}

func TestAskTellsWhyAnAnswerEnds(t *testing.T) {
	for _, tt := range []struct {
		reply enginetest.Reply
		args  []string
		want  string
	}{
		{enginetest.Reply{enginetest.Text("a"), enginetest.Text("b")}, []string{"--max-tokens", "1"}, "the answer is cut off after 1 token (--max-tokens).\n"},
		{enginetest.Reply{enginetest.Text("a"), enginetest.End(engine.FinishModelLength)}, nil, "the answer is cut off: the context is full.\n"},
		{enginetest.Reply{enginetest.Text("a"), enginetest.End(engine.FinishLength)}, nil, "the answer is cut off: the token limit is reached.\n"},
		{enginetest.Reply{enginetest.Text("a")}, nil, ""},
		{enginetest.Reply{}, nil, "the answer is empty.\n"},
		{enginetest.Reply{enginetest.Text("a"), enginetest.End(engine.FinishRefusal)}, nil, "the answer is a refusal.\n"},
		{enginetest.Reply{enginetest.End("content_filter")}, nil, "the answer is empty, cut off by the server: \"content_filter\".\n"},
	} {
		got := runBise(t, &enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, "", append([]string{"ask", "hi"}, tt.args...)...)
		stdout := "a\n"
		if strings.Contains(tt.want, "empty") {
			stdout = ""
		}
		if want := (ran{0, stdout, tt.want}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestAskForSeveralAnswers(t *testing.T) {
	s := &enginetest.Script{Answer: func(_ enginetest.Request, choice int) enginetest.Reply {
		return [][]enginetest.Step{
			{enginetest.Text("one"), enginetest.Text(" is"), enginetest.Text(" long")},
			{enginetest.Text("two")},
			{enginetest.Text("three"), enginetest.Text(" too")},
		}[choice]
	}}
	got := runBise(t, s, "", "ask", "--n", "3", "hi")
	equal(t, "stdout", got.stdout, "── 1 of 3 ──\none is long\n\n── 2 of 3 ──\ntwo\n\n── 3 of 3 ──\nthree too\n")
}

// A server that numbers its answers in another way, or gives too few, loses nothing.
func TestAskAnotherServerForAnswers(t *testing.T) {
	const second = `data: {"choices":[{"index":1,"delta":{"content":"two"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, second)
	}))
	defer s.Close()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	write(t, filepath.Join(dir, "bise", "config.toml"), "[endpoints.lab]\nurl = \""+s.URL+"\"\ndialect = \"openai\"\n")
	equal(t, "one answer", runWith(t, engines{}, "", "ask", "--no-history", "-m", "lab/m", "hi"), ran{0, "two\n", ""})
	equal(t, "two answers", runWith(t, engines{}, "", "ask", "--no-history", "-m", "lab/m", "--n", "2", "hi"), ran{
		fault.ExitModel, "── 2 of 2 ──\ntwo\n",
		"bise: the server gave 1 of 2 answers.\nAsk for one answer, or use a model on this machine.\n",
	})
}

func TestAskTellsStatistics(t *testing.T) {
	s := enginetest.Says("a", "b", "c")
	s.Replies[0] = append(s.Replies[0], enginetest.Took(engine.Timings{
		Load: 1200e6, Prefill: 2e9, FirstToken: 430e6, Decode: 1e9, Evaluated: 300, Generated: 32,
	}))
	got := runBise(t, s, "", "ask", "--stats", "hi")
	lines := strings.Split(got.stderr, "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], ", 3 completion tokens · prefill 150 tok/s · decode 31 tok/s") || !strings.HasPrefix(lines[1], "load 1.20 s · first token 0.43 s · total ") {
		t.Errorf("stderr is %q", got.stderr)
	}
}

func TestAskPrintsCalls(t *testing.T) {
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Call{Name: "get_weather", Arguments: `{"city":"Paris"}`}}}}
	equal(t, "stdout", runBise(t, s, "", "ask", "hi").stdout, "get_weather({\"city\":\"Paris\"})\n")
}

func TestAskSaysWhereTheModelComesFrom(t *testing.T) {
	t.Setenv("BISE_MODEL", "nonesuch")
	got := runWith(t, engines{}, "", "ask", "hi")
	if got.code != fault.ExitModel || !strings.HasPrefix(got.stderr, `bise: there is no model "nonesuch": no model is installed.`+"\nBISE_MODEL sets that name. Get one with bise pull") {
		t.Errorf("got %+v", got)
	}
}

func TestEndpoints(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	write(t, filepath.Join(dir, "bise", "config.toml"), `
[endpoints.lab]
url = "http://127.0.0.1:1"
[endpoints.env]
url = "http://127.0.0.1:1"
key_env = "BISE_TEST_KEY"
[endpoints.command]
url = "http://127.0.0.1:1"
key_command = ["false"]
`)
	for _, tt := range []struct {
		ref  string
		code int
		want string
	}{
		{"lab/mistral", fault.ExitNetwork, "127.0.0.1:1"},
		{"lab/", fault.ExitUsage, "lab/ names an endpoint but no model"},
		{"env/mistral", fault.ExitNetwork, "cannot use endpoint env: the variable BISE_TEST_KEY with its key is not set.\nSet it: export BISE_TEST_KEY=…"},
		{"command/mistral", fault.ExitNetwork, "cannot use endpoint command: its key_command false: exit status 1"},
		{"lob/mistral", fault.ExitModel, "there is no file lob/mistral.\nCheck the path, or give the name of an installed model. Endpoints: command, env, lab."},
	} {
		got := runWith(t, engines{}, "", "ask", "-m", tt.ref, "hi")
		if got.code != tt.code || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s: got %+v", tt.ref, got)
		}
	}
}

func TestLoadOptions(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	write(t, filepath.Join(dir, "bise", "config.toml"), "threads = 3\ncontext = 4096\nkv_type = \"q8_0\"\nflash_attn = true\n")
	var got engine.LoadOptions
	var ref string
	open := func(_ context.Context, r string, o engine.LoadOptions) (engine.Engine, error) {
		ref, got = r, o
		return enginetest.Says("ok"), nil
	}
	r := runWith(t, engines{open: open}, "", "ask", "-m", "codestral", "--threads", "2", "--gpu-layers", "0", "hi")
	if r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	equal(t, "ref", ref, "codestral")
	equal(t, "threads", got.Threads, 2)
	equal(t, "context", got.Context, 4096)
	equal(t, "KV type", got.KVType, "q8_0")
	equal(t, "GPU layers", *got.GPULayers, 0)
	equal(t, "flash attention", *got.FlashAttn, true)
}

func TestAdapters(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]engine.Adapter{
		"a.gguf":      {Path: filepath.Join(dir, "a.gguf"), Scale: 1},
		"a.gguf=0.5":  {Path: filepath.Join(dir, "a.gguf"), Scale: 0.5},
		"a=b.gguf":    {Path: filepath.Join(dir, "a=b.gguf"), Scale: 1},
		"a=b.gguf=-2": {Path: filepath.Join(dir, "a=b.gguf"), Scale: -2},
	} {
		got, err := flags.ParseAdapter(in)
		if err != nil || got != want {
			t.Errorf("flags.ParseAdapter(%q) = %+v, %v", in, got, err)
		}
	}
	if _, err := flags.ParseAdapter("a.gguf=nan"); exitCode(err) != fault.ExitUsage {
		t.Errorf("error %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
