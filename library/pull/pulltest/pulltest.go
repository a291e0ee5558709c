// Package pulltest has a fake hub with a few small models, for tests.
package pulltest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/safetensors"
)

// Catalog is a catalog.toml of the models.
const Catalog = `
[[model]]
name = "tiny"
title = "Tiny 1"
aliases = ["tiny-1"]
licence = "apache-2.0"
repo = "acme/tiny"
gguf = ["acme/nowhere-GGUF", "acme/tiny-GGUF"]
can = ["chat", "tools"]
files = [ { repo = "acme/tiny-GGUF", path = "Tiny-Q4_K_M.gguf", type = "Q4_K_M" } ]

[[model]]
name = "guarded"
title = "Guarded 1"
licence = "mnpl"
repo = "acme/guarded"
gguf = ["acme/guarded-GGUF"]
can = ["chat", "fim"]

[[model]]
name = "seeing"
title = "Seeing 1"
licence = "mit"
repo = "acme/seeing"
gguf = ["acme/seeing-GGUF"]
can = ["chat", "vision"]

[[model]]
name = "huge"
title = "Huge 1"
licence = "mit"
repo = "acme/huge"
gguf = ["acme/tiny-GGUF"]
can = ["chat"]
shape = "large-123b"

[[model]]
name = "foreign"
title = "Foreign 1"
repo = "acme/foreign"
licence = "mit"
obstacle = "its architecture is newer than this engine"
`

// Terms is the licence text of the gated repositories.
const Terms = "The licence of tests.\nNo production.\n"

// made caches the models, which are slow to make.
var made sync.Map // []byte by uint64

// Model returns a small model file that differs by seed.
func Model(t testing.TB, seed uint64) []byte {
	t.Helper()
	if data, ok := made.Load(seed); ok {
		return data.([]byte)
	}
	var b bytes.Buffer
	if err := tinymodel.Encode(&b, tinymodel.Options{Width: 256, Layers: 1, Weights: gguf.Q8_0, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	made.Store(seed, b.Bytes())
	return b.Bytes()
}

func projector(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	m := &gguf.Metadata{}
	m.Set("general.architecture", gguf.Of("clip"))
	m.Set("general.type", gguf.Of("mmproj"))
	w, err := gguf.NewWriter(&b, m, []gguf.Tensor{{Name: "v.patch_embd.weight", Type: gguf.F32, Dims: []int64{32}}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := w.Tensor("v.patch_embd.weight")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write(make([]byte, 128)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	width      = 256
	vocabulary = 280
)

// original returns a small model's weights in Mistral's layout.
func original(t testing.TB) []fakehub.File {
	t.Helper()
	const heads, headWidth, ffn = 2, 32, 256
	tensors := []safetensors.Tensor{
		{Name: "tok_embeddings.weight", Shape: []int64{vocabulary, width}},
		{Name: "norm.weight", Shape: []int64{width}},
		{Name: "output.weight", Shape: []int64{vocabulary, width}},
		{Name: "layers.0.attention_norm.weight", Shape: []int64{width}},
		{Name: "layers.0.attention.wq.weight", Shape: []int64{heads * headWidth, width}},
		{Name: "layers.0.attention.wk.weight", Shape: []int64{headWidth, width}},
		{Name: "layers.0.attention.wv.weight", Shape: []int64{headWidth, width}},
		{Name: "layers.0.attention.wo.weight", Shape: []int64{width, heads * headWidth}},
		{Name: "layers.0.ffn_norm.weight", Shape: []int64{width}},
		{Name: "layers.0.feed_forward.w1.weight", Shape: []int64{ffn, width}},
		{Name: "layers.0.feed_forward.w2.weight", Shape: []int64{width, ffn}},
		{Name: "layers.0.feed_forward.w3.weight", Shape: []int64{ffn, width}},
	}
	for i := range tensors {
		tensors[i].Type = safetensors.BF16
	}
	var b bytes.Buffer
	w, err := safetensors.NewWriter(&b, nil, tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors {
		if _, err := w.Write(make([]byte, x.Elements()*2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []fakehub.File{
		fakehub.Bytes("consolidated.safetensors", b.Bytes()),
		fakehub.Text("params.json", fmt.Sprintf(`{"dim":%d,"n_layers":1,"head_dim":%d,"hidden_dim":%d,"n_heads":%d,"n_kv_heads":1,"norm_eps":1e-5,"vocab_size":%d,"rope_theta":1e6,"max_position_embeddings":4096}`, width, headWidth, ffn, heads, vocabulary)),
		fakehub.Text("tekken.json", tekken(t)),
		fakehub.Text("README.md", "# Tiny\n"),
	}
}

// pattern is Tekken's pre-tokenizer.
const pattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

func tekken(t testing.TB) string {
	type token struct {
		Rank  int    `json:"rank"`
		Bytes string `json:"token_bytes"`
	}
	var vocab []token
	for i := range vocabulary - 20 {
		text := []byte{byte(i)}
		if i > 255 {
			text = []byte{'a', byte('a' + i - 256)}
		}
		vocab = append(vocab, token{i, base64.StdEncoding.EncodeToString(text)})
	}
	data, err := json.Marshal(map[string]any{
		"config": map[string]any{"pattern": pattern, "default_vocab_size": vocabulary, "default_num_special_tokens": 20, "version": "v7"},
		"vocab":  vocab,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// New starts a hub with the models and more. It ends with the test.
func New(t testing.TB, more ...fakehub.Option) *fakehub.Hub {
	t.Helper()
	card := map[string]any{"license": "apache-2.0"}
	return fakehub.New(t, append([]fakehub.Option{
		fakehub.Repo("acme/tiny", original(t)...).Card(card),
		fakehub.Repo("acme/tiny-GGUF", fakehub.Bytes("Tiny-Q4_K_M.gguf", Model(t, 1)), fakehub.Bytes("Tiny-Q8_0.gguf", Model(t, 2))).Card(card),
		fakehub.Repo("acme/guarded-GGUF", fakehub.Bytes("Guarded-Q4_K_M.gguf", Model(t, 3)), fakehub.Bytes("Guarded-Q8_0.gguf", Model(t, 4)), fakehub.Text("LICENSE", Terms)),
		fakehub.Repo("acme/guarded", append(original(t), fakehub.Text("LICENSE", Terms))...),
		fakehub.Repo("acme/seeing-GGUF", fakehub.Bytes("Seeing-Q4_K_M.gguf", Model(t, 5)), fakehub.Bytes("mmproj-Seeing-F16.gguf", projector(t))),
		fakehub.Repo("other/renamed-GGUF", fakehub.Bytes("Something-Q4_K_M.gguf", Model(t, 6))).Card(map[string]any{"license": "apache-2.0", "base_model": "acme/guarded"}),
		fakehub.Repo("acme/closed-GGUF", fakehub.Bytes("Closed-Q4_K_M.gguf", Model(t, 8))).Card(card).Gated("manual"),
		fakehub.Repo("other/tiny-GGUF", fakehub.Bytes("Tiny-Q4_K_M.gguf", Model(t, 9))).Card(card),
		fakehub.Repo("other/unsaid-GGUF", fakehub.Bytes("Unsaid-Q4_K_M.gguf", Model(t, 7))),
	}, more...)...)
}
