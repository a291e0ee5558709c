package grammar

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// A matcher finds out whether a grammar matches a text. The grammar has no left recursion.
type matcher struct {
	rules []rule
	in    []rune
	memo  map[[2]int][]int // where a rule that begins at a place may end
}

func newMatcher(t testing.TB, grammar string) *matcher {
	t.Helper()
	rules, err := parseGBNF(t.Context(), grammar)
	if err == nil {
		err = checkBeginnings(rules)
	}
	if err != nil {
		t.Fatalf("%v in\n%.3000s", err, grammar)
	}
	return &matcher{rules: rules}
}

func (m *matcher) matches(text string) bool {
	m.in, m.memo = []rune(text), map[[2]int][]int{}
	return slices.Contains(m.ends(0, 0), len(m.in))
}

func (m *matcher) ends(n, at int) []int {
	key := [2]int{n, at}
	if ends, ok := m.memo[key]; ok {
		return ends
	}
	var out []int
	for _, a := range m.rules[n] {
		places := []int{at}
		for _, e := range a {
			var next []int
			for _, p := range places {
				switch {
				case e.isRef():
					next = append(next, m.ends(e.ref, p)...)
				case p < len(m.in) && slices.ContainsFunc(e.class, func(a arc) bool { return a.lo <= m.in[p] && m.in[p] <= a.hi }):
					next = append(next, p+1)
				}
			}
			slices.Sort(next)
			places = slices.Compact(next)
		}
		out = append(out, places...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	m.memo[key] = out
	return out
}

// inOrder writes a value with the members of objects in the order of a schema's properties.
func inOrder(v any, order []string) string {
	switch v := v.(type) {
	case *object:
		keys := slices.Clone(v.keys)
		slices.SortStableFunc(keys, func(a, b string) int {
			i, j := slices.Index(order, a), slices.Index(order, b)
			if i < 0 {
				i = len(order)
			}
			if j < 0 {
				j = len(order)
			}
			return i - j
		})
		var parts []string
		for _, k := range keys {
			parts = append(parts, quote(k)+":"+inOrder(v.values[k], order))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, inOrder(e, order))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return quote(v)
	case json.Number:
		return string(v)
	case nil:
		return "null"
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	}
	panic("unreachable")
}

// propertyOrder lists the names that a schema gives properties, in its order.
func propertyOrder(v any) []string {
	var out []string
	switch v := v.(type) {
	case *object:
		if p, ok := v.get("properties").(*object); ok {
			out = append(out, p.keys...)
		}
		out = append(out, stringList(v.get("required"))...)
		for _, k := range v.keys {
			out = append(out, propertyOrder(v.values[k])...)
		}
	case []any:
		for _, e := range v {
			out = append(out, propertyOrder(e)...)
		}
	}
	return out
}

// TestSuite runs cases of the JSON-Schema-Test-Suite: a schema is refused by name, or its
// grammar has every valid instance and none that is not valid.
func TestSuite(t *testing.T) {
	f, err := os.Open("testdata/suite.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compiled, refused, accepted, rejected := 0, 0, 0, 0
	lines := bufio.NewScanner(f)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var c struct {
			File, Name     string
			Schema         json.RawMessage
			Valid, Invalid []json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			s, err := compile(t.Context(), c.Schema, true)
			if err != nil {
				if fault.KindOf(err) != fault.Invalid {
					t.Errorf("%v is not of the kind invalid", err)
				}
				if strings.HasPrefix(err.Error(), "no value") && len(c.Valid) > 0 {
					t.Errorf("%v, but %s is valid", err, c.Valid)
				}
				refused++
				t.Log(err)
				return
			}
			compiled++
			m := newMatcher(t, s.Grammar)
			schema, _ := decode(c.Schema)
			order := propertyOrder(schema)
			for _, data := range c.Valid {
				v, err := decode(data)
				if err != nil {
					t.Fatal(err)
				}
				text := inOrder(v, order)
				switch ok := m.matches(text); {
				case ok:
					accepted++
				case !slices.Contains(leftOut[c.File+"/"+c.Name], text):
					t.Errorf("%s/%s: the grammar does not have %s, which is valid for %s", c.File, c.Name, text, c.Schema)
				}
			}
			for _, data := range c.Invalid {
				v, err := decode(data)
				if err != nil {
					t.Fatal(err)
				}
				text := inOrder(v, order)
				if m.matches(text) && (len(s.Checked) == 0 || s.Check(text) == nil) {
					t.Errorf("%s: %s is not valid and the grammar has it", c.Schema, text)
				}
				rejected++
			}
		})
	}
	t.Logf("%d schemas compiled, %d refused; %d valid instances accepted, %d invalid ones rejected", compiled, refused, accepted, rejected)
}

// leftOut are valid instances that have no text in the grammar, see the package's comment. The
// order of their names is that of the schema.
var leftOut = map[string][]string{
	"const/const with -2.0 matches integer and float types":                                           {`-2`},
	"const/const with 0 does not match other zero-like types":                                         {`0.0`},
	"const/const with 1 does not match true":                                                          {`1.0`},
	"const/const with object":                                                                         {`{"baz":"bax","foo":"bar"}`},
	"const/float and integers are equal up to 64-bit representation limits":                           {`9007199254740992.0`},
	"enum/enum with 0 does not match false":                                                           {`0.0`},
	"enum/enum with 1 does not match true":                                                            {`1.0`},
	"enum/enum with [0] does not match [false]":                                                       {`[0.0]`},
	"enum/enum with [1] does not match [true]":                                                        {`[1.0]`},
	"format/date-time/validation of date-time strings":                                                {`"1998-12-31T23:59:60Z"`, `"1998-12-31T15:59:60.123-08:00"`},
	"format/time/validation of time strings":                                                          {`"23:59:60Z"`, `"23:59:60+00:00"`, `"01:29:60+01:30"`, `"23:29:60+23:30"`, `"15:59:60-08:00"`, `"00:29:60-23:30"`},
	"type/integer type matches integers":                                                              {`1.0`},
	"unevaluatedItems/unevaluatedItems and contains interact to control item dependency relationship": {`["a","a"]`, `["a","b","a","b","a"]`, `["c","a","c","c","b","a"]`},
	"unevaluatedItems/unevaluatedItems can see annotations from if without then and else":             {`["a"]`},
	"unevaluatedItems/unevaluatedItems depends on adjacent contains":                                  {`[1,"foo"]`},
	"unevaluatedItems/unevaluatedItems depends on multiple nested contains":                           {`[2,3,4,5,6]`},
	"unevaluatedItems/unevaluatedItems with if/then/else":                                             {`["foo","bar","then"]`, `["foo",42,42,"else"]`},
	"unevaluatedProperties/unevaluatedProperties can see annotations from if without then and else":   {`{"foo":"a"}`},
	"unevaluatedProperties/unevaluatedProperties with anyOf":                                          {`{"foo":"foo","bar":"bar","baz":"baz"}`},
}
