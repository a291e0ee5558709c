package convert

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/bise-sh/bise/safetensors"
)

// latentDoc and latentTensors are a tiny model with latent attention and experts.
func latentDoc() object {
	return object{
		"architectures": []string{"Mistral3ForConditionalGeneration"},
		"text_config": object{
			"model_type": "mistral4", "vocab_size": vocabSize, "hidden_size": width, "intermediate_size": hidden, "num_hidden_layers": 2,
			"num_attention_heads": 3, "num_key_value_heads": 3, "q_lora_rank": 12, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 6, "v_head_dim": 5,
			"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1,
			"rope_parameters": object{"rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 64, "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1},
		},
		"tie_word_embeddings": false,
	}
}

func latentTensors() tensors {
	t := tensors{}
	add := func(name string, shape ...int64) { t[name] = random(name, shape...) }
	add("language_model.model.embed_tokens.weight", vocabSize, width)
	add("language_model.model.norm.weight", width)
	add("language_model.lm_head.weight", vocabSize, width)
	for i := range 2 {
		p := fmt.Sprintf("language_model.model.layers.%d.", i)
		add(p+"input_layernorm.weight", width)
		add(p+"self_attn.q_a_proj.weight", 12, width)
		add(p+"self_attn.q_a_layernorm.weight", 12)
		add(p+"self_attn.q_b_proj.weight", 3*(4+6), 12)
		add(p+"self_attn.kv_a_proj_with_mqa.weight", 8+6, width)
		add(p+"self_attn.kv_a_layernorm.weight", 8)
		add(p+"self_attn.kv_b_proj.weight", 3*(4+5), 8)
		add(p+"self_attn.o_proj.weight", width, 3*5)
		add(p+"post_attention_layernorm.weight", width)
		if i == 0 { // the dense layer
			add(p+"mlp.gate_proj.weight", hidden, width)
			add(p+"mlp.down_proj.weight", width, hidden)
			add(p+"mlp.up_proj.weight", hidden, width)
			continue
		}
		add(p+"mlp.gate.weight", 4, width)
		add(p+"mlp.experts.gate_up_proj", 4, 2*16, width)
		add(p+"mlp.experts.down_proj", 4, width, 16)
		add(p+"mlp.shared_experts.gate_proj.weight", 2*16, width)
		add(p+"mlp.shared_experts.down_proj.weight", width, 2*16)
		add(p+"mlp.shared_experts.up_proj.weight", 2*16, width)
	}
	return t
}

func TestLatent(t *testing.T) {
	d, weights := newDir(t), latentTensors()
	d.hf(t, latentDoc(), weights)
	r, path, _ := converted(t, string(d), Options{Type: F32})
	if r.Architecture != "deepseek2" {
		t.Errorf("the architecture is %s", r.Architecture)
	}
	got, file := tensorsOf(t, path)
	// kv_b has, of each head, four rows that make keys and five that make values.
	kvb := weights["language_model.model.layers.1.self_attn.kv_b_proj.weight"].floats()
	var keys, values []byte
	encode := encoders[tensorTypes[F32].tensor]
	one := make([]byte, 4)
	for h := range 3 {
		for column := range 8 { // transposed
			for row := range 4 {
				encode(one, []float32{kvb[(9*h+row)*8+column]})
				keys = append(keys, one...)
			}
		}
		for row := range 5 {
			for column := range 8 {
				encode(one, []float32{kvb[(9*h+4+row)*8+column]})
				values = append(values, one...)
			}
		}
	}
	if !bytes.Equal(got["blk.1.attn_k_b.weight"], keys) {
		t.Error("attn_k_b is not the transposed rows of the keys")
	}
	if !bytes.Equal(got["blk.1.attn_v_b.weight"], values) {
		t.Error("attn_v_b is not the rows of the values")
	}
	for _, name := range []string{"blk.0.ffn_gate.weight", "blk.1.ffn_gate_inp.weight", "blk.1.ffn_gate_exps.weight", "blk.1.ffn_up_shexp.weight"} {
		if got[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	for key, want := range map[string]uint64{
		"attention.head_count_kv": 1, "attention.key_length": 14, "attention.value_length": 8, "attention.key_length_mla": 10, "attention.value_length_mla": 5,
		"attention.q_lora_rank": 12, "attention.kv_lora_rank": 8, "rope.dimension_count": 6, "leading_dense_block_count": 1, "expert_shared_count": 2,
		"expert_feed_forward_length": 16, "expert_gating_func": 1, "attention.temperature_length": 64, "rope.scaling.original_context_length": 64,
	} {
		if v, ok := file.Metadata.Uint("deepseek2." + key); !ok || v != want {
			t.Errorf("%s is %d, want %d", key, v, want)
		}
	}
}

// TestLatentFP8 has experts in one FP8 tensor, with a scale for each expert.
func TestLatentFP8(t *testing.T) {
	small, wide := latentTensors(), latentTensors()
	for _, name := range []string{"gate_up_proj", "down_proj"} {
		name = "language_model.model.layers.1.mlp.experts." + name
		x := small[name]
		n := x.elements()
		eight := tensor{kind: fp8, shape: x.shape}
		scales := tensor{kind: safetensors.F32, shape: []int64{4, 1, 1}}
		plain := tensor{kind: safetensors.F32, shape: x.shape, data: make([]byte, 4*n)}
		encode := encoders[tensorTypes[F32].tensor]
		factors := []float32{0.5, 2, 0.25, 8}
		scales.data = make([]byte, 16)
		encode(scales.data, factors)
		v := make([]float32, n)
		for i := range v {
			b := byte(i*37%120 + i%2*128)
			eight.data = append(eight.data, b)
			v[i] = float8[b] * factors[int64(i)/(n/4)]
		}
		encode(plain.data, v)
		small[name], small[name+"_scale_inv"], wide[name] = eight, scales, plain
		small[name+"_activation_scale"] = tensor{kind: safetensors.F32, shape: []int64{1}, data: make([]byte, 4)}
	}
	a, b := newDir(t), newDir(t)
	a.hf(t, latentDoc(), small)
	b.hf(t, latentDoc(), wide)
	_, x, _ := converted(t, string(a), Options{Type: F32, Name: "Tiny"})
	_, y, _ := converted(t, string(b), Options{Type: F32, Name: "Tiny"})
	if !bytes.Equal(bytesOfFile(t, x), bytesOfFile(t, y)) {
		t.Error("the scales were not applied to each expert")
	}
}
