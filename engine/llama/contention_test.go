package llama

import (
	"testing"
	"time"
)

func TestContention(t *testing.T) {
	// compute is one second in which the process gets a share of what it asks for.
	compute := func(c *contention, share float64) int {
		for range 20 {
			c.computed(time.Duration(share*float64(c.now)*50*float64(time.Millisecond)), 50*time.Millisecond)
		}
		return c.now
	}
	c := newContention(8)
	for _, step := range []struct {
		share float64
		want  int
	}{
		{1, 8},
		{0.9, 8},  // a moment's work of others
		{0.5, 1},  // 8 → 4 → 2 → 1 within a second, and no less
		{0.97, 1}, // not sure yet
	} {
		if got := compute(c, step.share); got != step.want {
			t.Errorf("%d threads at a share of %.2f, want %d", got, step.share, step.want)
		}
	}
	compute(c, 1)
	if compute(c, 1) < 2 {
		t.Error("no more threads after three seconds of calm")
	}
	before := c.patience
	compute(c, 0.5)
	if c.now != 1 || c.patience <= before {
		t.Errorf("%d threads and a patience of %v after trying too early", c.now, c.patience)
	}
	for range 100 {
		compute(c, 1)
	}
	if c.now != 8 || c.patience != contentionPatience {
		t.Errorf("%d threads and a patience of %v long after", c.now, c.patience)
	}
	if one := newContention(1); compute(one, 0.1) != 1 {
		t.Error("one thread became another number")
	}
}
