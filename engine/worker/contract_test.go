//go:build unix

package worker

import (
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

func TestContract(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	enginetest.Run(t, enginetest.Suite{
		EndToken: enginetest.EndToken,
		Open: func(t *testing.T) engine.Engine {
			e, err := Open(t.Context(), spec, launcher(h.logs))
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	})
}
