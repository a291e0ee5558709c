package engines

import (
	"fmt"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Waiting is what an answer waits for before its first word.
type Waiting struct {
	Phase    Phase
	Model    string
	Loaded   float64 // share
	Progress engine.Progress
	began    time.Time     // the reading
	first    int           // tokens that were read when it began
	left     time.Duration // until it is read, 0 while unknown

	thinkingBegan, thinkingEnded time.Time
}

type Phase int

const (
	Idle Phase = iota
	Starting
	LoadingModel
	Queued
	Prefilling
)

// Observe takes the news of an event.
func (w *Waiting) Observe(event engine.Event, now time.Time) {
	switch e := event.(type) {
	case engine.Loading:
		w.Phase, w.Loaded = LoadingModel, e.Fraction
	case engine.Progress:
		w.progress(e, now)
	case engine.ThinkingDelta:
		w.Phase = Idle
		if w.thinkingBegan.IsZero() {
			w.thinkingBegan = now
		}
		w.thinkingEnded = now
	case engine.TextDelta, engine.ToolCallDelta:
		w.Phase = Idle
	}
}

func (w *Waiting) progress(p engine.Progress, now time.Time) {
	w.Progress = p
	if p.Queued > 0 {
		w.Phase = Queued
		return
	}
	w.Phase = Prefilling
	if w.began.IsZero() {
		w.began, w.first = now, p.Done
	}
	w.left = 0
	if done := p.Done - w.first; done > 0 {
		w.left = now.Sub(w.began) / time.Duration(done) * time.Duration(p.Total-p.Done)
	}
}

// ThinkingTime is how long the model has been thinking.
func (w *Waiting) ThinkingTime() time.Duration { return w.thinkingEnded.Sub(w.thinkingBegan) }

// Line says what is waited for.
func (w *Waiting) Line(width int) string {
	switch w.Phase {
	case Starting:
		return kit.Truncate("starting "+w.Model, width)
	case LoadingModel:
		if w.Loaded < 0 {
			return kit.Truncate("loading "+w.Model, width)
		}
		return kit.ProgressLine("loading "+w.Model, w.Loaded, fmt.Sprintf("%.0f %%", w.Loaded*100), width)
	case Queued:
		return kit.Truncate(fmt.Sprintf("waiting for %s before this one", units.Plural(w.Progress.Queued, "request")), width)
	case Prefilling:
		after := ""
		switch {
		case w.left >= 2*time.Minute:
			after = fmt.Sprintf("%.0f min left", w.left.Minutes())
		case w.left >= time.Second:
			after = fmt.Sprintf("%.0f s left", w.left.Seconds())
		}
		text := fmt.Sprintf("reading %s of %s tokens", units.Count(w.Progress.Done), units.Count(w.Progress.Total))
		return kit.ProgressLine(text, float64(w.Progress.Done)/float64(max(1, w.Progress.Total)), after, width)
	}
	return ""
}
