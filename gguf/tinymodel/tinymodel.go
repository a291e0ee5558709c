// Package tinymodel makes GGUF models of random weights that llama.cpp loads.
//
// What they write means nothing, and the same options always give the same
// bytes: so a test can ask for a model of any shape, and a benchmark for one of
// any size, without a file to fetch. Start from [Mistral], [ChatML], [Embedder]
// or [Mamba] and change what matters.
package tinymodel

import (
	"bufio"
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"

	"github.com/bise-sh/bise/gguf"
)

// Options are a model's shape. What is zero takes the default in brackets.
type Options struct {
	Architecture string // llama.cpp's name, "llama", "deepseek2" or "mamba2" [llama]
	Vocabulary   Vocabulary
	Layers       int       // [2]
	Width        int       // components of a token's embedding, a multiple of 32 [64]
	Heads        int       // attention heads; of Mamba the heads of a state [4]
	KVHeads      int       // a divisor of Heads [2]
	HeadWidth    int       // components of a head [Width / Heads]
	FFN          int       // components of the hidden layer, a multiple of 32 [2 × Width]
	Experts      int       // feed-forward networks beside each other; 0 is one for all tokens
	ExpertsUsed  int       // of them by one token [2]
	Tokens       int       // entries of the vocabulary [the fewest that read well, under 1,000]
	Context      int       // tokens that the metadata promise [2048]
	Weights      gguf.Type // of the matrices: F32, F16, Q8_0, Q4_0, or Q4_K where rows are multiples of 256 [F32]
	Pooling      Pooling   // of embeddings
	Seed         uint64
	Zero         bool // matrices are zeros, which are fast to make and to quantize: for tests of types and sizes
	// Edit, when set, is the last to see the metadata.
	Edit func(*gguf.Metadata)
}

// Pooling is how a model makes one vector of a text: llama.cpp's
// enum llama_pooling_type. Zero leaves it unsaid.
type Pooling uint32

const (
	Mean Pooling = 1
	CLS  Pooling = 2
	Last Pooling = 3
)

// Mistral is a model in the manner of Mistral 7B v0.3: a SentencePiece
// vocabulary with the control tokens of tokenizer version 3.
func Mistral() Options { return Options{} }

// ChatML is a model like SmolLM2, with a byte-level BPE vocabulary and a chat template.
func ChatML() Options { return Options{Vocabulary: ByteLevel} }

// Tekken13 is a model in the manner of Magistral and Devstral: the control tokens and the prompt
// format of version 13.
func Tekken13() Options { return Options{Vocabulary: Tekken} }

// Embedder is a model in the manner of E5 Mistral: it pools the last token.
func Embedder() Options { return Options{Pooling: Last} }

// Mamba is a model in the manner of Codestral Mamba, whose memory is a state of
// constant size.
func Mamba() Options { return Options{Architecture: "mamba2"} }

// Latent is a model in the manner of Mistral Small 4: latent attention, experts with a shared
// one, YaRN, and an attention temperature from token 64 on.
func Latent() Options { return Options{Architecture: "deepseek2", Layers: 3, FFN: 32} }

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		*v = cmp.Or(*v, d)
	}
	o.Architecture = cmp.Or(o.Architecture, "llama")
	set(&o.Layers, 2)
	set(&o.Width, 64)
	set(&o.Heads, 4)
	set(&o.KVHeads, min(2, o.Heads))
	set(&o.HeadWidth, o.Width/o.Heads)
	set(&o.FFN, 2*o.Width)
	set(&o.Context, 2048)
	if o.Architecture == "deepseek2" {
		set(&o.Experts, 4)
	}
	if o.Experts > 0 {
		set(&o.ExpertsUsed, min(2, o.Experts))
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Architecture != "llama" && o.Architecture != "deepseek2" && o.Architecture != "mamba2":
		return fmt.Errorf("architecture %q is not one of llama, deepseek2 and mamba2", o.Architecture)
	case o.Architecture == "deepseek2" && (o.HeadWidth%4 != 0 || o.latentRank()%32 != 0):
		return fmt.Errorf("latent attention of rank %d with heads of %d components is not possible", o.latentRank(), o.HeadWidth)
	case o.Width%32 != 0 || o.FFN%32 != 0:
		return fmt.Errorf("width %d and hidden width %d are not both multiples of 32", o.Width, o.FFN)
	case o.Heads%o.KVHeads != 0 || o.Width%o.Heads != 0:
		return fmt.Errorf("%d heads do not divide into %d and the width of %d into them", o.Heads, o.KVHeads, o.Width)
	case o.HeadWidth%2 != 0:
		return fmt.Errorf("a head of %d components cannot be rotated in pairs", o.HeadWidth)
	case o.ExpertsUsed > o.Experts:
		return fmt.Errorf("%d experts of %d cannot be used", o.ExpertsUsed, o.Experts)
	}
	return nil
}

// Write makes the model and leaves it at path.
func Write(path string, o Options) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	return Encode(f, o)
}

