package api

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine/wire"
)

// A reader reads one request. It continues after a violation of the schema, so that a
// client sees all of them at once.
type reader struct {
	strict  bool
	detail  []wire.Detail
	refused *refusal // the first thing that fits the schema but makes no sense
	unknown []string // fields that were passed over
	// renamed has the fields that the engine knows by another name, for its errors.
	renamed map[string]string
	keep    *time.Duration     // keep_alive
	note    func(field string) // called with each field that is looked for at the top; may be nil
}

const (
	maxDetail  = 16  // violations reported
	maxInput   = 200 // bytes of a value that are echoed in a violation
	maxUnknown = 8   // unknown fields reported to the log
)

// A value is a JSON value somewhere in the request.
type value struct {
	r   *reader
	loc []any
	raw json.RawMessage
}

// An object is a JSON object somewhere in the request.
type object struct {
	value
	fields []field
}

type field struct {
	name string
	raw  json.RawMessage
	seen bool
}

// read checks that body is one JSON object.
func (r *reader) read(body []byte) (*object, bool) {
	top := value{r: r, loc: []any{"body"}}
	if !json.Valid(body) {
		var ignored json.RawMessage
		at, err := any(0), json.Unmarshal(body, &ignored)
		if syntax, ok := err.(*json.SyntaxError); ok {
			at = syntax.Offset
		}
		v := value{r: r, loc: []any{"body", at}}
		v.violate("json_invalid", "JSON decode error", map[string]any{"error": fmt.Sprint(err)})
		return nil, false
	}
	start := space(body, 0)
	top.raw = body[start:skip(body, start)]
	return top.object()
}

// reject records a refusal, unless there is one.
func (r *reader) reject(f *refusal) {
	if r.refused == nil {
		r.refused = f
	}
}

// err is what is wrong with the request, nil for nothing.
func (r *reader) err() error {
	if len(r.detail) > 0 {
		return unprocessable(r.detail)
	}
	if r.refused != nil {
		return r.refused
	}
	return nil
}

// violate records a violation of the schema, in pydantic's words.
func (v value) violate(typ, msg string, ctx map[string]any) {
	if len(v.r.detail) == maxDetail {
		return
	}
	d := wire.Detail{Type: typ, Loc: v.loc, Msg: msg, Ctx: ctx}
	if len(v.raw) <= maxInput {
		d.Input = v.raw
	}
	v.r.detail = append(v.r.detail, d)
}

// at is a value inside v.
func (v value) at(key any, raw json.RawMessage) value {
	return value{v.r, append(slices.Clip(v.loc), key), raw}
}

// is reports the type of a value by its first byte.
func (v value) is(first byte) bool { return v.raw[0] == first }

func (v value) isNumber() bool { return v.is('-') || v.raw[0] >= '0' && v.raw[0] <= '9' }

func (v value) string() string {
	if !v.is('"') {
		v.violate("string_type", "Input should be a valid string", nil)
		return ""
	}
	return unquote(v.raw)
}

func (v value) boolean() bool {
	if !v.is('t') && !v.is('f') {
		v.violate("bool_type", "Input should be a valid boolean", nil)
	}
	return v.is('t')
}

func (v value) number(low, high float64) float64 {
	n, err := strconv.ParseFloat(string(v.raw), 64)
	switch {
	case !v.isNumber():
		v.violate("float_type", "Input should be a valid number", nil)
	case err != nil:
		v.violate("finite_number", "Input should be a finite number", nil)
	default:
		bound(v, n, low, high)
	}
	return n
}

func (v value) integer(low, high int64) int64 {
	if !v.isNumber() {
		v.violate("int_type", "Input should be a valid integer", nil)
		return 0
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(v.raw), 64)
		switch {
		case err != nil || math.Abs(f) > 1<<53:
			v.violate("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil)
			return 0
		case f != math.Trunc(f):
			v.violate("int_from_float", "Input should be a valid integer, got a number with a fractional part", nil)
			return 0
		}
		n = int64(f)
	}
	bound(v, n, low, high)
	return n
}

// bound checks a range whose ends belong to it.
func bound[N int64 | float64](v value, n, low, high N) {
	switch {
	case n < low:
		v.violate("greater_than_equal", fmt.Sprintf("Input should be greater than or equal to %v", low), map[string]any{"ge": low})
	case n > high:
		v.violate("less_than_equal", fmt.Sprintf("Input should be less than or equal to %v", high), map[string]any{"le": high})
	}
}

