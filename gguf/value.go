package gguf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"unsafe"
)

// A Kind is the type of a metadata value: enum gguf_type of gguf.h.
type Kind uint32

const (
	Uint8   Kind = 0
	Int8    Kind = 1
	Uint16  Kind = 2
	Int16   Kind = 3
	Uint32  Kind = 4
	Int32   Kind = 5
	Float32 Kind = 6
	Bool    Kind = 7
	String  Kind = 8
	Array   Kind = 9
	Uint64  Kind = 10
	Int64   Kind = 11
	Float64 Kind = 12
)

// kinds are the names of kinds, and the bytes of a value; 0 for strings and arrays.
var kinds = [...]struct {
	name string
	size int64
}{
	{"uint8", 1},
	{"int8", 1},
	{"uint16", 2},
	{"int16", 2},
	{"uint32", 4},
	{"int32", 4},
	{"float32", 4},
	{"bool", 1},
	{"string", 0},
	{"array", 0},
	{"uint64", 8},
	{"int64", 8},
	{"float64", 8},
}

func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// size is the bytes of a value of the kind; 0 for strings, arrays and unknown kinds.
func (k Kind) size() int64 {
	if int(k) < len(kinds) {
		return kinds[k].size
	}
	return 0
}

// A Scalar is a Go type that a metadata value can have.
type Scalar interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64 | bool | string
}

// A Value is a metadata value in the encoding of the file: a vocabulary of 131,072 entries
// stays one block of bytes until a caller reads its strings.
type Value struct {
	kind Kind
	elem Kind // of an array
	n    int  // elements of an array
	raw  []byte
}

// Of makes a value of one scalar.
func Of[T Scalar](v T) Value { return Value{kind: kindOf[T](), raw: appendScalar(nil, v)} }

// List makes a value of an array.
func List[T Scalar](vs []T) Value {
	v := Value{kind: Array, elem: kindOf[T](), n: len(vs)}
	for _, s := range vs {
		v.raw = appendScalar(v.raw, s)
	}
	return v
}

// kindOf returns the kind with the name of a Go type.
func kindOf[T Scalar]() Kind {
	name := reflect.TypeFor[T]().String()
	for k := range kinds {
		if kinds[k].name == name {
			return Kind(k)
		}
	}
	panic("gguf: no kind for " + name)
}

func appendScalar(b []byte, v any) []byte {
	if s, ok := v.(string); ok {
		return appendString(b, s)
	}
	b, err := binary.Append(b, binary.LittleEndian, v)
	if err != nil {
		panic(err) // Scalar has no such type
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// Kind is the value's type, Array for all arrays.
func (v Value) Kind() Kind { return v.kind }

// Elem is the type of an array's elements; of another value its own.
func (v Value) Elem() Kind {
	if v.kind == Array {
		return v.elem
	}
	return v.kind
}

// Len is how many elements an array has; 1 for other values.
func (v Value) Len() int {
	if v.kind == Array {
		return v.n
	}
	return 1
}

// bits is element i of an integer or boolean value, sign-extended, and whether its type is
// signed.
func (v Value) bits(i int) (u uint64, signed, ok bool) {
	le, e := binary.LittleEndian, v.Elem()
	b := v.raw[min(len(v.raw), i*int(e.size())):]
	switch e {
	case Uint8, Bool:
		return uint64(b[0]), false, true
	case Int8:
		return uint64(int8(b[0])), true, true
	case Uint16:
		return uint64(le.Uint16(b)), false, true
	case Int16:
		return uint64(int16(le.Uint16(b))), true, true
	case Uint32:
		return uint64(le.Uint32(b)), false, true
	case Int32:
		return uint64(int32(le.Uint32(b))), true, true
	case Uint64:
		return le.Uint64(b), false, true
	case Int64:
		return le.Uint64(b), true, true
	}
	return 0, false, false
}

// int is element i as an int64, when it is an integer that fits.
func (v Value) int(i int) (int64, bool) {
	u, signed, ok := v.bits(i)
	if !ok || v.Elem() == Bool || (!signed && u > math.MaxInt64) {
		return 0, false
	}
	return int64(u), true
}

// float is element i as a float64, when it is a number.
func (v Value) float(i int) (float64, bool) {
	switch v.Elem() {
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw[4*i:]))), true
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw[8*i:])), true
	}
	n, ok := v.int(i)
	return float64(n), ok
}

