package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/nearest"
	"github.com/bise-sh/bise/pull"
	"github.com/bise-sh/bise/term"
)

// Exit codes. Those of verbs whose answer can be "no" (1) are theirs.
const (
	exitDone        = 0
	exitNo          = 1
	exitUsage       = 2
	exitModel       = 3
	exitNetwork     = 4
	exitLicence     = 5
	exitInterrupted = 130
)

// errInterrupted is the cause of a context that the person has ended.
var errInterrupted = errors.New("interrupted")

// errNo is an answer of "no", which has been told.
var errNo = errors.New("no")

// A usageError is a command line that cannot be meant.
type usageError struct {
	msg, hint string
}

func (e *usageError) Error() string { return e.msg }
func (e *usageError) Hint() string  { return e.hint }

func usageErrorf(format string, args ...any) *usageError {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		// Who closes the pipe has read enough.
		return exitDone
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, errNo):
		return exitNo
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*catalog.Error](err); ok {
		return exitUsage
	}
	// The owners of a gated repository have terms, too, that somebody must agree to.
	if errors.Is(err, pull.ErrNotAccepted) || errors.Is(err, huggingface.ErrGated) {
		return exitLicence
	}
	if e, ok := errors.AsType[*downloader.Error](err); ok && e.Kind != downloader.Full && e.Kind != downloader.Local {
		return exitNetwork
	}
	switch engine.KindOf(err) {
	case engine.Invalid:
		return exitUsage
	case engine.Network, engine.Denied:
		return exitNetwork
	}
	return exitModel
}

// report tells an error: a sentence on what was attempted and went wrong, and
// one on what to do.
func (a *app) report(err error) {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, errInterrupted) || errors.Is(err, errNo) {
		return
	}
	slog.Error("failed", "kind", engine.KindOf(err), "exit", exitCode(err))
	msg, hint := tell(err)
	fmt.Fprintf(a.stderr, "bise: %s\n", a.plain(msg))
	if hint != "" {
		fmt.Fprintln(a.stderr, a.plain(hint))
	}
}

// tell gives an error's two sentences; the second may be empty.
func tell(err error) (msg, hint string) {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it took too long: %w", err)
	}
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		hint = h.Hint()
	}
	if hint == "" {
		hint = advice[engine.KindOf(err)]
	}
	return sentence(err.Error()), hint
}

// advice is what to do about errors that do not say it themselves.
var advice = map[engine.Kind]string{
	engine.BadModel: "Get the file again, or name another model with -m.",
	engine.Crashed:  "Ask again: a fresh worker is started. If it dies again, name another model with -m.",
	engine.NoMemory: "Free memory with bise stop --all, or name a smaller model with -m.",
	engine.Busy:     "Try again when it is done.",
	engine.Network:  "Check the address in config.toml and the network.",
	engine.Denied:   "Check the endpoint's key in config.toml.",
	engine.Closed:   "Try again.",
}

// sentence ends a text with a full stop if nothing else ends it.
func sentence(s string) string {
	s = strings.TrimRight(s, " \n")
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?:") {
		return s
	}
	return s + "."
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
	e.hint = fmt.Sprintf("See them all with %s --help.", cmd.CommandPath())
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if word := nearest.Word(args[0], names); word != "" {
		e.hint = fmt.Sprintf("Did you mean %s %s? %s", cmd.CommandPath(), word, e.hint)
	}
	return e
}

// flagError tells a wrong flag, and the one that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	e := &usageError{msg: err.Error(), hint: "See " + cmd.CommandPath() + " --help."}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			e.msg = fmt.Sprintf("--%s cannot be %q", bad.GetFlag().Name, bad.GetValue())
		}
		if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
			e.msg = fmt.Sprintf("--%s needs a value", missing.GetFlag().Name)
		}
		return e
	}
	typed := unknown.GetSpecifiedName()
	dashes := "--"
	if unknown.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	e.msg = fmt.Sprintf("%s has no flag %s%s", cmd.CommandPath(), dashes, typed)
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if word := nearest.Word(typed, names); word != "" && dashes == "--" {
		e.hint = fmt.Sprintf("Did you mean --%s? %s", word, e.hint)
	}
	return e
}

// arguments makes a count that cobra refuses a usage error.
func arguments(check cobra.PositionalArgs, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		return &usageError{
			msg:  fmt.Sprintf("%s takes %s", cmd.CommandPath(), want),
			hint: "See " + cmd.CommandPath() + " --help.",
		}
	}
}
