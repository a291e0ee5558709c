// Command bench measures the build and the program around the engine: the prefill speed of llama.cpp's
// backends as bise builds them, the start-up time of bise, and the overhead of a request to a loaded
// model. The benchmarks of package llama measure the engine itself.
//
// Run it with make bench. The model has random weights, so that it needs no file and no network.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// prefillCommand runs this program as its own child process, which prefills a prompt with the backends
// in one folder: a process can load backends only once.
const prefillCommand = "prefill"

const usage = "usage: bench BISE LIB LIB-NOREPACK"

func main() {
	run := measure
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case prefillCommand:
			run = prefill
		case rivalCommand:
			run = rival
		}
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure prints a table of measurements and targets.
func measure(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New(usage)
	}
	bise, lib, norepack := args[0], args[1], args[2]
	dir, err := os.MkdirTemp("", "bise-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	model := filepath.Join(dir, "bench.gguf")
	if err := makeModel(model); err != nil {
		return fmt.Errorf("write the model: %w", err)
	}
	if err := compareBackends(ctx, model, lib, norepack, filepath.Join(dir, "none")); err != nil {
		return err
	}
	return timeProgram(ctx, bise, model, dir)
}

// makeModel writes a model with 144 million weights in Q4_K: large enough for arithmetic to dominate the
// time, small enough to run without vector instructions.
func makeModel(path string) error {
	o := tinymodel.Mistral()
	o.Layers, o.Width, o.Heads, o.KVHeads, o.FFN = 12, 1024, 16, 4, 3072
	o.Weights = gguf.Q4_K
	return tinymodel.Write(path, o)
}

func compareBackends(ctx context.Context, model, lib, norepack, none string) error {
	const rounds = 5
	var repacked, plain []float64
	for range rounds { // alternately, so that other load affects both
		for _, m := range []struct {
			dir  string
			into *[]float64
		}{{lib, &repacked}, {norepack, &plain}} {
			rate, err := prefillWith(ctx, m.dir, model, 512)
			if err != nil {
				return err
			}
			*m.into = append(*m.into, rate)
		}
	}
	scalar, err := prefillWith(ctx, none, model, 64)
	if err != nil {
		return err
	}
	best, without := median(repacked), median(plain)
	row("prefill, repacking backend", "%.0f tok/s", best, "")
	row("  compared with no repacking", "%.2f×", best/without, "≥ 1.5×")
	row("  compared with no vector code", "%.0f×", best/scalar, "≥ 20×")
	return nil
}

// prefillWith prefills n tokens in a child process and returns the tokens per second.
func prefillWith(ctx context.Context, lib, model string, n int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, prefillCommand, lib, model, strconv.Itoa(n))
	// Prevents a fallback to the usual folder when lib has no backends.
	cmd.Env = append(os.Environ(), "BISE_NATIVE_CACHE="+filepath.Join(filepath.Dir(model), "none"))
	var stderr bytes.Buffer // llama.cpp's log, shown only after a failure
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("prefill with the backends in %s: %w\n%s", lib, err, stderr.Bytes())
	}
	return strconv.ParseFloat(string(bytes.TrimSpace(out)), 64)
}

// prefill is the child process of prefillWith.
func prefill(ctx context.Context, args []string) error {
	lib, model := args[1], args[2]
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	e, err := llama.Open(ctx, model, engine.LoadOptions{BackendDirs: []string{lib}}, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	rate := 0.0
	for run := range 2 { // the first run also loads the weights into memory
		prompt := make([]int32, n)
		for i := range prompt {
			prompt[i] = int32(100 + (i*37+run*101)%150) // byte tokens, which every vocabulary has
		}
		one, greedy := 1, 0.0
		r := engine.CompletionRequest{Tokens: prompt}
		r.MaxTokens, r.Temperature = &one, &greedy
		for event, err := range e.Complete(ctx, r) {
			if err != nil {
				return err
			}
			if done, ok := event.(engine.Done); ok {
				rate = done.Timings.PrefillRate()
			}
		}
	}
	fmt.Println(rate)
	return nil
}

// timeProgram times bise itself, isolated from the user's models and workers.
func timeProgram(ctx context.Context, bise, model, dir string) error {
	env, err := isolated(dir)
	if err != nil {
		return err
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, bise, args...)
		cmd.Env, cmd.Stderr = env, os.Stderr
		return cmd
	}

	var version []float64
	for range 21 {
		start := time.Now()
		if err := command("version").Run(); err != nil {
			return fmt.Errorf("run bise version: %w", err)
		}
		version = append(version, milliseconds(time.Since(start)))
	}
	row("bise version", "%.1f ms", median(version), "≤ 30 ms")

	defer command("stop", "--all", "--quiet").Run()
	var added []float64
	for i := range 22 {
		start := time.Now()
		out, err := command("ask", "-m", model, "--json", "--quiet", "--max-tokens", "1", fmt.Sprint("question ", i)).Output()
		took := time.Since(start)
		if err != nil {
			return fmt.Errorf("run bise ask: %w", err)
		}
		first, err := firstToken(out)
		if err != nil {
			return err
		}
		if i > 0 { // the first loads the model
			added = append(added, milliseconds(took-first))
		}
	}
	row("bise ask, overhead, model loaded", "%.1f ms", median(added), "≤ 20 ms")
	return nil
}

// isolated returns an environment in which bise knows nothing of the user's.
func isolated(dir string) ([]string, error) {
	home := filepath.Join(dir, "home")
	env := append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+home, "BISE_MODEL=")
	for _, name := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
		env = append(env, "XDG_"+name+"_HOME="+filepath.Join(home, name))
	}
	return env, os.Mkdir(home, 0o700)
}

// firstToken returns the engine's time to the first token, from the events of bise ask --json.
func firstToken(events []byte) (time.Duration, error) {
	lines := bufio.NewScanner(bytes.NewReader(events))
	for lines.Scan() {
		var e struct {
			Type    string         `json:"type"`
			Timings engine.Timings `json:"timings"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, fmt.Errorf("read the events of bise ask: %w", err)
		}
		if e.Type == "done" {
			return e.Timings.FirstToken, nil
		}
	}
	return 0, errors.New("bise ask reported no timings")
}

func row(name, format string, value float64, target string) {
	fmt.Printf("%-36s %12s   %s\n", name, fmt.Sprintf(format, value), target)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
