package convert

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

func adapterDoc() object {
	return object{"peft_type": "LORA", "r": 4, "lora_alpha": 6, "base_model_name_or_path": "base", "bias": "none"}
}

// adapterTensors adapt queries, keys, values and the output of the first layer.
func adapterTensors() tensors {
	t := tensors{}
	for name, rows := range map[string]int64{"q_proj": heads * headWidth, "k_proj": kvHeads * headWidth, "v_proj": kvHeads * headWidth} {
		p := "base_model.model.model.layers.0.self_attn." + name
		t[p+".lora_A.weight"], t[p+".lora_B.weight"] = random(name+"A", 4, width), random(name+"B", rows, 4)
	}
	t["base_model.model.lm_head.lora_A.weight"], t["base_model.model.lm_head.lora_B.weight"] = random("headA", 4, width), random("headB", vocabSize, 4)
	return t
}

func adapter(t testing.TB, config object, w tensors) dir {
	d := newDir(t)
	writeJSON(t, d.path("adapter_config.json"), config)
	w.write(t, d.path("adapter_model.safetensors"))
	return d
}

func TestAdapter(t *testing.T) {
	base, w := tiny(t), adapterTensors()
	d := adapter(t, adapterDoc(), w)
	_, path, _ := converted(t, string(d), Options{Type: F32, Base: string(base)})
	got, g := tensorsOf(t, path)
	if len(got) != 8 {
		t.Errorf("there are %d tensors", len(got))
	}
	const p = "base_model.model.model.layers.0.self_attn."
	for to, from := range map[string]tensor{
		"blk.0.attn_q.weight.lora_a": w[p+"q_proj.lora_A.weight"],
		"blk.0.attn_q.weight.lora_b": paired(w[p+"q_proj.lora_B.weight"], headWidth),
		"blk.0.attn_k.weight.lora_b": paired(w[p+"k_proj.lora_B.weight"], headWidth),
		"blk.0.attn_v.weight.lora_b": w[p+"v_proj.lora_B.weight"],
		"output.weight.lora_b":       w["base_model.model.lm_head.lora_B.weight"],
	} {
		want := make([]byte, 4*from.elements())
		encoders[gguf.F32](want, from.floats())
		if !bytes.Equal(got[to], want) {
			t.Errorf("%s is not what it should be", to)
		}
	}
	m := &g.Metadata
	for key, want := range map[string]string{"general.type": "adapter", "adapter.type": "lora", "general.architecture": "llama"} {
		if s, _ := m.String(key); s != want {
			t.Errorf("%s is %q", key, s)
		}
	}
	if alpha, _ := m.Float("adapter.lora.alpha"); alpha != 6 {
		t.Errorf("alpha is %v", alpha)
	}

	// The base may be a GGUF, or lie where the adapter says.
	_, baseFile, _ := converted(t, string(base), Options{})
	_, again, _ := converted(t, string(d), Options{Type: F32, Base: baseFile})
	config := adapterDoc()
	config["base_model_name_or_path"] = string(base)
	near := adapter(t, config, w)
	_, third, _ := converted(t, string(near), Options{Type: F32, Name: filepath.Base(string(d))})
	if want := bytesOfFile(t, path); !bytes.Equal(bytesOfFile(t, again), want) || !bytes.Equal(bytesOfFile(t, third), want) {
		t.Error("another way to the base gives another file")
	}
}

func TestAdapterStrength(t *testing.T) {
	config := adapterDoc()
	config["use_rslora"] = true
	d := adapter(t, config, adapterTensors())
	_, path, _ := converted(t, string(d), Options{Base: string(tiny(t))})
	_, g := tensorsOf(t, path)
	// 6/√4 is what is wanted, and llama.cpp divides by 4.
	if alpha, _ := g.Metadata.Float("adapter.lora.alpha"); math.Abs(alpha-12) > 1e-6 {
		t.Errorf("alpha is %v", alpha)
	}
}

func TestAdapterOfExperts(t *testing.T) {
	config, weights := moe()
	base := newDir(t)
	base.hf(t, config, weights)
	w := tensors{}
	var a, b []byte
	for e := range 4 {
		p := fmt.Sprintf("base_model.model.model.layers.1.block_sparse_moe.experts.%d.w2", e)
		w[p+".lora_A.weight"], w[p+".lora_B.weight"] = random(p+"A", 4, hidden), random(p+"B", width, 4)
		a, b = append(a, w[p+".lora_A.weight"].data...), append(b, w[p+".lora_B.weight"].data...)
	}
	d := adapter(t, adapterDoc(), w)
	_, path, _ := converted(t, string(d), Options{Type: BF16, Base: string(base)})
	got, g := tensorsOf(t, path)
	if !bytes.Equal(got["blk.1.ffn_down_exps.weight.lora_a"], a) || !bytes.Equal(got["blk.1.ffn_down_exps.weight.lora_b"], b) || len(g.Tensors) != 2 {
		t.Errorf("the experts are not stacked: %v", g.Tensors)
	}
	delete(w, "base_model.model.model.layers.1.block_sparse_moe.experts.2.w2.lora_A.weight")
	delete(w, "base_model.model.model.layers.1.block_sparse_moe.experts.2.w2.lora_B.weight")
	d = adapter(t, adapterDoc(), w)
	fails(t, string(d), Options{Base: string(base)}, "base_model.model.model.layers.1.block_sparse_moe.experts.3.w2.lora_A.weight", "but expert 2 is missing")
}

