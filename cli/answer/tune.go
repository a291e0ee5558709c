package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/mistral/tokenizer"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/modes/tune"
	"github.com/bise-sh/bise/units"
)

// tuning is one call of bise tune.
type tuning struct {
	con    *console.Console
	lib    *library.Library
	conf   config.Config
	places config.Places

	model                        string // REF
	name, tag                    string // of the new model
	data, valid, weights, python string
	fix, export, to              string
	check, dry, resume, again    bool
	yes, noEval                  bool
	settings                     tune.Settings
	changed                      func(flag string) bool
}

// Tune is the command bise tune.
func Tune(con *console.Console, lib *library.Library, conf config.Config, places config.Places) *cobra.Command {
	v := &tuning{con: con, lib: lib, conf: conf, places: places, settings: tune.Defaults()}
	cmd := &cobra.Command{
		Use:   "tune [NAME] -m REF --data FILE.jsonl",
		Short: "Train a model on your own examples",
		Long: `Train a model on your own examples, and install the result as the model NAME.

Each line of the file is an example: a conversation that ends with the answer to learn, a
text, or the middle of a text. Training data of La Plateforme can be used as it is.

  {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
  {"prompt": "…", "completion": "…"}
  {"text": "…"}
  {"prompt": "def f(x):\n    return ", "suffix": "\n", "expected": "x"}

bise trains a LoRA adapter with PyTorch, which it downloads when you agree. Then it asks
the model and the new one the validation lines, and prints how many answers are right.
Ctrl-C saves; --resume continues.`,
		Example: `bise tune notes -m mistral-nemo --data train.jsonl --valid valid.jsonl
bise tune --check -m mistral-nemo --data train.jsonl
bise tune --data train.jsonl --fix fixed.jsonl
bise tune notes --resume`,
		Args: flags.Args(cobra.MaximumNArgs(1), "one name for the new model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.model, v.changed = flags.Model(cmd), cmd.Flags().Changed
			if len(args) > 0 {
				v.name, v.tag, _ = strings.Cut(args[0], ":")
			}
			return v.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.data, "data", "", "train on the examples in `FILE`")
	f.StringVar(&v.valid, "valid", "", "compare on the examples in `FILE` (default: every tenth of --data, about 100)")
	f.BoolVar(&v.check, "check", false, "only check the data; with -m, count its tokens")
	f.StringVar(&v.fix, "fix", "", "write the lines that can be used (with -m, by this model) to `FILE`, corrected where that is obvious")
	f.BoolVar(&v.dry, "dry-run", false, "do everything but the training and the download")
	f.StringVar(&v.export, "export", "", "write the data for `TRAINER`: mistral-finetune, axolotl or la-plateforme")
	f.StringVar(&v.to, "to", "", "write what --export makes to the folder `DIR`")
	f.BoolVar(&v.resume, "resume", false, "continue a training that was interrupted")
	f.BoolVar(&v.again, "again", false, "start again, although a training of NAME is unfinished")
	f.StringVar(&v.weights, "weights", "", "train the weights in `DIR`, in the format of Hugging Face (default: those of the GGUF file)")
	f.StringVar(&v.python, "python", "", "run `PROGRAM`, a Python that has the packages (default: uv, or a virtual environment)")
	f.BoolVar(&v.yes, "yes", false, "download the Python packages without asking")
	f.BoolVar(&v.noEval, "no-eval", false, "do not compare the models at the end")
	s := &v.settings
	f.Float64Var(&s.Epochs, "epochs", s.Epochs, "train on each example `N` times")
	f.IntVar(&s.Steps, "steps", 0, "train for `N` steps instead")
	f.IntVar(&s.Batch, "batch", s.Batch, "train on `N` examples in each step")
	f.Float64Var(&s.LearningRate, "learning-rate", s.LearningRate, "change the weights by `RATE` at most")
	f.IntVar(&s.Rank, "rank", s.Rank, "use a LoRA adapter of rank `N`")
	f.IntVar(&s.SequenceLength, "sequence-length", s.SequenceLength, "leave out examples of more than `N` tokens")
	f.Int64Var(&s.Seed, "seed", s.Seed, "use the random seed `N` for the order of the examples")
	f.BoolVar(&s.FourBit, "four-bit", false, "load the weights in 4 bits; needs an NVIDIA GPU and --weights")
	return cmd
}

func (v *tuning) run(ctx context.Context) error {
	if err := v.usage(); err != nil {
		return err
	}
	switch {
	case v.fix != "":
		return v.runFix(ctx)
	case v.check:
		return v.runCheck(ctx)
	case v.export != "":
		return v.runExport(ctx)
	}
	if err := v.train(ctx); err != nil {
		return v.con.Fail(err)
	}
	return nil
}

// usage checks the flags.
func (v *tuning) usage() error {
	modes := 0
	for _, on := range []bool{v.check, v.fix != "", v.export != "", v.resume} {
		if on {
			modes++
		}
	}
	training := !v.check && v.fix == "" && v.export == ""
	switch {
	case modes > 1:
		return fault.Errorf(fault.Usage, "--check, --fix, --export and --resume are mutually exclusive")
	case v.resume && v.again:
		return fault.Errorf(fault.Usage, "--resume and --again are mutually exclusive")
	case v.resume && v.dry:
		return fault.Errorf(fault.Usage, "--resume and --dry-run are mutually exclusive")
	case v.data == "" && !v.resume:
		return &fault.Error{Kind: fault.Usage, Msg: "tune needs data", Advice: "Name a file with --data."}
	case training && v.name == "":
		return &fault.Error{Kind: fault.Usage, Msg: "tune needs a name for the new model", Advice: "Write bise tune NAME, or only check the data with --check."}
	case v.name != "" && !models.ValidName(v.name) || v.tag != "" && !models.ValidName(v.tag):
		return fault.Advise(fault.Errorf(fault.Usage, "invalid model name %q", strings.TrimSuffix(v.name+":"+v.tag, ":")), "A name has lower-case letters, digits, dots, dashes and underscores.")
	case v.export != "" && v.to == "":
		return &fault.Error{Kind: fault.Usage, Msg: "--export needs a folder", Advice: "Name it with --to."}
	case v.to != "" && v.export == "":
		return fault.Errorf(fault.Usage, "--to is for --export")
	case v.settings.FourBit && v.weights == "" && !v.resume:
		return &fault.Error{Kind: fault.Usage, Msg: "--four-bit needs --weights", Advice: "Give the folder of the model's original weights."}
	}
	if v.export != "" {
		var names []string
		known := false
		for _, t := range tune.Targets {
			names, known = append(names, string(t)), known || string(t) == v.export
		}
		if !known {
			return flags.Invalid("export", v.export, names...)
		}
	}
	return v.settings.Check()
}

// A base is the model to train.
type base struct {
	models.Model
	ref     string // that finds it from every folder
	file    *gguf.File
	encoder *tune.Encoder
	close   func() error
}

// open finds the model and makes its encoder. Only some vocabularies need the engine.
func (v *tuning) open(ctx context.Context, ref string) (b *base, err error) {
	m, err := v.lib.Find(ref)
	if err != nil {
		return nil, err
	}
	if m.Problem != nil {
		return nil, fault.Errorf(fault.BadModel, "cannot train %s: %w", m.Name, m.Problem)
	}
	b = &base{Model: m, ref: m.Name, close: func() error { return nil }}
	if m.Origin == models.Elsewhere {
		b.ref = m.Path
	}
	if b.file, err = gguf.Read(m.Path); err == nil {
		err = b.file.Check()
	}
	if err != nil {
		return nil, fault.Errorf(fault.BadModel, "cannot train %s: %w", m.Name, err)
	}
	if len(m.Adapters) > 0 {
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "cannot train %s: it has an adapter already", m.Name), "Train its base model on all the data.")
	}
	if a := b.file.Summary().Architecture; a != "llama" && a != "mistral3" {
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "cannot train %s: its architecture is %s", m.Name, a), "Use a model of the architecture llama or mistral3, as most of Mistral's are.")
	}
	b.encoder, err = tune.NewEncoder(b.file, filepath.Base(m.Path))
	if err == nil || !errors.Is(err, tokenizer.ErrUnsupported) {
		return b, err
	}
	v.con.Waitf("loading %s, to tokenize", m.Name)
	defer v.con.Erase()
	e, err := v.lib.Open(ctx, ref, library.LoadOptions(v.conf))
	if err != nil {
		return nil, err
	}
	b.close = e.Close
	b.encoder, err = tune.NewEngineEncoder(ctx, b.file, filepath.Base(m.Path), e)
	if err == nil {
		err = b.encoder.Check(ctx, e)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return b, nil
}

