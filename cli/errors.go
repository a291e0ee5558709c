package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

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
