// Package progress describes what a request waits for before its first token: the
// model, other requests or the prefill.
package progress

import (
	"fmt"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// Progress is the state of a request that has no token yet.
type Progress struct {
	Phase   Phase
	Model   string
	Loaded  float64 // the loaded part of the model, 0 to 1; -1: unknown
	Prefill engine.Progress

	began time.Time // the prefill
	first int       // prompt tokens that were done then
	left  time.Duration

	thinkingBegan, thinkingEnded time.Time
}

// Phase is what a request waits for.
type Phase int

// The phases of a request.
const (
	Idle Phase = iota
	Starting
	Loading
	Queued
	Prefilling
)

// Observe updates the state with an event.
func (p *Progress) Observe(event engine.Event, now time.Time) {
	switch e := event.(type) {
	case engine.Loading:
		p.Phase, p.Loaded = Loading, e.Fraction
	case engine.Progress:
		p.prefill(e, now)
	case engine.ThinkingDelta:
		p.Phase = Idle
		if p.thinkingBegan.IsZero() {
			p.thinkingBegan = now
		}
		p.thinkingEnded = now
	case engine.TextDelta, engine.ToolCallDelta:
		p.Phase = Idle
	}
}

func (p *Progress) prefill(e engine.Progress, now time.Time) {
	p.Prefill = e
	if e.Queued > 0 {
		p.Phase = Queued
		return
	}
	p.Phase = Prefilling
	if p.began.IsZero() {
		p.began, p.first = now, e.Done
	}
	p.left = 0
	if done := e.Done - p.first; done > 0 {
		p.left = now.Sub(p.began) / time.Duration(done) * time.Duration(e.Total-e.Done)
	}
}

// ThinkingTime returns how long the model has been thinking.
func (p *Progress) ThinkingTime() time.Duration { return p.thinkingEnded.Sub(p.thinkingBegan) }

// A Line is a text, a progress bar and a text after it.
type Line struct {
	Text  string
	Share float64 // the filled part of the bar, 0 to 1; -1: no bar
	After string
}

// Line describes the current phase. It is empty while nothing is waited for.
func (p *Progress) Line() Line {
	switch p.Phase {
	case Starting:
		return Line{"starting " + p.Model, -1, ""}
	case Loading:
		return LoadingLine(p.Model, p.Loaded)
	case Queued:
		return Line{fmt.Sprintf("waiting for %s before this one", units.Plural(p.Prefill.Queued, "request")), -1, ""}
	case Prefilling:
		after := ""
		switch {
		case p.left >= 2*time.Minute:
			after = fmt.Sprintf("%.0f min left", p.left.Minutes())
		case p.left >= time.Second:
			after = fmt.Sprintf("%.0f s left", p.left.Seconds())
		}
		text := fmt.Sprintf("prefill: %s of %s tokens", units.Count(p.Prefill.Done), units.Count(p.Prefill.Total))
		return Line{text, float64(p.Prefill.Done) / float64(max(1, p.Prefill.Total)), after}
	}
	return Line{}
}

// LoadingLine describes a model that is being loaded.
func LoadingLine(model string, share float64) Line {
	if share < 0 {
		return Line{"loading " + model, -1, ""}
	}
	return Line{"loading " + model, share, fmt.Sprintf("%.0f %%", share*100)}
}