// reading shows how much of a file is read.
func (v *tuning) reading(path string) func(done, total int64) {
	line := &console.Counter{Verb: "checking " + filepath.Base(path)}
	v.con.Wait(line.Line)
	return func(done, total int64) { line.Set(done, total, "") }
}

// reports checks the validation data, if there is any, and then the data.
func (v *tuning) reports(ctx context.Context, e *tune.Encoder) (train, valid *tune.Report, err error) {
	o := tune.CheckOptions{Encoder: e, SequenceLength: v.settings.SequenceLength}
	defer v.con.Erase()
	if v.valid != "" {
		o.Progress = v.reading(v.valid)
		if valid, err = tune.Check(ctx, v.valid, o); err != nil {
			return nil, nil, err
		}
		o.Validation = valid
	}
	o.Progress = v.reading(v.data)
	train, err = tune.Check(ctx, v.data, o)
	return train, valid, err
}

func (v *tuning) runCheck(ctx context.Context) error {
	var b *base
	var encoder *tune.Encoder
	if v.model != "" {
		var err error
		if b, err = v.open(ctx, v.model); err != nil {
			return err
		}
		defer b.close()
		encoder = b.encoder
	}
	train, valid, err := v.reports(ctx, encoder)
	if err != nil {
		return err
	}
	var estimate *tune.Estimate
	if b != nil && train.Sequences > 0 {
		e := v.estimate(ctx, b, train.Sequences, train)
		estimate = &e
	}
	if v.con.JSON {
		err = v.con.WriteJSON(struct {
			Data       *tune.Report   `json:"data"`
			Validation *tune.Report   `json:"validation,omitempty"`
			Estimate   *tune.Estimate `json:"estimate,omitempty"`
		}{train, valid, estimate})
	} else {
		t := &console.Table{Head: []string{"FILE", "LINES", "EXAMPLES", "FORMAT", "WRONG", "REPEATED", "TOKENS", "TRAINED", "MEDIAN", "LONGEST"}, Right: []int{1, 2, 4, 5, 6, 7, 8, 9}}
		for _, r := range []*tune.Report{train, valid} {
			if r != nil {
				addReport(v.con, t, r)
			}
		}
		err = v.con.Print(t)
		for _, r := range []*tune.Report{train, valid} {
			v.noteLeftOut(r)
		}
		if estimate != nil {
			v.noteEstimate(*estimate)
		}
	}
	if err != nil {
		return err
	}
	if err := train.Err(); err != nil {
		return err
	}
	if valid != nil {
		return valid.Err()
	}
	return nil
}

