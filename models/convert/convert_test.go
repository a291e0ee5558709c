package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/tokenizer"
	"github.com/bise-sh/bise/safetensors"
)

func TestConvertBothLayouts(t *testing.T) {
	weights := hfTensors()
	a, b := newDir(t), newDir(t)
	a.hf(t, hfDoc(), weights)
	b.native(t, nativeDoc(), native(weights))
	for _, kind := range []Type{Stored, F32, F16, BF16, Q8_0} {
		r, x, _ := converted(t, string(a), Options{Name: "Tiny", Type: kind})
		s, y, _ := converted(t, string(b), Options{Name: "Tiny", Type: kind})
		if !bytes.Equal(bytesOfFile(t, x), bytesOfFile(t, y)) {
			t.Errorf("%q: the two layouts give different files", kind)
		}
		if r.Layout != HF || s.Layout != Native || kind == Stored && r.Type != BF16 {
			t.Errorf("%q: got %+v and %+v", kind, r, s)
		}
		if r.Bytes != int64(len(bytesOfFile(t, x))) {
			t.Errorf("%d bytes are said to be written, and %d were", r.Bytes, len(bytesOfFile(t, x)))
		}
	}
}

func TestConvertWritesWhatIsThere(t *testing.T) {
	weights := hfTensors()
	d := newDir(t)
	d.hf(t, hfDoc(), weights)
	writeFile(t, d.path("README.md"), []byte("---\nlicense: other\nlicense_name: 'mrl'\ntags:\n- a\n---\n# Tiny\n"))
	_, path, _ := converted(t, string(d), Options{Type: F32})
	got, file := tensorsOf(t, path)
	for to, from := range map[string]string{
		"token_embd.weight": "model.embed_tokens.weight", "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj.weight",
		"blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight", "output_norm.weight": "model.norm.weight",
	} {
		want := make([]byte, 4*weights[from].elements())
		encoders[gguf.F32](want, weights[from].floats())
		if !bytes.Equal(got[to], want) {
			t.Errorf("%s is not %s", to, from)
		}
	}
	// Of the first head, row 1 is half a head further down in the original.
	q := weights["model.layers.0.self_attn.q_proj.weight"].floats()
	row := make([]byte, 4*width)
	encoders[gguf.F32](row, q[headWidth/2*width:][:width])
	if !bytes.Equal(got["blk.0.attn_q.weight"][4*width:8*width], row) {
		t.Error("the rows of queries are not in pairs")
	}
	m := &file.Metadata
	for key, want := range map[string]string{
		"general.architecture": "llama", "general.type": "model", "general.name": filepath.Base(string(d)), "general.license": "other", "general.license.name": "mrl",
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "tekken", "bise.prompt_version": "v7-tekken",
	} {
		if s, _ := m.String(key); s != want {
			t.Errorf("%s is %q, want %q", key, s, want)
		}
	}
	for key, want := range map[string]float64{
		"llama.context_length": 131072, "llama.attention.key_length": headWidth, "llama.rope.dimension_count": headWidth, "llama.rope.freq_base": 1e6,
		"general.file_type": 0, "general.quantization_version": 2, "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.padding_token_id": 11,
	} {
		if n, ok := m.Float(key); !ok || n != want {
			t.Errorf("%s is %v, want %v", key, n, want)
		}
	}
	tokens, _ := m.Strings("tokenizer.ggml.tokens")
	merges, _ := m.Strings("tokenizer.ggml.merges")
	if len(tokens) != vocabSize || tokens[3] != "[INST]" || tokens[20+' '] != "Ġ" || tokens[278] != "the" {
		t.Errorf("the tokens are %q", tokens)
	}
	if want := []string{"t h", "h e", "t he", "th e", "i n"}; !slices.Equal(merges, want) {
		t.Errorf("the merges are %q, want %q", merges, want)
	}
}

// moe is the tiny model with four experts.
func moe() (object, tensors) {
	config := hfDoc()
	config["architectures"], config["model_type"] = []string{"MixtralForCausalLM"}, "mixtral"
	config["num_local_experts"], config["num_experts_per_tok"] = 4, 2
	t := hfTensors()
	for i := range layersN {
		p := fmt.Sprintf("model.layers.%d.", i)
		for _, name := range []string{"gate", "up", "down"} {
			delete(t, p+"mlp."+name+"_proj.weight")
		}
		t[p+"block_sparse_moe.gate.weight"] = random(p+"gate", 4, width)
		for e := range 4 {
			x := fmt.Sprintf("%sblock_sparse_moe.experts.%d.", p, e)
			t[x+"w1.weight"], t[x+"w3.weight"] = random(x+"w1", hidden, width), random(x+"w3", hidden, width)
			t[x+"w2.weight"] = random(x+"w2", width, hidden)
		}
	}
	return config, t
}

