//go:build cgo && !windows

package cli

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x448/float16"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/nanomodel"
	"github.com/bise-sh/bise/safetensors"
)

// testEval counts on cases of which it is known which are right.
func (n *nano) testEval(t *testing.T) {
	want := map[string][2]int{} // right, and all
	var lines []string
	add := func(metric string, right bool, line map[string]any) {
		data, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(data))
		count := want[metric]
		count[1]++
		if right {
			count[0]++
		}
		want[metric] = count
	}
	for i, x := range some(t, nanomodel.Ask, 6) {
		right, expected := i%3 > 0, x.Answer
		if !right {
			expected = "1" + x.Answer
		}
		add("exact", right, map[string]any{"prompt": x.Prompt, "expected": expected})
		add("contains", right, map[string]any{"prompt": x.Prompt, "contains": expected})
		add("choice", right, map[string]any{"prompt": x.Prompt, "choices": []string{x.Answer, "1" + x.Answer}, "answer": expected})
	}
	for i, x := range some(t, nanomodel.Solve, 4) {
		right, expected := i < 3, boxed(x)
		if !right {
			expected = "1" + expected
		}
		add("numeric", right, map[string]any{"prompt": x.Prompt, "numeric": expected})
	}
	for i, x := range some(t, nanomodel.Fill, 5) {
		right, expected := i < 4, x.Answer
		if !right {
			expected = "nil"
		}
		add("infill", right, map[string]any{"prompt": x.Prompt, "suffix": x.Suffix, "expected": expected})
	}
	path := n.path("cases.jsonl")
	write(t, path, strings.Join(lines, "\n"))
	for _, votes := range []string{"1", "3"} {
		var report struct {
			Models []struct {
				Scores []struct {
					Metric       string
					Cases, Right int
				}
			}
		}
		n.json(t, &report, "eval", path, "--votes", votes, "--temperature", "0")
		for _, s := range report.Models[0].Scores {
			if s.Metric != "" {
				equal(t, "with --votes "+votes+" the count of "+s.Metric, [2]int{s.Right, s.Cases}, want[s.Metric])
			}
		}
		equal(t, "the number of metrics", len(report.Models[0].Scores), len(want)+1)
	}
}

// testCompare compares the model with a damaged one, which is never right.
func (n *nano) testCompare(t *testing.T) {
	data, err := os.ReadFile(nanomodel.Path(t, nanomodel.Model))
	if err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(nanomodel.Path(t, nanomodel.Model))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range file.Tensors {
		if x.Name == "output_norm.weight" { // the likeliest token becomes the least likely one
			for i := range x.Elements() {
				data[x.Offset+4*i+3] ^= 0x80
			}
		}
	}
	damaged := n.path("damaged.gguf")
	write(t, damaged, string(data))
	var lines []string
	for _, x := range some(t, nanomodel.Ask, 10) {
		lines = append(lines, fmt.Sprintf(`{"prompt":%q,"expected":%q}`, x.Prompt, x.Answer))
	}
	path := n.path("compare.jsonl")
	write(t, path, strings.Join(lines, "\n"))
	var report struct {
		Comparison struct {
			Both    int
			First   int `json:"first_only"`
			Second  int `json:"second_only"`
			Neither int
			P       float64
		}
	}
	n.json(t, &report, "eval", path, "-m", "nano", "-m", damaged, "--max-tokens", "8")
	c := report.Comparison
	if c.First != 10 || c.Second+c.Both+c.Neither != 0 || math.Abs(c.P-1.0/512) > 1e-9 {
		t.Errorf("got %+v, want only the first model right in 10 cases", c)
	}
	text := n.bise(t, "eval", path, "-m", "nano", "-m", damaged, "--max-tokens", "8")
	if !strings.Contains(text, "nano alone is right in 10 cases, damaged alone in 0. That is more than chance explains (McNemar's exact test, p = 0.002).") {
		t.Errorf("got %s", text)
	}
}

