package prompt

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPythonJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a":1,"b":[true,false,null]}`, `{"a": 1, "b": [true, false, null]}`},
		{" [ ] ", "[]"},
		{"{\n}", "{}"},
		{`{"b":1,"a":2,"b":3}`, `{"b": 3, "a": 2}`},
		{`"é\u00e9\/\b\f\n\r\t\\\"\u0001\u007f"`, `"éé/\b\f\n\r\t\\\"\u0001` + "\x7f\""},
		{`"\ud83d\ude00 \ud83d \ude00 \ud83dx \ud83d\u0041"`, `"😀 ` + "\ufffd \ufffd \ufffdx \ufffdA" + `"`},
		{
			`[0,-0,1.0,-0.0,1e5,1E-5,0.0001,1e16,9999999999999998.0,123456789012345678901234567890,1e400,-1e400,5e-324]`,
			`[0, 0, 1.0, -0.0, 100000.0, 1e-05, 0.0001, 1e+16, 9999999999999998.0, 123456789012345678901234567890, Infinity, -Infinity, 5e-324]`,
		},
		{`[NaN,Infinity,-Infinity]`, `[NaN, Infinity, -Infinity]`},
		{`0.1`, `0.1`},
	} {
		v, err := parseJSON(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := dumpJSON(v); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
	for _, bad := range []string{
		"", " ", "x", "nul", "01", "-", "1.", "1.e5", "+1", ".5", "[1,]", "[,]", "[1 2]", "{a:1}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{1:2}`, "[", "{", `"`, `"\`,
		`"\x"`, `"\u12"`, `"\u12_3"`, `"\u+123"`, "\"\n\"", "\"\x00\"", "1 2", "\ufeff1", "-NaN", "-x", strings.Repeat("[", 5000),
	} {
		if v, err := parseJSON(bad); err == nil {
			t.Errorf("%.20q reads as %s", bad, dumpJSON(v))
		}
	}
}

func TestJSONDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	if _, err := parseJSON(nested(jsonDepth + 1)); err != nil {
		t.Error(err)
	}
	if _, err := parseJSON(nested(1 << 20)); err != errDeep {
		t.Errorf("error %v", err)
	}
}

// What is written reads back as itself, and means what encoding/json reads.
func FuzzPythonJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, 2.50, null, "x\n"]}`, `"\ud83d\ude00"`, `-0`, `1e400`, `[NaN]`, "[01]", "\ufeff1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<12 {
			return
		}
		v, err := parseJSON(s)
		if err != nil {
			if json.Valid([]byte(s)) && err != errDeep {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		dumped := dumpJSON(v)
		if !json.Valid([]byte(s)) {
			if !strings.Contains(dumped, "NaN") && !strings.Contains(dumped, "Infinity") {
				t.Fatalf("%q is no JSON and reads as %s", s, dumped)
			}
		}
		again, err := parseJSON(dumped)
		if err != nil {
			t.Fatalf("%q is written as %s: %v", s, dumped, err)
		}
		if twice := dumpJSON(again); twice != dumped {
			t.Fatalf("%s is then written as %s", dumped, twice)
		}
	})
}
