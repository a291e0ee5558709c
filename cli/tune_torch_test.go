//go:build cgo

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// torchPython finds a Python that has what the trainer needs: $BISE_TEST_PYTHON, or python3.
func torchPython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("BISE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	const look = "import importlib.util, sys; sys.exit(any(importlib.util.find_spec(m) is None for m in 'torch transformers peft accelerate gguf numpy'.split()))"
	if out, err := exec.Command(python, "-c", look).CombinedOutput(); err != nil {
		t.Skipf("%s does not have torch, transformers, peft, accelerate, gguf and numpy (BISE_TEST_PYTHON names one that has): %v %s", python, err, out)
	}
	return python
}

// TestTuneWithTorch trains a model of random weights for some steps, installs the result, and
// asks both models.
func TestTuneWithTorch(t *testing.T) {
	python := torchPython(t)
	t.Chdir(t.TempDir())
	if err := tinymodel.Write("tiny.gguf", tinymodel.Options{}); err != nil {
		t.Fatal(err)
	}
	var train, valid []string
	for i := range 12 {
		line := fmt.Sprintf(`{"messages":[{"role":"user","content":"number %d"},{"role":"assistant","content":"abab"}]}`, i)
		if i < 9 {
			train = append(train, line)
		} else {
			valid = append(valid, line)
		}
	}
	for name, lines := range map[string][]string{"train.jsonl": train, "valid.jsonl": valid} {
		if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testPlaces(t)
	open := func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error) {
		spec := worker.Spec{Name: ref, Path: "tiny.gguf", Options: o}
		if ref == "mine" {
			found, err := filepath.Glob(filepath.Join(os.Getenv("XDG_DATA_HOME"), "bise/models/mine/*/mine.lora.gguf"))
			if err != nil || len(found) != 1 {
				t.Fatalf("adapters: %v, %v", found, err)
			}
			spec.Options.Adapters = []engine.Adapter{{Path: found[0], Scale: 1}}
		}
		return loadHere(ctx, spec, func(float64) {})
	}
	models := engines{open: open}
	r := runWith(t, models, "", "tune", "mine", "-m", "tiny.gguf", "--data", "train.jsonl", "--valid", "valid.jsonl",
		"--steps", "40", "--batch", "4", "--learning-rate", "0.02", "--python", python, "--json")
	if r.code != 0 {
		t.Fatalf("exits with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	var result struct {
		Before     float64 `json:"validation_loss_before"`
		After      float64 `json:"validation_loss"`
		Evaluation struct {
			Comparison struct {
				First  int `json:"first_only"`
				Second int `json:"second_only"`
			}
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &result); err != nil {
		t.Fatalf("%s: %v", r.stdout, err)
	}
	if result.After > result.Before/4 {
		t.Errorf("the loss is %v, it was %v", result.After, result.Before)
	}
	if c := result.Evaluation.Comparison; c.First != 0 || c.Second < 2 {
		t.Errorf("only the first model is right %d times, only the second %d times, want 0 and at least 2", c.First, c.Second)
	}
}
