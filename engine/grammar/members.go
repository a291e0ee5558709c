package grammar

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

// maxPatterns is how many patternProperties an object may have: each set of them is a
// kind of property.
const maxPatterns = 6

// A property is a member of an object that the schema names.
type property struct {
	name     string
	required bool
	value    int
}

// An extra is the members that the schema does not name, of one kind.
type extra struct{ key, value int }

// members returns the rule of a shape's objects.
func (c *compiler) members(s shape, _ types) (int, error) {
	low, high := 0, -1
	var names, required []string
	seen := map[string]bool{}
	named, additional := false, false
	var keys conjunction
	for _, l := range s.all {
		n := l.node
		if err := contradiction(n, "minProperties", "maxProperties"); err != nil {
			return 0, err
		}
		lo, _, err := n.count("minProperties")
		if err != nil {
			return 0, err
		}
		low = max(low, lo)
		hi, ok, err := n.count("maxProperties")
		if err != nil {
			return 0, err
		}
		if ok && hi < manyTimes && (high < 0 || hi < high) {
			high = hi
		}
		if p, ok := n.get("properties").(*object); ok {
			named = true
			for _, k := range p.keys {
				if !seen[k] {
					seen[k] = true
					names = append(names, k)
				}
			}
		}
		named = named || n.has("patternProperties")
		additional = additional || n.has("additionalProperties")
		required = append(required, stringList(n.get("required"))...)
		if n.has("propertyNames") {
			k, err := c.child(n, n.get("propertyNames"), "propertyNames")
			if err != nil {
				return 0, err
			}
			keys = append(keys, literal{node: k})
		}
		if n.has("unevaluatedProperties") && n != s.top {
			return 0, n.refuse("unevaluatedProperties", "it is supported only where it is not combined with other schemas")
		}
	}
	needed := map[string]bool{}
	for _, k := range required {
		needed[k] = true
		if !seen[k] {
			seen[k] = true
			names = append(names, k)
		}
	}
	if err := c.dependencies(s.all, seen, needed); err != nil {
		return 0, err
	}
	var allowed *lang
	if len(keys) > 0 {
		var err error
		if allowed, err = c.keys(keys.sorted()); err != nil {
			return 0, refusal(keys[0].node.pointer, err)
		}
	}
	patterns, err := c.keyPatterns(s.all)
	if err != nil {
		return 0, err
	}
	var properties []property
	for _, k := range names {
		if allowed != nil && !allowed.has(k) {
			if needed[k] {
				return c.w.add(), nil
			}
			continue
		}
		all, err := c.memberOf(s, patterns, k, func(p *lang) bool { return p.has(k) })
		if err != nil {
			return 0, err
		}
		properties = append(properties, property{k, needed[k], c.value(all)})
	}
	closed := named && !additional && !c.open
	extras, err := c.extras(s, patterns, names, allowed, closed)
	if err != nil {
		return 0, err
	}
	return c.object(s.all, properties, extras, low, high)
}

// dependencies refuses what makes properties depend on each other, unless it never applies.
func (c *compiler) dependencies(all conjunction, seen, needed map[string]bool) error {
	for _, l := range all {
		for _, keyword := range []string{"dependentRequired", "dependentSchemas", "dependencies"} {
			o, ok := l.node.get(keyword).(*object)
			if !ok && l.node.has(keyword) {
				return l.node.refuse(keyword, "want an object")
			}
			if !ok {
				continue
			}
			for _, k := range o.keys {
				v := o.values[k]
				others, isList := v.([]any)
				if v == true || isList && !slices.ContainsFunc(others, func(o any) bool { s, _ := o.(string); return !needed[s] }) {
					continue
				}
				return l.node.refuse(keyword, "properties that depend on %q are not supported", k)
			}
		}
	}
	return nil
}

// A keyPattern is a pattern of patternProperties.
type keyPattern struct {
	node    *node
	pattern string
	lang    *lang
}

