package api

import (
	"encoding/json"
	"fmt"
	"slices"
)

const maxSchemaDepth = 64

var schemaTypes = []string{"string", "number", "integer", "boolean", "object", "array", "null"}

// checkSchema says what keeps a value from being a JSON schema (draft 2020-12),
// "" when nothing does. It looks at the keywords that an answer is constrained
// by; the others are free.
func checkSchema(raw json.RawMessage, depth int) string {
	if raw[0] == 't' || raw[0] == 'f' {
		return ""
	}
	if raw[0] != '{' {
		return "a schema is an object or a boolean"
	}
	if depth == maxSchemaDepth {
		return fmt.Sprintf("it is more than %d levels deep", maxSchemaDepth)
	}
	for keyword, v := range members(raw) {
		if fault := checkKeyword(keyword, v, depth+1); fault != "" {
			return fault
		}
	}
	return ""
}

func checkKeyword(keyword string, v json.RawMessage, depth int) string {
	switch keyword {
	case "type":
		if v[0] == '[' {
			return firstFault(elements(v), checkType)
		}
		return checkType(v)
	case "properties", "$defs", "definitions", "patternProperties":
		if v[0] != '{' {
			return keyword + " is not an object"
		}
		return firstFault(members(v), func(s json.RawMessage) string { return checkSchema(s, depth) })
	case "items", "additionalProperties", "not":
		if v[0] == '[' && keyword == "items" { // before draft 2020-12
			return firstFault(elements(v), func(s json.RawMessage) string { return checkSchema(s, depth) })
		}
		return checkSchema(v, depth)
	case "anyOf", "oneOf", "allOf", "prefixItems":
		if v[0] != '[' {
			return keyword + " is not a list"
		}
		return firstFault(elements(v), func(s json.RawMessage) string { return checkSchema(s, depth) })
	case "enum":
		if v[0] != '[' {
			return keyword + " is not a list"
		}
	case "required":
		if v[0] != '[' {
			return keyword + " is not a list"
		}
		return firstFault(elements(v), func(s json.RawMessage) string {
			if s[0] != '"' {
				return keyword + " has something that is not a name"
			}
			return ""
		})
	}
	return ""
}

func checkType(v json.RawMessage) string {
	if v[0] != '"' || !slices.Contains(schemaTypes, unquote(v)) {
		return "there is no type " + string(v[:min(len(v), 40)])
	}
	return ""
}

// firstFault is the first fault that check finds.
func firstFault[K any](values func(func(K, json.RawMessage) bool), check func(json.RawMessage) string) string {
	for _, v := range values {
		if fault := check(v); fault != "" {
			return fault
		}
	}
	return ""
}
