// Package flags has the flags, checks and annotations that several commands share.
package flags

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/fault"
)

const (
	// Bare marks commands that need neither config.toml nor the log.
	Bare = "bare"
	// Forgiving marks commands that work without config.toml if it is wrong.
	Forgiving = "forgiving"
	// sectionOf is the annotation of a flag that says under which title help lists it.
	sectionOf = "section"
)

// Mark is the annotation of a command that is [Bare] or [Forgiving].
func Mark(as string) map[string]string { return map[string]string{as: "yes"} }

// AddModel adds the flag that names a model; see [Model].
func AddModel(f *pflag.FlagSet) {
	f.StringP("model", "m", "", "use the model `REF`: the name of an installed model, the path of a GGUF file, or endpoint/model")
}

// Model is the REF that -m names, or "".
func Model(cmd *cobra.Command) string {
	f := cmd.Flag("model")
	if f == nil {
		return ""
	}
	return f.Value.String()
}

// addSection adds flags to a command, which help lists under a separate title.
func addSection(title string, flags *pflag.FlagSet, cmd *cobra.Command) {
	flags.VisitAll(func(f *pflag.Flag) {
		f.Annotations = map[string][]string{sectionOf: {title}}
	})
	cmd.Flags().AddFlagSet(flags)
}

// Section is the title under which help lists a flag, "" if it has none.
func Section(f *pflag.Flag) string {
	if title := f.Annotations[sectionOf]; len(title) > 0 {
		return title[0]
	}
	return ""
}

// Args turns a wrong number of arguments into a usage error that says what the
// command takes.
func Args(check cobra.PositionalArgs, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		advice := "See " + cmd.CommandPath() + " --help."
		if len(args) == 0 && cmd.Flags().Changed("model") && strings.Contains(want, "model") {
			advice = "Name it without -m: " + cmd.CommandPath() + " " + Model(cmd) + "."
		}
		return &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("%s takes %s", cmd.CommandPath(), want),
			Advice: advice,
		}
	}
}

// OneOf returns the value of a flag that has only some values, in lower case. The
// first of them, which is empty, is not listed.
func OneOf[T ~string](flag, value string, allowed ...T) (T, error) {
	v := T(strings.ToLower(value))
	if slices.Contains(allowed, v) {
		return v, nil
	}
	var names []string
	for _, k := range allowed[1:] {
		names = append(names, string(k))
	}
	return "", Invalid(flag, value, names...)
}

// AtLeastOne checks a flag with a number, if it is given: it must not be 0.
func AtLeastOne(cmd *cobra.Command, flag string, n int) error {
	if n >= 1 || !cmd.Flags().Changed(flag) {
		return nil
	}
	return fault.Errorf(fault.Usage, "invalid --%s %d: want at least 1", flag, n)
}

// Invalid returns the error of a flag's value that is not allowed.
func Invalid(flag, value string, allowed ...string) error {
	list := strings.Join(allowed, ", ")
	if i := strings.LastIndex(list, ", "); i >= 0 {
		list = list[:i] + " or " + list[i+2:]
	}
	return fault.Errorf(fault.Usage, "invalid --%s %q: want %s", flag, value, list)
}