func addReport(con *console.Console, t *console.Table, r *tune.Report) {
	format := "–"
	for f := range r.Formats {
		format = string(f)
	}
	count := func(n int64) string {
		if r.Sequences == 0 {
			return "–"
		}
		return units.Count(int(n))
	}
	t.Add(con.CleanOut(filepath.Base(r.File)), units.Count(r.Lines), units.Count(r.Examples), format, units.Count(r.Wrong), units.Count(r.Repeated),
		count(r.Tokens), count(r.Trained), count(int64(r.Lengths.Median)), count(int64(r.Lengths.Max)))
}

// noteLeftOut reports lines that are not wrong and not used.
func (v *tuning) noteLeftOut(r *tune.Report) {
	if r == nil {
		return
	}
	for _, x := range []struct {
		n    int
		at   []int
		what string
	}{
		{r.Repeated, r.RepeatedAt, "repeated"},
		{r.Known, r.KnownAt, "in the validation data too"},
		{r.TooLong, r.TooLongAt, fmt.Sprintf("longer than %s", units.Plural(v.settings.SequenceLength, "token"))},
	} {
		if x.n > 0 {
			v.con.Notef("%s: %s left out, because %s %s: %s.", filepath.Base(r.File), units.Plural(x.n, "line"), isAre(x.n), x.what, tune.LineNumbers(x.at, x.n))
		}
	}
}

func isAre(n int) string {
	if n == 1 {
		return "it is"
	}
	return "they are"
}

func (v *tuning) estimate(ctx context.Context, b *base, sequences int, r *tune.Report) tune.Estimate {
	s := v.settings
	s.Checkpointing = checkpointing(b.file)
	mean := r.Tokens
	if r.Sequences > 0 {
		mean = r.Tokens * int64(sequences) / int64(r.Sequences)
	}
	return tune.EstimateFor(b.file, s, sequences, mean, r.Lengths.Max, v.lib.Machine(ctx).Cores)
}

// checkpointing says whether gradients are computed again rather than kept: it costs a third
// of the time, which small models need not pay.
func checkpointing(file *gguf.File) bool { return file.Summary().Parameters > 1e9 }

