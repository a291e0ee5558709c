package grammar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// TestCompile holds what grammars have and what they have not.
func TestCompile(t *testing.T) {
	of := func(schema string) string {
		return `{"type":"object","properties":{"k":` + schema + `},"required":["k"]}`
	}
	k := func(values ...string) (out []string) {
		for _, v := range values {
			out = append(out, `{"k": `+v+`}`)
		}
		return out
	}
	for _, c := range []struct {
		schema  string
		has, no []string
	}{
		{of(`{"type":"string","pattern":"^(?:ab|cd)$"}`), k(`"ab"`, `"cd"`), k(`"a"`, `"abcd"`, `ab`)},
		{of(`{"type":"string","pattern":"^\\d{4}-\\d{2}$"}`), k(`"2025-12"`), k(`"2025-1"`, `"２025-12"`)},
		{of(`{"type":"string","pattern":"^\\S+$"}`), k(`"a"`, `"é\""`), k(`""`, `"a b"`, `"\n"`, `"\u00a0"`)},
		{of(`{"type":"string","pattern":"^[\\w.-]+@[\\w-]+\\.[a-z]{2,3}$"}`), k(`"a.b@c-d.org"`), k(`"a@b"`)},
		{of(`{"type":"string","pattern":"^a\\/b$"}`), k(`"a/b"`), k(`"a\/b"`, `"ab"`)},
		{of(`{"type":"string","pattern":"^\\s?x$"}`), k(`"x"`, `" x"`, `"\tx"`), k(`"  x"`)},
		{of(`{"type":"string","pattern":"b"}`), k(`"b"`, `"abc"`), k(`""`, `"ac"`)},
		{of(`{"type":"string","pattern":"^\"q\"$"}`), k(`"\"q\""`), k(`""q""`)},
		{of(`{"type":"string","pattern":"^a\\tb\\n$"}`), k(`"a\tb\n"`), k("\"a\tb\n\"")},
		{of(`{"type":"string","pattern":"\\bcat\\b"}`), k(`"a cat."`, `"cat"`), k(`"cats"`, `"tomcat"`)},
		{of(`{"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":3}`), k(`"ab"`, `"abc"`), k(`"a"`, `"abcd"`)},
		{of(`{"type":"string","pattern":"^[^\"]*$"}`), k(`"\\"`, `"\u0001"`), k(`"\""`)},
		{of(`{"type":"string","maxLength":3}`), k(`""`, `"a\n\u00e9"`, `"😀😀😀"`), k(`"abcd"`, `"\ud800"`, "\"\n\"")},
		{of(`{"type":"integer","minimum":-1000,"exclusiveMaximum":-5}`), k(`-6`, `-1000`, `-10`, `-999`), k(`-5`, `-1001`, `0`, `-06`, `-0`)},
		{of(`{"type":"integer","multipleOf":5,"minimum":3}`), k(`5`, `100`), k(`0`, `7`, `-5`)},
		{of(`{"type":"number","minimum":-0.5,"maximum":1.25}`), k(`-0.5`, `0`, `1.25`, `1.2499`, `-0.49`, `1.250`), k(`1.26`, `-0.51`, `2`, `1.2501`)},
		{of(`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`), k(`0.5`, `0.0001`), k(`0`, `1`, `0.0`, `1.0`, `-0.5`)},
		{of(`{"enum":["a","ab",1,null,{"x":[1]}]}`), k(`"a"`, `"ab"`, `1`, `null`, `{"x":[1]}`, `{ "x": [ 1 ] }`), k(`"b"`, `2`)},
		{of(`{"type":"string","enum":["a",1]}`), k(`"a"`), k(`1`)},
		{of(`{"type":"string","format":"date"}`), k(`"2024-02-29"`, `"2025-12-31"`), k(`"2025-02-29"`, `"2025-13-01"`)},
		{of(`{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}`), k(`[true]`, `[true, false]`, `[ true ]`), k(`[]`, `[true,true,true]`)},
		{of(`{"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false}`), k(`[]`, `[null]`, `[null,true]`), k(`[true]`, `[null,true,1]`)},
		{of(`{"allOf":[{"type":"integer","minimum":3},{"maximum":4}]}`), k(`3`, `4`), k(`2`, `5`)},
		{of(`{"oneOf":[{"type":"string"},{"type":"integer"}]}`), k(`"a"`, `1`), k(`true`)},
		{
			`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"required":["b"]}`,
			[]string{`{"b":null}`, `{"a":null, "b": null }`, `{"b":null,"c":null}`},
			[]string{`{}`, `{"a":null}`, `{"b":null,"d":null}`, `{"b":null} `, "{\n\"b\":null}", `{  "b":null}`},
		},
		{
			`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},"minProperties":1,"maxProperties":1}`,
			[]string{`{"a":null}`, `{"b":null}`},
			[]string{`{}`, `{"a":null,"b":null}`},
		},
		{
			`{"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":{"type":"boolean"}}`,
			[]string{`{}`, `{"a":null,"b":true}`, `{"ab":true}`},
			[]string{`{"a":true}`, `{"b":null}`},
		},
		{
			`{"$ref":"#/$defs/list","$defs":{"list":{"anyOf":[{"type":"null"},{"type":"object","properties":{"next":{"$ref":"#/$defs/list"}},"required":["next"]}]}}}`,
			[]string{`null`, `{"next":{"next":null}}`},
			[]string{`{}`, `{"next":1}`},
		},
		{`{"type":"array","items":{"$id":"urn:tool:0","$ref":"#/$defs/x","$defs":{"x":{"type":"null"}}}}`, []string{`[null]`}, []string{`[1]`}},
		{of(`{"type":"array","items":{"type":"integer"},"contains":{"minimum":5}}`), k(`[5]`, `[1, 7, 2]`, `[1,2,5]`), k(`[]`, `[1]`, `[1,2,3]`, `["a",5]`)},
		{of(`{"type":"array","items":{"enum":[1,2]},"contains":{"const":2},"minContains":2,"minItems":3,"maxItems":4}`), k(`[2,2,1]`, `[1,2,1,2]`, `[2,2,2,2]`), k(`[2,2]`, `[2,1,1]`, `[2,2,1,1,1]`)},
		{of(`{"type":"array","prefixItems":[{"type":"null"}],"items":{"enum":[1,2]},"contains":{"const":2}}`), k(`[null,2]`, `[null,1,2]`), k(`[null]`, `[2]`, `[null,1]`)},
		{of(`{"type":"string","not":{"enum":["a","b"]}}`), k(`""`, `"ab"`, `"c"`), k(`"a"`, `"b"`)},
		{of(`{"enum":["a","b",1],"not":{"const":"a"}}`), k(`"b"`, `1`), k(`"a"`)},
		{of(`{"type":["boolean","null"],"not":{"enum":[true,null]}}`), k(`false`), k(`true`, `null`)},
		{
			`{"type":"object","properties":{"kind":{"enum":["cat","dog"]},"lives":{"type":"integer"},"tail":{"type":"boolean"}},"required":["kind"],
				"if":{"properties":{"kind":{"const":"cat"}},"required":["kind"]},"then":{"required":["lives"]},"else":{"required":["tail"]}}`,
			[]string{`{"kind":"cat","lives":9}`, `{"kind":"dog","tail":true}`, `{"kind":"cat","lives":9,"tail":true}`},
			[]string{`{"kind":"cat"}`, `{"kind":"cat","tail":true}`, `{"kind":"dog","lives":9}`, `{"kind":"cow","tail":true}`},
		},
		{
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"null"}},"if":{"properties":{"a":{"const":"x"}}},"then":{"required":["b"]}}`,
			[]string{`{"b":null}`, `{"a":"x","b":null}`, `{"a":"y"}`},
			[]string{`{}`, `{"a":"x"}`}, // without a, the condition is satisfied
		},
		{`{"if":true,"then":{"type":"null"},"else":{"type":"string"}}`, []string{`null`}, []string{`"a"`, `1`}},
		{`{"type":"object"}`, []string{`{}`, `{"a":{"b":[1,"x",null,-1.5e3]}}`}, []string{`[]`, `{"a"}`, `{"a":01}`}},
		{`{"type":"object","properties":{}}`, []string{`{}`}, []string{`{"a":1}`}},
	} {
		s, err := Compile(t.Context(), json.RawMessage(c.schema))
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		m := newMatcher(t, s.Grammar)
		for _, v := range c.has {
			if !m.matches(v) {
				t.Errorf("%s does not have %s", c.schema, v)
			}
			if err := s.Check(v); err != nil {
				t.Errorf("%s: %s: %v", c.schema, v, err)
			}
		}
		for _, v := range c.no {
			if m.matches(v) {
				t.Errorf("%s has %s", c.schema, v)
			}
		}
	}
}

// TestRefusals holds that what cannot be enforced is refused by the name of the property.
func TestRefusals(t *testing.T) {
	for schema, want := range map[string]string{
		`{"properties":{"k":{"type":"string","pattern":"^(?=a)b$"}}}`:              "cannot enforce /properties/k/pattern: lookahead (?= is not supported",
		`{"properties":{"k":{"type":"string","pattern":"(?<!a)b"}}}`:               "cannot enforce /properties/k/pattern: lookbehind (?<! is not supported",
		`{"properties":{"k":{"type":"string","pattern":"(a)\\1"}}}`:                `cannot enforce /properties/k/pattern: backreference \1 is not supported`,
		`{"properties":{"k":{"type":"string","pattern":"^[z-a]$"}}}`:               "cannot enforce /properties/k/pattern: invalid character class range: z-a",
		`{"properties":{"k":{"type":"string","pattern":"a{2,1}"}}}`:                "cannot enforce /properties/k/pattern: invalid repeat count: {2,1}",
		`{"properties":{"k":{"type":"string","pattern":"^a$b"}}}`:                  "cannot enforce /properties/k/pattern: no text matches it",
		`{"properties":{"m":{"type":"number","multipleOf":0.3}}}`:                  "cannot enforce /properties/m/multipleOf: want a whole number from 1 to 10000",
		`{"$ref":"https://example.org/s.json"}`:                                    `cannot enforce /$ref: "https://example.org/s.json" is outside of the schema`,
		`{"type":"integer","minimum":5,"maximum":3}`:                               "cannot enforce /minimum: minimum 5 is above maximum 3",
		`{"properties":{"k":{"type":"string","minLength":3,"maxLength":1}}}`:       "cannot enforce /properties/k/minLength: minLength 3 is above maxLength 1",
		`{"properties":{"k":{"enum":[]}}}`:                                         "cannot enforce /properties/k/enum: it is empty",
		`{"not":{"const":1}}`:                                                      "cannot enforce /not: only the exclusion of types and of strings is supported",
		`{"$dynamicRef":"#x"}`:                                                     "cannot enforce /$dynamicRef: dynamic references are not supported",
		`{"oneOf":[{"type":"integer"},{"minimum":2}]}`:                             "cannot enforce /oneOf: a value may satisfy both the branches 0 and 1; use anyOf",
		`{"properties":{"a":{"$ref":"#"}},"required":["a"],"type":"object"}`:       "no value satisfies the schema",
		`{"properties":{"k":{"type":"integer","minimum":1e100000000}}}`:            "cannot enforce /properties/k/minimum: it has more than 60 digits",
		`{"properties":{"k":{"type":"string","pattern":"(.*a.{200}){20}b.{90}"}}}`: "cannot enforce /properties/k/pattern: ",
	} {
		_, err := Compile(t.Context(), json.RawMessage(schema))
		if err == nil || !strings.HasPrefix(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got the error %v, want %q", schema, err, want)
		}
	}
}

// TestChecked holds what is checked in a complete answer only, and what is ignored.
func TestChecked(t *testing.T) {
	for _, tt := range []struct {
		schema, checked, ignored string
		valid, invalid           string
	}{
		{`{"type":"array","uniqueItems":true}`, "/uniqueItems", "", `[1,2]`, `[1,1]`},
		{`{"type":"array","uniqueItems":true,"maxItems":1}`, "", "", `[1]`, `[1,1]`},
		{`{"properties":{"a":{"type":"array","contains":{"const":1},"maxContains":1}}}`, "/properties/a/maxContains", "", `{"a":[1]}`, `{"a":[1,1]}`},
		{`{"allOf":[{"contains":{"const":1}},{"contains":{"const":2}}],"type":"array"}`, "/allOf/1/contains", "", `[1,2]`, `[1]`},
		{`{"type":"string","if":{"maxLength":2},"then":{"pattern":"a"}}`, "/if", "", `"ab"`, `"b"`},
		{`{"type":"string","format":"email","maxLenght":3,"contentEncoding":"base64"}`, "", "/contentEncoding /format /maxLenght", `"long"`, `1`},
	} {
		s, err := Compile(t.Context(), json.RawMessage(tt.schema))
		if err != nil {
			t.Errorf("%s: %v", tt.schema, err)
			continue
		}
		if checked, ignored := strings.Join(s.Checked, " "), strings.Join(s.Ignored, " "); checked != tt.checked || ignored != tt.ignored {
			t.Errorf("%s: checked %q and ignored %q, want %q and %q", tt.schema, checked, ignored, tt.checked, tt.ignored)
		}
		if m := newMatcher(t, s.Grammar); !m.matches(tt.valid) {
			t.Errorf("%s does not have %s", tt.schema, tt.valid)
		}
		if s.Check(tt.valid) != nil || s.Check(tt.invalid) == nil {
			t.Errorf("%s: %s: %v, %s: %v", tt.schema, tt.valid, s.Check(tt.valid), tt.invalid, s.Check(tt.invalid))
		}
	}
	large := `{"type":"object","properties":{"a":{"type":"array","uniqueItems":true}`
	for i := range maxChecked + 1 {
		large += fmt.Sprintf(`,"p%d":{"type":"null"}`, i)
	}
	if _, err := Compile(t.Context(), json.RawMessage(large+"}}")); err == nil || !strings.HasPrefix(err.Error(), "cannot enforce /properties/a/uniqueItems: it is checked when the answer is complete") {
		t.Errorf("got %v", err)
	}
}

// TestLarge holds that large schemas compile in time and space that grows with them.
func TestLarge(t *testing.T) {
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, `,"property_%d":{"type":"string"}`, i)
	}
	fewer := strings.Join(strings.Split(many.String()[1:], ",")[:150], ",")
	for name, schema := range map[string]string{
		"20,000 optional properties": `{"type":"object","properties":{` + many.String()[1:] + `}}`,
		"150 optional properties":    `{"type":"object","properties":{` + fewer + `}}`,
		"20,000 of any type":         `{"type":"object","properties":{` + strings.ReplaceAll(many.String()[1:], `{"type":"string"}`, `{}`) + `}}`,
		"maxLength 65536":            `{"type":"string","minLength":1,"maxLength":65536}`,
		"maxLength 5000":             `{"type":"string","pattern":"^\\S+$","maxLength":5000}`,
		"maxItems 65536":             `{"type":"array","items":{"type":"string"},"maxItems":65536}`,
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			s, err := Compile(t.Context(), json.RawMessage(schema))
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if err := CheckGBNF(t.Context(), s.Grammar); err != nil {
				t.Error(err)
			}
			t.Logf("%d bytes of schema, %d of grammar, %v, checked in %v", len(schema), len(s.Grammar), took, time.Since(began)-took)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := Compile(ctx, json.RawMessage(schema)); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

// TestManyProperties holds that chunks of properties have what a trie has.
func TestManyProperties(t *testing.T) {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, `,"p%d":{"type":"null"}`, i)
	}
	s, err := Compile(t.Context(), json.RawMessage(`{"properties":{`+b.String()[1:]+`},"required":["p200"],"type":"object"}`))
	if err != nil {
		t.Fatal(err)
	}
	m := newMatcher(t, s.Grammar)
	for text, want := range map[string]bool{
		`{"p200":null}`: true, `{"p0":null,"p63":null,"p64":null,"p199":null,"p200":null,"p201":null,"p399":null}`: true,
		`{"p5":null,"p190":null,"p200":null,"p399":null}`: true,
		`{}`: false, `{"p0":null}`: false, `{"p0":null,"p201":null}`: false, `{"p1":null,"p0":null,"p200":null}`: false,
		`{"p200":null,"p200":null}`: false, `{"p200":null,"p100":null}`: false, `{"p200":null,"p400":null}`: false,
	} {
		if m.matches(text) != want {
			t.Errorf("%s: got %t, want %t", text, !want, want)
		}
	}
}

func TestCheckGBNF(t *testing.T) {
	for grammar, want := range map[string]string{
		"root ::= \"a\" b\nb ::= [^x-z\\n]{2,3} | (\"c\" | .)*\n":    "",
		`root ::= "(" root ")" | "é"`:                                "",
		"root ::= root \"a\" | \"b\"":                                "left recursion",
		"root ::= x root | \"b\"\nx ::= y y\ny ::= \"\" | \"c\"":     "left recursion",
		"root ::= " + strings.Repeat("(", 200_000):                   "nested deeper",
		`root ::= "a"{3000}`:                                         "invalid repetition",
		`root ::= a`:                                                 "rule a is not defined",
		`x ::= "a"`:                                                  "rule root is not defined",
		`root ::= [z-a]`:                                             "ends before it begins",
		`root ::= "a`:                                                "unexpected end",
		`root ::= (((("a"{2000}){2000}){2000}){2000})`:               "",
		`root ::= ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"{2000}){2000}  `: "",
	} {
		err := CheckGBNF(t.Context(), grammar)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", grammar, err, want)
		}
	}
}

