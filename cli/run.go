// Package cli is the verbs of bise: flags in, calls of modes and engines, the
// answer on stdout. Everything else that a person reads (progress, notes,
// errors) goes to stderr.
//
// A verb is a file, and a method of app that makes its command. What verbs share
// has files of its own: where models come from (engines.go), what is read
// (input.go), how an answer is shown (answer.go) and how waiting is (progress.go).
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

// Run runs bise with the arguments after its name and returns the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(stdin, stdout, stderr).run(args)
}

// An app is one run of bise.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	out, err       term.Screen // what stdout and stderr are
	progress       *progress

	places      config.Places
	config      config.Config
	extended    atomic.Pointer[map[string]config.Endpoint] // config's endpoints with those that were added; nil: none was
	configError error                                      // why config is empty, for verbs that forgive it
	style       *markdown.Style                            // of answers; nil until the first
	log         io.Closer                                  // the log file

	// What the flags of every verb say.
	model      string
	json       bool
	quiet      bool
	noColor    bool
	accessible bool
	logLevel   string

	// load puts a model into this process's memory. Tests put a script here.
	load func(ctx context.Context, spec worker.Spec, progress func(float64)) (engine.Engine, error)
	// open finds the model that a REF names and what runs it.
	open func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, out: term.Of(stdout), err: term.Of(stderr)}
	a.progress = newProgress(stderr, a.err)
	a.load, a.open = loadHere, a.openRef
	return a
}

func (a *app) run(args []string) int {
	ctx, stop := interruptible()
	defer stop()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // until begin opens the log
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	a.progress.erase()
	if err != nil && ctx.Err() != nil {
		// What was going on failed because it was interrupted, however it says so.
		err = context.Cause(ctx)
	}
	a.report(err)
	if a.log != nil {
		err = errors.Join(err, a.log.Close())
	}
	return exitCode(err)
}

// A verbGroup is verbs that help lists together.
type verbGroup struct {
	title string
	verbs []*cobra.Command
}

// verbs are the commands, in the order in which help lists them.
func (a *app) verbs() []verbGroup {
	return []verbGroup{
		{"Ask and be helped", []*cobra.Command{a.askCommand(), a.reviewCommand(), a.completeCommand(), a.solveCommand(), a.seeCommand(), a.historyCommand()}},
		{"Models on this machine", []*cobra.Command{a.catalogCommand(), a.fitCommand(), a.pullCommand(), a.importCommand(), a.listCommand(), a.showCommand(), a.verifyCommand(), a.rmCommand(), a.gcCommand()}},
		{"For editors and other programs", []*cobra.Command{a.lspCommand(), a.serveCommand(), a.embedCommand(), a.tokenizeCommand()}},
		{"The machine", []*cobra.Command{a.doctorCommand(), a.psCommand(), a.stopCommand(), a.benchCommand()}},
		{"Making model files", []*cobra.Command{a.convertCommand(), a.quantizeCommand(), a.imatrixCommand(), a.perplexityCommand(), a.logitsCommand()}},
		{"bise itself", []*cobra.Command{a.versionCommand(), a.completionCommand(), a.manCommand()}},
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bise",
		Short: "A terminal assistant that runs Mistral's models on your machine",
		Args:  knownVerb,
		RunE:  a.noVerb,
		// Verbs that say they are bare touch nothing that the person has.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Annotations[bare] != "" || !cmd.HasParent() {
				return nil
			}
			return a.begin(cmd.Annotations[forgiving] != "" || cmd.Name() == cobra.ShellCompRequestCmd)
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&a.model, "model", "m", "", "use the model `REF`: the name of an installed one, the path of a GGUF file, or endpoint/model")
	f.BoolVar(&a.json, "json", false, "print JSON")
	f.BoolVar(&a.quiet, "quiet", false, "no progress and no notes, only errors")
	f.BoolVar(&a.noColor, "no-color", false, "no colours (also with NO_COLOR)")
	f.BoolVar(&a.accessible, "accessible", false, "print in order and redraw nothing")
	f.StringVar(&a.logLevel, "log-level", "info", "log what is of `LEVEL` or above: debug, info, warn or error")
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.SetHelpFunc(help)
	cobra.EnableCommandSorting = false
	for _, g := range a.verbs() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.verbs {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.workerCommand(), a.taskCommand()) // bise's own processes
	a.offer(root)
	return root
}

const (
	// bare marks verbs that need neither config nor log.
	bare = "bare"
	// forgiving marks verbs that work without config.toml when it is wrong.
	forgiving = "forgiving"
)

// begin reads what the person has set and opens the log.
func (a *app) begin(forgive bool) error {
	a.places = config.Find()
	if a.accessible || a.quiet {
		a.progress.calm(a.quiet)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return usageErrorf("the log level %q is none of debug, info, warn and error", a.logLevel)
	}
	a.log = openLog(a.places.Log, level)
	c, problems, err := config.Load(a.places.File())
	if err != nil && !forgive {
		return err
	}
	a.configError = err
	for _, p := range problems {
		a.note("%s", p)
	}
	a.config = c
	if os.Getenv("NO_COLOR") != "" {
		a.noColor = true
	}
	return nil
}
