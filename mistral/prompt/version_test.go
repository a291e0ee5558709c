package prompt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestForVersion(t *testing.T) {
	for _, c := range []struct {
		version string
		can     engine.Capabilities
		stops   []string
	}{
		{"v1", engine.Capabilities{Chat: true}, nil},
		{"v2", engine.Capabilities{Chat: true, Tools: true}, []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]"}},
		{"v3", engine.Capabilities{Chat: true, Tools: true, FIM: true}, []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]"}},
		{"v7-tekken", engine.Capabilities{Chat: true, Tools: true, FIM: true}, []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]"}},
		{"v13", engine.Capabilities{Chat: true, Tools: true, FIM: true, Thinking: true}, []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]"}},
		{"v15", engine.Capabilities{Chat: true, Tools: true, FIM: true, Thinking: true}, []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[MODEL_SETTINGS]"}},
	} {
		f := formatOf(t, c.version)
		if f.Version() != c.version || f.Capabilities() != c.can || !slices.Equal(f.Stops(), c.stops) {
			t.Errorf("%s: %s, %+v, stops %q", c.version, f.Version(), f.Capabilities(), f.Stops())
		}
	}
	if _, err := ForVersion("v4", Options{}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("v4: error %v", err)
	}
}

// A vocabulary without thinking tokens makes a model of v13 that does not think.
func TestWithoutThinkingTokens(t *testing.T) {
	f, err := ForVersion("v13", Options{Has: func(name string) bool { return name != "[THINK]" }})
	if err != nil {
		t.Fatal(err)
	}
	if f.Capabilities().Thinking {
		t.Error("it can think")
	}
	if _, err := f.Chat(continuing(engine.Chunk{Type: engine.ThinkingChunk, Text: "a"})); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("error %v", err)
	}
}

const (
	sp7  = "[INST] [/INST] [TOOL_CALLS] [AVAILABLE_TOOLS] [IMG] [PREFIX] [SUFFIX] [SYSTEM_PROMPT]"
	sp3  = "[INST] [/INST] [TOOL_CALLS] [AVAILABLE_TOOLS] [IMG] [PREFIX] [SUFFIX]"
	sp2  = "[INST] [/INST] [TOOL_CALLS] [AVAILABLE_TOOLS]"
	tk7  = sp7
	tk11 = tk7 + " [ARGS] [CALL_ID]"
	tk13 = tk11 + " [THINK] [/THINK]"
	tk15 = tk13 + " [MODEL_SETTINGS]"
)

