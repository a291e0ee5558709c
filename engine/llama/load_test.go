//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/mistral/layout"
)

// Whatever a file holds, Open says in one sentence what is wrong with it, and
// llama.cpp does not take the process down.
func TestBadModels(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile(tiny(t, tinymodel.Mistral()))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	edited := func(name string, edit func(*gguf.Metadata)) string {
		o := tinymodel.Mistral()
		o.Edit = edit
		path := filepath.Join(dir, name)
		if err := tinymodel.Write(path, o); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, path string
		kind       fault.Kind
		says       string
	}{
		{"no file", filepath.Join(dir, "none.gguf"), fault.NotFound, "there is no file"},
		{"folder", dir, fault.BadModel, "is a folder"},
		{"empty", file("empty.gguf", nil), fault.BadModel, "cannot load"},
		{"text", file("text.gguf", []byte(strings.Repeat("not a model\n", 1000))), fault.BadModel, "GGUF"},
		{"half", file("half.gguf", good[:len(good)/2]), fault.BadModel, "cannot load"},
		{"architecture", edited("arch.gguf", func(m *gguf.Metadata) { m.Set("general.architecture", gguf.Of("nosuch")) }), fault.BadModel, "nosuch"},
		{"projector", edited("clip.gguf", func(m *gguf.Metadata) { m.Set("general.architecture", gguf.Of("clip")) }), fault.BadModel, "projector"},
		{"vocabulary", edited("vocab.gguf", func(m *gguf.Metadata) { m.Delete("tokenizer.ggml.tokens") }), fault.BadModel, "vocabulary"},
		{"heads", edited("heads.gguf", func(m *gguf.Metadata) { m.Set("llama.attention.head_count", gguf.Of(uint32(1000))) }), fault.BadModel, "cannot load"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Open(t.Context(), c.path, engine.LoadOptions{}, nil)
			if err == nil {
				e.Close()
				t.Fatal("it opened")
			}
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is of kind %q: %v", fault.KindOf(err), err)
			}
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("the error has more than a line: %q", err)
			}
		})
	}
}

// A file cut anywhere is refused before llama.cpp sees it.
func TestTruncatedAnywhere(t *testing.T) {
	good, err := os.ReadFile(tiny(t, tinymodel.Mistral()))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.gguf")
	for n := 0; n < len(good); n += 1 + len(good)/200 {
		if err := os.WriteFile(path, good[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if e, err := Open(t.Context(), path, engine.LoadOptions{}, nil); fault.KindOf(err) != fault.BadModel {
			t.Errorf("cut to %d of %d bytes: %v", n, len(good), err)
			if e != nil {
				e.Close()
			}
		}
	}
}

func TestBadOptions(t *testing.T) {
	path := tiny(t, tinymodel.Mistral())
	other := tiny(t, tinymodel.ChatML())
	for name, c := range map[string]struct {
		o    engine.LoadOptions
		kind fault.Kind
	}{
		"KV type":      {engine.LoadOptions{KVType: "q3"}, fault.Invalid},
		"adapter":      {engine.LoadOptions{Adapters: []engine.Adapter{{Path: other, Scale: 1}}}, fault.BadModel},
		"no adapter":   {engine.LoadOptions{Adapters: []engine.Adapter{{Path: "none.gguf", Scale: 1}}}, fault.BadModel},
		"projector":    {engine.LoadOptions{Projector: other}, fault.BadModel},
		"no projector": {engine.LoadOptions{Projector: "none.gguf"}, fault.BadModel},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Open(t.Context(), path, c.o, nil)
			if err == nil {
				e.Close()
				t.Fatal("it opened")
			}
			if fault.KindOf(err) != c.kind {
				t.Errorf("the error is of kind %q: %v", fault.KindOf(err), err)
			}
		})
	}
}

// What does not fit this machine is refused with the figures, before it is read.
func TestNoMemory(t *testing.T) {
	f := fit{Footprint: footprint.Footprint{Weights: 1 << 50, Token: 1000}, train: 4096}
	_, err := f.context("giant", 0)
	if fault.KindOf(err) != fault.NoMemory || !strings.Contains(err.Error(), "1125899.9 GB") || !strings.Contains(err.Error(), "are free") {
		t.Errorf("got %v", err)
	}
	if n, err := (fit{Footprint: footprint.Footprint{Weights: 1 << 20, Token: 1 << 10}, train: 4096}).context("small", 0); n != 4096 || err != nil {
		t.Errorf("a small model has %d tokens, %v", n, err)
	}
	// A context as long as memory goes, where it was trained on more.
	if n, err := (fit{Footprint: footprint.Footprint{Token: available() / 10000}, train: 1 << 30}).context("long", 0); n < 5000 || n > 15000 || err != nil {
		t.Errorf("a long context has %d tokens, %v", n, err)
	}
}

