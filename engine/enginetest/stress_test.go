package enginetest

import (
	"context"
	"iter"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestStressScript(t *testing.T) {
	open := func(*testing.T) engine.Engine { return &Script{} }
	t.Run("calm", func(t *testing.T) { Stress(t, Suite{Open: open}, Load{}) })
	t.Run("cancelled", func(t *testing.T) { Stress(t, Suite{Open: open}, Load{Cancel: 0.4, Seed: 1}) })
	t.Run("engines", func(t *testing.T) { Stress(t, Suite{Open: open}, Load{Cancel: 0.2, Engines: 8, Seed: 2}) })
	t.Run("disturbed", func(t *testing.T) {
		f := &fragile{}
		Stress(t, Suite{Open: func(*testing.T) engine.Engine { return f }}, Load{Cancel: 0.2, Seed: 3, Disturb: f.crash})
	})
	t.Run("embeddings", func(t *testing.T) {
		Stress(t, Suite{Open: func(*testing.T) engine.Engine {
			return &Script{About: engine.Info{Can: engine.Capabilities{Embed: true}}}
		}}, Load{Cancel: 0.2})
	})
}

// A fragile engine can crash, as one whose process dies: all that it writes ends.
type fragile struct {
	Script
	mu     sync.Mutex
	alive  context.Context
	killed context.CancelCauseFunc
}

func (f *fragile) crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alive != nil {
		f.killed(&fault.Error{Kind: fault.Crashed, Msg: "the process died"})
	}
	f.alive = nil
}

func (f *fragile) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		f.mu.Lock()
		if f.alive == nil {
			f.alive, f.killed = context.WithCancelCause(context.Background())
		}
		alive := f.alive
		f.mu.Unlock()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })()
		f.Script.Chat(ctx, r)(yield)
	}
}

// stressMutants lose something under load.
var stressMutants = map[string]struct {
	open func() engine.Engine
	load Load
	want string // in what the test says
}{
	"crash unasked": {func() engine.Engine {
		return &mutant{events: everyTenth(func(yield func(engine.Event, error) bool) {
			yield(nil, &fault.Error{Kind: fault.Crashed, Msg: "the process died"})
		})}
	}, Load{}, "nothing was done"},
	"mixed up": {func() engine.Engine {
		return &mutant{events: everyTenth(Says(strings.Split(strings.Repeat("a ", 24), " ")[:24]...).Chat(context.Background(), Chat("x")))}
	}, Load{}, "not that of the request alone"},
	"another's cancellation": {func() engine.Engine {
		return &mutant{events: everyTenth(func(yield func(engine.Event, error) bool) { yield(nil, errCaller) })}
	}, Load{}, errCaller.Error()},
}

// everyTenth gives another answer every tenth time, when the first twenty have been noted.
func everyTenth(other iter.Seq2[engine.Event, error]) func(iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	var mu sync.Mutex
	n := 0
	return func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
		mu.Lock()
		defer mu.Unlock()
		if n++; n > 20 && n%10 == 0 {
			return other
		}
		return seq
	}
}

// TestStressMutant puts a load on one mutant, in a process of its own.
func TestStressMutant(t *testing.T) {
	m, ok := stressMutants[os.Getenv("ENGINETEST_MUTANT")]
	if !ok {
		t.Skip("run by TestStressSeesMutants")
	}
	Stress(t, Suite{Open: func(*testing.T) engine.Engine { return m.open() }}, m.load)
}

func TestStressSeesMutants(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range stressMutants {
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestStressMutant$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "ENGINETEST_MUTANT="+name)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), m.want) {
			t.Errorf("%s is not seen: %v\n%s", name, err, out)
		}
	}
}
