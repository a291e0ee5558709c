package convert

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bise-sh/bise/safetensors"
)

// object is JSON.
type object = map[string]any

// A tensor is one that a test makes.
type tensor struct {
	kind  safetensors.Type
	shape []int64
	data  []byte
}

type tensors map[string]tensor

// random makes numbers that bfloat16 has, the same for the same name.
func random(name string, shape ...int64) tensor {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(1, h.Sum64()))
	t := tensor{kind: safetensors.BF16, shape: shape}
	for range t.elements() {
		t.data = le.AppendUint16(t.data, toBFloat16(float32(r.NormFloat64())))
	}
	return t
}

func (t tensor) elements() int64 {
	return safetensors.Tensor{Shape: t.shape}.Elements()
}

// floats are the numbers of a tensor.
func (t tensor) floats() []float32 {
	v := make([]float32, t.elements())
	decoders[t.kind](v, t.data)
	return v
}

// rowsFrom is a tensor with its rows in another order.
func (t tensor) rowsFrom(from func(row int64) int64) tensor {
	row := int64(len(t.data)) / t.shape[0]
	out := tensor{kind: t.kind, shape: t.shape}
	for i := range t.shape[0] {
		at := from(i) * row
		out.data = append(out.data, t.data[at:at+row]...)
	}
	return out
}

// write writes tensors to a file.
func (t tensors) write(tb testing.TB, path string) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var list []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(t)) {
		list = append(list, safetensors.Tensor{Name: name, Type: t[name].kind, Shape: t[name].shape})
	}
	slices.SortStableFunc(list, func(a, b safetensors.Tensor) int { return int(b.Type.Size() - a.Type.Size()) })
	w, err := safetensors.NewWriter(f, nil, list)
	if err != nil {
		tb.Fatal(err)
	}
	for _, x := range list {
		if _, err := w.Write(t[x.Name].data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
}

func writeJSON(tb testing.TB, path string, v any) {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, path, data)
}

func writeFile(tb testing.TB, path string, data []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// pattern is the splitting pattern of Tekken.
const pattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// vocabSize is how many tokens the tokenizers of tests have.
const vocabSize = 280

// tekkenDoc is a tekken.json of version v7: 20 special tokens, the bytes, and four
// texts that they merge to.
func tekkenDoc() object {
	var vocab []object
	for _, text := range append(singleBytes(), "th", "he", "the", "in") {
		vocab = append(vocab, object{"rank": len(vocab), "token_bytes": base64.StdEncoding.EncodeToString([]byte(text))})
	}
	return object{
		"config": object{"pattern": pattern, "default_vocab_size": vocabSize, "default_num_special_tokens": 20, "version": "v7"},
		"vocab":  vocab,
	}
}

func singleBytes() (list []string) {
	for b := range 256 {
		list = append(list, string([]byte{byte(b)}))
	}
	return list
}

// pieceFile is a tokenizer.model with as many pieces.
func pieceFile(pieces int) []byte {
	var file []byte
	add := func(text string, score float32, kind uint64) {
		var p []byte
		p = protowire.AppendTag(p, 1, protowire.BytesType)
		p = protowire.AppendString(p, text)
		p = protowire.AppendTag(p, 2, protowire.Fixed32Type)
		p = protowire.AppendFixed32(p, math.Float32bits(score))
		p = protowire.AppendTag(p, 3, protowire.VarintType)
		p = protowire.AppendVarint(p, kind)
		file = protowire.AppendTag(file, 1, protowire.BytesType)
		file = protowire.AppendBytes(file, p)
	}
	add("<unk>", 0, unknown)
	add("<s>", 0, control)
	add("</s>", 0, control)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 0, byteToken)
	}
	for i := 259; i < pieces; i++ {
		add(string(rune('a'+i-259)), float32(259-i), normal)
	}
	message := func(number protowire.Number, fields ...uint64) {
		var m []byte
		for i := 0; i < len(fields); i += 2 {
			m = protowire.AppendTag(m, protowire.Number(fields[i]), protowire.VarintType)
			m = protowire.AppendVarint(m, fields[i+1])
		}
		file = protowire.AppendTag(file, number, protowire.BytesType)
		file = protowire.AppendBytes(file, m)
	}
	message(2, 3, 2, 35, 1) // byte pairs, with byte fallback
	message(3, 4, 0)        // spaces stay
	return file
}

