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
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
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
	configError error // why config is empty, for verbs that forgive it
	lib         *library.Library
	style       *markdown.Style // of answers; nil until the first
	log         io.Closer       // the log file

	// What the flags of every verb say.
	model      string
	json       bool
	quiet      bool
	noColor    bool
	accessible bool
	logLevel   string

	// load puts a model into this process's memory. Tests put a script here.
	load func(ctx context.Context, spec worker.Spec, progress func(float64)) (engine.Engine, error)
	// open replaces what the library opens. Tests put a script here.
	open func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, out: term.Of(stdout), err: term.Of(stderr)}
	a.progress = newProgress(stderr, a.err)
	a.load = loadHere
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
	a.lib = a.newLibrary()
	return nil
}

// newLibrary wires the library to what it works with.
func (a *app) newLibrary() *library.Library {
	return library.New(library.Options{
		Places: a.places, Config: a.config,
		Launch: func() (worker.Launcher, error) {
			program, err := os.Executable()
			if err != nil {
				return worker.Launcher{}, fmt.Errorf("find bise itself, to start a worker: %w", err)
			}
			return worker.Launcher{Command: []string{program, "worker", "--log-level", a.logLevel}, LogDir: a.places.Log}, nil
		},
		Build: buildID(), Version: thisBuild().Version,
		Devices:  gpus,
		Quantize: a.quantizeWorker("quantize the downloaded weights"),
		Progress: func(what string) {
			if what == "" {
				a.progress.erase()
				return
			}
			a.progress.wait(func(int) string { return what })
		},
		Note:   func(sentence string) { a.note("%s", sentence) },
		Stderr: a.stderr,
		Engine: a.open,
	})
}

// gpus lists the GPUs that llama.cpp can use.
func gpus() []fit.Device {
	var list []fit.Device
	devices, _ := llama.Devices()
	for _, d := range devices {
		if d.GPU {
			list = append(list, fit.Device{Name: d.Description, Total: d.Total, Free: d.Free, Unified: runtime.GOOS == "darwin"})
		}
	}
	return list
}
