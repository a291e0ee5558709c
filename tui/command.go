package tui

import (
	"slices"
	"strings"
)

// A command is something that a person can have done by its name.
type command struct {
	name string
	args string // what may follow the name; "" for nothing
	help string
	run  func(args string) outcome
}

// runLine carries out a line such as "/theme dark"; false when it is no command.
func runLine(line string, commands []command) (outcome, bool) {
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	if !strings.HasPrefix(line, "/") {
		return pass(), false
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(strings.TrimSpace(args)), true
		}
	}
	return pass(), false
}

// sortBy sorts a list by a number, and leaves the order of equals.
func sortBy[T any](list []T, number func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return number(a) - number(b) })
}
