package main

import (
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
)

// rivalCommand compares bise with llama.cpp's llama-bench on the same files.
const rivalCommand = "rival"

const (
	rivalPrompt = 512 // tokens of the prompt
	rivalTokens = 128 // tokens that are decoded
	rivalDepth  = 128 // tokens before these, as bise bench has them
	rivalRuns   = 3   // of one process; their median counts
)

// speeds are tokens per second.
type speeds struct{ prefill, decode float64 }

// rival measures both programs in turn, as often as the third argument says, and prints the ratio of their
// speeds: the median of the rounds, and the range.
func rival(ctx context.Context, args []string) error {
	if len(args) < 5 {
		return errors.New("usage: bench rival BISE LLAMA-BENCH ROUNDS MODEL…")
	}
	bise, other := args[1], args[2]
	rounds, err := strconv.Atoi(args[3])
	if err != nil || rounds < 1 {
		return fmt.Errorf("invalid number of rounds %q", args[3])
	}
	dir, err := os.MkdirTemp("", "bise-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	env, err := isolated(dir)
	if err != nil {
		return err
	}
	for _, model := range args[4:] {
		var ours, theirs []speeds
		for range rounds {
			mine, threads, err := measureBise(ctx, env, bise, model)
			if err != nil {
				return err
			}
			its, err := measureRival(ctx, other, model, threads)
			if err != nil {
				return err
			}
			ours, theirs = append(ours, mine), append(theirs, its)
		}
		fmt.Println(filepath.Base(model))
		compare(fmt.Sprintf("  prefill, %d tokens", rivalPrompt), ours, theirs, func(s speeds) float64 { return s.prefill })
		compare(fmt.Sprintf("  decode, %d tokens", rivalTokens), ours, theirs, func(s speeds) float64 { return s.decode })
	}
	return nil
}

// compare prints the medians of two lists of speeds, and the ratios of speeds of the same round.
func compare(name string, ours, theirs []speeds, of func(speeds) float64) {
	var a, b, ratios []float64
	for i := range ours {
		a, b = append(a, of(ours[i])), append(b, of(theirs[i]))
		ratios = append(ratios, of(ours[i])/of(theirs[i]))
	}
	fmt.Printf("%-28s %8.1f tok/s, llama-bench %8.1f   %.2f× (%.2f to %.2f, %d rounds)\n",
		name, median(a), median(b), median(ratios), slices.Min(ratios), slices.Max(ratios), len(ratios))
}

func measureBise(ctx context.Context, env []string, bise, model string) (speeds, int, error) {
	var out struct {
		Threads int
		Prefill []struct {
			Rate float64 `json:"tokens_per_second"`
		}
		Decode []struct {
			Rate float64 `json:"tokens_per_second"`
		}
	}
	err := runJSON(ctx, env, &out, bise, "bench", model, "--json", "--quiet", "--parts", "prefill,decode", "--answers", "1",
		"--prompts", strconv.Itoa(rivalPrompt), "--decode", strconv.Itoa(rivalTokens), "--rounds", strconv.Itoa(rivalRuns))
	if err == nil && (len(out.Prefill) != 1 || len(out.Decode) != 1) {
		err = errors.New("bise bench reported no speeds")
	}
	if err != nil {
		return speeds{}, 0, err
	}
	return speeds{out.Prefill[0].Rate, out.Decode[0].Rate}, out.Threads, nil
}

func measureRival(ctx context.Context, program, model string, threads int) (speeds, error) {
	var s speeds
	for _, test := range []struct {
		args []string
		into *float64
	}{
		{[]string{"-p", strconv.Itoa(rivalPrompt), "-n", "0"}, &s.prefill},
		{[]string{"-p", "0", "-n", strconv.Itoa(rivalTokens), "-d", strconv.Itoa(rivalDepth)}, &s.decode},
	} {
		var out []struct {
			Samples []float64 `json:"samples_ts"`
		}
		args := append([]string{"-m", model, "-t", strconv.Itoa(threads), "-r", strconv.Itoa(rivalRuns), "-o", "json"}, test.args...)
		if err := runJSON(ctx, os.Environ(), &out, program, args...); err != nil {
			return s, err
		}
		if len(out) != 1 || len(out[0].Samples) == 0 || slices.Min(out[0].Samples) <= 0 {
			return s, fmt.Errorf("%s reported no speed", filepath.Base(program))
		}
		*test.into = median(out[0].Samples)
	}
	return s, nil
}

// runJSON runs a program and decodes what it prints.
func runJSON(ctx context.Context, env []string, into any, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer // shown only after a failure
	cmd.Env, cmd.Stderr = env, &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", filepath.Base(program), err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read what %s printed: %w", filepath.Base(program), err)
	}
	return nil
}
