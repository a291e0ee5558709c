package answer

import (
	"context"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/mistral/fim"
	"github.com/bise-sh/bise/modes/code"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// complete are the flags of bise complete.
type complete struct {
	prefix, suffix string
	cursor         int
	files          []string
	maxTokens      int
	time           time.Duration
	stats          bool
	load           flags.Load
	cmd            *cobra.Command
}

// Complete is the command bise complete.
func Complete(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v complete
	cmd := &cobra.Command{
		Use:   "complete [FILE:LINE[:COL]]",
		Short: "Complete code at a position in a file",
		Long: `Complete code at a position in a file or in piped input, and print only the inserted
text. Lines and columns are counted from 1, columns in characters. Without a column,
the position is the end of the line.`,
		Example: `bise complete main.go:10
bise complete -f user.go main.go:10:5
bise complete --cursor 120 <main.go`,
		Args: flags.Args(cobra.MaximumNArgs(1), "one place, FILE:LINE or FILE:LINE:COL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.cmd = cmd
			return runComplete(cmd.Context(), con, lib, conf, flags.Model(cmd), v, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.prefix, "prefix-file", "", "read the text before the cursor from `FILE`")
	f.StringVar(&v.suffix, "suffix-file", "", "read the text after the cursor from `FILE`")
	f.IntVar(&v.cursor, "cursor", 0, "the cursor is before byte `N` of the piped input, from 0")
	f.StringArrayVarP(&v.files, "file", "f", nil, "add `FILE` as context; can be repeated, the most important last")
	f.IntVar(&v.maxTokens, "max-tokens", 0, "generate at most `N` tokens (default: 128)")
	f.DurationVar(&v.time, "time", 0, "start no new line after `TIME`, such as 2s")
	f.BoolVar(&v.stats, "stats", false, "print token counts and times afterwards")
	v.load.Add(cmd)
	return cmd
}

func runComplete(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, v complete, args []string) error {
	if err := flags.AtLeastOne(v.cmd, "max-tokens", v.maxTokens); err != nil {
		return err
	}
	in := input.New(con)
	p, err := place(ctx, con, v, in, args)
	if err != nil {
		return err
	}
	var files []fim.File
	for _, path := range v.files {
		text, err := in.Text(ctx, path)
		if err != nil {
			return err
		}
		files = append(files, fim.File{Name: path, Text: text})
	}
	if v.time < 0 {
		return fault.Errorf(fault.Usage, "--time must not be negative")
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	e, _, err := lib.OpenFor(ctx, "code", model, o)
	if err != nil {
		return con.Fail(err)
	}
	defer e.Close()
	con.Waitf("loading %s", e.Info().Model)
	s := code.New(ctx, watched{Engine: e, con: con, see: showProgress(con, e.Info().Model)}, code.Options{Files: files, MaxTokens: v.maxTokens, Time: v.time})
	defer s.Close()
	c, err := s.Complete(ctx, p)
	con.Erase()
	if err != nil {
		return con.Fail(err)
	}
	return printCompletion(con, c, v.stats)
}

// printCompletion prints a completion.
func printCompletion(con *console.Console, c code.Completion, stats bool) error {
	if stats {
		fmt.Fprintln(con.Stderr, c.Stats())
	}
	if con.JSON {
		return con.WriteJSON(struct {
			Text      string  `json:"text"`
			Prompt    int     `json:"prompt_tokens"`
			Evaluated int     `json:"evaluated_tokens"`
			Took      float64 `json:"seconds"`
		}{c.Text, c.Prompt, c.Evaluated, c.Took.Seconds()})
	}
	if c.Text == "" {
		con.Notef("The model suggests nothing at this position.")
		return nil
	}
	if !con.Out.Terminal() {
		_, err := io.WriteString(con.Stdout, c.Text) // who puts it in wants no newline more
		return err
	}
	sheet := con.Sheet(true)
	if err := sheet.Print(c.Text); err != nil {
		return err
	}
	return sheet.Close()
}

// place finds out where to fill in.
func place(ctx context.Context, con *console.Console, v complete, in *attach.Reader, args []string) (code.Place, error) {
	apart := v.prefix != "" || v.suffix != ""
	cursor := v.cmd.Flags().Changed("cursor")
	ways := 0
	for _, way := range []bool{len(args) > 0, apart, cursor} {
		if way {
			ways++
		}
	}
	if ways != 1 {
		return code.Place{}, &fault.Error{
			Kind:   fault.Usage,
			Msg:    "give exactly one position",
			Advice: "Use bise complete main.go:10:5, or --prefix-file and --suffix-file, or --cursor with piped input.",
		}
	}
	switch {
	case apart:
		var parts [2]string
		for i, path := range []string{v.prefix, v.suffix} {
			if path == "" {
				continue
			}
			text, err := in.Text(ctx, path)
			if err != nil {
				return code.Place{}, err
			}
			parts[i] = text
		}
		return code.Place{File: v.prefix, Text: parts[0] + parts[1], At: len(parts[0])}, nil
	case cursor:
		text, ok, err := input.PipedText(ctx, con, in)
		if err != nil {
			return code.Place{}, err
		}
		if !ok {
			return code.Place{}, &fault.Error{Kind: fault.Usage, Msg: "--cursor needs text on standard input", Advice: "Pipe in the text, or give a position: bise complete main.go:10:5."}
		}
		if v.cursor < 0 || v.cursor > len(text) {
			return code.Place{}, fault.Errorf(fault.Usage, "invalid --cursor %d: the text has %s", v.cursor, units.Plural(len(text), "byte"))
		}
		if v.cursor < len(text) && !utf8.RuneStart(text[v.cursor]) {
			return code.Place{}, fault.Errorf(fault.Usage, "invalid --cursor %d: byte %d is within a character", v.cursor, v.cursor)
		}
		return code.Place{Text: text, At: v.cursor}, nil
	}
	path, line, column, err := parsePlace(args[0])
	if err != nil {
		return code.Place{}, err
	}
	text, err := in.Text(ctx, path)
	if err != nil {
		return code.Place{}, err
	}
	at, err := code.Position(text, line, column)
	if err != nil {
		return code.Place{}, fault.Errorf(fault.Usage, "cannot complete %s: %v", args[0], err)
	}
	return code.Place{File: path, Text: text, At: at}, nil
}

var placePattern = regexp.MustCompile(`^(.+?):([0-9]+)(?::([0-9]+))?$`)

// parsePlace reads FILE:LINE or FILE:LINE:COL; the column is 0 when it is not
// there.
func parsePlace(s string) (path string, line, column int, err error) {
	m := placePattern.FindStringSubmatch(s)
	if m == nil {
		return "", 0, 0, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid position %q: want FILE:LINE or FILE:LINE:COL", s), Advice: "Give the file, the line and optionally the column: main.go:10:5."}
	}
	line, err = strconv.Atoi(m[2])
	if err == nil && m[3] != "" {
		column, err = strconv.Atoi(m[3])
	}
	switch {
	case err != nil:
		return "", 0, 0, fault.Errorf(fault.Usage, "invalid position %q: the number is too large", s)
	case line == 0 || m[3] != "" && column == 0:
		return "", 0, 0, fault.Errorf(fault.Usage, "invalid position %q: lines and columns start at 1", s)
	}
	return m[1], line, column, nil
}

// watched is an engine that shows what a completion waits for.
type watched struct {
	engine.Engine
	con *console.Console
	see func(engine.Event)
}

// Tokenize waits for the model. After that, the prompt is prepared.
func (w watched) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	defer w.con.Waitf("preparing the prompt")
	return w.Engine.Tokenize(ctx, r)
}

func (w watched) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for ev, err := range w.Engine.Complete(ctx, r) {
			if err == nil {
				w.see(ev)
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// showProgress shows what a completion waits for.
func showProgress(con *console.Console, model string) func(engine.Event) {
	p := progress.Progress{Model: model}
	return func(event engine.Event) {
		p.Observe(event, time.Now())
		if p.Phase != progress.Idle {
			waitFor(con, p.Line())
		} else {
			con.Waitf("generating")
		}
	}
}

// waitFor shows a progress line.
func waitFor(con *console.Console, l progress.Line) {
	con.Wait(func(columns int) string { return term.ProgressLine(l.Text, l.Share, l.After, columns) })
}
