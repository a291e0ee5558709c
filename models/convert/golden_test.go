//go:build cgo

package convert_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/models/rehead"
)

const fixtures = "../../../shared/fixtures"

// What transformers answers with the same weights in float32, and how far an
// answer may be from it: see the README of the fixtures.
const (
	textError    = 5e-5
	pictureError = 1e-2
)

// golden reads an answer.
func golden(t *testing.T, model, name string) map[string][]float64 {
	t.Helper()
	return enginetest.Golden(t, filepath.Join(fixtures, "models", model, name))
}

func ids(v []float64) []int32 {
	out := make([]int32, len(v))
	for i, x := range v {
		out[i] = int32(x)
	}
	return out
}

// convertedF32 converts a folder to F32.
func convertedF32(t *testing.T, dir string) (model, projector string) {
	t.Helper()
	r, err := convert.Convert(t.Context(), filepath.Join(fixtures, "models", dir), convert.Options{
		Output: filepath.Join(t.TempDir(), "model.gguf"), Type: convert.F32,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Files[0], slices.Concat(r.Files, []string{""})[1]
}

// adapted converts a folder, makes of the result what llama.cpp's own converter makes of the
// folder, a file of the architecture mistral4 with merged experts and without the attention
// temperature, and adapts that to the built-in engine.
func adapted(t *testing.T, dir string) (model, projector string) {
	t.Helper()
	path, projector := convertedF32(t, dir)
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var meta gguf.Metadata
	for key, v := range file.Metadata.All() {
		if !strings.Contains(key, ".attention.temperature_") {
			meta.Set(strings.Replace(key, "deepseek2.", "mistral4.", 1), v)
		}
	}
	meta.Set("general.architecture", gguf.Of("mistral4"))
	bytesOf := map[string][]byte{}
	var tensors []gguf.Tensor
	for _, x := range file.Tensors {
		bytesOf[x.Name] = data[x.Offset : x.Offset+x.Size()]
		if strings.Contains(x.Name, "_gate_exps.") {
			x.Name, x.Dims[1] = strings.Replace(x.Name, "_gate_exps.", "_gate_up_exps.", 1), 2*x.Dims[1]
		}
		if !strings.Contains(x.Name, "_up_exps.") || strings.Contains(x.Name, "_gate_up_exps.") {
			tensors = append(tensors, x)
		}
	}
	newer := filepath.Join(t.TempDir(), "newer.gguf")
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &meta, tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors {
		content := bytesOf[x.Name]
		if block, ok := strings.CutSuffix(x.Name, "gate_up_exps.weight"); ok {
			gate, up := bytesOf[block+"gate_exps.weight"], bytesOf[block+"up_exps.weight"]
			one := len(gate) / int(x.Dims[2])
			for at := 0; at < len(gate); at += one {
				content = slices.Concat(content, gate[at:at+one], up[at:at+one])
			}
		}
		to, err := w.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), os.WriteFile(newer, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "adapted.gguf")
	if err := rehead.Write(t.Context(), newer, out, nil); err != nil {
		t.Fatal(err)
	}
	return out, projector
}

// open converts a folder to F32 and opens what comes out, with the adapters given.
func open(t *testing.T, dir string, adapters ...engine.Adapter) *llama.Engine {
	t.Helper()
	return load(t, convertedF32, dir, adapters...)
}

func load(t *testing.T, made func(t *testing.T, dir string) (model, projector string), dir string, adapters ...engine.Adapter) *llama.Engine {
	t.Helper()
	model, projector := made(t, dir)
	no := false
	o := engine.LoadOptions{KVType: "f32", FlashAttn: &no, Threads: 1, Adapters: adapters, Projector: projector}
	e, err := llama.Open(t.Context(), model, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func within(t *testing.T, what string, got []float32, want []float64, most float64) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%s: there are %d numbers, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-want[i]))
	}
	t.Logf("%s: the largest error is %.2g", what, worst)
	if !(worst <= most) {
		t.Errorf("%s: off by %g, and %g is allowed", what, worst, most)
	}
}

