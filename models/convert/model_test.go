package convert

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func parsed(t *testing.T, read func(string, []byte) (*model, error), v any) *model {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	m, err := read("config", data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestWhatParamsLeaveOut goes through the models whose params.json lacks the base
// of rotation or the length of the context.
func TestWhatParamsLeaveOut(t *testing.T) {
	tests := []struct {
		name    string
		params  object
		tekken  bool
		version string // of prompts
		theta   float64
		context int64
	}{
		{"7B v0.1", object{"sliding_window": 4096}, false, "v1", 1e4, 32768},
		{"Mathstral", object{}, false, "v3", 1e6, 32768},
		{"NeMo", object{"rope_theta": 1e6}, true, "v3-tekken", 1e6, 131072},
		{"Ministral 8B", object{"rope_theta": 1e8, "_sliding_window": []any{32768, nil}}, true, "v3-tekken", 1e8, 131072},
		{"windows without theta", object{"sliding_window": []any{4096}}, false, "v3", 1e6, 32768},
		{"Small 3", object{"rope_theta": 1e8}, true, "v7-tekken", 1e8, 32768},
		{"Small 3.1", object{"rope_theta": 1e9}, true, "v7-tekken", 1e9, 131072},
		{"Large 2 of July", object{"dim": 12288, "n_heads": 96, "rope_theta": 1e6}, false, "v3", 1e6, 131072},
		{"Large 2 of November", object{"rope_theta": 1e6}, false, "v7", 1e6, 131072},
		{"Mixtral 8x22B", object{"dim": 6144, "n_heads": 48, "rope_theta": 1e6, "moe": object{"num_experts": 8, "num_experts_per_tok": 2}}, false, "v3", 1e6, 65536},
		{"stretched", object{"rope_theta": 1e6, "yarn": object{"factor": 16, "original_max_position_embeddings": 16384}}, true, "v13", 1e6, 262144},
		{"said", object{"rope_theta": 1e6, "max_seq_len": 1000, "max_position_embeddings": 2000}, true, "v13", 1e6, 2000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			params := object{"dim": 4096, "n_layers": 2, "n_heads": 32, "n_kv_heads": 8, "head_dim": 128, "hidden_dim": 64, "vocab_size": 100}
			for k, v := range tt.params {
				params[k] = v
			}
			m := parsed(t, parseNative, params)
			if m.theta != tt.theta {
				t.Errorf("theta is %v, want %v", m.theta, tt.theta)
			}
			if n, assumed := m.contextLength(tt.tekken, tt.version); n != tt.context || assumed == (tt.name == "said") {
				t.Errorf("the context is %d, want %d; assumed: %v", n, tt.context, assumed)
			}
		})
	}
}

// TestMinistral3 has the same model in both layouts, and one that llama.cpp cannot
// run.
func TestMinistral3(t *testing.T) {
	rope := object{
		"rope_type": "yarn", "rope_theta": 1e6, "factor": 16, "original_max_position_embeddings": 16384, "beta_fast": 32, "beta_slow": 1,
		"mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
	}
	config := hfDoc()
	config["architectures"], config["rope_parameters"] = []string{"Ministral3ForCausalLM"}, rope
	delete(config, "rope_theta")
	params := nativeDoc()
	params["yarn"] = object{"factor": 16, "original_max_position_embeddings": 16384, "alpha": 1, "beta": 32, "apply_scale": false}
	params["llama_4_scaling"] = object{"beta": 0.1, "original_max_position_embeddings": 16384}
	a, b := parsed(t, parseHF, config), parsed(t, parseNative, params)
	if a.arch != "mistral3" || b.arch != "mistral3" || *a.yarn != *b.yarn || a.yarn.logMultiplier != 1 || a.temperature != 0.1 || b.temperature != 0.1 || a.theta != b.theta {
		t.Errorf("%+v with %+v, and %+v with %+v", a, a.yarn, b, b.yarn)
	}
	rope["mscale"] = 0.7
	data, _ := json.Marshal(config)
	if _, err := parseHF("config.json", data); err == nil || !strings.Contains(err.Error(), "mscale of 0.7") {
		t.Errorf("got %v", err)
	}
	params["llama_4_scaling"].(object)["original_max_position_embeddings"] = 8192
	data, _ = json.Marshal(params)
	if _, err := parseNative("params.json", data); err == nil || !strings.Contains(err.Error(), "from 8192 tokens and RoPE from 16384") {
		t.Errorf("got %v", err)
	}
}

// TestDefaults has configurations that say as little as some that are published.
func TestDefaults(t *testing.T) {
	m := parsed(t, parseHF, object{
		"architectures": []string{"LlavaForConditionalGeneration"},
		"text_config":   object{"model_type": "mistral", "hidden_size": 5120, "head_dim": 128, "num_hidden_layers": 40, "vocab_size": 131072, "rope_theta": 1e9},
		"vision_config": object{"model_type": "pixtral", "head_dim": 64, "image_size": 1024, "patch_size": 16},
	})
	if m.heads != 32 || m.kvHeads != 8 || m.hidden != 14336 || m.vision.layers != 24 || m.vision.width != 1024 || m.vision.merge != 1 || m.vision.norm {
		t.Errorf("got %+v and %+v", m, m.vision)
	}
	if m = parsed(t, parseHF, object{"architectures": []string{"LlamaForCausalLM"}, "head_dim": nil}); m.kvHeads != 32 || m.headWidth != 128 || m.theta != 1e4 {
		t.Errorf("got %+v", m)
	}
}

func TestUnsupported(t *testing.T) {
	for says, params := range map[string]object{
		"an audio encoder":    {"dim": 1, "multimodal": object{"whisper_model_args": object{"encoder_args": object{"causal": true}}}},
		`type "transformer2"`: {"dim": 1, "model_type": "transformer2"},
	} {
		data, _ := json.Marshal(params)
		_, err := parseNative("params.json", data)
		if e, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(e.Error(), says) || e.Advice == "" {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	data := []byte(`{"architectures":["Mistral3ForConditionalGeneration"],"text_config":{"model_type":"mistral5"}}`)
	if _, err := parseHF("config.json", data); err == nil || !strings.Contains(err.Error(), `type "mistral5"`) {
		t.Errorf("got %v", err)
	}
}

// TestUnsupportedLatent has what llama.cpp's deepseek2 takes for granted.
func TestUnsupportedLatent(t *testing.T) {
	for says, change := range map[string]object{
		"":                       {},
		"27 layers":              {"num_hidden_layers": 27},
		"beta_fast 16":           {"rope_parameters": object{"rope_type": "yarn", "factor": 128, "original_max_position_embeddings": 16, "beta_fast": 16}},
		"mscale of 2":            {"rope_parameters": object{"rope_type": "yarn", "factor": 128, "original_max_position_embeddings": 16, "mscale": 2, "mscale_all_dim": 1}},
		"rope_interleave false":  {"rope_interleave": false},
		"2 groups of experts":    {"n_group": 2},
		"invalid n_shared":       {"n_shared_experts": 0},
		"no output matrix":       {"tie_word_embeddings": true},
		"40 dense layers of 36":  {"first_k_dense_replace": 40},
		"RoPE of odd width 15":   {"qk_rope_head_dim": 15},
		"do not divide":          {"qk_nope_head_dim": 50},
		"uses 200 of 128":        {"num_experts_per_tok": 200},
		"invalid first_k_dense":  {"first_k_dense_replace": -1},
		"invalid kv_lora_rank":   {"kv_lora_rank": 1e300},
		"invalid routed_scaling": {"routed_scaling_factor": 0},
	} {
		text := object{"model_type": "mistral4"}
		maps.Copy(text, change)
		data, _ := json.Marshal(object{"architectures": []string{"Mistral3ForConditionalGeneration"}, "text_config": text})
		m, err := parseHF("config.json", data)
		if says == "" {
			if err != nil || m.arch != "deepseek2" || m.experts != 128 || m.latent.rank != 256 {
				t.Errorf("got %+v, %v", m, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q", change, err, says)
		}
	}
	for says, params := range map[string]object{
		"without experts": {},
		"groups of them":  {"moe": object{"num_experts": 8, "num_experts_per_tok": 2, "expert_hidden_dim": 64, "num_shared_experts": 1, "num_expert_groups": 4}},
		"shared experts":  {"moe": object{"num_experts": 8, "num_experts_per_tok": 2, "expert_hidden_dim": 64}},
	} {
		all := object{
			"dim": 96, "n_layers": 3, "n_heads": 4, "hidden_dim": 192, "vocab_size": 1024,
			"q_lora_rank": 48, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 32,
		}
		maps.Copy(all, params)
		data, _ := json.Marshal(all)
		if _, err := parseNative("params.json", data); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q", params, err, says)
		}
	}
}

func TestLlama(t *testing.T) {
	config := hfDoc()
	config["architectures"], config["model_type"] = []string{"LlamaForCausalLM"}, "llama"
	d := newDir(t)
	d.hf(t, config, hfTensors())
	os.Remove(d.path("tekken.json"))
	writeFile(t, d.path("tokenizer.model"), pieceFile(vocabSize))
	// A Llama has no prompts of Mistral's, unless it is called one.
	for name, version := range map[string]string{"Tiny": "", "Tiny Mistral": "v1"} {
		if r, _, _ := converted(t, string(d), Options{Name: name}); r.PromptVersion != version || r.Architecture != "llama" {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}
