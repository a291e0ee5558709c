package gguf_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

func TestSummary(t *testing.T) {
	o := tinymodel.Mistral()
	o.Layers, o.Width, o.Heads, o.KVHeads, o.HeadWidth, o.Tokens, o.Context, o.Weights = 3, 64, 4, 2, 32, 500, 4096, gguf.Q8_0
	f, err := decode(tiny(t, o))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Summary()
	if s.Architecture != "llama" || s.FileType != "Q8_0" || s.Context != 4096 || s.Blocks != 3 || s.Width != 64 || s.Vocabulary != 500 {
		t.Errorf("got %+v", s)
	}
	if !slices.Equal(s.Heads, []int{4, 4, 4}) || !slices.Equal(s.KVHeads, []int{2, 2, 2}) || s.KeyWidth != 32 || s.ValueWidth != 32 {
		t.Errorf("attention: got %+v", s)
	}
	// Three layers of two heads of 32 keys and 32 values.
	if got, want := s.KVBytes(gguf.F16, gguf.F16), int64(3*2*(32+32)*2); got != want {
		t.Errorf("%d bytes a token, want %d", got, want)
	}
	if got, want := s.KVBytes(gguf.Q8_0, gguf.F16), int64(3*(2*34+2*32*2)); got != want {
		t.Errorf("%d bytes a token with quantized keys, want %d", got, want)
	}
	if s.StateBytes() != 0 {
		t.Errorf("%d bytes of state", s.StateBytes())
	}
	// Embedding, output and their norm, then each layer.
	want := int64(2*500*64+64) + 3*int64(2*64*128+2*64*64+3*64*128+2*64)
	if s.Parameters != want {
		t.Errorf("%d parameters, want %d", s.Parameters, want)
	}
}

func TestSummaryOfMamba(t *testing.T) {
	f, err := decode(tiny(t, tinymodel.Mamba()))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Summary()
	if n := s.KVBytes(gguf.F16, gguf.F16); n != 0 {
		t.Errorf("%d bytes a token", n)
	}
	// Two layers: three inputs of a convolution over 128+2·16, and 128 states of 16.
	if got, want := s.StateBytes(), int64(2*4*(3*160+128*16)); got != want {
		t.Errorf("%d bytes of state, want %d", got, want)
	}
}

func TestSummaryOfMixedLayers(t *testing.T) {
	o := tinymodel.Mistral()
	o.Layers = 4
	o.Edit = func(m *gguf.Metadata) {
		m.Set("llama.attention.head_count_kv", gguf.List([]int32{0, 2, 0, 1}))
		m.Delete("llama.attention.key_length")
		m.Set("llama.attention.value_length", gguf.Of(uint32(8)))
		m.Set("llama.ssm.inner_size", gguf.Of(uint32(128)))
		m.Set("llama.ssm.state_size", gguf.Of(uint32(16)))
		m.Set("llama.ssm.conv_kernel", gguf.Of(uint32(4)))
		m.Delete("general.file_type")
	}
	f, err := decode(tiny(t, o))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Summary()
	if got, want := s.KVBytes(gguf.F16, gguf.F16), int64((2+1)*(16+8)*2); got != want {
		t.Errorf("%d bytes a token, want %d", got, want)
	}
	if got, want := s.StateBytes(), int64(2*4*(3*128+128*16)); got != want {
		t.Errorf("%d bytes of state, want %d", got, want)
	}
	if s.FileType != "F32" {
		t.Errorf("file type %q", s.FileType)
	}
}

// counts sets integers of an architecture.
func counts(arch string, keys ...any) func(*gguf.Metadata) {
	return func(m *gguf.Metadata) {
		m.Set("general.architecture", gguf.Of(arch))
		for i := 0; i < len(keys); i += 2 {
			m.Set(arch+"."+keys[i].(string), gguf.Of(uint32(keys[i+1].(int))))
		}
	}
}

// latent has the keys of latent attention, and changes to them.
func latent(changes ...any) func(*gguf.Metadata) {
	return func(m *gguf.Metadata) {
		counts("deepseek2", append([]any{
			"block_count", 3, "attention.head_count_kv", 1, "rope.dimension_count", 16, "attention.key_length", 48, "attention.value_length", 32,
			"attention.kv_lora_rank", 32, "attention.key_length_mla", 32, "attention.value_length_mla", 32, "attention.temperature_length", 16,
		}, changes...)...)(m)
		m.Set("deepseek2.attention.temperature_scale", gguf.Of(float32(0.1)))
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		edit func(*gguf.Metadata)
		want string // "": nothing is wrong
	}{
		{"whole", func(*gguf.Metadata) {}, ""},
		{"no vocabulary at all", func(m *gguf.Metadata) { m.Delete("tokenizer.ggml.model"); m.Delete("tokenizer.ggml.tokens") }, ""},
		{"no architecture", func(m *gguf.Metadata) { m.Delete("general.architecture") }, "what architecture"},
		{"no tokens", func(m *gguf.Metadata) { m.Delete("tokenizer.ggml.tokens") }, "no vocabulary"},
		{"tokens of numbers", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.tokens", gguf.List([]uint32{1})) }, "no vocabulary"},
		{"few scores", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.scores", gguf.List([]float32{1})) }, "scores has 1 entries"},
		{"scores of bytes", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.scores", gguf.List(make([]uint8, 999))) }, "scores has 999 entries of type uint8"},
		{"scores of integers", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.scores", gguf.List(make([]int32, 999))) }, ""},
		{"scores of strings", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.scores", gguf.List(make([]string, 999))) }, "scores is not an array of numbers"},
		{"one type", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.token_type", gguf.Of(int32(1))) }, "token_type is not an array of numbers"},
		{"merges of numbers", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.merges", gguf.List([]int32{1})) }, "merges is not an array of strings"},
		{"token twice", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.tokens", gguf.List([]string{"a", "b", "a"})) }, `"a" is in the vocabulary twice`},
		{"token twice for C", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.tokens", gguf.List([]string{"a", "a\x00b"})) }, `"a" is in the vocabulary twice`},
		{"empty tokens", func(m *gguf.Metadata) { m.Set("tokenizer.ggml.tokens", gguf.List([]string{"", ""})) }, ""},
		{"experts", func(m *gguf.Metadata) { m.Set("llama.expert_count", gguf.Of(uint32(8))) }, "0 of 8 experts"},
		{"many experts", func(m *gguf.Metadata) { m.Set("llama.expert_count", gguf.Of(uint32(1000))) }, "1000 experts"},
		{"groups of experts", counts("llama", "expert_count", 8, "expert_used_count", 2, "expert_group_count", 3, "expert_group_used_count", 1), "1 of 3 groups of 8 experts"},
		{"latent attention", latent(), ""},
		{"temperature alone", latent("attention.temperature_length", 0), "temperature_length is missing"},
		{"half of the latent keys", latent("attention.value_length_mla", 0), "it has one of"},
		{"RoPE everywhere", latent("rope.dimension_count", 64), "all of them with RoPE"},
		{"another cache", latent("attention.key_length", 64), "it caches 64 and 32 numbers"},
		{"several cached heads", latent("attention.head_count_kv", 4), "more than one key-value head"},
		{"scaling", func(m *gguf.Metadata) { m.Set("llama.rope.scaling.type", gguf.Of("su")) }, `the unknown "su"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tinymodel.Mistral()
			o.Edit = tt.edit
			f, err := decode(tiny(t, o))
			if err != nil {
				t.Fatal(err)
			}
			err = f.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
