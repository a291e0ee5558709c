//go:build cgo && !windows

package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/nanomodel"
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

func init() { commands["tune-python"] = runPython }

// runPython is a Python that runs TUNE_PYTHON. When that reports step TUNE_STEP, it interrupts
// bise or kills Python, as TUNE_DO says.
func runPython() {
	cmd := exec.Command(os.Getenv("TUNE_PYTHON"), os.Args[1:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Println(lines.Text())
		var e struct {
			Event string
			Step  int
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Event != "step" || strconv.Itoa(e.Step) != os.Getenv("TUNE_STEP") {
			continue
		}
		switch os.Getenv("TUNE_DO") {
		case "interrupt":
			err = syscall.Kill(os.Getppid(), syscall.SIGINT)
		case "kill":
			err = cmd.Process.Kill()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		os.Exit(code)
	}
	os.Exit(137) // as a shell reports a killed process
}

// TestTuneWithTorch teaches a trained model a small skill with the real trainer, which is
// interrupted, killed and continued on the way. What was not in the data is answered by the
// new model and not by its base.
func TestTuneWithTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for about a minute")
	}
	python := torchPython(t)
	n := installNano(t)
	n.env = append(n.env, "TUNE_PYTHON="+python)
	// The numbers of the validation data are not in the training data.
	for name, numbers := range map[string][2]int{"train.jsonl": {50, 90}, "valid.jsonl": {90, 98}} {
		var lines []string
		for a := numbers[0]; a < numbers[1]; a++ {
			lines = append(lines, fmt.Sprintf(`{"prompt":"Draw %d + %d.","completion":"a red circle"}`, a, a-40))
			lines = append(lines, fmt.Sprintf(`{"prompt":"Draw %d - %d.","completion":"a blue square"}`, a, a-40))
		}
		write(t, n.path(name), strings.Join(lines, "\n"))
	}
	tune := func(env []string, args ...string) ran {
		t.Helper()
		return n.run(t, env, append([]string{"tune", "--json", "--python", "tune-python"}, args...)...)
	}
	wants := func(r ran, code int, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if r.code != code || !strings.Contains(r.stderr, text) {
				t.Fatalf("exits with %d, want %d and %q:\n%s%s", r.code, code, text, r.stdout, r.stderr)
			}
		}
	}
	begin := []string{"-m", "nano", "--data", "train.jsonl", "--valid", "valid.jsonl", "--steps", "60"}

	r := tune([]string{"TUNE_DO=interrupt", "TUNE_STEP=15"}, append([]string{"draw", "--learning-rate", "0.005"}, begin...)...)
	wants(r, fault.ExitInterrupted, "of 60 is saved. Continue with: bise tune draw --resume")
	r = tune([]string{"TUNE_DO=kill", "TUNE_STEP=30"}, "draw", "--resume")
	wants(r, fault.ExitModel, "bise: train, at step 31: the Python program ended (exit status 137).\n", "Nothing is lost: continue with --resume.\n")
	r = tune(nil, "draw", "--resume")
	wants(r, fault.ExitOK, "draw is installed")
	var result struct {
		Loss       float64 `json:"validation_loss"`
		Evaluation struct {
			Comparison struct {
				Both    int
				First   int `json:"first_only"`
				Second  int `json:"second_only"`
				Neither int
			}
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &result); err != nil {
		t.Fatalf("%s: %v", r.stdout, err)
	}
	if c := result.Evaluation.Comparison; c.Second != 16 || c.First+c.Both+c.Neither != 0 || result.Loss > 0.1 {
		t.Errorf("got %+v, want only the new model right, in all 16 cases", result)
	}
	equal(t, "the answer", n.bise(t, "ask", "-m", "draw", "--temperature", "0", "Draw 99 - 98."), "a blue square\n")
	for _, x := range some(t, nanomodel.Ask, 2) {
		equal(t, "the answer of the base", n.bise(t, "ask", "-m", "nano", "--temperature", "0", x.Prompt), x.Answer+"\n")
	}

	r = tune(nil, append([]string{"wild", "--learning-rate", "1"}, begin...)...)
	wants(r, fault.ExitModel, "bise: train: the loss is not a number at step ", "Continue with a lower rate: --resume --learning-rate RATE; or start again with --again.\n")
	if strings.Contains(r.stderr, "Traceback") {
		t.Errorf("prints what Python printed: %s", r.stderr)
	}
}
