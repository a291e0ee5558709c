//go:build cgo

package llama

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A step constrains a part of an answer: force is written first, then grammar constrains
// the text until it is complete, and the next step begins. by selects the grammar by the
// text of the step before.
type step struct {
	force   []token
	grammar string
	by      map[string]string
}

// constrain makes an answer follow the grammar, schema or tool choice asked for.
func (e *Engine) constrain(j *job, r *engine.ChatRequest) (err error) {
	switch f := r.ResponseFormat; {
	case r.ToolChoice.Function != "" || r.ToolChoice.Mode == "any" && len(r.Tools) > 0:
		j.steps, err = e.callSteps(r)
	case r.Grammar != "":
		j.steps = []step{{grammar: r.Grammar}}
	case f == nil || f.Type == "" || f.Type == "text":
	case f.Type == "json_object":
		err = j.follow(json.RawMessage(`{"type":"object"}`))
	default:
		err = j.follow(f.JSONSchema.Schema)
	}
	return err
}

func (j *job) follow(schema json.RawMessage) error {
	g, err := schemaGrammar(string(schema))
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Param: "response_format", Msg: "the JSON schema cannot be used: " + err.Error()}
	}
	j.steps = []step{{grammar: g}}
	return nil
}

// callSteps makes an answer one of the tool calls that the format can express.
func (e *Engine) callSteps(r *engine.ChatRequest) ([]step, error) {
	f, ok := e.format.(prompt.Forcer)
	var layout []prompt.Step
	if ok {
		layout = f.Force(r)
	}
	if layout == nil {
		return nil, &fault.Error{Kind: fault.Unsupported, Param: "tool_choice", Msg: fmt.Sprintf("%s does not support forced tool calls", e.name), Advice: "Leave tool_choice out, or use a model that calls tools."}
	}
	var steps []step
	for _, l := range layout {
		var st step
		ids, _, err := prompt.Encode(e.vocab, prompt.Prompt{Segments: l.Begin})
		if err != nil {
			return nil, err
		}
		st.force = ids
		space := ""
		if l.Space {
			space = `" "? `
		}
		switch {
		case l.OneOf != nil:
			var names []string
			for _, s := range l.OneOf {
				names = append(names, strconv.Quote(s))
			}
			st.grammar = "root ::= " + space + "(" + strings.Join(names, " | ") + ")"
		case l.Pattern != "":
			st.grammar = "root ::= " + space + l.Pattern
		case l.Schema != nil:
			st.grammar, err = toolGrammar(l.Schema, space)
		case l.Schemas != nil:
			st.by = map[string]string{}
			for name, schema := range l.Schemas {
				if st.by[name], err = toolGrammar(schema, space); err != nil {
					break
				}
			}
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, st)
	}
	return steps, nil
}

// toolGrammar is the grammar of a schema, after what space allows.
func toolGrammar(schema json.RawMessage, space string) (string, error) {
	if err := engine.CheckSchema(schema); err != nil {
		return "", &fault.Error{Kind: fault.Invalid, Param: "tools", Msg: "invalid JSON schema of a tool: " + err.Error()}
	}
	g, err := schemaGrammar(string(schema))
	if err != nil {
		return "", &fault.Error{Kind: fault.Invalid, Param: "tools", Msg: "a tool's JSON schema cannot be used: " + err.Error()}
	}
	if space == "" {
		return g, nil
	}
	// llama.cpp names the rule of the whole schema root.
	const whole = "root ::="
	lines := strings.Split(g, "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, whole); ok {
			lines[i] = "bise-schema ::=" + rest
		}
	}
	return "root ::= " + space + "bise-schema\n" + strings.Join(lines, "\n"), nil
}
