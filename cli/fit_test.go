package cli

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models/fit"
)

// What a plan says is within a tenth of what llama.cpp allocates, for models of
// several shapes: real workers load them, and their logs tell.
func TestFitIsWhatLlamaAllocates(t *testing.T) {
	if testing.Short() {
		t.Skip("it loads eight models")
	}
	dir := t.TempDir()
	for _, place := range []string{"STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		path := filepath.Join(dir, place)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_"+place, path)
	}
	t.Cleanup(func() {
		// The test's own context has ended.
		cmd := exec.Command("bise", "stop", "--all")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("stop workers: %v\n%s", err, out)
		}
	})
	h := fit.Machine{Memory: 1 << 40, Free: 1 << 40}
	for _, c := range []struct {
		name string
		kv   string
		o    tinymodel.Options
	}{
		{"deep", "f16", tinymodel.Options{Width: 512, Heads: 8, KVHeads: 2, Layers: 24, FFN: 1536, Tokens: 8000}},
		{"wide", "f16", tinymodel.Options{Width: 2048, Heads: 16, KVHeads: 4, FFN: 7168}},
		{"many words", "f16", tinymodel.Options{Width: 512, Heads: 8, Layers: 2, Tokens: 64000}},
		{"wide heads", "f16", tinymodel.Options{Width: 256, Heads: 16, HeadWidth: 128, Layers: 6, Tokens: 16000}},
		{"narrow", "f16", tinymodel.Options{Width: 128, Layers: 16, FFN: 4096, Tokens: 4000}},
		{"experts", "f16", tinymodel.Options{Width: 512, Heads: 8, KVHeads: 2, Layers: 4, FFN: 1024, Experts: 8, Tokens: 8000}},
		{"latent attention", "f16", tinymodel.Options{Architecture: "deepseek2", Width: 1024, Heads: 16, HeadWidth: 128, Layers: 8, FFN: 512, Experts: 16, ExpertsUsed: 4, Tokens: 8000}},
		{"latent attention, narrow experts", "f16", tinymodel.Options{Architecture: "deepseek2", Width: 512, Heads: 32, HeadWidth: 128, Layers: 8, FFN: 64, Experts: 16, Tokens: 4000, Context: 8192}},
		{"long", "f16", tinymodel.Options{Width: 512, Heads: 8, KVHeads: 8, Layers: 8, Tokens: 8000, Context: 32768}},
		{"long, KV of 8 bits", "q8_0", tinymodel.Options{Width: 512, Heads: 8, KVHeads: 8, Layers: 8, Tokens: 8000, Context: 32768}},
		{"short", "f16", tinymodel.Options{Width: 512, Heads: 8, KVHeads: 8, Layers: 8, Tokens: 8000, Context: 512}},
		{"mamba", "f16", tinymodel.Options{Architecture: "mamba2", Width: 512, Heads: 8, Layers: 8, Tokens: 16000}},
		{"tiny", "f16", tinymodel.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Weights, c.o.Zero = gguf.Q8_0, true
			path := filepath.Join(t.TempDir(), "tiny.gguf")
			if err := tinymodel.Write(path, c.o); err != nil {
				t.Fatal(err)
			}
			file, err := gguf.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			load := engine.LoadOptions{Threads: 1, KVType: c.kv, NoMmap: true} // mapped files overlap what is repacked
			plan := fit.FromFile(file, 0).Plan(h, load)
			got := allocated(t, path, load)
			off := 100 * float64(plan.Need-got) / float64(got)
			t.Logf("llama.cpp allocates %.1f MB, and the plan says %.1f (%+.1f %%)", float64(got)/1e6, float64(plan.Need)/1e6, off)
			if math.Abs(off) > 10 {
				t.Errorf("the plan is %+v", plan)
			}
		})
	}
}

// buffers are the lines on which llama.cpp tells what it allocates.
var buffers = regexp.MustCompile(`(model|output|KV|RS|compute) buffer size = +([0-9.]+) MiB`)

// allocated is what a worker that holds a model has allocated for it, in bytes.
func allocated(t *testing.T, path string, o engine.LoadOptions) int64 {
	t.Helper()
	command, err := exec.LookPath("bise-worker")
	if err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	e, err := worker.Open(t.Context(), worker.Spec{Name: filepath.Base(logs), Path: path, Options: o, KeepAlive: time.Minute, Fingerprint: path}, worker.Launcher{Command: []string{command}, LogDir: logs})
	if err != nil {
		t.Fatal(err)
	}
	// Once it answers it has all that it wants.
	text := "hello"
	if _, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Text: &text}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(logs, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the worker has no log: %v", err)
	}
	var log strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(data)
	}
	var sum float64
	kinds := map[string]bool{}
	for _, m := range buffers.FindAllStringSubmatch(log.String(), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
		kinds[m[1]] = true
	}
	if !kinds["model"] || !kinds["compute"] || !kinds["KV"] && !kinds["RS"] {
		t.Fatalf("llama.cpp did not say what it allocates:\n%s", log.String())
	}
	return int64(sum * (1 << 20))
}

func TestVerdict(t *testing.T) {
	h := fit.Machine{Memory: 16e9, Free: 9.8e9}
	for _, c := range []struct {
		p           fit.Plan
		recommended bool
		want        string
	}{
		{fit.Plan{Verdict: fit.Fits, Speed: 6.04}, false, "fits, ~6.0 tok/s"},
		{fit.Plan{Verdict: fit.Fits, Speed: 14}, true, "best here, ~14 tok/s"},
		{fit.Plan{Verdict: fit.Fits, Layers: 32, Blocks: 32}, false, "fits, on the GPU"},
		{fit.Plan{Verdict: fit.Fits, Layers: 5, Blocks: 32}, false, "fits, 5 of 32 layers on the GPU"},
		{fit.Plan{Verdict: fit.Tight, Need: 14.2e9}, false, "tight: 14.2 of 16 GB"},
		{fit.Plan{Verdict: fit.No, Need: 75e9}, false, "too big: 75 GB"},
	} {
		equal(t, "the verdict", c.p.Describe(h, c.recommended), c.want)
	}
}
