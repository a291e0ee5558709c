package answer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/eval"
	"github.com/bise-sh/bise/modes/math"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// maxEvalFile is the maximum size of a file of cases in bytes.
const maxEvalFile = 256 << 20

type evaluation struct {
	models          []string
	votes, parallel int
	limit           int
	html            string
	again, force    bool
	sampling        flags.Sampling
	load            flags.Load
}

// Eval is the command bise eval.
func Eval(con *console.Console, lib *library.Library, conf config.Config, places config.Places) *cobra.Command {
	var v evaluation
	cmd := &cobra.Command{
		Use:   "eval FILE.jsonl",
		Short: "Measure how well a model answers",
		Long: `Measure how well a model answers the cases in a file, and compare two models on them.

Each line of the file is a case: a JSON object with prompt or messages, and what is right.
Training data of La Plateforme can be used as it is: its last message is the right answer.

  {"prompt": "Capital of France?", "contains": "Paris"}
  {"prompt": "Is 7 prime? Answer yes or no.", "expected": "yes"}
  {"prompt": "12 · 12?", "numeric": 144}
  {"prompt": "Which is a fruit?", "choices": ["apple", "chair"], "answer": "apple"}
  {"prompt": "A city as JSON", "schema": {"type": "object", "required": ["name"]}}
  {"prompt": "def f(x):\n    return ", "suffix": "\n", "expected": "x"}

With one model and --adapter, the model is compared with and without the adapter. The share
of right answers comes with its 95 % interval. An interrupted run continues where
it was; a complete one is not repeated without --again.`,
		Example: `bise eval cases.jsonl -m mistral-nemo
bise eval cases.jsonl -m codestral:q4_k_m -m codestral:q8_0 --html report.html
bise eval cases.jsonl -m mistral-nemo --adapter lora.gguf`,
		Args: flags.Args(cobra.ExactArgs(1), "one file of cases"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return v.run(cmd.Context(), con, lib, conf, places, args[0])
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&v.models, "model", "m", nil, "measure the model `REF`; twice to compare two models")
	f.IntVar(&v.votes, "votes", 1, "generate `N` answers for each case; the most frequent one counts")
	f.IntVar(&v.parallel, "parallel", 4, "ask `N` cases at once")
	f.IntVarP(&v.limit, "limit", "n", 0, "use only the first `N` cases")
	f.StringVar(&v.html, "html", "", "write a report with every answer to `FILE`")
	f.BoolVar(&v.force, "force", false, "replace the report if it exists")
	f.BoolVar(&v.again, "again", false, "measure again, although the results are known")
	v.sampling.Add(cmd)
	v.load.Add(cmd)
	return cmd
}

func (v *evaluation) check() error {
	switch {
	case v.votes < 1 || v.votes > math.MaxVotes:
		return fault.Errorf(fault.Usage, "invalid --votes %d: want 1 to %d", v.votes, math.MaxVotes)
	case v.parallel < 1 || v.parallel > eval.MaxParallel:
		return fault.Errorf(fault.Usage, "invalid --parallel %d: want 1 to %d", v.parallel, eval.MaxParallel)
	case v.limit < 0:
		return fault.Errorf(fault.Usage, "invalid --limit %d: want a positive number", v.limit)
	case len(v.models) > 2:
		return fault.Errorf(fault.Usage, "%d models given: one or two can be measured", len(v.models))
	}
	return nil
}

// checkHTML finds out whether the report can be written before a model is measured.
func (v *evaluation) checkHTML(cases string) error {
	if v.html == "" {
		return nil
	}
	if same(v.html, cases) {
		return fault.Errorf(fault.Usage, "--html names the file of the cases")
	}
	if _, err := os.Stat(filepath.Dir(v.html)); err != nil {
		return attach.ReadError(filepath.Dir(v.html), err)
	}
	return flags.Replaces(v.force, v.html)
}

func (v *evaluation) run(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, places config.Places, path string) error {
	if err := v.check(); err != nil {
		return err
	}
	data, cases, err := readCases(ctx, con, path)
	if err != nil {
		return err
	}
	if err := v.checkHTML(path); err != nil {
		return err
	}
	if v.limit > 0 {
		cases = cases[:min(v.limit, len(cases))]
	}
	o := eval.Options{Parallel: v.parallel, Votes: v.votes}
	// A temperature of config.toml is one for chats: cases are answered greedily unless a flag says otherwise.
	if o.Sampling, err = v.sampling.Over(engine.Sampling{}); err != nil {
		return err
	}
	load, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	if len(v.models) == 0 {
		v.models = []string{""}
	}
	report := eval.Report{File: filepath.Base(path), Cases: cases}
	// An adapter that cannot be used is found before the model alone is measured.
	for _, ref := range v.models {
		if m, err := lib.Find(ref); err == nil {
			if err := library.CheckAdapters(m, load); err != nil {
				return con.Fail(err)
			}
		}
	}
	for _, t := range targets(v.models, load) {
		m := measurement{con: con, lib: lib, places: places, target: t, data: data, cases: cases, options: o, again: v.again}
		r, err := m.run(ctx)
		if err != nil {
			return con.Fail(err)
		}
		report.Models = append(report.Models, r)
	}
	if v.html != "" {
		var page bytes.Buffer
		if err := report.WriteHTML(&page); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(v.html, page.Bytes(), 0o666); err != nil {
			return fault.Errorf(fault.File, "cannot write %s: %w", v.html, err)
		}
	}
	if con.JSON {
		return con.WriteJSON(report.Summary())
	}
	return printReport(con, report)
}

// readCases reads a file, or stdin for "-".
func readCases(ctx context.Context, con *console.Console, path string) (data []byte, cases []eval.Case, err error) {
	if path == "-" {
		data, err = attach.ReadAll(ctx, con.Stdin, maxEvalFile)
		if errors.Is(err, attach.ErrTooLarge) {
			err = fmt.Errorf("larger than %s", units.Size(maxEvalFile))
		}
	} else {
		data, err = atomicfile.ReadFile(path, maxEvalFile)
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case err != nil:
		failed := attach.ReadError(path, err)
		failed.Kind = fault.File
		return nil, nil, failed
	}
	cases, err = eval.Read(bytes.NewReader(data), path)
	return data, cases, err
}

// A target is what a measurement asks.
type target struct {
	ref      string
	load     engine.LoadOptions
	adapters string // names of the adapters to compare with the model alone; "": none
}

// targets returns the models to measure: of one with adapters, the model alone and with them.
func targets(refs []string, load engine.LoadOptions) (list []target) {
	for _, ref := range refs {
		list = append(list, target{ref: ref, load: load})
	}
	if len(refs) == 1 && len(load.Adapters) > 0 {
		list = append(list, list[0])
		list[0].load.Adapters = nil
		var names []string
		for _, a := range load.Adapters {
			name := strings.TrimSuffix(filepath.Base(a.Path), ".gguf")
			if a.Scale != 1 {
				name += fmt.Sprintf("=%g", a.Scale)
			}
			names = append(names, name)
		}
		list[1].adapters = strings.Join(names, " + ")
	}
	return list
}

// A measurement asks one model the cases that its record does not have.
type measurement struct {
	con    *console.Console
	lib    *library.Library
	places config.Places
	target
	data    []byte // of the cases
	cases   []eval.Case
	options eval.Options
	again   bool
}

// changes lists what changes the answers of a model, besides the model and the options:
// adapters, and the type of the KV cache.
func (m measurement) changes() (list []string, err error) {
	adapters := m.load.Adapters
	if found, err := m.lib.Find(m.ref); err == nil {
		for _, path := range found.Adapters {
			adapters = append([]engine.Adapter{{Path: path, Scale: 1}}, adapters...)
		}
	}
	for _, a := range adapters {
		print, err := gguf.Fingerprint(a.Path)
		if err != nil {
			return nil, fault.Errorf(fault.BadModel, "cannot read the adapter %s: %w", a.Path, err)
		}
		list = append(list, fmt.Sprint(print, a.Scale))
	}
	if m.load.KVType != "" {
		list = append(list, m.load.KVType)
	}
	return list, nil
}

func (m measurement) run(ctx context.Context) (r eval.ModelReport, err error) {
	con, cases := m.con, m.cases
	changes, err := m.changes()
	if err != nil {
		return r, err
	}
	e, err := m.lib.Open(ctx, m.ref, m.load)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	info := e.Info()
	name := info.Model
	if m.adapters != "" {
		name += " + " + m.adapters
	}
	rec, err := m.record(eval.Key(m.data, info, m.options, changes...))
	if err != nil {
		con.Notef("The results are not kept: %v.", err)
		rec = eval.NewRecord()
	}
	defer func() { err = errors.Join(err, rec.Close()) }()
	missing := rec.Missing(cases)
	done, right := len(cases)-len(missing), 0
	for _, x := range rec.Outcomes(cases) {
		if x.OK {
			right++
		}
	}
	switch {
	case done > 0 && len(missing) == 0:
		con.Notef("The results for %s are known; --again measures once more.", info.Model)
	case done > 0:
		con.Notef("%s: continuing after %d of %d cases.", name, done, len(cases))
	}
	began, asked := time.Now(), 0
	show := func() {
		after := ""
		if asked > 0 {
			after = units.Duration(time.Since(began)/time.Duration(asked)*time.Duration(len(missing)-asked)) + " left"
		}
		con.Wait(func(columns int) string {
			return term.ProgressLine(fmt.Sprintf("%s · %d of %d · %d right", name, done+asked, len(cases), right), float64(done+asked)/float64(len(cases)), after, columns)
		})
	}
	show()
	err = eval.Run(ctx, e, missing, m.options, func(x eval.Outcome) error {
		if asked++; x.OK {
			right++
		}
		show()
		return rec.Add(x)
	})
	con.Erase()
	if err != nil {
		if n := done + asked; n > 0 {
			con.Notef("%d of %d cases are done; the same command continues.", n, len(cases))
		}
		return r, err
	}
	return eval.ModelReport{Model: name, Quantization: info.Quantization, Outcomes: rec.Outcomes(cases)}, nil
}

// record opens the record of a measurement.
func (m measurement) record(key string) (*eval.Record, error) {
	dir := filepath.Join(m.places.State, "eval")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, key+".jsonl")
	if m.again {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return eval.OpenRecord(path)
}

func printReport(con *console.Console, r eval.Report) error {
	t := &console.Table{Head: []string{"MODEL", "METRIC", "CASES", "RIGHT", "SHARE", "95 % INTERVAL", "TOKENS"}, Right: []int{2, 3, 4, 6}}
	notes := []string{}
	for _, m := range r.Models {
		for _, s := range eval.Scores(m.Outcomes) {
			metric := string(s.Metric)
			if metric == "" {
				metric = "all"
			}
			t.Add(con.CleanOut(m.Model), metric, fmt.Sprint(s.Cases), fmt.Sprint(s.Right), fmt.Sprintf("%.1f %%", 100*s.Share()),
				fmt.Sprintf("%.1f to %.1f %%", 100*s.Low, 100*s.High), units.Count(s.Generated))
			if s.Metric == eval.Infill {
				notes = append(notes, fmt.Sprintf("%s: the mean similarity of infill to the expected text is %.1f %%.", m.Model, 100*s.Similarity))
			}
			if s.Metric != "" && s.Cut > 0 {
				notes = append(notes, fmt.Sprintf("%s: %s %s cut off; a larger --max-tokens may help.", m.Model, units.Plural(s.Cut, metric+" answer"), were(s.Cut)))
			}
			if s.Metric != "" && s.Failed > 0 {
				i := slices.IndexFunc(m.Outcomes, func(o eval.Outcome) bool { return o.Error != "" && o.Metric == s.Metric })
				notes = append(notes, fmt.Sprintf("%s: %s had no answer: %s", m.Model, units.Plural(s.Failed, metric+" case"), m.Outcomes[i].Error))
			}
		}
	}
	if err := con.Print(t); err != nil {
		return err
	}
	if verdict := r.Verdict(); verdict != "" {
		if _, err := fmt.Fprintf(con.Stdout, "\n%s\n", con.CleanOut(verdict)); err != nil {
			return err
		}
	}
	for _, n := range notes {
		con.Notef("%s", n)
	}
	return nil
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
