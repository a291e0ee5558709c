//go:build cgo

package llama

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// An answer that a grammar leads nowhere, or that does not satisfy its schema, is an error
// and not a stop.
func TestConstraintsThatFail(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	schema := func(s string) func(*engine.ChatRequest) {
		return func(r *engine.ChatRequest) {
			r.ResponseFormat = &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Name: "x", Schema: json.RawMessage(s)}}
		}
	}
	tool := func(s string) func(*engine.ChatRequest) {
		return func(r *engine.ChatRequest) {
			r.Tools = []engine.Tool{{Type: "function", Function: engine.Function{Name: "f", Parameters: json.RawMessage(s)}}}
			r.ToolChoice = engine.ToolChoice{Mode: "any"}
		}
	}
	for _, tt := range []struct {
		name string
		set  func(*engine.ChatRequest)
		text string // before the error
		kind fault.Kind
		want string // "": no error
	}{
		{"a grammar that ends nowhere", func(r *engine.ChatRequest) { r.Grammar = `root ::= "ab" [^\x00-\U0010FFFF]` }, "ab", fault.Unsupported, "the answer stopped in the middle: the model has no token that continues what the grammar allows"},
		{"a schema that is checked", schema(`{"type":"array","items":{"const":1},"minItems":2,"maxItems":2,"uniqueItems":true}`), "", fault.Internal, "the answer does not satisfy the JSON schema: /: items at 0 and 1 are equal"},
		{"a schema that is satisfied", schema(`{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false,"minItems":2,"uniqueItems":true}`), "", "", ""},
		{"a schema that nothing satisfies", schema(`{"type":"string","const":1}`), "", fault.Invalid, "no value satisfies the schema"},
		{"a tool's schema that is checked", tool(`{"type":"object","properties":{"a":{"type":"array","uniqueItems":true}}}`), "", fault.Invalid, "/properties/a/uniqueItems: arguments of tools are not checked when they are complete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := enginetest.Chat("hi")
			r.MaxTokens = new(100)
			tt.set(&r)
			a, err := enginetest.Collect(e.Chat(t.Context(), r))
			if tt.want == "" {
				if err != nil || a.Reason() != engine.FinishStop {
					t.Errorf("got %q, %q, %v", a.Text(), a.Reason(), err)
				}
				return
			}
			failed, ok := errors.AsType[*fault.Error](err)
			if !ok || failed.Kind != tt.kind || !strings.HasSuffix(failed.Msg, tt.want) {
				t.Errorf("got %v, want %q of the kind %s", err, tt.want, tt.kind)
			}
			if tt.text != "" && a.Text() != tt.text || a.Done {
				t.Errorf("got %q before the error, want %q; done: %v", a.Text(), tt.text, a.Done)
			}
		})
	}
}
