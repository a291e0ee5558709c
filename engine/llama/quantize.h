// llama.cpp's quantizer, which needs C++ containers for its parameters.
#ifndef BISE_QUANTIZE_H
#define BISE_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bise_quantizer bise_quantizer;

bise_quantizer * bise_quantizer_new(void);
void             bise_quantizer_free(bise_quantizer * q);

// The importance of a tensor's columns, those of one expert after the other.
void bise_quantizer_matrix(bise_quantizer * q, const char * name, const float * values, size_t n);
// The type of the tensors whose names match a pattern; of two that match, the later.
void bise_quantizer_type(bise_quantizer * q, const char * pattern, enum ggml_type type);
// Metadata to be written. Texts longer than 127 bytes are cut, as llama-quantize cuts them.
void bise_quantizer_text(bise_quantizer * q, const char * key, const char * value);
void bise_quantizer_number(bise_quantizer * q, const char * key, int64_t value);

typedef struct {
	enum llama_ftype ftype;
	enum ggml_type   output, embedding; // GGML_TYPE_COUNT: as ftype wants it
	bool    copy, pure, requantize, keep_split;
	int32_t threads;
} bise_quantize_params;

// Quantizes in to out, and redirects llama.cpp's log during the call. False on failure,
// with the reason in err.
bool bise_quantize(bise_quantizer * q, const char * in, const char * out, const bise_quantize_params * p, char * err, int size);

// How far bise_quantize is; may be called from another thread.
typedef struct {
	int32_t n, total;    // tensors begun, and all
	int32_t fallbacks;   // tensors whose rows the wanted type cannot pack
	int32_t unweighted;  // tensors that the importance matrix does not know
	char    tensor[64];  // the one begun last
} bise_quantize_state;
void bise_quantize_look(bise_quantizer * q, bise_quantize_state * state);

#ifdef __cplusplus
}
#endif

#endif
