// Command quality measures how good bise's answers are on a model, one table for each
// subcommand. It runs the program as a user would and reads its JSON output.
//
//	go run ./tools/quality review -bise bin/bise -m MODEL
//	go run ./tools/quality complete -bise bin/bise -m MODEL -data HumanEval.jsonl.gz
//	go run ./tools/quality solve -bise bin/bise -m MODEL -data FILE.jsonl -votes 1,5
//	go run ./tools/quality extract -python PYTHON
//
// Half of the cases are for developing prompts and rules. With -half held, the figures are those
// of the other half, whose answers are never read one by one.
package main

import (
	"fmt"
	"io"
	"os"
)

const usage = `Usage: quality TABLE [FLAGS]

Tables:
  review    findings of bise review in small changes with and without a defect
  complete  completions of bise complete in HumanEval's solutions
  solve     answers of bise solve to problems such as GSM8K's
  extract   equal answers, as bise and math-verify judge them; needs no model

quality TABLE -h shows the flags of a table.
`

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run makes a table and returns the exit code.
func run(arguments []string, stderr io.Writer) int {
	if len(arguments) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var table func([]string) error
	switch arguments[0] {
	case "review":
		table = review
	case "complete":
		table = complete
	case "solve":
		table = solve
	case "extract":
		table = extract
	case "-h", "-help", "--help", "help":
		fmt.Fprint(stderr, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "quality: unknown table %q: want review, complete, solve or extract\n", arguments[0])
		return 2
	}
	if err := table(arguments[1:]); err != nil {
		fmt.Fprintln(stderr, "quality:", err)
		return 1
	}
	return 0
}
