package quantize

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// keptNames are parts of the names of tensors that are not quantized: small ones, and
// sensitive ones (llama_model_quantize_impl of llama-quant.cpp).
var keptNames = []string{
	"_norm.weight", "ffn_gate_inp.weight", "altup", "laurel", "per_layer_model_proj",
	"ssm_conv1d.weight", "shortconv.conv.weight",
	"time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
	"time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
	"time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight",
	"time_mix_g1.weight", "time_mix_g2.weight",
	"time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
	"attn_rel_b.weight", ".position_embd.",
}

func quantizable(t gguf.Tensor) bool {
	if !strings.HasSuffix(t.Name, "weight") || t.Name == "position_embd.weight" || t.Name == "token_types.weight" {
		return false
	}
	for _, part := range keptNames {
		if strings.Contains(t.Name, part) {
			return false
		}
	}
	return dims(t) >= 2
}

// dims is how many dimensions a tensor has, without those of 1 at the end.
func dims(t gguf.Tensor) int {
	for n := len(t.Dims); n > 0; n-- {
		if t.Dims[n-1] > 1 {
			return n
		}
	}
	return 1
}

// A mix chooses the type of each tensor as llama_tensor_get_type of llama-quant.cpp does,
// for every architecture but Falcon. It counts tensors, so they must come in the order of
// llama.cpp.
type mix struct {
	Type
	weighted  bool // there is an importance matrix
	output    *gguf.Type
	embedding *gguf.Type
	tied      bool // the embedding is the output too
	layers    int
	experts   int
	grouped   int // heads that share keys and values
	large     bool
	values    int // layers with an attn_v
	value     int // those seen so far
	down      int // ffn_down seen so far
	gate, up  int
}

func newMix(t Type, f *gguf.File) *mix {
	s := f.Summary()
	m := &mix{Type: t, tied: true, layers: s.Blocks, experts: s.Experts}
	if len(s.Heads) > 0 && s.KVHeads[0] > 0 {
		m.grouped = s.Heads[0] / s.KVHeads[0]
		// LLM_TYPE_70B of llama-model.cpp.
		m.large = s.Blocks == 80 && (s.Architecture != "llama" || s.Heads[0] != s.KVHeads[0])
	}
	for _, t := range f.Tensors {
		switch {
		case t.Name == "output.weight":
			m.tied = false
		case strings.Contains(t.Name, "attn_v.weight"), strings.Contains(t.Name, "attn_qkv.weight"), strings.Contains(t.Name, "attn_kv_b.weight"):
			m.values++
		}
	}
	return m
}

func (m *mix) is(names ...string) bool {
	return slices.Contains(names, m.Name)
}

// tiny reports whether the mix has about two bits or fewer.
func (m *mix) tiny() bool {
	return m.is("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M")
}

// moreBits picks the layers that are worth more: the first and last eighth, and
// every third between.
func moreBits(i, n int) bool { return i < n/8 || i >= 7*n/8 || (i-n/8)%3 == 2 }

// layer is the layer of a tensor; seen counts the tensors of its kind before it.
func (m *mix) layer(name string, seen int) int {
	if m.experts > 1 {
		return layerOf(name)
	}
	return seen
}

