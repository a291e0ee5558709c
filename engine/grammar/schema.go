package grammar

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// An object is a JSON object that keeps the order of its keys.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) get(key string) any { return o.values[key] }

// decode reads JSON into *object, []any, json.Number, string, bool and nil.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return decodeNext(d)
}

func decodeNext(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			k := key.(string)
			if _, ok := o.values[k]; !ok {
				o.keys = append(o.keys, k)
			}
			o.values[k] = v
		}
		_, err = d.Token()
		return o, err
	}
	return t, nil
}

// A node is a schema within the document.
type node struct {
	id      int
	pointer string
	object  *object // nil for true and false
	never   bool    // the schema false
}

func (n *node) get(key string) any {
	if n.object == nil {
		return nil
	}
	return n.object.get(key)
}

func (n *node) has(key string) bool {
	if n.object == nil {
		return false
	}
	_, ok := n.object.values[key]
	return ok
}

// allowsAll reports whether the schema has annotations only.
func (n *node) allowsAll() bool {
	if n.object == nil {
		return !n.never
	}
	return !slices.ContainsFunc(n.object.keys, func(k string) bool {
		return k != "title" && k != "description" && k != "default" && k != "examples" && k != "$comment"
	})
}

// refuse is the error of a keyword that cannot be enforced.
func (n *node) refuse(keyword, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return refusal(n.pointer+"/"+keyword, err)
}

func refusal(pointer string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("cannot enforce %s: %v", cmp.Or(pointer, "the schema"), err), Cause: err}
}

// A literal is a node whose anyOf or oneOf may be settled already.
type literal struct {
	node         *node
	anyOf, oneOf bool // a branch has been chosen
}

// A conjunction is the schemas that a value has to satisfy all.
type conjunction []literal

