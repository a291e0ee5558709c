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
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: quality review|complete|solve|extract [FLAGS]"))
	}
	var err error
	switch os.Args[1] {
	case "review":
		err = review(os.Args[2:])
	case "complete":
		err = complete(os.Args[2:])
	case "solve":
		err = solve(os.Args[2:])
	case "extract":
		err = extract(os.Args[2:])
	default:
		err = fmt.Errorf("unknown table %q; there are: review, complete, solve, extract", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "quality:", err)
	os.Exit(1)
}
