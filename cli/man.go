package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCommand(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "man [COMMAND]…",
		Short:       "Print the manual page of bise or of a command",
		Example:     "bise man ask | man -l -\nbise man history search >bise-history-search.1",
		Annotations: flags.Mark(flags.Bare),
		RunE: func(cmd *cobra.Command, args []string) error {
			page, err := commandAt(cmd.Root(), args)
			if err != nil {
				return err
			}
			return writeManual(con.Stdout, page, build.Current().Version)
		},
	}
}

// commandAt returns the command with a path, such as history search.
func commandAt(root *cobra.Command, path []string) (*cobra.Command, error) {
	cmd := root
	for i, name := range path {
		at := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool {
			return !c.Hidden && (c.Name() == name || c.HasAlias(name))
		})
		if at < 0 {
			return nil, noSuchCommand(cmd, path[i:])
		}
		cmd = cmd.Commands()[at]
	}
	return cmd, nil
}

// writeManual writes what help says as a manual page: man(7), in section 1.
func writeManual(w io.Writer, cmd *cobra.Command, version string) error {
	m := &strings.Builder{}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(m, ".TH %s 1 \"\" \"bise %s\" bise\n.nh\n", roff(strings.ToUpper(name)), roff(version))
	fmt.Fprintf(m, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	m.WriteString(".SH SYNOPSIS\n")
	if cmd.HasParent() {
		fmt.Fprintf(m, ".B %s\n", roff(cmd.UseLine()))
	} else {
		m.WriteString(".B bise\n[FILE]...\n.br\n.B bise COMMAND [flags]\n")
	}
	if cmd.Long != "" {
		fmt.Fprintf(m, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(cmd.Long), "\n\n", "\n.PP\n"))
	}
	for _, g := range cmd.Groups() {
		manualVerbs(m, g.Title, cmd, g.ID)
	}
	if len(cmd.Groups()) == 0 && cmd.HasSubCommands() {
		manualVerbs(m, "Commands", cmd, "")
	}
	for _, s := range flagSections(cmd) {
		manualFlags(m, s.title, s.flags)
	}
	manualFlags(m, "Global flags", cmd.Root().PersistentFlags())
	if cmd.Example != "" {
		fmt.Fprintf(m, ".SH EXAMPLES\n.EX\n%s\n.EE\n", roff(cmd.Example))
	}
	if !cmd.HasParent() {
		m.WriteString(".SH EXIT STATUS\n")
		for _, s := range exitStatus {
			fmt.Fprintf(m, ".TP\n.B %d\n%s\n", s.code, roff(s.means))
		}
	}
	var also []string
	if cmd.HasParent() {
		also = append(also, manualOf(cmd.Parent()))
	}
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			also = append(also, manualOf(c))
		}
	}
	fmt.Fprintf(m, ".SH SEE ALSO\n%s\n", strings.Join(also, ",\n"))
	_, err := io.WriteString(w, m.String())
	return err
}

// exitStatus is what bise exits with.
var exitStatus = []struct {
	code  int
	means string
}{
	{fault.ExitOK, "Done."},
	{fault.ExitNo, "Done, and the answer is no."},
	{fault.ExitUsage, "The command line, an input file or a configuration file is invalid."},
	{fault.ExitModel, "The model or its engine failed."},
	{fault.ExitNetwork, "The network failed, or a server refused the key."},
	{fault.ExitLicence, "A licence that has not been accepted."},
	{fault.ExitInterrupted, "Interrupted."},
}

func manualOf(cmd *cobra.Command) string {
	return fmt.Sprintf("\\fB%s\\fR(1)", roff(strings.ReplaceAll(cmd.CommandPath(), " ", "-")))
}

func manualVerbs(m *strings.Builder, title string, cmd *cobra.Command, group string) {
	fmt.Fprintf(m, ".SH %s\n", roff(strings.ToUpper(title)))
	for _, c := range cmd.Commands() {
		if !c.Hidden && c.GroupID == group {
			fmt.Fprintf(m, ".TP\n.B %s\n%s.\n", roff(c.Name()), roff(c.Short))
		}
	}
}

func manualFlags(m *strings.Builder, title string, flags *pflag.FlagSet) {
	fmt.Fprintf(m, ".SH %s\n", roff(strings.ToUpper(title)))
	flags.VisitAll(func(f *pflag.Flag) {
		value, what := pflag.UnquoteUsage(f)
		name := fmt.Sprintf("\\fB%s\\fR", roff("--"+f.Name))
		if f.Shorthand != "" {
			name = fmt.Sprintf("\\fB%s\\fR, %s", roff("-"+f.Shorthand), name)
		}
		if f.Value.Type() != "bool" {
			name += fmt.Sprintf(" \\fI%s\\fR", roff(value))
		}
		fmt.Fprintf(m, ".TP\n%s\n%s\n", name, roff(what))
	})
}

// roff escapes what troff would take for its own: backslashes, dots and quotes
// that begin a line; and keeps hyphens what is typed.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	for _, c := range []string{".", "'"} {
		if strings.HasPrefix(s, c) {
			s = `\&` + s
		}
		s = strings.ReplaceAll(s, "\n"+c, "\n\\&"+c)
	}
	return s
}
