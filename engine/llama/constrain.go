//go:build cgo

package llama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
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
func (e *Engine) constrain(ctx context.Context, j *job, r *engine.ChatRequest) (err error) {
	switch f := r.ResponseFormat; {
	case r.ToolChoice.Function != "" || r.ToolChoice.Mode == "any" && len(r.Tools) > 0:
		j.steps, err = e.callSteps(ctx, r)
	case r.Grammar != "":
		err = j.followGrammar(ctx, r.Grammar)
	case f == nil || f.Type == "" || f.Type == "text":
	case f.Type == "json_object":
		err = j.follow(ctx, json.RawMessage(`{"type":"object"}`))
	default:
		err = j.follow(ctx, f.JSONSchema.Schema)
	}
	return err
}

// followGrammar makes the answer a sentence of a grammar.
func (j *job) followGrammar(ctx context.Context, source string) error {
	if err := grammar.CheckGBNF(ctx, source); err != nil {
		return err
	}
	j.steps = []step{{grammar: source}}
	return nil
}

// follow makes the answer a value that satisfies a JSON schema.
func (j *job) follow(ctx context.Context, schema json.RawMessage) error {
	s, err := compileSchema(ctx, schema, "response_format")
	if err != nil {
		return err
	}
	j.steps, j.schema = []step{{grammar: s.Grammar}}, s
	return nil
}

func compileSchema(ctx context.Context, schema json.RawMessage, param string) (*grammar.Schema, error) {
	s, err := grammar.Compile(ctx, schema)
	if invalid, ok := errors.AsType[*fault.Error](err); ok {
		invalid.Param = param
	}
	return s, err
}

// callSteps makes an answer one of the tool calls that the format can express.
func (e *Engine) callSteps(ctx context.Context, r *engine.ChatRequest) ([]step, error) {
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
			st.grammar, err = toolGrammar(ctx, l.Schema, space)
		case l.Schemas != nil:
			st.by = map[string]string{}
			for name, schema := range l.Schemas {
				if st.by[name], err = toolGrammar(ctx, schema, space); err != nil {
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
func toolGrammar(ctx context.Context, schema json.RawMessage, space string) (string, error) {
	if err := engine.CheckSchema(schema); err != nil {
		return "", &fault.Error{Kind: fault.Invalid, Param: "tools", Msg: "invalid JSON schema of a tool: " + err.Error()}
	}
	s, err := compileSchema(ctx, schema, "tools")
	if err != nil {
		return "", err
	}
	if len(s.Checked) > 0 {
		return "", &fault.Error{Kind: fault.Invalid, Param: "tools", Msg: fmt.Sprintf("cannot enforce %s: arguments of tools are not checked when they are complete", s.Checked[0])}
	}
	return strings.Replace(s.Grammar, "root ::= ", "root ::= "+space, 1), nil
}
