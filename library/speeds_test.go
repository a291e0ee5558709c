package library

import (
	"os"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/fit"
)

// done is an answer of 101 tokens at a rate.
func done(rate float64) engine.Done {
	return engine.Done{
		Usage:   engine.Usage{TotalTokens: 150},
		Timings: engine.Timings{Generated: 101, Decode: time.Duration(100 / rate * float64(time.Second))},
	}
}

func TestSpeed(t *testing.T) {
	l := newLibrary(t)
	add(t, l, "first", "chat")
	m, err := l.Find("first")
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, err := gguf.Fingerprint(m.Path)
	if err != nil {
		t.Fatal(err)
	}
	cpu := engine.Info{Fingerprint: fingerprint, Devices: []string{"CPU"}}
	gpu := engine.Info{Fingerprint: fingerprint, Devices: []string{"CUDA0"}, GPULayers: 9}
	near := func(what string, want float64) {
		t.Helper()
		if got := l.SpeedOf(m); got < want*0.999 || got > want*1.001 {
			t.Errorf("%s: %v tok/s, want %v", what, got, want)
		}
	}
	near("it has not run", 0)
	short := done(500)
	short.Timings.Generated = 3
	l.RecordRun(m, cpu, short)
	near("too short a run", 0)
	l.RecordRun(m, cpu, done(20))
	l.RecordRun(m, cpu, done(31))
	l.RecordRun(m, cpu, done(2))
	near("a busy moment", 31)
	if r := l.runs()[0]; r.Context != 150 || r.Tokens != 101 || r.Backend != "CPU" || r.Fingerprint != fingerprint {
		t.Errorf("recorded %+v", r)
	}

	list, err := l.InstalledWithNeeds(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	h := fit.Machine{Cores: 2, Memory: 16e9, Free: 8e9, Bandwidth: 30e9}
	if p, ok := list[0].Plan(h, engine.LoadOptions{}); !ok || p.Describe(h, false) != "fits, 31 tok/s" {
		t.Errorf("planned %+v: %s", p, p.Describe(h, false))
	}
	h.GPUs = []fit.Device{{Name: "H100", Total: 80e9, Free: 80e9}}
	if p, _ := list[0].Plan(h, engine.LoadOptions{}); p.Measured != 0 {
		t.Errorf("on a GPU it was not measured: %+v", p)
	}

	for range keptRuns {
		l.RecordRun(m, cpu, done(10))
	}
	near("the fast run is long ago", 10)
	l.RecordRun(m, gpu, done(200))
	near("another backend", 200)

	// A changed file is another model.
	f, err := os.OpenFile(m.Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("more"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	near("a changed file", 0)
	if err := os.WriteFile(l.speedsFile(), []byte("[{]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(l.runs()) != 0 {
		t.Error("a damaged file has runs")
	}
}

func TestBusyMachinePromisesNothing(t *testing.T) {
	l := newLibrary(t)
	add(t, l, "first", "chat")
	list, err := l.InstalledWithNeeds(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	h := fit.Machine{Cores: 2, Memory: 16e9, Free: 8e9, Bandwidth: 30e6, Busy: true}
	p, _ := list[0].Plan(h, engine.LoadOptions{})
	if p.Speed != 0 || p.Describe(h, false) != "fits" || MachineLine(h) != "16 GB memory, 8 free · 2 cores · no GPU · speed not measured yet" {
		t.Errorf("%s, %s", p.Describe(h, false), MachineLine(h))
	}
}
