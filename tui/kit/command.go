package kit

import (
	"slices"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// A Command is an action with a name.
type Command struct {
	Name string
	Args string // arguments for display; "" for none
	Help string
	Run  func(args string) Outcome
}

// FindCommand finds the command of a line such as "/theme dark". It returns nil for text: a path
// such as /etc/hosts, and a line that starts with a space. An unknown command
// is an error, so that a slip is not sent to the model.
func FindCommand(line string, commands []Command) (c *Command, args string, err error) {
	line, ok := strings.CutPrefix(line, "/")
	if !ok {
		return nil, "", nil
	}
	name := line
	if i := strings.IndexFunc(line, unicode.IsSpace); i >= 0 {
		name, args = line[:i], strings.TrimSpace(line[i:])
	}
	if name == "" && args != "" || strings.ContainsAny(name, `/\.:~`) {
		return nil, "", nil
	}
	names := make([]string, len(commands))
	for i := range commands {
		if strings.EqualFold(commands[i].Name, name) {
			return &commands[i], args, nil
		}
		names[i] = commands[i].Name
	}
	unknown := &fault.Error{Kind: fault.Usage, Msg: "unknown command /" + Truncate(OneLine(name), maxName), Advice: "/help lists the commands. Start with a space to send it."}
	if near := suggest.Word(name, names); near != "" {
		unknown.Advice = "Did you mean /" + near + "? Start with a space to send it."
	}
	return nil, "", unknown
}

// maxName is how much of an unknown name is shown.
const maxName = 24

// SortBy sorts a list by a number. It is stable.
func SortBy[T any](list []T, number func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return number(a) - number(b) })
}