// Encode makes the model and writes it to w.
func Encode(w io.Writer, o Options) error {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return fmt.Errorf("make a tiny model: %w", err)
	}
	words, err := o.vocabulary()
	if err != nil {
		return fmt.Errorf("make a tiny model: %w", err)
	}
	layers := o.llama
	switch o.Architecture {
	case "deepseek2":
		layers = o.latent
	case "mamba2":
		layers = o.mamba
	}
	plan := layers(words.len())
	tensors := make([]gguf.Tensor, len(plan))
	for i, t := range plan {
		tensors[i] = t.Tensor
	}
	out := bufio.NewWriterSize(w, 1<<20)
	file, err := gguf.NewWriter(out, o.metadata(words), tensors)
	if err != nil {
		return fmt.Errorf("make a tiny model: %w", err)
	}
	for _, t := range plan {
		data, err := file.Tensor(t.Name)
		if err != nil {
			return err
		}
		if err := t.write(data, o); err != nil {
			return fmt.Errorf("write %s: %w", t.Name, err)
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	return out.Flush()
}

func (o Options) metadata(v *vocabulary) *gguf.Metadata {
	m := &gguf.Metadata{}
	a := o.Architecture + "."
	count := func(key string, n int) { m.Set(a+key, gguf.Of(uint32(n))) }

	m.Set("general.architecture", gguf.Of(o.Architecture))
	m.Set("general.type", gguf.Of("model"))
	m.Set("general.name", gguf.Of("Tiny "+o.Architecture))
	m.Set("general.file_type", gguf.Of(uint32(fileTypes[o.Weights])))
	m.Set("general.quantization_version", gguf.Of(uint32(2)))
	count("block_count", o.Layers)
	count("context_length", o.Context)
	count("embedding_length", o.Width)
	count("vocab_size", v.len())
	m.Set(a+"attention.layer_norm_rms_epsilon", gguf.Of(float32(1e-5)))
	switch o.Architecture {
	case "deepseek2":
		count("feed_forward_length", o.FFN)
		count("attention.head_count", o.Heads)
		count("attention.head_count_kv", 1)
		count("attention.q_lora_rank", o.latentRank())
		count("attention.kv_lora_rank", o.latentRank())
		count("attention.key_length", o.latentRank()+o.HeadWidth/2)
		count("attention.value_length", o.latentRank())
		count("attention.key_length_mla", o.HeadWidth)
		count("attention.value_length_mla", o.HeadWidth)
		count("rope.dimension_count", o.HeadWidth/2)
		m.Set(a+"rope.freq_base", gguf.Of(float32(10000)))
		m.Set(a+"rope.scaling.type", gguf.Of("yarn"))
		m.Set(a+"rope.scaling.factor", gguf.Of(float32(8)))
		m.Set(a+"rope.scaling.yarn_log_multiplier", gguf.Of(float32(0.1)))
		count("rope.scaling.original_context_length", latentOriginal)
		m.Set(a+"attention.temperature_scale", gguf.Of(float32(0.1)))
		count("attention.temperature_length", latentOriginal)
		count("leading_dense_block_count", 1)
		count("expert_count", o.Experts)
		count("expert_used_count", o.ExpertsUsed)
		count("expert_shared_count", 1)
		count("expert_feed_forward_length", o.FFN)
		count("expert_gating_func", 1)
		m.Set(a+"expert_weights_scale", gguf.Of(float32(1)))
		m.Set(a+"expert_weights_norm", gguf.Of(true))
	case "mamba2":
		count("feed_forward_length", 0)
		count("attention.head_count", 0)
		count("ssm.conv_kernel", convWidth)
		count("ssm.inner_size", 2*o.Width)
		count("ssm.state_size", stateWidth)
		count("ssm.time_step_rank", o.Heads)
		count("ssm.group_count", 1)
	default:
		count("feed_forward_length", o.FFN)
		count("attention.head_count", o.Heads)
		count("attention.head_count_kv", o.KVHeads)
		count("attention.key_length", o.HeadWidth)
		count("attention.value_length", o.HeadWidth)
		count("rope.dimension_count", o.HeadWidth)
		m.Set(a+"rope.freq_base", gguf.Of(float32(10000)))
		if o.Experts > 0 {
			count("expert_count", o.Experts)
			count("expert_used_count", o.ExpertsUsed)
		}
	}
	if o.Pooling != 0 {
		count("pooling_type", int(o.Pooling))
	}
	v.describe(m)
	if o.Edit != nil {
		o.Edit(m)
	}
	return m
}

// fileTypes are the llama_ftype of files whose matrices are of one type.
var fileTypes = map[gguf.Type]gguf.FileType{gguf.F32: 0, gguf.F16: 1, gguf.Q4_0: 2, gguf.Q8_0: 7, gguf.Q4_K: 14}

// write makes the tensor's numbers row by row. They depend on the seed and the
// tensor's name alone.
func (t tensor) write(w io.Writer, o Options) error {
	h := fnv.New64a()
	h.Write([]byte(t.Name))
	r := rand.New(rand.NewPCG(o.Seed, h.Sum64()))
	row := make([]float32, t.Dims[0])
	zero := o.Zero && len(t.Dims) > 1
	packed := pack(nil, row, t.Type)
	for range t.Elements() / t.Dims[0] {
		if !zero {
			t.fill(r, row)
			packed = pack(packed[:0], row, t.Type)
		}
		if _, err := w.Write(packed); err != nil {
			return err
		}
	}
	return nil
}
