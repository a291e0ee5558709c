package machine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestMemory(t *testing.T) {
	total, free := Memory()
	if total < 64<<20 || free <= 0 || free > total {
		t.Errorf("%d of %d bytes are free", free, total)
	}
}

func TestProcessor(t *testing.T) {
	p := DetectProcessor()
	if p.Name == "" || p.Cores < 1 || p.WidestFeature() == "" {
		t.Errorf("%+v", p)
	}
}

func TestBest(t *testing.T) {
	for _, c := range []struct {
		features []string
		want     string
	}{
		{nil, "no vector instructions"},
		{[]string{"SSE4.2", "AVX", "AVX2"}, "AVX2"},
		{[]string{"AVX2", "AVX-512", "VNNI"}, "AVX-512 VNNI"},
		{[]string{"AVX-512", "VNNI", "AMX"}, "AVX-512 AMX"},
		{[]string{"DOTPROD"}, "DOTPROD"},
	} {
		if got := (Processor{Features: c.features}).WidestFeature(); got != c.want {
			t.Errorf("the best of %q is %q, want %q", c.features, got, c.want)
		}
	}
}

func TestBandwidthIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rate := Bandwidth(ctx, 1); rate != 0 {
		t.Errorf("interrupted, it is %v", rate)
	}
}

func TestBenchMeasuresOnce(t *testing.T) {
	b := Bench{Path: filepath.Join(t.TempDir(), "made", "memory.json")}
	if b.Cached() != 0 {
		t.Error("something is known before it was measured")
	}
	first := b.Bandwidth(t.Context())
	if first < 1e8 || b.Cached() != first || b.Bandwidth(t.Context()) != first {
		t.Errorf("measured %v, kept %v", first, b.Cached())
	}
	for name, text := range map[string]string{
		"no JSON":         "{",
		"nothing":         "",
		"another machine": `{"cpu":"abacus","cores":1,"memory_bytes":1,"bytes_per_second":1e9}`,
	} {
		if err := os.WriteFile(b.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := b.Cached(); got != 0 {
			t.Errorf("%s: %v is known", name, got)
		}
	}
	b.Save(-1)
	if b.Cached() != 0 {
		t.Error("a speed below zero is known")
	}
	nowhere := Bench{Path: filepath.Join(b.Path, "under", "a", "file")}
	nowhere.Save(1e9)
	if nowhere.Cached() != 0 {
		t.Error("something is known that could not be written")
	}
}