func (c conjunction) key() string {
	var b strings.Builder
	for _, l := range c {
		fmt.Fprintf(&b, "%d", l.node.id)
		if l.anyOf {
			b.WriteByte('a')
		}
		if l.oneOf {
			b.WriteByte('o')
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// sorted puts literals in order and removes duplicates.
func (c conjunction) sorted() conjunction {
	slices.SortFunc(c, func(a, b literal) int { return a.node.id - b.node.id })
	return slices.CompactFunc(c, func(a, b literal) bool { return a.node == b.node })
}

// A document finds the schemas of a JSON document.
type document struct {
	root    any
	id      string           // the root's $id
	nodes   map[string]*node // by pointer
	anchors map[string]string
	bases   []string // pointers of inner schemas with an $id

	branched map[*object]bool // schemas whose if is in their allOf
}

func newDocument(data []byte) (*document, error) {
	root, err := decode(data)
	if err != nil {
		return nil, err
	}
	d := &document{root: root, nodes: map[string]*node{}, anchors: map[string]string{}, branched: map[*object]bool{}}
	if o, ok := root.(*object); ok {
		d.id, _ = o.get("$id").(string)
		d.id = strings.TrimSuffix(d.id, "#")
	}
	d.index(root, "", false)
	d.branchConditions(root)
	return d, nil
}

// index finds the anchors of the document, and the schemas within that have an $id: these are
// separate documents.
func (d *document) index(v any, pointer string, inner bool) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			d.index(e, pointer+"/"+strconv.Itoa(i), inner)
		}
	case *object:
		if id, ok := v.get("$id").(string); ok && pointer != "" {
			if a, ok := strings.CutPrefix(id, "#"); ok {
				d.anchors[a] = pointer
			} else {
				d.bases = append(d.bases, pointer)
				inner = true
			}
		}
		if a, ok := v.get("$anchor").(string); ok && !inner {
			d.anchors[a] = pointer
		}
		for _, k := range v.keys {
			if k != "enum" && k != "const" {
				d.index(v.values[k], pointer+"/"+escape(k), inner)
			}
		}
	}
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(key string) string {
	return escaper.Replace(key)
}

// node returns the schema v that is at a pointer.
func (d *document) node(pointer string, v any) (*node, error) {
	if n := d.nodes[pointer]; n != nil {
		return n, nil
	}
	n := &node{id: len(d.nodes), pointer: pointer}
	switch v := v.(type) {
	case *object:
		n.object = v
	case bool:
		n.never = !v
	default:
		return nil, refusal(pointer, errors.New("it is not a schema"))
	}
	d.nodes[pointer] = n
	return n, nil
}

// child returns a schema of a keyword's value: the value itself, or its member by the path.
func (d *document) child(n *node, v any, path ...string) (*node, error) {
	pointer := n.pointer
	for _, p := range path {
		pointer += "/" + escape(p)
	}
	return d.node(pointer, v)
}

// resolve finds what a $ref refers to.
func (d *document) resolve(n *node, to string) (*node, error) {
	// A schema with an $id of its own is a document of its own.
	v, base := d.root, ""
	for _, b := range d.bases {
		if strings.HasPrefix(n.pointer+"/", b+"/") && len(b) > len(base) {
			base = b
		}
	}
	fragment, ok := strings.CutPrefix(to, "#")
	if !ok && d.id != "" && base == "" {
		if rest, ok2 := strings.CutPrefix(to, d.id); ok2 && (rest == "" || rest[0] == '#') {
			fragment, ok = strings.TrimPrefix(rest, "#"), true
		}
	}
	if !ok {
		return nil, n.refuse("$ref", "%q is outside of the schema", to)
	}
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, n.refuse("$ref", "invalid reference %q", to)
	}
	if base != "" && to != "#" && !strings.HasPrefix(pointer, "/") {
		return nil, n.refuse("$ref", "references below another $id are supported only as pointers")
	}
	if pointer != "" && pointer[0] != '/' {
		if pointer, ok = d.anchors[pointer]; !ok {
			return nil, n.refuse("$ref", "nothing in the schema has the anchor of %q", to)
		}
	}
	pointer = base + pointer
	clean := ""
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = unescaper.Replace(part)
		ok := false
		switch at := v.(type) {
		case *object:
			v, ok = at.values[part]
		case []any:
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(at) {
				v, ok = at[i], true
			}
		}
		if !ok {
			return nil, n.refuse("$ref", "nothing is at %q", to)
		}
		clean += "/" + escape(part)
	}
	return d.node(clean, v)
}

// rational returns a number of bounded size.
func rational(v any) (*big.Rat, error) {
	s, ok := v.(json.Number)
	if !ok {
		return nil, errors.New("it is not a number")
	}
	mantissa, exponent := string(s), 0
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(mantissa[i+1:]); err != nil {
			exponent = 1 << 30
		}
	}
	r, ok := new(big.Rat), len(s) < 1000 && exponent > -1000 && exponent < 1000
	if ok {
		_, ok = r.SetString(string(s))
	}
	if !ok {
		return nil, fmt.Errorf("it has more than %d digits", maxDigits)
	}
	return r, nil
}

// manyTimes is a count that no answer reaches.
const manyTimes = 1 << 20

// count returns a keyword's count and whether the node has it.
func (n *node) count(keyword string) (int, bool, error) {
	if !n.has(keyword) {
		return 0, false, nil
	}
	r, err := rational(n.get(keyword))
	if err != nil {
		return 0, false, n.refuse(keyword, "%w", err)
	}
	switch {
	case !r.IsInt() || r.Sign() < 0:
		return 0, false, n.refuse(keyword, "want a whole number that is not negative")
	case !r.Num().IsInt64() || r.Num().Int64() > manyTimes:
		return manyTimes, true, nil
	}
	return int(r.Num().Int64()), true, nil
}

// stringList returns a list of strings.
func stringList(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// quote writes a JSON string as the grammar's own strings are written.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch i := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case i >= 0:
			b.WriteByte('\\')
			b.WriteByte(`"\bfnrt`[i])
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
