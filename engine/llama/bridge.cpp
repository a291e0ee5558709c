//go:build cgo

#include "bridge.h"

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "clip.h"
#include "mtmd.h"

struct bise_watch {
	std::atomic<bool>    cancel{false};
	std::atomic<int64_t> nodes{0};
	std::atomic<float>   progress{0};
};

// ---- logging

static std::mutex  log_mutex;
static int         log_level = GGML_LOG_LEVEL_WARN;
static int         log_last  = GGML_LOG_LEVEL_NONE; // level of the line being continued
static std::string log_error, log_warning;

// The watch of the batch that this thread has computed: a batch that is
// cancelled fails on purpose, and what llama.cpp says of that is noise.
static thread_local bise_watch * computing = nullptr;

// Where the first line of this thread goes instead, if it is set.
static thread_local std::string * captured = nullptr;

static void log_line(enum ggml_log_level level, const char * text, void *) {
	if (captured) {
		if (captured->empty() && level != GGML_LOG_LEVEL_CONT) {
			*captured = text;
		}
		return;
	}
	if (computing && computing->cancel) {
		return;
	}
	std::lock_guard<std::mutex> lock(log_mutex);
	if (strstr(text, "n_ctx_seq (") && strstr(text, "< n_ctx_train")) {
		return; // contexts begin small and grow: it would be the last line of every log
	}
	int l = level;
	if (level == GGML_LOG_LEVEL_CONT) {
		l = log_last;
	}
	log_last = l;
	// The first line is nearest to the cause; later ones report its consequences.
	if (l == GGML_LOG_LEVEL_ERROR && log_error.empty()) {
		log_error = text;
	} else if (l == GGML_LOG_LEVEL_WARN && log_warning.empty()) {
		log_warning = text;
	}
	if (l >= log_level) {
		fputs(text, stderr);
		fflush(stderr);
	}
}

void bise_log_init(int level) {
	log_level = level;
	llama_log_set(log_line, nullptr);
	ggml_log_set(log_line, nullptr);
	mtmd_log_set(log_line, nullptr);
}

int bise_log_take(char * buf, int size) {
	std::lock_guard<std::mutex> lock(log_mutex);
	const std::string & line = log_error.empty() ? log_warning : log_error;
	int n = std::min<int>(size, line.size());
	memcpy(buf, line.data(), n);
	log_error.clear();
	log_warning.clear();
	return n;
}

// ---- backends

// The backends are libraries with their own copy of ggml's base, whose log is another than
// this program's and prints everything to stderr. Loading that copy first sends to
// log_line also what a backend logs while it is loaded.
static void log_backends(const char * dir) {
#ifndef _WIN32
	for (const char * name : {"libggml-base.so.0", "libggml-base.0.dylib"}) {
		void * base = dlopen((std::string(dir) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
		if (!base) {
			continue;
		}
		if (auto * set = (decltype(&ggml_log_set)) dlsym(base, "ggml_log_set")) {
			set(log_line, nullptr);
		}
	}
#endif
}

int bise_load_backends(const char * dir) {
	log_backends(dir);
	size_t before = ggml_backend_dev_count();
	ggml_backend_load_all_from_path(dir);
	return (int) (ggml_backend_dev_count() - before);
}

// ---- watch

bise_watch * bise_watch_new(void) { return new bise_watch(); }
void bise_watch_free(bise_watch * w) { delete w; }
void bise_watch_cancel(bise_watch * w, bool cancel) { w->cancel = cancel; }
void bise_watch_begin(bise_watch * w) { w->nodes = 0; }
int64_t bise_watch_nodes(bise_watch * w) { return w->nodes; }
float bise_watch_progress(bise_watch * w) { return w->progress; }

// ggml's CPU backend asks before each node of the graph whether to continue, which makes
// this the one place to count the progress of a batch.
static bool on_node(void * data) {
	auto * w = (bise_watch *) data;
	w->nodes.fetch_add(1, std::memory_order_relaxed);
	return w->cancel.load(std::memory_order_relaxed);
}

static bool on_load(float progress, void * data) {
	auto * w = (bise_watch *) data;
	w->progress = progress;
	return !w->cancel;
}

// ---- model and context

struct llama_model * bise_model_load(const char * path, const bise_model_params * p, bise_watch * w, int32_t * gpu_layers) {
	try {
		auto mp = llama_model_default_params();
		mp.use_mmap   = p->mmap;
		mp.vocab_only = p->vocab_only;
		mp.progress_callback           = on_load;
		mp.progress_callback_user_data = w;

		// Written by the fit and read by the load, so they outlive both.
		std::vector<float> split(llama_max_devices(), 0.0f);
		std::vector<llama_model_tensor_buft_override> overrides(llama_max_tensor_buft_overrides(), {nullptr, nullptr});

		bool gpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU) || ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_IGPU);
		if (!gpu) {
			mp.n_gpu_layers = 0;
		} else if (p->gpu_layers >= 0) {
			mp.n_gpu_layers = p->gpu_layers;
		} else if (!p->vocab_only) {
			auto cp = llama_context_default_params();
			cp.n_ctx    = p->n_ctx;
			cp.n_batch  = p->n_ubatch;
			cp.n_ubatch = p->n_ubatch;
			cp.type_k   = p->kv_type;
			cp.type_v   = p->kv_type;
			cp.flash_attn_type = p->flash_attn;
			cp.kv_unified      = true;
			if (llama_params_fit(path, &mp, &cp, split.data(), overrides.data(), p->margin, p->n_ctx, GGML_LOG_LEVEL_WARN)) {
				mp.tensor_split = split.data();
				mp.tensor_buft_overrides = overrides.data();
			}
			mp.progress_callback           = on_load;
			mp.progress_callback_user_data = w;
		}
		auto * m = llama_model_load_from_file(path, mp);
		if (m) {
			*gpu_layers = gpu ? std::min(mp.n_gpu_layers, llama_model_n_layer(m) + 1) : 0;
		}
		return m;
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return nullptr;
	}
}

