package ollama_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// A world is a server with one model, m, and how long it was asked to keep it.
type world struct {
	http.Handler
	kept []time.Duration
}

func serve(e engine.Engine, key string) *world {
	w := &world{}
	w.Handler = api.New(api.Config{
		Key: key, Families: []api.Family{ollama.Routes},
		Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
			if model != "m" {
				return nil, fault.Errorf(fault.NotFound, "there is no model %q", model)
			}
			return e, nil
		},
		Info: func(_ context.Context, model string) (engine.Info, error) {
			if model != "m" {
				return engine.Info{}, fault.Errorf(fault.NotFound, "there is no model %q", model)
			}
			info := e.Info()
			info.Parameters, info.Size, info.Quantization, info.Architecture, info.ContextTrain = 7_248_023_552, 4_000, "Q4_K_M", "llama", 32768
			return info, nil
		},
		Models: func(context.Context) ([]api.Model, error) {
			return []api.Model{
				{ID: "m", Created: time.Unix(1790000000, 0), Loaded: true, Memory: 5_000, ContextLength: 4096, Leaves: time.Unix(1790000600, 0)},
				{ID: "gone"},
			}, nil
		},
		KeepAlive: func(_ context.Context, model string, d time.Duration) error { w.kept = append(w.kept, d); return nil },
	})
	return w
}

func ask(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w
}

var (
	times   = regexp.MustCompile(`"created_at":"20[0-9TZ:.-]+"`)
	elapsed = regexp.MustCompile(`"total_duration":[0-9]+`)
)

// lines is a stream, or a whole answer, without what changes.
func lines(t *testing.T, w *httptest.ResponseRecorder, contentType string) string {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != contentType {
		t.Fatalf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return elapsed.ReplaceAllString(times.ReplaceAllString(strings.TrimSpace(w.Body.String()), `"created_at":"NOW"`), `"total_duration":1`)
}

// took makes a reply's timings the same each time.
var took = enginetest.Took(engine.Timings{Load: 1, Prefill: 2, Decode: 3})

// end is the end of a line that has everything.
func end(reason, prompt, count string) string {
	return `"done":true,"done_reason":"` + reason + `","total_duration":1,"load_duration":1,"prompt_eval_count":` + prompt + `,"prompt_eval_duration":2,` + count + `"eval_duration":3}`
}

// Every order of what a model can say, of both routes, streamed and whole.
func TestAnswers(t *testing.T) {
	said := func(content, more string) string {
		return `{"model":"m","created_at":"NOW","message":{"role":"assistant","content":"` + content + `"` + more + `},`
	}
	const undone = `"done":false}`
	use := func(i, id, name, arguments string) string {
		return `{"id":"call_` + id + `","function":{"index":` + i + `,"name":"` + name + `","arguments":` + arguments + `}}`
	}
	for _, tt := range []struct {
		name   string
		reply  enginetest.Reply
		stream []string // of chat, the last without its end
		whole  string   // of chat
		text   string   // of generate
		end    string
	}{
		{"nothing", enginetest.Reply{took}, []string{said("", "")}, said("", ""), `"response":"",`, end("stop", "P", "")},
		{
			"text",
			enginetest.Reply{took, enginetest.Emit{Event: engine.Progress{Total: 4}}, enginetest.Text("Blu"), enginetest.Text("<e>")},
			[]string{said("Blu", "") + undone, said("<e>", "") + undone, said("", "")},
			said("Blu<e>", ""), `"response":"Blu<e>",`, end("stop", "P", `"eval_count":2,`),
		},
		{
			"thinking, calls, text",
			enginetest.Reply{took, enginetest.Thinking("hm"), enginetest.Call{ID: "abc123def", Name: "f", Arguments: `{"a": 1}`}, enginetest.Call{ID: "abc123deg", Name: "g"}, enginetest.Text("b")},
			[]string{
				said("", `,"thinking":"hm"`) + undone, said("", `,"tool_calls":[`+use("0", "abc123def", "f", `{"a":1}`)+`]`) + undone,
				said("", `,"tool_calls":[`+use("1", "abc123deg", "g", `{}`)+`]`) + undone, said("b", "") + undone, said("", ""),
			},
			said("b", `,"thinking":"hm","tool_calls":[`+use("0", "abc123def", "f", `{"a":1}`)+`,`+use("1", "abc123deg", "g", `{}`)+`]`),
			`"response":"b","thinking":"hm",`, end("stop", "P", `"eval_count":4,`),
		},
		{
			"a call that was cut",
			enginetest.Reply{took, enginetest.Call{ID: "abc123def", Name: "f", Arguments: `{"a`}, enginetest.End(engine.FinishLength)},
			[]string{said("", `,"tool_calls":[`+use("0", "abc123def", "f", `{}`)+`]`) + undone, said("", "")},
			said("", `,"tool_calls":[`+use("0", "abc123def", "f", `{}`)+`]`), `"response":"",`, end("length", "P", `"eval_count":1,`),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := serve(&enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, "")
			end := strings.Replace(tt.end, "P", "5", 1)
			const chat = `{"model":"m","messages":[{"role":"user","content":"hi"}]`
			if got, want := lines(t, ask(t, h, "POST", "/api/chat", chat+`}`), "application/x-ndjson"), strings.Join(tt.stream, "\n")+end; got != want {
				t.Errorf("chat, streamed: got\n%s\nwant\n%s", got, want)
			}
			if got, want := lines(t, ask(t, h, "POST", "/api/chat", chat+`,"stream":false}`), "application/json"), tt.whole+end; got != want {
				t.Errorf("chat: got\n%s\nwant\n%s", got, want)
			}
			if got, want := lines(t, ask(t, h, "POST", "/api/generate", `{"model":"m","prompt":"hi","stream":false}`), "application/json"),
				`{"model":"m","created_at":"NOW",`+tt.text+end; got != want {
				t.Errorf("generate: got\n%s\nwant\n%s", got, want)
			}
		})
	}
	h := serve(&enginetest.Script{Replies: []enginetest.Reply{{took, enginetest.Thinking("hm"), enginetest.Text("b")}}}, "")
	if got, want := lines(t, ask(t, h, "POST", "/api/generate", `{"model":"m","prompt":"hi"}`), "application/x-ndjson"), `{"model":"m","created_at":"NOW","response":"","thinking":"hm","done":false}
{"model":"m","created_at":"NOW","response":"b","done":false}
{"model":"m","created_at":"NOW","response":"",`+strings.Replace(end("stop", "5", `"eval_count":2,`), "P", "5", 1); got != want {
		t.Errorf("generate, streamed: got\n%s\nwant\n%s", got, want)
	}
}

