// Compares the kernels that scripts/patches adds to a CPU backend with those that they replace, and with
// arithmetic in double precision.
//
// usage: kernels BACKEND.so
//
// It ends with 1 when a result is wrong, with 2 when the backend cannot be loaded, and with 3 when this processor
// lacks what the backend needs.
#include "ggml.h"
#include "ggml-backend.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

static ggml_backend_t backend;
static std::mt19937   rng(1);
static bool           failed;
static bool           tiled; // the backend has the tiled attention, which needs vector instructions

static void report(const char * what, const char * type, int64_t rows, double error, double limit) {
    const bool bad = !(error <= limit); // NaN is bad too
    printf("%s %s, %d rows: %.2g%s\n", what, type, (int) rows, error, bad ? " FAILED" : "");
    failed |= bad;
}

static std::vector<float> noise(size_t n) {
    std::normal_distribution<float> d;
    std::vector<float> v(n);
    for (float & x : v) {
        x = d(rng);
    }
    return v;
}

static std::vector<uint8_t> pack(ggml_type type, const std::vector<float> & v, int64_t columns) {
    std::vector<uint8_t> q(ggml_row_size(type, v.size()));
    if (type == GGML_TYPE_F32) {
        memcpy(q.data(), v.data(), q.size());
    } else {
        ggml_quantize_chunk(type, v.data(), q.data(), 0, v.size() / columns, columns, nullptr);
    }
    return q;
}

static ggml_context * context() {
    return ggml_init({ 256 << 20, nullptr, false });
}

static std::vector<float> compute(ggml_context * ctx, ggml_tensor * t) {
    ggml_cgraph * graph = ggml_new_graph(ctx);
    ggml_build_forward_expand(graph, t);
    ggml_backend_graph_compute(backend, graph);
    const float * f = (const float *) t->data;
    return std::vector<float>(f, f + ggml_nelements(t));
}

static double difference(const std::vector<float> & a, const std::vector<float> & b) {
    double most = 0, size = 0;
    for (size_t i = 0; i < a.size(); i++) {
        most = std::max(most, std::fabs((double) a[i] - b[i]));
        size = std::max(size, std::fabs((double) b[i]));
        if (std::isnan(a[i])) {
            return NAN;
        }
    }
    return most / size;
}

// Several columns at once, as a prompt is computed, and one by one, as an answer is. With experts, each token
// goes to two of them.
static std::vector<float> multiply(ggml_type type, const std::vector<uint8_t> & weights, const float * x, int64_t k, int64_t rows,
                                   int64_t n, int experts, int64_t first) {
    ggml_context * ctx = context();
    ggml_tensor *  w = ggml_new_tensor_3d(ctx, type, k, rows, std::max(experts, 1));
    memcpy(w->data, weights.data(), weights.size());
    ggml_tensor * result;
    if (experts == 0) {
        ggml_tensor * b = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, k, n);
        memcpy(b->data, x, sizeof(float) * k * n);
        result = ggml_mul_mat(ctx, w, b);
    } else {
        ggml_tensor * b = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, k, 1, n);
        ggml_tensor * ids = ggml_new_tensor_2d(ctx, GGML_TYPE_I32, 2, n);
        memcpy(b->data, x, sizeof(float) * k * n);
        for (int64_t i = 0; i < n; i++) {
            ((int32_t *) ids->data)[2 * i] = (first + i) % experts;
            ((int32_t *) ids->data)[2 * i + 1] = (first + i + 1) % experts;
        }
        result = ggml_mul_mat_id(ctx, w, b, ids);
    }
    std::vector<float> out = compute(ctx, result);
    ggml_free(ctx);
    return out;
}

static void check_multiply(ggml_type type, int64_t n, int experts) {
    const int64_t k = 768, rows = 300;
    const std::vector<uint8_t> w = pack(type, noise(k * rows * std::max(experts, 1)), k);
    const std::vector<float>   x = noise(k * n);
    const std::vector<float>   all = multiply(type, w, x.data(), k, rows, n, experts, 0);
    std::vector<float>         each;
    for (int64_t i = 0; i < n; i++) {
        const std::vector<float> one = multiply(type, w, x.data() + i * k, k, rows, 1, experts, i);
        each.insert(each.end(), one.begin(), one.end());
    }
    report(experts ? "mul_mat_id" : "mul_mat", ggml_type_name(type), n, difference(all, each), 1e-5);
}

