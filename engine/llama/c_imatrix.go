//go:build cgo

package llama

/*
#include "imatrix.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"slices"
	"unsafe"
)

// This file is the border for importance matrices, as c.go is for the rest.

// collector sees what goes into the matrices of a model.
type collector struct{ c *C.bise_collector }

func newCollector(output bool) collector { return collector{C.bise_collector_new(C.bool(output))} }

func (c collector) free() { C.bise_collector_free(c.c) }

// context makes a context for one sequence, whose matrices the collector sees.
// It must be freed before the collector.
func (c collector) context(m *model, tokens, batch, threads int) (*lctx, error) {
	logged()
	x := C.bise_collector_context(c.c, m.c, C.uint32_t(tokens), C.uint32_t(batch), C.int32_t(threads))
	if x == nil {
		return nil, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	return &lctx{c: x, mem: C.llama_get_memory(x), m: m, batch: C.llama_batch_init(C.int32_t(batch), 0, 1), size: batch, w: newWatch()}, nil
}

// all copies what was collected, sorted by name.
func (c collector) all() (list []TensorInputs) {
	var t C.bise_collected
	for i := 0; C.bise_collector_at(c.c, C.size_t(i), &t); i++ {
		list = append(list, TensorInputs{
			Name:   C.GoString(t.name),
			Sums:   slices.Clone(unsafe.Slice((*float64)(unsafe.Pointer(t.sums)), int(t.n_sums))),
			Counts: slices.Clone(unsafe.Slice((*int64)(unsafe.Pointer(t.counts)), int(t.n_counts))),
		})
	}
	return list
}

// outputs gives the logits of the batch's outputs from a place on, without
// copying them: they are valid until the next batch.
func (x *lctx) outputs(from int) [][]float32 {
	rows := make([][]float32, 0, x.batchLen()-from)
	for i := from; i < x.batchLen(); i++ {
		p := C.llama_get_logits_ith(x.c, C.int32_t(i))
		if p == nil {
			return nil
		}
		rows = append(rows, unsafe.Slice((*float32)(unsafe.Pointer(p)), x.m.vocabulary()))
	}
	return rows
}
