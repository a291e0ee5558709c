// What goes into each matrix of a model while it computes.
#ifndef BISE_IMATRIX_H
#define BISE_IMATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bise_collector bise_collector;

// output: output.weight is looked at too.
bise_collector * bise_collector_new(bool output);
void             bise_collector_free(bise_collector * c);

// A context for one sequence of n_ctx tokens, whose matrices' inputs the collector
// sees. It must be freed before the collector.
struct llama_context * bise_collector_context(bise_collector * c, struct llama_model * m, uint32_t n_ctx, uint32_t n_batch, int32_t threads);

// What was collected: the i-th tensor, or false after the last one. The pointers
// are valid until the context computes again or the collector is freed.
typedef struct {
	const char *    name;
	const double *  sums;   // of squares, of each column; experts one after the other
	size_t          n_sums;
	const int64_t * counts; // of inputs, of each expert, or of all
	size_t          n_counts;
} bise_collected;
bool bise_collector_at(bise_collector * c, size_t i, bise_collected * out);

#ifdef __cplusplus
}
#endif

#endif
