package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/api/responses"
)

// A strict server says what of a schema is only checked, or ignored. A strict schema must not
// have an ignored keyword.
func TestStrictSchemas(t *testing.T) {
	const (
		enforced = `{"type":"object","properties":{"a":{"type":"string","minLength":1}}}`
		checked  = `{"type":"array","items":{"type":"integer"},"uniqueItems":true}`
		ignored  = `{"type":"object","properties":{"a, b":{"type":"string","format":"x-y"}},"x-note":1}`
		names    = "/properties/a%2C%20b/format, /x-note"
	)
	chat := func(schema, strict string) string {
		return `{"model":"m",` + question + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":` + strict + `,"schema":` + schema + `}}}`
	}
	call := func(schema, strict, choice string) string {
		return `{"model":"m",` + question + `,"tool_choice":` + choice + `,"tools":[{"type":"function","function":{"name":"f","strict":` + strict + `,"parameters":` + schema + `}}]}`
	}
	refused := "does not enforce its /properties/a, b/format (and 1 more)"
	for _, tt := range []struct {
		name, path, body string
		status           int
		checked, ignored string
		part             string
	}{
		{"enforced", "/v1/chat/completions", chat(enforced, "true"), 200, "", "", ""},
		{"checked", "/v1/chat/completions", chat(checked, "true"), 200, "/uniqueItems", "", ""},
		{"ignored", "/v1/chat/completions", chat(ignored, "false"), 200, "", names, ""},
		{"ignored, strict", "/v1/chat/completions", chat(ignored, "true"), 400, "", "", refused},
		{"a forced call", "/v1/chat/completions", call(ignored, "false", `"any"`), 200, "", names, ""},
		{"a strict forced call", "/v1/chat/completions", call(ignored, "true", `{"type":"function","function":{"name":"f"}}`), 400, "", "", refused},
		{"a strict call that may be left out", "/v1/chat/completions", call(ignored, "true", `"auto"`), 200, "", "", ""},
		{"impossible", "/v1/chat/completions", chat(`{"$dynamicRef":"#x"}`, "false"), 400, "", "", "cannot enforce /$dynamicRef"},
		{"Anthropic", "/v1/messages", `{"model":"m","max_tokens":9,` + question + `,"output_config":{"format":{"type":"json_schema","schema":` + ignored + `}}}`, 400, "", "", "output_config.format.schema: the schema is strict"},
		{"Responses", "/v1/responses", `{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"n","schema":` + ignored + `}}}`, 400, "", "", "text.format.schema: the schema is strict"},
		{"Responses, not strict", "/v1/responses", `{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"n","strict":false,"schema":` + ignored + `}}}`, 200, "", names, ""},
		{"Ollama", "/api/chat", `{"model":"m","stream":false,` + question + `,"format":` + ignored + `}`, 200, "", names, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := one(&talker{tokens: 1})
			c.Families = []api.Family{anthropic.Routes, responses.Routes, ollama.Routes}
			if w := ask(t, api.New(c), "POST", tt.path, tt.body); tt.name != "impossible" && w.Code != 200 || w.Header().Get("Bise-Schema-Ignored") != "" {
				t.Errorf("a server that is not strict: %d %v %s", w.Code, w.Header(), w.Body)
			}
			c.Strict = true
			w := ask(t, api.New(c), "POST", tt.path, tt.body)
			if w.Code != tt.status || w.Header().Get("Bise-Schema-Checked") != tt.checked || w.Header().Get("Bise-Schema-Ignored") != tt.ignored || !strings.Contains(w.Body.String(), tt.part) {
				t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

// The headers of a large schema stay short.
func TestManyIgnored(t *testing.T) {
	properties := map[string]any{}
	for i := range 3000 {
		properties[strings.Repeat("p", 1+i%50)+string(rune('a'+i%26))] = map[string]any{"type": "string", "x-a": 1}
	}
	schema, err := json.Marshal(map[string]any{"type": "object", "properties": properties})
	if err != nil {
		t.Fatal(err)
	}
	c := one(&talker{tokens: 1})
	c.Strict = true
	w := ask(t, api.New(c), "POST", "/v1/chat/completions", `{"model":"m",`+question+`,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":`+string(schema)+`}}}`)
	if got := w.Header().Get("Bise-Schema-Ignored"); w.Code != 200 || len(got) > 2010 || !strings.HasSuffix(got, ", ...") {
		t.Errorf("%d, a header of %d bytes: %s", w.Code, len(got), w.Body)
	}
}
