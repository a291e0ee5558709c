package grammar

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// types is a set of JSON's types; a number is whole or has a fraction.
type types int

const (
	typeNull types = 1 << iota
	typeBoolean
	typeString
	typeArray
	typeObject
	typeWhole
	typeFraction
	typeNumber = typeWhole | typeFraction
	typeAny    = typeFraction<<1 - 1
)

var typeNames = map[string]types{
	"null": typeNull, "boolean": typeBoolean, "string": typeString, "array": typeArray, "object": typeObject,
	"integer": typeWhole, "number": typeNumber,
}

func typesOf(n *node) types {
	if !n.has("type") {
		return typeAny
	}
	var set types
	if s, ok := n.get("type").(string); ok {
		return typeNames[s]
	}
	for _, s := range stringList(n.get("type")) {
		set |= typeNames[s]
	}
	return set
}

// keywords are the names that have a meaning; others are annotations.
var keywords = []string{
	"$schema", "$id", "$ref", "$anchor", "$defs", "definitions", "$comment", "$vocabulary", "$dynamicAnchor", "$recursiveAnchor", "id",
	"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
	"type", "enum", "const", "not", "allOf", "anyOf", "oneOf", "if", "then", "else",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
	"items", "prefixItems", "additionalItems", "unevaluatedItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
	"properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "required",
	"minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies",
}

