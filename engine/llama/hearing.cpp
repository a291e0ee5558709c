//go:build cgo

// Voxtral's audio encoder, a graph of our own on ggml. clip.cpp has one that averages each
// pair of frames before it joins four: half of the tokens that the model was trained with.

#include "bridge.h"

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "gguf.h"

struct bise_hearing {
	ggml_context *        tensors = nullptr;
	ggml_backend_buffer_t buffer  = nullptr;
	ggml_backend_t        device  = nullptr; // a GPU, or the CPU
	ggml_backend_t        cpu     = nullptr;
	ggml_backend_sched_t  sched   = nullptr;
	bise_hearing_shape    shape   = {};

	ggml_tensor * get(const std::string & name) const { return ggml_get_tensor(tensors, name.c_str()); }
};

void bise_hearing_free(bise_hearing * h) {
	if (h->sched) {
		ggml_backend_sched_free(h->sched);
	}
	if (h->buffer) {
		ggml_backend_buffer_free(h->buffer);
	}
	if (h->device && h->device != h->cpu) {
		ggml_backend_free(h->device);
	}
	if (h->cpu) {
		ggml_backend_free(h->cpu);
	}
	if (h->tensors) {
		ggml_free(h->tensors);
	}
	delete h;
}

static bool read_tensors(bise_hearing * h, const char * path, const gguf_context * file) {
	FILE * f = fopen(path, "rb");
	if (!f) {
		return false;
	}
	bool ok = true;
	std::vector<char> data;
	for (int64_t i = 0; ok && i < gguf_get_n_tensors(file); i++) {
		ggml_tensor * t = h->get(gguf_get_tensor_name(file, i));
		data.resize(ggml_nbytes(t));
		const size_t at = gguf_get_data_offset(file) + gguf_get_tensor_offset(file, i);
		ok = fseek(f, (long) at, SEEK_SET) == 0 && fread(data.data(), 1, data.size(), f) == data.size();
		if (ok) {
			ggml_backend_tensor_set(t, data.data(), 0, data.size());
		}
	}
	fclose(f);
	return ok;
}

const size_t max_nodes = 1 << 15;

static void set_threads(ggml_backend_t cpu, int threads) {
	ggml_backend_dev_t dev = ggml_backend_get_device(cpu);
	ggml_backend_reg_t reg = dev ? ggml_backend_dev_backend_reg(dev) : nullptr;
	if (reg) {
		auto set = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
		if (set) {
			set(cpu, threads);
		}
	}
}

bise_hearing * bise_hearing_open(const char * path, int threads, bise_hearing_shape shape) {
	auto * h = new bise_hearing;
	h->shape = shape;
	gguf_init_params params = {/*.no_alloc =*/ true, /*.ctx =*/ &h->tensors};
	gguf_context * file = gguf_init_from_file(path, params);
	if (!file) {
		bise_hearing_free(h);
		return nullptr;
	}
	h->cpu    = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
	h->device = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_GPU, nullptr);
	if (!h->device) {
		h->device = h->cpu;
	}
	if (h->device) {
		h->buffer = ggml_backend_alloc_ctx_tensors(h->tensors, h->device);
	}
	if (!h->cpu || !h->buffer || !read_tensors(h, path, file)) {
		gguf_free(file);
		bise_hearing_free(h);
		return nullptr;
	}
	gguf_free(file);
	ggml_backend_buffer_set_usage(h->buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set_threads(h->cpu, threads);
	ggml_backend_t backends[2] = {h->device, h->cpu};
	h->sched = ggml_backend_sched_new(backends, nullptr, h->device == h->cpu ? 1 : 2, max_nodes, false, true);
	return h;
}

// convolve is a convolution of three frames, with GELU. in is [frames, channels].
static ggml_tensor * convolve(ggml_context * g, const bise_hearing * h, const std::string & name, ggml_tensor * in, int stride) {
	ggml_tensor * w = h->get(name + ".weight"); // [3, channels, width]
	ggml_tensor * columns = ggml_im2col(g, w, in, stride, 0, 1, 0, 1, 0, false, GGML_TYPE_F32);
	// Small, and exact in F32.
	w = ggml_reshape_2d(g, ggml_cast(g, w, GGML_TYPE_F32), w->ne[0] * w->ne[1], w->ne[2]);
	ggml_tensor * out = ggml_mul_mat(g, w, ggml_reshape_2d(g, columns, columns->ne[0], columns->ne[1])); // [width, frames]
	ggml_tensor * bias = h->get(name + ".bias");
	return ggml_gelu_erf(g, ggml_add(g, out, ggml_reshape_1d(g, bias, ggml_nelements(bias))));
}

