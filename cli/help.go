package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help prints what a verb does.
func help(cmd *cobra.Command, _ []string) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n", text)
	writeUsage(cmd.OutOrStdout(), cmd)
}

func usage(cmd *cobra.Command) error {
	writeUsage(cmd.OutOrStderr(), cmd)
	return nil
}

func writeUsage(w io.Writer, cmd *cobra.Command) {
	line := cmd.UseLine()
	if !cmd.HasParent() {
		line = "bise VERB [flags]"
	}
	fmt.Fprintf(w, "  %s\n", line)
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	if cmd.HasSubCommands() {
		fmt.Fprintln(w, "\nVerbs")
		for _, c := range cmd.Commands() {
			if !c.Hidden {
				fmt.Fprintf(w, "  %-11s %s\n", c.Name(), c.Short)
			}
		}
	}
	if flags := flagLines(cmd.LocalNonPersistentFlags()); flags != "" {
		fmt.Fprintf(w, "\nFlags\n%s", flags)
	}
	global := cmd.Root().PersistentFlags()
	if !cmd.HasParent() {
		fmt.Fprintf(w, "\nFlags of every verb\n%s", flagLines(global))
		fmt.Fprintln(w, "\nA verb's own flags and examples: bise VERB --help")
		return
	}
	var names []string
	global.VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand
		}
		names = append(names, name)
	})
	fmt.Fprintf(w, "\nAlso %s: see bise --help\n", strings.Join(names, " "))
}

// flagLines describes flags, one a line, without defaults that mean nothing.
func flagLines(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.SortFlags = false
	width := 0
	flags.VisitAll(func(f *pflag.Flag) { width = max(width, len([]rune(flagName(f)))) })
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		_, what := pflag.UnquoteUsage(f)
		name := flagName(f)
		fmt.Fprintf(&b, "  %s%s  %s\n", name, strings.Repeat(" ", width-len([]rune(name))), what)
	})
	return b.String()
}

func flagName(f *pflag.Flag) string {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if value, _ := pflag.UnquoteUsage(f); value != "" && f.Value.Type() != "bool" {
		name += " " + value
	}
	return name
}
