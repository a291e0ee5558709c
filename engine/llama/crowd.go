package llama

import "time"

// ggml's threads wait for each other at several hundred barriers a token, and spin
// meanwhile. Where something else wants the processor too, one of them is often
// off it, and all wait: on two cores with four busy processes, generation was
// forty times slower than on a quiet machine. Fewer threads then compute faster.
//
// A crowd finds that out by what the processor gave: on a quiet machine the
// process gets all the time that its threads ask for, since they spin.
const (
	crowdSpan     = 250 * time.Millisecond // that is looked at together
	crowdFull     = 0.75                   // share of the asked-for time below which others are in the way
	crowdCalm     = 0.95                   // above which no process is
	crowdPatience = 2 * time.Second        // of calm, before one more thread is tried
	crowdLongest  = time.Minute            // that patience grows to, when trying was too early
)

// A crowd says how many threads are to compute.
type crowd struct {
	most, now int
	cpu, wall time.Duration // since the last look
	calm      time.Duration // without another process in the way
	patience  time.Duration
	tried     bool // the last change was one thread more
}

func newCrowd(threads int) *crowd {
	return &crowd{most: threads, now: threads, patience: crowdPatience}
}

// computed takes what a batch took, and the processor time that the process had
// meanwhile. It returns how many threads the next batch is to have.
func (c *crowd) computed(cpu, wall time.Duration) int {
	c.cpu, c.wall = c.cpu+cpu, c.wall+wall
	if c.wall < crowdSpan || c.most == 1 {
		return c.now
	}
	share := float64(c.cpu) / float64(c.wall) / float64(c.now)
	wall = c.wall
	c.cpu, c.wall = 0, 0
	switch {
	case c.now > 1 && share < crowdFull:
		if c.tried { // it was too early
			c.patience = min(2*c.patience, crowdLongest)
		}
		c.now = max(1, int(share*float64(c.now)))
		c.calm, c.tried = 0, false
	case share < crowdCalm:
		c.calm = 0
	default:
		c.calm += wall
		if c.now == c.most {
			if c.calm > 10*crowdPatience {
				c.patience, c.tried = crowdPatience, false
			}
		} else if c.calm >= c.patience {
			c.now, c.calm, c.tried = c.now+1, 0, true
		}
	}
	return c.now
}