// What requests become.
func TestRequests(t *testing.T) {
	text := func(s string) engine.Chunk { return engine.Chunk{Type: engine.TextChunk, Text: s} }
	user := func(s string) engine.Message { return engine.Message{Role: engine.User, Content: engine.Text(s)} }
	call := func(i int, id, name, arguments string) engine.ToolCall {
		return engine.ToolCall{ID: id, Type: "function", Index: i, Function: engine.FunctionCall{Name: name, Arguments: engine.Arguments(arguments)}}
	}
	script := enginetest.Says("{}")
	h := serve(script, "")
	w := ask(t, h, "POST", "/api/chat", `{"model":"m","stream":false,"think":"low","format":"json","keep_alive":"10m","options":{"temperature":0.5,"top_k":-1,"top_p":0.9,"min_p":0.1,
		"typical_p":0.7,"repeat_penalty":1.1,"repeat_last_n":-1,"presence_penalty":1,"frequency_penalty":0.5,"seed":7,"num_predict":50,"num_ctx":4096,"stop":"END"},
		"messages":[{"role":"system","content":"S"},{"role":"user","content":"look","images":["iVBORw0KGgo="]},
			{"role":"assistant","content":"","thinking":"t","tool_calls":[{"function":{"name":"f","arguments":{"a": 1}}},{"function":{"name":"g","arguments":{}}},{"id":"call_abc123def","function":{"name":"h","arguments":{}}}]},
			{"role":"tool","tool_name":"g","content":"G"},{"role":"tool","content":"F"},{"role":"tool","tool_call_id":"call_abc123def","content":"H"},{"role":"user","content":"go"}],
		"tools":[{"type":"function","function":{"name":"f","description":"F.","parameters":{"type":"object"}}}]}`)
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	got := *script.Requests()[0].Chat
	f, g := got.Messages[2].ToolCalls[0].ID, got.Messages[2].ToolCalls[1].ID
	want := engine.ChatRequest{
		Model: "m", ReasoningEffort: "low", ResponseFormat: &engine.ResponseFormat{Type: "json_object"}, Overflow: engine.OverflowDropOldest,
		Sampling: engine.Sampling{
			Temperature: new(0.5), TopK: new(0), TopP: new(0.9), MinP: new(0.1), TypicalP: new(0.7), RepeatPenalty: new(1.1), RepeatLastN: new(-1),
			PresencePenalty: new(1.0), FrequencyPenalty: new(0.5), Seed: new(int64(7)), MaxTokens: new(50), Stop: engine.StringList{"END"},
		},
		Messages: []engine.Message{
			{Role: engine.System, Content: engine.Text("S")},
			{Role: engine.User, Content: engine.Content{{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,iVBORw0KGgo="}, text("look")}},
			{Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "t"}}, ToolCalls: []engine.ToolCall{
				call(0, f, "f", `{"a": 1}`), call(1, g, "g", `{}`), call(2, "abc123def", "h", `{}`),
			}},
			{Role: engine.ToolRole, ToolCallID: g, Content: engine.Text("G")},
			{Role: engine.ToolRole, ToolCallID: f, Content: engine.Text("F")},
			{Role: engine.ToolRole, ToolCallID: "abc123def", Content: engine.Text("H")},
			user("go"),
		},
		Tools: []engine.Tool{{Type: "function", Function: engine.Function{Name: "f", Description: "F.", Parameters: json.RawMessage(`{"type":"object"}`)}}},
	}
	if f == g || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", indent(t, got), indent(t, want))
	}
	if !reflect.DeepEqual(h.kept, []time.Duration{10 * time.Minute}) {
		t.Errorf("kept %v", h.kept)
	}

	for body, want := range map[string]engine.CompletionRequest{
		`"prompt":"a","suffix":"b","options":{"num_predict":-1,"seed":-1}`: {Model: "m", Prompt: "a", Suffix: "b", Sampling: engine.Sampling{Stop: engine.StringList{}}},
		`"prompt":"a","raw":true`: {Model: "m", Prompt: "a", Sampling: engine.Sampling{Stop: engine.StringList{}}},
	} {
		script := enginetest.Says("a")
		ask(t, serve(script, ""), "POST", "/api/generate", `{"model":"m",`+body+`}`)
		got := *script.Requests()[0].Complete
		got.Stop, want.Stop = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s", body, indent(t, got))
		}
	}
	for body, want := range map[string]func(engine.ChatRequest) bool{
		`"prompt":"a","system":"S","images":["iVBORw0KGgo="]`: func(r engine.ChatRequest) bool {
			return r.Messages[0].Role == engine.System && len(r.Messages[1].Content) == 2
		},
		`"prompt":"a","think":false`:                                 func(r engine.ChatRequest) bool { return r.ReasoningEffort == "none" },
		`"prompt":"a","truncate":false`:                              func(r engine.ChatRequest) bool { return r.Overflow == "" },
		`"prompt":"a","format":{"type":"object"}`:                    func(r engine.ChatRequest) bool { return r.ResponseFormat.Type == "json_schema" },
		`"prompt":"a","format":""`:                                   func(r engine.ChatRequest) bool { return r.ResponseFormat == nil },
		`"prompt":"a","options":null,"context":[],"keep_alive":null`: func(r engine.ChatRequest) bool { return r.MaxTokens == nil },
	} {
		script := enginetest.Says("{}")
		if w := ask(t, serve(script, ""), "POST", "/api/generate", `{"model":"m",`+body+`}`); w.Code != 200 || !want(*script.Requests()[0].Chat) {
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
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

// A request without a prompt loads a model, or unloads it.
func TestLoad(t *testing.T) {
	for _, path := range []string{"/api/chat", "/api/generate"} {
		h := serve(enginetest.Says("a"), "")
		if got := ask(t, h, "POST", path, `{"model":"m"}`).Body.String(); !strings.Contains(got, `"done":true,"done_reason":"load"`) || h.kept != nil {
			t.Errorf("%s: got %s, kept %v", path, got, h.kept)
		}
		if got := ask(t, h, "POST", path, `{"model":"m","keep_alive":0}`).Body.String(); !strings.Contains(got, `"done":true,"done_reason":"unload"`) || !reflect.DeepEqual(h.kept, []time.Duration{0}) {
			t.Errorf("%s: got %s, kept %v", path, got, h.kept)
		}
		if w := ask(t, h, "POST", path, `{"model":"n","keep_alive":0}`); w.Code != 404 {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
}

func TestEmbed(t *testing.T) {
	script := &enginetest.Script{About: engine.Info{ContextLength: 20, EmbeddingSize: 4}}
	h := serve(script, "")
	var got struct {
		Model      string
		Embeddings [][]float32
		Count      int `json:"prompt_eval_count"`
	}
	for body, n := range map[string]int{
		`"input":"a"`: 1, `"input":["a","b"]`: 2, `"input":[]`: 0, `"input":"a","dimensions":2`: 1,
		`"input":["a","` + strings.Repeat("xyz ", 30) + `"]`: 2, // its end is left out
	} {
		w := ask(t, h, "POST", "/api/embed", `{"model":"m",`+body+`}`)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || len(got.Embeddings) != n || got.Model != "m" {
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "POST", "/api/embed", `{"model":"m","truncate":false,"input":"`+strings.Repeat("xyz ", 30)+`"}`); w.Code != 400 || !strings.Contains(w.Body.String(), "the context holds 20") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	var one struct{ Embedding []float32 }
	for prompt, n := range map[string]int{"a": 4, "": 0} {
		w := ask(t, h, "POST", "/api/embeddings", `{"model":"m","prompt":"`+prompt+`"}`)
		if err := json.Unmarshal(w.Body.Bytes(), &one); err != nil || one.Embedding == nil || len(one.Embedding) != n {
			t.Errorf("%q: got %d %s", prompt, w.Code, w.Body)
		}
	}
}

func TestModels(t *testing.T) {
	h := serve(enginetest.Says("a"), "")
	const digest = `[0-9a-f]{64}`
	const about = `"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"7.2B","quantization_level":"Q4_K_M"}`
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/", "", `Ollama is running`},
		{"GET", "/api/version", "", `{"version":"` + ollama.Version + `"}`},
		{"GET", "/api/tags", "", `{"models":[{"name":"m","model":"m","modified_at":"2026-09-21T14:13:20Z","size":4000,"digest":"DIGEST",` + about + `}]}`},
		{"GET", "/api/ps", "", `{"models":[{"name":"m","model":"m","size":5000,"digest":"DIGEST",` + about + `,"context_length":4096,"expires_at":"2026-09-21T14:23:20Z","size_vram":0}]}`},
		{"POST", "/api/show", `{"model":"m"}`, `{"capabilities":["completion","tools","insert","vision","thinking","embedding"],` + about +
			`,"license":"","model_info":{"general.architecture":"llama","general.parameter_count":7248023552,"llama.context_length":32768,"llama.embedding_length":64},` +
			`"modelfile":"FROM script\n","modified_at":"2026-09-21T14:13:20Z","parameters":"","template":""}`},
	} {
		w := ask(t, h, tt.method, tt.path, tt.body)
		if got := regexp.MustCompile(digest).ReplaceAllString(strings.TrimSpace(w.Body.String()), "DIGEST"); w.Code != 200 || got != tt.want {
			t.Errorf("%s: got %d\n%s\nwant\n%s", tt.path, w.Code, got, tt.want)
		}
	}
	if w := ask(t, h, "HEAD", "/", ""); w.Code != 200 {
		t.Errorf("HEAD /: got %d", w.Code)
	}
}

// Errors are strings.
func TestErrors(t *testing.T) {
	h := serve(enginetest.Says("a"), "")
	for _, tt := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"POST", "/api/chat", `{`, 400, "not valid JSON"},
		{"POST", "/api/chat", `{"model":"n","messages":[{"role":"user","content":"a"}]}`, 404, `no model "n"`},
		{"POST", "/api/chat", `{"model":"m","messages":[{"role":"user","content":["a"]}]}`, 400, "messages.content: got a list, want a string"},
		{"POST", "/api/chat", `{"model":"m","messages":[{"role":"robot","content":"a"}]}`, 400, "invalid role"},
		{"POST", "/api/chat", `{"model":"m","messages":[{"role":"user","images":["https://x"]}]}`, 400, "not fetched"},
		{"POST", "/api/chat", `{"model":"m","format":7,"messages":[{"role":"user","content":"a"}]}`, 400, "invalid format"},
		{"POST", "/api/chat", `{"model":"m","format":{"type":7},"messages":[{"role":"user","content":"a"}]}`, 400, "the schema is not valid"},
		{"POST", "/api/chat", `{"model":"m","think":7,"messages":[{"role":"user","content":"a"}]}`, 400, "invalid think"},
		{"POST", "/api/chat", `{"model":"m","keep_alive":"long"}`, 400, "invalid keep_alive"},
		{"POST", "/api/chat", `{"model":"m","keep_alive":{}}`, 400, "keep_alive: got an object"},
		{"POST", "/api/chat", `{"model":"m","tools":[{"function":{}}],"messages":[{"role":"user","content":"a"}]}`, 400, "tools[0].name"},
		{"POST", "/api/generate", `{"model":"m","prompt":"a","template":"t"}`, 400, "templates of requests"},
		{"POST", "/api/generate", `{"model":"m","prompt":"a","context":[1]}`, 400, "/api/chat"},
		{"POST", "/api/embed", `{"model":"m","input":"a","dimensions":-1}`, 400, "invalid dimensions"},
		{"POST", "/api/show", `{"model":"n"}`, 404, "no model"},
		{"POST", "/api/pull", `{"model":"m"}`, 501, "Run bise pull MODEL."},
		{"DELETE", "/api/delete", `{"model":"m"}`, 501, "Run bise rm MODEL."},
		{"HEAD", "/api/blobs/sha256:00", ``, 501, ""},
		{"PUT", "/api/chat", ``, 405, "invalid method"},
	} {
		w := ask(t, h, tt.method, tt.path, tt.body)
		var f struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != tt.status || !strings.Contains(f.Error, tt.part) {
			t.Errorf("%s %s: got %d %s, want %d with %q", tt.path, tt.body, w.Code, w.Body, tt.status, tt.part)
		}
	}
	script := enginetest.Says("a")
	script.About.Can = engine.Capabilities{Chat: true}
	if w := ask(t, serve(script, ""), "POST", "/api/chat", `{"model":"m","think":true,"messages":[{"role":"user","content":"a"}]}`); w.Code != 400 || !strings.Contains(w.Body.String(), "does not support thinking") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := ask(t, serve(script, "secret"), "GET", "/api/tags", ""); w.Code != 401 || !strings.HasPrefix(w.Body.String(), `{"error":"Unauthorized`) {
		t.Errorf("without a key: got %d %s", w.Code, w.Body)
	}
	failing := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("half"), enginetest.Fail{Err: fault.Errorf(fault.Internal, "it broke")}}}}
	if got := ask(t, serve(failing, ""), "POST", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"a"}]}`).Body.String(); !strings.HasSuffix(got, "\n{\"error\":\"it broke\"}\n") {
		t.Errorf("got %s", got)
	}
}

// No body breaks the server, and what it refuses is an error in Ollama's shape.
func FuzzOllama(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"a","images":["iVBO"]},{"role":"tool","content":"x"}],"format":"json","options":{"stop":["a"]},"keep_alive":1}`))
	f.Add([]byte(`{"model":"m","prompt":"a","suffix":"b","think":"high","stream":false,"input":["a"]}`))
	h := serve(enginetest.Says("a"), "")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"} {
			w := ask(t, h, "POST", path, string(body))
			switch w.Code {
			case 200:
			case 400, 404:
				if !strings.HasPrefix(w.Body.String(), `{"error":"`) {
					t.Errorf("%s: got %s", path, w.Body)
				}
			default:
				t.Errorf("%s: got %d %s", path, w.Code, w.Body)
			}
		}
	})
}
