package tui

import (
	"context"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/engines"
)

func TestContext(t *testing.T) {
	s := replies("yes")
	s.About.ContextTrain = 131_072
	o := scripted(s)
	opened, gate := make(chan engine.LoadOptions, 10), make(chan struct{})
	o.Open = func(_ context.Context, _ string, l engine.LoadOptions) (engine.Engine, error) {
		opened <- l
		<-gate
		return s, nil
	}
	d := drive(t, o, 80, 24)
	d.pressed("ctrl+o")
	d.sees("Load the model first")
	close(gate)
	d.until("the model", func() bool { return d.chat().Using().State == engines.Ready })
	d.sees("❯ as many as memory allows")
	d.sees("current: 32k tokens")
	d.sees("131k tokens, the trained maximum")
	d.pressed("down", "down", "enter")
	if <-opened; (<-opened).Context != 8192 {
		t.Error("the model was not opened with the chosen context")
	}
	d.until("the model", func() bool { return d.chat().Using().State == engines.Ready })
	d.asks("still there?")
	d.sees("yes")
	d.asks("/context")
	d.sees("❯ 8.2k tokens")
	d.pressed("esc")
	d.misses("Context")
}

func TestContextFrame(t *testing.T) {
	goldens(t, func() Options {
		s := replies("yes")
		s.About.ContextTrain = 131_072
		return scripted(s)
	}, func(d *driver) {
		d.until("the model", func() bool { return d.chat().Using() != nil && d.chat().Using().State == engines.Ready })
		d.pressed("ctrl+o")
	})
}
