package enginetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// maxSchemaDepth bounds how deep a sample of a schema nests.
const maxSchemaDepth = 32

// sample is a value that satisfies a JSON schema. It knows the keywords that
// say what a value is made of; a schema with a pattern is refused rather than
// answered wrongly.
func sample(schema json.RawMessage, rng *rand.Rand) (any, error) {
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	s := sampler{root: root, rng: rng}
	return s.value(root, 0)
}

type sampler struct {
	root   any
	rng    *rand.Rand
	values int
}

// maxSchemaValues bounds the size of a sample.
const maxSchemaValues = 10_000

func (s *sampler) value(schema any, depth int) (any, error) {
	s.values++
	if depth > maxSchemaDepth || s.values > maxSchemaValues {
		return nil, errors.New("the schema asks for a value without end")
	}
	if b, ok := schema.(bool); ok {
		if !b {
			return nil, errors.New("the schema false allows no value")
		}
		return phrase(s.rng, 1), nil
	}
	m, ok := schema.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a schema is an object, not %T", schema)
	}
	if ref, ok := m["$ref"].(string); ok {
		target, err := s.resolve(ref)
		if err != nil {
			return nil, err
		}
		return s.value(target, depth+1)
	}
	if v, ok := m["const"]; ok {
		return v, nil
	}
	if list, ok := m["enum"].([]any); ok && len(list) > 0 {
		return list[s.rng.IntN(len(list))], nil
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, ok := m[key].([]any); ok && len(list) > 0 {
			return s.anyOf(list, depth)
		}
	}
	if list, ok := m["allOf"].([]any); ok && len(list) == 1 {
		return s.value(list[0], depth+1)
	}
	if _, ok := m["pattern"]; ok {
		return nil, errors.New("a pattern is more than a script can write")
	}
	return s.typed(m, depth)
}

// anyOf takes one of the schemas by chance, or the next one that has an end.
func (s *sampler) anyOf(list []any, depth int) (v any, err error) {
	first := s.rng.IntN(len(list))
	for i := range list {
		if v, err = s.value(list[(first+i)%len(list)], depth+1); err == nil {
			break
		}
	}
	return v, err
}

func (s *sampler) typed(m map[string]any, depth int) (any, error) {
	kind := m["type"]
	if list, ok := kind.([]any); ok && len(list) > 0 {
		kind = list[s.rng.IntN(len(list))]
	}
	if kind == nil {
		switch {
		case m["properties"] != nil:
			kind = "object"
		case m["items"] != nil:
			kind = "array"
		default:
			kind = "string"
		}
	}
	switch kind {
	case "null":
		return nil, nil
	case "boolean":
		return s.rng.IntN(2) == 0, nil
	case "integer":
		low, high := bounds(m)
		low, high = math.Ceil(low), math.Floor(high)
		if low > high {
			return nil, errors.New("no integer lies between the schema's bounds")
		}
		return low + float64(s.rng.IntN(int(min(high-low, 1000))+1)), nil
	case "number":
		low, high := bounds(m)
		if low > high {
			return nil, errors.New("no number lies between the schema's bounds")
		}
		return low + (high-low)*float64(s.rng.IntN(100))/100, nil
	case "string":
		return s.str(m), nil
	case "array":
		return s.array(m, depth)
	case "object":
		return s.object(m, depth)
	}
	return nil, fmt.Errorf("the schema's type %v is not known", kind)
}

// bounds are those of a number. An exclusive bound is kept away from by one, or
// by a hundredth of a narrow range.
func bounds(m map[string]any) (low, high float64) {
	low, hasLow := m["minimum"].(float64)
	high, hasHigh := m["maximum"].(float64)
	above, hasAbove := m["exclusiveMinimum"].(float64)
	below, hasBelow := m["exclusiveMaximum"].(float64)
	step := 1.0
	if hasAbove && hasBelow && below-above <= 2 {
		step = (below - above) / 100
	}
	if hasAbove {
		low, hasLow = above+step, true
	}
	if hasBelow {
		high, hasHigh = below-step, true
	}
	switch {
	case !hasLow && !hasHigh:
		low, high = 0, 100
	case !hasLow:
		low = high - 100
	case !hasHigh:
		high = low + 100
	}
	return low, high
}

func (s *sampler) str(m map[string]any) string {
	low, high := count(m["minLength"], 0), count(m["maxLength"], 1000)
	text := phrase(s.rng, 2)
	if n := low - len([]rune(text)); n > 0 {
		text += strings.Repeat("x", n)
	}
	if runes := []rune(text); len(runes) > high {
		text = string(runes[:high])
	}
	return text
}

// count reads a length out of a schema, kept between 0 and 1000.
func count(v any, otherwise int) int {
	f, ok := v.(float64)
	if !ok {
		return otherwise
	}
	return int(max(0, min(f, 1000)))
}

func (s *sampler) array(m map[string]any, depth int) (any, error) {
	low, high := count(m["minItems"], 0), count(m["maxItems"], 1000)
	n := min(max(low, 1+s.rng.IntN(2)), high)
	first, _ := m["prefixItems"].([]any)
	list := []any{}
	for i := range n {
		var item any = map[string]any{}
		switch {
		case i < len(first):
			item = first[i]
		case m["items"] != nil:
			item = m["items"]
		}
		v, err := s.value(item, depth+1)
		if err != nil {
			if i >= low {
				break
			}
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (s *sampler) object(m map[string]any, depth int) (any, error) {
	required := map[string]bool{}
	names, _ := m["required"].([]any)
	for _, name := range names {
		if n, ok := name.(string); ok {
			required[n] = true
		}
	}
	object := map[string]any{}
	properties, _ := m["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if _, ok := properties[name]; !ok {
			object[name] = phrase(s.rng, 1)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		v, err := s.value(properties[name], depth+1)
		if err != nil {
			// What is not required and cannot be written, such as a schema within
			// itself, is left out.
			if required[name] {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		object[name] = v
	}
	return object, nil
}

// resolve finds what a reference within the schema points to (RFC 6901).
func (s *sampler) resolve(ref string) (any, error) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, fmt.Errorf("the reference %q leaves the schema", ref)
	}
	at := s.root
	for _, key := range strings.Split(path, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		m, ok := at.(map[string]any)
		if !ok || m[key] == nil {
			return nil, fmt.Errorf("the reference %q points to nothing", ref)
		}
		at = m[key]
	}
	return at, nil
}
