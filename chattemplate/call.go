package template

import (
	"encoding/json"
	"strings"
)

// A call is a function's name and its arguments as JSON text.
type call struct{ name, arguments string }

// readCall reads a call as models write it:
//
//	{"name": "f", "arguments": {…}}
//	{"name": "f", "parameters": {…}}
//	{"type": "function", "function": {"name": "f", …}}
func readCall(body string) (call, bool) {
	var keys map[string]json.RawMessage // a struct would take "Name" for name
	if json.Unmarshal([]byte(body), &keys) != nil {
		return call{}, false
	}
	if inner, ok := keys["function"]; ok && keys["name"] == nil {
		keys = nil
		if json.Unmarshal(inner, &keys) != nil {
			return call{}, false
		}
	}
	var c call
	if json.Unmarshal(keys["name"], &c.name) != nil || c.name == "" {
		return call{}, false
	}
	arguments, ok := keys["arguments"]
	if !ok {
		arguments = keys["parameters"]
	}
	c.arguments, ok = object(string(arguments))
	return c, ok
}

// readCalls reads an array of calls, or the arguments of a call of name. It fails unless
// all are valid.
func readCalls(name, value string) ([]call, bool) {
	if name != "" {
		arguments, ok := object(value)
		return []call{{name, arguments}}, ok
	}
	if !strings.HasPrefix(value, "[") {
		value = "[" + value + "]"
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(value), &list) != nil {
		return nil, false
	}
	calls := make([]call, len(list))
	for i, w := range list {
		var ok bool
		if calls[i], ok = readCall(string(w)); !ok {
			return nil, false
		}
	}
	return calls, len(calls) > 0
}

// object returns the text of a JSON object. Models also write it as a string, or leave it
// out.
func object(raw string) (string, bool) {
	s := strings.TrimSpace(raw)
	if s == "" || s == "null" {
		return "{}", true
	}
	if s[0] == '"' {
		if json.Unmarshal([]byte(s), &s) != nil {
			return "", false
		}
		s = strings.TrimSpace(s)
	}
	return s, strings.HasPrefix(s, "{") && json.Valid([]byte(s))
}

// A scanner finds the end of a JSON object or array that comes in pieces.
type scanner struct {
	at     int // bytes read
	depth  int
	quoted bool
	escape bool
}

// end continues in s, which extends the text seen before, and reports whether the value is
// complete: the first at bytes of s.
func (c *scanner) end(s string) bool {
	for c.at < len(s) {
		b := s[c.at]
		c.at++
		switch {
		case c.escape:
			c.escape = false
		case c.quoted:
			c.escape = b == '\\'
			c.quoted = b != '"'
		case b == '"':
			c.quoted = true
		case b == '{' || b == '[':
			c.depth++
		case b == '}' || b == ']':
			if c.depth--; c.depth <= 0 {
				return true
			}
		}
	}
	return false
}
