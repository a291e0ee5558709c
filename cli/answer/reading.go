package answer

import (
	"fmt"
	"time"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// A reading says how far a prompt is read, and guesses how long the rest takes
// from the pace so far.
type reading struct {
	began time.Time
	first int // tokens that were done when it began
	now   engine.Progress
}

// update takes news in.
func (r *reading) update(p engine.Progress) {
	if r.began.IsZero() && p.Queued == 0 {
		r.began, r.first = time.Now(), p.Done
	}
	r.now = p
}

// left is how long the rest takes at the pace so far, 0 when there is none yet.
func (r reading) left() time.Duration {
	done := r.now.Done - r.first
	if done <= 0 {
		return 0
	}
	return time.Since(r.began) / time.Duration(done) * time.Duration(r.now.Total-r.now.Done)
}

func (r reading) line(columns int) string {
	if r.now.Queued > 0 {
		return fmt.Sprintf("waiting for %s before this one", units.Plural(r.now.Queued, "request"))
	}
	text := fmt.Sprintf("reading %s of %s tokens", units.Count(r.now.Done), units.Count(r.now.Total))
	after := ""
	if left := r.left().Round(time.Second); left > 0 {
		after = fmt.Sprintf("  %.0f s left", left.Seconds())
		if left >= 2*time.Minute {
			after = fmt.Sprintf("  %.0f min left", left.Minutes())
		}
	}
	share := float64(r.now.Done) / float64(max(1, r.now.Total))
	return console.Bar(text, share, after, columns)
}
