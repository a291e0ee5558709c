package tui

import (
	"fmt"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// waiting is what an answer waits for before its first word.
type waiting struct {
	what   waitsFor
	model  string
	loaded float64 // share
	now    engine.Progress
	began  time.Time     // the reading
	first  int           // tokens that were read when it began
	left   time.Duration // until it is read, 0 while unknown

	thinkingBegan, thinkingEnded time.Time
}

type waitsFor int

const (
	nothing waitsFor = iota
	forEngine
	forLoading
	forTurn
	forReading
)

// take takes the news of an event.
func (w *waiting) take(event engine.Event, now time.Time) {
	switch e := event.(type) {
	case engine.Loading:
		w.what, w.loaded = forLoading, e.Fraction
	case engine.Progress:
		w.progress(e, now)
	case engine.ThinkingDelta:
		w.what = nothing
		if w.thinkingBegan.IsZero() {
			w.thinkingBegan = now
		}
		w.thinkingEnded = now
	case engine.TextDelta, engine.ToolCallDelta:
		w.what = nothing
	}
}

func (w *waiting) progress(p engine.Progress, now time.Time) {
	w.now = p
	if p.Queued > 0 {
		w.what = forTurn
		return
	}
	w.what = forReading
	if w.began.IsZero() {
		w.began, w.first = now, p.Done
	}
	w.left = 0
	if done := p.Done - w.first; done > 0 {
		w.left = now.Sub(w.began) / time.Duration(done) * time.Duration(p.Total-p.Done)
	}
}

// thought is how long the model has been thinking.
func (w *waiting) thought() time.Duration { return w.thinkingEnded.Sub(w.thinkingBegan) }

// line says what is waited for.
func (w *waiting) line(width int) string {
	switch w.what {
	case forEngine:
		return kit.Truncate("starting "+w.model, width)
	case forLoading:
		if w.loaded < 0 {
			return kit.Truncate("loading "+w.model, width)
		}
		return kit.ProgressLine("loading "+w.model, w.loaded, fmt.Sprintf("%.0f %%", w.loaded*100), width)
	case forTurn:
		return kit.Truncate(fmt.Sprintf("waiting for %s before this one", units.Plural(w.now.Queued, "request")), width)
	case forReading:
		after := ""
		switch {
		case w.left >= 2*time.Minute:
			after = fmt.Sprintf("%.0f min left", w.left.Minutes())
		case w.left >= time.Second:
			after = fmt.Sprintf("%.0f s left", w.left.Seconds())
		}
		text := fmt.Sprintf("reading %s of %s tokens", units.Count(w.now.Done), units.Count(w.now.Total))
		return kit.ProgressLine(text, float64(w.now.Done)/float64(max(1, w.now.Total)), after, width)
	}
	return ""
}