// shape returns the rules of the values of a shape.
func (c *compiler) shape(s shape) ([]int, error) {
	if values, ok, err := c.values(s.all); ok || err != nil {
		return values, err
	}
	set := typeAny
	not := map[any]bool{} // values that are not allowed; strings are in texts
	var where *node
	for _, l := range s.all {
		set &= typesOf(l.node)
		for _, k := range []string{"$dynamicRef", "$recursiveRef"} {
			if l.node.has(k) {
				return nil, l.node.refuse(k, "dynamic references are not supported")
			}
		}
		if l.node.has("if") && (l.node.has("then") || l.node.has("else")) && !c.branched[l.node.object] {
			c.check(l.node, "if")
		}
		for _, k := range l.node.object.keys {
			if !slices.Contains(keywords, k) {
				c.ignored[l.node.pointer+"/"+escape(k)] = true
			}
		}
		excluded, values, err := c.excluded(l.node)
		if err != nil {
			return nil, err
		}
		set &^= excluded
		for _, v := range values {
			where = l.node
			if b, ok := v.(bool); ok {
				not[b] = true
			} else if t := typeOf(v); t == 0 {
				not[t] = true
			}
		}
	}
	if not[types(0)] && set&(typeNumber|typeArray|typeObject) != 0 {
		return nil, where.refuse("not", "only the exclusion of types and of strings is supported")
	}
	var out []int
	if set&typeNull != 0 {
		out = append(out, c.w.once("null", func(n int) { c.w.set(n, seq(text("null"))) }))
	}
	if set&typeBoolean != 0 {
		for _, v := range []bool{true, false} {
			if !not[v] {
				out = append(out, c.w.once(fmt.Sprint(v), func(n int) { c.w.set(n, seq(text(fmt.Sprint(v)))) }))
			}
		}
	}
	for _, kind := range []struct {
		types types
		rule  func(shape, types) (int, error)
	}{{typeNumber, c.number}, {typeString, c.string}, {typeArray, c.array}, {typeObject, c.members}} {
		if set&kind.types != 0 {
			n, err := kind.rule(s, set)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// excluded returns the types and the values that not excludes.
func (c *compiler) excluded(n *node) (types, []any, error) {
	if !n.has("not") {
		return 0, nil, nil
	}
	not, err := c.child(n, n.get("not"), "not")
	if err != nil {
		return 0, nil, err
	}
	if not.never {
		return 0, nil, nil
	}
	if not.object == nil || len(not.object.keys) == 0 {
		return typeAny, nil, nil
	}
	if values, ok := constants(not.object); ok {
		if slices.Contains(values, nil) {
			return typeNull, values, nil
		}
		return 0, values, nil
	}
	if t := typesOf(not); len(not.object.keys) == 1 && not.has("type") && t&typeNumber != typeWhole {
		return t, nil, nil
	}
	return 0, nil, n.refuse("not", "only the exclusion of types and of strings is supported")
}

// values returns the rules of a shape with enum or const.
func (c *compiler) values(all conjunction) (rules []int, ok bool, err error) {
	var values []any
	for _, l := range all {
		if v, has := l.node.object.values["const"]; has {
			values, ok = []any{v}, true
			break
		}
		if l.node.has("enum") && !ok {
			values, ok = list(l.node.get("enum")), true
			if len(values) == 0 {
				return nil, false, l.node.refuse("enum", "it is empty")
			}
		}
	}
	if !ok {
		return nil, false, nil
	}
	key := "values " + all.key()
	if n, ok := c.w.shared[key]; ok {
		return []int{n}, true, nil
	}
	// A schema that only lists strings needs no check.
	plainList := len(all) == 1 && !slices.ContainsFunc(all[0].node.object.keys, func(k string) bool {
		return k != "enum" && k != "const" && k != "type" && k != "title" && k != "description" && k != "default"
	})
	var alternatives [][]element
	strs := &trie{}
	seen := map[string]bool{}
	for _, v := range values {
		satisfied := true
		for _, l := range all {
			if t := typeOf(v); plainList && (t == typeString || t == typeNull || t == typeBoolean) {
				satisfied = satisfied && typesOf(l.node)&t != 0
				continue
			}
			checked, err := c.checker.compile(l.node.pointer)
			if err != nil {
				return nil, false, refusal(l.node.pointer, err)
			}
			satisfied = satisfied && checked.Validate(plain(v)) == nil
		}
		if !satisfied {
			continue
		}
		if s, ok := v.(string); ok {
			if q := quote(s); !seen[q] {
				seen[q] = true
				strs = strs.insert(q, seq())
			}
			continue
		}
		alternatives = append(alternatives, c.literal(v))
	}
	if len(seen) > 0 {
		alternatives = append(alternatives, seq(ref(strs.write(c.w))))
	}
	return []int{c.w.once(key, func(n int) { c.w.set(n, alternatives...) })}, true, nil
}

func typeOf(v any) types {
	switch v.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBoolean
	case string:
		return typeString
	}
	return 0
}

// literal writes one value.
func (c *compiler) literal(v any) []element {
	sp := c.w.space()
	switch v := v.(type) {
	case nil:
		return seq(text("null"))
	case bool:
		return seq(text(fmt.Sprint(v)))
	case string:
		return seq(text(quote(v)))
	case json.Number:
		return seq(text(string(v)))
	case []any:
		out := seq(text("["), sp)
		for i, e := range v {
			if i > 0 {
				out = append(out, text(","), sp)
			}
			out = append(out, c.literal(e)...)
		}
		if len(v) > 0 {
			out = append(out, sp)
		}
		return append(out, text("]"))
	case *object:
		out := seq(text("{"), sp)
		for i, k := range v.keys {
			if i > 0 {
				out = append(out, text(","), sp)
			}
			out = append(out, text(quote(k)+":"), sp)
			out = append(out, c.literal(v.values[k])...)
		}
		if len(v.keys) > 0 {
			out = append(out, sp)
		}
		return append(out, text("}"))
	}
	panic(fmt.Sprintf("grammar: a value of type %T", v))
}

// number returns the rule of a shape's numbers.
func (c *compiler) number(s shape, set types) (int, error) {
	n := numbers{whole: set&typeFraction == 0}
	key := fmt.Sprint("number ", n.whole)
	var where *node
	for _, l := range s.all {
		for _, k := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"} {
			if !l.node.has(k) {
				continue
			}
			v, err := rational(l.node.get(k))
			if err == nil && k != "multipleOf" {
				_, _, err = decimal(new(big.Rat).Abs(v))
			}
			if err != nil {
				return 0, l.node.refuse(k, "%w", err)
			}
			where = l.node
			key += " " + k + v.RatString()
			switch b := (bound{v, strings.HasPrefix(k, "exclusive")}); {
			case k == "multipleOf" && (!v.IsInt() || v.Sign() <= 0 || v.Num().Cmp(big.NewInt(maxDivisor)) > 0):
				return 0, l.node.refuse(k, "want a whole number from 1 to %d", maxDivisor)
			case k == "multipleOf":
				n.divisors = append(n.divisors, int(v.Num().Int64()))
			case strings.HasSuffix(k, "inimum"):
				n.setMin(b)
			default:
				n.setMax(b)
			}
		}
		if err := contradiction(l.node, "minimum", "maximum"); err != nil {
			return 0, err
		}
	}
	if set&typeWhole == 0 {
		return 0, s.all[0].node.refuse("not", "numbers that are not whole are not supported")
	}
	return c.language(key, where, "", func() (*lang, error) { return n.language(c.ctx) }, func(arcs []arc) element { return element{class: arcs} })
}

// contradiction refuses a schema whose own lower bound is above its upper one.
func contradiction(n *node, low, high string) error {
	if !n.has(low) || !n.has(high) {
		return nil
	}
	lo, err1 := rational(n.get(low))
	hi, err2 := rational(n.get(high))
	if err := errors.Join(err1, err2); err == nil && lo.Cmp(hi) > 0 {
		return n.refuse(low, "%s %s is above %s %s", low, n.get(low), high, n.get(high))
	}
	return nil
}

// language returns the rule of a language, which is built once.
func (c *compiler) language(key string, where *node, keyword string, build func() (*lang, error), one func([]arc) element) (int, error) {
	if n, ok := c.w.shared[key]; ok {
		return n, nil
	}
	l, err := build()
	if err == nil {
		var n int
		if n, err = c.w.automaton(c.ctx, l, one); err == nil {
			c.w.shared[key] = n
			return n, nil
		}
	}
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	pointer := "the schema"
	if where != nil {
		pointer = where.pointer + "/" + keyword
		pointer = cmp.Or(strings.TrimSuffix(pointer, "/"), "the schema")
	}
	return 0, refusal(pointer, err)
}

// formats are patterns of the formats that are enforced; others are annotations.
var formats = map[string]string{
	"date":      dates,
	"time":      times,
	"date-time": dates + "[Tt]" + times,
	"uuid":      `[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`,
	"ipv4":      `((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|$)){4}`,
}

const (
	dates = `([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))` +
		`|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)`
	times = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
)

// string returns the rule of a shape's strings.
func (c *compiler) string(s shape, _ types) (int, error) {
	low, high, patterns, where, keyword, err := c.texts(s.all)
	if err != nil {
		return 0, err
	}
	key := fmt.Sprintf("string %d %d %q", low, high, patterns)
	if len(patterns) == 0 {
		return c.w.once(key, func(n int) {
			switch {
			case high >= 0 && low > high:
				c.w.set(n)
			default:
				e := append(seq(text(`"`)), c.w.repeat(c.w.anyChar(), low, high)...)
				c.w.set(n, append(e, text(`"`)))
			}
		}), nil
	}
	inner, err := c.language("inside "+key, where, keyword, func() (*lang, error) { return c.textLanguage(low, high, patterns) },
		func(arcs []arc) element { return ref(c.w.inString(arcs)) })
	if err != nil {
		return 0, err
	}
	return c.w.once(key, func(n int) { c.w.set(n, seq(text(`"`), ref(inner), text(`"`))) }), nil
}

// texts returns the bounds and patterns of strings, formats written as \A…\z; high is -1
// for no bound. where and keyword are of the last pattern.
func (c *compiler) texts(all conjunction) (low, high int, patterns []string, where *node, keyword string, err error) {
	high = -1
	for _, l := range all {
		if err := contradiction(l.node, "minLength", "maxLength"); err != nil {
			return 0, 0, nil, nil, "", err
		}
		lo, ok, err := l.node.count("minLength")
		if err != nil {
			return 0, 0, nil, nil, "", err
		}
		if ok {
			low = max(low, lo)
		}
		if lo >= manyTimes {
			return 0, 0, nil, nil, "", l.node.refuse("minLength", "the limit is %d", manyTimes-1)
		}
		if hi, ok, err := l.node.count("maxLength"); err != nil {
			return 0, 0, nil, nil, "", err
		} else if ok && hi < manyTimes && (high < 0 || hi < high) {
			high = hi
		}
		if p, ok := l.node.get("pattern").(string); ok {
			if _, err := parsePattern(c.ctx, p); err != nil {
				if c.ctx.Err() != nil {
					return 0, 0, nil, nil, "", context.Cause(c.ctx)
				}
				return 0, 0, nil, nil, "", l.node.refuse("pattern", "%w", err)
			}
			patterns = append(patterns, "p"+p)
			where, keyword = l.node, "pattern"
		}
		if f, ok := l.node.get("format").(string); ok && formats[f] != "" {
			patterns = append(patterns, "f"+f)
			where, keyword = l.node, "format"
		} else if ok {
			c.ignored[l.node.pointer+"/format"] = true
		}
		_, not, err := c.excluded(l.node)
		if err != nil {
			return 0, 0, nil, nil, "", err
		}
		for _, v := range not {
			if s, ok := v.(string); ok {
				patterns = append(patterns, "n"+s)
				where, keyword = l.node, "not"
			}
		}
	}
	return low, high, patterns, where, keyword, nil
}

// textLanguage is the language of the texts that have all patterns.
func (c *compiler) textLanguage(low, high int, patterns []string) (*lang, error) {
	out := everything()
	for _, p := range patterns {
		var l *lang
		var err error
		keep := and
		switch p[0] {
		case 'f':
			l, err = exactly(c.ctx, formats[p[1:]])
		case 'n':
			l, keep = ofTexts([]string{p[1:]}), butNot
		default:
			l, err = parsePattern(c.ctx, p[1:])
		}
		if err == nil {
			out, err = combine(out, l, keep)
		}
		if err != nil {
			return nil, err
		}
	}
	if low == 0 && high < 0 {
		return out, nil
	}
	n, err := ofLength(low, high)
	if err != nil {
		return nil, err
	}
	return combine(out, n, and)
}

// keys is the language of the strings that satisfy a conjunction.
func (c *compiler) keys(all conjunction) (*lang, error) {
	shapes, err := c.shapes(all)
	if err != nil {
		return nil, err
	}
	out := &lang{[]state{{}}}
	for _, s := range shapes {
		var l *lang
		if _, ok, err := c.values(s.all); err != nil {
			return nil, err
		} else if ok {
			return nil, s.all[0].node.refuse("enum", "lists of property names are not supported; use properties")
		}
		set := typeAny
		for _, p := range s.all {
			excluded, _, err := c.excluded(p.node)
			if err != nil {
				return nil, err
			}
			set &= typesOf(p.node) &^ excluded
		}
		if set&typeString == 0 {
			continue
		}
		low, high, patterns, _, _, err := c.texts(s.all)
		if err == nil {
			l, err = c.textLanguage(low, high, patterns)
		}
		if err == nil {
			out, err = combine(out, l, or)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// array returns the rule of a shape's lists.
func (c *compiler) array(s shape, _ types) (int, error) {
	low, high, prefix := 0, -1, 0
	for _, l := range s.all {
		n := l.node
		if err := contradiction(n, "minItems", "maxItems"); err != nil {
			return 0, err
		}
		lo, _, err := n.count("minItems")
		if err != nil {
			return 0, err
		}
		if lo >= 1<<16 {
			return 0, n.refuse("minItems", "the limit is %d", 1<<16-1)
		}
		low = max(low, lo)
		hi, ok, err := n.count("maxItems")
		if err != nil {
			return 0, err
		}
		if ok && hi < manyTimes && (high < 0 || hi < high) {
			high = hi
		}
		if _, ok := n.get("prefixItems").([]any); n.has("prefixItems") && !ok {
			return 0, n.refuse("prefixItems", "want a list of schemas")
		}
		prefix = max(prefix, len(prefixOf(n)))
	}
	var contains *node // whose contains at least least items satisfy
	least := 0
	for _, l := range s.all {
		n := l.node
		if n.get("uniqueItems") == true && (high < 0 || high > 1) {
			c.check(n, "uniqueItems")
		}
		if n.has("contains") {
			m, ok, err := n.count("minContains")
			if err != nil {
				return 0, err
			}
			if !ok {
				m = 1
			}
			if n.has("maxContains") {
				c.check(n, "maxContains")
			}
			switch {
			case m == 0:
			case contains != nil || (max(low, high, prefix)+1)*(m+1) > maxCounts:
				c.check(n, "contains")
			default:
				contains, least = n, m
			}
		}
		if n.has("unevaluatedItems") && n != s.top {
			return 0, n.refuse("unevaluatedItems", "it is supported only where it is not combined with other schemas")
		}
	}
	item := func(i int, extra ...literal) (int, error) {
		all := conjunction(extra)
		for _, l := range s.all {
			n, err := c.itemOf(l.node, i)
			if err != nil {
				return 0, err
			}
			if n != nil {
				all = append(all, literal{node: n})
			}
		}
		if s.top != nil && s.top.has("unevaluatedItems") && len(all) == len(extra) && i >= prefix {
			n, err := c.child(s.top, s.top.get("unevaluatedItems"), "unevaluatedItems")
			if err != nil {
				return 0, err
			}
			all = append(all, literal{node: n})
		}
		return c.value(all), nil
	}
	if high >= 0 && prefix > high {
		prefix = high
	}
	if contains != nil {
		n, err := c.child(contains, contains.get("contains"), "contains")
		if err != nil {
			return 0, err
		}
		return c.containing(low, high, prefix, least, item, literal{node: n})
	}
	var items []int
	for i := range prefix + 1 {
		n, err := item(i)
		if err != nil {
			return 0, err
		}
		items = append(items, n)
	}
	sp := c.w.space()
	end := c.w.add(seq(sp, text("]")))
	// tail(p) is what follows p items.
	p := max(prefix, 1)
	tail := end
	if high < 0 || high > p {
		more := c.w.add(seq(text(","), sp, ref(items[prefix])))
		bound := -1
		if high >= 0 {
			bound = high - p
		}
		tail = c.w.add(
			append(c.w.repeat(more, max(0, low-p), bound), ref(end)))
	}
	if high >= 0 && low > high || low > p && tail == end {
		return c.w.add(), nil
	}
	for i := prefix - 1; i >= 1; i-- {
		alternatives := [][]element{seq(text(","), sp, ref(items[i]), ref(tail))}
		if i >= low {
			alternatives = append(alternatives, seq(ref(end)))
		}
		tail = c.w.add(alternatives...)
	}
	var alternatives [][]element
	if low == 0 {
		alternatives = append(alternatives, seq(text("["), sp, text("]")))
	}
	if high != 0 {
		alternatives = append(alternatives, seq(text("["), sp, ref(items[0]), ref(tail)))
	}
	return c.w.add(alternatives...), nil
}

// maxCounts is how many states a list may have whose matching items are counted.
const maxCounts = 5000

// containing returns the rule of lists of low to high items, of which at least least match.
func (c *compiler) containing(low, high, prefix, least int, item func(int, ...literal) (int, error), match literal) (int, error) {
	sp := c.w.space()
	last := high // from here on, items are not counted
	if high < 0 {
		last = max(low, prefix, 1)
	}
	// follow[k][m] is what follows k items of which m match, none of which is the first.
	follow := make([][]int, last+1)
	for k := range follow {
		for range least + 1 {
			follow[k] = append(follow[k], c.w.reserve())
		}
	}
	var root [][]element
	for k := range follow {
		var plain, matching int
		if high < 0 || k < high {
			var err error
			if plain, err = item(min(k, prefix)); err != nil {
				return 0, err
			}
			if matching, err = item(min(k, prefix), match); err != nil {
				return 0, err
			}
		}
		for m := range least + 1 {
			var alternatives [][]element
			if k >= low && m == least {
				alternatives = append(alternatives, seq(sp, text("]")))
			}
			comma := seq(text(","), sp)
			if k == 0 {
				comma = seq(text("["), sp)
			}
			if plain != 0 {
				alternatives = append(alternatives, append(slices.Clone(comma), ref(plain), ref(follow[min(k+1, last)][m])))
				if m < least {
					alternatives = append(alternatives, append(slices.Clone(comma), ref(matching), ref(follow[min(k+1, last)][m+1])))
				}
			}
			c.w.set(follow[k][m], alternatives...)
			if k == 0 && m == 0 {
				root = alternatives
			}
		}
	}
	return c.w.add(root...), nil
}

func prefixOf(n *node) []any {
	if l := list(n.get("prefixItems")); l != nil {
		return l
	}
	return list(n.get("items"))
}

// itemOf returns the schema that a node has for item i, nil for none.
func (c *compiler) itemOf(n *node, i int) (*node, error) {
	if p := prefixOf(n); i < len(p) {
		keyword := "items"
		if n.has("prefixItems") {
			keyword = "prefixItems"
		}
		return c.child(n, p[i], keyword, fmt.Sprint(i))
	}
	if _, isList := n.get("items").([]any); isList {
		if n.has("additionalItems") {
			return c.child(n, n.get("additionalItems"), "additionalItems")
		}
		return nil, nil
	}
	if n.has("items") {
		return c.child(n, n.get("items"), "items")
	}
	return nil, nil
}
