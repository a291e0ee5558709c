package fit

import (
	"cmp"
	"fmt"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/quantize"
)

// A Model is a model to plan: a file, or a model of the catalogue.
type Model struct {
	Type      string // quantization type: Q4_K_M, BF16, …
	Projector int64  // bytes
	// Limit is the longest useful context in tokens; 0: unknown.
	Limit int
	// Rough is set if the shape is unknown. Only the weights are estimated then, from the
	// number of parameters.
	Rough bool

	header *gguf.File
}

// FromFile returns the model of a file, with the size of its projector.
func FromFile(f *gguf.File, projector int64) Model {
	s := f.Summary()
	return Model{Type: s.FileType, Projector: projector, Limit: s.Context, header: f}
}

// FromCatalog returns a model with its original, unquantized weights. ok is false if its
// size is unknown.
func FromCatalog(m catalog.Model) (_ Model, ok bool) {
	out := Model{Type: "BF16", Limit: cmp.Or(m.Advised, m.Context)}
	switch {
	case m.Shape != nil:
		out.header = headerOf(*m.Shape, m.Context)
		if m.Vision != nil {
			out.Projector = encoderBytes(*m.Vision, *m.Shape)
		}
		if f, ok := m.Projector(); ok && f.Size > 0 {
			out.Projector = f.Size
		}
	case m.Parameters > 0:
		out.Rough = true
		out.header = &gguf.File{Tensors: []gguf.Tensor{{Name: "blk.0.ffn_up.weight", Type: gguf.BF16, Dims: []int64{256, m.Parameters / 256}}}}
	default:
		return Model{}, false
	}
	return out, true
}

// Quantized returns the model quantized to a type. The error, of kind Invalid, is an unknown
// type or one that the model's rows do not fit.
func (m Model) Quantized(kind string) (Model, error) {
	t, err := quantize.ParseType(kind)
	if err != nil {
		return Model{}, err
	}
	tensors, err := quantize.Predict(m.header, t)
	if err != nil {
		return Model{}, fault.Errorf(fault.Invalid, "quantize to %s: %w", t.Name, err)
	}
	header := *m.header
	header.Tensors = tensors
	m.Type, m.header = t.Name, &header
	return m, nil
}

// Bytes is the size of the model's file, without its projector. Of a model of the
// catalogue it is an estimate.
func (m Model) Bytes() int64 {
	if len(m.header.Parts) > 0 {
		return m.header.Size()
	}
	s := m.header.Summary()
	n := s.Weights
	// The vocabulary, and the merges of a large one.
	if s.Vocabulary > 64<<10 {
		return n + 8_100_000
	}
	return n + int64(s.Vocabulary)*23
}

func headerOf(s catalog.Shape, context int) *gguf.File {
	f := &gguf.File{Version: 3}
	m := &f.Metadata
	m.Set("general.architecture", gguf.Of(s.Architecture))
	count := func(key string, n int) { m.Set(s.Architecture+"."+key, gguf.Of(uint32(n))) }
	count("block_count", s.Layers)
	count("context_length", context)
	count("embedding_length", s.Width)
	count("vocab_size", s.Vocabulary)
	matrix := func(name string, dims ...int) {
		f.Tensors = append(f.Tensors, tensor(name, gguf.BF16, dims))
	}
	vector := func(name string, dims ...int) {
		f.Tensors = append(f.Tensors, tensor(name, gguf.F32, dims))
	}
	matrix("token_embd.weight", s.Width, s.Vocabulary)
	vector("output_norm.weight", s.Width)
	if !s.Tied {
		matrix("output.weight", s.Width, s.Vocabulary)
	}
	layer := attention
	switch s.Architecture {
	case "mamba2":
		layer = mamba
		count("feed_forward_length", 0)
		count("attention.head_count", 0)
		count("ssm.conv_kernel", s.Kernel)
		count("ssm.inner_size", s.Inner)
		count("ssm.state_size", s.State)
		count("ssm.time_step_rank", s.Heads)
		count("ssm.group_count", s.Groups)
	case "deepseek2":
		layer = latent
		count("feed_forward_length", s.FFN)
		count("expert_feed_forward_length", s.FFN)
		count("expert_count", s.Experts)
		count("expert_used_count", s.ExpertsUsed)
		count("attention.head_count", s.Heads)
		count("attention.head_count_kv", 1)
		count("attention.key_length", s.Rank+s.RopeWidth)
		count("attention.value_length", s.Rank)
	default:
		count("feed_forward_length", s.FFN)
		count("attention.head_count", s.Heads)
		count("attention.head_count_kv", s.KVHeads)
		count("attention.key_length", s.HeadWidth)
		count("attention.value_length", s.HeadWidth)
		if s.Experts > 0 {
			count("expert_count", s.Experts)
			count("expert_used_count", s.ExpertsUsed)
		}
	}
	for i := range s.Layers {
		name := func(tensor string) string { return fmt.Sprintf("blk.%d.%s", i, tensor) }
		layer(s, name, matrix, vector)
	}
	return f
}

