package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/quantize"
)

// quantizeFlags are what the person says about a quantization.
type quantizeFlags struct {
	kind, imatrix     string
	output, embedding string
	tensors           []string
	pure, requantize  bool
	keepSplit, force  bool
	types             bool
	threads           int
}

func (a *app) quantizeCommand() *cobra.Command {
	var v quantizeFlags
	cmd := &cobra.Command{
		Use:   "quantize IN OUT",
		Short: "Make a model smaller",
		Long: `Make a model smaller: store its weights with fewer bits each. The file is the one
that llama.cpp's own quantizer writes. Start from F16, BF16 or F32.`,
		Example: `bise quantize codestral.f16.gguf codestral.gguf --type Q4_K_M
bise quantize nemo.bf16.gguf nemo.gguf --type IQ3_M --imatrix nemo.imatrix.gguf
bise quantize --types`,
		Args: func(cmd *cobra.Command, args []string) error {
			if v.types {
				return nil
			}
			return arguments(cobra.ExactArgs(2), "two files: the model, and where to write")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.types {
				return a.quantizeTypes()
			}
			return a.quantize(cmd.Context(), v, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.kind, "type", "", "store weights as `TYPE`, such as Q4_K_M")
	f.BoolVar(&v.types, "types", false, "list the types")
	f.StringVar(&v.imatrix, "imatrix", "", "spend bits where the importance matrix in `FILE` says (see bise imatrix)")
	f.BoolVar(&v.pure, "pure", false, "store all matrices as one type instead of a mix")
	f.StringArrayVar(&v.tensors, "tensor-type", nil, "store tensors whose names match as a type, `PATTERN=TYPE`; may be repeated")
	f.StringVar(&v.output, "output-tensor-type", "", "store output.weight as `TYPE`")
	f.StringVar(&v.embedding, "token-embedding-type", "", "store token_embd.weight as `TYPE`")
	f.BoolVar(&v.requantize, "allow-requantize", false, "also quantize what is quantized already, at a loss")
	f.BoolVar(&v.keepSplit, "keep-split", false, "write as many files as the model has")
	f.IntVar(&v.threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.BoolVar(&v.force, "force", false, "replace OUT if it exists")
	return cmd
}

func (a *app) quantizeTypes() error {
	if a.json {
		type row struct {
			Name string `json:"name"`
			Note string `json:"note"`
		}
		var rows []row
		for _, t := range quantize.Types() {
			rows = append(rows, row{t.Name, t.Note})
		}
		return writeJSON(a.stdout, rows)
	}
	t := &table{}
	for _, kind := range quantize.Types() {
		t.add(kind.Name, kind.Note)
	}
	return a.print(t)
}

// parse makes options of the flags.
func (v *quantizeFlags) parse() (o quantize.Options, err error) {
	if v.kind == "" {
		return o, &fault.Error{Kind: fault.Usage, Msg: "quantize wants a type", Advice: "Most people take --type Q4_K_M; see them all with bise quantize --types."}
	}
	if v.threads < 0 {
		return o, usageErrorf("--threads must not be negative")
	}
	o = quantize.Options{Matrix: v.imatrix, Pure: v.pure, Requantize: v.requantize, KeepSplit: v.keepSplit, Threads: v.threads}
	if o.Type, err = quantize.ParseType(v.kind); err != nil {
		return o, err
	}
	for _, s := range v.tensors {
		t, err := quantize.ParseOverride(s)
		if err != nil {
			return o, err
		}
		o.Tensors = append(o.Tensors, t)
	}
	for _, x := range []struct {
		name string
		to   **gguf.Type
	}{{v.output, &o.Output}, {v.embedding, &o.Embedding}} {
		if x.name == "" {
			continue
		}
		t, err := quantize.ParseTensorType(x.name)
		if err != nil {
			return o, err
		}
		*x.to = &t
	}
	return o, nil
}

// replaces refuses to write over files, unless that is wanted.
func replaces(force bool, paths ...string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot write %s: it is a folder", path), Advice: "Name a file in it."}
		case !force:
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s exists", path), Advice: "Replace it with --force, or give another name."}
		}
	}
	return nil
}

func (a *app) quantize(ctx context.Context, v quantizeFlags, in, out string) error {
	o, err := v.parse()
	if err != nil {
		return err
	}
	m, err := a.lib.Find(in)
	if err != nil {
		return err
	}
	o.In, o.Out = m.Path, out
	outputs, err := o.Outputs()
	if err != nil {
		return err
	}
	if err := replaces(v.force, outputs...); err != nil {
		return err
	}
	began := time.Now()
	line := amount{verb: "quantizing"}
	a.progress.wait(line.line)
	r, err := quantize.Run(ctx, o, a.quantizeWorker("quantize "+in), func(p quantize.Progress) {
		line.set(p.Done, p.Total, p.Tensor)
	})
	if err != nil {
		return err
	}
	a.progress.erase()
	took := time.Since(began)
	if a.json {
		return writeJSON(a.stdout, struct {
			Files      []string `json:"files"`
			Type       string   `json:"type"`
			Before     int64    `json:"bytes_before"`
			After      int64    `json:"bytes_after"`
			Fallbacks  int      `json:"fallbacks"`
			Unweighted int      `json:"unweighted"`
			Seconds    float64  `json:"seconds"`
		}{r.Files, o.Type.Name, r.Before, r.After, r.Fallbacks, r.Unweighted, took.Seconds()})
	}
	if r.Fallbacks > 0 {
		a.note("%s rows that %s cannot pack; they have a larger type.", have(r.Fallbacks, "tensor"), o.Type.Name)
	}
	// The embedding never is in a matrix, and the output seldom.
	if r.Unweighted > 2 {
		a.note("The importance matrix lacks %s.", plural(r.Unweighted, "tensor"))
	}
	a.note("%s is %s, %s instead of %s (%s).", strings.Join(r.Files, ", "), o.Type.Name, size(r.After), size(r.Before), long(took))
	return nil
}

func have(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return plural(n, noun) + " have"
}

// quantizeWorker quantizes in another process.
func (a *app) quantizeWorker(what string) quantize.Worker {
	return func(ctx context.Context, job quantize.Job, begun func(int)) (quantize.Done, error) {
		var done quantize.Done
		err := a.perform(ctx, task{Quantize: &job, Folder: filepath.Dir(job.Out)}, what, &done, func(data json.RawMessage) {
			var tensor int
			if json.Unmarshal(data, &tensor) == nil {
				begun(tensor)
			}
		})
		return done, err
	}
}

// doQuantize is what the other process does.
func doQuantize(job quantize.Job, progress func(any)) (quantize.Done, error) {
	q := llama.Quantization{
		In: job.In, Out: job.Out, Type: job.Type, Copy: job.Copy, Pure: job.Pure, Requantize: job.Requantize, KeepSplit: job.KeepSplit,
		Output: job.Output, Embedding: job.Embedding, Threads: job.Threads,
	}
	for _, t := range job.Tensors {
		q.Tensors = append(q.Tensors, llama.TensorType{Pattern: t.Pattern, Type: t.Type})
	}
	if job.Matrix != "" {
		m, err := quantize.ReadMatrix(job.Matrix)
		if err != nil {
			return quantize.Done{}, err
		}
		q.Matrix = map[string][]float32{}
		for name := range m.Entries {
			q.Matrix[name] = m.Values(name)
		}
		meta := m.Metadata(job.Matrix)
		for key := range meta.All() {
			fact := llama.Fact{Key: key}
			if n, ok := meta.Uint(key); ok {
				fact.Number = int64(n)
			} else {
				fact.Text, _ = meta.String(key)
			}
			q.Metadata = append(q.Metadata, fact)
		}
	}
	done, err := llama.Quantize(q, func(at llama.Quantized) { progress(at.Done) })
	return quantize.Done{Fallbacks: done.Fallbacks, Unweighted: done.Unweighted}, err
}

// An amount is how many bytes of a whole are done, and what is being done.
type amount struct {
	verb string

	mu          sync.Mutex
	began       time.Time
	done, total int64
	what        string
}

func (m *amount) set(done, total int64, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began.IsZero() {
		m.began = time.Now()
	}
	m.done, m.total, m.what = done, total, what
}

func (m *amount) line(columns int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total == 0 {
		return m.verb
	}
	after := "  " + m.what
	if m.done > 0 {
		left := time.Duration(float64(time.Since(m.began)) / float64(m.done) * float64(m.total-m.done))
		after = "  " + long(left) + " left" + after
	}
	return withBar(fmt.Sprintf("%s, %s of %s", m.verb, size(m.done), size(m.total)), float64(m.done)/float64(m.total), after, columns)
}