func TestAdapterRefuses(t *testing.T) {
	const q = "base_model.model.model.layers.0.self_attn.q_proj."
	base := string(tiny(t))
	tests := []struct {
		name   string
		damage func(c object, w tensors)
		tensor string
		says   string
	}{
		{"one factor", func(c object, w tensors) { delete(w, q+"lora_B.weight") }, q + "lora_A.weight", "no lora_B"},
		{"the other factor", func(c object, w tensors) { delete(w, q+"lora_A.weight") }, q + "lora_B.weight", "no lora_A"},
		{"other rank", func(c object, w tensors) { c["r"] = 8 }, "base_model.model.lm_head.lora_A.weight", "requires [8 32]"},
		{"rank of B", func(c object, w tensors) { w[q+"lora_B.weight"] = random("x", 64, 5) }, q + "lora_B.weight", "requires [64 4]"},
		{"half a head", func(c object, w tensors) { w[q+"lora_B.weight"] = random("x", 48, 4) }, q + "lora_B.weight", "has 48 rows"},
		{"another module", func(c object, w tensors) {
			w["base_model.model.model.embed_tokens.lora_embedding_A"] = random("x", 4, 280)
		}, "base_model.model.model.embed_tokens.lora_embedding_A", "not a LoRA tensor"},
		{"a tower", func(c object, w tensors) {
			w["base_model.model.vision_tower.x.lora_A.weight"] = random("x", 4, 8)
		}, "base_model.model.vision_tower.x.lora_A.weight", "cannot adapt"},
		{"another kind", func(c object, w tensors) { c["peft_type"] = "IA3" }, "", `type "IA3"`},
		{"DoRA", func(c object, w tensors) { c["use_dora"] = true }, "", "DoRA"},
		{"flipped", func(c object, w tensors) { c["fan_in_fan_out"] = true }, "", "fan_in_fan_out"},
		{"biases", func(c object, w tensors) { c["bias"] = "all" }, "", "biases"},
		{"whole modules", func(c object, w tensors) { c["modules_to_save"] = []string{"lm_head"} }, "", "replaces lm_head"},
		{"strengths", func(c object, w tensors) { c["alpha_pattern"] = object{"q_proj": 3} }, "", "different strengths"},
		{"no alpha", func(c object, w tensors) { delete(c, "lora_alpha") }, "", "has no lora_alpha"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, w := adapterDoc(), adapterTensors()
			tt.damage(config, w)
			d := adapter(t, config, w)
			fails(t, string(d), Options{Base: base}, tt.tensor, tt.says)
		})
	}
}

func TestAdapterWithoutBase(t *testing.T) {
	d := adapter(t, adapterDoc(), adapterTensors())
	if e := fails(t, string(d), Options{}, "", `names the base model "base", which was not found`); !strings.Contains(e.Advice, "Give the base") {
		t.Errorf("the hint is %q", e.Advice)
	}
	config, w := adapterDoc(), tensors{}
	config["base_model_name_or_path"] = "mistralai/Mistral-7B-v0.3"
	p := "base_model.model.model.layers.0.self_attn.q_proj"
	w[p+".lora_A.weight"], w[p+".lora_B.weight"] = random("A", 4, 256), random("B", 256, 4)
	d = adapter(t, config, w)
	r, path, _ := converted(t, string(d), Options{Type: BF16})
	got, _ := tensorsOf(t, path)
	if len(r.Warnings) != 1 || !bytes.Equal(got["blk.0.attn_q.weight.lora_b"], paired(w[p+".lora_B.weight"], 128).data) {
		t.Errorf("got %+v", r)
	}
}

func FuzzAdapterConfig(f *testing.F) {
	f.Add(seedConfig(f, adapterDoc()))
	f.Add([]byte(`{"peft_type":"LORA","rank_pattern":{"a":1e300},"use_rslora":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		c, err := parseAdapter("adapter_config.json", data)
		if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
			t.Fatalf("got %v, want an Error", err)
		}
		if err == nil && (c.Kind != "LORA" || c.DoRA) {
			t.Fatalf("%+v was taken", c)
		}
	})
}