// choose is the type of the next tensor, regardless of its row length.
func (m *mix) choose(t gguf.Tensor) gguf.Type {
	has := func(s string) bool { return strings.Contains(t.Name, s) }
	switch {
	case t.Name == "output.weight" || m.tied && t.Name == "token_embd.weight":
		return m.outputType(t)
	case m.is("MXFP4_MOE"):
		if len(t.Dims) > 2 && t.Dims[2] > 1 {
			return gguf.MXFP4
		}
		return gguf.Q8_0
	case t.Name == "token_embd.weight", t.Name == "per_layer_token_embd.weight":
		return m.embeddingType()
	case m.tiny():
		return m.tinyType(t)
	case has("attn_v.weight"):
		return m.valueType()
	case has("attn_k.weight"), has("attn_q.weight"):
		switch {
		case m.experts == 8 && has("attn_k.weight"):
			return gguf.Q8_0
		case m.is("IQ3_XS"):
			return gguf.IQ3_XXS
		case m.is("IQ3_XXS"):
			return gguf.IQ2_S
		}
	case has("ffn_down"):
		i := m.layer(t.Name, m.down)
		m.down++
		return m.downType(i, m.layers)
	case has("attn_output.weight"):
		return m.attentionOutputType()
	case has("attn_qkv.weight"):
		switch {
		case m.is("Q3_K_M", "Q3_K_L", "IQ3_M"):
			return gguf.Q4_K
		case m.is("Q4_K_M"):
			return gguf.Q5_K
		case m.is("Q5_K_M"):
			return gguf.Q6_K
		}
	case has("ffn_gate"):
		i := m.layer(t.Name, m.gate)
		m.gate++
		return m.feedForwardType(i)
	case has("ffn_up"):
		i := m.layer(t.Name, m.up)
		m.up++
		return m.feedForwardType(i)
	}
	return m.Base
}

func (m *mix) outputType(t gguf.Tensor) gguf.Type {
	block, _ := m.Base.Block()
	switch {
	case m.output != nil:
		return *m.output
	case m.is("MXFP4_MOE"), t.Dims[0]%int64(block) != 0:
		return gguf.Q8_0
	case m.tiny(), m.is("IQ3_XXS"):
		return gguf.Q5_K
	case m.Base != gguf.Q8_0:
		return gguf.Q6_K
	}
	return m.Base
}

func (m *mix) embeddingType() gguf.Type {
	switch {
	case m.embedding != nil:
		return *m.embedding
	case m.is("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"):
		return gguf.Q2_K
	case m.is("IQ2_S", "IQ2_M", "IQ3_XXS"):
		return gguf.IQ3_S
	case m.is("TQ1_0", "TQ2_0"):
		return gguf.Q4_K
	}
	return m.Base
}

func (m *mix) tinyType(t gguf.Tensor) gguf.Type {
	has := func(s string) bool { return strings.Contains(t.Name, s) }
	better := gguf.Q2_K
	if m.is("IQ2_S", "IQ2_M") {
		better = gguf.IQ3_S
	}
	switch {
	case has("attn_v.weight"):
		m.value++
		if m.grouped >= 4 || m.experts >= 4 {
			return gguf.Q4_K
		}
		return better
	case m.experts == 8 && has("attn_k.weight"):
		return gguf.Q4_K
	case has("ffn_down"):
		m.down++
		if m.down-1 < m.layers/8 {
			return better
		}
	case has("attn_output.weight"):
		switch {
		case m.experts == 8:
			return gguf.Q5_K
		case m.is("IQ1_S", "IQ1_M"):
			return gguf.IQ2_XXS
		case m.is("IQ2_S", "IQ2_M"):
			return gguf.IQ3_S
		}
	}
	return m.Base
}

func (m *mix) valueType() gguf.Type {
	i := m.value
	m.value++
	if m.experts == 8 {
		return gguf.Q8_0
	}
	t := m.Base
	shared := m.grouped >= 4
	switch {
	case m.is("Q2_K"):
		t = gguf.Q3_K
		if shared {
			t = gguf.Q4_K
		}
	case m.is("Q2_K_S") && shared, m.is("IQ3_XXS") && shared, m.is("IQ3_XS", "IQ3_S") && shared, m.is("IQ3_M"):
		t = gguf.Q4_K
	case m.is("IQ3_XXS") && !m.weighted:
		t = gguf.IQ3_S
	case m.is("Q3_K_M"):
		t = gguf.Q4_K
		if i < 2 {
			t = gguf.Q5_K
		}
	case m.is("Q3_K_L"), m.is("IQ4_NL", "IQ4_XS") && shared, m.is("Q4_K_S") && i < 4:
		t = gguf.Q5_K
	case m.is("Q4_K_M", "Q5_K_M") && moreBits(i, m.values):
		t = gguf.Q6_K
	}
	if m.large && (t == gguf.Q3_K || t == gguf.Q4_K) {
		return gguf.Q5_K
	}
	return t
}

