// Package grammar turns JSON schemas into grammars in llama.cpp's notation (GBNF), so that
// an engine can keep a model to a schema, and checks grammars before llama.cpp parses them.
//
// Every text of a grammar satisfies its schema, but for the keywords that compare parts of
// the value: [Schema.Check] checks those when the answer is complete. What can neither be
// enforced nor checked is refused by name. Not every value that satisfies the schema has a text, since a model needs only one
// way of writing it:
//
//   - Properties are in the order of the schema, each at most once, and additional ones last.
//   - Where a schema names properties and does not mention additionalProperties, there are
//     no others.
//   - A whole number has no fraction and no exponent, and a number has at most 16 digits
//     before and after the point where no bound has more.
//   - Times have no leap seconds.
//   - unevaluatedItems and unevaluatedProperties see one branch of an anyOf, and no if.
//   - Between two parts of an object or a list is at most one blank, and nothing follows the value.
package grammar

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Schema is a JSON schema that a model can be kept to.
type Schema struct {
	Grammar string // GBNF
	// Checked are pointers to the keywords that only Check enforces. Ignored are pointers to
	// annotations: formats and keywords that the specification allows to ignore.
	Checked, Ignored []string

	whole *jsonschema.Schema // nil for more than maxChecked schemas
}

// maxChecked is how many schemas a document may have for the library that checks values: the
// time that it takes to compile them grows with their square, and it cannot be interrupted.
const maxChecked = 5000

// Compile makes a grammar of a JSON schema of draft 7 or 2020-12. It fails with a
// [fault.Invalid] that names the keyword which cannot be enforced.
func Compile(ctx context.Context, schema json.RawMessage) (*Schema, error) {
	return compile(ctx, schema, false)
}

// compile allows properties that the schema does not name, if it is open.
func compile(ctx context.Context, schema json.RawMessage, open bool) (*Schema, error) {
	d, err := newDocument(schema)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "invalid JSON schema: %w", err)
	}
	root, err := d.node("", d.root)
	if err != nil {
		return nil, err
	}
	c := &compiler{ctx: ctx, document: d, checker: newChecker(d), open: open, work: new(int), checked: map[string]bool{}, ignored: map[string]bool{}}
	g, err := c.grammar(conjunction{{node: root}})
	if err != nil {
		return nil, err
	}
	if g == "" {
		return nil, fault.Errorf(fault.Invalid, "no value satisfies the schema")
	}
	s := &Schema{Grammar: g, Checked: slices.Sorted(maps.Keys(c.checked)), Ignored: slices.Sorted(maps.Keys(c.ignored))}
	if len(d.nodes) > maxChecked {
		if len(s.Checked) > 0 {
			return nil, refusal(s.Checked[0], fmt.Errorf("it is checked when the answer is complete, and the schema is too large for that: the limit is %d schemas", maxChecked))
		}
		return s, nil
	}
	if s.whole, err = c.checker.compile(""); err != nil {
		return nil, fault.Errorf(fault.Invalid, "invalid JSON schema: %w", err)
	}
	return s, nil
}

// Check reports what is wrong with an answer. Of very large schemas it knows no more than
// whether the answer is JSON.
func (s *Schema) Check(answer string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
	if err != nil {
		return fmt.Errorf("invalid JSON: %w", err)
	}
	if s.whole == nil {
		return nil
	}
	return engine.SchemaProblem(s.whole.Validate(v))
}

// A checker compiles parts of a document for the library that checks values.
type checker struct {
	document *document
	library  *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const documentURL = "schema:///document.json"

func newChecker(d *document) *checker {
	return &checker{document: d, compiled: map[string]*jsonschema.Schema{}}
}

// load gives the library the document, as draft 2020-12 unless only draft 7 knows what it says.
func (c *checker) load(draft *jsonschema.Draft) error {
	l := jsonschema.NewCompiler()
	l.DefaultDraft(draft)
	l.UseLoader(noLoader{})
	l.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		expr, err := translate(s)
		if err != nil {
			return nil, err
		}
		return regexp.Compile(expr)
	})
	c.library = l
	return l.AddResource(documentURL, plain(c.document.root))
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of the schema", url)
}

