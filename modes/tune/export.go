package tune

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

// A Target is a trainer that data is exported for.
type Target string

const (
	MistralFinetune Target = "mistral-finetune"
	Axolotl         Target = "axolotl"
	LaPlateforme    Target = "la-plateforme"
)

// Targets are all of them.
var Targets = []Target{MistralFinetune, Axolotl, LaPlateforme}

// An Export has the files to write.
type Export struct {
	Target      Target
	Dir         string // that exists
	Data        string
	Validation  string // "": examples of Data are held out
	Model       string // for the configuration of the trainer
	Settings    Settings
	Encoder     *Encoder // of Axolotl, which gets tokens and masks
	HeldOut     func(index int) bool
	Progress    func(done, total int64)
	train, eval *bufio.Writer // eval is nil until an example is held out
	create      func(name string) (*bufio.Writer, error)
	format      Format // of the data
}

const evalName = "eval.jsonl"

// Write writes train.jsonl, a configuration and, if there are validation examples, eval.jsonl.
// It returns their paths.
func (e *Export) Write(ctx context.Context) (files []string, err error) {
	var open []*atomicfile.File
	e.create = func(name string) (*bufio.Writer, error) {
		path := filepath.Join(e.Dir, name)
		f, err := createNew(path)
		if err != nil {
			return nil, writeError(path, err)
		}
		open, files = append(open, f), append(files, path)
		return bufio.NewWriter(f), nil
	}
	if e.train, err = e.create("train.jsonl"); err == nil {
		err = e.data(ctx)
	}
	if err == nil {
		var w *bufio.Writer
		name, text := e.configuration()
		if w, err = e.create(name); err == nil {
			_, _ = w.WriteString(text) // Flush reports the error
			err = w.Flush()
		}
	}
	if err == nil {
		err = e.train.Flush()
	}
	if err == nil && e.eval != nil {
		err = e.eval.Flush()
	}
	for _, f := range open {
		if err != nil {
			f.Discard()
		} else {
			err = f.Commit()
		}
	}
	if err != nil && fault.KindOf(err) == "" {
		err = writeError(e.Dir, err)
	}
	return files, err
}

func (e *Export) data(ctx context.Context) error {
	o := CheckOptions{Encoder: e.Encoder, SequenceLength: e.Settings.SequenceLength, Progress: e.Progress}
	if e.Validation != "" {
		o.Each = e.hold
		r, err := Check(ctx, e.Validation, o)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return err
		}
		o.Validation = r
	}
	index := 0
	o.Each = func(x Example, s []Sequence) error {
		hold := e.Validation == "" && e.HeldOut != nil && e.HeldOut(index)
		if index++; hold {
			return e.hold(x, s)
		}
		return e.example(e.train, x, s)
	}
	r, err := Check(ctx, e.Data, o)
	if err != nil {
		return err
	}
	e.format = r.format
	return r.Err()
}

// hold writes a validation example.
func (e *Export) hold(x Example, s []Sequence) (err error) {
	if e.eval == nil {
		if e.eval, err = e.create(evalName); err != nil {
			return err
		}
	}
	return e.example(e.eval, x, s)
}

// example writes an example in the form of the trainer.
func (e *Export) example(w *bufio.Writer, x Example, sequences []Sequence) error {
	switch {
	case e.Target == Axolotl:
		// Tokens and masks: Axolotl takes rows that are already tokenized as they are.
		for _, s := range sequences {
			row := struct {
				IDs    []int32 `json:"input_ids"`
				Mask   []int8  `json:"attention_mask"`
				Labels []int32 `json:"labels"`
			}{s.IDs(), make([]int8, len(s)), make([]int32, len(s))}
			for i, t := range s {
				row.Mask[i], row.Labels[i] = 1, t
				if t < 0 {
					row.Labels[i] = -100
				}
			}
			if err := json.NewEncoder(w).Encode(row); err != nil {
				return err
			}
		}
		return nil
	case x.Format == Fill:
		return fault.Advise(fault.Errorf(fault.Unsupported, "cannot export %s for %s: it has no format for infill", e.Data, e.Target), "Export for axolotl, which gets tokens.")
	}
	return writeExample(w, x)
}

