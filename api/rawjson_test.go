package api

import (
	"encoding/json"
	"reflect"
	"testing"
)

// tree takes a valid JSON value apart with the functions of rawjson.go alone.
func tree(raw json.RawMessage) any {
	switch raw[0] {
	case '{':
		o := map[string]any{}
		for name, v := range members(raw) {
			o[name] = tree(v)
		}
		return o
	case '[':
		list := []any{}
		for i, v := range elements(raw) {
			if i != len(list) {
				panic("elements are not counted")
			}
			list = append(list, tree(v))
		}
		return list
	case '"':
		return unquote(raw)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return v
}

func FuzzRawJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , -2.5e3 , true , null ] , "b" : { } } `, `"\\\"\u00e9\ud83d"`, `{"a":1,"a":2}`,
		`["\\","]","\\\\\"}"]`, "\"\xff\"", `[[[{"x":[[]]}]]]`, `0`, `"` + "\u2028" + `"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 || !json.Valid(body) {
			return
		}
		var want any
		if json.Unmarshal(body, &want) != nil { // a number out of range
			return
		}
		start := space(body, 0)
		end := skip(body, start)
		if space(body, end) != len(body) {
			t.Fatalf("skip stops at %d of %q", end, body)
		}
		if got := tree(body[start:end]); !reflect.DeepEqual(got, want) {
			t.Errorf("%q reads as %#v, want %#v", body, got, want)
		}
	})
}