func TestInfer(t *testing.T) {
	for _, c := range []struct {
		name  string
		meta  Meta
		vocab string
		want  string // "" for a model that is not Mistral's
	}{
		{"the file says it", Meta{Version: "v11", Architecture: "llama"}, tk13, "v11"},
		{"the file says what there is not", Meta{Version: "v99", Architecture: "llama"}, tk13, ""},
		{"a template that is a name", Meta{Template: "mistral-v7-tekken", Architecture: "llama", Tekken: true}, tk7, "v7-tekken"},
		{"7B v0.1", Meta{Architecture: "llama", Name: "mistralai_Mistral-7B-v0.1"}, "", "v1"},
		{"Mixtral instruct", Meta{Architecture: "llama", Name: "Mixtral 8x7B", Template: "{{ '[INST] ' }}"}, "", "v1"},
		{"Llama 2", Meta{Architecture: "llama", Name: "LLaMA v2", Template: "[INST] <<SYS>>"}, "", ""},
		{"Llama 2 base", Meta{Architecture: "llama", Name: "LLaMA v2"}, "", ""},
		{"a fine-tune with another template", Meta{Architecture: "llama", Name: "openhermes-2.5-mistral-7b", Template: "<|im_start|>"}, "", ""},
		{"a later one", Meta{Architecture: "llama", Name: "hermes-mistral", Template: "<|im_start|>", Tekken: true}, tk7, ""},
		{"another architecture", Meta{Architecture: "qwen2"}, sp3, ""},
		{"Llama 3", Meta{Architecture: "llama", Name: "mistral-and-llama-3", Tekken: true}, "", ""},
		{"v2", Meta{Architecture: "llama"}, sp2, "v2"},
		{"7B v0.3", Meta{Architecture: "llama", Template: "[INST]"}, sp3, "v3"},
		{"Codestral Mamba", Meta{Architecture: "mamba2"}, sp3, "v3"},
		{"Large 2411", Meta{Architecture: "llama"}, sp7, "v7"},
		{"NeMo", Meta{Architecture: "llama", Name: "Mistral Nemo", Tekken: true, Template: "[INST]"}, tk7, "v3-tekken"},
		{"NeMo base", Meta{Architecture: "llama", Name: "Mistral-Nemo-Base-2407", Tekken: true}, tk7, "v3-tekken"},
		{"NeMo from transformers", Meta{Architecture: "llama", Tekken: true}, sp3, "v3-tekken"},
		{"Small 3", Meta{Architecture: "llama", Tekken: true, Template: "[SYSTEM_PROMPT] [INST]"}, tk7, "v7-tekken"},
		{"Small 3 base", Meta{Architecture: "llama", Tekken: true}, tk7, "v7-tekken"},
		{"Small 3.2", Meta{Architecture: "llama", Tekken: true, Template: "[INST] [CALL_ID] [ARGS]"}, tk11, "v11"},
		{"Small 3.2 without template", Meta{Architecture: "llama", Tekken: true}, tk11, "v11"},
		{"Devstral 1.1", Meta{Architecture: "llama", Tekken: true, Template: "[INST] [ARGS]"}, tk11, "v13"},
		{"Devstral 1.1 without template", Meta{Architecture: "llama", Name: "Devstral-Small-2507", Tekken: true}, tk11, "v13"},
		{"Ministral 3", Meta{Architecture: "mistral3", Tekken: true}, tk13, "v13"},
		{"Small 4", Meta{Architecture: "mistral4", Tekken: true}, tk15, "v15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := strings.Fields(c.vocab)
			c.meta.Has = func(name string) bool { return slices.Contains(names, name) }
			f, ok := Infer(c.meta)
			if ok != (c.want != "") || ok && f.Version() != c.want {
				t.Errorf("%v, %v; want %q", f, ok, c.want)
			}
		})
	}
}

func TestInferOptions(t *testing.T) {
	all := func(string) bool { return true }
	f, ok := Infer(Meta{Version: "v7-tekken", Name: "Magistral-Small-2506", Has: func(name string) bool { return name != "[THINK]" }})
	if !ok || !f.Capabilities().Thinking {
		t.Error("Magistral does not think")
	}
	f, ok = Infer(Meta{Version: "v15", Has: all, Settings: `{"reasoning_effort": {"values": ["low", "high"], "default": "low"}, "json_schema": null}`})
	if !ok {
		t.Fatal("not inferred")
	}
	p, err := f.Chat(ask)
	if want := `<s>[MODEL_SETTINGS]«{"reasoning_effort": "low"}»[/MODEL_SETTINGS][INST]«x»[/INST]`; err != nil || show(p) != want {
		t.Errorf("%s, %v; want %s", show(p), err, want)
	}
	if _, ok := Infer(Meta{Version: "v15", Has: all, Settings: `{`}); ok {
		t.Error("settings that are no JSON were read")
	}
}

