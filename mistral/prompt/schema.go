package prompt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// checkSchema reports what keeps a value from being a JSON schema of draft 7, by
// its meta-schema. Formats (those of patterns and references) are not looked at.
func checkSchema(v value) error { return schemaAt("schema", v) }

// schemaAt checks a schema; at is its place, for the message.
func schemaAt(at string, v value) error {
	switch v := v.(type) {
	case constant:
		if v == "null" {
			break
		}
		return nil // true and false are schemas: of everything and of nothing
	case *object:
		for _, key := range v.keys {
			if err := keywordAt(at+"."+key, key, v.values[key]); err != nil {
				return err
			}
		}
		return nil
	}
	return notA(at, "a schema")
}

func notA(at, what string) error { return fmt.Errorf("%s is not %s", at, what) }

func keywordAt(at, keyword string, v value) error {
	switch keyword {
	case "additionalItems", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not":
		return schemaAt(at, v)
	case "allOf", "anyOf", "oneOf":
		return schemasAt(at, v)
	case "items":
		if _, several := v.(list); several {
			return schemasAt(at, v)
		}
		return schemaAt(at, v)
	case "definitions", "properties", "patternProperties":
		return eachAt(at, v, schemaAt)
	case "dependencies":
		return eachAt(at, v, func(at string, v value) error {
			if _, names := v.(list); names {
				return stringsAt(at, v)
			}
			return schemaAt(at, v)
		})
	case "$id", "$schema", "$ref", "$comment", "title", "description", "pattern", "format", "contentMediaType", "contentEncoding":
		if _, ok := v.(text); !ok {
			return notA(at, "a string")
		}
	case "readOnly", "uniqueItems":
		if v != constant("true") && v != constant("false") {
			return notA(at, "true or false")
		}
	case "enum", "examples":
		if _, ok := v.(list); !ok {
			return notA(at, "a list")
		}
	case "required":
		return stringsAt(at, v)
	case "type":
		return typeAt(at, v)
	case "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum":
		if _, ok := v.(number); !ok {
			return notA(at, "a number")
		}
	case "multipleOf":
		if n, ok := v.(number); !ok || float(n) <= 0 {
			return notA(at, "a number above 0")
		}
	case "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties":
		if n, ok := v.(number); !ok || !whole(n) || float(n) < 0 {
			return notA(at, "a whole number of 0 or more")
		}
	}
	return nil
}

func float(n number) float64 {
	f, _ := strconv.ParseFloat(string(n), 64)
	return f
}

// whole reports whether a number has no fraction; 1.0 has none.
func whole(n number) bool {
	if !strings.ContainsAny(string(n), ".eNI") {
		return true // however many digits it has
	}
	f := float(n)
	return f == math.Trunc(f) && !math.IsInf(f, 0)
}

func schemasAt(at string, v value) error {
	l, ok := v.(list)
	if !ok || len(l) == 0 {
		return notA(at, "a list of schemas")
	}
	for i, s := range l {
		if err := schemaAt(fmt.Sprintf("%s[%d]", at, i), s); err != nil {
			return err
		}
	}
	return nil
}

func eachAt(at string, v value, check func(string, value) error) error {
	o, ok := v.(*object)
	if !ok {
		return notA(at, "an object")
	}
	for _, key := range o.keys {
		if err := check(at+"."+key, o.values[key]); err != nil {
			return err
		}
	}
	return nil
}

// stringsAt checks a list of strings that are all different.
func stringsAt(at string, v value) error {
	l, ok := v.(list)
	if !ok {
		return notA(at, "a list of strings")
	}
	seen := make(map[text]bool, len(l))
	for _, e := range l {
		s, ok := e.(text)
		if !ok || seen[s] {
			return notA(at, "a list of different strings")
		}
		seen[s] = true
	}
	return nil
}

// schemaTypes are what the keyword type may name.
var schemaTypes = map[text]bool{
	"array": true, "boolean": true, "integer": true, "null": true, "number": true, "object": true, "string": true,
}

func typeAt(at string, v value) error {
	if s, ok := v.(text); ok && schemaTypes[s] {
		return nil
	}
	l, ok := v.(list)
	if !ok || len(l) == 0 || stringsAt(at, v) != nil {
		return notA(at, "a type or a list of types")
	}
	for _, e := range l {
		if !schemaTypes[e.(text)] {
			return notA(at, "a type or a list of types")
		}
	}
	return nil
}
