// Package dialect is what the families of routes beside La Plateforme's share: Anthropic's,
// OpenAI's Responses and Ollama's.
//
// A family decodes a request with [ReadJSON] into its structs, puts the messages in
// order with a [Conversation], and gives the engine's request to [Chat], which collects the
// [Answer] and passes it on to a [Listener] while it is written.
package dialect

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// Open opens the model for a request of a mode. Programs of a family name its hosted models,
// often without a setting for another one: a name with one of the prefixes that no model has
// is the default model.
func Open(ctx context.Context, c api.Config, mode api.Mode, model string, hosted ...string) (engine.Engine, error) {
	e, err := open(ctx, c, mode, model)
	if fault.KindOf(err) != fault.NotFound {
		return e, err
	}
	for _, prefix := range hosted {
		if strings.HasPrefix(model, prefix) {
			if e, failed := open(ctx, c, mode, ""); failed == nil {
				return e, nil
			}
		}
	}
	return nil, err
}

func open(ctx context.Context, c api.Config, mode api.Mode, model string) (engine.Engine, error) {
	name, err := c.Name(ctx, mode, model)
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, name, func(float64) {})
}

// CountTokens returns the number of tokens of a request's prompt. The model is found as by
// [Open].
func CountTokens(ctx context.Context, c api.Config, model string, req engine.ChatRequest, hosted ...string) (int, error) {
	e, err := Open(ctx, c, api.ModeOf(req.Messages), model, hosted...)
	if err != nil {
		return 0, err
	}
	Adapt(&req, e.Info())
	tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Chat: &req})
	return len(tokens.IDs), err
}

// ReadJSON reads a request's body into structs. Fields that a struct does not have are
// ignored.
func ReadJSON(c api.Config, w http.ResponseWriter, r *http.Request, into ...any) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return Invalid("", "the request's body has the Content-Encoding %.40q: send it without one", coding)
	}
	body, err := c.Body(w, r)
	if err != nil {
		return err
	}
	for _, v := range into {
		if err := Unmarshal(body, v); err != nil {
			return err
		}
	}
	return nil
}

// Unmarshal decodes a JSON object into a struct. The error names the field.
func Unmarshal(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	if err == nil {
		if trimmed := strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n"); trimmed != "" && trimmed[0] != '{' {
			return Invalid("", "the request's body is not a JSON object") // null
		}
		return nil
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		got, _, _ := strings.Cut(mismatch.Value, " ")
		if mismatch.Field == "" {
			return Invalid("", "the request's body is %s: want an object", article(got))
		}
		return Invalid(mismatch.Field, "%s: got %s, want %s", mismatch.Field, article(got), wanted(mismatch.Type))
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	return Invalid("", "the request's body is not valid JSON: %v", err)
}

// article puts a or an before the name of a JSON type.
func article(name string) string {
	switch name {
	case "array":
		return "a list"
	case "bool":
		return "a boolean"
	case "object":
		return "an object"
	}
	return "a " + name
}

// wanted is the JSON type that a Go type is decoded from.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}

// Parts decodes a list whose JSON can also be one string, which text makes an element of.
func Parts[T any](data []byte, into *[]T, text func(string) T) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*into = []T{text(s)}
		return nil
	}
	return json.Unmarshal(data, into)
}

// Invalid returns the error of a request that makes no sense. Param is the path of the field.
func Invalid(param, format string, args ...any) *fault.Error {
	e := fault.Errorf(fault.Invalid, format, args...)
	e.Param = param
	return e
}

// Unsupported returns the error of a request for what is not there.
func Unsupported(param, format string, args ...any) *fault.Error {
	e := fault.Errorf(fault.Unsupported, format, args...)
	e.Param = param
	return e
}

// Message is an error as one text: most clients show nothing else.
func Message(err *fault.Error) string {
	if err.Advice == "" {
		return err.Msg
	}
	return fault.Sentence(err.Msg) + " " + fault.Sentence(err.Advice)
}

// Status is the HTTP status of an error outside of La Plateforme, where an unknown model is
// a 404. Status is what the server would answer.
func Status(status int, err *fault.Error) int {
	if err.Kind == fault.NotFound {
		return http.StatusNotFound
	}
	return status
}

// NewID returns an ID with a prefix such as msg_.
func NewID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

// PublicID is the ID of a tool call with a family's prefix.
func PublicID(prefix, id string) string { return prefix + id }

// CallID is the ID of a tool call in the form that models know, nine letters or digits. It
// undoes PublicID, so that a conversation that comes back is the one that was generated.
func CallID(id string) string {
	if i := strings.LastIndexByte(id, '_'); wire.IsCallID(id[i+1:]) {
		return id[i+1:]
	}
	return wire.CallID(id)
}

// Tool makes a tool that the model may call, and checks its name and schema.
func Tool(param, name, description string, schema json.RawMessage) (engine.Tool, error) {
	if name == "" {
		return engine.Tool{}, Invalid(param+".name", "%s.name: want a name", param)
	}
	if IsNull(schema) {
		schema = json.RawMessage(`{"type":"object","properties":{}}`)
	}
	if err := engine.CheckSchema(schema); err != nil {
		return engine.Tool{}, Invalid(param, "%s: the schema of tool %.70q is not valid: %v", param, name, err)
	}
	return engine.Tool{Type: "function", Function: engine.Function{Name: name, Description: description, Parameters: schema}}, nil
}

// Format is the response format of a JSON schema.
func Format(param, name string, schema json.RawMessage) (*engine.ResponseFormat, error) {
	if err := engine.CheckSchema(schema); err != nil {
		return nil, Invalid(param, "%s: the schema is not valid: %v", param, err)
	}
	if name == "" {
		name = "answer"
	}
	return &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Name: name, Schema: schema, Strict: true}}, nil
}

// IsNull reports whether a field is absent or null.
func IsNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// Object is raw if it is a JSON object, else {}. The token limit can cut off the
// arguments of a call.
func Object(arguments engine.Arguments) json.RawMessage {
	raw := json.RawMessage(arguments)
	if !json.Valid(raw) || !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		return json.RawMessage("{}")
	}
	return raw
}

// Image is a chunk of an image that is given as base64 or as a data: URL.
func Image(param, mediaType, data string) (engine.Chunk, error) {
	switch {
	case strings.HasPrefix(data, "data:"):
		return engine.Chunk{Type: engine.ImageChunk, ImageURL: data}, nil
	case strings.HasPrefix(data, "http:"), strings.HasPrefix(data, "https:"):
		e := Invalid(param, "%s: images are not fetched", param)
		e.Advice = "Send the image itself, as base64"
		return engine.Chunk{}, e
	case data == "":
		return engine.Chunk{}, Invalid(param, "%s: want the image as base64", param)
	}
	return engine.Chunk{Type: engine.ImageChunk, ImageURL: fmt.Sprintf("data:%s;base64,%s", mediaType, data)}, nil
}