// The tiny model of these tests: two heads of queries and one of keys, wider than
// the model divided by them.
const (
	width, hidden, heads, kvHeads, headWidth, layersN = 32, 64, 2, 1, 32, 2
)

func hfDoc() object {
	return object{
		"architectures": []string{"MistralForCausalLM"}, "model_type": "mistral", "vocab_size": vocabSize, "hidden_size": width, "intermediate_size": hidden,
		"num_hidden_layers": layersN, "num_attention_heads": heads, "num_key_value_heads": kvHeads, "head_dim": headWidth, "rms_norm_eps": 1e-5,
		"rope_theta": 1e6, "max_position_embeddings": 131072, "sliding_window": nil, "tie_word_embeddings": false,
	}
}

func nativeDoc() object {
	return object{
		"dim": width, "n_layers": layersN, "head_dim": headWidth, "hidden_dim": hidden, "n_heads": heads, "n_kv_heads": kvHeads,
		"norm_eps": 1e-5, "vocab_size": vocabSize, "rope_theta": 1e6, "max_position_embeddings": 131072,
	}
}

// hfTensors are the weights of the tiny model as transformers has them.
func hfTensors() tensors {
	t := tensors{}
	add := func(name string, shape ...int64) { t[name] = random(name, shape...) }
	add("model.embed_tokens.weight", vocabSize, width)
	add("model.norm.weight", width)
	add("lm_head.weight", vocabSize, width)
	for i := range layersN {
		p := fmt.Sprintf("model.layers.%d.", i)
		add(p+"input_layernorm.weight", width)
		add(p+"self_attn.q_proj.weight", heads*headWidth, width)
		add(p+"self_attn.k_proj.weight", kvHeads*headWidth, width)
		add(p+"self_attn.v_proj.weight", kvHeads*headWidth, width)
		add(p+"self_attn.o_proj.weight", width, heads*headWidth)
		add(p+"post_attention_layernorm.weight", width)
		add(p+"mlp.gate_proj.weight", hidden, width)
		add(p+"mlp.down_proj.weight", width, hidden)
		add(p+"mlp.up_proj.weight", hidden, width)
	}
	return t
}

// paired puts the rows that transformers has half a head apart beside each other.
func paired(t tensor, width int64) tensor {
	half := width / 2
	return t.rowsFrom(func(row int64) int64 {
		head, i := row/width, row%width
		return head*width + i%2*half + i/2
	})
}

// native gives transformers' weights Mistral's own names and order of rows.
func native(t tensors) tensors {
	out := tensors{
		"tok_embeddings.weight": t["model.embed_tokens.weight"], "norm.weight": t["model.norm.weight"], "output.weight": t["lm_head.weight"],
	}
	for i := range layersN {
		from, to := fmt.Sprintf("model.layers.%d.", i), fmt.Sprintf("layers.%d.", i)
		for hf, own := range map[string]string{
			"input_layernorm": "attention_norm", "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk", "self_attn.v_proj": "attention.wv",
			"self_attn.o_proj": "attention.wo", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
			"mlp.up_proj": "feed_forward.w3", "block_sparse_moe.gate": "feed_forward.gate",
		} {
			x, ok := t[from+hf+".weight"]
			if !ok {
				continue
			}
			if own == "attention.wq" || own == "attention.wk" {
				x = paired(x, headWidth)
			}
			out[to+own+".weight"] = x
		}
	}
	return out
}

// A dir is a folder that a test makes.
type dir string

func newDir(tb testing.TB) dir { return dir(tb.TempDir()) }

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

// tiny is the tiny model in transformers' layout.
func tiny(tb testing.TB) dir {
	d := newDir(tb)
	d.hf(tb, hfDoc(), hfTensors())
	return d
}

func (d dir) hf(tb testing.TB, config object, t tensors) {
	writeJSON(tb, d.path("config.json"), config)
	t.write(tb, d.path("model.safetensors"))
	writeJSON(tb, d.path("tekken.json"), tekkenDoc())
}

func (d dir) native(tb testing.TB, config object, t tensors) {
	writeJSON(tb, d.path("params.json"), config)
	t.write(tb, d.path("consolidated.safetensors"))
	writeJSON(tb, d.path("tekken.json"), tekkenDoc())
}

// bytesOfFile is what a file has.
func bytesOfFile(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// left are the names in a folder.
func left(tb testing.TB, dir string) (names []string) {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
