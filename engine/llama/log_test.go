//go:build cgo

package llama

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// The backends have their own copy of ggml's log: it must not print a line for each matrix
// that they rearrange. A second process loads the model, because C writes to stderr itself.
func TestLoadPrintsNothing(t *testing.T) {
	if path := os.Getenv("BISE_TEST_LOAD"); path != "" {
		write(t, open(t, path, engine.LoadOptions{}), tokens(8, 1), 2)
		return
	}
	for _, weights := range []gguf.Type{gguf.Q4_0, gguf.Q4_K} {
		o := tinymodel.Mistral()
		o.Width, o.FFN, o.Weights = 256, 512, weights
		cmd := exec.Command(os.Args[0], "-test.run=^TestLoadPrintsNothing$")
		cmd.Env = append(os.Environ(), "BISE_TEST_LOAD="+tiny(t, o))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("%v: %s%s", err, out, stderr.String())
		}
		if stderr.Len() > 0 {
			t.Errorf("loading %v prints %q", weights, stderr.String())
		}
	}
}