// answers compares logits and the greedy continuation.
func answers(t *testing.T, e *llama.Engine, want map[string][]float64) {
	t.Helper()
	tokens := ids(want["input_ids"])
	rows, _, err := e.Logits(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "logits", slices.Concat(rows...), want["logits"], textError)
	greedy, n := 0.0, len(want["greedy"])
	var got []int32
	for ev, err := range e.Complete(t.Context(), engine.CompletionRequest{
		Tokens: tokens, Sampling: engine.Sampling{Temperature: &greedy, MaxTokens: &n, MinTokens: n, Logprobs: true},
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := ev.(engine.TextDelta); ok {
			for _, l := range d.Logprobs {
				got = append(got, l.ID)
			}
		}
	}
	if !slices.Equal(got, ids(want["greedy"])) {
		t.Errorf("the continuation is %v, want %v", got, ids(want["greedy"]))
	}
}

func TestGoldenText(t *testing.T) {
	for _, dir := range []string{
		"mistral-7b-v0.1/hf", "mistral-7b-v0.1/native", "mathstral-7b/native", "nemo-12b/hf", "nemo-12b/native",
		"ministral-8b/native", "mixtral-8x7b/hf", "mixtral-8x7b/native", "codestral-mamba-7b/hf", "codestral-mamba-7b/native",
	} {
		t.Run(dir, func(t *testing.T) {
			want := golden(t, filepath.Dir(dir), "golden.safetensors")
			answers(t, open(t, dir), want)
		})
	}
}

func TestGoldenPictures(t *testing.T) {
	for _, x := range []struct{ dir, golden string }{
		{"pixtral-12b/hf", "golden"},
		{"pixtral-12b/native", "golden"},
		{"small-3.1-24b/hf", "golden"},
		{"small-3.1-24b/native", "golden"},
		{"ministral-3-3b/hf", "golden"},
		{"ministral-3-3b/native", "golden"},
		{"ministral-3-3b/hf-fp8", "golden-fp8"},
	} {
		t.Run(x.dir, func(t *testing.T) {
			want := golden(t, filepath.Dir(x.dir), x.golden+".safetensors")
			e := open(t, x.dir)
			if !e.Info().Can.Vision {
				t.Fatal("the model does not see")
			}
			sees(t, e, "exact_224x112.png", want)
			resized := filepath.Join(fixtures, "models", filepath.Dir(x.dir), "golden-resized.safetensors")
			if _, err := os.Stat(resized); err == nil && x.golden == "golden" {
				sees(t, e, "grad_300x100.jpg", golden(t, filepath.Dir(x.dir), "golden-resized.safetensors"))
			}
		})
	}
}

// TestGoldenLatent has a model whose tokens choose experts. A choice that is nearly even flips
// with the error of the image encoder, and the logits of that token with it. So the text model
// gets the exact embeddings.
func TestGoldenLatent(t *testing.T) {
	for _, x := range []struct {
		dir  string
		made func(t *testing.T, dir string) (model, projector string)
	}{
		{"small-4-119b/hf", convertedF32},
		{"small-4-119b/native", convertedF32},
		{"small-4-119b/hf", adapted},
	} {
		t.Run(x.dir, func(t *testing.T) {
			want := golden(t, filepath.Dir(x.dir), "golden.safetensors")
			e := load(t, x.made, x.dir)
			file, err := os.ReadFile(filepath.Join(fixtures, "cases", "exact_224x112.png"))
			if err != nil {
				t.Fatal(err)
			}
			url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(file)
			_, vectors, err := e.Logits(t.Context(), ids(want["input_ids"]), url)
			if err != nil {
				t.Fatal(err)
			}
			within(t, "the image", slices.Concat(vectors...), want["image_embeds"], pictureError)
			exact := want["image_embeds"]
			for _, v := range vectors { // they are those in the encoder's cache
				for i := range v {
					v[i] = float32(exact[i])
				}
				exact = exact[len(v):]
			}
			latentAnswers(t, e, want, url)
		})
	}
}

func latentAnswers(t *testing.T, e *llama.Engine, want map[string][]float64, url string) {
	t.Helper()
	tokens := ids(want["input_ids"])
	rows, _, err := e.Logits(t.Context(), tokens, url)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "logits", slices.Concat(rows...), want["logits"], textError)
	for i, next := range ids(want["greedy"]) {
		last := rows[len(rows)-1]
		if got := slices.Index(last, slices.Max(last)); int32(got) != next {
			t.Fatalf("token %d of the continuation is %d, want %d", i, got, next)
		}
		tokens = append(tokens, next)
		if rows, _, err = e.Logits(t.Context(), tokens, url); err != nil {
			t.Fatal(err)
		}
	}
}

// sees compares what is made of a picture, the logits around it, and the greedy
// continuation.
func sees(t *testing.T, e *llama.Engine, name string, want map[string][]float64) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(fixtures, "cases", name))
	if err != nil {
		t.Fatal(err)
	}
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(file)
	tokens := ids(want["input_ids"])
	rows, vectors, err := e.Logits(t.Context(), tokens, url)
	if err != nil {
		t.Fatal(err)
	}
	within(t, name, slices.Concat(vectors...), want["image_embeds"], pictureError)
	within(t, "logits", slices.Concat(rows...), want["logits"], pictureError)
	for i, next := range ids(want["greedy"]) {
		last := rows[len(rows)-1]
		if got := slices.Index(last, slices.Max(last)); int32(got) != next {
			t.Fatalf("token %d of the continuation is %d, want %d, which is %g behind", i, got, next, last[got]-last[next])
		}
		tokens = append(tokens, next)
		if rows, _, err = e.Logits(t.Context(), tokens, url); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGoldenEmbedding(t *testing.T) {
	want := golden(t, "e5-mistral-7b", "golden.safetensors")
	e := open(t, "e5-mistral-7b/hf")
	got, err := e.EmbedTokens(t.Context(), ids(want["input_ids"]))
	if err != nil {
		t.Fatal(err)
	}
	var dot, a, b float64
	for i, x := range want["embedding"] {
		y := float64(got[i])
		dot, a, b = dot+x*y, a+x*x, b+y*y
	}
	if cosine := dot / math.Sqrt(a*b); !(cosine >= 0.999999) {
		t.Errorf("the cosine is %.9f", cosine)
	}
	// The text that the reference was given ends with the token that is added here.
	tokens, err := e.Embed(t.Context(), engine.EmbedRequest{Input: []string{"query: how strong is the mistral?"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(want["input_ids"]); tokens.Usage.PromptTokens != n {
		t.Errorf("the text has %d tokens, want %d", tokens.Usage.PromptTokens, n)
	}
	within(t, "embedding of the text", tokens.Vectors[0], want["embedding"], 1e-5)
}

func TestGoldenAdapter(t *testing.T) {
	want := golden(t, "lora", "golden.safetensors")
	base := filepath.Join(fixtures, "models", "mistral-7b-v0.1", "hf")
	plain := golden(t, "mistral-7b-v0.1", "golden.safetensors")
	path := filepath.Join(t.TempDir(), "lora.gguf")
	if _, err := convert.Convert(t.Context(), filepath.Join(fixtures, "models", "lora", "adapter"), convert.Options{Output: path, Base: base}); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(want["logits"], plain["logits"]) {
		t.Fatal("the adapter changes nothing, so this proves nothing")
	}
	answers(t, open(t, "mistral-7b-v0.1/hf", engine.Adapter{Path: path, Scale: 1}), want)
}
