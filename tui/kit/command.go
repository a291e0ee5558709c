package kit

import (
	"slices"
	"strings"
)

// A Command is an action with a name.
type Command struct {
	Name string
	Args string // arguments for display; "" for none
	Help string
	Run  func(args string) Outcome
}

// RunCommand runs a line such as "/theme dark". It returns false if the line is not a command.
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

// SortBy sorts a list by a number. It is stable.
func SortBy[T any](list []T, number func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return number(a) - number(b) })
}
