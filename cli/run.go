// Package cli is the command line of bise: the root command, help, manual pages and
// completion, and the wiring of everything that commands use.
//
// The commands are in the folders of this package, by topic. Each is a function that
// is given what it uses: the [console.Console], the [library.Library], settings.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/answer"
	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/model"
	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/cli/system"
	"github.com/bise-sh/bise/cli/weights"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui"
)

// Run runs bise with the arguments after its name and returns the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(args, stdin, stdout, stderr, engines{load: loadHere})
}

// engines are the functions that give engines. Tests put scripts here.
type engines struct {
	// load loads a model into this process.
	load system.Loader
	// open replaces what the library opens; nil: it opens workers and endpoints.
	open func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, e engines) int {
	ctx, stop := interruptible()
	defer stop()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // until prepare opens the log
	con := console.New(stdin, stdout, stderr)
	p := newProgram(con, e)
	p.root.SetArgs(args)
	err := p.root.ExecuteContext(ctx)
	con.Erase()
	if err != nil && ctx.Err() != nil {
		// The work failed because it was interrupted, whatever it says.
		err = context.Cause(ctx)
	}
	con.Report(err)
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	return exitCode(err)
}

// A program is one run of bise: the tree of its commands, and what was made for them.
type program struct {
	root *cobra.Command
	log  io.Closer // the log file; nil until a command opens it
}

// newProgram makes the commands and gives each what it uses.
func newProgram(con *console.Console, e engines) *program {
	places := config.Find()
	conf, problems, configErr := config.Load(places.File())
	problems = append(problems, config.Locate(places.File(), tui.CheckKeys(conf.Interface))...)
	logLevel := "info"
	lib := newLibrary(con, e, places, conf, &logLevel)
	con.Style = answerStyle(con, conf, places)
	h := past.NewOpener(con, filepath.Join(places.Data, "history.db"))

	p := &program{}
	prepare := func(forgive bool) error {
		con.Apply()
		con.NoColor = con.NoColor || os.Getenv("NO_COLOR") != ""
		var level slog.Level
		if err := level.UnmarshalText([]byte(logLevel)); err != nil {
			return flags.Invalid("log-level", logLevel, "debug", "info", "warn", "error")
		}
		p.log = openLog(places.Log, level)
		if configErr != nil && !forgive {
			return configErr
		}
		for _, problem := range problems {
			con.Notef("%s", problem)
		}
		return nil
	}
	p.root = newRoot(con, &logLevel, prepare)
	version := p.root.Flags().BoolP("version", "v", false, "print the version")
	continues := p.root.Flags().BoolP("continue", "c", false, "open the last conversation")
	p.root.RunE = func(cmd *cobra.Command, files []string) error {
		if *version {
			return system.PrintVersion(con)
		}
		s := start{con: con, lib: lib, conf: conf, configErr: configErr, problems: &problems, places: places, history: h, model: flags.Model(cmd), files: files, continues: *continues}
		return s.run(cmd, prepare)
	}
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Ask and get help", []*cobra.Command{
			answer.Ask(con, lib, conf, h), answer.Review(con, lib, conf), answer.Complete(con, lib, conf),
			answer.Solve(con, lib, conf), answer.See(con, lib, conf, h), answer.Transcribe(con, lib, conf), past.History(con, h),
		}},
		{"Models on this machine", []*cobra.Command{
			model.Catalog(con, lib), model.Fit(con, lib, conf), model.Pull(con, lib), model.Import(con, lib), model.List(con, lib), model.Use(con, lib),
			model.Show(con, lib), answer.Eval(con, lib, conf, places), model.Verify(con, lib), model.Remove(con, lib), model.GC(con, lib),
		}},
		{"For editors and other programs", []*cobra.Command{
			system.LSP(con, lib, conf), system.Serve(con, lib, conf, places), answer.Embed(con, lib, conf), system.Tokenize(con, lib, conf),
		}},
		{"The machine", []*cobra.Command{
			system.Doctor(con, lib, conf, configErr, places), system.PS(con), system.Stop(con, lib), system.Bench(con, lib, conf, e.load),
		}},
		{"Making model files", []*cobra.Command{
			weights.Convert(con), weights.Quantize(con, lib), weights.Imatrix(con, lib), weights.Perplexity(con, lib), weights.Logits(con, lib),
			answer.Tune(con, lib, conf, places),
		}},
		{"bise itself", []*cobra.Command{system.Version(con), completionCommand(con), manCommand(con)}},
	} {
		p.root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.title
			p.root.AddCommand(c)
		}
	}
	p.root.AddCommand(habits()...)
	p.root.AddCommand(workerCommand(e.load), weights.Task(con)) // bise's own processes
	addCompletions(p.root, lib, h)
	return p
}

