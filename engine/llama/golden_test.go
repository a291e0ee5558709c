//go:build cgo

package llama

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

const fixtures = "../../../shared/fixtures"

// golden reads the answers of the reference for a fixture.
func golden(t *testing.T, model, name string) map[string][]float64 {
	t.Helper()
	return enginetest.Golden(t, filepath.Join(fixtures, "models", model, name+".safetensors"))
}

func ints(v []float64) []int32 {
	out := make([]int32, len(v))
	for i, x := range v {
		out[i] = int32(x)
	}
	return out
}

// TestGolden compares logits and greedy continuations with what Hugging Face's
// transformers made of the same weights in float32.
func TestGolden(t *testing.T) {
	no := false
	for _, model := range []string{"mistral-7b-v0.1", "mixtral-8x7b", "codestral-mamba-7b"} {
		t.Run(model, func(t *testing.T) {
			want := golden(t, model, "golden")
			e := open(t, filepath.Join(fixtures, "gguf", model+".f32.gguf"), engine.LoadOptions{KVType: "f32", FlashAttn: &no})
			ids := ints(want["input_ids"])
			rows, _, err := e.Logits(t.Context(), ids)
			if err != nil {
				t.Fatal(err)
			}
			if worst := worstError(t, slices.Concat(rows...), want["logits"]); worst > 5e-5 {
				t.Errorf("a logit is off by %g", worst)
			}
			greedy, max := 0.0, len(want["greedy"])
			a := e.completionTokens(t, engine.CompletionRequest{Tokens: ids, Sampling: engine.Sampling{Temperature: &greedy, MaxTokens: &max, MinTokens: max, Logprobs: true}})
			if !slices.Equal(a, ints(want["greedy"])) {
				t.Errorf("the continuation is %v, want %v", a, want["greedy"])
			}
		})
	}
}

// TestGoldenPictures does the same for vision models, whose encoders llama.cpp
// computes with approximations: see the README of the fixtures.
func TestGoldenPictures(t *testing.T) {
	no := false
	for _, model := range []string{"pixtral-12b", "ministral-3-3b"} {
		t.Run(model, func(t *testing.T) {
			e := open(t, filepath.Join(fixtures, "gguf", model+".f32.gguf"), engine.LoadOptions{
				KVType: "f32", FlashAttn: &no, Projector: filepath.Join(fixtures, "gguf", model+".mmproj.f32.gguf"),
			})
			if !e.Info().Can.Vision {
				t.Error("the model has no vision")
			}
			for name, picture := range map[string]string{"golden": "exact_224x112.png", "golden-resized": "grad_300x100.jpg"} {
				want := golden(t, model, name)
				file, err := os.ReadFile(filepath.Join(fixtures, "cases", picture))
				if err != nil {
					t.Fatal(err)
				}
				rows, vectors, err := e.Logits(t.Context(), ints(want["input_ids"]), "data:image/png;base64,"+base64.StdEncoding.EncodeToString(file))
				if err != nil {
					t.Fatal(err)
				}
				if worst := worstError(t, slices.Concat(vectors...), want["image_embeds"]); worst > 1e-2 {
					t.Errorf("a component of %s is off by %g", picture, worst)
				}
				if worst := worstError(t, slices.Concat(rows...), want["logits"]); worst > 1e-2 {
					t.Errorf("with %s a logit is off by %g", picture, worst)
				}
			}
		})
	}
}

// TestLargePictures compares exact and flash attention on a large image.
func TestLargePictures(t *testing.T) {
	golden(t, "pixtral-12b", "golden")
	e := open(t, filepath.Join(fixtures, "gguf", "pixtral-12b.f32.gguf"), engine.LoadOptions{Projector: filepath.Join(fixtures, "gguf", "pixtral-12b.mmproj.f32.gguf")})
	img := image.NewGray(image.Rect(0, 0, 640, 480))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i >> 7)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())
	part := imagePart{url: url, n: 41*30 - 1}
	var exact, flash []float32
	var err error
	if called := e.scheduler.Call(func() {
		y := e.instance.encoder
		if err = y.embed(&part); err != nil {
			return
		}
		exact = part.embed
		clear(y.cache.of)
		if err = y.prepare(exactPatches + 1); err == nil {
			y.flash = false // so that embed keeps the encoder
			err = y.embed(&part)
			flash = part.embed
		}
	}); called != nil || err != nil {
		t.Fatal(called, err)
	}
	wide := make([]float64, len(flash))
	for i, v := range flash {
		wide[i] = float64(v)
	}
	if worst := worstError(t, exact, wide); worst > 0.5 || worst == 0 {
		t.Errorf("the two ways differ by %g", worst)
	}
}

func worstError(t *testing.T, got []float32, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("there are %d numbers, want %d", len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-want[i]))
	}
	t.Logf("the largest error is %g", worst)
	return worst
}

// completionTokens are the ids of what a completion wrote.
func (e *Engine) completionTokens(t *testing.T, r engine.CompletionRequest) (ids []int32) {
	t.Helper()
	for ev, err := range e.Complete(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := ev.(engine.TextDelta); ok {
			for _, l := range d.Logprobs {
				ids = append(ids, l.ID)
			}
		}
	}
	return ids
}
