package answer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine"
)

func TestReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reading
		r.update(engine.Progress{Queued: 2, Total: 9800})
		equal(t, "line", r.line(80), "waiting for 2 requests before this one")
		time.Sleep(time.Second)
		r.update(engine.Progress{Done: 1200, Cached: 1200, Total: 9800})
		equal(t, "line", r.line(80), "reading 1.2k of 9.8k tokens ━━━─────────────────────")
		time.Sleep(4 * time.Second)
		r.update(engine.Progress{Done: 3200, Cached: 1200, Total: 9800})
		equal(t, "line", r.line(80), "reading 3.2k of 9.8k tokens ━━━━━━━━────────────────  13 s left")
		equal(t, "narrow line", r.line(44), "reading 3.2k of 9.8k tokens ━━───  13 s left")
		equal(t, "very narrow line", r.line(30), "reading 3.2k of 9.8k tokens  13 s left")
		time.Sleep(10 * time.Minute)
		equal(t, "slow line", r.line(30), "reading 3.2k of 9.8k tokens  33 min left")
	})
}