struct llama_context * bise_context_new(struct llama_model * m, const bise_context_params * p, bise_watch * w) {
	try {
		auto cp = llama_context_default_params();
		cp.n_ctx           = p->n_ctx;
		cp.n_batch         = p->n_batch;
		cp.n_ubatch        = p->n_ubatch;
		cp.n_seq_max       = p->n_seq_max;
		cp.n_threads       = p->threads;
		cp.n_threads_batch = p->threads;
		cp.type_k          = p->kv_type;
		cp.type_v          = p->kv_type;
		cp.flash_attn_type = p->flash_attn;
		cp.embeddings      = p->embeddings;
		cp.pooling_type    = p->pooling;
		cp.kv_unified      = true; // sequences share cells, so that one prompt serves many answers
		cp.no_perf         = true;
		cp.abort_callback      = on_node;
		cp.abort_callback_data = w;
		return llama_init_from_model(m, cp);
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return nullptr;
	}
}

struct bise_pool {
	ggml_threadpool_t pool;
	decltype(&ggml_threadpool_free) free;
};

bise_pool * bise_pool_new(int threads) {
	auto * dev = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
	if (!dev) {
		return nullptr;
	}
	auto * reg = ggml_backend_dev_backend_reg(dev);
	auto make = (decltype(&ggml_threadpool_new))  ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_new");
	auto drop = (decltype(&ggml_threadpool_free)) ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_free");
	if (!make || !drop) {
		return nullptr;
	}
	struct ggml_threadpool_params tp = ggml_threadpool_params_default(threads);
	auto * pool = make(&tp);
	if (!pool) {
		return nullptr;
	}
	return new bise_pool{pool, drop};
}

void bise_pool_attach(bise_pool * p, struct llama_context * ctx) {
	llama_attach_threadpool(ctx, p->pool, nullptr);
}

void bise_pool_free(bise_pool * p) {
	p->free(p->pool);
	delete p;
}

int32_t bise_decode(struct llama_context * ctx, struct llama_batch batch, bise_watch * w) {
	computing = w;
	struct leave {
		~leave() { computing = nullptr; }
	} leave;
	try {
		return llama_decode(ctx, batch);
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return -3;
	}
}

size_t bise_state_seq_set(struct llama_context * ctx, const uint8_t * src, size_t size, llama_seq_id seq) {
	try {
		return llama_state_seq_set_data(ctx, src, size, seq);
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return 0;
	}
}

// ---- sampling

