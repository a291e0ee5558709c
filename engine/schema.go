package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// CheckSchema reports why a value is not a JSON schema of bounded size and depth. It
// checks against the meta-schema of draft 7, as Mistral's reference does: keywords of
// later drafts are allowed and not checked. References are not resolved.
func CheckSchema(schema json.RawMessage) error {
	if len(schema) > maxGrammar {
		return fmt.Errorf("it has %d bytes: the limit is %d", len(schema), maxGrammar)
	}
	if !json.Valid(schema) || first(schema) != '{' {
		return errors.New("it is not a JSON object")
	}
	if nesting(schema) > maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	// Numbers become float64: as exact fractions a large exponent would fill memory.
	var v any
	if err := json.Unmarshal(schema, &v); err != nil {
		return err
	}
	fillEnums(v)
	return SchemaProblem(metaSchema().Validate(v))
}

// SchemaProblem returns the first violation that a validation found, with the place of the
// value. Other errors are returned as they are.
func SchemaProblem(err error) error {
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		reason := invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		return fmt.Errorf("/%s: %s", strings.Join(invalid.InstanceLocation, "/"), reason)
	}
	return err
}

var metaSchema = sync.OnceValue(func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(func(string) (jsonschema.Regexp, error) { return anyText{}, nil })
	// Patterns need not be Go's, and references need not be URLs.
	for _, name := range []string{"regex", "uri", "uri-reference"} {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	return c.MustCompile("http://json-schema.org/draft-07/schema#")
})

// anyText stands for a pattern that is not checked.
type anyText struct{}

func (anyText) MatchString(string) bool { return true }
func (anyText) String() string          { return "" }

// fillEnums replaces every list of enum values by a list of one. Draft 7 allows empty
// lists and duplicates, and the library's copy of its meta-schema does not.
func fillEnums(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["enum"].([]any); ok {
			v["enum"] = []any{nil}
		}
		for _, member := range v {
			fillEnums(member)
		}
	case []any:
		for _, element := range v {
			fillEnums(element)
		}
	}
}

// nesting returns how deep objects and lists are nested in valid JSON.
func nesting(data []byte) (deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
