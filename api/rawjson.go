package api

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// Requests can hold images of many megabytes, and encoding/json reads a value
// again at each level of decoding that looks inside. So a body is checked once
// with json.Valid and then taken apart here, where passing over a value costs
// little. All functions of this file expect valid JSON without space around it.

// members are the members of an object, in order.
func members(obj json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for i := space(obj, 1); obj[i] != '}'; {
			end := skip(obj, i)
			name := unquote(obj[i:end])
			i = space(obj, space(obj, end)+1) // after the colon
			end = skip(obj, i)
			if !yield(name, obj[i:end:end]) {
				return
			}
			if i = space(obj, end); obj[i] == ',' {
				i = space(obj, i+1)
			}
		}
	}
}

// elements are the elements of a list, in order.
func elements(list json.RawMessage) iter.Seq2[int, json.RawMessage] {
	return func(yield func(int, json.RawMessage) bool) {
		n := 0
		for i := space(list, 1); list[i] != ']'; n++ {
			end := skip(list, i)
			if !yield(n, list[i:end:end]) {
				return
			}
			if i = space(list, end); list[i] == ',' {
				i = space(list, i+1)
			}
		}
	}
}

// unquote is the text of a JSON string. Invalid UTF-8 and lone surrogates in it
// read as U+FFFD.
func unquote(raw json.RawMessage) string {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		panic("api: unquote of what is not a JSON string: " + err.Error())
	}
	return s
}

// space is the index of the first byte from i on that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skip is the index after the value that begins at i.
func skip(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch b[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			case '"':
				i = skipString(b, i) - 1
			}
		}
	}
	for i < len(b) && bytes.IndexByte([]byte(",]}: \n\r\t"), b[i]) < 0 {
		i++
	}
	return i
}

// skipString is the index after the string whose first quote is at i.
func skipString(b []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(b[i:], '"')
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}
