//go:build unix

package worker

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

func TestContract(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	enginetest.Run(t, suite(h, spec))
}

// Nothing is lost when workers are killed and leave while many ask.
func TestStress(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	spec.KeepAlive = time.Millisecond
	enginetest.Stress(t, suite(h, spec), enginetest.Load{
		Clients: 8, Requests: 200, Engines: 4, Cancel: 0.3, Disturbances: 4,
		Disturb: func() {
			all, err := List(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, st := range all {
				if err := kill(st.PID); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Error(err)
				}
			}
		},
	})
	t.Logf("%d workers were started", h.starts(spec))
}

func suite(h *house, spec Spec) enginetest.Suite {
	return enginetest.Suite{
		EndToken: enginetest.EndToken,
		Open: func(t *testing.T) engine.Engine {
			e, err := Open(t.Context(), spec, launcher(h.logs))
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}
}
