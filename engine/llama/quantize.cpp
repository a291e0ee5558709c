//go:build cgo

#include "quantize.h"

#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "ggml.h"

// As llama-quant.cpp has it.
struct tensor_quantization {
	std::string name;
	ggml_type   quant = GGML_TYPE_COUNT;
};

struct bise_quantizer {
	std::unordered_map<std::string, std::vector<float>> matrix;
	std::vector<tensor_quantization>                    types;
	std::vector<llama_model_kv_override>                metadata;

	std::mutex          mutex; // for what follows
	bise_quantize_state state{};
	std::string         error; // the last one reported
};

bise_quantizer * bise_quantizer_new(void) { return new bise_quantizer(); }
void bise_quantizer_free(bise_quantizer * q) { delete q; }

void bise_quantizer_matrix(bise_quantizer * q, const char * name, const float * values, size_t n) {
	q->matrix[name].assign(values, values + n);
}

void bise_quantizer_type(bise_quantizer * q, const char * pattern, enum ggml_type type) {
	q->types.push_back({pattern, type});
}

static llama_model_kv_override & add(bise_quantizer * q, const char * key) {
	llama_model_kv_override o{};
	snprintf(o.key, sizeof(o.key), "%s", key);
	q->metadata.push_back(o);
	return q->metadata.back();
}

void bise_quantizer_text(bise_quantizer * q, const char * key, const char * value) {
	auto & o = add(q, key);
	o.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
	snprintf(o.val_str, sizeof(o.val_str), "%s", value);
}

void bise_quantizer_number(bise_quantizer * q, const char * key, int64_t value) {
	auto & o = add(q, key);
	o.tag = LLAMA_KV_OVERRIDE_TYPE_INT;
	o.val_i64 = value;
}

// llama_model_quantize reports its progress in its log only.
static void on_line(enum ggml_log_level level, const char * text, void * data) {
	auto * q = (bise_quantizer *) data;
	std::lock_guard<std::mutex> lock(q->mutex);
	int  n, total;
	char name[64];
	if (sscanf(text, "[%d/%d] %63s", &n, &total, name) == 3) {
		q->state.n     = n;
		q->state.total = total;
		snprintf(q->state.tensor, sizeof(q->state.tensor), "%s", name);
	} else if (strstr(text, "using fallback quantization")) {
		q->state.fallbacks++;
	} else if (strstr(text, "did not find weights for")) {
		q->state.unweighted++;
	}
	if (level == GGML_LOG_LEVEL_ERROR) {
		q->error = text;
	}
	if (level >= GGML_LOG_LEVEL_ERROR) {
		fputs(text, stderr);
		fflush(stderr);
	}
}

bool bise_quantize(bise_quantizer * q, const char * in, const char * out, const bise_quantize_params * p, char * err, int size) {
	auto params = llama_model_quantize_default_params();
	params.nthread              = p->threads;
	params.ftype                = p->ftype;
	params.output_tensor_type   = p->output;
	params.token_embedding_type = p->embedding;
	params.allow_requantize     = p->requantize;
	params.only_copy            = p->copy;
	params.pure                 = p->pure;
	params.keep_split           = p->keep_split;
	if (!q->matrix.empty()) {
		params.imatrix = &q->matrix;
	}
	if (!q->types.empty()) {
		params.tensor_types = &q->types;
	}
	if (!q->metadata.empty()) {
		q->metadata.emplace_back(); // an empty key ends the list
		params.kv_overrides = &q->metadata;
	}
	ggml_log_callback before;
	void *            before_data;
	llama_log_get(&before, &before_data);
	llama_log_set(on_line, q);
	const bool ok = llama_model_quantize(in, out, &params) == 0;
	llama_log_set(before, before_data);
	if (!ok) {
		std::lock_guard<std::mutex> lock(q->mutex);
		snprintf(err, size, "%s", q->error.c_str());
	}
	return ok;
}

void bise_quantize_look(bise_quantizer * q, bise_quantize_state * state) {
	std::lock_guard<std::mutex> lock(q->mutex);
	*state = q->state;
}