// TestExperts stores the same experts in every manner that there is.
func TestExperts(t *testing.T) {
	config, apart := moe()
	fused, old := tensors{}, native(apart)
	for name, x := range apart {
		if !strings.Contains(name, ".experts.") {
			fused[strings.Replace(name, "block_sparse_moe", "mlp", 1)] = x
		}
	}
	own := native(apart)
	for i := range layersN {
		var both, down, w1, w2, w3 []byte
		for e := range 4 {
			x := fmt.Sprintf("model.layers.%d.block_sparse_moe.experts.%d.", i, e)
			gate, up, back := apart[x+"w1.weight"], apart[x+"w3.weight"], apart[x+"w2.weight"]
			both = append(append(both, gate.data...), up.data...)
			down = append(down, back.data...)
			w1, w3 = append(w1, gate.data...), append(w3, up.data...)
			for row := range hidden {
				for column := range width {
					at := 2 * (column*hidden + row)
					w2 = append(w2, back.data[at:at+2]...)
				}
			}
			for _, w := range []string{"w1", "w2", "w3"} {
				own[fmt.Sprintf("layers.%d.feed_forward.experts.%d.%s.weight", i, e, w)] = apart[x+w+".weight"]
			}
		}
		p := fmt.Sprintf("model.layers.%d.mlp.experts.", i)
		fused[p+"gate_up_proj"] = tensor{safetensors.BF16, []int64{4, 2 * hidden, width}, both}
		fused[p+"down_proj"] = tensor{safetensors.BF16, []int64{4, width, hidden}, down}
		p = fmt.Sprintf("layers.%d.block_sparse_moe.", i)
		for name, data := range map[string][]byte{"w1": w1, "w2": w2, "w3": w3} {
			old[p+name] = tensor{safetensors.BF16, []int64{4 * hidden, width}, data}
		}
		old[p+"gate.weight"] = old[fmt.Sprintf("layers.%d.feed_forward.gate.weight", i)]
		delete(old, fmt.Sprintf("layers.%d.feed_forward.gate.weight", i))
	}
	params := nativeDoc()
	params["moe"] = object{"num_experts": 4, "num_experts_per_tok": 2}

	a, b, c, d := newDir(t), newDir(t), newDir(t), newDir(t)
	a.hf(t, config, apart)
	b.hf(t, config, fused)
	c.native(t, params, own)
	d.native(t, params, old)
	_, first, _ := converted(t, string(a), Options{Name: "Tiny", Type: Q8_0})
	for _, other := range []dir{b, c, d} {
		_, path, _ := converted(t, string(other), Options{Name: "Tiny", Type: Q8_0})
		if !bytes.Equal(bytesOfFile(t, path), bytesOfFile(t, first)) {
			t.Errorf("the experts of %s differ", other)
		}
	}
	got, file := tensorsOf(t, first)
	if n, _ := file.Metadata.Uint("llama.expert_count"); n != 4 {
		t.Errorf("%d experts", n)
	}
	want := make([]byte, hidden/32*34*width)
	encoders[gguf.Q8_0](want, apart["model.layers.1.block_sparse_moe.experts.3.w2.weight"].floats())
	if down := got["blk.1.ffn_down_exps.weight"]; !bytes.Equal(down[len(down)-len(want):], want) {
		t.Error("the last expert's way down is not w2")
	}
}

func TestFP8(t *testing.T) {
	weights := hfTensors()
	scale := tensor{safetensors.F32, []int64{}, le.AppendUint32(nil, math.Float32bits(0.0123))}
	small := func(name string, shape ...int64) tensor {
		x := random(name, shape...)
		out := tensor{kind: fp8, shape: shape}
		for i := range x.elements() {
			out.data = append(out.data, x.data[2*i]%0x7f|x.data[2*i+1]&0x80)
		}
		return out
	}
	const name = "model.layers.0.self_attn.q_proj.weight"
	weights[name] = small(name, heads*headWidth, width)
	weights[name+"_scale_inv"] = scale
	weights["model.layers.0.self_attn.q_proj.activation_scale"] = scale
	d := newDir(t)
	d.hf(t, hfDoc(), weights)
	_, path, _ := converted(t, string(d), Options{Type: F32, Name: "Tiny"})
	got, _ := tensorsOf(t, path)
	q := paired(weights[name], headWidth)
	for i, b := range q.data {
		want := float8[b] * float32(0.0123)
		if f := math.Float32frombits(le.Uint32(got["blk.0.attn_q.weight"][4*i:])); f != want {
			t.Fatalf("number %d is %v, want %v", i, f, want)
		}
	}

	own := native(weights)
	own["layers.0.attention.wq.qscale_weight"], own["layers.0.attention.wq.qscale_act"] = scale, scale
	e := newDir(t)
	e.native(t, nativeDoc(), own)
	_, other, _ := converted(t, string(e), Options{Type: F32, Name: "Tiny"})
	if !bytes.Equal(bytesOfFile(t, path), bytesOfFile(t, other)) {
		t.Error("the scale of Mistral's own layout was read otherwise")
	}

	delete(weights, name+"_scale_inv")
	f := newDir(t)
	f.hf(t, hfDoc(), weights)
	fails(t, string(f), Options{}, name, "no scale")
}

