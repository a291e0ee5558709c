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
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
)

// constrain makes an answer follow the grammar, schema or tool choice asked for.
func (e *Engine) constrain(ctx context.Context, j *scheduler.Job, r *engine.ChatRequest) (err error) {
	switch f := r.ResponseFormat; {
	case r.ToolChoice.Function != "" || r.ToolChoice.Mode == "any" && len(r.Tools) > 0:
		j.Steps, err = e.callSteps(ctx, r)
	case r.Grammar != "":
		err = followGrammar(ctx, j, r.Grammar)
	case f == nil || f.Type == "" || f.Type == "text":
	case f.Type == "json_object":
		err = follow(ctx, j, json.RawMessage(`{"type":"object"}`))
	default:
		err = follow(ctx, j, f.JSONSchema.Schema)
	}
	return err
}

// followGrammar makes the answer a sentence of a grammar.
func followGrammar(ctx context.Context, j *scheduler.Job, source string) error {
	if err := grammar.CheckGBNF(ctx, source); err != nil {
		return err
	}
	j.Steps = []scheduler.Step{{Grammar: source}}
	return nil
}

// follow makes the answer a value that satisfies a JSON schema.
func follow(ctx context.Context, j *scheduler.Job, schema json.RawMessage) error {
	s, err := compileSchema(ctx, schema, "response_format")
	if err != nil {
		return err
	}
	j.Steps, j.Schema = []scheduler.Step{{Grammar: s.Grammar}}, s
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
func (e *Engine) callSteps(ctx context.Context, r *engine.ChatRequest) ([]scheduler.Step, error) {
	f, ok := e.format.(prompt.Forcer)
	var layout []prompt.Step
	if ok {
		layout = f.Force(r)
	}
	if layout == nil {
		return nil, &fault.Error{Kind: fault.Unsupported, Param: "tool_choice", Msg: fmt.Sprintf("%s does not support forced tool calls", e.name), Advice: "Leave tool_choice out, or use a model that calls tools."}
	}
	var steps []scheduler.Step
	for _, l := range layout {
		var st scheduler.Step
		ids, _, err := prompt.Encode(e.vocab, prompt.Prompt{Segments: l.Begin})
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

// arm gives a job its samplers.
func (e *Engine) arm(ctx context.Context, j *scheduler.Job, r *engine.Sampling, temperature float64) (err error) {
	p := settle(r, temperature)
	defer func() {
		if err != nil {
			j.Free()
		}
	}()
	j.Exact = j.Seeded || p.temperature <= 0
	for range r.Choices() {
		s := boundSampler{newSampler(e.instance.m, p, j.Ends), e}
		j.Samplers = append(j.Samplers, s)
		if len(j.Steps) > 0 {
			if err := s.Constrain(ctx, j.Steps[0].Grammar); err != nil {
				return err
			}
		}
		if p.remembersPrompt() {
			for _, id := range j.Prompt[max(0, len(j.Prompt)-p.lookBack()):] {
				if id >= 0 {
					s.Accept(id)
				}
			}
		}
		p.seed++
	}
	return nil
}

// maxBuilds is how many grammars are built at once.
const maxBuilds = 2

var builders = make(chan struct{}, maxBuilds)

// grammar builds a grammar, nil for "". llama.cpp cannot be stopped in that, and takes seconds
// for a large one. So if ctx ends, the grammar is finished aside and freed.
func (e *Engine) grammar(ctx context.Context, source string) (*grammarRules, error) {
	if source == "" {
		return nil, nil
	}
	select {
	case builders <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type result struct {
		g   *grammarRules
		err error
	}
	built := make(chan result)
	e.builds.Go(func() {
		g, err := newGrammar(e.instance.m, source)
		<-builders
		select {
		case built <- result{g, err}:
		case <-ctx.Done():
			if g != nil {
				g.free()
			}
		}
	})
	select {
	case r := <-built:
		if r.err != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "grammar", Msg: "the grammar cannot be used: " + r.err.Error()}
		}
		return r.g, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