func (c *compiler) keyPatterns(all conjunction) ([]keyPattern, error) {
	var out []keyPattern
	for _, l := range all {
		p, _ := l.node.get("patternProperties").(*object)
		if p == nil {
			continue
		}
		for _, k := range p.keys {
			parsed, err := parsePattern(c.ctx, k)
			if err != nil {
				return nil, l.node.refuse("patternProperties/"+escape(k), "%w", err)
			}
			if len(out) == maxPatterns {
				return nil, l.node.refuse("patternProperties", "there are more than %d patterns", maxPatterns)
			}
			out = append(out, keyPattern{l.node, k, parsed})
		}
	}
	return out, nil
}

// memberOf returns what a member has to satisfy, by its name, "" for one that no schema
// names, and by the patterns that match it.
func (c *compiler) memberOf(s shape, patterns []keyPattern, name string, matches func(*lang) bool) (conjunction, error) {
	var out conjunction
	evaluated := false
	for _, l := range s.all {
		n := l.node
		found := false
		add := func(v any, path ...string) error {
			found, evaluated = true, true
			m, err := c.child(n, v, path...)
			if err == nil {
				out = append(out, literal{node: m})
			}
			return err
		}
		if p, ok := n.get("properties").(*object); ok {
			if v, ok := p.values[name]; ok {
				if err := add(v, "properties", name); err != nil {
					return nil, err
				}
			}
		}
		for _, p := range patterns {
			if p.node == n && matches(p.lang) {
				o, _ := n.get("patternProperties").(*object)
				if err := add(o.values[p.pattern], "patternProperties", p.pattern); err != nil {
					return nil, err
				}
			}
		}
		if !found && n.has("additionalProperties") {
			if err := add(n.get("additionalProperties"), "additionalProperties"); err != nil {
				return nil, err
			}
		}
	}
	if s.top != nil && s.top.has("unevaluatedProperties") && !evaluated {
		n, err := c.child(s.top, s.top.get("unevaluatedProperties"), "unevaluatedProperties")
		if err != nil {
			return nil, err
		}
		out = append(out, literal{node: n})
	}
	return out.sorted(), nil
}

// noName is a name that no schema has.
const noName = "\xff"

// extras returns the kinds of members that the schema does not name: one for each set of
// patterns that may match a name.
func (c *compiler) extras(s shape, patterns []keyPattern, names []string, allowed *lang, closed bool) ([]extra, error) {
	var out []extra
	where := ""
	if len(s.all) > 0 {
		where = s.all[0].node.pointer + "/additionalProperties"
	}
	for set := range 1 << len(patterns) {
		if set == 0 && closed {
			continue
		}
		in := map[*lang]bool{}
		for i, p := range patterns {
			in[p.lang] = set&(1<<i) != 0
		}
		all, err := c.memberOf(s, patterns, noName, func(l *lang) bool { return in[l] })
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(l literal) bool { return l.node.never }) {
			continue
		}
		if len(names) == 0 && len(patterns) == 0 && allowed == nil {
			key, err := c.string(shape{}, 0)
			if err != nil {
				return nil, err
			}
			out = append(out, extra{key, c.value(all)})
			continue
		}
		l := everything()
		if allowed != nil {
			l = allowed
		}
		for _, p := range patterns {
			keep := butNot
			if in[p.lang] {
				keep = and
			}
			if l, err = combine(l, p.lang, keep); err != nil {
				return nil, refusal(where, err)
			}
		}
		if l, err = combine(l, ofTexts(names), butNot); err != nil {
			return nil, refusal(where, err)
		}
		if l.empty() {
			continue
		}
		inner, err := c.w.automaton(c.ctx, l, func(arcs []arc) element { return ref(c.w.inString(arcs)) })
		if err != nil {
			return nil, refusal(where, err)
		}
		key := c.w.add(seq(text(`"`), ref(inner), text(`"`)))
		out = append(out, extra{key, c.value(all)})
	}
	return out, nil
}

// chunk is how many optional properties a chain has.
const chunk = 64

