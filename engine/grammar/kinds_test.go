package grammar

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKinds has schemas of each kind that llama.cpp's own converter is tested with.
func TestKinds(t *testing.T) {
	split := func(s string) []string { return strings.Split(s, " ; ") }
	for _, tt := range []struct{ kind, schema, has, no string }{
		{"a lower bound of one digit", `{"type":"integer","minimum":4}`, `4 ; 9 ; 10 ; 400`, `3 ; 0 ; -4 ; 4.5 ; 04`},
		{"a lower bound of more digits", `{"type":"integer","minimum":27}`, `27 ; 30 ; 100`, `26 ; 9 ; -27`},
		{"a lower bound below zero", `{"type":"integer","minimum":-134}`, `-134 ; -9 ; 0 ; 5000`, `-135 ; -200 ; -1340`},
		{"an upper bound", `{"type":"integer","maximum":31}`, `31 ; 0 ; -4000`, `32 ; 40 ; 310`},
		{"an upper bound below zero", `{"type":"integer","maximum":-6}`, `-6 ; -10 ; -59`, `-5 ; 0 ; 6`},
		{"both bounds", `{"type":"integer","minimum":16,"maximum":301}`, `16 ; 99 ; 100 ; 301`, `15 ; 302 ; 1 ; 3010`},
		{"bounds across zero", `{"type":"integer","minimum":-11,"maximum":43}`, `-11 ; 0 ; 43`, `-12 ; 44 ; -110`},
		{"no constraint", `{}`, `null ; 1 ; "a" ; [] ; {"a":[1]}`, `a ; [1 ; {a:1}`},
		{"a description alone", `{"description":"anything"}`, `null ; {"a":1}`, `nul`},
		{
			"formats of a list's items", `{"type":"array","items":[{"format":"date"},{"format":"uuid"},{"format":"time"},{"format":"date-time"}]}`,
			`["2026-02-28","01234567-89ab-CDEF-0123-456789abcdef","23:59:59Z","2026-02-28T00:00:00+01:00"] ; []`, `["2026-02-29"] ; ["2026-02-28","0"]`,
		},
		{"a shortest length", `{"type":"string","minLength":3}`, `"abc" ; "日本語" ; "a\nb"`, `"ab" ; "日本"`},
		{"both lengths", `{"type":"string","minLength":1,"maxLength":2}`, `"a" ; "ab"`, `"" ; "abc"`},
		{"a number", `{"type":"number"}`, `0 ; -1.25 ; 1e9 ; 2.5E-3`, `01 ; .5 ; 1. ; +1 ; "1"`},
		{"a constant that is a string", `{"const":"yes"}`, `"yes"`, `"no" ; yes`},
		{"a constant with escapes", `{"const":"\t\r\n\"\\ "}`, `"\t\r\n\"\\ "`, `"\t"`},
		{"a constant that is a number", `{"const":42}`, `42`, `4 ; 420 ; "42"`},
		{"values of all types", `{"enum":["on","off",null,7,["x"],{"y":1}]}`, `"on" ; null ; 7 ; ["x"] ; {"y":1}`, `"o" ; 8 ; [] ; {}`},
		{"a list or null", `{"type":["array","null"],"items":{"type":"string"}}`, `null ; [] ; ["a","b"]`, `[1] ; "a"`},
		{"a tuple", `{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}],"items":false,"minItems":2}`, `["a",1]`, `["a"] ; [1,"a"] ; ["a",1,2]`},
		{"no items", `{"type":"array","items":{"type":"boolean"},"maxItems":0}`, `[]`, `[true]`},
		{"one item at most", `{"type":"array","items":{"type":"boolean"},"maxItems":1}`, `[] ; [true]`, `[true,true]`},
		{"two items at least", `{"type":"array","items":{"type":"boolean"},"minItems":2}`, `[true,false] ; [true,true,true]`, `[] ; [true]`},
		{"few items with bounds", `{"type":"array","items":{"type":"integer","minimum":-13,"maximum":208},"minItems":2,"maxItems":3}`, `[-13,208] ; [0,0,0]`, `[0] ; [0,0,0,0] ; [0,209]`},
		{"a pattern with quantifiers", `{"type":"string","pattern":"^ab?c*de+(fg)?h$"}`, `"adeh" ; "abccdeefgh"`, `"ade" ; "abbdeh" ; "xadeh"`},
		{"a pattern of escapes", `{"type":"string","pattern":"^\\(\\[\\{\\}\\]\\)\\.\\*\\+\\?\\|$"}`, `"([{}]).*+?|"`, `"()" ; ""`},
		{"a pattern of a quote", `{"type":"string","pattern":"^\"$"}`, `"\""`, `"" ; "\\"`},
		// Only the first branch has the beginning, and only the last one the end.
		{"a pattern with branches", `{"type":"string","pattern":"^A|B|C$"}`, `"Ax" ; "xBx" ; "xC" ; "A"`, `"xA" ; "Cx" ; "x"`},
		{"a pattern with counts", `{"type":"string","pattern":"^(\\+[0-9]{1,3} )?[0-9]{2}-[0-9]{3} o{2,4}k..$"}`, `"12-345 ook!!" ; "+49 12-345 ooookab"`, `"12-345 ok!!" ; "+4900 12-345 ookab"`},
		{"groups in groups", `{"type":"string","pattern":"^(?:(?:xy)+z)?w$"}`, `"w" ; "xyzw" ; "xyxyzw"`, `"xyw" ; "zw"`},
		{
			"required properties", `{"type":"object","properties":{"z":{"type":"null"},"y":{"type":"null"},"x":{"type":"null"}},"required":["x","y","z"],"additionalProperties":false}`,
			`{"z":null,"y":null,"x":null}`, `{"x":null,"y":null,"z":null} ; {"z":null,"y":null} ; {}`,
		},
		{
			"optional properties", `{"type":"object","properties":{"z":{"type":"null"},"y":{"type":"null"},"x":{"type":"null"}},"additionalProperties":false}`,
			`{} ; {"z":null} ; {"y":null,"x":null} ; {"z":null,"x":null}`, `{"x":null,"z":null} ; {"w":null}`,
		},
		{
			"required and optional ones", `{"type":"object","properties":{"z":{"type":"null"},"y":{"type":"null"},"x":{"type":"null"}},"required":["y"],"additionalProperties":false}`,
			`{"y":null} ; {"z":null,"y":null,"x":null}`, `{"z":null} ; {}`,
		},
		{"other properties", `{"type":"object","additionalProperties":{"type":"array","items":{"type":"number"}}}`, `{} ; {"a":[1],"b":[]}`, `{"a":1}`},
		{"any other properties", `{"type":"object","additionalProperties":true}`, `{} ; {"a":1,"b":{}}`, `[]`},
		{"no other properties", `{"type":"object","additionalProperties":false}`, `{}`, `{"a":1}`},
		{
			"required, optional and others", `{"type":"object","properties":{"so":{"type":"number"},"some":{"type":"number"}},"required":["so"],"additionalProperties":{"type":"null"}}`,
			`{"so":1} ; {"so":1,"some":2} ; {"so":1,"s":null,"somewhat":null}`, `{"some":1} ; {"so":1,"some":null} ; {"so":1,"other":1}`,
		},
		{"a property without a name", `{"type":"object","properties":{"":{"type":"null"},"b":{"type":"null"}},"additionalProperties":{"type":"null"}}`, `{"":null} ; {"":null,"b":null,"bb":null}`, `{"":1}`},
		{
			"names that begin others", `{"type":"object","properties":{"k":{"type":"null"},"kk":{"type":"null"},"kl":{"type":"null"}},"additionalProperties":{"type":"boolean"}}`,
			`{"k":null,"kk":null,"kl":null,"kkk":true} ; {"kl":null}`, `{"kk":true} ; {"kkk":null}`,
		},
		{"a reference", `{"$ref":"#/definitions/one","definitions":{"one":{"type":"object","properties":{"k":{"type":"string"}},"required":["k"],"additionalProperties":false}}}`, `{"k":"a"}`, `{} ; {"k":1}`},
		{
			"references in branches", `{"type":"object","anyOf":[{"$ref":"#/definitions/one"},{"$ref":"#/definitions/two"}],"definitions":{"one":{"properties":{"k":{"type":"number"}}},"two":{"properties":{"l":{"type":"number"}}}}}`,
			`{} ; {"k":1} ; {"l":1}`, `{"k":"a"} ; {"l":null}`,
		},
		{
			"a reference to a branch", `{"type":"object","properties":{"k":{"anyOf":[{"type":"string"},{"type":"number"}]},"l":{"anyOf":[{"$ref":"#/properties/k/anyOf/0"},{"type":"boolean"}]}}}`,
			`{"k":1,"l":"a"} ; {"l":true}`, `{"l":1}`,
		},
		{
			"references in all and any", `{"type":"object","allOf":[{"$ref":"#/definitions/one"},{"anyOf":[{"$ref":"#/definitions/two"},{"$ref":"#/definitions/three"}]}],
			"definitions":{"one":{"properties":{"k":{"type":"number"}}},"two":{"properties":{"l":{"type":"null"}}},"three":{"properties":{"m":{"type":"null"}}}}}`,
			`{"k":1,"l":null} ; {"k":1,"m":null} ; {}`, `{"k":null} ; {"m":1}`,
		},
		{"values of all branches", `{"allOf":[{"$ref":"#/definitions/one"},{"$ref":"#/definitions/two"}],"definitions":{"one":{"type":"string","enum":["p","q","r"]},"two":{"enum":["q","r","s"]}}}`, `"q" ; "r"`, `"p" ; "s"`},
		{
			"names of rules", `{"type":"object","properties":{"root":{"type":"object","properties":{"root":{"type":"object","properties":{"number":{"type":"number"}},"required":["number"]}},"required":["root"]}},"required":["root"]}`,
			`{"root":{"root":{"number":1}}}`, `{"root":{"root":{}}} ; {"root":1}`,
		},
	} {
		s, err := Compile(t.Context(), json.RawMessage(tt.schema))
		if err != nil {
			t.Errorf("%s: %v", tt.kind, err)
			continue
		}
		m := newMatcher(t, s.Grammar)
		for _, text := range split(tt.has) {
			if err := s.Check(text); err != nil || !m.matches(text) {
				t.Errorf("%s: %s does not have %s (%v)", tt.kind, tt.schema, text, err)
			}
		}
		for _, text := range split(tt.no) {
			if m.matches(text) {
				t.Errorf("%s: %s has %s", tt.kind, tt.schema, text)
			}
		}
	}
	for _, schema := range []string{`{"type":"widget"}`, `{"type":7}`, `{"type":"array","prefixItems":{"type":"string"}}`, `{"dependentRequired":["a"]}`, `{"properties":7}`, `{"required":"a"}`} {
		if s, err := Compile(t.Context(), json.RawMessage(schema)); err == nil {
			t.Errorf("%s is accepted: %s", schema, s.Grammar)
		}
	}
}