static ggml_tensor * linear(ggml_context * g, const bise_hearing * h, const std::string & name, ggml_tensor * in) {
	ggml_tensor * out = ggml_mul_mat(g, h->get(name + ".weight"), in);
	ggml_tensor * bias = h->get(name + ".bias");
	return bias ? ggml_add(g, out, bias) : out;
}

static ggml_tensor * norm(ggml_context * g, const bise_hearing * h, const std::string & name, ggml_tensor * in) {
	in = ggml_mul(g, ggml_norm(g, in, h->shape.eps), h->get(name + ".weight"));
	return ggml_add(g, in, h->get(name + ".bias"));
}

static ggml_tensor * attention(ggml_context * g, const bise_hearing * h, const std::string & at, ggml_tensor * in) {
	const int64_t width = in->ne[0], n = in->ne[1], heads = h->shape.heads, one = width / heads;
	ggml_tensor * q = ggml_reshape_3d(g, linear(g, h, at + "attn_q", in), one, heads, n);
	ggml_tensor * k = ggml_reshape_3d(g, linear(g, h, at + "attn_k", in), one, heads, n);
	ggml_tensor * v = ggml_reshape_3d(g, linear(g, h, at + "attn_v", in), one, heads, n);
	q = ggml_permute(g, q, 0, 2, 1, 3);
	k = ggml_permute(g, k, 0, 2, 1, 3);
	v = ggml_cont(g, ggml_permute(g, v, 1, 2, 0, 3));
	ggml_tensor * weights = ggml_soft_max_ext(g, ggml_mul_mat(g, k, q), nullptr, 1.0f / std::sqrt((float) one), 0.0f);
	ggml_tensor * out = ggml_permute(g, ggml_mul_mat(g, v, weights), 0, 2, 1, 3);
	return linear(g, h, at + "attn_out", ggml_cont_2d(g, out, width, n));
}

bool bise_hearing_encode(bise_hearing * h, const float * mel, int frames, float * vectors, size_t bytes) {
	const bise_hearing_shape & s = h->shape;
	std::vector<uint8_t> arena(ggml_tensor_overhead() * max_nodes + ggml_graph_overhead_custom(max_nodes, false));
	ggml_context * g = ggml_init({arena.size(), arena.data(), true});
	ggml_cgraph * graph = ggml_new_graph_custom(g, max_nodes, false);

	ggml_tensor * in = ggml_new_tensor_2d(g, GGML_TYPE_F32, frames, s.bins);
	ggml_set_input(in);
	ggml_tensor * x = convolve(g, h, "a.conv1d.1", in, 1);
	x = convolve(g, h, "a.conv1d.2", ggml_cont(g, ggml_transpose(g, x)), 2); // [width, frames / 2]
	ggml_tensor * positions = h->get("a.position_embd.weight");
	positions = ggml_view_2d(g, positions, positions->ne[0], x->ne[1], positions->nb[1], 0);
	x = ggml_add(g, x, positions);
	for (int i = 0; i < s.layers; i++) {
		const std::string at = "a.blk." + std::to_string(i) + ".";
		x = ggml_add(g, x, attention(g, h, at, norm(g, h, at + "ln1", x)));
		ggml_tensor * y = linear(g, h, at + "ffn_up", norm(g, h, at + "ln2", x));
		x = ggml_add(g, x, linear(g, h, at + "ffn_down", ggml_gelu_erf(g, y)));
	}
	x = norm(g, h, "a.post_ln", x);
	// Frames that follow each other are joined.
	x = ggml_reshape_2d(g, x, x->ne[0] * s.stack, x->ne[1] / s.stack);
	x = linear(g, h, "mm.a.mlp.2", ggml_gelu_erf(g, linear(g, h, "mm.a.mlp.1", x)));
	ggml_set_output(x);
	ggml_build_forward_expand(graph, x);

	bool ok = ggml_nbytes(x) == bytes;
	ggml_backend_sched_reset(h->sched);
	if (ok && ggml_backend_sched_alloc_graph(h->sched, graph)) {
		ggml_backend_tensor_set(in, mel, 0, ggml_nbytes(in));
		ok = ggml_backend_sched_graph_compute(h->sched, graph) == GGML_STATUS_SUCCESS;
		if (ok) {
			ggml_backend_tensor_get(x, vectors, 0, bytes);
		}
	} else {
		ok = false;
	}
	ggml_free(g);
	return ok;
}
