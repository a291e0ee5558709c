package enginetest

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestGrammarSentences(t *testing.T) {
	for source, want := range map[string]string{
		`root ::= "yes" | "no"`: `yes|no`,
		"root ::= a \"-\" b # two rules\na ::= [0-9]{4}\nb ::= [a-c]+": `[0-9]{4}-[a-c]+`,
		`root ::= ("a" | "b"){2,3} "c"?`:                               `[ab]{2,3}c?`,
		"root ::= \"a\"\n  | \"b\"":                                    `a|b`,
		`root ::= "\"\\\n\x41é\U0001F600"`:                             "\"\\\\\nAé😀",
		`root ::= [^a-z0-9 ]`:                                          `[^a-z0-9 ]`,
		`root ::= [\]\-^]`:                                             `[\]\-^]`,
		`root ::= "(" root ")" | "x"`:                                  `\(*x\)*`,
		`root ::= .`:                                                   `.`,
		`root ::= ""`:                                                  ``,
		`root ::= "a" loop*` + "\n" + `loop ::= loop "b"`:              `a`,
	} {
		g, err := parseGrammar(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		rng := rand.New(rand.NewPCG(1, 2))
		allowed := regexp.MustCompile(`\A(?:` + want + `)\z`)
		for range 50 {
			if s := g.sentence(rng); !allowed.MatchString(s) {
				t.Errorf("%s: wrote %q", source, s)
			}
		}
	}
}

func TestGrammarRefused(t *testing.T) {
	for _, source := range []string{
		"", "nonsense", "root", `root ::= "a`, `root ::= [a`, `root ::= []`, `root ::= [^\x00-\U0010FFFF]`, `root ::= ("a"`, `root ::= other`,
		`root ::= "a" root`, `other ::= "a"`, `root ::= "a"{2`, `root ::= "a"{3,2}`, `root ::= "a"{1000000}`,
		`root ::= "\q"`, `root ::= "\x4"`, "root ::= \"\xff\"", "root ::= " + strings.Repeat("(", 1000),
		"root ::= \"a\"" + strings.Repeat("*", 1000), `root ::= "a" )`,
	} {
		if g, err := parseGrammar(source); err == nil {
			t.Errorf("%.40q was accepted and says %q", source, g.sentence(rand.New(rand.NewPCG(1, 2))))
		}
	}
}

func FuzzGrammar(f *testing.F) {
	f.Add(`root ::= ("a" | b{2,3})* [^x-z]? .+` + "\nb ::= \"\\u00e9\" # c")
	f.Add(`root ::= "(" root ")" | "x" root root | "y"`)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 2000 {
			t.Skip()
		}
		g, err := parseGrammar(source)
		if err != nil {
			return
		}
		if s := g.sentence(rand.New(rand.NewPCG(1, 2))); !utf8.ValidString(s) {
			t.Errorf("wrote %q", s)
		}
	})
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"type":["integer","null"],"minimum":1}},"required":["b"]}`))
	f.Add([]byte(`{"anyOf":[{"type":"array","items":{"enum":[1,2]},"minItems":3},{"allOf":[{"const":1}]}]}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		v, err := sample(schema, rand.New(rand.NewPCG(1, 2)))
		if err == nil && text(v) == "" {
			t.Errorf("%v of %s has no JSON", v, schema)
		}
	})
}
