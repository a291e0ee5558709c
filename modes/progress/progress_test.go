package progress

import (
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

func TestPrefill(t *testing.T) {
	p := Progress{Model: "m", Loaded: -1, Phase: Starting}
	now := time.Unix(0, 0)
	for _, tt := range []struct {
		after time.Duration
		event engine.Event
		want  Line
	}{
		{0, engine.Loading{Fraction: 0.5}, Line{"loading m", 0.5, "50 %"}},
		{0, engine.Progress{Queued: 2, Total: 9800}, Line{"waiting for 2 requests before this one", -1, ""}},
		{time.Second, engine.Progress{Done: 1200, Cached: 1200, Total: 9800}, Line{"prefill: 1.2k of 9.8k tokens", 1200. / 9800, ""}},
		{4 * time.Second, engine.Progress{Done: 3200, Cached: 1200, Total: 9800}, Line{"prefill: 3.2k of 9.8k tokens", 3200. / 9800, "13 s left"}},
		{10 * time.Minute, engine.Progress{Done: 3200, Cached: 1200, Total: 9800}, Line{"prefill: 3.2k of 9.8k tokens", 3200. / 9800, "33 min left"}},
		{0, engine.TextDelta{Text: "a"}, Line{}},
	} {
		now = now.Add(tt.after)
		p.Observe(tt.event, now)
		if got := p.Line(); got != tt.want {
			t.Errorf("after %+v: line %+v, want %+v", tt.event, got, tt.want)
		}
	}
}
