// Package jsonl decodes lines of data, each a JSON object. Its errors are for users who write
// such files: they say what is wrong and where, without Go's words.
package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Decode decodes a line into a struct. The error is a clause about the line, such as
// "is not UTF-8 text".
func Decode(line []byte, into any) error {
	if !utf8.Valid(line) {
		return errors.New("is not UTF-8 text")
	}
	if !json.Valid(line) {
		return syntax(line)
	}
	if bytes.TrimLeft(line, " \t\r\n")[0] != '{' {
		return errors.New("is not a JSON object")
	}
	err := json.Unmarshal(line, into)
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("has the wrong type for %s", path(mismatch.Field))
	}
	if err != nil {
		return fmt.Errorf("has an invalid value: %w", err)
	}
	return nil
}

// path leaves out the names of embedded structs, which no key has.
func path(field string) string {
	keys := strings.Split(field, ".")
	return strings.Join(slices.DeleteFunc(keys, func(key string) bool { return key != "" && unicode.IsUpper(rune(key[0])) }), ".")
}

// syntax says where a line stops being JSON.
func syntax(line []byte) error {
	var ignored json.RawMessage
	e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(line, &ignored))
	if !ok || e.Offset >= int64(len(line)) && e.Error() == "unexpected end of JSON input" {
		return errors.New("is not valid JSON: it ends too early")
	}
	return fmt.Errorf("is not valid JSON from character %d on", utf8.RuneCount(line[:e.Offset]))
}