func TestKVTypes(t *testing.T) {
	path := tiny(t, tinymodel.Options{Width: 256, HeadWidth: 64})
	for _, kv := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
		t.Run(kv, func(t *testing.T) {
			e := open(t, path, engine.LoadOptions{KVType: kv})
			if a := write(t, e, tokens(100, 1), 10); a.Timings.Generated != 10 {
				t.Errorf("%d tokens were generated", a.Timings.Generated)
			}
		})
	}
}

func TestWithoutAccents(t *testing.T) {
	for text, want := range map[string]string{"naïve": "naive", "e\u0301a": "ea", "한": "\u1112\u1161\u11ab", "हिन्दी": "हिनदी", "日本": "日本"} {
		if got := withoutAccents(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestEmbeddingsTogetherAndApart(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Embedder()), engine.LoadOptions{Batch: 64})
	texts := []string{"one", "two words", strings.Repeat("many words ", 60), "", "five"}
	for i := range 2 * textsTogether {
		texts = append(texts, fmt.Sprint(i%10))
	}
	all, err := e.Embed(t.Context(), engine.EmbedRequest{Input: texts})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		one, err := e.Embed(t.Context(), engine.EmbedRequest{Input: engine.StringList{text}})
		if err != nil {
			t.Fatal(err)
		}
		var dot float64
		for k, x := range one.Vectors[0] {
			dot += float64(x) * float64(all.Vectors[i][k])
		}
		if dot < 0.99999 {
			t.Errorf("text %d: the vectors' cosine is %v", i, dot)
		}
	}
}

// A request whose caller has left stops within a batch, and the next one is computed.
func TestEmbedStops(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Embedder()), engine.LoadOptions{})
	left := errors.New("left")
	ctx, leave := context.WithCancelCause(t.Context())
	leave(left)
	req := engine.EmbedRequest{Input: engine.StringList{"one", "two"}}
	if _, err := e.Embed(ctx, req); !errors.Is(err, left) {
		t.Errorf("got %v", err)
	}
	if got, err := e.Embed(t.Context(), req); err != nil || len(got.Vectors) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}

// Backends and saved KV belong to the version of llama.cpp that go.mod names.
func TestVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/ollama/ollama " + strings.TrimPrefix(version, "ollama-"); !strings.Contains(string(mod), want+"\n") && !strings.Contains(string(mod), want+" //") {
		t.Errorf("go.mod does not have %q", want)
	}
}

// TestCapabilitiesWithoutLoading checks that the header of a file says what the loaded model can
// do: lists of models rely on it.
func TestCapabilitiesWithoutLoading(t *testing.T) {
	set := func(o tinymodel.Options, key string, v gguf.Value) tinymodel.Options {
		o.Edit = func(m *gguf.Metadata) { m.Set(key, v) }
		return o
	}
	text := tinymodel.ChatML()
	text.Edit = func(m *gguf.Metadata) {
		n, _ := m.Count("tokenizer.ggml.tokens")
		m.Set("tokenizer.ggml.token_type", gguf.List(slices.Repeat([]int32{1}, n)))
	}
	for name, o := range map[string]tinymodel.Options{
		"mistral":               tinymodel.Mistral(),
		"tekken":                tinymodel.Tekken13(),
		"chatml":                tinymodel.ChatML(),
		"mamba":                 tinymodel.Mamba(),
		"infill tokens as text": text,
		"another pre-tokenizer": set(tinymodel.Tekken13(), "tokenizer.ggml.pre", gguf.Of("llama-bpe")),
		"ranker":                set(tinymodel.Mistral(), "llama.pooling_type", gguf.Of(uint32(4))),
	} {
		e := open(t, tiny(t, o), engine.LoadOptions{})
		f, _, err := layout.FormatOf(e.file, e.name, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := f.Capabilities(), e.Info().Can; got != want || f.Version() != e.Info().PromptVersion {
			t.Errorf("%s: the header says %+v and %s, the model can %+v and %s", name, got, f.Version(), want, e.Info().PromptVersion)
		}
		if _, err := e.Embed(t.Context(), engine.EmbedRequest{Input: []string{"the wind"}}); fault.KindOf(err) != fault.Unsupported {
			t.Errorf("%s: embedding: %v", name, err)
		}
	}
}
