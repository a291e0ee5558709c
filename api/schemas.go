package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/fault"
)

// Headers of a strict server's answers. They have JSON pointers to keywords of the request's
// schema, encoded as in URLs and separated by commas.
const (
	// schemaChecked has what only a complete answer is checked for.
	schemaChecked = "Bise-Schema-Checked"
	// schemaIgnored has what has no effect.
	schemaIgnored = "Bise-Schema-Ignored"
)

// CheckSchemas says in headers what of its schema a request's answer is not kept to, if the
// server is strict. If the schema is strict, a keyword without effect is an error that
// names it. Param is the schema's place in the request.
func (c Config) CheckSchemas(ctx context.Context, w http.ResponseWriter, req *engine.ChatRequest, param string) error {
	if !c.Strict {
		return nil
	}
	var checked, ignored []string
	check := func(schema json.RawMessage, strict bool, param string) error {
		s, err := grammar.Compile(ctx, schema)
		if invalid, ok := errors.AsType[*fault.Error](err); ok {
			invalid.Param = param
		}
		if err != nil {
			return err
		}
		if strict && len(s.Ignored) > 0 {
			msg := fmt.Sprintf("%s: the schema is strict, and bise does not enforce its %.200s", param, s.Ignored[0])
			if more := len(s.Ignored) - 1; more > 0 {
				msg += fmt.Sprintf(" (and %d more)", more)
			}
			return newRefusal(param, "%s", msg).advise("Leave the keyword out, or set strict to false")
		}
		checked, ignored = append(checked, s.Checked...), append(ignored, s.Ignored...)
		return nil
	}
	if f := req.ResponseFormat; f != nil && f.Type == "json_schema" && f.JSONSchema != nil {
		if err := check(f.JSONSchema.Schema, f.JSONSchema.Strict, param); err != nil {
			return err
		}
	}
	for _, t := range req.Tools {
		// Only a call that has to be made is kept to a schema.
		if name := req.ToolChoice.Function; name == t.Function.Name || name == "" && req.ToolChoice.Mode == "any" {
			if err := check(t.Function.Parameters, t.Function.Strict, "tools"); err != nil {
				return err
			}
		}
	}
	setPointers(w, schemaChecked, checked)
	setPointers(w, schemaIgnored, ignored)
	return nil
}

// setPointers sets a header to as many pointers as a header should have.
func setPointers(w http.ResponseWriter, header string, pointers []string) {
	const longest = 2000 // bytes
	var b strings.Builder
	for _, p := range pointers {
		p = strings.ReplaceAll((&url.URL{Path: p}).EscapedPath(), ",", "%2C")
		if b.Len()+len(p)+len(", ...") > longest {
			b.WriteString(", ...")
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p)
	}
	if b.Len() > 0 {
		w.Header().Set(header, b.String())
	}
}
