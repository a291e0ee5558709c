package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/cli/console"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestHelpIsOfOneKind holds what is said of every verb and flag to one form.
func TestHelpIsOfOneKind(t *testing.T) {
	const (
		width      = 92 // columns of prose
		listWidth  = 92 // columns of a line in a list of verbs
		flagsWidth = 140
	)
	root := testRoot()
	if len(root.Groups()) == 0 {
		t.Error("verbs are in no groups")
	}
	for _, cmd := range allCommands(root) {
		if cmd.Hidden || strings.HasPrefix(cmd.CommandPath(), "bise help") {
			continue
		}
		t.Run(strings.TrimPrefix(cmd.CommandPath(), "bise "), func(t *testing.T) {
			if cmd.Parent() == root && cmd.GroupID == "" {
				t.Error("it is in no group, so that help does not list it")
			}
			if first, _ := utf8.DecodeRuneInString(cmd.Short); !unicode.IsUpper(first) || strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("its short help is no clause: %q", cmd.Short)
			}
			if n := utf8.RuneCountInString(cmd.Short) + len("  perplexity  "); n > listWidth {
				t.Errorf("its short help makes a line of %d columns", n)
			}
			if cmd.Long != "" && !strings.HasSuffix(cmd.Long, ".") {
				t.Errorf("its help ends with no sentence: …%q", cmd.Long[max(0, len(cmd.Long)-30):])
			}
			for line := range strings.Lines(cmd.Long) {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("a line of its help has %d columns: %s", n, line)
				}
			}
			for line := range strings.Lines(cmd.Example) {
				if !strings.Contains(line, "bise "+strings.TrimPrefix(cmd.CommandPath(), "bise ")) && !strings.Contains(line, "bise quantize") {
					t.Errorf("an example shows another verb: %s", line)
				}
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name == "help" || f.Hidden {
					return
				}
				value, what := pflag.UnquoteUsage(f)
				if first, _ := utf8.DecodeRuneInString(what); unicode.IsUpper(first) && !strings.HasPrefix(what, value) {
					t.Errorf("--%s begins with a capital: %s", f.Name, what)
				}
				if strings.HasSuffix(what, ".") || strings.Contains(what, "(default ") {
					t.Errorf("--%s is no clause, or has another form of default: %s", f.Name, what)
				}
				if f.Value.Type() != "bool" && f.NoOptDefVal == "" && !strings.Contains(what, value) {
					t.Errorf("--%s does not say what %s is: %s", f.Name, value, what)
				}
				if f.Value.Type() != "bool" && value != strings.ToUpper(value) {
					t.Errorf("--%s names no value in capitals: %s", f.Name, value)
				}
				if n := utf8.RuneCountInString(what); n > flagsWidth {
					t.Errorf("--%s takes %d columns", f.Name, n)
				}
			})
			var out bytes.Buffer
			cmd.SetOut(&out)
			help(cmd, nil)
			if strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), "see bise --help") {
				t.Errorf("its help is not whole:\n%s", &out)
			}
		})
	}
}

func testRoot() *cobra.Command {
	return newProgram(console.New(strings.NewReader(""), io.Discard, io.Discard), engines{load: loadHere}).root
}

// TestFlagsOfOneName checks that a flag means the same wherever it is: the same
// value, the same short form.
func TestFlagsOfOneName(t *testing.T) {
	root := testRoot()
	type form struct{ value, short, verb string }
	seen := map[string]form{}
	for _, cmd := range append(allCommands(root), root) {
		if cmd.Hidden {
			continue
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			value := f.Value.Type()
			if was, ok := seen[f.Name]; !ok {
				seen[f.Name] = form{value, f.Shorthand, cmd.CommandPath()}
			} else if f.Name == "model" && f.Shorthand == was.short {
				// eval compares two models
			} else if was.value != value || was.short != f.Shorthand {
				t.Errorf("--%s of %s is -%s %s, and of %s -%s %s", f.Name, cmd.CommandPath(), f.Shorthand, value, was.verb, was.short, was.value)
			}
		})
	}
}
