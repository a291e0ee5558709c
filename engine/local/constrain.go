package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// A Model is what the constraints of an answer depend on.
type Model struct {
	Name   string
	Vocab  tokenizer.Tokenizer
	Format prompt.Format
}

// Constrain returns the steps of the grammar, schema or tool choice that a request asks for, nil for
// none, and the schema that the whole answer is checked against, nil for none.
func (m Model) Constrain(ctx context.Context, r *engine.ChatRequest) ([]scheduler.Step, *grammar.Schema, error) {
	switch f := r.ResponseFormat; {
	case r.ToolChoice.Function != "" || r.ToolChoice.Mode == "any" && len(r.Tools) > 0:
		steps, err := m.callSteps(ctx, r)
		return steps, nil, err
	case r.Grammar != "":
		steps, err := GrammarSteps(ctx, r.Grammar)
		return steps, nil, err
	case f == nil || f.Type == "" || f.Type == "text":
		return nil, nil, nil
	case f.Type == "json_object":
		return schemaSteps(ctx, json.RawMessage(`{"type":"object"}`))
	default:
		return schemaSteps(ctx, f.JSONSchema.Schema)
	}
}

// GrammarSteps makes the answer a sentence of a grammar.
func GrammarSteps(ctx context.Context, source string) ([]scheduler.Step, error) {
	if err := grammar.CheckGBNF(ctx, source); err != nil {
		return nil, err
	}
	return []scheduler.Step{{Grammar: source}}, nil
}

// schemaSteps makes the answer a value that satisfies a JSON schema.
func schemaSteps(ctx context.Context, schema json.RawMessage) ([]scheduler.Step, *grammar.Schema, error) {
	s, err := compileSchema(ctx, schema, "response_format")
	if err != nil {
		return nil, nil, err
	}
	return []scheduler.Step{{Grammar: s.Grammar}}, s, nil
}

func compileSchema(ctx context.Context, schema json.RawMessage, param string) (*grammar.Schema, error) {
	s, err := grammar.Compile(ctx, schema)
	if invalid, ok := errors.AsType[*fault.Error](err); ok {
		invalid.Param = param
	}
	return s, err
}

// callSteps makes an answer one of the tool calls that the format can express.
func (m Model) callSteps(ctx context.Context, r *engine.ChatRequest) ([]scheduler.Step, error) {
	f, ok := m.Format.(prompt.Forcer)
	var layout []prompt.Step
	if ok {
		layout = f.Force(r)
	}
	if layout == nil {
		return nil, &fault.Error{Kind: fault.Unsupported, Param: "tool_choice", Msg: fmt.Sprintf("%s does not support forced tool calls", m.Name), Advice: "Leave tool_choice out, or use a model that calls tools."}
	}
	var steps []scheduler.Step
	for _, l := range layout {
		var st scheduler.Step
		ids, _, err := prompt.Encode(m.Vocab, prompt.Prompt{Segments: l.Begin})
		if err != nil {
			return nil, err
		}
		st.Force = ids
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
			st.Grammar = "root ::= " + space + "(" + strings.Join(names, " | ") + ")"
		case l.Pattern != "":
			st.Grammar = "root ::= " + space + l.Pattern
		case l.Schema != nil:
			st.Grammar, err = toolGrammar(ctx, l.Schema, space)
		case l.Schemas != nil:
			st.By = map[string]string{}
			for name, schema := range l.Schemas {
				if st.By[name], err = toolGrammar(ctx, schema, space); err != nil {
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