// answers checks what another file of the same model answers.
func (n *nano) answers(t *testing.T, path string, images bool) {
	t.Helper()
	for _, x := range some(t, nanomodel.Ask, 2) {
		equal(t, filepath.Base(path)+", "+x.Prompt, n.bise(t, "ask", "-m", path, "--no-history", "--temperature", "0", x.Prompt), x.Answer+"\n")
	}
	if x := some(t, nanomodel.See, 1)[0]; images {
		equal(t, filepath.Base(path)+", "+x.Image, n.bise(t, "see", "-m", path, "--no-history", "--temperature", "0", nanomodel.Path(t, x.Image), x.Prompt), x.Answer+"\n")
	}
}

func (n *nano) testQuantize(t *testing.T) {
	for _, kind := range []string{"Q5_1", "Q4_1"} {
		path := n.path(kind + ".gguf")
		n.bise(t, "quantize", nanomodel.Path(t, nanomodel.Model), path, "--type", kind, "--allow-requantize")
		n.answers(t, path, false)
	}
}

// testConvert writes the weights in both published layouts and converts them.
func (n *nano) testConvert(t *testing.T) {
	text, vision := readWeights(t, nanomodel.Model), readWeights(t, nanomodel.Projector)
	for _, l := range []layout{huggingFace, mistrals} {
		dir := n.path(l.config)
		l.write(t, dir, text, vision)
		path := n.path(l.config + ".gguf")
		n.bise(t, "convert", dir, "-o", path, "--type", "q8_0")
		n.answers(t, path, true)
	}
}

// matrices are the weights of a GGUF file as float32, by name.
type matrices map[string]tensor

type tensor struct {
	rows    int // 1 of a vector
	shape   []int64
	numbers []float32
}

func readWeights(t *testing.T, name string) matrices {
	t.Helper()
	path := nanomodel.Path(t, name)
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := matrices{}
	for _, x := range file.Tensors {
		one := tensor{rows: 1}
		for _, dim := range x.Dims { // the fastest one is first
			one.shape = append([]int64{dim}, one.shape...)
		}
		if len(one.shape) > 1 {
			one.rows = int(one.shape[0])
		}
		one.numbers = dequantize(t, x, data[x.Offset:])
		all[x.Name] = one
	}
	return all
}

