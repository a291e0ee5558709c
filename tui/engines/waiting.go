package engines

import (
	"fmt"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Waiting is what an answer waits for before its first token.
type Waiting struct {
	Phase        Phase
	Model        string
	Loaded       float64 // share
	Progress     engine.Progress
	prefillStart time.Time     // start of the prefill
	prefillFirst int           // tokens done at prefillStart
	remaining    time.Duration // until the prefill ends; 0: unknown

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

// Observe updates the state after an event.
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
	if w.prefillStart.IsZero() {
		w.prefillStart, w.prefillFirst = now, p.Done
	}
	w.remaining = 0
	if done := p.Done - w.prefillFirst; done > 0 {
		w.remaining = now.Sub(w.prefillStart) / time.Duration(done) * time.Duration(p.Total-p.Done)
	}
}

// ThinkingTime returns how long the model has been thinking.
func (w *Waiting) ThinkingTime() time.Duration { return w.thinkingEnded.Sub(w.thinkingBegan) }

// Line describes what the answer waits for.
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
		return kit.Truncate(fmt.Sprintf("waiting for %s", units.Plural(w.Progress.Queued, "request")), width)
	case Prefilling:
		after := ""
		switch {
		case w.remaining >= 2*time.Minute:
			after = fmt.Sprintf("%.0f min left", w.remaining.Minutes())
		case w.remaining >= time.Second:
			after = fmt.Sprintf("%.0f s left", w.remaining.Seconds())
		}
		text := fmt.Sprintf("reading %s of %s tokens", units.Count(w.Progress.Done), units.Count(w.Progress.Total))
		return kit.ProgressLine(text, float64(w.Progress.Done)/float64(max(1, w.Progress.Total)), after, width)
	}
	return ""
}
