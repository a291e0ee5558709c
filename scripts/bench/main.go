// Command bench measures what the build and the program around the engine are worth: how much faster
// a prompt is read with llama.cpp's backends as bise builds them, and how long it takes to start bise
// and to ask a model that is in memory. What the engine itself is worth is in the benchmarks of
// package llama.
//
// It is run by make bench. Its model is made of random weights, so it needs no file and no network.
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

// reading marks a call of this program by itself that reads a prompt with the backends in one
// folder: a process can load them only once.
const reading = "read"

const usage = "usage: bench BISE LIB LIB-NOREPACK"

func main() {
	run := measure
	if len(os.Args) > 1 && os.Args[1] == reading {
		run = read
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure prints a table: what, how much, and how much was hoped for.
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
		return fmt.Errorf("make a model: %w", err)
	}
	if err := compareBackends(ctx, model, lib, norepack, filepath.Join(dir, "none")); err != nil {
		return err
	}
	return timeProgram(ctx, bise, model, dir)
}

// makeModel writes a model of 144 million weights in Q4_K: large enough that the arithmetic is what
// takes the time, small enough for a machine that does it without vector instructions.
func makeModel(path string) error {
	o := tinymodel.Mistral()
	o.Layers, o.Width, o.Heads, o.KVHeads, o.FFN = 12, 1024, 16, 4, 3072
	o.Weights = gguf.Q4_K
	return tinymodel.Write(path, o)
}

func compareBackends(ctx context.Context, model, lib, norepack, none string) error {
	const rounds = 5
	var repacked, plain []float64
	for range rounds { // in turn, so that what slows the machine slows both
		for _, m := range []struct {
			dir  string
			into *[]float64
		}{{lib, &repacked}, {norepack, &plain}} {
			rate, err := readWith(ctx, m.dir, model, 512)
			if err != nil {
				return err
			}
			*m.into = append(*m.into, rate)
		}
	}
	scalar, err := readWith(ctx, none, model, 64)
	if err != nil {
		return err
	}
	best, without := median(repacked), median(plain)
	row("prompt, repacked backend", "%.0f tok/s", best, "")
	row("  of one without repacking", "%.2f×", best/without, "≥ 1.5×")
	row("  of no vector instructions", "%.0f×", best/scalar, "≥ 20×")
	return nil
}

// readWith reads a prompt of n tokens in a process of its own, and gives the tokens per second.
func readWith(ctx context.Context, lib, model string, n int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, reading, lib, model, strconv.Itoa(n))
	// So that nothing is found where lib has nothing.
	cmd.Env = append(os.Environ(), "BISE_NATIVE_CACHE="+filepath.Join(filepath.Dir(model), "none"))
	var said bytes.Buffer // by llama.cpp, of interest only when it fails
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("read a prompt with the backends in %s: %w\n%s", lib, err, said.Bytes())
	}
	return strconv.ParseFloat(string(bytes.TrimSpace(out)), 64)
}

// read is what readWith starts.
func read(ctx context.Context, args []string) error {
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
	for run := range 2 { // the first also brings the weights into memory
		prompt := make([]int32, n)
		for i := range prompt {
			prompt[i] = int32(100 + (i*37+run*101)%150) // of the 256 bytes, which every vocabulary has
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

// timeProgram runs bise itself, away from the models and workers of whoever runs it.
func timeProgram(ctx context.Context, bise, model, dir string) error {
	home := filepath.Join(dir, "home")
	env := append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+home, "BISE_MODEL=")
	for _, name := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
		env = append(env, "XDG_"+name+"_HOME="+filepath.Join(home, name))
	}
	if err := os.Mkdir(home, 0o700); err != nil {
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
	row("warm bise ask, besides the engine", "%.1f ms", median(added), "≤ 20 ms")
	return nil
}

// firstToken finds what the engine took until the first token, in the events of bise ask --json.
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
	return 0, errors.New("bise ask ended without saying how long it took")
}

func row(what, format string, value float64, hope string) {
	fmt.Printf("%-36s %12s   %s\n", what, fmt.Sprintf(format, value), hope)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