func (v *tuning) noteEstimate(e tune.Estimate) {
	v.con.Notef("%s, on the CPU about %s of memory and %s; the adapter takes %s.", units.Plural(e.Steps, "step"), units.Size(e.Memory),
		roughly(e.Seconds), units.Size(e.Adapter))
}

// roughly formats an estimate of a time.
func roughly(seconds tune.Range) string {
	low, high := tune.Duration(seconds.Low), tune.Duration(seconds.High)
	switch {
	case high < time.Second:
		return "less than a second"
	case low < time.Second:
		return "at most " + units.Duration(high)
	}
	return "roughly " + units.Duration(low) + " to " + units.Duration(high)
}

func (v *tuning) runFix(ctx context.Context) error {
	if same(v.data, v.fix) {
		return fault.Errorf(fault.Usage, "--data and --fix name the same file")
	}
	o := tune.CheckOptions{SequenceLength: v.settings.SequenceLength}
	var err error
	if v.valid != "" {
		if o.Validation, err = tune.Check(ctx, v.valid, o); err != nil {
			return err
		}
	}
	if v.model != "" {
		b, err := v.open(ctx, v.model)
		if err != nil {
			return err
		}
		defer b.close()
		o.Encoder = b.encoder
	}
	o.Progress = v.reading(v.data)
	fixed, err := tune.Fix(ctx, v.data, v.fix, o)
	v.con.Erase()
	if err != nil {
		return err
	}
	if v.con.JSON {
		return v.con.WriteJSON(fixed)
	}
	v.con.Notef("%s: %s. Converted %d, shortened %d, joined answers in %d, removed %d.", v.fix, units.Plural(fixed.Written, "line"), fixed.Converted, fixed.Shortened, fixed.Joined, fixed.Removed)
	if r := fixed.Data; r.Wrong > 0 {
		v.con.Notef("%s: %s left out: %s.", filepath.Base(r.File), units.Plural(r.Wrong, "line"), r.WrongLines())
	}
	v.noteLeftOut(fixed.Data)
	if o.Encoder == nil {
		v.con.Notef("With -m, --fix also leaves out lines that do not suit the model or are too long.")
	}
	return nil
}

// same reports whether two paths name one file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

func (v *tuning) runExport(ctx context.Context) error {
	e := tune.Export{Target: tune.Target(v.export), Dir: v.to, Data: v.data, Validation: v.valid, Model: cmp.Or(v.weights, v.model, "MODEL"), Settings: v.settings}
	n, err := tune.CountLines(ctx, v.data)
	if err != nil {
		return err
	}
	e.HeldOut = func(i int) bool { return tune.HoldOut(i, n) }
	e.Settings.Steps = v.settings.StepsFor(n)
	if e.Target == tune.Axolotl {
		b, err := v.open(ctx, v.model)
		if err != nil {
			return err
		}
		defer b.close()
		e.Encoder = b.encoder
	}
	if err := os.MkdirAll(v.to, 0o777); err != nil {
		return fault.Errorf(fault.File, "cannot make the folder %s: %w", v.to, err)
	}
	e.Progress = v.reading(v.data)
	files, err := e.Write(ctx)
	v.con.Erase()
	if err != nil {
		return err
	}
	if v.con.JSON {
		return v.con.WriteJSON(struct {
			Files []string `json:"files"`
		}{files})
	}
	v.con.Notef("Wrote %s.", strings.Join(files, ", "))
	return nil
}

// agree asks whether the Python packages may be downloaded.
func (v *tuning) agree(ctx context.Context, p tune.Python, plan *tune.Plan) error {
	if !plan.Download {
		return nil
	}
	if free, ok := atomicfile.Free(existing(v.places.Cache)); ok && free < tune.PackagesDisk {
		v.con.Notef("Only %s are free on the disk; the packages may need %s.", units.Size(free), units.Size(tune.PackagesDisk))
	}
	what := fmt.Sprintf("Training needs the Python packages %s: about %s to download and %s on the disk, with %s.", p.Requirements(), units.Size(tune.PackagesDownload), units.Size(tune.PackagesDisk), plan.With)
	if v.yes {
		v.con.Notef("%s", what)
		return nil
	}
	refused := &fault.Error{
		Kind:   fault.Licence,
		Msg:    "the model was not trained: the download of the Python packages needs your consent",
		Advice: "Answer the question with y, use --yes, or give a Python that has them with --python.",
	}
	if !v.con.Asks() {
		return refused
	}
	question := v.con.Clean(what) + "\nDownload?"
	if agrees, err := v.con.Agrees(ctx, question); err != nil || agrees {
		return err
	}
	return refused
}

// existing is the first parent of a folder that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