// configuration returns the name and the text of the file that the trainer reads beside the
// data.
func (e *Export) configuration() (name, text string) {
	s := e.Settings
	var b strings.Builder
	switch e.Target {
	case Axolotl:
		fmt.Fprintf(&b, "# axolotl train axolotl.yaml\nbase_model: %s # the weights of Hugging Face\n", quote(e.Model))
		fmt.Fprintf(&b, "datasets:\n  - path: train.jsonl\n    ds_type: json\n    type:\n")
		if e.eval != nil {
			fmt.Fprintf(&b, "test_datasets:\n  - path: %s\n    ds_type: json\n    type:\n    split: train\n", evalName)
		}
		fmt.Fprintf(&b, "adapter: lora\nlora_r: %d\nlora_alpha: %d\nlora_dropout: 0\nlora_target_linear: true\n", s.Rank, 2*s.Rank)
		fmt.Fprintf(&b, "sequence_len: %d\nsample_packing: true\nnum_epochs: %v\nmicro_batch_size: 1\ngradient_accumulation_steps: %d\n", s.SequenceLength, s.Epochs, s.Batch)
		fmt.Fprintf(&b, "optimizer: adamw_torch\nlearning_rate: %v\nlr_scheduler: cosine\nwarmup_ratio: %v\nweight_decay: %v\n", s.LearningRate, s.WarmUp, s.WeightDecay)
		fmt.Fprintf(&b, "bf16: auto\ngradient_checkpointing: true\nseed: %d\noutput_dir: out\n", s.Seed)
		return "axolotl.yaml", b.String()
	case MistralFinetune:
		data, evaluation := "instruct_data: train.jsonl", "no_eval: True" // it needs one of them
		if e.format == Text {
			data = "data: train.jsonl"
		} else if e.eval != nil {
			data += "\n  eval_instruct_data: " + evalName
			evaluation = "eval_freq: 100"
		}
		fmt.Fprintf(&b, "# torchrun --nproc-per-node 1 -m train mistral-finetune.yaml\ndata:\n  %s\n", data)
		fmt.Fprintf(&b, "model_id_or_path: %s # the folder of weights in Mistral's layout\nlora:\n  rank: %d\n", quote(e.Model), s.Rank)
		fmt.Fprintf(&b, "seq_len: %d\nbatch_size: 1\nnum_microbatches: %d\nmax_steps: %d\n", s.SequenceLength, s.Batch, max(1, s.Steps))
		fmt.Fprintf(&b, "optim:\n  lr: %v\n  weight_decay: %v\n  pct_start: %v\n", s.LearningRate, s.WeightDecay, s.WarmUp)
		fmt.Fprintf(&b, "seed: %d\nlog_freq: 1\n%s\nckpt_freq: 100\nsave_adapters: True\nrun_dir: run\n", s.Seed, evaluation)
		return "mistral-finetune.yaml", b.String()
	}
	job := map[string]any{
		"model": e.Model, "job_type": "completion", "auto_start": false, "training_files": []string{},
		"hyperparameters": map[string]any{
			"training_steps": max(1, s.Steps), "learning_rate": s.LearningRate, "weight_decay": s.WeightDecay,
			"warmup_fraction": s.WarmUp, "seq_len": s.SequenceLength,
		},
	}
	if e.eval != nil {
		job["validation_files"] = []string{}
	}
	data, err := json.MarshalIndent(job, "", "  ")
	if err != nil { // numbers and texts only
		panic("tune: " + err.Error())
	}
	return "job.json", string(data) + "\n"
}

// quote writes a text as YAML does.
func quote(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}