func tensor(name string, kind gguf.Type, dims []int) gguf.Tensor {
	t := gguf.Tensor{Name: name, Type: kind}
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	return t
}

type adder func(name string, dims ...int)

// attention adds the tensors of a layer of the architectures llama and mistral3.
func attention(s catalog.Shape, name func(string) string, matrix, vector adder) {
	vector(name("attn_norm.weight"), s.Width)
	matrix(name("attn_q.weight"), s.Width, s.Heads*s.HeadWidth)
	matrix(name("attn_k.weight"), s.Width, s.KVHeads*s.HeadWidth)
	matrix(name("attn_v.weight"), s.Width, s.KVHeads*s.HeadWidth)
	matrix(name("attn_output.weight"), s.Heads*s.HeadWidth, s.Width)
	vector(name("ffn_norm.weight"), s.Width)
	if s.Experts > 0 {
		vector(name("ffn_gate_inp.weight"), s.Width, s.Experts)
		matrix(name("ffn_gate_exps.weight"), s.Width, s.FFN, s.Experts)
		matrix(name("ffn_down_exps.weight"), s.FFN, s.Width, s.Experts)
		matrix(name("ffn_up_exps.weight"), s.Width, s.FFN, s.Experts)
		return
	}
	matrix(name("ffn_gate.weight"), s.Width, s.FFN)
	matrix(name("ffn_down.weight"), s.FFN, s.Width)
	matrix(name("ffn_up.weight"), s.Width, s.FFN)
}

// latent adds the tensors of a layer of the architecture deepseek2: multi-head latent attention.
func latent(s catalog.Shape, name func(string) string, matrix, vector adder) {
	head := s.PlainWidth + s.RopeWidth
	vector(name("attn_norm.weight"), s.Width)
	matrix(name("attn_q_a.weight"), s.Width, s.QueryRank)
	vector(name("attn_q_a_norm.weight"), s.QueryRank)
	matrix(name("attn_q_b.weight"), s.QueryRank, s.Heads*head)
	matrix(name("attn_kv_a_mqa.weight"), s.Width, s.Rank+s.RopeWidth)
	vector(name("attn_kv_a_norm.weight"), s.Rank)
	matrix(name("attn_k_b.weight"), s.PlainWidth, s.Rank, s.Heads)
	matrix(name("attn_v_b.weight"), s.Rank, s.ValueWidth, s.Heads)
	matrix(name("attn_output.weight"), s.Heads*s.ValueWidth, s.Width)
	vector(name("ffn_norm.weight"), s.Width)
	vector(name("ffn_gate_inp.weight"), s.Width, s.Experts)
	for _, x := range []struct {
		kind string
		n    int
	}{{"_exps.weight", s.Experts}, {"_shexp.weight", s.Shared}} {
		matrix(name("ffn_gate"+x.kind), s.Width, s.FFN, x.n)
		matrix(name("ffn_down"+x.kind), s.FFN, s.Width, x.n)
		matrix(name("ffn_up"+x.kind), s.Width, s.FFN, x.n)
	}
}

// mamba adds the tensors of a layer of the architecture mamba2.
func mamba(s catalog.Shape, name func(string) string, matrix, vector adder) {
	mixed := s.Inner + 2*s.Groups*s.State
	vector(name("attn_norm.weight"), s.Width)
	matrix(name("ssm_in.weight"), s.Width, s.Inner+mixed+s.Heads)
	vector(name("ssm_conv1d.weight"), s.Kernel, mixed)
	vector(name("ssm_conv1d.bias"), mixed)
	vector(name("ssm_dt.bias"), s.Heads)
	vector(name("ssm_a"), 1, s.Heads)
	vector(name("ssm_d"), 1, s.Heads)
	vector(name("ssm_norm.weight"), s.Inner/s.Groups, s.Groups)
	matrix(name("ssm_out.weight"), s.Inner, s.Width)
}

// encoderBytes is the size of the projector's file, whose matrices are F16.
func encoderBytes(t catalog.VisionEncoder, s catalog.Shape) int64 {
	width, ffn, text := int64(t.Width), int64(t.FFN), int64(s.Width)
	n := int64(t.Layers)*(4*width*width+3*width*ffn+2*width) + 3*int64(t.Patch*t.Patch)*width + width
	if t.Merge > 1 {
		n += width * width * int64(t.Merge*t.Merge)
	}
	n += width*text + text*text // the two matrices that lead to the text model
	return 2 * n
}
