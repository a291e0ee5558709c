// Package jinja renders the chat templates of models. It implements the part of Jinja2
// that they use, with the settings and extensions of Hugging Face's transformers
// (trim_blocks, lstrip_blocks, loop controls, tojson without HTML escapes,
// raise_exception, strftime_now).
//
// It differs from a general template engine in two ways.
//
// A template comes in a downloaded file, so it may be hostile. [Limits] bound the steps,
// the bytes and the nesting. Nothing in the language reaches outside: no files, no imports,
// and no mutable values except namespaces.
//
// A [Text] records which of its bytes come from the template and which from outside,
// through every slice, join and filter. So control tokens differ from user text that
// looks like them, whatever the template does.
package jinja

import (
	"errors"
	"fmt"
)

// Limits bound the cost of rendering.
type Limits struct {
	Steps int   // evaluations of a node; long strings count as more
	Bytes int64 // made in strings and lists, over the whole run
}

// Limits of the parser. Published templates have up to 25 KB and a dozen levels of
// expressions.
const (
	maxSource  = 1 << 20 // bytes
	maxNesting = 100     // of blocks and expressions in the source
	maxDepth   = 1000    // of nodes and macros being evaluated
	maxValue   = 100     // of lists and maps in each other
)

// A Raised is the error of a template that called raise_exception to reject a
// conversation.
type Raised struct {
	Message string
}

func (r *Raised) Error() string { return r.Message }

// ErrLimit reports that rendering took more than its limits allow.
var ErrLimit = errors.New("it exceeds the limits of time and memory")

// A Template is a parsed template. It may be used from any goroutine.
type Template struct {
	body  []statement
	names map[string]bool
}

// Parse reads a template.
func Parse(source string) (t *Template, err error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("parse the template: %d bytes: the limit is %d", len(source), maxSource)
	}
	p := &parser{names: map[string]bool{}}
	defer func() {
		if f, ok := caught(recover()); ok {
			t, err = nil, fmt.Errorf("parse the template, line %d: %w", p.line(), f.err)
		}
	}()
	p.tokens = lex(source)
	body := p.block()
	if !p.at(tokenEnd, "") {
		fail("unexpected %s", p.peek())
	}
	return &Template{body: body, names: p.names}, nil
}

// Mentions reports whether the template uses a variable of this name.
func (t *Template) Mentions(name string) bool { return t.names[name] }

// Render runs the template. The error wraps a *[Raised] if the template rejects the
// conversation, or [ErrLimit].
func (t *Template) Render(variables *Dict, limits Limits) (out Text, err error) {
	m := &machine{steps: limits.Steps, bytes: limits.Bytes}
	defer func() {
		if f, ok := caught(recover()); ok {
			out, err = Text{}, fmt.Errorf("render the template, line %d: %w", m.line, f.err)
		}
	}()
	global := &scope{vars: map[string]Value{}}
	for name, f := range functions {
		global.vars[name] = f
	}
	top := &scope{vars: map[string]Value{}, parent: global}
	for i, k := range variables.keys {
		if name, ok := k.(Text); ok {
			top.vars[name.s] = variables.values[i]
		}
	}
	var b builder
	m.out = &b
	m.run(t.body, top)
	return b.text(), nil
}

// A fault unwinds parsing or rendering, as in package text/template.
type fault struct{ err error }

func fail(format string, args ...any) { panic(fault{fmt.Errorf(format, args...)}) }

func caught(r any) (fault, bool) {
	if r == nil {
		return fault{}, false
	}
	f, ok := r.(fault)
	if !ok {
		panic(r)
	}
	return f, true
}
