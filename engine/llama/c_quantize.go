//go:build cgo

package llama

/*
#include <stdlib.h>
#include "quantize.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"strings"
	"unsafe"

	"github.com/bise-sh/bise/gguf"
)

// This file is the border for the quantizer, as c.go is for the rest.

// quantizer holds the parameters of llama.cpp's quantizer and its progress, which may be
// read while it runs.
type quantizer struct{ c *C.bise_quantizer }

func newQuantizer() quantizer { return quantizer{C.bise_quantizer_new()} }

func (q quantizer) free() { C.bise_quantizer_free(q.c) }

func (q quantizer) matrix(name string, values []float32) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	C.bise_quantizer_matrix(q.c, c, (*C.float)(unsafe.Pointer(unsafe.SliceData(values))), C.size_t(len(values)))
}

func (q quantizer) tensorType(pattern string, t gguf.Type) {
	c := C.CString(pattern)
	defer C.free(unsafe.Pointer(c))
	C.bise_quantizer_type(q.c, c, C.enum_ggml_type(t))
}

func (q quantizer) text(key, value string) {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	C.bise_quantizer_text(q.c, k, v)
}

func (q quantizer) number(key string, value int64) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	C.bise_quantizer_number(q.c, k, C.int64_t(value))
}

func (q quantizer) run(o Quantization) error {
	in, out := C.CString(o.In), C.CString(o.Out)
	defer C.free(unsafe.Pointer(in))
	defer C.free(unsafe.Pointer(out))
	ask := func(t *gguf.Type) C.enum_ggml_type {
		if t == nil {
			return C.GGML_TYPE_COUNT
		}
		return C.enum_ggml_type(*t)
	}
	p := C.bise_quantize_params{
		ftype: C.enum_llama_ftype(o.Type), output: ask(o.Output), embedding: ask(o.Embedding),
		copy: C.bool(o.Copy), pure: C.bool(o.Pure), requantize: C.bool(o.Requantize), keep_split: C.bool(o.KeepSplit),
		threads: C.int32_t(o.Threads),
	}
	var reason [1024]C.char
	if !C.bise_quantize(q.c, in, out, &p, &reason[0], C.int(len(reason))) {
		_, why, _ := strings.Cut(C.GoString(&reason[0]), "failed to quantize: ")
		return errors.New(cmp.Or(strings.TrimSpace(why), "llama.cpp gave no reason"))
	}
	return nil
}

func (q quantizer) progress() Quantized {
	var s C.bise_quantize_state
	C.bise_quantize_look(q.c, &s)
	return Quantized{
		Done: int(s.n), Total: int(s.total), Tensor: C.GoString(&s.tensor[0]),
		Fallbacks: int(s.fallbacks), Unweighted: int(s.unweighted),
	}
}
