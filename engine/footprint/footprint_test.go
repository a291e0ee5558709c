package footprint

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

func head(t *testing.T, o tinymodel.Options) *gguf.File {
	t.Helper()
	o.Weights = gguf.Q4_0 // less to make
	var b bytes.Buffer
	if err := tinymodel.Encode(&b, o); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// llama.cpp's figures for models of several shapes, as it logs them with flash
// attention: KV and compute buffers in MiB. Package cli holds the sum against what
// the engine allocates; here the parts are held against what it once did.
func TestAgainstLlama(t *testing.T) {
	for _, c := range []struct {
		name        string
		o           tinymodel.Options
		load        engine.LoadOptions
		context     int
		kv, compute float64
		off         float64 // the share by which compute may be wrong
	}{
		{"logits are most", tinymodel.Options{Width: 128, KVHeads: 2, FFN: 256, Tokens: 8000}, engine.LoadOptions{}, 4096, 2, 15.88, 0.01},
		{"hidden numbers are most", tinymodel.Options{Width: 256, KVHeads: 2, FFN: 8192}, engine.LoadOptions{}, 4096, 4, 62.01, 0.1},
		{"masks are most", tinymodel.Options{Width: 256, KVHeads: 2, FFN: 256}, engine.LoadOptions{}, 4096, 4, 14.01, 0.1},
		{"a short context", tinymodel.Options{Width: 256, KVHeads: 2, FFN: 4096}, engine.LoadOptions{}, 1024, 1, 27.51, 0.1},
		{"wide", tinymodel.Options{Width: 512, KVHeads: 2, FFN: 2048}, engine.LoadOptions{}, 512, 1, 15.51, 0.1},
		{"a small batch", tinymodel.Options{Width: 512, KVHeads: 2, FFN: 2048}, engine.LoadOptions{Batch: 256}, 512, 1, 7.76, 0.1},
		{"KV of 8 bits", tinymodel.Options{Width: 256, KVHeads: 2, FFN: 4096}, engine.LoadOptions{KVType: "q8_0"}, 4096, 2.125, 30.01, 0.1},
		{"experts", tinymodel.Options{Width: 128, KVHeads: 2, FFN: 1024, Experts: 8}, engine.LoadOptions{}, 4096, 2, 17.01, 0.1},
		{"no flash attention", tinymodel.Options{Width: 256, Heads: 32, HeadWidth: 128, FFN: 256}, engine.LoadOptions{FlashAttn: new(bool)}, 4096, 8, 282.51, 0.2},
		{"Mamba", tinymodel.Options{Architecture: "mamba2", Width: 512, Heads: 8, Layers: 4}, engine.LoadOptions{}, 4096, 0, 12.55, 0.15},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Of(head(t, c.o), c.load)
			if kv := float64(f.KV(c.context)) / (1 << 20); kv != c.kv {
				t.Errorf("KV is %.2f MiB, and llama.cpp's %.2f", kv, c.kv)
			}
			if compute := float64(f.Compute(c.context)) / (1 << 20); compute < c.compute*(1-c.off) || compute > c.compute*(1+c.off) {
				t.Errorf("the compute buffer is %.2f MiB, and llama.cpp's %.2f", compute, c.compute)
			}
		})
	}
}

func TestStateOfMamba(t *testing.T) {
	f := Of(head(t, tinymodel.Options{Architecture: "mamba2", Width: 256, Heads: 4}), engine.LoadOptions{})
	// As llama.cpp logs it for 4 sequences: 0.30 MiB.
	if got := float64(f.State) / (1 << 20); got < 0.295 || got > 0.305 || f.Token != 0 {
		t.Errorf("the state takes %.3f MiB, and a token %d bytes", got, f.Token)
	}
}

func TestLongest(t *testing.T) {
	f := Of(head(t, tinymodel.Options{Width: 256, KVHeads: 2}), engine.LoadOptions{})
	for _, c := range []struct {
		name         string
		bytes        int64
		limit, least int
	}{
		{"no room at all", f.Weights, 4096, 0},
		{"room for the limit", 1 << 40, 4096, 4096},
		{"room for a part", f.At(2048), 4096, 2048},
		{"no limit worth naming", f.At(100 << 10), 1 << 30, 100 << 10},
	} {
		got := f.Longest(c.bytes, c.limit)
		if got < c.least || got > c.limit || got > 0 && f.At(got) > c.bytes || got < c.limit && f.At(got+1) <= c.bytes {
			t.Errorf("%s: %d tokens take %d of %d bytes", c.name, got, f.At(got), c.bytes)
		}
	}
}