// compile compiles the schema at a pointer.
func (c *checker) compile(pointer string) (*jsonschema.Schema, error) {
	if s := c.compiled[pointer]; s != nil {
		return s, nil
	}
	compile := func() (*jsonschema.Schema, error) { return c.library.Compile(documentURL + "#" + fragment(pointer)) }
	var s *jsonschema.Schema
	var err error
	if c.library != nil {
		s, err = compile()
	} else {
		for _, draft := range []*jsonschema.Draft{jsonschema.Draft2020, jsonschema.Draft7} {
			if err = c.load(draft); err != nil {
				continue
			}
			if s, err = compile(); err == nil {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	c.compiled[pointer] = s
	return s, nil
}

// fragment escapes a pointer for a URL.
func fragment(pointer string) string {
	var b strings.Builder
	for _, c := range []byte(pointer) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/$~_-.", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// plain is a value with ordinary maps.
func plain(v any) any {
	switch v := v.(type) {
	case *object:
		m := make(map[string]any, len(v.keys))
		for k, e := range v.values {
			m[k] = plain(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	}
	return v
}

// maxWork is how many combinations of schemas are looked at.
const maxWork = 50_000

type compiler struct {
	*document
	ctx     context.Context
	w       *writer
	checker *checker
	open    bool // values that the schema allows and the grammar usually leaves out are wanted too
	overlap bool // branches of oneOf may overlap
	work    *int
	todo    []pending

	checked, ignored map[string]bool // see Schema
}

// check notes that a keyword is enforced when the answer is complete.
func (c *compiler) check(n *node, keyword string) { c.checked[n.pointer+"/"+keyword] = true }

type pending struct {
	rule int
	all  conjunction
}

// grammar writes the grammar of a conjunction, "" where no value satisfies it.
func (c *compiler) grammar(all conjunction) (string, error) {
	c.w = &writer{shared: map[string]int{}}
	root := c.w.reserve()
	c.w.set(root, seq(ref(c.value(all))))
	for len(c.todo) > 0 {
		p := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		if c.ctx.Err() != nil {
			return "", context.Cause(c.ctx)
		}
		if c.w.full() {
			return "", fault.Errorf(fault.Invalid, "%w", errLarge)
		}
		if err := c.fill(p); err != nil {
			return "", err
		}
	}
	return c.w.finish(c.ctx)
}

// value returns the rule of the values that satisfy a conjunction.
func (c *compiler) value(all conjunction) int {
	all = slices.DeleteFunc(slices.Clone(all), func(l literal) bool { return l.node.allowsAll() }).sorted()
	return c.w.once("value "+all.key(), func(n int) { c.todo = append(c.todo, pending{n, all}) })
}

// fill writes the rule of a conjunction.
func (c *compiler) fill(p pending) error {
	shapes, err := c.shapes(p.all)
	if err != nil {
		return err
	}
	var alternatives [][]element
	seen := map[int]bool{}
	for _, s := range shapes {
		rules, err := c.shape(s)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if !seen[r] {
				seen[r] = true
				alternatives = append(alternatives, seq(ref(r)))
			}
		}
	}
	c.w.set(p.rule, alternatives...)
	return nil
}

// A shape is a conjunction without branches: its references are followed, and a branch of
// each anyOf and oneOf is chosen.
type shape struct {
	all conjunction
	top *node // what the others are part of; nil for more than one
}

// shapes returns the shapes of which a value has to have one.
func (c *compiler) shapes(all conjunction) ([]shape, error) {
	if *c.work++; *c.work > maxWork {
		return nil, fault.Errorf(fault.Invalid, "the schema is too complex: its branches have more than %d combinations", maxWork)
	}
	if c.ctx.Err() != nil {
		return nil, context.Cause(c.ctx)
	}
	var top *node
	if len(all) == 1 {
		top = all[0].node
	}
	return c.expand(all, top)
}

func (c *compiler) expand(all conjunction, top *node) ([]shape, error) {
	if *c.work++; *c.work > maxWork {
		return nil, fault.Errorf(fault.Invalid, "the schema is too complex: its branches have more than %d combinations", maxWork)
	}
	var out conjunction
	seen := map[*node]bool{}
	todo := slices.Clone(all)
	for len(todo) > 0 {
		l := todo[0]
		todo = todo[1:]
		if seen[l.node] {
			continue
		}
		seen[l.node] = true
		if l.node.never {
			return nil, nil
		}
		if l.node.object == nil {
			continue
		}
		out = append(out, l)
		if to, ok := l.node.get("$ref").(string); ok {
			n, err := c.resolve(l.node, to)
			if err != nil {
				return nil, err
			}
			todo = append(todo, literal{node: n})
		}
		for i, v := range list(l.node.get("allOf")) {
			n, err := c.child(l.node, v, "allOf", fmt.Sprint(i))
			if err != nil {
				return nil, err
			}
			todo = append(todo, literal{node: n})
		}
	}
	out = out.sorted()
	for i, l := range out {
		for _, keyword := range []string{"anyOf", "oneOf"} {
			settled := l.anyOf
			if keyword == "oneOf" {
				settled = l.oneOf
			}
			if !l.node.has(keyword) || settled {
				continue
			}
			rest := slices.Clone(out)
			rest[i].anyOf = rest[i].anyOf || keyword == "anyOf"
			rest[i].oneOf = rest[i].oneOf || keyword == "oneOf"
			var branches []*node
			for j, v := range list(l.node.get(keyword)) {
				n, err := c.child(l.node, v, keyword, fmt.Sprint(j))
				if err != nil {
					return nil, err
				}
				branches = append(branches, n)
			}
			if keyword == "oneOf" && !c.overlap {
				if err := c.disjoint(l.node, rest, branches); err != nil {
					return nil, err
				}
			}
			var shapes []shape
			for _, b := range branches {
				more, err := c.expand(append(slices.Clone(rest), literal{node: b}), top)
				if err != nil {
					return nil, err
				}
				shapes = append(shapes, more...)
			}
			return shapes, nil
		}
	}
	return []shape{{out, top}}, nil
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// disjoint reports the branches of a oneOf that may both match.
func (c *compiler) disjoint(n *node, rest conjunction, branches []*node) error {
	for i, a := range branches {
		for j, b := range branches[:i] {
			if differ(a, b) {
				continue
			}
			other := &compiler{document: c.document, ctx: c.ctx, checker: c.checker, open: true, overlap: true, work: c.work, checked: c.checked, ignored: c.ignored}
			g, err := other.grammar(append(slices.Clone(rest), literal{node: a}, literal{node: b}))
			if err != nil {
				return err
			}
			if g != "" {
				return n.refuse("oneOf", "a value may satisfy both the branches %d and %d; use anyOf", j, i)
			}
		}
	}
	return nil
}

// differ reports whether two schemas have different types, or different constants for a
// required property.
func differ(a, b *node) bool {
	if a.never || b.never {
		return true
	}
	if typesOf(a)&typesOf(b) == 0 {
		return true
	}
	if typesOf(a)&typesOf(b) != typeObject {
		return false
	}
	required := stringList(b.get("required"))
	for _, name := range stringList(a.get("required")) {
		if !slices.Contains(required, name) {
			continue
		}
		x, okX := constant(a, name)
		y, okY := constant(b, name)
		if okX && okY && x != y {
			return true
		}
	}
	return false
}

// constant returns the string that a property always is.
func constant(n *node, name string) (string, bool) {
	properties, _ := n.get("properties").(*object)
	if properties == nil {
		return "", false
	}
	p, _ := properties.get(name).(*object)
	if p == nil {
		return "", false
	}
	v := p.get("const")
	if values := list(p.get("enum")); len(values) == 1 && v == nil {
		v = values[0]
	}
	s, ok := v.(string)
	return s, ok
}
