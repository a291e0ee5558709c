// Typecheck checks that every package and every test compiles in other
// configurations than this machine's:
//
//	go run ./scripts/typecheck GOOS=darwin,CGO_ENABLED=0 GOOS=windows,CGO_ENABLED=0
//
// It reads the types of everything from source and generates no code, which takes a
// fraction of what go vet does there: that compiles every dependency first.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for _, arg := range os.Args[1:] {
		errs, err := check(strings.Split(arg, ","))
		if err != nil {
			errs = []string{err.Error()}
		}
		for _, e := range errs {
			fmt.Fprintf(os.Stderr, "%s: %s\n", arg, e)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check returns what is wrong with the packages of this module in an environment.
func check(env []string) ([]string, error) {
	list, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedDeps | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedModule,
		Env:   append(os.Environ(), env...),
		Tests: true,
	}, "./...")
	if err != nil {
		return nil, err
	}
	var errs []string
	for _, p := range list {
		for _, e := range p.Errors {
			errs = append(errs, e.Error())
		}
	}
	return errs, nil
}