// Whatever a pattern or a schema is, compiling it ends, and llama.cpp can run the grammar.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{`^(?:ab|cd)$`, `\d+\s*\S`, `[^\w.-]{2,9}`, `\bx\B`, `\u00e9|\p{L}`, `(a|b)*c?`, `^"\\$`, "(" + strings.Repeat("L", 3000) + "x|0)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4000 {
			return
		}
		schema, _ := json.Marshal(map[string]any{"type": "string", "pattern": s})
		compiles(t, schema)
	})
}

func FuzzSchema(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"enum":[1,"x"]}},"required":["b"],"additionalProperties":{"type":"null"}}`,
		`{"oneOf":[{"type":"string","maxLength":3},{"type":"array","prefixItems":[true],"items":{"$ref":"#"}}]}`,
		`{"allOf":[{"minimum":2.5},{"maximum":1e2}],"patternProperties":{"^a":{"const":{}}},"minProperties":1}`,
		`{"not":{"type":"string"},"propertyNames":{"pattern":"x"},"anyOf":[{"minItems":2},{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		if len(schema) < 4096 && json.Valid(schema) {
			compiles(t, schema)
		}
	})
}

func compiles(t *testing.T, schema []byte) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := Compile(ctx, schema)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s takes too long", schema)
	}
	if err != nil {
		if fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%s: %v is not of the kind invalid", schema, err)
		}
		return
	}
	if err := CheckGBNF(ctx, s.Grammar); err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	m := newMatcher(t, s.Grammar)
	for _, text := range []string{`""`, `"a"`, `"ab 1"`, `0`, `-3`, `1.5`, `[]`, `[1]`, `{}`, `{"a":1}`, `null`, `true`, `{"a":null,"b":"x"}`} {
		if m.matches(text) && len(s.Checked) == 0 {
			if err := s.Check(text); err != nil {
				t.Fatalf("%s: the grammar has %s: %v", schema, text, err)
			}
		}
	}
}
