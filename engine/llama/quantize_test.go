//go:build cgo

package llama

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// wide is a model whose rows K-quants can pack, and whose layers are enough for
// mixes to treat them differently.
func wide() tinymodel.Options {
	o := tinymodel.Mistral()
	o.Layers, o.Width, o.FFN = 8, 256, 512
	return o
}

func quantized(t *testing.T, q Quantization) []byte {
	t.Helper()
	q.Out = filepath.Join(t.TempDir(), "out.gguf")
	if _, err := Quantize(q, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(q.Out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// theirs are the sums (SHA-256) of what the llama_model_quantize of another build
// of llama.cpp (b6845, for x86-64, from the npm package node-llama-cpp) makes of
// wide, and of the mistral-7b-v0.1 among the fixtures. Processors that fuse
// multiplications and additions may round otherwise.
var theirs = map[string]struct{ wide, fixture string }{
	"Q8_0":   {"a5a396b249ef2c355e5f7969679b42f3431c79e0723fe85047405bc117bb76ac", "ac0fc913ed772d280b2fb2ad0a91f30f8cb0698b259daca88eb2e9e19a597259"},
	"Q6_K":   {"fa815c78d86175f055c002613e81ec5d0bf734a2c8df312b6500565a645ddb94", "e65d0292f288cd090a96ec765485a50774745558e89a76fa0358909313afc360"},
	"Q5_K_M": {"a5546d162d0b5864b2993b1999bcd58965e45536d0afa96a619c759b7d7aa4fe", "051608378b9aeeab3d03d408588bd4d9d6bd963d2250adbb715e1576bc34f788"},
	"Q4_K_M": {"483b1ea8716e967374b8d9638d6931297c8bdeac6dfcc002c8d50a24f302b501", "bd648a6eb59de4208f288e399da041c7b9a8fcb6f0cd468be8af036369bf40b0"},
	"Q4_0":   {"c8cb727bae98a5ec8fba93d717a2732bc6583126849db49a890fc15182c34391", "c360b9d11251edc67ddf71faa80e5c759e6cd46ff8069b0a2594f0667c4eb935"},
	"IQ4_XS": {"94b3124e97ad2314428d05c022fe203cd54195e2353bd2e2cf5bf8c4840ae204", "120e84fc92d4543c621fdfbd66ca7ad3ea8e3d11809a569d8b7e357aed2ab20f"},
}

// TestQuantizedAsTheirs compares files with those of llama.cpp's own quantizer.
func TestQuantizedAsTheirs(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the sums are those of x86-64")
	}
	models := map[string]string{"wide": tiny(t, wide())}
	fixture := filepath.Join(fixtures, "gguf", "mistral-7b-v0.1.f32.gguf")
	if _, err := os.Stat(fixture); err == nil {
		models["fixture"] = fixture
	}
	for name, want := range theirs {
		ft, _ := gguf.ParseFileType(name)
		for model, in := range models {
			sum := want.wide
			if model == "fixture" {
				sum = want.fixture
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(quantized(t, Quantization{In: in, Type: ft, Threads: 2}))); got != sum {
				t.Errorf("%s of %s has the sum %s, want %s", name, model, got, sum)
			}
		}
	}
}

// TestQuantize checks that files are of the types that were asked for, do not
// depend on the number of threads, load, and answer.
func TestQuantize(t *testing.T) {
	in := tiny(t, wide())
	for _, name := range []string{"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_XS", "BF16"} {
		t.Run(name, func(t *testing.T) {
			ft, _ := gguf.ParseFileType(name)
			one := quantized(t, Quantization{In: in, Type: ft, Threads: 1})
			if many := quantized(t, Quantization{In: in, Type: ft, Threads: 3}); !bytes.Equal(one, many) {
				t.Error("three threads write other bytes than one")
			}
			out := filepath.Join(t.TempDir(), "out.gguf")
			if err := os.WriteFile(out, one, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := gguf.Read(out)
			if err != nil {
				t.Fatal(err)
			}
			if got := file.Summary().FileType; got != name {
				t.Errorf("the file says %s", got)
			}
			e := open(t, out, engine.LoadOptions{})
			rows, _, err := e.Logits(t.Context(), []int32{1, 2, 3})
			if err != nil || len(rows) != 3 {
				t.Errorf("%d rows of logits, %v", len(rows), err)
			}
		})
	}
}