func (m *mix) downType(i, n int) gguf.Type {
	early := i < n/8
	switch {
	case m.is("Q2_K"):
		return gguf.Q3_K
	case m.is("Q2_K_S") && early:
		return gguf.Q4_K
	case m.is("IQ3_XXS") && !m.weighted:
		if early {
			return gguf.Q4_K
		}
		return gguf.Q3_K
	case m.is("Q3_K_M"):
		if i < n/16 {
			return gguf.Q5_K
		}
		return gguf.Q4_K
	case m.is("IQ3_M") && (early || m.experts == 8 && moreBits(i, n)):
		return gguf.Q4_K
	case m.is("Q3_K_L"), m.is("Q4_K_S") && early, m.is("IQ4_NL", "IQ4_XS") && early && !m.weighted:
		return gguf.Q5_K
	case m.is("Q4_K_M", "Q5_K_M") && moreBits(i, n):
		return gguf.Q6_K
	case m.is("Q4_0") && m.weighted && early:
		return gguf.Q4_1
	case m.is("Q5_0") && m.weighted && early:
		return gguf.Q5_1
	}
	return m.Base
}

func (m *mix) attentionOutputType() gguf.Type {
	switch {
	case m.experts == 8:
		if m.is("Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS") {
			return gguf.Q5_K
		}
	case m.is("Q2_K"):
		return gguf.Q3_K
	case m.is("IQ3_XXS"):
		return gguf.IQ3_S
	case m.is("Q3_K_M", "IQ3_M"):
		return gguf.Q4_K
	case m.is("Q3_K_L"):
		return gguf.Q5_K
	}
	return m.Base
}

func (m *mix) feedForwardType(i int) gguf.Type {
	if m.is("IQ3_XS") && i >= m.layers/8 && i < 7*m.layers/8 {
		return gguf.IQ3_XXS
	}
	return m.Base
}

// fallbacks replace a type whose blocks do not divide a tensor's rows.
var fallbacks = map[gguf.Type]gguf.Type{
	gguf.TQ1_0: gguf.Q4_0, gguf.TQ2_0: gguf.Q4_0,
	gguf.IQ2_XXS: gguf.IQ4_NL, gguf.IQ2_XS: gguf.IQ4_NL, gguf.IQ2_S: gguf.IQ4_NL,
	gguf.IQ3_XXS: gguf.IQ4_NL, gguf.IQ3_S: gguf.IQ4_NL, gguf.IQ1_S: gguf.IQ4_NL, gguf.IQ1_M: gguf.IQ4_NL,
	gguf.Q2_K: gguf.IQ4_NL, gguf.Q3_K: gguf.IQ4_NL, gguf.IQ4_XS: gguf.IQ4_NL,
	gguf.Q4_K: gguf.Q5_0, gguf.Q5_K: gguf.Q5_1, gguf.Q6_K: gguf.Q8_0,
}

// fallbackType returns want, or a type whose blocks divide the tensor's rows. ok is false if
// llama.cpp has none.
func fallbackType(want gguf.Type, t gguf.Tensor) (_ gguf.Type, ok bool) {
	if rowsFit(want, t) {
		return want, true
	}
	other, ok := fallbacks[want]
	if ok && !rowsFit(other, t) {
		other = gguf.F16
	}
	return other, ok
}

// rowsFit reports whether a type's blocks divide the tensor's rows.
func rowsFit(kind gguf.Type, t gguf.Tensor) bool {
	block, _ := kind.Block()
	return t.Dims[0]%int64(block) == 0
}
