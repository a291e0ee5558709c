package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/fim"
	"github.com/bise-sh/bise/modes/code"
)

// complete are the flags of bise complete.
type complete struct {
	prefix, suffix string
	cursor         int
	files          []string
	maxTokens      int
	time           time.Duration
	stats          bool
	load           loadFlags
	cmd            *cobra.Command
}

func (a *app) completeCommand() *cobra.Command {
	var v complete
	cmd := &cobra.Command{
		Use:   "complete [FILE:LINE[:COL]]",
		Short: "Fill in code at a place in a file",
		Long: `Fill in code at a place in a file, or in what is piped in, and print what is to be
put in there, nothing else. Lines and columns are counted from 1, columns in
characters; without a column it is the end of the line.`,
		Example: `bise complete main.go:10
bise complete -f user.go main.go:10:5
bise complete --cursor 120 <main.go`,
		Args: arguments(cobra.MaximumNArgs(1), "one place, FILE:LINE or FILE:LINE:COL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.cmd = cmd
			return a.complete(cmd.Context(), v, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.prefix, "prefix-file", "", "what comes before the gap is in `FILE`")
	f.StringVar(&v.suffix, "suffix-file", "", "what comes after the gap is in `FILE`")
	f.IntVar(&v.cursor, "cursor", 0, "the gap is before byte `N`, from 0, of what is piped in")
	f.StringArrayVarP(&v.files, "file", "f", nil, "let the model see `FILE` too; may be repeated, the most important last")
	f.IntVar(&v.maxTokens, "max-tokens", 0, "write at most `N` tokens (default: 128)")
	f.DurationVar(&v.time, "time", 0, "write no line more after so long a `TIME`, such as 2s")
	f.BoolVar(&v.stats, "stats", false, "tell tokens and times afterwards")
	v.load.add(cmd)
	return cmd
}

func (a *app) complete(ctx context.Context, v complete, args []string) error {
	in := a.attachments()
	p, err := a.place(ctx, v, in, args)
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
	if v.maxTokens < 0 || v.time < 0 {
		return usageErrorf("--max-tokens and --time must not be negative")
	}
	o, err := v.load.options(a.config)
	if err != nil {
		return err
	}
	e, err := a.lib.Open(ctx, a.model, o)
	if err != nil {
		return a.failed(err)
	}
	defer e.Close()
	a.progress.wait(func(int) string { return "loading the model" })
	s := code.New(ctx, watched{e, a.awaits()}, code.Options{Files: files, MaxTokens: v.maxTokens, Time: v.time})
	defer s.Close()
	c, err := s.Complete(ctx, p)
	a.progress.erase()
	if err != nil {
		return a.failed(err)
	}
	return a.completed(c, v.stats)
}

// completed prints a completion.
func (a *app) completed(c code.Completion, stats bool) error {
	if stats {
		fmt.Fprintf(a.stderr, "%s read, %d of them new · %s\n", plural(c.Prompt, "token"), c.Evaluated, precise(c.Took))
	}
	if a.json {
		return writeJSON(a.stdout, struct {
			Text      string  `json:"text"`
			Prompt    int     `json:"prompt_tokens"`
			Evaluated int     `json:"evaluated_tokens"`
			Took      float64 `json:"seconds"`
		}{c.Text, c.Prompt, c.Evaluated, c.Took.Seconds()})
	}
	if c.Text == "" {
		a.note("There is nothing to fill in there.")
		return nil
	}
	if !a.out.Terminal() {
		_, err := io.WriteString(a.stdout, c.Text) // who puts it in wants no newline more
		return err
	}
	sheet := a.sheet(true)
	if err := sheet.Print(c.Text); err != nil {
		return err
	}
	return sheet.Close()
}

// place finds out where to fill in.
func (a *app) place(ctx context.Context, v complete, in *attach.Reader, args []string) (code.Place, error) {
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
			Msg:    "one place is to be filled in",
			Advice: "Name it: bise complete main.go:10:5, or --prefix-file and --suffix-file, or --cursor for what is piped in.",
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
		text, ok, err := a.pipedText(ctx, in)
		if err != nil {
			return code.Place{}, err
		}
		if !ok {
			return code.Place{}, &fault.Error{Kind: fault.Usage, Msg: "--cursor is of what is piped in, and nothing is", Advice: "Pipe the text in, or name a place: bise complete main.go:10:5."}
		}
		if v.cursor < 0 || v.cursor > len(text) {
			return code.Place{}, usageErrorf("--cursor cannot be %d: the text has %s", v.cursor, plural(len(text), "byte"))
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
		return code.Place{}, usageErrorf("cannot fill in %s: %v", args[0], err)
	}
	return code.Place{File: path, Text: text, At: at}, nil
}

var placePattern = regexp.MustCompile(`^(.+?):([0-9]+)(?::([0-9]+))?$`)

// parsePlace reads FILE:LINE or FILE:LINE:COL; the column is 0 when it is not
// there.
func parsePlace(s string) (path string, line, column int, err error) {
	m := placePattern.FindStringSubmatch(s)
	if m == nil {
		return "", 0, 0, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q names no place", s), Advice: "Write the file, the line and perhaps the column: main.go:10:5."}
	}
	line, err = strconv.Atoi(m[2])
	if err == nil && m[3] != "" {
		if column, err = strconv.Atoi(m[3]); column == 0 {
			err = strconv.ErrRange
		}
	}
	if err != nil || line == 0 {
		return "", 0, 0, usageErrorf("%q names no place: lines and columns are counted from 1", s)
	}
	return m[1], line, column, nil
}

// watched is an engine whose completions are looked at as they come.
type watched struct {
	engine.Engine
	see func(engine.Event)
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

// awaits shows what a completion waits for.
func (a *app) awaits() func(engine.Event) {
	var r reading
	return func(ev engine.Event) {
		switch ev := ev.(type) {
		case engine.Loading:
			a.progress.wait(func(columns int) string { return withBar("loading the model", ev.Fraction, "", columns) })
		case engine.Progress:
			r.update(ev)
			now := r
			a.progress.wait(now.line)
		case engine.TextDelta:
			a.progress.wait(func(int) string { return "writing" })
		}
	}
}