// object writes the rule of objects with low to high members.
func (c *compiler) object(all conjunction, properties []property, extras []extra, low, high int) (int, error) {
	w := c.w
	needed := 0
	last := -1 // the last required property
	for i, p := range properties {
		if p.required {
			needed++
			last = i
		}
	}
	if low <= needed {
		low = 0
	}
	if high >= len(properties) && len(extras) == 0 {
		high = -1
	}
	if low > 1 && len(extras) > 0 {
		return 0, all[0].node.refuse("minProperties", "a grammar cannot count different additional properties")
	}
	// levels is up to how many members are counted.
	levels := max(low, high, 0)
	if (levels+1)*(len(properties)+1) > 100_000 {
		return 0, all[0].node.refuse("maxProperties", "the schema has too many properties to count them")
	}
	sp := w.space()
	n := len(properties)
	// follow[k][i] is what follows k members when property i may be next.
	follow := make([][]int, levels+1)
	for k := range follow {
		follow[k] = make([]int, n+1)
		for i := range follow[k] {
			follow[k][i] = w.reserve()
		}
	}
	entry := func(key []element, value, k, i int) []element {
		return append(key, sp, ref(value), ref(follow[min(k+1, levels)][i]))
	}
	var root [][]element
	for k := range follow {
		next := &trie{} // of the names from property i on, up to a required one
		// A trie for each property shares most of its rules with the next one's, and still grows
		// faster than their number. Where they are many, a chain leads from each property of a
		// chunk to the next one, and from the chunk to the trie of those after it.
		chained, chain := n > 200, 0
		for i := n; i >= 0; i-- {
			if c.ctx.Err() != nil {
				return 0, context.Cause(c.ctx)
			}
			if w.full() {
				return 0, fault.Errorf(fault.Invalid, "%w", errLarge)
			}
			if i < n {
				p := properties[i]
				if p.required {
					next, chain = &trie{}, 0
				}
				name, then := strings.TrimPrefix(quote(p.name), `"`), ref(w.add(entry(seq(text(":")), p.value, k, i+1)))
				if chained {
					if i%chunk == chunk-1 && len(next.edges) > 0 {
						chain = next.write(w)
					}
					links := [][]element{seq(text(name), then)}
					if chain != 0 {
						links = append(links, seq(ref(chain)))
					}
					chain = w.add(links...)
				}
				next = next.insert(name, seq(then))
			}
			var begins [][]element
			if high < 0 || k < high {
				switch {
				case chain != 0:
					begins = append(begins, seq(text(`"`), ref(chain)))
				case len(next.edges) > 0:
					begins = append(begins, seq(text(`"`), ref(next.write(w))))
				}
				if i > last {
					for _, e := range extras {
						begins = append(begins, entry(seq(ref(e.key), text(":")), e.value, k, n))
					}
				}
			}
			ends := i > last && k >= low
			var alternatives [][]element
			for _, b := range begins {
				alternatives = append(alternatives, append(seq(text(","), sp), b...))
			}
			if ends {
				alternatives = append(alternatives, seq(sp, text("}")))
			}
			w.set(follow[k][i], alternatives...)
			if k == 0 && i == 0 {
				for _, b := range begins {
					root = append(root, append(seq(text("{"), sp), b...))
				}
				if ends {
					root = append(root, seq(text("{"), sp, text("}")))
				}
			}
		}
	}
	return w.add(root...), nil
}

// A trie is a set of texts that share their beginnings; none of them begins another. It is
// not changed once made: insert returns another that shares what is equal.
type trie struct {
	edges []edge
	rule  int // 0: not written
}

type edge struct {
	label string
	to    *trie     // nil at the end of a text
	then  []element // what follows the text
}

func (t *trie) insert(s string, then []element) *trie {
	out := &trie{edges: slices.Clone(t.edges)}
	for i, e := range out.edges {
		n := common(s, e.label)
		if n == 0 {
			continue
		}
		to := e.to
		if n < len(e.label) {
			to = &trie{edges: []edge{{e.label[n:], e.to, e.then}}}
		}
		out.edges[i] = edge{label: s[:n], to: to.insert(s[n:], then)}
		return out
	}
	out.edges = append(out.edges, edge{label: s, then: then})
	return out
}

// common returns how many bytes of whole runes two texts begin with in common.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}

// write returns the rule of a trie.
func (t *trie) write(w *writer) int {
	if t.rule == 0 {
		t.rule = w.reserve()
		alternatives := make([][]element, len(t.edges))
		for i, e := range t.edges {
			alternatives[i] = append(seq(text(e.label)), e.then...)
			if e.to != nil {
				alternatives[i] = append(alternatives[i], ref(e.to.write(w)))
			}
		}
		w.set(t.rule, alternatives...)
	}
	return t.rule
}
