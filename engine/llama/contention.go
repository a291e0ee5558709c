package llama

import "time"

// ggml's threads meet at several hundred barriers a token, and spin while they wait. When
// another process uses the processor too, one thread is often descheduled and all wait: on
// two cores with four busy processes, generation was forty times slower than on an idle
// machine. Fewer threads are then faster.
//
// contention detects this by CPU time: on an idle machine spinning threads get all the time
// they ask for.
const (
	contentionSpan     = 250 * time.Millisecond // of one measurement
	contentionFull     = 0.75                   // share of the CPU time below which threads are removed
	contentionCalm     = 0.95                   // share above which the machine counts as idle
	contentionPatience = 2 * time.Second        // of idle time before a thread is added
	contentionLongest  = time.Minute            // limit of patience, which doubles after a premature attempt
)

// contention adapts the number of threads to the other processes of the machine.
type contention struct {
	most, now int
	cpu, wall time.Duration // since the last measurement
	calm      time.Duration // time on an idle machine
	patience  time.Duration
	tried     bool // the last change added a thread
}

func newContention(threads int) *contention {
	return &contention{most: threads, now: threads, patience: contentionPatience}
}

// computed takes the CPU time and the duration of a batch, and returns the number of
// threads for the next one.
func (c *contention) computed(cpu, wall time.Duration) int {
	c.cpu, c.wall = c.cpu+cpu, c.wall+wall
	if c.wall < contentionSpan || c.most == 1 {
		return c.now
	}
	share := float64(c.cpu) / float64(c.wall) / float64(c.now)
	wall = c.wall
	c.cpu, c.wall = 0, 0
	switch {
	case c.now > 1 && share < contentionFull:
		if c.tried { // premature
			c.patience = min(2*c.patience, contentionLongest)
		}
		c.now = max(1, int(share*float64(c.now)))
		c.calm, c.tried = 0, false
	case share < contentionCalm:
		c.calm = 0
	default:
		c.calm += wall
		if c.now == c.most {
			if c.calm > 10*contentionPatience {
				c.patience, c.tried = contentionPatience, false
			}
		} else if c.calm >= c.patience {
			c.now, c.calm, c.tried = c.now+1, 0, true
		}
	}
	return c.now
}
