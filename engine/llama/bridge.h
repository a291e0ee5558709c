// What Go cannot do through llama.h alone: hold back C++ exceptions, watch a
// batch while it is computed, and sample without a call per step.
#ifndef BISE_BRIDGE_H
#define BISE_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

// Logging: lines of at least level (ggml_log_level) go to stderr; the first error
// and the first warning are kept for the messages of errors.
void bise_log_init(int level);
// Copies the first error line since the last call, or the first warning when
// there was no error, and forgets both. Returns its length.
int bise_log_take(char * buf, int size);

// Loads every backend in dir: the best CPU variant for this processor and the GPUs.
// Returns the number of devices that were added.
int bise_load_backends(const char * dir);

// A watch is shared between the computing thread and the ones that read its progress or
// stop it.
typedef struct bise_watch bise_watch;
bise_watch * bise_watch_new(void);
void         bise_watch_free(bise_watch * w);
void         bise_watch_cancel(bise_watch * w, bool cancel);
void         bise_watch_begin(bise_watch * w);      // a batch begins: counts from zero
int64_t      bise_watch_nodes(bise_watch * w);      // graph nodes begun since (CPU only)
float        bise_watch_progress(bise_watch * w);   // of loading a model, 0 to 1

// Model parameters that bise sets; the rest are llama.cpp's defaults.
typedef struct {
	int32_t      gpu_layers; // -1: as many as fit, by llama_params_fit
	bool         mmap;
	bool         vocab_only;
	uint32_t     n_ctx;      // for the fit
	uint32_t     n_ubatch;
	bool         kv_q;       // the KV cache is quantized
	enum ggml_type kv_type;
	enum llama_flash_attn_type flash_attn;
	size_t       margin;     // bytes to leave free on each device
} bise_model_params;

struct llama_model * bise_model_load(const char * path, const bise_model_params * p, bise_watch * w, int32_t * gpu_layers);

typedef struct {
	uint32_t n_ctx, n_batch, n_ubatch, n_seq_max;
	int32_t  threads;
	enum ggml_type kv_type;
	enum llama_flash_attn_type flash_attn;
	enum llama_pooling_type    pooling;
	bool     embeddings;
} bise_context_params;

struct llama_context * bise_context_new(struct llama_model * m, const bise_context_params * p, bise_watch * w);

// A pool of compute threads from the CPU backend in use, attached to a context:
// without one llama.cpp starts new threads for every batch. NULL when the
// backend has none to give.
typedef struct bise_pool bise_pool;
bise_pool * bise_pool_new(int threads);
void        bise_pool_attach(bise_pool * p, struct llama_context * ctx);
void        bise_pool_free(bise_pool * p);

// decode and state functions with exceptions turned into failure.
// A batch that the watch cancelled ends without a line in the log.
int32_t bise_decode(struct llama_context * ctx, struct llama_batch batch, bise_watch * w);
size_t  bise_state_seq_set(struct llama_context * ctx, const uint8_t * src, size_t size, llama_seq_id seq);

// Sampling settings. Zero means off for every penalty; see engine.Sampling.
typedef struct {
	float    temperature, top_p, min_p, typical_p;
	int32_t  top_k;
	float    repeat, presence, frequency;
	int32_t  last_n;
	float    dry_multiplier, dry_base;
	int32_t  dry_allowed_length, dry_last_n;
	const char ** dry_breakers;
	size_t   n_dry_breakers;
	const llama_logit_bias * bias;
	int32_t  n_bias;
	uint32_t seed;
	const llama_token * ends; // that end an answer besides the EOG tokens of the vocabulary
	int32_t n_ends;
} bise_sampling;

typedef struct {
	llama_token id;
	float       logprob;
} bise_prob;

typedef struct bise_sampler bise_sampler;
bise_sampler * bise_sampler_new(const struct llama_model * m, const bise_sampling * s);
void           bise_sampler_free(bise_sampler * s);
// Parses a grammar (GBNF), from any thread. NULL when it does not parse; why says the reason.
struct llama_sampler * bise_grammar_new(const struct llama_model * m, const char * grammar, char * why, int size);
// Replaces the grammar, which the sampler frees; NULL takes it away.
void           bise_sampler_grammar(bise_sampler * s, struct llama_sampler * grammar);
// Adds a token that was not sampled here to the penalties.
void           bise_sampler_accept(bise_sampler * s, llama_token id);
// Samples from the logits of output idx of the last batch and accepts the token.
// banned tokens cannot be chosen (those that end an answer, while it may not end).
// With n_top > 0 or want, probs[0] is the chosen token's and probs[1..n_top] are
// the likeliest, both from the logits as the model gave them.
// Returns -1 when nothing can be chosen (the grammar allows no token).
llama_token    bise_sampler_sample(bise_sampler * s, struct llama_context * ctx, int32_t idx,
                                   const llama_token * banned, int32_t n_banned,
                                   bool want, int32_t n_top, bise_prob * probs);

// The probability of a token after output idx of the last batch, and the n_top likeliest
// there, as bise_sampler_sample gives them. False without such an output.
bool           bise_probabilities(struct llama_context * ctx, int32_t idx, llama_token id, int32_t n_top, bise_prob * probs);

// Whether the grammar accepts the token next; true without a grammar.
bool bise_sampler_fits(bise_sampler * s, llama_token id);

// The vision encoder of a projector file, NULL when it cannot be loaded. bytes is the size
// of its vectors, one after the other.
typedef struct bise_vision bise_vision;
bise_vision * bise_vision_open(const char * path, int threads, bool flash, int * width);
void          bise_vision_free(bise_vision * v);
size_t        bise_vision_bytes(const bise_vision * v, int width, int height);
// Encodes a picture of normalised red, green and blue, row by row.
bool          bise_vision_encode(bise_vision * v, float * rgb, int width, int height, float * vectors);

// The audio encoder of a projector file, NULL when it cannot be loaded. The tensors must have
// been checked: ggml aborts on wrong shapes.
typedef struct {
	int   bins, layers, heads, stack;
	float eps;
} bise_hearing_shape;
typedef struct bise_hearing bise_hearing;
bise_hearing * bise_hearing_open(const char * path, int threads, bise_hearing_shape shape);
void           bise_hearing_free(bise_hearing * h);
// Encodes a mel spectrogram of rows of frames, one for each bin, to vectors of so many bytes.
bool           bise_hearing_encode(bise_hearing * h, const float * mel, int frames, float * vectors, size_t bytes);

// Decodes the audio in memory to mono samples at the file's rate. The format is 0 for WAV, 1
// for MP3 and 2 for FLAC. read returns how many samples there were, 0 at the end.
typedef struct bise_sound bise_sound;
bise_sound * bise_sound_open(const void * data, size_t size, int format, int * rate);
int          bise_sound_read(bise_sound * s, float * samples, int n);
void         bise_sound_close(bise_sound * s);

#ifdef __cplusplus
}
#endif

#endif