// oneOf is a string among those listed, "" when it is not.
func (v value) oneOf(words ...string) string {
	if v.is('"') {
		if s := unquote(v.raw); slices.Contains(words, s) {
			return s
		}
	}
	expected := "'" + strings.Join(words, "', '") + "'"
	if i := strings.LastIndex(expected, ", "); i >= 0 {
		expected = expected[:i] + " or " + expected[i+2:]
	}
	v.violate("literal_error", "Input should be "+expected, map[string]any{"expected": expected})
	return ""
}

// list is a list's values.
func (v value) list() []value {
	if !v.is('[') {
		v.violate("list_type", "Input should be a valid list", nil)
		return nil
	}
	var values []value
	for i, raw := range elements(v.raw) {
		values = append(values, v.at(i, raw))
	}
	return values
}

// strings is a string, or a list of at most limit of them.
func (v value) strings(limit int) []string {
	if v.is('"') {
		return []string{unquote(v.raw)}
	}
	values := v.list()
	if len(values) > limit {
		v.violate("too_long", fmt.Sprintf("List should have at most %d items after validation, not %d", limit, len(values)), map[string]any{"max_length": limit})
		return nil
	}
	texts := make([]string, len(values))
	for i, e := range values {
		texts[i] = e.string()
	}
	return texts
}

func (v value) object() (*object, bool) {
	if !v.is('{') {
		v.violate("model_attributes_type", "Input should be a valid dictionary or object to extract fields from", nil)
		return nil, false
	}
	o := &object{value: v}
	for name, raw := range members(v.raw) {
		o.fields = append(o.fields, field{name: name, raw: raw})
	}
	return o, true
}

// find is a field's value, null or not. Of several with the name the last counts.
func (o *object) find(name string) (value, bool) {
	found, ok := value{}, false
	if o.r.note != nil && len(o.loc) == 1 {
		o.r.note(name)
	}
	for i := range o.fields {
		if f := &o.fields[i]; f.name == name {
			f.seen = true
			found, ok = o.at(name, f.raw), true
		}
	}
	return found, ok
}

// get is a field's value; null is as good as absent.
func (o *object) get(name string) (value, bool) {
	v, ok := o.find(name)
	return v, ok && !v.is('n')
}

// alias is a field that others call by other names; a strict reader knows only
// the first.
func (o *object) alias(name string, others ...string) (value, bool) {
	v, ok := o.get(name)
	if o.r.strict {
		return v, ok
	}
	for _, other := range others {
		if w, found := o.get(other); found && !ok {
			v, ok = w, true
		}
	}
	return v, ok
}

// need returns a required field; if it is missing, that is a violation.
func (o *object) need(name string) (value, bool) {
	v, ok := o.get(name)
	if !ok {
		o.at(name, o.raw).violate("missing", "Field required", nil)
	}
	return v, ok
}

// optional reads a field, the zero value if it is missing.
func optional[T any](o *object, name string, read func(value) T) (t T) {
	if v, ok := o.get(name); ok {
		t = read(v)
	}
	return t
}

// needModel requires a model where La Plateforme does. Otherwise a request without one gets
// the server's default.
func (o *object) needModel() {
	if o.r.strict {
		o.need("model")
	}
}

// required reads a field; if it is missing, that is a violation.
func required[T any](o *object, name string, read func(value) T) (t T) {
	if v, ok := o.need(name); ok {
		t = read(v)
	}
	return t
}

func (o *object) string(name string) string     { return optional(o, name, value.string) }
func (o *object) needString(name string) string { return required(o, name, value.string) }
func (o *object) boolean(name string) bool      { return optional(o, name, value.boolean) }

func (o *object) number(name string, low, high float64) *float64 {
	if v, ok := o.get(name); ok {
		return new(v.number(low, high))
	}
	return nil
}

func (o *object) integer(name string, low, high int) *int {
	if v, ok := o.get(name); ok {
		return new(int(v.integer(int64(low), int64(high))))
	}
	return nil
}

// ignore accepts fields without effect.
func (o *object) ignore(names ...string) {
	for _, name := range names {
		o.find(name)
	}
}

// done handles unknown fields: violations if the reader is strict, else a line in the log.
func (o *object) done() {
	for _, f := range o.fields {
		switch {
		case f.seen:
		case o.r.strict:
			o.at(f.name, f.raw).violate("extra_forbidden", "Extra inputs are not permitted", nil)
		case len(o.r.unknown) < maxUnknown && len(f.name) <= 64:
			o.r.unknown = append(o.r.unknown, f.name)
		}
	}
}
