package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/cli/system"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
)

// benched is a script that can be measured.
type benched struct{ *enginetest.Script }

func (benched) Bare(prompt []int32, n int) (llama.BareLoop, error) {
	return llama.BareLoop{Prefill: time.Duration(len(prompt)) * time.Millisecond, Decode: time.Duration(n-1) * 10 * time.Millisecond}, nil
}

func (benched) StateCost(tokens []int32) (llama.StateCost, error) {
	return llama.StateCost{Bytes: 1000 * len(tokens), Save: 4 * time.Millisecond, Restore: 2 * time.Millisecond}, nil
}

func benchScript(t *testing.T, tokens int, args ...string) (ran, *enginetest.Script, worker.Spec) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toy.gguf")
	write(t, path, "toy")
	s := &enginetest.Script{About: engine.Info{Size: 1_000_000, Quantization: "Q4_K_M", ContextLength: tokens, Devices: []string{"CPU: toy"}}}
	var spec worker.Spec
	load := func(_ context.Context, o worker.Spec, _ func(float64)) (engine.Engine, error) {
		spec = o
		return benched{s}, nil
	}
	got := runWith(t, engines{load: load}, "", append([]string{"bench", path}, args...)...)
	return got, s, spec
}

func TestBench(t *testing.T) {
	got, s, spec := benchScript(t, 8192, "--json", "--backends", "there", "--rounds", "2")
	if got.code != 0 {
		t.Fatalf("got %+v", got)
	}
	var b system.Measurements
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil {
		t.Fatal(err)
	}
	equal(t, "model", b.Model, "toy")
	equal(t, "size", b.Size, 1_000_000)
	equal(t, "state folder", spec.Options.StateDir, "")
	equal(t, "backends", strings.Join(spec.Options.BackendDirs, ","), "there")
	var lengths, answers []int
	for _, p := range b.Prefill {
		lengths = append(lengths, p.Tokens)
	}
	for _, d := range b.Decode {
		answers = append(answers, d.Answers)
		if d.Rate <= 0 {
			t.Errorf("%d answers at %v tok/s", d.Answers, d.Rate)
		}
	}
	if len(lengths) != 3 || lengths[2] != 2048 || len(answers) != 5 || answers[4] != 16 {
		t.Errorf("measured prompts of %v and %v answers", lengths, answers)
	}
	equal(t, "bare prefill", b.Bare.Prefill, 1000)
	equal(t, "bare decode", b.Bare.Decode, 100)
	equal(t, "state", *b.State, system.BenchState{Tokens: 512, Bytes: 512_000, SaveMS: 4, RestoreMS: 2})
	if len(b.Lookup) != 2 || !b.Lookup[0].Same || b.Lookup[0].Ratio <= 0 || b.Lookup[1].Text != "prose" || b.Lookup[0].Rounds != 2 {
		t.Errorf("lookup %+v", b.Lookup)
	}
	for _, p := range b.Prefill {
		if !(p.Lowest <= p.Rate && p.Rate <= p.Highest) || p.Rounds != 2 {
			t.Errorf("prefill %+v", p)
		}
	}
	if b.Bandwidth <= 0 || b.BandwidthShare <= 0 {
		t.Errorf("bandwidth %v, share %v", b.Bandwidth, b.BandwidthShare)
	}
	// Every prompt is new, or it would be at hand.
	seen := map[string]bool{}
	for _, r := range s.Requests() {
		if r.Complete == nil {
			continue
		}
		if r.Complete.Prompt == "" { // else it is continued with and without prompt lookup
			key := string(must(json.Marshal(r.Complete.Tokens)))
			if seen[key] {
				t.Error("a prompt was used twice")
			}
			seen[key] = true
		}
		if *r.Complete.MaxTokens != r.Complete.MinTokens {
			t.Errorf("answers of %d to %d tokens", r.Complete.MinTokens, *r.Complete.MaxTokens)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is not asked for is not measured, and what cannot be is refused.
func TestBenchParts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	write(t, file, "package a\n")
	got, s, _ := benchScript(t, 8192, "--json", "--parts", "decode", "--answers", "2", "--decode", "8", "--rounds", "3", "--rewrite", file)
	var b system.Measurements
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil || got.code != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(b.Decode) != 1 || b.Decode[0].Answers != 2 || b.Decode[0].Rounds != 3 || b.Prefill != nil || b.Bare != nil || b.State != nil || b.Bandwidth != 0 {
		t.Errorf("got %+v", b)
	}
	if len(b.Lookup) != 1 || b.Lookup[0].Text != "rewrite" {
		t.Errorf("lookup %+v", b.Lookup)
	}
	for _, r := range s.Requests() {
		if r.Complete != nil && (*r.Complete.MaxTokens != 8 || r.Complete.Lookup != engine.LookupOff) {
			t.Errorf("%+v", r.Complete.Sampling)
		}
	}
	for _, args := range [][]string{{"--parts", "speed"}, {"--decode", "1"}, {"--rounds", "0"}, {"--prompts", "-3"}, {"--rewrite", filepath.Join(t.TempDir(), "none"), "--parts", "state"}} {
		if got, s, _ := benchScript(t, 8192, args...); got.code == 0 || len(s.Requests()) > 0 {
			t.Errorf("%v: it was measured", args)
		}
	}
}

func TestBenchWithShortContext(t *testing.T) {
	got, _, _ := benchScript(t, 400)
	if got.code != 0 {
		t.Fatalf("got %+v", got)
	}
	if !strings.HasPrefix(got.stdout, "model            toy, Q4_K_M, 1 MB\non               CPU: toy, ") {
		t.Errorf("stdout is\n%s", got.stdout)
	}
	for _, want := range []string{", 128 tokens\n", "one answer\n", "4 answers at once, together\n", "state            128 kB for 128 tokens, saved in 4 ms, restored in 2 ms\n"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is missing in\n%s", want, got.stdout)
		}
	}
	for _, not := range []string{", 512 tokens\n", "8 answers"} {
		if strings.Contains(got.stdout, not) {
			t.Errorf("%q is in\n%s", not, got.stdout)
		}
	}
}
