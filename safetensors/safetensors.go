// Package safetensors reads and writes the file format of weights on Hugging
// Face: https://github.com/huggingface/safetensors#format.
//
// Reading checks the header as strictly as the reference, and reads nothing else: the
// tensors follow each other without gaps, have the sizes of their shapes, and end with the
// file. A [File] is immutable and may be used from any goroutine.
package safetensors

import "fmt"

// A Type is the format's name of a number type.
type Type string

const (
	F64  Type = "F64"
	F32  Type = "F32"
	F16  Type = "F16"
	BF16 Type = "BF16"
	// F8E4M3 has four bits of exponent and three of mantissa, no infinity, and one
	// pattern that is not a number ("E4M3FN").
	F8E4M3 Type = "F8_E4M3"
	F8E5M2 Type = "F8_E5M2"
	I64    Type = "I64"
	I32    Type = "I32"
	I16    Type = "I16"
	I8     Type = "I8"
	U64    Type = "U64"
	U32    Type = "U32"
	U16    Type = "U16"
	U8     Type = "U8"
	Bool   Type = "BOOL"
)

// Size returns the bytes of a number, 0 for an unknown type.
func (t Type) Size() int64 {
	switch t {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case F8E4M3, F8E5M2, I8, U8, Bool:
		return 1
	}
	return 0
}

// A Tensor is a named block of numbers.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int64 // elements in each dimension, the one that is contiguous in memory last
	// Offset counts bytes from the beginning of the file. Reading sets it; writing
	// puts tensors one after the other and ignores it.
	Offset int64
}

// Elements returns the number of elements; 1 for a scalar, whose shape is empty.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Size returns the bytes of the tensor.
func (t Tensor) Size() int64 { return t.Elements() * t.Type.Size() }

// maxBytes is above every file size, and sums of it do not overflow.
const maxBytes = int64(1) << 60

// check rejects an invalid tensor. After it, Elements and Size do not overflow.
func (t Tensor) check() error {
	size := t.Type.Size()
	if size == 0 {
		return malformed(t.Name, "has the unknown type %q", string(t.Type))
	}
	if len(t.Shape) > maxDims {
		return malformed(t.Name, "has %d dimensions: the limit is %d", len(t.Shape), maxDims)
	}
	bytes := size
	for _, d := range t.Shape {
		if d < 0 {
			return malformed(t.Name, "has a dimension of %d", d)
		}
		if d > 0 && bytes > maxBytes/d {
			return malformed(t.Name, "is too large: shape %v", t.Shape)
		}
		bytes *= max(d, 1)
	}
	return nil
}

const maxDims = 16

// A FormatError describes an invalid file.
type FormatError struct {
	Tensor string // where it is about one; else ""
	What   string // a clause: of the tensor such as "ends outside the file", else a whole one
}

func (e *FormatError) Error() string {
	if e.Tensor == "" {
		return e.What
	}
	return fmt.Sprintf("tensor %q %s", e.Tensor, e.What)
}

func malformed(tensor, format string, args ...any) error {
	return &FormatError{Tensor: tensor, What: fmt.Sprintf(format, args...)}
}
