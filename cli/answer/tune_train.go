package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/modes/eval"
	"github.com/bise-sh/bise/modes/tune"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

const (
	maxCompared   = 200 // validation lines that both models answer
	maxLossLines  = 64  // sequences of the validation loss
	saveSeconds   = 120 // between two checkpoints
	answerReserve = 32  // tokens of an answer beyond the longest expected one
)

// train prepares a job or takes up an old one, trains, installs and compares.
func (v *tuning) train(ctx context.Context) error {
	f, err := tune.OpenFolder(filepath.Join(v.places.State, "tune", strings.TrimSuffix(v.name+"@"+v.tag, "@")))
	if err != nil {
		return err
	}
	kept := false // the folder has something to continue with
	defer func() {
		if !kept {
			_ = f.Clear()
		}
		_ = f.Close()
		if !kept {
			_ = os.RemoveAll(f.Dir)
		}
	}()
	j, found, err := f.Job()
	if err != nil && !v.again {
		kept = true
		return err
	}
	var b *base
	var facts *tune.Report
	switch {
	case v.resume && !(found && f.Started()):
		return fault.Advise(fault.Errorf(fault.NotFound, "no training of %s is unfinished", v.name), "Start one: bise tune %s --data FILE.", v.name)
	case v.resume:
		kept = true
		b, err = v.takeUp(ctx, f, &j)
	case found && f.Started() && !v.again && !v.dry:
		kept = true
		return fault.Advise(fault.Errorf(fault.Usage, "a training of %s is unfinished", v.name), "Continue it with --resume, or start again with --again.")
	default:
		kept = found && f.Started() && v.dry
		if kept {
			return fault.Errorf(fault.Usage, "a training of %s is unfinished: --dry-run would replace it", v.name)
		}
		b, facts, err = v.begin(ctx, f, &j)
	}
	if err != nil {
		return err
	}
	defer b.close()
	python := tune.Python{Given: cmp.Or(v.python, j.Python), Cache: filepath.Join(v.places.Cache, "tune"), FourBit: j.FourBit}
	plan, err := python.Plan()
	if err != nil {
		return err
	}
	if facts != nil {
		v.noteEstimate(tune.EstimateFor(b.file, j.Settings, j.Sequences, j.Tokens, facts.Lengths.Max, j.Threads))
	}
	if v.dry {
		if plan.Download {
			v.con.Notef("The Python packages %s would be downloaded, with %s.", python.Requirements(), plan.With)
		}
		return v.dryResult(j)
	}
	if err := v.agree(ctx, python, plan); err != nil {
		return err
	}
	kept = true
	if plan.Download {
		v.con.Waitf("downloading the Python packages; this takes minutes")
	} else {
		v.con.Waitf("starting Python")
	}
	probed, err := plan.Prepare(ctx, f)
	v.con.Erase()
	if err != nil {
		kept = f.Started()
		return err
	}
	if j.FourBit && probed.Device != "cuda" {
		return fault.Advise(fault.Errorf(fault.Unsupported, "--four-bit needs an NVIDIA GPU, and PyTorch finds none"), "Start again without it, with --again.")
	}
	losses, err := v.runTrainer(ctx, plan.Trainer, f, j)
	if err != nil {
		return err
	}
	m, err := v.install(ctx, f, j, b)
	if err != nil {
		return err
	}
	if err := f.Clear(tune.ValidName); err != nil {
		v.con.Notef("The training's files in %s could not be removed: %v.", f.Dir, err)
	}
	return v.report(ctx, f, b, m, j, losses)
}

// begin checks the data, writes its tokens and stores the job.
func (v *tuning) begin(ctx context.Context, f *tune.Folder, j *tune.Job) (b *base, train *tune.Report, err error) {
	b, err = v.open(ctx, v.model)
	if err != nil {
		return nil, nil, err
	}
	opened := b
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	tag := v.tagFor(b)
	if _, ok := v.lib.Store().Installed(v.name, tag); ok {
		return nil, nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot train %s: %s:%s is already installed", v.name, v.name, tag), "Choose another name, or remove that model with bise rm.")
	}
	weights := b.Path
	if v.weights != "" {
		if err := tune.CheckWeights(v.weights, b.file); err != nil {
			return nil, nil, err
		}
		if weights, err = filepath.Abs(v.weights); err != nil {
			return nil, nil, err
		}
	}
	if err := f.Clear(); err != nil {
		return nil, nil, fault.Errorf(fault.File, "cannot remove the last training of %s: %w", v.name, err)
	}
	train, valid, err := f.Write(ctx, tune.Source{Train: v.data, Valid: v.valid, Encoder: b.encoder, SequenceLength: v.settings.SequenceLength, Progress: v.reading(v.data)})
	v.con.Erase()
	if err != nil {
		return nil, nil, err
	}
	v.noteLeftOut(train)
	v.con.Notef("%s: %s, %s, of which %s are learned; the longest has %s. %s for validation.", filepath.Base(v.data), units.Plural(train.Examples, "example"),
		units.Count(int(train.Tokens))+" tokens", units.Count(int(train.Trained)), units.Count(train.Lengths.Max), units.Plural(valid.Examples, "example"))
	if valid.Examples == 0 {
		v.con.Notef("Nothing will be compared, because there are no validation examples. Give some with --valid, or at least ten examples with --data.")
	}
	fingerprint, err := gguf.Fingerprint(b.Path)
	if err != nil {
		return nil, nil, fault.Errorf(fault.BadModel, "cannot train %s: %w", b.Name, err)
	}
	s := v.settings
	s.Steps = s.StepsFor(train.Sequences)
	s.Checkpointing = checkpointing(b.file)
	if s.Threads = v.conf.Threads; s.Threads == 0 {
		s.Threads = max(1, v.lib.Machine(ctx).Cores)
	}
	*j = tune.Job{
		Name: v.name, Tag: tag, Base: b.ref, Model: b.Path, Print: fingerprint, Weights: weights, Data: absolute(v.data), Valid: absolute(v.valid),
		Python: program(v.python), Settings: s, Sequences: train.Sequences, Tokens: train.Tokens, LongestAnswer: max(train.LongestAnswer, valid.LongestAnswer),
		ValidLimit: maxLossLines, SaveSeconds: saveSeconds,
	}
	return b, train, f.Save(*j)
}

