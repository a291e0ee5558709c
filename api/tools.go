package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// maxTools is La Plateforme's limit, which strict servers keep.
const maxTools = 128

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func (v value) tools() []engine.Tool {
	values := v.list()
	if v.r.strict && len(values) > maxTools {
		v.violate("too_long", fmt.Sprintf("List should have at most %d items after validation, not %d", maxTools, len(values)), map[string]any{"max_length": maxTools})
	}
	var tools []engine.Tool
	for _, e := range values {
		if t, ok := e.tool(); ok {
			tools = append(tools, t)
		}
	}
	return tools
}

func (v value) tool() (engine.Tool, bool) {
	o, ok := v.object()
	if !ok {
		return engine.Tool{}, false
	}
	if t, ok := o.get("type"); ok && t.oneOf("function") == "" { // tools of the hosted service
		return engine.Tool{}, false
	}
	f, ok := o.need("function")
	if !ok {
		return engine.Tool{}, false
	}
	o.done()
	fn, ok := f.object()
	if !ok {
		return engine.Tool{}, false
	}
	tool := engine.Tool{Type: "function", Function: engine.Function{
		Name: fn.needString("name"), Description: fn.string("description"), Strict: fn.boolean("strict"),
		Parameters: json.RawMessage(`{"type":"object","properties":{}}`),
	}}
	if name, ok := fn.get("name"); ok && name.is('"') && !toolName.MatchString(tool.Function.Name) {
		name.violate("string_pattern_mismatch", fmt.Sprintf("Tool %.70q: String should match pattern '%s'", tool.Function.Name, toolName), map[string]any{"pattern": toolName.String()})
	}
	if p, ok := fn.get("parameters"); ok {
		if err := engine.CheckSchema(p.raw); err != nil {
			p.violate("value_error", fmt.Sprintf("Tool %.70q: invalid JSON schema: %v", tool.Function.Name, err), nil)
		}
		tool.Function.Parameters = p.raw
	}
	fn.done()
	return tool, true
}

func (v value) toolChoice(tools []engine.Tool) engine.ToolChoice {
	if !v.is('{') {
		mode := v.oneOf("auto", "none", "any", "required")
		if mode == "required" {
			mode = "any"
		}
		if mode == "any" && len(tools) == 0 {
			v.r.reject(newRefusal("tool_choice", "tool_choice requires a call, but the request has no tools"))
		}
		return engine.ToolChoice{Mode: mode}
	}
	o, _ := v.object()
	o.ignore("type")
	f, ok := o.need("function")
	if !ok {
		return engine.ToolChoice{}
	}
	o.done()
	fn, ok := f.object()
	if !ok {
		return engine.ToolChoice{}
	}
	name := fn.needString("name")
	fn.done()
	if !slices.ContainsFunc(tools, func(t engine.Tool) bool { return t.Function.Name == name }) {
		v.r.reject(newRefusal("tool_choice", "tool_choice names %.70q, which is not among the tools", name))
	}
	return engine.ToolChoice{Function: name}
}
