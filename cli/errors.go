package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/render/term"
)

// errInterrupted is the cause of a context that the user has ended.
var errInterrupted = fault.Errorf(fault.Interrupted, "interrupted")

// errNo is an answer of "no" that has already been reported.
var errNo = fault.Errorf(fault.Negative, "no")

// usageErrorf makes the error of a wrong command line.
func usageErrorf(format string, args ...any) *fault.Error {
	return fault.Errorf(fault.Usage, format, args...)
}

// exitCode is the exit code of the program. A reader that closes the pipe has read
// enough: that is not a failure.
func exitCode(err error) int {
	if errors.Is(err, syscall.EPIPE) {
		return fault.ExitOK
	}
	return fault.ExitCode(err)
}

// report tells an error: a sentence on what was attempted and went wrong, and
// one on what to do.
func (a *app) report(err error) {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, errInterrupted) || errors.Is(err, errNo) {
		return
	}
	slog.Error("failed", "kind", fault.KindOf(err), "exit", exitCode(err))
	msg, hint := fault.Explain(err)
	fmt.Fprintf(a.stderr, "bise: %s\n", a.plain(msg))
	if hint != "" {
		fmt.Fprintln(a.stderr, a.plain(hint))
	}
}

// plain takes out of a text what stderr would obey if it is a terminal: messages
// quote file names, servers and models.
func (a *app) plain(s string) string {
	if !a.err.Terminal() {
		return s
	}
	return term.Clean(s)
}

// note tells something that is not an error, unless the person wants quiet.
func (a *app) note(format string, args ...any) {
	if a.quiet {
		return
	}
	a.progress.erase()
	fmt.Fprintln(a.stderr, a.plain(fmt.Sprintf(format, args...)))
}

// knownVerb refuses the arguments of bise without a verb.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := usageErrorf("there is no verb %q", args[0])
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

// flagError tells a wrong flag, and the one that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	e := &fault.Error{Kind: fault.Usage, Msg: err.Error(), Advice: "See " + cmd.CommandPath() + " --help."}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			e.Msg = fmt.Sprintf("--%s cannot be %q", bad.GetFlag().Name, bad.GetValue())
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

// arguments makes a count that cobra refuses a usage error.
func arguments(check cobra.PositionalArgs, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		return &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("%s takes %s", cmd.CommandPath(), want),
			Advice: "See " + cmd.CommandPath() + " --help.",
		}
	}
}
