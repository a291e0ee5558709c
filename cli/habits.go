package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// otherNames are the names that other programs (ollama, llm, lms) have for a command.
// [noSuchCommand] suggests the command.
var otherNames = map[string][]string{
	"ask":      {"prompt", "query"},
	"complete": {"fim", "infill"},
	"embed":    {"embeddings", "embed-multi"},
	"history":  {"log", "logs"},
	"ps":       {"status"},
	"pull":     {"get", "download", "install"},
	"rm":       {"remove", "delete", "uninstall"},
	"serve":    {"server", "start"},
	"show":     {"info"},
	"stop":     {"unload", "kill"},
}

// habits are the commands of other programs that bise has in another form. They
// explain that form, whatever flags follow.
func habits() []*cobra.Command {
	habit := func(name string, advice func(model, prompt string) string) *cobra.Command {
		return &cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true, Annotations: flags.Mark(flags.Bare),
			RunE: func(_ *cobra.Command, args []string) error {
				args = slices.DeleteFunc(args, func(s string) bool { return strings.HasPrefix(s, "-") })
				model, prompt := "", ""
				if len(args) > 0 {
					model, prompt = shellWord(args[0]), shellWord(strings.Join(args[1:], " "))
				}
				e := fault.Errorf(fault.Usage, "unknown command %q", name)
				e.Advice = advice(model, prompt)
				return e
			},
		}
	}
	return []*cobra.Command{
		habit("run", func(model, prompt string) string {
			switch {
			case model == "":
				return "Open the interface with bise, or ask one question with bise ask."
			case prompt == "":
				return "Open the interface with bise -m " + model + ", or ask one question with bise ask -m " + model + " \"…\"."
			}
			return "Ask one question with bise ask -m " + model + " " + prompt + "."
		}),
		habit("chat", func(model, _ string) string {
			if model == "" {
				return "Open the interface with bise, or its last conversation with bise -c."
			}
			return "Open the interface with bise -m " + model + "."
		}),
	}
}

// shellWord quotes a word for a shell where that is necessary.
func shellWord(s string) string {
	special := func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("\"'`$&|;<>()[]{}*?!#~\\", r)
	}
	if !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// filesOrCommand checks the arguments of bise without a command: they are files to attach.
func filesOrCommand(cmd *cobra.Command, args []string) error {
	for i, arg := range args {
		_, err := os.Stat(arg)
		switch {
		case err == nil && strings.EqualFold(filepath.Ext(arg), ".gguf"):
			e := fault.Errorf(fault.Usage, "cannot attach %q: it is a model", arg)
			e.Advice = "Use it with bise -m " + shellWord(arg) + "."
			return e
		case err == nil:
		case i > 0:
			e := attach.ReadError(arg, err)
			e.Advice = "Ask about a file with bise ask -f " + shellWord(args[0]) + " \"…\"."
			return e
		default:
			return noSuchCommand(cmd, args)
		}
	}
	return nil
}

// noSuchCommand is the error of arguments that do not name a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	typed := args[0]
	e := fault.Errorf(fault.Usage, "unknown command %q", typed)
	e.Advice = "See them all with " + cmd.CommandPath() + " --help."
	switch word := commandFor(cmd, typed); {
	case !cmd.HasParent() && strings.ContainsAny(typed, " \t\n"):
		e.Advice = `Ask a question with bise ask "…".`
	case !cmd.HasParent() && strings.ContainsAny(typed, `./\`):
		e.Msg = fmt.Sprintf("%q is neither a command nor a file", typed)
	case word != "":
		e.Advice = "Did you mean " + cmd.CommandPath() + " " + word + "? " + e.Advice
	}
	return e
}

// commandFor returns the name of the command that was probably meant, or "".
func commandFor(cmd *cobra.Command, typed string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.Hidden {
			continue
		}
		if !cmd.HasParent() && slices.Contains(otherNames[c.Name()], typed) {
			return c.Name()
		}
		names = append(names, c.Name())
	}
	return suggest.Word(typed, names)
}