// seeing is the tiny model with a vision encoder.
func seeing() (object, tensors) {
	text := hfDoc()
	delete(text, "architectures")
	config := object{
		"architectures": []string{"Mistral3ForConditionalGeneration"}, "text_config": text, "spatial_merge_size": 2, "multimodal_projector_bias": false, "vision_feature_layer": -1,
		"vision_config": object{"model_type": "pixtral", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 14, "image_size": 56},
	}
	t := tensors{}
	for name, x := range hfTensors() {
		t["language_model."+name] = x
	}
	add := func(name string, shape ...int64) { t[name] = random(name, shape...) }
	add("vision_tower.patch_conv.weight", 32, 3, 14, 14)
	add("vision_tower.ln_pre.weight", 32)
	const p = "vision_tower.transformer.layers.0."
	add(p+"attention_norm.weight", 32)
	add(p+"ffn_norm.weight", 32)
	for _, x := range []string{"q", "k", "v", "o"} {
		add(p+"attention."+x+"_proj.weight", 32, 32)
	}
	add(p+"feed_forward.gate_proj.weight", 64, 32)
	add(p+"feed_forward.up_proj.weight", 64, 32)
	add(p+"feed_forward.down_proj.weight", 32, 64)
	add("multi_modal_projector.norm.weight", 32)
	add("multi_modal_projector.patch_merger.merging_layer.weight", 32, 128)
	add("multi_modal_projector.linear_1.weight", width, 32)
	add("multi_modal_projector.linear_2.weight", width, width)
	return config, t
}

func TestVision(t *testing.T) {
	config, weights := seeing()
	a, b := newDir(t), newDir(t)
	a.hf(t, config, weights)
	// Newer files have other prefixes.
	newer := tensors{}
	for name, x := range weights {
		switch rest, text := strings.CutPrefix(name, "language_model.model."); {
		case text:
			name = "model.language_model." + rest
		case name == "language_model.lm_head.weight":
			name = "lm_head.weight"
		default:
			name = "model." + name
		}
		newer[name] = x
	}
	b.hf(t, config, newer)
	r, text, tower := converted(t, string(a), Options{Name: "Tiny", Type: F16})
	_, text2, tower2 := converted(t, string(b), Options{Name: "Tiny", Type: F16})
	if !bytes.Equal(bytesOfFile(t, text), bytesOfFile(t, text2)) || !bytes.Equal(bytesOfFile(t, tower), bytesOfFile(t, tower2)) {
		t.Error("other prefixes give other files")
	}
	if r.Files[1] != ProjectorPath(r.Files[0]) || filepath.Base(r.Files[1]) != "model.mmproj.gguf" {
		t.Errorf("the files are %q", r.Files)
	}
	got, file := tensorsOf(t, tower)
	row := make([]byte, 4*width)
	encoders[gguf.F32](row, weights["language_model.model.embed_tokens.weight"].floats()[12*width:][:width])
	if !bytes.Equal(got["v.token_embd.img_break"], row) {
		t.Error("[IMG_BREAK] is not row 12 of the embedding")
	}
	for _, x := range file.Tensors {
		want := gguf.F32
		if len(x.Dims) > 1 {
			want = gguf.F16
		}
		if x.Type != want {
			t.Errorf("%s is %v", x.Name, x.Type)
		}
	}
	if n, _ := file.Metadata.Uint("clip.vision.spatial_merge_size"); n != 2 {
		t.Errorf("%d patches are merged", n)
	}
	delete(weights, "multi_modal_projector.norm.weight")
	c := newDir(t)
	c.hf(t, config, weights)
	fails(t, string(c), Options{}, "multi_modal_projector.norm.weight", "is missing")
}

func TestMamba(t *testing.T) {
	const inner, groups, state, heads, kernel = 2 * width, 2, 8, 4, 4
	weights := tensors{}
	add := func(name string, shape ...int64) { weights[name] = random(name, shape...) }
	add("backbone.embeddings.weight", 288, width) // rounded up to a multiple of 16
	add("backbone.norm_f.weight", width)
	add("lm_head.weight", 288, width)
	const p = "backbone.layers.0."
	add(p+"norm.weight", width)
	add(p+"mixer.in_proj.weight", 2*inner+2*groups*state+heads, width)
	add(p+"mixer.conv1d.weight", inner+2*groups*state, 1, kernel)
	add(p+"mixer.conv1d.bias", inner+2*groups*state)
	add(p+"mixer.dt_bias", heads)
	add(p+"mixer.A_log", heads)
	add(p+"mixer.D", heads)
	add(p+"mixer.norm.weight", inner)
	add(p+"mixer.out_proj.weight", width, inner)
	own := tensors{}
	for name, x := range weights {
		own["model."+strings.Replace(name, "embeddings", "embedding", 1)] = x
	}
	d := newDir(t)
	d.native(t, object{"dim": width, "n_layers": 1, "vocab_size": vocabSize, "n_groups": groups, "tie_embeddings": false, "model_type": "mamba", "pad_vocab_size_multiple": 16}, own)
	writeFile(t, d.path("config.json"), []byte("{\n  # no JSON\n}"))
	r, path, _ := converted(t, string(d), Options{Type: Q8_0})
	got, file := tensorsOf(t, path)
	if r.Architecture != "mamba2" {
		t.Errorf("it is a %s", r.Architecture)
	}
	for i, x := range weights[p+"mixer.A_log"].floats() {
		if f := math.Float32frombits(le.Uint32(got["blk.0.ssm_a"][4*i:])); f != -float32(math.Exp(float64(x))) {
			t.Errorf("A is %v for %v", f, x)
		}
	}
	dims := map[string][]int64{
		"blk.0.ssm_a": {1, heads}, "blk.0.ssm_d": {1, heads}, "blk.0.ssm_conv1d.weight": {kernel, inner + 2*groups*state},
		"blk.0.ssm_norm.weight": {inner / groups, groups}, "token_embd.weight": {width, 288},
	}
	for _, x := range file.Tensors {
		if want, ok := dims[x.Name]; ok && !slices.Equal(x.Dims, want) {
			t.Errorf("%s is %v, want %v", x.Name, x.Dims, want)
		}
	}
	tokens, _ := file.Metadata.Strings("tokenizer.ggml.tokens")
	types, _ := file.Metadata.Ints("tokenizer.ggml.token_type")
	if len(tokens) != 288 || types[287] != unused || types[279] != normal {
		t.Errorf("%d tokens, the last of type %d", len(tokens), types[len(types)-1])
	}
}

