//go:build cgo

package llama

/*
#cgo CXXFLAGS: -std=c++17
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	// Links llama.cpp, ggml and their CPU code without vector instructions; the
	// fast backends are loaded at run time.
	_ "github.com/ollama/ollama/llama"

	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/mistral/audio"
)

// This file is the border: everything that names a C type is here, and nothing
// in it decides anything.

type token = scheduler.Token

// logLevel is ggml's: 1 debug, 2 info, 3 warning, 4 error.
type logLevel int

func logInit(level logLevel) { C.bise_log_init(C.int(level)) }

// logged is the first error (or else warning) line that llama.cpp printed since
// the last call.
func logged() string {
	var buf [1024]C.char
	n := C.bise_log_take(&buf[0], C.int(len(buf)))
	return strings.TrimSpace(C.GoStringN(&buf[0], n))
}

// device is a processor that ggml can compute on.
type device struct {
	name, description string
	gpu               bool
	free, total       int64 // bytes
}

func loadBackends(dir string) int {
	c := C.CString(dir)
	defer C.free(unsafe.Pointer(c))
	return int(C.bise_load_backends(c))
}

func backendInit() { C.llama_backend_init() }

func devices() []device {
	var out []device
	for i := range C.ggml_backend_dev_count() {
		d := C.ggml_backend_dev_get(i)
		var free, total C.size_t
		C.ggml_backend_dev_memory(d, &free, &total)
		t := C.ggml_backend_dev_type(d)
		out = append(out, device{
			name:        C.GoString(C.ggml_backend_dev_name(d)),
			description: C.GoString(C.ggml_backend_dev_description(d)),
			gpu:         t == C.GGML_BACKEND_DEVICE_TYPE_GPU || t == C.GGML_BACKEND_DEVICE_TYPE_IGPU,
			free:        int64(free), total: int64(total),
		})
	}
	return out
}

// watch follows a load or a batch from another goroutine. It is freed when its last
// holder releases it.
type watch struct{ c *C.bise_watch }

func newWatch() *watch {
	w := &watch{C.bise_watch_new()}
	runtime.AddCleanup(w, func(c *C.bise_watch) { C.bise_watch_free(c) }, w.c)
	return w
}

func (w *watch) begin()          { C.bise_watch_begin(w.c) }
func (w *watch) nodes() int64    { return int64(C.bise_watch_nodes(w.c)) }
func (w *watch) loaded() float64 { return float64(C.bise_watch_progress(w.c)) }
func (w *watch) cancel(on bool)  { C.bise_watch_cancel(w.c, C.bool(on)) }

type kvType C.enum_ggml_type

var kvTypes = map[string]kvType{
	"f32": C.GGML_TYPE_F32, "f16": C.GGML_TYPE_F16, "bf16": C.GGML_TYPE_BF16,
	"q8_0": C.GGML_TYPE_Q8_0, "q4_0": C.GGML_TYPE_Q4_0,
}

type flashAttn C.enum_llama_flash_attn_type

const (
	flashAuto flashAttn = C.LLAMA_FLASH_ATTN_TYPE_AUTO
	flashOff  flashAttn = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
	flashOn   flashAttn = C.LLAMA_FLASH_ATTN_TYPE_ENABLED
)

type modelParams struct {
	gpuLayers int // -1: as many as fit
	mmap      bool
	context   int
	batch     int
	kv        kvType
	flash     flashAttn
	margin    int64
}

type model struct {
	c         *C.struct_llama_model
	v         *C.struct_llama_vocab
	gpuLayers int
	enders    []token // that end an answer
	recurrent bool    // its memory cannot forget the end of a sequence
}

func loadModel(path string, p modelParams, w *watch) (*model, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	logged() // of something else
	var layers C.int32_t
	cp := C.bise_model_params{
		gpu_layers: C.int32_t(p.gpuLayers),
		mmap:       C.bool(p.mmap),
		n_ctx:      C.uint32_t(p.context),
		n_ubatch:   C.uint32_t(p.batch),
		kv_type:    C.enum_ggml_type(p.kv),
		flash_attn: C.enum_llama_flash_attn_type(p.flash),
		margin:     C.size_t(p.margin),
	}
	m := C.bise_model_load(c, &cp, w.c, &layers)
	if m == nil {
		return nil, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	out := &model{c: m, v: C.llama_model_get_vocab(m), gpuLayers: int(layers)}
	out.recurrent = bool(C.llama_model_is_recurrent(m)) || bool(C.llama_model_is_hybrid(m))
	for id := range token(out.vocabulary()) {
		if bool(C.llama_vocab_is_eog(out.v, C.llama_token(id))) {
			out.enders = append(out.enders, id)
		}
	}
	return out, nil
}

func (m *model) free() { C.llama_model_free(m.c) }

func (m *model) size() int64       { return int64(C.llama_model_size(m.c)) }
func (m *model) parameters() int64 { return int64(C.llama_model_n_params(m.c)) }
func (m *model) contextTrain() int { return int(C.llama_model_n_ctx_train(m.c)) }
func (m *model) embedding() int    { return int(C.llama_model_n_embd(m.c)) }
func (m *model) vocabulary() int   { return int(C.llama_vocab_n_tokens(m.v)) }

func (m *model) decoder() bool      { return bool(C.llama_model_has_decoder(m.c)) }
func (m *model) ends(id token) bool { return slices.Contains(m.enders, id) }
func (m *model) bos() token         { return token(C.llama_vocab_bos(m.v)) }
func (m *model) eos() token         { return token(C.llama_vocab_eos(m.v)) }
func (m *model) addBOS() bool       { return bool(C.llama_vocab_get_add_bos(m.v)) }
func (m *model) addEOS() bool       { return bool(C.llama_vocab_get_add_eos(m.v)) }

// textEnd is the token that ends a text to embed; negative: none.
func (m *model) textEnd() token {
	if !m.addEOS() {
		return -1
	}
	return m.eos()
}

// special reports whether the token is one that text must not become.
func (m *model) special(id token) bool {
	const kinds = C.LLAMA_TOKEN_ATTR_CONTROL | C.LLAMA_TOKEN_ATTR_USER_DEFINED | C.LLAMA_TOKEN_ATTR_UNKNOWN
	return C.llama_vocab_get_attr(m.v, C.llama_token(id))&kinds != 0
}

func (m *model) control(id token) bool {
	return bool(C.llama_vocab_is_control(m.v, C.llama_token(id)))
}

// tokenize turns text into tokens without ever reading a control token in it.
// SentencePiece vocabularies put their space in front, unless bare.
func (m *model) tokenize(text string, bare bool) []token {
	if text == "" {
		return nil
	}
	// A newline in front takes the place where the space would go; it is one token
	// by itself in every SentencePiece vocabulary and is cut off again.
	cut := 0
	if bare && C.llama_vocab_type(m.v) == C.LLAMA_VOCAB_TYPE_SPM {
		cut = len(m.tokenize("\n", false))
		text = "\n" + text
	}
	c := unsafe.StringData(text)
	out := make([]token, len(text)/3+16)
	for {
		n := C.llama_tokenize(m.v, (*C.char)(unsafe.Pointer(c)), C.int32_t(len(text)),
			(*C.llama_token)(unsafe.Pointer(&out[0])), C.int32_t(len(out)), false, false)
		if n >= 0 {
			return out[cut:n]
		}
		out = make([]token, -n)
	}
}

// piece is what a token reads as: bytes, which may be part of a rune.
func (m *model) piece(id token) string {
	var buf [256]C.char
	n := C.llama_token_to_piece(m.v, C.llama_token(id), &buf[0], C.int32_t(len(buf)), 0, true)
	if n < 0 {
		long := make([]C.char, -n)
		n = C.llama_token_to_piece(m.v, C.llama_token(id), &long[0], C.int32_t(len(long)), 0, true)
		return C.GoStringN(&long[0], n)
	}
	return C.GoStringN(&buf[0], n)
}

type contextParams struct {
	tokens, batch, slots int
	threads              int
	kv                   kvType
	flash                flashAttn
	embeddings           bool
	pooling              int // LLAMA_POOLING_TYPE_…; 0: no pooling
}

// lctx is a llama.cpp context. Only the goroutine that owns it may call it.
type lctx struct {
	c     *C.struct_llama_context
	mem   C.llama_memory_t
	m     *model
	batch C.struct_llama_batch
	size  int // tokens the batch can take
	w     *watch
}

func newContext(m *model, p contextParams, w *watch) (*lctx, error) {
	cp := C.bise_context_params{
		n_ctx: C.uint32_t(p.tokens), n_batch: C.uint32_t(p.batch), n_ubatch: C.uint32_t(p.batch), n_seq_max: C.uint32_t(p.slots),
		threads: C.int32_t(p.threads), kv_type: C.enum_ggml_type(p.kv),
		flash_attn: C.enum_llama_flash_attn_type(p.flash), embeddings: C.bool(p.embeddings), pooling: C.enum_llama_pooling_type(p.pooling),
	}
	logged()
	c := C.bise_context_new(m.c, &cp, w.c)
	if c == nil {
		return nil, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	return &lctx{c: c, mem: C.llama_get_memory(c), m: m, batch: C.llama_batch_init(C.int32_t(p.batch), 0, 1), size: p.batch, w: w}, nil
}

func (x *lctx) free() {
	C.llama_batch_free(x.batch)
	C.llama_free(x.c)
}

func (x *lctx) tokens() int     { return int(C.llama_n_ctx(x.c)) }
func (x *lctx) hasMemory() bool { return x.mem != nil }

func (x *lctx) clearBatch()   { x.batch.n_tokens = 0 }
func (x *lctx) batchLen() int { return int(x.batch.n_tokens) }

// add puts a token into the batch and returns its place there.
func (x *lctx) add(id token, pos, seq int, output bool) int {
	i := int(x.batch.n_tokens)
	if i >= x.size {
		panic("llama: batch overflow")
	}
	unsafe.Slice(x.batch.token, x.size)[i] = C.llama_token(id)
	unsafe.Slice(x.batch.pos, x.size)[i] = C.llama_pos(pos)
	unsafe.Slice(x.batch.n_seq_id, x.size)[i] = 1
	*unsafe.Slice(x.batch.seq_id, x.size)[i] = C.llama_seq_id(seq)
	unsafe.Slice(x.batch.logits, x.size)[i] = flag(output)
	x.batch.n_tokens++
	return i
}

func flag(on bool) C.int8_t {
	if on {
		return 1
	}
	return 0
}

// decode evaluates the batch. After ErrAborted none of it is in the memory.
func (x *lctx) decode() error { return decodeError(C.bise_decode(x.c, x.batch, x.w.c)) }

func decodeError(code C.int32_t) error {
	switch code {
	case 0:
		return nil
	case 1:
		return scheduler.ErrNoCells
	case 2:
		return scheduler.ErrAborted
	}
	return fmt.Errorf("llama_decode: code %d: %s", int(code), cmp.Or(logged(), "llama.cpp gave no reason"))
}

// batches evaluates tokens[from:], at their positions in a sequence, in batches. After
// each batch it yields the position where the batch began; output selects the tokens whose
// logits are needed.
func (x *lctx) batches(tokens []token, from, seq int, output func(i int) bool) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := from; i < len(tokens); {
			begin := i
			x.clearBatch()
			for ; i < len(tokens) && x.batchLen() < x.size; i++ {
				x.add(tokens[i], i, seq, output(i))
			}
			if err := x.decode(); !yield(begin, err) || err != nil {
				return
			}
		}
	}
}

// fill evaluates tokens[from:] for what comes after them; the last one has an
// output when it is wanted.
func (x *lctx) fill(tokens []token, from, seq int, output bool) error {
	for _, err := range x.batches(tokens, from, seq, func(i int) bool { return output && i == len(tokens)-1 }) {
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeEmbeddings evaluates embeddings instead of tokens (images), at positions
// from pos on. All of them have an output, or none.
func (x *lctx) decodeEmbeddings(v []float32, pos, seq int, output bool) error {
	width := int(C.llama_model_n_embd_inp(x.m.c))
	n := len(v) / width
	b := C.llama_batch_init(C.int32_t(n), C.int32_t(width), 1)
	defer C.llama_batch_free(b)
	copy(unsafe.Slice((*float32)(unsafe.Pointer(b.embd)), n*width), v)
	for i := range n {
		unsafe.Slice(b.pos, n)[i] = C.llama_pos(pos + i)
		unsafe.Slice(b.n_seq_id, n)[i] = 1
		*unsafe.Slice(b.seq_id, n)[i] = C.llama_seq_id(seq)
		unsafe.Slice(b.logits, n)[i] = flag(output)
	}
	b.n_tokens = C.int32_t(n)
	return decodeError(C.bise_decode(x.c, b, x.w.c))
}

// logits copies the logits of output i of the last batch.
func (x *lctx) logits(i int) []float32 {
	p := C.llama_get_logits_ith(x.c, C.int32_t(i))
	if p == nil {
		return nil
	}
	out := make([]float32, x.m.vocabulary())
	copy(out, unsafe.Slice((*float32)(unsafe.Pointer(p)), len(out)))
	return out
}

// embeddings copies the pooled vector of a sequence.
func (x *lctx) embeddings(seq int) []float32 {
	p := C.llama_get_embeddings_seq(x.c, C.llama_seq_id(seq))
	if p == nil {
		return nil
	}
	out := make([]float32, x.m.embedding())
	copy(out, unsafe.Slice((*float32)(unsafe.Pointer(p)), len(out)))
	return out
}

// remove takes positions from..to (to < 0: the end) out of a sequence. False
// when the memory cannot forget a part (recurrent models).
func (x *lctx) remove(seq, from, to int) bool {
	return bool(C.llama_memory_seq_rm(x.mem, C.llama_seq_id(seq), C.llama_pos(from), C.llama_pos(to)))
}

// share lets dst have the cells of src at positions before end (end < 0: all).
func (x *lctx) share(src, dst, end int) {
	C.llama_memory_seq_cp(x.mem, C.llama_seq_id(src), C.llama_seq_id(dst), 0, C.llama_pos(end))
}

// last is the last position held for a sequence, -1 for none.
func (x *lctx) last(seq int) int {
	return int(C.llama_memory_seq_pos_max(x.mem, C.llama_seq_id(seq)))
}

// saveState copies a sequence's memory.
func (x *lctx) saveState(seq int) ([]byte, error) {
	n := C.llama_state_seq_get_size(x.c, C.llama_seq_id(seq))
	if n == 0 {
		return nil, errors.New("the sequence has no state")
	}
	buf := make([]byte, n)
	got := C.llama_state_seq_get_data(x.c, (*C.uint8_t)(unsafe.Pointer(&buf[0])), n, C.llama_seq_id(seq))
	if got == 0 || got > n {
		return nil, errors.New(cmp.Or(logged(), "the state cannot be copied"))
	}
	return buf[:got], nil
}

// loadState puts a copied memory into a sequence.
func (x *lctx) loadState(seq int, state []byte) error {
	logged()
	if len(state) == 0 || C.bise_state_seq_set(x.c, (*C.uint8_t)(unsafe.Pointer(&state[0])), C.size_t(len(state)), C.llama_seq_id(seq)) == 0 {
		return errors.New(cmp.Or(logged(), "the state does not fit"))
	}
	return nil
}

// addAdapter loads a LoRA adapter into the model and puts it on the context.
type adapter struct{ c *C.struct_llama_adapter_lora }

func (m *model) loadAdapter(path string) (adapter, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	logged()
	a := C.llama_adapter_lora_init(m.c, c)
	if a == nil {
		return adapter{}, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	return adapter{a}, nil
}

func (x *lctx) setAdapter(a adapter, scale float32) error {
	if C.llama_set_adapter_lora(x.c, a.c, C.float(scale)) != 0 {
		return errors.New(cmp.Or(logged(), "the adapter cannot be used"))
	}
	return nil
}

// setThreads sets how many of the pool's threads compute.
func (x *lctx) setThreads(n int) { C.llama_set_n_threads(x.c, C.int32_t(n), C.int32_t(n)) }

// pool is a set of compute threads that outlives batches.
type pool struct{ c *C.bise_pool }

func newPool(threads int) pool { return pool{C.bise_pool_new(C.int(threads))} }

func (p pool) attach(x *lctx) {
	if p.c != nil {
		C.bise_pool_attach(p.c, x.c)
	}
}

func (p pool) free() {
	if p.c != nil {
		C.bise_pool_free(p.c)
	}
}

type sampler struct{ c *C.bise_sampler }

func newSampler(m *model, s local.Settings, ends []token) *sampler {
	var pin runtime.Pinner
	defer pin.Unpin()
	cs := C.bise_sampling{
		temperature: C.float(s.Temperature), top_p: C.float(s.TopP), min_p: C.float(s.MinP), typical_p: C.float(s.TypicalP),
		top_k:  C.int32_t(s.TopK),
		repeat: C.float(s.Repeat), presence: C.float(s.Presence), frequency: C.float(s.Frequency), last_n: C.int32_t(s.LastN),
		dry_multiplier: C.float(s.DRYMultiplier), dry_base: C.float(s.DRYBase),
		dry_allowed_length: C.int32_t(s.DRYAllowedLength), dry_last_n: C.int32_t(s.DRYLastN),
		seed: C.uint32_t(s.Seed),
	}
	if len(s.Bias) > 0 {
		bias := make([]C.llama_logit_bias, 0, len(s.Bias))
		for id, b := range s.Bias {
			bias = append(bias, C.llama_logit_bias{token: C.llama_token(id), bias: C.float(b)})
		}
		pin.Pin(&bias[0])
		cs.bias, cs.n_bias = &bias[0], C.int32_t(len(bias))
	}
	if len(ends) > 0 {
		pin.Pin(&ends[0])
		cs.ends, cs.n_ends = (*C.llama_token)(unsafe.Pointer(&ends[0])), C.int32_t(len(ends))
	}
	if len(s.DRYBreakers) > 0 {
		breakers := make([]*C.char, len(s.DRYBreakers))
		for i, b := range s.DRYBreakers {
			breakers[i] = C.CString(b)
			defer C.free(unsafe.Pointer(breakers[i]))
		}
		pin.Pin(&breakers[0])
		cs.dry_breakers, cs.n_dry_breakers = &breakers[0], C.size_t(len(breakers))
	}
	return &sampler{C.bise_sampler_new(m.c, &cs)}
}

func (s *sampler) free() { C.bise_sampler_free(s.c) }

func (s *sampler) accept(id token) { C.bise_sampler_accept(s.c, C.llama_token(id)) }

// constrain replaces the grammar, nil takes it away. The sampler owns it from then on.
func (s *sampler) constrain(g *grammarRules) {
	var c *C.struct_llama_sampler
	if g != nil {
		c, g.c = g.c, nil
	}
	C.bise_sampler_grammar(s.c, c)
}

// grammarRules is a parsed grammar with its state.
type grammarRules struct{ c *C.struct_llama_sampler }

// newGrammar parses a grammar. It may be called from any goroutine.
func newGrammar(m *model, source string) (*grammarRules, error) {
	text := C.CString(source)
	defer C.free(unsafe.Pointer(text))
	var why [1024]C.char
	c := C.bise_grammar_new(m.c, text, &why[0], C.int(len(why)))
	if c == nil {
		return nil, errors.New(cmp.Or(strings.TrimSpace(C.GoString(&why[0])), "the grammar does not parse"))
	}
	return &grammarRules{c}, nil
}

func (g *grammarRules) free() { C.llama_sampler_free(g.c) }

// fits reports whether the grammar accepts the token next.
func (s *sampler) fits(id token) bool { return bool(C.bise_sampler_fits(s.c, C.llama_token(id))) }

// sample chooses from output i of the last batch. probs has the chosen token
// first, then the top likeliest; it is nil when top < 0. ok is false when no
// token is possible.
func (s *sampler) sample(x *lctx, i int, banned []token, top int) (id token, probs []scheduler.Prob, ok bool) {
	var ban *C.llama_token
	if len(banned) > 0 {
		ban = (*C.llama_token)(unsafe.Pointer(&banned[0]))
	}
	if top < 0 {
		id = token(C.bise_sampler_sample(s.c, x.c, C.int32_t(i), ban, C.int32_t(len(banned)), false, 0, nil))
		return id, nil, id >= 0
	}
	cp := make([]C.bise_prob, top+1)
	id = token(C.bise_sampler_sample(s.c, x.c, C.int32_t(i), ban, C.int32_t(len(banned)), true, C.int32_t(top), &cp[0]))
	for _, p := range cp {
		probs = append(probs, scheduler.Prob{ID: token(p.id), Logprob: float64(p.logprob)})
	}
	return id, probs, id >= 0
}

// probs returns the probability of a token after output i of the last batch, first, and
// those of the top likeliest.
func (x *lctx) probs(i int, id token, top int) []scheduler.Prob {
	cp := make([]C.bise_prob, top+1)
	if !C.bise_probabilities(x.c, C.int32_t(i), C.llama_token(id), C.int32_t(top), &cp[0]) {
		return nil
	}
	probs := make([]scheduler.Prob, len(cp))
	for i, p := range cp {
		probs[i] = scheduler.Prob{ID: token(p.id), Logprob: float64(p.logprob)}
	}
	return probs
}

// vision is the vision encoder of a projector file.
type vision struct {
	c     *C.bise_vision
	width int // components of a vector
}

func openVision(path string, threads int, flash bool) (vision, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	logged()
	var width C.int
	v := C.bise_vision_open(c, C.int(threads), C.bool(flash), &width)
	if v == nil {
		return vision{}, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	return vision{v, int(width)}, nil
}

func (v vision) free() { C.bise_vision_free(v.c) }

// encode returns the n embeddings of an image of normalised red, green and blue, row by
// row. It fails if the vision encoder produces another number.
func (v vision) encode(rgb []float32, width, height, n int) ([]float32, error) {
	if got := int(C.bise_vision_bytes(v.c, C.int(width), C.int(height))); got != 4*n*v.width || len(rgb) != 3*width*height {
		return nil, fmt.Errorf("the vision encoder returns %d bytes for %d×%d pixels, want %d", got, width, height, 4*n*v.width)
	}
	out := make([]float32, n*v.width)
	if !C.bise_vision_encode(v.c, (*C.float)(unsafe.Pointer(&rgb[0])), C.int(width), C.int(height), (*C.float)(unsafe.Pointer(&out[0]))) {
		return nil, errors.New(cmp.Or(logged(), "llama.cpp gave no reason"))
	}
	return out, nil
}

// hearing is the audio encoder of a projector file.
type hearing struct {
	c *C.bise_hearing
	hearingShape
}

type hearingShape struct {
	bins, layers, heads, stack int
	eps                        float32
	width                      int // components of a vector
}

// openHearing loads the encoder of a file whose tensors match the shape.
func openHearing(path string, threads int, s hearingShape) (hearing, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	logged()
	h := C.bise_hearing_open(c, C.int(threads), C.bise_hearing_shape{
		bins: C.int(s.bins), layers: C.int(s.layers), heads: C.int(s.heads), stack: C.int(s.stack), eps: C.float(s.eps),
	})
	if h == nil {
		return hearing{}, errors.New(cmp.Or(logged(), "it cannot be loaded"))
	}
	return hearing{h, s}, nil
}

func (h hearing) free() { C.bise_hearing_free(h.c) }

// encode returns the n embeddings of a mel spectrogram. It fails if the encoder produces
// another number.
func (h hearing) encode(mel []float32, n int) ([]float32, error) {
	out := make([]float32, n*h.width)
	if !C.bise_hearing_encode(h.c, (*C.float)(unsafe.Pointer(&mel[0])), C.int(len(mel)/h.bins), (*C.float)(unsafe.Pointer(&out[0])), C.size_t(4*len(out))) {
		return nil, errors.New(cmp.Or(logged(), "ggml gave no reason"))
	}
	return out, nil
}

// sound is an audio file that is being decoded.
type sound struct {
	c    *C.bise_sound
	data unsafe.Pointer // the file, in C's memory
}

// openSound begins to decode a file. rate is that of its samples.
func openSound(f *audio.File) (s sound, rate int, err error) {
	format := C.int(slices.Index([]audio.Format{audio.WAV, audio.MP3, audio.FLAC}, f.Format))
	data := f.Bytes()
	s.data = C.CBytes(data)
	var r C.int
	if s.c = C.bise_sound_open(s.data, C.size_t(len(data)), format, &r); s.c == nil || int(r) != f.Rate {
		s.close()
		return sound{}, 0, errors.New("miniaudio cannot decode it")
	}
	return s, int(r), nil
}

// read decodes the next samples, and returns how many there were: 0 at the end.
func (s sound) read(samples []float32) int {
	return int(C.bise_sound_read(s.c, (*C.float)(unsafe.Pointer(&samples[0])), C.int(len(samples))))
}

func (s sound) close() {
	if s.c != nil {
		C.bise_sound_close(s.c)
	}
	C.free(s.data)
}