static void check_attention(ggml_type type, int64_t n, int64_t kv) {
    const int64_t d = 80, heads = 6, groups = 2, padded = GGML_PAD(n, 64);
    ggml_context * ctx = context();
    ggml_tensor *  q = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, d, n, heads);
    ggml_tensor *  k = ggml_new_tensor_3d(ctx, type, d, kv, groups);
    ggml_tensor *  v = ggml_new_tensor_3d(ctx, type, d, kv, groups);
    ggml_tensor *  mask = ggml_new_tensor_2d(ctx, GGML_TYPE_F16, kv, padded);
    const std::vector<float> query = noise(d * n * heads);
    memcpy(q->data, query.data(), query.size() * sizeof(float));
    std::vector<float> keys = noise(d * kv * groups), values = noise(d * kv * groups);
    for (auto [t, f] : { std::pair(k, &keys), std::pair(v, &values) }) {
        const std::vector<uint8_t> bytes = pack(type, *f, d);
        memcpy(t->data, bytes.data(), bytes.size());
        if (type == GGML_TYPE_F16) {
            ggml_fp16_to_fp32_row((const ggml_fp16_t *) t->data, f->data(), f->size());
        }
    }
    // A token sees what came before it, as in a prompt that follows another.
    ggml_fp16_t * m = (ggml_fp16_t *) mask->data;
    for (int64_t i = 0; i < padded; i++) {
        for (int64_t j = 0; j < kv; j++) {
            m[i * kv + j] = ggml_fp32_to_fp16(j <= kv - n + i ? 0 : -INFINITY);
        }
    }
    const float scale = 1 / std::sqrt((float) d);
    const std::vector<float> got = compute(ctx, ggml_flash_attn_ext(ctx, q, k, v, mask, scale, 0, 0));
    ggml_free(ctx);

    std::vector<float> want(got.size());
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t i = 0; i < n; i++) {
            const float *       qi = &query[(h * n + i) * d];
            const int64_t       base = h / (heads / groups) * kv;
            std::vector<double> p(kv - n + i + 1);
            double              most = -INFINITY, sum = 0;
            for (size_t j = 0; j < p.size(); j++) {
                double dot = 0;
                for (int64_t e = 0; e < d; e++) {
                    dot += (double) qi[e] * keys[(base + j) * d + e];
                }
                p[j] = dot * scale;
                most = std::max(most, p[j]);
            }
            for (double & e : p) {
                e = std::exp(e - most);
                sum += e;
            }
            for (int64_t e = 0; e < d; e++) {
                double o = 0;
                for (size_t j = 0; j < p.size(); j++) {
                    o += p[j] * values[(base + j) * d + e];
                }
                want[(i * heads + h) * d + e] = o / sum;
            }
        }
    }
    // Below 64 rows, and without the tiled kernel, keys and values in F16 are multiplied and added in F16.
    report("attention", ggml_type_name(type), n, difference(got, want), type == GGML_TYPE_F16 && (n < 64 || !tiled) ? 1e-2 : 1e-5);
}

static bool has(const ggml_backend_feature * f, const char * name) {
    while (f->name && strcmp(f->name, name) != 0) {
        f++;
    }
    return f->name && strcmp(f->value, "1") == 0;
}

int main(int argc, char ** argv) {
    void * lib = argc == 2 ? dlopen(argv[1], RTLD_NOW) : nullptr;
    auto   init = lib ? (ggml_backend_reg_t (*)()) dlsym(lib, "ggml_backend_init") : nullptr;
    if (!init) {
        fprintf(stderr, "usage: kernels BACKEND.so: %s\n", argc == 2 ? dlerror() : "one argument");
        return 2;
    }
    auto score = (int (*)()) dlsym(lib, "ggml_backend_score");
    if (!score || score() == 0) {
        printf("this processor cannot run %s\n", argv[1]);
        return score ? 3 : 2;
    }
    ggml_backend_reg_t reg = init();
    backend = ggml_backend_dev_init(ggml_backend_reg_dev_get(reg, 0), nullptr);
    auto set_threads = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
    set_threads(backend, 2);
    auto features = (ggml_backend_get_features_t) ggml_backend_reg_get_proc_address(reg, "ggml_backend_get_features");
    tiled = has(features(reg), "SSE3") || (has(features(reg), "NEON") && !has(features(reg), "SVE"));

    for (ggml_type type : { GGML_TYPE_Q2_K, GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_XS }) {
        for (int64_t n : { 8, 17, 70 }) {
            check_multiply(type, n, 0);
        }
        check_multiply(type, 40, 3);
    }
    for (ggml_type type : { GGML_TYPE_F16, GGML_TYPE_F32 }) {
        for (int64_t n : { 1, 63, 64, 100 }) {
            check_attention(type, n, n + 137);
        }
    }
    return failed ? 1 : 0;
}