func TestSentencePiece(t *testing.T) {
	for file, version := range map[string]string{"tokenizer.model": "v1", "tokenizer.model.v3": "v3", "tokenizer.model.v7m1": "v7"} {
		d := tiny(t)
		os.Remove(d.path("tekken.json"))
		writeFile(t, d.path(file), pieceFile(vocabSize))
		r, path, _ := converted(t, string(d), Options{})
		if r.PromptVersion != version || r.Tokenizer != file {
			t.Errorf("%s: got %+v", file, r)
		}
		_, g := tensorsOf(t, path)
		scores, _ := g.Metadata.Floats("tokenizer.ggml.scores")
		types, _ := g.Metadata.Ints("tokenizer.ggml.token_type")
		if len(scores) != vocabSize || scores[270] != -11 || types[0] != unknown || types[1] != control || types[3] != byteToken || types[270] != normal {
			t.Errorf("%s: scores %v, types %v", file, scores[:5], types[:5])
		}
	}
}

func TestFineTuned(t *testing.T) {
	config, weights := hfDoc(), hfTensors()
	config["vocab_size"] = 320 // 282 rounded up
	weights["model.embed_tokens.weight"], weights["lm_head.weight"] = random("e", 320, width), random("o", 320, width)
	d := newDir(t)
	d.hf(t, config, weights)
	os.Remove(d.path("tekken.json"))
	writeFile(t, d.path("tokenizer.model"), pieceFile(vocabSize))
	writeJSON(t, d.path("tokenizer_config.json"), object{
		"chat_template": "{{ '<|im_start|>' }}", "eos_token": object{"content": "<|im_end|>"},
		"added_tokens_decoder": object{"0": object{"content": "<unk>"}, "280": object{"content": "<|im_start|>", "special": true}, "281": object{"content": "<|im_end|>", "special": true}},
	})
	r, path, _ := converted(t, string(d), Options{})
	_, g := tensorsOf(t, path)
	tokens, _ := g.Metadata.Strings("tokenizer.ggml.tokens")
	eos, _ := g.Metadata.Uint("tokenizer.ggml.eos_token_id")
	template, _ := g.Metadata.String("tokenizer.chat_template")
	if len(tokens) != 320 || tokens[281] != "<|im_end|>" || tokens[319] != "[PAD319]" || eos != 281 || template == "" {
		t.Errorf("%d tokens, the end is %d, template %q", len(tokens), eos, template)
	}
	if r.PromptVersion != "" {
		t.Errorf("a ChatML model was given prompts of %s", r.PromptVersion)
	}
}

