package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"strings"

	"github.com/bise-sh/bise/modes/eval"
)

// common are the flags of the tables that ask a model.
type common struct {
	program, model, half string
}

func (c *common) add(flags *flag.FlagSet) {
	flags.StringVar(&c.program, "bise", "bise", "`PATH` of the program bise")
	flags.StringVar(&c.model, "m", "", "`MODEL` for bise (default: the one that bise chooses)")
	flags.StringVar(&c.half, "half", "develop", "`HALF` of the cases: develop, held (held out: only its figures are shown) or all")
}

// check checks the half. reading says that the run shows answers, of which those of the
// held-out half are not for reading.
func (c *common) check(reading bool) error {
	switch {
	case c.half != "develop" && c.half != "held" && c.half != "all":
		return fmt.Errorf("invalid -half %q: want develop, held or all", c.half)
	case reading && c.half != "develop":
		return errors.New("the answers of the held-out half are not for reading")
	}
	return nil
}

// asks reports whether a case is asked, which is held out or not.
func (c *common) asks(held bool) bool { return c.half == "all" || held == (c.half == "held") }

// run runs a command of bise with --json and decodes what it prints. The exit code can say what
// was found, so only what bise prints shows whether it failed.
func (c *common) run(stdin string, into any, arguments ...string) error {
	arguments = append(arguments, "--json")
	if c.model != "" {
		arguments = append(arguments, "-m", c.model)
	}
	command := exec.Command(c.program, arguments...)
	if stdin != "" {
		command.Stdin = strings.NewReader(stdin)
	}
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	exit := command.Run()
	if exit != nil && command.ProcessState == nil {
		return fmt.Errorf("run bise: %w", exit)
	}
	return decode(out.Bytes(), errs.String(), exit, into)
}

// decode decodes the output of bise, or returns the error that bise reports: as JSON on stdout,
// or before it reads --json as text on stderr.
func decode(stdout []byte, stderr string, exit error, into any) error {
	var failure struct{ Type, Message, Hint string }
	if json.Unmarshal(stdout, &failure) == nil && failure.Type == "error" {
		return errors.New(strings.TrimSpace(failure.Message + "\n" + failure.Hint))
	}
	err := json.Unmarshal(stdout, into)
	if text := strings.TrimPrefix(strings.TrimSpace(stderr), "bise: "); err != nil && text != "" {
		return errors.New(text)
	}
	if err != nil {
		return errors.Join(exit, fmt.Errorf("decode the output of bise: %w", err))
	}
	return nil
}

// one is 1 for true.
func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}

// share describes a share with its 95 % Wilson interval, in percent.
func share(right, all int) string {
	if all == 0 {
		return "–"
	}
	low, high := eval.Wilson(right, all)
	return fmt.Sprintf("%d of %d: %s (%.0f–%.0f)", right, all, percent(right, all), 100*low, 100*high)
}