// Where a text is within a rune: Unicode, table 3-7. llama.cpp's grammars take
// any byte for the continuation of a rune, even the quote that ends a string.
struct utf8 {
	int     need = 0;              // bytes to come
	uint8_t low = 0x80, high = 0xBF; // what the next of them may be

	bool step(uint8_t b) {
		if (need > 0) {
			if (b < low || b > high) {
				return false;
			}
			need--;
			low  = 0x80;
			high = 0xBF;
			return true;
		}
		if (b < 0x80) {
			return true;
		}
		if (b < 0xC2 || b > 0xF4) {
			return false;
		}
		need = b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
		low  = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
		high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
		return true;
	}
};

struct bise_sampler {
	const llama_vocab * vocab;
	llama_sampler *     grammar = nullptr;
	llama_sampler *     chain   = nullptr; // nullptr: greedy on the logits as they are
	bool                penalties = false; // the chain remembers tokens
	utf8                rune;              // with a grammar: where its text is
	bool                lost    = false;   // the grammar failed and cannot be asked again
	std::vector<llama_token> ends;         // that end an answer besides the vocabulary's
	std::vector<llama_token_data> cur;
};

static bool ends(const bise_sampler * s, llama_token id) {
	return std::find(s->ends.begin(), s->ends.end(), id) != s->ends.end();
}

// silent reports whether a token is not text. llama.cpp's grammars match such tokens by their
// names: [CALL_ID] would get into a JSON string.
static bool silent(const bise_sampler * s, llama_token id) {
	const int kinds = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN;
	return ((llama_vocab_get_attr(s->vocab, id) & kinds) || ends(s, id)) && !llama_vocab_is_eog(s->vocab, id);
}

// spells reports whether a token continues the text with valid UTF-8, and advances.
static bool spells(const llama_vocab * vocab, utf8 & rune, llama_token id) {
	if (llama_vocab_is_eog(vocab, id)) {
		return rune.need == 0;
	}
	char buf[256];
	const int n = llama_token_to_piece(vocab, id, buf, sizeof(buf), 0, true);
	for (int i = 0; i < n; i++) {
		if (!rune.step((uint8_t) buf[i])) {
			return false;
		}
	}
	return true;
}

bise_sampler * bise_sampler_new(const struct llama_model * m, const bise_sampling * p) {
	try {
		auto * s  = new bise_sampler();
		s->vocab  = llama_model_get_vocab(m);
		s->ends.assign(p->ends, p->ends + p->n_ends);
		const bool penal  = p->last_n != 0 && ((p->repeat != 0 && p->repeat != 1) || p->presence != 0 || p->frequency != 0);
		const bool dry    = p->dry_multiplier != 0;
		const bool greedy = p->temperature <= 0;
		if (greedy && !penal && !dry && p->n_bias == 0) {
			return s;
		}
		s->penalties = penal || dry;
		s->chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
		auto add = [&](llama_sampler * x) { llama_sampler_chain_add(s->chain, x); };
		if (p->n_bias) {
			add(llama_sampler_init_logit_bias(llama_vocab_n_tokens(s->vocab), p->n_bias, p->bias));
		}
		if (penal) {
			add(llama_sampler_init_penalties(p->last_n, p->repeat == 0 ? 1 : p->repeat, p->frequency, p->presence));
		}
		if (dry) {
			add(llama_sampler_init_dry(s->vocab, llama_model_n_ctx_train(m), p->dry_multiplier, p->dry_base, p->dry_allowed_length,
			                           p->dry_last_n, p->dry_breakers, p->n_dry_breakers));
		}
		if (greedy) {
			add(llama_sampler_init_greedy());
			return s;
		}
		if (p->top_k > 0) {
			add(llama_sampler_init_top_k(p->top_k));
		}
		// Before the samplers that sort: on a whole vocabulary it leaves them little to do.
		if (p->min_p > 0) {
			add(llama_sampler_init_min_p(p->min_p, 1));
		}
		if (p->typical_p > 0 && p->typical_p < 1) {
			add(llama_sampler_init_typical(p->typical_p, 1));
		}
		if (p->top_p < 1) {
			add(llama_sampler_init_top_p(p->top_p, 1));
		}
		add(llama_sampler_init_temp(p->temperature));
		add(llama_sampler_init_dist(p->seed));
		return s;
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return nullptr;
	}
}

