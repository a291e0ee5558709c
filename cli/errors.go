package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// noSuchCommand is the error of arguments that do not name a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := fault.Errorf(fault.Usage, "unknown command %q", args[0])
	e.Advice = fmt.Sprintf("See them all with %s --help.", cmd.CommandPath())
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if word := suggest.Word(args[0], names); word != "" {
		e.Advice = fmt.Sprintf("Did you mean %s %s? %s", cmd.CommandPath(), word, e.Advice)
	}
	return e
}

// flagError explains a wrong flag, and suggests the one that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	e := &fault.Error{Kind: fault.Usage, Msg: err.Error(), Advice: "See " + cmd.CommandPath() + " --help."}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			e.Msg = fmt.Sprintf("invalid --%s %q", bad.GetFlag().Name, bad.GetValue())
		}
		if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
			e.Msg = fmt.Sprintf("--%s needs a value", missing.GetFlag().Name)
		}
		return e
	}
	typed := unknown.GetSpecifiedName()
	dashes := "--"
	if unknown.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	e.Msg = fmt.Sprintf("%s has no flag %s%s", cmd.CommandPath(), dashes, typed)
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if word := suggest.Word(typed, names); word != "" && dashes == "--" {
		e.Advice = fmt.Sprintf("Did you mean --%s? %s", word, e.Advice)
	}
	return e
}