func TestTokenizerJSON(t *testing.T) {
	a, b := tiny(t), tiny(t)
	os.Remove(b.path("tekken.json"))
	v, err := readVocabulary(must(openFolder(string(a))))
	if err != nil {
		t.Fatal(err)
	}
	vocab, added := object{}, []object{}
	for id, token := range v.tokens {
		vocab[token] = id
		if id < 20 {
			added = append(added, object{"id": id, "content": token, "special": true})
		}
	}
	writeJSON(t, b.path("tokenizer.json"), object{"model": object{"type": "BPE", "vocab": vocab}, "added_tokens": added})
	_, x, _ := converted(t, string(a), Options{Name: "Tiny"})
	_, y, _ := converted(t, string(b), Options{Name: "Tiny"})
	_, f := tensorsOf(t, x)
	_, g := tensorsOf(t, y)
	for key, want := range f.Metadata.All() {
		// The file does not say its version; the model's age tells it.
		if got, ok := g.Metadata.Value(key); key != "bise.prompt_version" && (!ok || !agrees(got, want)) {
			t.Errorf("%s differs", key)
		}
	}
	if version, _ := g.Metadata.String("bise.prompt_version"); version != "v3-tekken" {
		t.Errorf("the version is %q", version)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestEmbedder(t *testing.T) {
	config, weights := hfDoc(), tensors{}
	config["architectures"] = []string{"MistralModel"}
	for name, x := range hfTensors() {
		if rest, ok := strings.CutPrefix(name, "model."); ok {
			weights[rest] = x
		}
	}
	d := newDir(t)
	d.hf(t, config, weights)
	r, path, _ := converted(t, string(d), Options{})
	got, g := tensorsOf(t, path)
	pooling, _ := g.Metadata.Uint("llama.pooling_type")
	eos, _ := g.Metadata.Bool("tokenizer.ggml.add_eos_token")
	if pooling != poolLast || !eos || got["output.weight"] != nil || r.PromptVersion != "" {
		t.Errorf("pooling %d, end %v: %+v", pooling, eos, r)
	}
	writeJSON(t, d.path("1_Pooling/config.json"), object{"pooling_mode_mean_tokens": true})
	_, path, _ = converted(t, string(d), Options{})
	if _, g = tensorsOf(t, path); must(first(g.Metadata.Uint("llama.pooling_type"))) != poolMean {
		t.Error("the folder asks for the mean")
	}
	if eos, _ := g.Metadata.Bool("tokenizer.ggml.add_eos_token"); eos {
		t.Error("a text ends with the EOS token, which the tokenizer does not add")
	}
	writeJSON(t, d.path("tokenizer_config.json"), object{"add_eos_token": true})
	_, path, _ = converted(t, string(d), Options{})
	_, g = tensorsOf(t, path)
	if eos, _ := g.Metadata.Bool("tokenizer.ggml.add_eos_token"); !eos {
		t.Error("the tokenizer adds the EOS token")
	}
	writeJSON(t, d.path("modules.json"), []object{{"type": "sentence_transformers.models.Pooling"}, {"type": "sentence_transformers.models.Dense"}})
	if _, err := Convert(t.Context(), string(d), Options{Output: filepath.Join(t.TempDir(), "x.gguf")}); err == nil || !strings.Contains(err.Error(), `modules.json has the module "sentence_transformers.models.Dense"`) {
		t.Errorf("a module that llama.cpp does not have: %v", err)
	}
}

func first(n uint64, ok bool) (uint64, error) {
	if !ok {
		return 0, errors.New("no such key")
	}
	return n, nil
}

func TestChoosesOneLayout(t *testing.T) {
	weights := hfTensors()
	d := newDir(t)
	d.hf(t, hfDoc(), weights)
	d.native(t, nativeDoc(), native(weights))
	r, _, _ := converted(t, string(d), Options{})
	if r.Layout != HF || !strings.Contains(r.Notes[0], "was ignored") {
		t.Errorf("got %+v", r)
	}
	if r, _, _ = converted(t, string(d), Options{Layout: Native}); r.Layout != Native {
		t.Errorf("got %+v", r)
	}
	// Half of a layout does not count while the other is whole.
	if err := os.Rename(d.path("model.safetensors"), d.path("model-00001-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if r, _, _ = converted(t, string(d), Options{}); r.Layout != Native || !strings.Contains(r.Notes[0], "model-00002-of-00002.safetensors is missing") {
		t.Errorf("got %+v", r)
	}
	fails(t, string(d), Options{Layout: HF}, "", "model-00002-of-00002.safetensors is missing")
}

func TestShards(t *testing.T) {
	weights := hfTensors()
	whole := tiny(t)
	_, want, _ := converted(t, string(whole), Options{Name: "Tiny"})
	d, even, odd, where := tiny(t), tensors{}, tensors{}, object{}
	os.Remove(d.path("model.safetensors"))
	for i, name := range sortedNames(weights) {
		if i%2 == 0 {
			even[name], where[name] = weights[name], "model-00001-of-00002.safetensors"
		} else {
			odd[name], where[name] = weights[name], "model-00002-of-00002.safetensors"
		}
	}
	even.write(t, d.path("model-00001-of-00002.safetensors"))
	odd.write(t, d.path("model-00002-of-00002.safetensors"))
	for _, index := range []bool{false, true} {
		if index {
			writeJSON(t, d.path("model.safetensors.index.json"), object{"weight_map": where})
		}
		_, got, _ := converted(t, string(d), Options{Name: "Tiny"})
		if !bytes.Equal(bytesOfFile(t, got), bytesOfFile(t, want)) {
			t.Errorf("shards make another file, index: %v", index)
		}
	}
	where["model.norm.weight"] = "../model-00001-of-00002.safetensors"
	writeJSON(t, d.path("model.safetensors.index.json"), object{"weight_map": where})
	fails(t, string(d), Options{}, "model.norm.weight", "outside the folder")
	where["model.norm.weight"] = "model-00001-of-00002.safetensors"
	where["extra"] = "model-00002-of-00002.safetensors"
	writeJSON(t, d.path("model.safetensors.index.json"), object{"weight_map": where})
	fails(t, string(d), Options{}, "extra", "listed in the index but missing")
}

func sortedNames(t tensors) (names []string) {
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestLinks(t *testing.T) {
	d, elsewhere := tiny(t), t.TempDir()
	if err := os.Rename(d.path("model.safetensors"), filepath.Join(elsewhere, "blob")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "blob"), d.path("model.safetensors")); err != nil {
		t.Skip("no links here: ", err)
	}
	fails(t, string(d), Options{}, "", "model.safetensors is a link that leads out of the folder")
	e := tiny(t)
	if err := os.Rename(e.path("config.json"), filepath.Join(elsewhere, "config.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "config.json"), e.path("config.json")); err != nil {
		t.Fatal(err)
	}
	fails(t, string(e), Options{}, "", "config.json is a link that leads out of the folder")

	// In a cache of the hub, files are links to the blobs beside the snapshots.
	repo := filepath.Join(t.TempDir(), "models--mistralai--Tiny-7B")
	snapshot := filepath.Join(repo, "snapshots", "0123abcd")
	source := tiny(t)
	for i, name := range left(t, string(source)) {
		writeFile(t, filepath.Join(repo, "blobs", fmt.Sprint(i)), bytesOfFile(t, source.path(name)))
		if err := os.MkdirAll(snapshot, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..", "..", "blobs", fmt.Sprint(i)), filepath.Join(snapshot, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, path, _ := converted(t, snapshot, Options{})
	if _, g := tensorsOf(t, path); must(name(g)) != "Tiny-7B" {
		t.Errorf("the model is called %q", must(name(g)))
	}
}

func name(g *gguf.File) (string, error) {
	s, ok := g.Metadata.String("general.name")
	if !ok {
		return "", errors.New("no name")
	}
	return s, nil
}

// fails wants an error about a tensor (or "") that says something, and no file.
func fails(t *testing.T, dir string, o Options, tensor, says string) *fault.Error {
	t.Helper()
	out := t.TempDir()
	if o.Output == "" {
		o.Output = filepath.Join(out, "model.gguf")
	}
	_, err := Convert(t.Context(), dir, o)
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		t.Errorf("got %v, want an Error that says %q", err, says)
		return &fault.Error{}
	case tensor != "" && !strings.Contains(e.Error(), fmt.Sprintf("tensor %q ", tensor)) || !strings.Contains(e.Error(), says):
		t.Errorf("got %q, want %q about %q", e, says, tensor)
	case strings.ContainsAny(e.Error(), "\n"):
		t.Errorf("more than a sentence: %q", e)
	}
	if names := left(t, out); len(names) > 0 {
		t.Errorf("%q was left", names)
	}
	return e
}

func TestRefuses(t *testing.T) {
	const q = "model.layers.1.self_attn.q_proj.weight"
	tests := []struct {
		name   string
		damage func(t *testing.T, d dir, config object, w tensors)
		tensor string
		says   string
	}{
		{"missing tensor", func(t *testing.T, d dir, c object, w tensors) { delete(w, q) }, q, "is missing"},
		{"no output, and not tied", func(t *testing.T, d dir, c object, w tensors) { delete(w, "lm_head.weight") }, "lm_head.weight", "is missing"},
		{"one tensor more", func(t *testing.T, d dir, c object, w tensors) {
			w["model.layers.0.self_attn.q_proj.bias"] = random("b", 64)
		}, "model.layers.0.self_attn.q_proj.bias", "is unknown"},
		{"other shape", func(t *testing.T, d dir, c object, w tensors) { c["intermediate_size"] = 96 }, "model.layers.0.mlp.gate_proj.weight", "has shape [64 32], and config.json requires [96 32]"},
		{"other head", func(t *testing.T, d dir, c object, w tensors) { c["head_dim"] = nil }, "model.layers.0.self_attn.q_proj.weight", "requires [32 32]"},
		{"more layers", func(t *testing.T, d dir, c object, w tensors) { c["num_hidden_layers"] = 3 }, "model.layers.2.input_layernorm.weight", "is missing"},
		{"fewer layers", func(t *testing.T, d dir, c object, w tensors) { c["num_hidden_layers"] = 1 }, "model.layers.1.input_layernorm.weight", "and so are 8 others"},
		{"wrong type", func(t *testing.T, d dir, c object, w tensors) {
			w[q] = tensor{safetensors.I16, w[q].shape, w[q].data}
		}, q, "has type I16"},
		{"not a number", func(t *testing.T, d dir, c object, w tensors) { le.PutUint16(w[q].data[2*77:], 0x7fc0) }, q, "NaN as number 77"},
		{"infinite", func(t *testing.T, d dir, c object, w tensors) { le.PutUint16(w[q].data[2*9:], 0xff80) }, q, "-Inf as number 9"},
		{"vocabulary and weights", func(t *testing.T, d dir, c object, w tensors) { c["vocab_size"] = 281 }, "model.embed_tokens.weight", "requires [281 32]"},
		{"vocabulary and tokenizer", func(t *testing.T, d dir, c object, w tensors) {
			c["vocab_size"] = 281
			w["model.embed_tokens.weight"], w["lm_head.weight"] = random("e", 281, width), random("o", 281, width)
		}, "", "tekken.json has 280 tokens, and config.json says vocab_size 281"},
		{"no architecture", func(t *testing.T, d dir, c object, w tensors) { delete(c, "architectures") }, "", "has no architecture"},
		{"another architecture", func(t *testing.T, d dir, c object, w tensors) { c["architectures"] = []string{"GPT2LMHeadModel"} }, "", "unsupported architecture GPT2LMHeadModel"},
		{"half a layer", func(t *testing.T, d dir, c object, w tensors) { c["num_hidden_layers"] = 1.5 }, "", "invalid num_hidden_layers: 1.5"},
		{"a million layers", func(t *testing.T, d dir, c object, w tensors) { c["num_hidden_layers"] = 1e6 }, "", "1000000 layers"},
		{"negative width", func(t *testing.T, d dir, c object, w tensors) { c["hidden_size"] = -32 }, "", "invalid hidden_size: -32"},
		{"heads that do not divide", func(t *testing.T, d dir, c object, w tensors) { c["num_key_value_heads"] = 3 }, "", "do not divide"},
		{"unknown rope", func(t *testing.T, d dir, c object, w tensors) { c["rope_scaling"] = object{"rope_type": "llama3"} }, "", `"llama3", which cannot be converted`},
		{"text in a number", func(t *testing.T, d dir, c object, w tensors) { c["hidden_size"] = "wide" }, "", "config.json cannot be read"},
		{"other activation", func(t *testing.T, d dir, c object, w tensors) { c["hidden_act"] = "relu" }, "", `activation "relu"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, config, w := newDir(t), hfDoc(), hfTensors()
			tt.damage(t, d, config, w)
			d.hf(t, config, w)
			fails(t, string(d), Options{}, tt.tensor, tt.says)
		})
	}
}

func TestRefusesFiles(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, d dir)
		tensor string
		says   string
	}{
		{"no weights", func(t *testing.T, d dir) { os.Remove(d.path("model.safetensors")) }, "", "has no weights"},
		{"no tokenizer", func(t *testing.T, d dir) { os.Remove(d.path("tekken.json")) }, "", "has no tokenizer"},
		{"no JSON", func(t *testing.T, d dir) { writeFile(t, d.path("config.json"), []byte("{")) }, "", "config.json cannot be read"},
		{"cut off", func(t *testing.T, d dir) {
			data := bytesOfFile(t, d.path("model.safetensors"))
			writeFile(t, d.path("model.safetensors"), data[:len(data)-1])
		}, "model.norm.weight", "in model.safetensors, tensor"},
		{"a head of 100 MB", func(t *testing.T, d dir) {
			writeFile(t, d.path("model.safetensors"), le.AppendUint64(nil, 100<<20))
		}, "", "model.safetensors is not a valid safetensors file: the header has 104857600 bytes"},
		{"a large configuration", func(t *testing.T, d dir) {
			writeFile(t, d.path("config.json"), make([]byte, maxConfig+1))
		}, "", "config.json has more than"},
		{"no Tekken", func(t *testing.T, d dir) { writeFile(t, d.path("tekken.json"), []byte("{}")) }, "", "tekken.json cannot be used"},
		{"another pattern", func(t *testing.T, d dir) {
			doc := tekkenDoc()
			doc["config"].(object)["pattern"] = "."
			writeJSON(t, d.path("tekken.json"), doc)
		}, "", "tekken.json cannot be used"},
		{"another tokenizer", func(t *testing.T, d dir) {
			os.Remove(d.path("tekken.json"))
			writeFile(t, d.path("tokenizer.json"), []byte(`{"model":{"vocab":{"a":0,"b":1}}}`))
		}, "", "tokenizer.json is not a Tekken vocabulary"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tiny(t)
			tt.damage(t, d)
			fails(t, string(d), Options{}, tt.tensor, tt.says)
		})
	}
	fails(t, filepath.Join(t.TempDir(), "none"), Options{}, "", "is missing")
	fails(t, tiny(t).path("config.json"), Options{}, "", "is not a folder")
}

func TestTooLargeForF16(t *testing.T) {
	d, w := newDir(t), hfTensors()
	const name = "model.layers.0.mlp.up_proj.weight"
	le.PutUint16(w[name].data, toBFloat16(70000))
	d.hf(t, hfDoc(), w)
	if e := fails(t, string(d), Options{Type: F16}, name, "too large for F16"); e.Advice == "" {
		t.Error("there is no advice")
	}
	le.PutUint16(w[name].data, toBFloat16(1e9))
	d.hf(t, hfDoc(), w)
	fails(t, string(d), Options{Type: Q8_0}, name, "too large for Q8_0")
	converted(t, string(d), Options{Type: BF16})
}

func TestOutput(t *testing.T) {
	d := tiny(t)
	fails(t, string(d), Options{Output: d.path("model.safetensors")}, "", "one of the input files")
	fails(t, string(d), Options{Output: string(d)}, "", "is a folder")
	fails(t, string(d), Options{Output: d.path("no/model.gguf")}, "", "there is no folder")
	if _, err := Convert(t.Context(), string(d), Options{Output: d.path("m.gguf"), Type: "q2_k"}); err == nil {
		t.Error("a type that is not offered was taken")
	}
	// A file that is there is replaced.
	path := filepath.Join(t.TempDir(), "m.gguf")
	writeFile(t, path, []byte("old"))
	converted(t, string(d), Options{Output: path})
	if len(bytesOfFile(t, path)) < 1000 || len(left(t, filepath.Dir(path))) != 1 {
		t.Error("the old file is there")
	}
}

func TestProgress(t *testing.T) {
	config, weights := seeing()
	d := newDir(t)
	d.hf(t, config, weights)
	var last, sum int64
	r, _, _ := converted(t, string(d), Options{Progress: func(done, total int64) {
		if done < last {
			t.Errorf("%d bytes after %d", done, last)
		}
		last, sum = done, total
	}})
	if last != r.Bytes || sum != r.Bytes {
		t.Errorf("the progress ends at %d of %d, and %d were written", last, sum, r.Bytes)
	}
}

func TestCancel(t *testing.T) {
	d, out := tiny(t), t.TempDir()
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Convert(ctx, string(d), Options{Output: filepath.Join(out, "m.gguf"), Progress: func(done, total int64) { cancel(stop) }})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if names := left(t, out); len(names) > 0 {
		t.Errorf("%q was left", names)
	}
}

func TestNoRoom(t *testing.T) {
	d := tiny(t)
	before := free
	defer func() { free = before }()
	free = func(string) (int64, bool) { return 1000, true }
	fails(t, string(d), Options{}, "", "needs 1 MB and 0 MB are free")
}

func TestFrontMatter(t *testing.T) {
	got := frontMatter("---\r\nlicense: \"apache-2.0\"\r\nlist:\r\n- a: b\r\n# note: x\r\nother: |\r\n  text\r\n---\r\nlicense: mit\n")
	if fmt.Sprint(got) != "map[license:apache-2.0]" {
		t.Errorf("got %v", got)
	}
	for _, text := range []string{"", "license: mit", "---\nlicense: mit\n"} {
		if got := frontMatter(text); len(got) > 0 {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

// BenchmarkConvert converts a model of 64 MB that the system has in memory; beside
// it, how fast the same bytes are copied.
func BenchmarkConvert(b *testing.B) {
	config, weights := hfDoc(), tensors{}
	config["hidden_size"], config["intermediate_size"], config["head_dim"], config["num_attention_heads"] = 1024, 4096, 128, 8
	for name, x := range hfTensors() {
		shape := slices.Clone(x.shape)
		for i := range shape {
			switch shape[i] {
			case width:
				shape[i] = 1024
				if strings.HasSuffix(name, "k_proj.weight") && i == 0 || strings.HasSuffix(name, "v_proj.weight") && i == 0 {
					shape[i] = 128
				}
			case hidden:
				shape[i] = 4096
				if strings.Contains(name, "self_attn") {
					shape[i] = 1024
				}
			}
		}
		weights[name] = tensor{safetensors.BF16, shape, make([]byte, 2*tensor{shape: shape}.elements())}
	}
	d := newDir(b)
	d.hf(b, config, weights)
	info, err := os.Stat(d.path("model.safetensors"))
	if err != nil {
		b.Fatal(err)
	}
	out := b.TempDir()
	for _, kind := range []Type{BF16, F16, Q8_0} {
		b.Run(string(kind), func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Convert(b.Context(), string(d), Options{Output: filepath.Join(out, "m.gguf"), Type: kind}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(info.Size())
		for b.Loop() {
			if err := copyFile(d.path("model.safetensors"), filepath.Join(out, "copy")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// copyFile copies as a careful program does: what it has made is on the disk.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.ReadFrom(in); err != nil {
		return err
	}
	return out.Sync()
}

// seedConfig is a configuration to begin fuzzing with.
func seedConfig(f *testing.F, v any) []byte {
	f.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// sane checks what every configuration that is taken must be.
func sane(t *testing.T, m *model, err error) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Fatalf("got %v, want an Error", err)
		}
		return
	}
	if m.layers < 1 || m.layers > maxLayers || m.width < 1 || m.vocab < 1 || !m.mamba && (m.headWidth < 2 || m.heads%m.kvHeads != 0) {
		t.Fatalf("%+v was taken", m)
	}
	if length, _ := m.contextLength(true, ""); length < 1 {
		t.Fatalf("a context of %d tokens", length)
	}
}

func FuzzConfig(f *testing.F) {
	vision, _ := seeing()
	experts, _ := moe()
	for _, v := range []any{hfDoc(), vision, experts, object{"architectures": []string{"Mamba2ForCausalLM"}, "time_step_limit": []any{0, nil}}} {
		f.Add(seedConfig(f, v))
	}
	f.Add([]byte(`{"architectures":["Ministral3ForCausalLM"],"x":[Infinity,-Infinity,NaN,"NaN"],"rope_parameters":{"type":"yarn","factor":16,"original_max_position_embeddings":16}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		m, err := parseHF("config.json", data)
		sane(t, m, err)
	})
}

func FuzzParams(f *testing.F) {
	f.Add(seedConfig(f, nativeDoc()))
	f.Add([]byte(`{"dim":64,"n_layers":2,"vocab_size":2048,"model_type":"mamba","pad_vocab_size_multiple":16}`))
	f.Add([]byte(`{"dim":64,"n_layers":2,"n_heads":4,"hidden_dim":8,"vocab_size":9,"sliding_window":[4,null],"yarn":{"factor":1e9,"original_max_position_embeddings":1e9},"vision_encoder":{"hidden_size":64}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		m, err := parseNative("params.json", data)
		sane(t, m, err)
	})
}

func FuzzTokenizerJSON(f *testing.F) {
	f.Add([]byte(`{"added_tokens":[{"id":0,"content":"<s>","special":true}],"model":{"vocab":{"a":1,"b":2}}}`))
	vocab := object{}
	for i, b := range singleBytes() {
		vocab[tokenizer.PieceText([]byte(b))] = i
	}
	f.Add(seedConfig(f, object{"model": object{"vocab": vocab}, "added_tokens": []object{{"id": 256, "content": "<x>"}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		v, err := parseTokenizerJSON("tokenizer.json", data)
		if err == nil && (len(v.tokens) != len(v.types) || len(v.tokens) < 256) {
			t.Fatalf("%d tokens and %d types", len(v.tokens), len(v.types))
		}
	})
}

func FuzzFrontMatter(f *testing.F) {
	f.Add("---\nlicense: mit\nlicense_name: \"x\"\n---\n")
	f.Add("---\n\r:0\n---")
	f.Fuzz(func(t *testing.T, text string) {
		for key, value := range frontMatter(text) {
			if key == "" || value == "" {
				t.Fatalf("%q is %q", key, value)
			}
		}
	})
}
