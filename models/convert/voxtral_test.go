//go:build cgo

package convert_test

import (
	"bytes"
	"encoding/binary"
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
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
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
	want := enginetest.Golden(t, filepath.Join("testdata", "voxtral", "golden.safetensors"))
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

// hear returns the embeddings of audio.
func hear(t *testing.T, e *llama.Engine, url string) []float32 {
	t.Helper()
	got, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Chat: &engine.ChatRequest{Messages: []engine.Message{{
		Role: engine.User, Content: engine.Content{{Type: engine.AudioChunk, AudioURL: url}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, vectors, err := e.Logits(t.Context(), got.IDs, url)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(vectors...)
}

// TestAudioFormats compares the same sound in each format.
func TestAudioFormats(t *testing.T) {
	e := openVoxtral(t, "hf")
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "voxtral", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	wav := hear(t, e, audio.DataURL(audio.WAV, sound(16000)))
	if flac := hear(t, e, audio.DataURL(audio.FLAC, file("tone.flac"))); !slices.Equal(flac, wav) {
		t.Error("FLAC differs from WAV")
	}
	silent := hear(t, e, audio.DataURL(audio.WAV, append(sound(0)[:40], append([]byte{0, 125, 0, 0}, make([]byte, 32000)...)...)))
	mp3 := hear(t, e, audio.DataURL(audio.MP3, file("tone.mp3")))
	if near, far := distance(mp3, wav), distance(silent, wav); near > far/2 {
		t.Errorf("MP3 differs by %g, silence by %g", near, far)
	}
	if stereo := hear(t, e, audio.DataURL(audio.FLAC, file("stereo.flac"))); len(stereo) != len(wav) {
		t.Errorf("got %d numbers", len(stereo))
	}
}

func distance(a, b []float32) (sum float64) {
	for i := range a {
		d := float64(a[i] - b[i])
		sum += d * d
	}
	return sum
}

// TestDamagedAudioProjector opens projectors that ggml would abort on.
func TestDamagedAudioProjector(t *testing.T) {
	model, projector := voxtral(t, "hf", convert.F32)
	file, err := gguf.Read(projector)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(projector)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		meta func(*gguf.Metadata)
		edit func(*gguf.Tensor) bool // false: leave it out
		says string
	}{
		{"no bins", func(m *gguf.Metadata) { m.Delete("clip.audio.num_mel_bins") }, nil, "num_mel_bins"},
		{"no stack", func(m *gguf.Metadata) { m.Delete("clip.audio.projector.stack_factor") }, nil, "joins 0 frames"},
		{"stack of 7", func(m *gguf.Metadata) { m.Set("clip.audio.projector.stack_factor", gguf.Of(uint32(7))) }, nil, "joins 7 frames"},
		{"heads", func(m *gguf.Metadata) { m.Set("clip.audio.attention.head_count", gguf.Of(uint32(3))) }, nil, "3 heads"},
		{"layers", func(m *gguf.Metadata) { m.Set("clip.audio.block_count", gguf.Of(uint32(3))) }, nil, "a.blk.2."},
		{"width", func(m *gguf.Metadata) { m.Set("clip.audio.projection_dim", gguf.Of(uint32(32))) }, nil, "32 components"},
		{"no encoder", func(m *gguf.Metadata) { m.Set("clip.has_audio_encoder", gguf.Of(false)) }, nil, "no audio encoder"},
		{"no positions", nil, func(x *gguf.Tensor) bool { return x.Name != "a.position_embd.weight" }, "a.position_embd.weight"},
		{"no bias", nil, func(x *gguf.Tensor) bool { return x.Name != "a.blk.1.attn_q.bias" }, "a.blk.1.attn_q.bias"},
		{"strange tensor", nil, func(x *gguf.Tensor) bool {
			if x.Name == "mm.a.mlp.2.weight" {
				x.Name = "mm.a.mlp.3.weight"
			}
			return true
		}, "mm.a.mlp.2.weight"},
		{"positions", nil, func(x *gguf.Tensor) bool {
			if x.Name == "a.position_embd.weight" {
				x.Dims = []int64{16, 750}
			}
			return true
		}, "[16 750]"},
		{"convolution", nil, func(x *gguf.Tensor) bool {
			if x.Name == "a.conv1d.1.weight" {
				x.Dims = []int64{3, 64, 32}
			}
			return true
		}, "a.conv1d.1.weight"},
	} {
		t.Run(c.name, func(t *testing.T) {
			meta := file.Metadata.Clone()
			if c.meta != nil {
				c.meta(&meta)
			}
			var tensors []gguf.Tensor
			content := map[string][]byte{}
			for _, x := range file.Tensors {
				bytes := data[x.Offset : x.Offset+x.Size()]
				x.Dims = slices.Clone(x.Dims)
				if c.edit == nil || c.edit(&x) {
					content[x.Name] = bytes
					tensors = append(tensors, x)
				}
			}
			path := filepath.Join(t.TempDir(), "damaged.gguf")
			var b bytes.Buffer
			w, err := gguf.NewWriter(&b, &meta, tensors)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range tensors {
				to, err := w.Tensor(x.Name)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := to.Write(content[x.Name][:x.Size()]); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(w.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
				t.Fatal(err)
			}
			e, err := llama.Open(t.Context(), model, engine.LoadOptions{Threads: 1, Projector: path}, nil)
			if err == nil {
				e.Close()
			}
			if fault.KindOf(err) != fault.BadModel || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// TestAudioInChat asks twice about audio of two windows: the second question finds it
// evaluated, as it does with an image.
func TestAudioInChat(t *testing.T) {
	e := openVoxtral(t, "hf")
	url := audio.DataURL(audio.WAV, sound(500800))
	greedy, limit := 0.0, 4
	ask := func(text, url string) (cached int) {
		for event, err := range e.Chat(t.Context(), engine.ChatRequest{
			Messages: []engine.Message{{Role: engine.User, Content: engine.Content{{Type: engine.AudioChunk, AudioURL: url}, {Type: engine.TextChunk, Text: text}}}},
			Sampling: engine.Sampling{Temperature: &greedy, MaxTokens: &limit},
		}) {
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := event.(engine.Done); ok {
				cached = d.Usage.Cached()
			}
		}
		return cached
	}
	if n := ask("What is said?", url); n > 0 {
		t.Errorf("%d tokens of the first question were cached", n)
	}
	if n := ask("Who says it?", url); n < 753 {
		t.Errorf("%d tokens of the second question were cached", n)
	}
	if n := ask("Who says it?", audio.DataURL(audio.WAV, sound(500000))); n > 4 {
		t.Errorf("%d tokens of other audio were cached", n)
	}
	for _, err := range e.Chat(t.Context(), engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Content{
		{Type: engine.AudioChunk, AudioURL: "data:audio/flac;base64,ZkxhQw=="},
	}}}}) {
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "FLAC file ends within its header") {
			t.Errorf("got %v", err)
		}
	}
}
