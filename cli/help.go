package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bise-sh/bise/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpCommand is the command bise help.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]…", Short: "Print the help of a command", Hidden: true, Annotations: flags.Mark(flags.Bare),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := commandAt(cmd.Root(), args)
			if err != nil {
				return err
			}
			return of.Help()
		},
	}
}

// help prints the help of a command.
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
		line = "bise [FILE]…          open the interface, with files or piped text\n  bise COMMAND [flags]  do one thing, also in a pipe"
	}
	fmt.Fprintf(w, "  %s\n", line)
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	if groups := cmd.Groups(); len(groups) > 0 {
		for _, g := range groups {
			writeCommands(w, g.Title, cmd, g.ID)
		}
	} else if cmd.HasSubCommands() {
		writeCommands(w, "Commands", cmd, "")
	}
	for _, section := range flagSections(cmd) {
		fmt.Fprintf(w, "\n%s\n%s", section.title, flagLines(section.flags))
	}
	global := cmd.Root().PersistentFlags()
	if !cmd.HasParent() {
		fmt.Fprintf(w, "\nGlobal flags\n%s", flagLines(global))
		fmt.Fprintln(w, "\nFlags and examples of a command: bise COMMAND --help")
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

// writeCommands lists the commands of a group.
func writeCommands(w io.Writer, title string, cmd *cobra.Command, group string) {
	fmt.Fprintf(w, "\n%s\n", title)
	for _, c := range cmd.Commands() {
		if !c.Hidden && c.GroupID == group {
			fmt.Fprintf(w, "  %-11s %s\n", c.Name(), c.Short)
		}
	}
}

// A flagSection is flags under a title.
type flagSection struct {
	title string
	flags *pflag.FlagSet
}

// flagSections are the flags of a command that help shows: its own first, and all
// in the order in which they were added.
func flagSections(cmd *cobra.Command) []flagSection {
	sections := []flagSection{newSection("Flags")}
	cmd.Flags().SortFlags = false
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || cmd.Root().PersistentFlags().Lookup(f.Name) != nil {
			return
		}
		title := sections[0].title
		if own := flags.Section(f); own != "" {
			title = own
		}
		i := slices.IndexFunc(sections, func(s flagSection) bool { return s.title == title })
		if i < 0 {
			i, sections = len(sections), append(sections, newSection(title))
		}
		sections[i].flags.AddFlag(f)
	})
	return slices.DeleteFunc(sections, func(s flagSection) bool { return !s.flags.HasFlags() })
}

func newSection(title string) flagSection {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	return flagSection{title, flags}
}

// flagLines describes flags, one a line, without defaults that mean nothing.
func flagLines(flags *pflag.FlagSet) string {
	var b strings.Builder
	width := 0
	flags.VisitAll(func(f *pflag.Flag) { width = max(width, len([]rune(flagName(f)))) })
	flags.VisitAll(func(f *pflag.Flag) {
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
