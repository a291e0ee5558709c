//go:build cgo

#include "imatrix.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "ggml-backend.h"

struct entry {
	std::vector<double>  sums;
	std::vector<int64_t> counts;
};

struct bise_collector {
	bool output;
	std::map<std::string, entry> entries;
	std::vector<char> inputs, ids; // copies of data on a GPU
};

bise_collector * bise_collector_new(bool output) {
	auto * c  = new bise_collector();
	c->output = output;
	return c;
}

void bise_collector_free(bise_collector * c) { delete c; }

// base takes off what the scheduler puts around the name of a tensor that it
// copies to another device: CUDA0#blk.0.attn_k.weight#0.
static std::string base(const char * name) {
	const char * begin = strchr(name, '#');
	if (!begin) {
		return name;
	}
	begin++;
	const char * end = strchr(begin, '#');
	return end ? std::string(begin, end) : std::string(begin);
}

// data is where a tensor's bytes can be read, copied into buf if need be.
static const char * data(const ggml_tensor * t, std::vector<char> & buf) {
	if (ggml_backend_buffer_is_host(t->buffer)) {
		return (const char *) t->data;
	}
	buf.resize(ggml_nbytes(t));
	ggml_backend_tensor_get(t, buf.data(), 0, buf.size());
	return buf.data();
}

static void square(double * sums, const float * x, int64_t n) {
	for (int64_t j = 0; j < n; j++) {
		sums[j] += (double) x[j] * x[j];
	}
}

// wanted reports whether the inputs of a node are collected: those of the layers'
// matrices. llama-imatrix skips batches of less than 16 tokens; no chunk is that short,
// but an expert may get fewer tokens.
static bool wanted(const bise_collector * c, const ggml_tensor * t) {
	if (t->op != GGML_OP_MUL_MAT && t->op != GGML_OP_MUL_MAT_ID) {
		return false;
	}
	const ggml_tensor * in = t->src[1];
	if (in->type != GGML_TYPE_F32 || (t->op == GGML_OP_MUL_MAT && in->ne[1] < 16)) {
		return false;
	}
	const std::string name = base(t->src[0]->name);
	return name.compare(0, 4, "blk.") == 0 || (c->output && name == "output.weight");
}

static void collect(bise_collector * c, const ggml_tensor * t) {
	const ggml_tensor * w  = t->src[0];
	const ggml_tensor * in = t->src[1];
	const char * x = data(in, c->inputs);
	const int64_t columns  = in->ne[0];
	const int64_t matrices = w->ne[2] * w->ne[3];
	entry & e = c->entries[base(w->name)];
	if (e.sums.empty()) {
		e.sums.resize(columns * matrices);
		e.counts.resize(t->op == GGML_OP_MUL_MAT_ID ? matrices : 1);
	}
	auto row = [&](int64_t i1, int64_t i2, int64_t i3) {
		return (const float *) (x + i1*in->nb[1] + i2*in->nb[2] + i3*in->nb[3]);
	};
	if (t->op == GGML_OP_MUL_MAT_ID) {
		// in is [columns, experts used or 1, tokens], ids selects the experts.
		const ggml_tensor * which = t->src[2];
		const char * ids = data(which, c->ids);
		for (int64_t token = 0; token < which->ne[1]; token++) {
			for (int64_t k = 0; k < which->ne[0]; k++) {
				const int32_t expert = *(const int32_t *) (ids + k*which->nb[0] + token*which->nb[1]);
				if (expert < 0 || expert >= (int32_t) matrices) {
					continue;
				}
				square(&e.sums[expert * columns], row(k % in->ne[1], token, 0), columns);
				e.counts[expert]++;
			}
		}
		return;
	}
	for (int64_t i3 = 0; i3 < in->ne[3]; i3++) {
		for (int64_t i2 = 0; i2 < in->ne[2]; i2++) {
			const int64_t matrix = (i3 % w->ne[3]) * w->ne[2] + i2 % w->ne[2];
			for (int64_t i1 = 0; i1 < in->ne[1]; i1++) {
				square(&e.sums[matrix * columns], row(i1, i2, i3), columns);
			}
		}
	}
	e.counts[0] += in->ne[1] * in->ne[2] * in->ne[3] / matrices;
}

static bool on_eval(ggml_tensor * t, bool ask, void * user) {
	auto * c = (bise_collector *) user;
	if (ask) {
		return wanted(c, t);
	}
	collect(c, t);
	return true;
}

struct llama_context * bise_collector_context(bise_collector * c, struct llama_model * m, uint32_t n_ctx, uint32_t n_batch, int32_t threads) {
	try {
		auto cp = llama_context_default_params();
		cp.n_ctx             = n_ctx;
		cp.n_batch           = n_batch;
		cp.n_ubatch          = n_batch;
		cp.n_seq_max         = 1;
		cp.n_threads         = threads;
		cp.n_threads_batch   = threads;
		cp.no_perf           = true;
		cp.cb_eval           = on_eval;
		cp.cb_eval_user_data = c;
		return llama_init_from_model(m, cp);
	} catch (const std::exception & e) {
		fprintf(stderr, "%s\n", e.what());
		return nullptr;
	}
}

bool bise_collector_at(bise_collector * c, size_t i, bise_collected * out) {
	auto it = c->entries.begin();
	while (i > 0 && it != c->entries.end()) {
		i--;
		it++;
	}
	if (it == c->entries.end()) {
		return false;
	}
	*out = {it->first.c_str(), it->second.sums.data(), it->second.sums.size(), it->second.counts.data(), it->second.counts.size()};
	return true;
}