// newRoot makes the command that has all others. prepare opens the log and checks
// config.toml before a command runs.
func newRoot(con *console.Console, logLevel *string, prepare func(forgive bool) error) *cobra.Command {
	root := &cobra.Command{
		Use:   "bise",
		Short: "A terminal assistant that runs Mistral's models on your machine",
		Args:  filesOrCommand,
		// Bare commands touch nothing that the user has.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Annotations[flags.Bare] != "" || !cmd.HasParent() {
				return nil
			}
			return prepare(cmd.Annotations[flags.Forgiving] != "" || cmd.Name() == cobra.ShellCompRequestCmd)
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f := root.PersistentFlags()
	f.SortFlags = false
	flags.AddModel(f)
	f.BoolVar(&con.JSON, "json", false, "print JSON")
	f.BoolVar(&con.Quiet, "quiet", false, "print no progress and no notes, only errors")
	f.BoolVar(&con.NoColor, "no-color", false, "use no colours (also with NO_COLOR)")
	f.BoolVar(&con.Accessible, "accessible", false, "print in order and redraw nothing")
	f.StringVar(logLevel, "log-level", *logLevel, "log messages of `LEVEL` and above: debug, info, warn or error")
	root.SetIn(con.Stdin)
	root.SetOut(con.Stdout)
	root.SetErr(con.Stderr)
	helper := helpCommand()
	root.SetHelpCommand(helper)
	root.AddCommand(helper) // so that it has completions
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.SetHelpFunc(help)
	cobra.EnableCommandSorting = false
	return root
}

// newLibrary gives the library what it works with.
func newLibrary(con *console.Console, e engines, places config.Places, conf config.Config, logLevel *string) *library.Library {
	return library.New(library.Options{
		Places: places, Config: conf,
		Launch: func() (worker.Launcher, error) {
			program, err := os.Executable()
			if err != nil {
				return worker.Launcher{}, fmt.Errorf("find bise itself, to start a worker: %w", err)
			}
			return worker.Launcher{Command: []string{program, "worker", "--log-level", *logLevel}, LogDir: places.Log}, nil
		},
		Build: build.ID(), Version: build.Current().Version,
		Devices:  gpus,
		Quantize: weights.QuantizeWorker("quantize the downloaded weights"),
		Progress: con.Progress,
		Note:     func(sentence string) { con.Notef("%s", sentence) },
		Stderr:   con.Stderr,
		Engine:   e.open,
	})
}

// answerStyle returns the style of answers: the one in config.toml, or the default. It
// reports a style that cannot be loaded once.
func answerStyle(con *console.Console, conf config.Config, places config.Places) func() *markdown.Style {
	return sync.OnceValue(func() *markdown.Style {
		style, err := loadStyle(conf, places)
		if err != nil {
			msg, advice := fault.Explain(err)
			con.Notef("%s %s", msg, advice)
		}
		if style == nil {
			style = console.Background(os.Getenv("COLORFGBG"))
		}
		return style
	})
}

// loadStyle loads the style of answers that config.toml names; nil if it names none.
func loadStyle(conf config.Config, places config.Places) (*markdown.Style, error) {
	if conf.Interface.Style == "" {
		return nil, nil
	}
	return markdown.LoadStyle(conf.Interface.Style, filepath.Dir(places.File()))
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

// exitCode is the exit code of the program. A reader that closes the pipe has read
// enough: that is not a failure.
func exitCode(err error) int {
	if console.IsBrokenPipe(err) {
		return fault.ExitOK
	}
	return fault.ExitCode(err)
}
