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

// others makes other programs use a share of the processors.
func others(t *testing.T, share *float64) {
	before, now := readClock, clock{}
	readClock = func() (clock, bool) {
		now.total++
		now.others += *share
		return now, true
	}
	t.Cleanup(func() { readClock = before })
}

func TestBench(t *testing.T) {
	share := 0.5
	others(t, &share)
	b := Bench{Path: filepath.Join(t.TempDir(), "made", "memory.json")}
	if known, _ := b.Cached(); known != 0 {
		t.Error("something is known before it was measured")
	}
	measured := 0
	bandwidth := func() (float64, bool) { return b.Bandwidth(t.Context(), func() { measured++ }) }
	expect := func(what string, times int, quiet bool) float64 {
		t.Helper()
		got, isQuiet := bandwidth()
		if known, q := b.Cached(); got < 1e8 || known != got || q != quiet || isQuiet != quiet || measured != times {
			t.Errorf("%s: measured %d times, got %v (quiet: %v), kept %v (%v)", what, measured, got, isQuiet, known, q)
		}
		return got
	}
	first := expect("while others are busy", 1, false)
	expect("they are busy still", 1, false)
	share = 0.01
	if again := expect("they are idle", 2, true); again < first {
		t.Errorf("a worse speed is kept: %v after %v", again, first)
	}
	expect("it is known", 2, true)

	// The best is kept.
	known, _ := b.Cached()
	if best, quiet := b.Save(known/2, true); best != known || !quiet {
		t.Errorf("kept %v", best)
	}
	if best, quiet := b.Save(known*2, false); best != known*2 || !quiet {
		t.Errorf("kept %v, %v", best, quiet)
	}
	for name, text := range map[string]string{
		"no JSON":         "{",
		"nothing":         "",
		"another machine": `{"cpu":"abacus","cores":1,"memory_bytes":1,"bytes_per_second":1e9}`,
	} {
		if err := os.WriteFile(b.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := b.Cached(); got != 0 {
			t.Errorf("%s: %v is known", name, got)
		}
	}
	b.Save(-1, true)
	if known, _ := b.Cached(); known != 0 {
		t.Error("a speed below zero is known")
	}
	nowhere := Bench{Path: filepath.Join(b.Path, "under", "a", "file")}
	nowhere.Save(1e9, true)
	if known, _ := nowhere.Cached(); known != 0 {
		t.Error("something is known that could not be written")
	}
}

func TestClock(t *testing.T) {
	before, ok := readClock()
	if !ok {
		t.Skip("the system has no clock of its processors")
	}
	if after, _ := readClock(); after.total < before.total {
		t.Errorf("the clock goes from %+v to %+v", before, after)
	}
}