void bise_sampler_free(bise_sampler * s) {
	if (s->grammar) {
		llama_sampler_free(s->grammar);
	}
	if (s->chain) {
		llama_sampler_free(s->chain);
	}
	delete s;
}

struct llama_sampler * bise_grammar_new(const struct llama_model * m, const char * grammar, char * why, int size) {
	std::string said;
	captured = &said;
	llama_sampler * g = nullptr;
	try {
		g = llama_sampler_init_grammar(llama_model_get_vocab(m), grammar, "root");
	} catch (const std::exception & e) {
		said = e.what();
	}
	captured = nullptr;
	snprintf(why, size, "%s", said.c_str());
	return g;
}

void bise_sampler_grammar(bise_sampler * s, struct llama_sampler * grammar) {
	if (s->grammar) {
		llama_sampler_free(s->grammar);
	}
	s->grammar = grammar;
	s->rune = utf8();
	s->lost = false;
}

void bise_sampler_accept(bise_sampler * s, llama_token id) {
	if (s->penalties) {
		llama_sampler_accept(s->chain, id);
	}
}

static bool accepts(bise_sampler * s, llama_token id) {
	llama_token_data       one = {id, 1.0f, 0.0f};
	llama_token_data_array a   = {&one, 1, -1, false};
	llama_sampler_apply(s->grammar, &a);
	return one.logit > -INFINITY;
}

// complete reports whether the text is a sentence of the grammar.
static bool complete(bise_sampler * s) {
	const llama_token eos = llama_vocab_eos(s->vocab), eot = llama_vocab_eot(s->vocab);
	const llama_token end = eos >= 0 ? eos : eot;
	return s->rune.need == 0 && end >= 0 && llama_vocab_is_eog(s->vocab, end) && accepts(s, end);
}

// fits reports whether the grammar accepts the token next.
static bool fits(bise_sampler * s, llama_token id) {
	if (silent(s, id)) {
		return ends(s, id) && complete(s);
	}
	utf8 rune = s->rune;
	return spells(s->vocab, rune, id) && accepts(s, id);
}

// choose applies the chain to all tokens that banned and, when strict, the
// grammar allow.
static llama_token choose(bise_sampler * s, const float * logits, const llama_token * banned, int32_t n_banned, bool strict) {
	const int32_t n_vocab = llama_vocab_n_tokens(s->vocab);
	if (!s->chain && !strict) {
		llama_token best = -1;
		float       top  = -INFINITY;
		for (llama_token id = 0; id < n_vocab; id++) {
			if (logits[id] > top && std::find(banned, banned + n_banned, id) == banned + n_banned) {
				top  = logits[id];
				best = id;
			}
		}
		return best;
	}
	s->cur.resize(n_vocab);
	for (llama_token id = 0; id < n_vocab; id++) {
		s->cur[id] = {id, logits[id], 0.0f};
	}
	for (int32_t i = 0; i < n_banned; i++) {
		s->cur[banned[i]].logit = -INFINITY;
	}
	llama_token_data_array a = {s->cur.data(), s->cur.size(), -1, false};
	if (strict) {
		const bool done = complete(s);
		llama_sampler_apply(s->grammar, &a);
		for (size_t i = 0; i < a.size; i++) {
			const llama_token id = a.data[i].id;
			if (silent(s, id)) {
				const bool may = done && ends(s, id) && std::find(banned, banned + n_banned, id) == banned + n_banned;
				a.data[i].logit = may ? logits[id] : -INFINITY;
				continue;
			}
			utf8 rune = s->rune;
			if (a.data[i].logit > -INFINITY && !spells(s->vocab, rune, id)) {
				a.data[i].logit = -INFINITY;
			}
		}
	}
	// The samplers do not expect a vocabulary in which nothing is possible, nor
	// candidates that cannot be.
	a.size = std::remove_if(a.data, a.data + a.size, [](const llama_token_data & t) { return !(t.logit > -INFINITY); }) - a.data;
	if (a.size == 0) {
		return -1;
	}
	if (!s->chain) {
		return std::max_element(a.data, a.data + a.size, [](const llama_token_data & x, const llama_token_data & y) { return x.logit < y.logit; })->id;
	}
	llama_sampler_apply(s->chain, &a);
	if (a.selected < 0 || (size_t) a.selected >= a.size) {
		return -1;
	}
	return a.data[a.selected].id;
}

