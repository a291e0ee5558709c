package system

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/spf13/cobra"
)

// Version is the command bise version.
func Version(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Print the version of bise",
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Bare),
		RunE:        func(*cobra.Command, []string) error { return PrintVersion(con) },
	}
}

// PrintVersion prints the version of bise.
func PrintVersion(con *console.Console) error {
	b := build.Current()
	if con.JSON {
		return con.WriteJSON(b)
	}
	line := "bise " + b.Version
	if b.Commit != "" && !strings.Contains(b.Version, b.Commit[:min(7, len(b.Commit))]) {
		line += ", commit " + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			line += " and changes"
		}
	}
	line += fmt.Sprintf(" (%s, %s)\n", b.Platform, b.Go)
	if b.Llama != "" {
		line += "llama.cpp from " + b.Llama + "\n"
	}
	_, err := fmt.Fprint(con.Stdout, line)
	return err
}