// strings yields an array's strings or the one of a scalar.
func (v Value) strings() []string {
	all := string(v.raw) // one allocation for all of them
	list := make([]string, 0, v.Len())
	for range v.Len() {
		n := binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(all), 8))
		list = append(list, all[8:8+n])
		all = all[8+n:]
	}
	return list
}

// Metadata are a file's keys with their values, in the file's order. The zero value is
// empty and ready for Set.
//
// The getters return false if the key is absent or of another type. Int and Uint convert
// integers of every width that fit; Float converts every number. Ints and Floats accept
// one value as a list of one: llama.cpp writes head counts either way.
type Metadata struct {
	keys   []string
	values map[string]Value
}

// Set gives a key its value. A new key comes last.
func (m *Metadata) Set(key string, v Value) {
	if m.values == nil {
		m.values = make(map[string]Value)
	}
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = v
}

// Delete takes a key out.
func (m *Metadata) Delete(key string) {
	if _, ok := m.values[key]; ok {
		delete(m.values, key)
		m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
	}
}

// Clone is a copy that can be changed on its own.
func (m *Metadata) Clone() Metadata {
	var c Metadata
	for k, v := range m.All() {
		c.Set(k, v)
	}
	return c
}

// Len is the number of keys.
func (m *Metadata) Len() int { return len(m.keys) }

// All yields keys and values in the file's order.
func (m *Metadata) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, k := range m.keys {
			if !yield(k, m.values[k]) {
				return
			}
		}
	}
}

// Value is a key's value as the file has it.
func (m *Metadata) Value(key string) (Value, bool) {
	v, ok := m.values[key]
	return v, ok
}

// scalar is a key's value when that is not an array.
func (m *Metadata) scalar(key string) (Value, bool) {
	v, ok := m.values[key]
	return v, ok && v.kind != Array
}

// String is a key's string.
func (m *Metadata) String(key string) (string, bool) {
	v, ok := m.scalar(key)
	if !ok || v.kind != String {
		return "", false
	}
	return string(v.raw[8:]), true
}

// Uint is a key's integer, when it is not negative.
func (m *Metadata) Uint(key string) (uint64, bool) {
	v, ok := m.scalar(key)
	if !ok || v.kind == Bool {
		return 0, false
	}
	u, signed, ok := v.bits(0)
	if !ok || signed && int64(u) < 0 {
		return 0, false
	}
	return u, true
}

// Int is a key's integer.
func (m *Metadata) Int(key string) (int64, bool) {
	v, ok := m.scalar(key)
	if !ok {
		return 0, false
	}
	return v.int(0)
}

// Float is a key's number.
func (m *Metadata) Float(key string) (float64, bool) {
	v, ok := m.scalar(key)
	if !ok {
		return 0, false
	}
	return v.float(0)
}

// Bool is a key's truth value.
func (m *Metadata) Bool(key string) (value, ok bool) {
	v, ok := m.scalar(key)
	if !ok || v.kind != Bool {
		return false, false
	}
	return v.raw[0] != 0, true
}

// Count is how many elements a key's array has.
func (m *Metadata) Count(key string) (int, bool) {
	v, ok := m.values[key]
	if !ok || v.kind != Array {
		return 0, false
	}
	return v.n, true
}

// Strings are the strings of a key's array.
func (m *Metadata) Strings(key string) ([]string, bool) {
	v, ok := m.values[key]
	if !ok || v.kind != Array || v.elem != String {
		return nil, false
	}
	return v.strings(), true
}

// Ints are the integers of a key's array.
func (m *Metadata) Ints(key string) ([]int64, bool) {
	return elements(m, key, Value.int)
}

// Floats are the numbers of a key's array.
func (m *Metadata) Floats(key string) ([]float64, bool) {
	return elements(m, key, Value.float)
}

func elements[T any](m *Metadata, key string, at func(Value, int) (T, bool)) ([]T, bool) {
	v, ok := m.values[key]
	if !ok {
		return nil, false
	}
	list := make([]T, v.Len())
	for i := range list {
		if list[i], ok = at(v, i); !ok {
			return nil, false
		}
	}
	return list, true
}
