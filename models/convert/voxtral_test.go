//go:build cgo

package convert_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/models/convert"
)

// audioError is what embeddings, and the logits after them, may be off by, relative to the
// spread of the values.
const audioError = 2e-4

// voxtral converts a layout of the tiny Voxtral, which voxtral.py made.
func voxtral(t *testing.T, layout string, kind convert.Type) (model, projector string) {
	t.Helper()
	from, dir := filepath.Join("testdata", "voxtral", layout), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	tokens, err := os.ReadFile(filepath.Join("testdata", "voxtral", "hf", "tekken.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tekken.json"), tokens, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := convert.Convert(t.Context(), dir, convert.Options{Output: filepath.Join(t.TempDir(), "voxtral.gguf"), Type: kind, Name: "Tiny"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Files) != 2 || r.PromptVersion != "v7-tekken" || r.Architecture != "llama" {
		t.Fatalf("got %+v", r)
	}
	return r.Files[0], r.Files[1]
}

// sound is that of voxtral.py.
func sound(n int) []byte {
	var b bytes.Buffer
	noise, phase := uint32(1), uint32(0)
	for i := range n {
		noise = noise*1664525 + 1013904223
		phase += 8000000 + uint32(i*97%60000000)
		tri := int(phase>>16) - 32768
		v := (max(tri, -tri)-16384)>>1 + (int(noise>>22)-512)*4
		if i/4000%3 == 2 {
			v >>= 4
		}
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(v)))
	}
	head := []byte("RIFF....WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data")
	return append(binary.LittleEndian.AppendUint32(head, uint32(2*n)), b.Bytes()...)
}

func openVoxtral(t *testing.T, layout string) *llama.Engine {
	t.Helper()
	return load(t, func(t *testing.T, dir string) (string, string) { return voxtral(t, dir, convert.F32) }, layout)
}

// TestGoldenAudio holds what the model makes of audio to transformers: the audio has two
// windows.
func TestGoldenAudio(t *testing.T) {
	want := goldenFile(t, filepath.Join("testdata", "voxtral", "golden.safetensors"))
	tokens := ids(want["input_ids"])
	url := audio.DataURL(audio.WAV, sound(500800))
	for _, layout := range []string{"hf", "native"} {
		t.Run(layout, func(t *testing.T) {
			e := openVoxtral(t, layout)
			if can := e.Info().Can; !can.Audio || can.Vision {
				t.Fatalf("the model can %+v", can)
			}
			got, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Chat: &engine.ChatRequest{Messages: []engine.Message{{
				Role: engine.User, Content: engine.Content{{Type: engine.AudioChunk, AudioURL: url}, {Type: engine.TextChunk, Text: "What is said?"}},
			}}}})
			if err != nil || !slices.Equal(got.IDs, tokens) {
				t.Fatalf("got the tokens %v, want %v, %v", got.IDs, tokens, err)
			}
			rows, vectors, err := e.Logits(t.Context(), tokens, url)
			if err != nil {
				t.Fatal(err)
			}
			var fifth [][]float32
			for i := 0; i < len(vectors); i += 5 {
				fifth = append(fifth, vectors[i])
			}
			within(t, "embeddings", slices.Concat(fifth...), want["audio_embeds"], audioError*spread(want["audio_embeds"]))
			var some [][]float32
			for _, i := range ids(want["positions"]) {
				some = append(some, rows[i])
			}
			within(t, "logits", slices.Concat(some...), want["logits"], audioError*spread(want["logits"]))
			// The text before the audio does not depend on it.
			within(t, "logits before the audio", some[0], want["logits"][:len(some[0])], textError)
		})
	}
}

func spread(v []float64) float64 {
	var sum, squares float64
	for _, x := range v {
		sum += x
		squares += x * x
	}
	n := float64(len(v))
	return math.Sqrt(squares/n - sum*sum/n/n)
}

// TestVoxtralLayoutsAgree compares the files made from both layouts. Mistral's has no
// positions: the converter computes them.
func TestVoxtralLayoutsAgree(t *testing.T) {
	for _, kind := range []convert.Type{convert.F32, convert.F16, convert.BF16, convert.Q8_0} {
		var files [2][]string
		for i, layout := range []string{"hf", "native"} {
			model, projector := voxtral(t, layout, kind)
			files[i] = []string{model, projector}
		}
		for k := range files[0] {
			a, err := os.ReadFile(files[0][k])
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(files[1][k])
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 && !bytes.Equal(a, b) || len(a) != len(b) {
				t.Errorf("%s: the files of both layouts differ: %s", kind, files[0][k])
			}
			differ := 0
			for i := range a {
				if a[i] != b[i] {
					differ++
				}
			}
			if differ > len(a)/100 {
				t.Errorf("%s: %d of %d bytes differ", kind, differ, len(a))
			}
		}
	}
}