func dequantize(t *testing.T, x gguf.Tensor, data []byte) []float32 {
	t.Helper()
	list := make([]float32, x.Elements())
	half := func(at int) float32 { return float16.Frombits(binary.LittleEndian.Uint16(data[at:])).Float32() }
	for i := range list {
		switch x.Type {
		case gguf.F32:
			list[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		case gguf.F16:
			list[i] = half(2 * i)
		case gguf.Q8_0:
			block := i / 32 * 34 // a scale and 32 numbers
			list[i] = half(block) * float32(int8(data[block+2+i%32]))
		default:
			t.Fatalf("%s has the type %s", x.Name, x.Type)
		}
	}
	return list
}

// apart undoes what conversion does to queries and keys for Hugging Face's layout: rows that
// are rotated together are half a head apart there, and neighbours in a GGUF file.
func (x tensor) apart(heads int) tensor {
	width, columns := x.rows/heads, len(x.numbers)/x.rows
	out := tensor{x.rows, x.shape, make([]float32, 0, len(x.numbers))}
	for row := range x.rows {
		head, i := row/width, row%width
		from := head*width + i%(width/2)*2 + i/(width/2)
		out.numbers = append(out.numbers, x.numbers[from*columns:(from+1)*columns]...)
	}
	return out
}

// A layout is one in which weights are published: the names of its files and tensors.
type layout struct {
	config, weights string
	apart           bool // see tensor.apart
	text, vision    *strings.Replacer
	settings        string
}

var huggingFace = layout{
	config: "config.json", weights: "model.safetensors", apart: true,
	text: strings.NewReplacer(
		"token_embd", "language_model.model.embed_tokens", "output_norm", "language_model.model.norm", "blk.", "language_model.model.layers.",
		"attn_norm", "input_layernorm", "ffn_norm", "post_attention_layernorm", "attn_output", "self_attn.o_proj",
		"attn_q", "self_attn.q_proj", "attn_k", "self_attn.k_proj", "attn_v", "self_attn.v_proj",
		"ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj", "output", "language_model.lm_head",
	),
	vision: strings.NewReplacer(
		"v.patch_embd", "vision_tower.patch_conv", "v.pre_ln", "vision_tower.ln_pre", "v.blk.", "vision_tower.transformer.layers.",
		"ln1", "attention_norm", "ln2", "ffn_norm", "attn_out", "attention.o_proj",
		"attn_q", "attention.q_proj", "attn_k", "attention.k_proj", "attn_v", "attention.v_proj",
		"ffn_gate", "feed_forward.gate_proj", "ffn_up", "feed_forward.up_proj", "ffn_down", "feed_forward.down_proj",
		"mm.1", "multi_modal_projector.linear_1", "mm.2", "multi_modal_projector.linear_2",
	),
	settings: `{"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 10, "projector_hidden_act": "gelu",
		"vision_feature_layer": -1, "vision_feature_select_strategy": "full", "multimodal_projector_bias": true,
		"text_config": {"model_type": "mistral", "vocab_size": 1024, "hidden_size": 160, "intermediate_size": 448, "num_hidden_layers": 4,
			"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
			"max_position_embeddings": 4096, "sliding_window": null, "tie_word_embeddings": false, "hidden_act": "silu"},
		"vision_config": {"model_type": "pixtral", "hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4,
			"num_channels": 3, "image_size": 1024, "patch_size": 16, "rope_theta": 10000.0}}`,
}

var mistrals = layout{
	config: "params.json", weights: "consolidated.safetensors",
	text: strings.NewReplacer(
		"token_embd", "tok_embeddings", "output_norm", "norm", "blk.", "layers.", "attn_norm", "attention_norm",
		"attn_output", "attention.wo", "attn_q", "attention.wq", "attn_k", "attention.wk", "attn_v", "attention.wv",
		"ffn_gate", "feed_forward.w1", "ffn_up", "feed_forward.w3", "ffn_down", "feed_forward.w2",
	),
	vision: strings.NewReplacer(
		"v.patch_embd", "vision_encoder.patch_conv", "v.pre_ln", "vision_encoder.ln_pre", "v.blk.", "vision_encoder.transformer.layers.",
		"ln1", "attention_norm", "ln2", "ffn_norm", "attn_out", "attention.wo", "attn_q", "attention.wq", "attn_k", "attention.wk", "attn_v", "attention.wv",
		"ffn_gate", "feed_forward.w1", "ffn_up", "feed_forward.w3", "ffn_down", "feed_forward.w2",
		"mm.1", "vision_language_adapter.w_in", "mm.2", "vision_language_adapter.w_out",
	),
	settings: `{"dim": 160, "n_layers": 4, "head_dim": 32, "hidden_dim": 448, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-5, "vocab_size": 1024,
		"rope_theta": 10000.0, "max_seq_len": 4096,
		"vision_encoder": {"hidden_size": 96, "num_channels": 3, "max_image_size": 1024, "image_size": 1024, "patch_size": 16, "rope_theta": 10000.0,
			"intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4, "adapter_bias": true,
			"image_token_id": 10, "image_break_token_id": 12, "image_end_token_id": 13}}`,
}

// write writes a folder with weights, their configuration and the tokenizer.
func (l layout) write(t *testing.T, dir string, text, vision matrices) {
	t.Helper()
	tokenizer, err := os.ReadFile(nanomodel.Path(t, nanomodel.Tokenizer))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tekken.json"), string(tokenizer))
	write(t, filepath.Join(dir, l.config), l.settings)
	var list []safetensors.Tensor
	var numbers []float32
	add := func(part matrices, names *strings.Replacer, keyHeads int) {
		for name, x := range part {
			switch {
			case strings.HasSuffix(name, "img_break"):
				continue // a row of the embeddings
			case l.apart && strings.Contains(name, "attn_q"):
				x = x.apart(4)
			case l.apart && strings.Contains(name, "attn_k"):
				x = x.apart(keyHeads)
			}
			list = append(list, safetensors.Tensor{Name: names.Replace(name), Type: safetensors.F32, Shape: x.shape})
			numbers = append(numbers, x.numbers...)
		}
	}
	add(text, l.text, 2)
	add(vision, l.vision, 4)
	f, err := os.Create(filepath.Join(dir, l.weights))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := safetensors.NewWriter(f, nil, list)
	if err == nil {
		err = binary.Write(w, binary.LittleEndian, numbers)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