static void probabilities(const float * logits, int32_t n_vocab, llama_token id, int32_t n_top, bise_prob * probs) {
	float top = -INFINITY;
	for (int32_t i = 0; i < n_vocab; i++) {
		top = std::max(top, logits[i]);
	}
	double sum = 0;
	for (int32_t i = 0; i < n_vocab; i++) {
		sum += std::exp((double) logits[i] - top);
	}
	const double norm = top + std::log(sum);
	probs[0] = {id, (float) (logits[id] - norm)};
	if (n_top <= 0) {
		return;
	}
	std::vector<llama_token> ids(n_vocab);
	for (int32_t i = 0; i < n_vocab; i++) {
		ids[i] = i;
	}
	n_top = std::min(n_top, n_vocab);
	std::partial_sort(ids.begin(), ids.begin() + n_top, ids.end(), [&](llama_token a, llama_token b) {
		return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
	});
	for (int32_t i = 0; i < n_top; i++) {
		probs[1 + i] = {ids[i], (float) (logits[ids[i]] - norm)};
	}
}

bool bise_probabilities(struct llama_context * ctx, int32_t idx, llama_token id, int32_t n_top, bise_prob * probs) {
	const float * logits = llama_get_logits_ith(ctx, idx);
	if (logits) {
		probabilities(logits, llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(ctx))), id, n_top, probs);
	}
	return logits;
}

llama_token bise_sampler_sample(bise_sampler * s, struct llama_context * ctx, int32_t idx,
                                const llama_token * banned, int32_t n_banned,
                                bool want, int32_t n_top, bise_prob * probs) {
	try {
		const float * logits = llama_get_logits_ith(ctx, idx);
		if (!logits) {
			return -1;
		}
		// The grammar looks at the whole vocabulary only when the token that would be
		// chosen without it does not fit: most do, and the check is a thousand times cheaper.
		llama_token id = choose(s, logits, banned, n_banned, false);
		if (s->grammar && (id < 0 || !fits(s, id))) {
			id = choose(s, logits, banned, n_banned, true);
		}
		if (id < 0) {
			return -1;
		}
		if (s->grammar && !silent(s, id)) {
			llama_sampler_accept(s->grammar, id);
			spells(s->vocab, s->rune, id);
		}
		bise_sampler_accept(s, id);
		if (want) {
			probabilities(logits, llama_vocab_n_tokens(s->vocab), id, n_top, probs);
		}
		return id;
	} catch (const std::exception & e) {
		s->lost = true;
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return -1;
	}
}

bool bise_sampler_fits(bise_sampler * s, llama_token id) {
	try {
		return !s->grammar || (!s->lost && fits(s, id));
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return false;
	}
}

// ---- pictures

// mtmd's public interface takes bytes, which would round values that the reference does
// not round. Its internals are as stable as the module's version, which is pinned.
struct bise_vision {
	clip_ctx * clip;
	int        threads;
};

bise_vision * bise_vision_open(const char * path, int threads, bool flash, int * width) {
	try {
		clip_context_params p = {};
		p.use_gpu         = true;
		p.flash_attn_type = flash ? CLIP_FLASH_ATTN_TYPE_AUTO : CLIP_FLASH_ATTN_TYPE_DISABLED;
		p.image_min_tokens = -1;
		p.image_max_tokens = -1;
		p.warmup           = false;
		auto r = clip_init(path, p);
		if (r.ctx_a) {
			clip_free(r.ctx_a);
		}
		if (!r.ctx_v) {
			return nullptr;
		}
		*width = clip_n_mmproj_embd(r.ctx_v);
		return new bise_vision{r.ctx_v, threads};
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return nullptr;
	}
}

void bise_vision_free(bise_vision * v) {
	clip_free(v->clip);
	delete v;
}

size_t bise_vision_bytes(const bise_vision * v, int width, int height) {
	return clip_embd_nbytes_by_img(v->clip, width, height);
}

bool bise_vision_encode(bise_vision * v, float * rgb, int width, int height, float * vectors) {
	try {
		return clip_encode_float_image(v->clip, v->threads, rgb, height, width, vectors);
	} catch (const std::exception & e) {
		log_line(GGML_LOG_LEVEL_ERROR, e.what(), nullptr);
		return false;
	}
}