// absolute is the absolute path, or "" of "".
func absolute(path string) string {
	if path == "" {
		return ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// program is the absolute path of a program that is given by its path, and not only by its name.
func program(path string) string {
	if filepath.Base(path) == path {
		return path
	}
	return absolute(path)
}

func (v *tuning) tagFor(b *base) string {
	tag := cmp.Or(v.tag, strings.ToLower(b.file.Summary().FileType))
	if !models.ValidName(tag) {
		return "lora"
	}
	return tag
}

// takeUp opens the model of a job. Flags that say something else than the job are errors,
// but the learning rate can be changed.
func (v *tuning) takeUp(ctx context.Context, f *tune.Folder, j *tune.Job) (*base, error) {
	s := v.settings
	for flag, same := range map[string]bool{
		"data": absolute(v.data) == j.Data, "valid": absolute(v.valid) == j.Valid, "weights": absolute(v.weights) == j.Weights,
		"epochs": s.Epochs == j.Epochs, "steps": s.Steps == j.Steps, "batch": s.Batch == j.Batch, "rank": s.Rank == j.Rank,
		"sequence-length": s.SequenceLength == j.SequenceLength, "seed": s.Seed == j.Seed, "four-bit": s.FourBit == j.FourBit,
	} {
		if v.changed(flag) && !same {
			return nil, fault.Advise(fault.Errorf(fault.Usage, "--%s differs from that of the training to continue", flag), "Leave it out, or start again with --again.")
		}
	}
	b, err := v.open(ctx, j.Base)
	if err != nil {
		return nil, err
	}
	fingerprint, err := gguf.Fingerprint(b.Path)
	if err == nil && (fingerprint != j.Print || b.Path != j.Model) {
		err = fault.Advise(fault.Errorf(fault.Invalid, "cannot continue: %s has changed since the training began", j.Base), "Start again with --again.")
	}
	if err == nil && v.model != "" {
		var m models.Model
		if m, err = v.lib.Find(v.model); err == nil && m.Path != j.Model {
			err = fault.Advise(fault.Errorf(fault.Usage, "the training to continue is of %s", j.Base), "Leave -m out, or start again with --again.")
		}
	}
	if v.changed("learning-rate") {
		j.LearningRate = s.LearningRate
	}
	if err == nil {
		err = f.Save(*j)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// losses are those of the validation data.
type losses struct {
	before, after float64
	known         bool
}

// runTrainer trains and shows the progress.
func (v *tuning) runTrainer(ctx context.Context, t tune.Trainer, f *tune.Folder, j tune.Job) (l losses, err error) {
	var mu sync.Mutex
	var now tune.Event // of the last step
	var first int
	var began time.Time
	loss := 0.0 // smoothed
	where, saving := "", false
	v.con.Wait(func(columns int) string {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case saving:
			return "stopping after this step, to save"
		case where == "":
			return "loading " + filepath.Base(j.Base)
		case now.Step == first:
			return "training " + j.Name + " on the " + where
		}
		left := time.Since(began) / time.Duration(now.Step-first) * time.Duration(j.Steps-now.Step)
		return term.ProgressLine(fmt.Sprintf("training %s, step %d of %d · loss %.3f", j.Name, now.Step, j.Steps, loss), float64(now.Step)/float64(j.Steps), units.Duration(left)+" left", columns)
	})
	stop := context.AfterFunc(ctx, func() { mu.Lock(); saving = true; mu.Unlock() })
	defer stop()
	saved := 0
	err = t.Train(ctx, f, func(e tune.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Event {
		case "loaded":
			where, began, now, first, saved = v.con.Clean(strings.TrimSpace(e.Device+" in "+e.Type)), time.Now(), e, e.Step, e.Step
		case "step":
			if now.Step == first {
				loss = e.Loss
			}
			loss += (e.Loss - loss) / 5
			now = e
		case "saved":
			saved = e.Step
		case "valid":
			if e.Step == 0 {
				l.before = e.Loss
			}
			l.after, l.known = e.Loss, true
			if now.Step == first {
				began = time.Now() // the time left is that of the steps
			}
		}
	})
	v.con.Erase()
	switch {
	case err == nil || ctx.Err() == nil:
	case f.Started():
		v.con.Notef("Step %d of %d is saved. Continue with: bise tune %s --resume", saved, j.Steps, strings.TrimSuffix(v.name+":"+v.tag, ":"))
	default:
		v.con.Notef("No step is saved yet. The same command starts again.")
	}
	return l, err
}

// install converts the adapter and adds the model, with the weights of its base.
func (v *tuning) install(ctx context.Context, f *tune.Folder, j tune.Job, b *base) (models.Model, error) {
	out := f.Path(j.Name + ".lora.gguf")
	v.con.Waitf("converting the adapter")
	defer v.con.Erase()
	if _, err := convert.Convert(ctx, f.Adapter(), convert.Options{Output: out, Base: b.Path, Name: j.Name, Type: convert.F16}); err != nil {
		return models.Model{}, err
	}
	v.con.Waitf("installing %s", j.Name)
	return v.lib.Import(ctx, models.Import{
		Path: b.Path, Projector: b.Projector, Adapters: []string{out}, Way: models.InPlace, Name: j.Name, Tag: j.Tag,
		Made: []models.Step{{Step: "tune", Version: build.Current().Version}},
	})
}

// report compares the models on the validation lines.
func (v *tuning) report(ctx context.Context, f *tune.Folder, b *base, m models.Model, j tune.Job, l losses) error {
	lossText := ""
	if l.known {
		lossText = fmt.Sprintf(" The loss on the validation data is %.3f", l.after)
		if l.before > 0 {
			lossText += fmt.Sprintf("; it was %.3f", l.before)
		}
		lossText += "."
	}
	v.con.Notef("%s is installed: %s with an adapter of %s.%s Try: bise ask -m %s", m.Name, b.Name, units.Size(adapterSize(m)), lossText, m.Name)
	out := struct {
		Model      models.Model  `json:"-"`
		Name       string        `json:"name"`
		Base       string        `json:"base"`
		Steps      int           `json:"steps"`
		Before     float64       `json:"validation_loss_before,omitempty"`
		After      float64       `json:"validation_loss,omitempty"`
		Evaluation *eval.Summary `json:"evaluation,omitempty"`
	}{Name: m.Name, Base: b.Name, Steps: j.Steps, Before: l.before, After: l.after}
	report, err := v.compare(ctx, f, b, m, j)
	if err != nil {
		v.con.Notef("The comparison is not complete; this continues it: bise eval %s -m %s -m %s", f.Path(tune.ValidName), b.ref, m.Name)
		return err
	}
	if v.con.JSON {
		if report != nil {
			s := report.Summary()
			out.Evaluation = &s
		}
		return v.con.WriteJSON(out)
	}
	if report == nil {
		return nil
	}
	return printReport(v.con, *report)
}

func adapterSize(m models.Model) (n int64) {
	for _, f := range m.Files {
		if f.Role == models.Adapter {
			n += f.Size
		}
	}
	return n
}

// compare asks both models the validation lines; nil if there is none that can be judged.
func (v *tuning) compare(ctx context.Context, f *tune.Folder, b *base, m models.Model, j tune.Job) (*eval.Report, error) {
	if v.noEval {
		return nil, nil
	}
	data, err := atomicfile.ReadFile(f.Path(tune.ValidName), maxEvalFile)
	if err != nil {
		return nil, fault.Errorf(fault.File, "cannot read the validation data: %w", err)
	}
	cases := eval.Usable(data)
	if len(cases) == 0 {
		v.con.Notef("There is no validation example with an answer that can be judged, so nothing is compared.")
		return nil, nil
	}
	if len(cases) > maxCompared {
		v.con.Notef("The models are compared on the first %d of %s.", maxCompared, units.Plural(len(cases), "validation example"))
		cases = cases[:maxCompared]
	}
	o := eval.Options{}
	limit := j.LongestAnswer + answerReserve
	o.Sampling.MaxTokens = &limit
	r := &eval.Report{File: tune.ValidName, Cases: cases}
	for _, ref := range []string{b.ref, m.Name} {
		one := measurement{con: v.con, lib: v.lib, places: v.places, target: target{ref: ref, load: library.LoadOptions(v.conf)}, data: data, cases: cases, options: o}
		outcomes, err := one.run(ctx)
		if err != nil {
			return nil, err
		}
		r.Models = append(r.Models, outcomes)
	}
	return r, nil
}

// dryResult reports what would be trained.
func (v *tuning) dryResult(j tune.Job) error {
	if !v.con.JSON {
		v.con.Notef("Nothing was trained: this was a dry run.")
		return nil
	}
	j.Print = ""
	return v.con.WriteJSON(j)
}