// TestEfforts compares a model that knows all reasoning efforts with mistral-common 1.13.1.
// The names of the cases are the model's default and the effort of the request.
func TestEfforts(t *testing.T) {
	data, err := os.ReadFile("../../../shared/fixtures/tokenizers/tekken_small_v15.json")
	if err != nil {
		t.Skip("../shared/fixtures is absent: the full vocabularies are not at hand")
	}
	const two = `"values":["none","high"],"accepts_none":true,"default":"none"`
	golden, err := os.ReadFile("testdata/efforts.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string][]int32
	if err := json.Unmarshal(golden, &cases); err != nil || len(cases) != 16 {
		t.Fatal(len(cases), err)
	}
	for _, standard := range []string{"none", "medium"} {
		all, _ := json.Marshal(engine.Efforts)
		seven := strings.Replace(string(data), two, fmt.Sprintf(`"values":%s,"accepts_none":true,"default":%q`, all, standard), 1)
		path := filepath.Join(t.TempDir(), "tekken.json")
		if err := os.WriteFile(path, []byte(seven), 0o600); err != nil || seven == string(data) {
			t.Fatalf("the tokenizer's settings are not as expected, %v", err)
		}
		m := open(t, path)
		if known := m.Format.(*format).Efforts(); known[0] != standard || len(known) != len(engine.Efforts) {
			t.Errorf("the model knows %q", known)
		}
		for _, effort := range append([]string{""}, engine.Efforts...) {
			r := *ask
			r.Messages = []engine.Message{{Role: engine.User, Content: engine.Text("Hello")}}
			r.ReasoningEffort = effort
			p, err := m.Chat(&r)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.encode(t, p); !slices.Equal(got, cases[standard+"/"+effort]) {
				t.Errorf("default %s, effort %q: got %v", standard, effort, got)
			}
		}
	}
}

// A model that does not know an effort gets the nearest.
func TestNearestEffort(t *testing.T) {
	for _, c := range []struct{ values, asked, want string }{
		{`["none", "high"]`, "none minimal low medium high xhigh max", "none none high high high high high"},
		{`["low", "medium", "high"]`, "none minimal low medium high xhigh max", "low low low medium high high high"},
		{`["none", "minimal", "low", "medium", "high", "xhigh", "max"]`, "none minimal low medium high xhigh max", "none minimal low medium high xhigh max"},
		{`["medium", "other"]`, "none other max", "medium other medium"},
	} {
		s, err := ParseSettings([]byte(`{"reasoning_effort": {"values": ` + c.values + `, "default": "` + strings.Split(c.values, `"`)[1] + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(c.want)
		for i, effort := range strings.Fields(c.asked) {
			got, err := s.of(&engine.ChatRequest{ReasoningEffort: effort})
			if err != nil || got != `{"reasoning_effort": "`+want[i]+`"}` {
				t.Errorf("%s, %s: got %s, %v", c.values, effort, got, err)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	const builder = `{"reasoning_effort": {"type": "enum", "values": ["none", "high"], "accepts_none": true, "default": "none"}, "json_schema": {"type": "json_schema"}}`
	s, err := ParseSettings([]byte(builder))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ request, want string }{
		{`{}`, `{"reasoning_effort": "none"}`},
		{`{"reasoning_effort": "high", "response_format": {"type": "text"}}`, `{"reasoning_effort": "high"}`},
		{`{"response_format": {"type": "json_object"}}`, `{"json_schema": {"anyOf": [{"type": "object"}, {"type": "array"}]}, "reasoning_effort": "none"}`},
		{`{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type":"object","default":null}}}}`, `{"json_schema": {"type": "object", "default": null}, "reasoning_effort": "none"}`},
		{`{"response_format": {"type": "json_schema"}}`, ``},
		{`{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": []}}}`, ``},
		{`{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 1}}}}`, ``},
	} {
		got, err := s.of(request(t, c.request))
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %s, %v; want %s", c.request, got, err, c.want)
		}
	}
	if none, err := (&Settings{}).of(ask); none != "" || err != nil {
		t.Errorf("no settings: %q, %v", none, err)
	}
	for _, bad := range []string{``, `[]`, `{"reasoning_effort": {"values": ["a"], "default": "b"}}`, `{"reasoning_effort": {}}`} {
		if _, err := ParseSettings([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestGrid(t *testing.T) {
	pixtral, small := ImageGrid{Patch: 16, Merge: 1, Max: 1024}, ImageGrid{Patch: 14, Merge: 2, Max: 1540}
	for _, c := range []struct {
		pictures              ImageGrid
		width, height         int
		wantColumns, wantRows int
	}{
		{pixtral, 4, 4, 1, 1},
		{pixtral, 17, 16, 2, 1},
		{pixtral, 640, 480, 40, 30},
		{pixtral, 800, 1200, 43, 64},
		{pixtral, 1540, 1540, 64, 64},
		{pixtral, 1920, 1080, 64, 36},
		{pixtral, 3000, 1, 64, 1},
		{small, 29, 28, 2, 1},
		{small, 1024, 1024, 37, 37},
		{small, 1920, 1080, 55, 31},
		{small, 3000, 200, 55, 4},
	} {
		if columns, rows := c.pictures.Grid(c.width, c.height); columns != c.wantColumns || rows != c.wantRows {
			t.Errorf("%d×%d: %d×%d, want %d×%d", c.width, c.height, columns, rows, c.wantColumns, c.wantRows)
		}
	}
}
