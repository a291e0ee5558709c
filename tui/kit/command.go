package kit

import (
	"slices"
	"strings"
)

// A Command is something that a person can have done by its name.
type Command struct {
	Name string
	Args string // what may follow the name; "" for nothing
	Help string
	Run  func(args string) Outcome
}

// RunCommand carries out a line such as "/theme dark"; false when it is no command.
func RunCommand(line string, commands []Command) (Outcome, bool) {
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	if !strings.HasPrefix(line, "/") {
		return Ignored(), false
	}
	for _, c := range commands {
		if c.Name == name {
			return c.Run(strings.TrimSpace(args)), true
		}
	}
	return Ignored(), false
}

// SortBy sorts a list by a number, and leaves the order of equals.
func SortBy[T any](list []T, number func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return number(a) - number(b) })
}
