// Package gguf reads and writes GGUF, the file format of llama.cpp's models.
//
// A [File] is the header of a model: metadata and the positions of the tensors. Reading
// checks everything in the header that would make llama.cpp abort, and reads nothing else: a
// file that passes is complete, but may still be useless. A File is immutable and may be
// used from any goroutine.
//
// The format is described in https://github.com/ggml-org/ggml/blob/master/docs/gguf.md;
// where they differ, this package follows llama.cpp.
package gguf

import "fmt"

// Magic is what a GGUF file begins with.
const Magic = "GGUF"

// Version is the version that is written. Versions 2 and 3 are read; they differ
// only in that 3 may be big-endian.
const Version = 3

// DefaultAlignment is where tensors begin, in bytes, unless general.alignment
// says otherwise.
const DefaultAlignment = 32

// MaxDims is how many dimensions a tensor has at most.
const MaxDims = 4

// MaxName is the length of a tensor's name at most, in bytes. llama.cpp's
// buffer of 64 includes a terminating zero.
const MaxName = 63

// A FormatError describes an invalid file.
type FormatError struct {
	What string // a clause such as "the file ends inside tensor blk.0.attn_q.weight"
}

func (e *FormatError) Error() string { return e.What }

func malformed(format string, args ...any) error {
	return &FormatError{What: fmt.Sprintf(format, args...)}
}

// A Tensor is a named block of numbers in a file.
type Tensor struct {
	Name string
	Type Type
	Dims []int64 // elements in each dimension, the one that is contiguous in memory first
	// Part is the index in [File.Parts] of the file that holds the tensor. Offset counts
	// bytes from the beginning of that file. Reading sets both; writing puts tensors one
	// after the other and ignores them.
	Part   int
	Offset int64
}

// Elements is how many numbers the tensor has.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// Size is how many bytes the tensor takes, padding not counted.
func (t Tensor) Size() int64 {
	block, bytes := t.Type.Block()
	if block == 0 {
		return 0
	}
	return t.Elements() / int64(block) * int64(bytes)
}

// check reports whether the tensor can be: its name, its type and its dimensions.
// After it, Elements and Size do not overflow.
func (t Tensor) check() error {
	if len(t.Name) > MaxName {
		return malformed("the name of tensor %.20q… has %d bytes, and %d are allowed", t.Name, len(t.Name), MaxName)
	}
	block, size := t.Type.Block()
	if block == 0 {
		return malformed("tensor %q has the unknown type %d", t.Name, uint32(t.Type))
	}
	if len(t.Dims) > MaxDims {
		return malformed("tensor %q has %d dimensions: the limit is %d", t.Name, len(t.Dims), MaxDims)
	}
	elements, row := int64(1), int64(1)
	for i, d := range t.Dims {
		// Zero is refused with the negative ones: llama.cpp divides by it.
		if d <= 0 {
			return malformed("tensor %q has a dimension of %d", t.Name, d)
		}
		if d > maxElements/elements {
			return malformed("tensor %q has more elements than can be: %v", t.Name, t.Dims)
		}
		elements *= d
		if i == 0 {
			row = d
		}
	}
	if row%int64(block) != 0 {
		return malformed("tensor %q has rows of %d elements, not a multiple of the %d that %v packs together", t.Name, row, block, t.Type)
	}
	if elements/int64(block) > maxElements/int64(size) {
		return malformed("tensor %q is too large: shape %v", t.Name, t.Dims)
	}
	return nil
}

// maxElements leaves room to add a file's worth of offsets without overflow.
const maxElements = int64(1) << 60

// pad rounds n up to a multiple of align, a power of two.
func pad(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }
