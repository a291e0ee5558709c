package weights

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/units"
)

// quantizeFlags are the flags of bise quantize.
type quantizeFlags struct {
	kind, imatrix     string
	output, embedding string
	tensors           []string
	pure, requantize  bool
	keepSplit, force  bool
	types             bool
	threads           int
}

// Quantize is the command bise quantize.
func Quantize(con *console.Console, lib *library.Library) *cobra.Command {
	var v quantizeFlags
	cmd := &cobra.Command{
		Use:   "quantize IN OUT",
		Short: "Quantize a model",
		Long: `Quantize a model: store its weights with fewer bits each. The output is the same as that
of llama-quantize. Start from F16, BF16 or F32.`,
		Example: `bise quantize codestral.f16.gguf codestral.gguf --type Q4_K_M
bise quantize nemo.bf16.gguf nemo.gguf --type IQ3_M --imatrix nemo.imatrix.gguf
bise quantize --types`,
		Args: func(cmd *cobra.Command, args []string) error {
			if v.types {
				return nil
			}
			return flags.Args(cobra.ExactArgs(2), "two files: the model, and where to write")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.types {
				return quantizeTypes(con)
			}
			return runQuantize(cmd.Context(), con, lib, v, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.kind, "type", "", "store weights as `TYPE`, such as Q4_K_M")
	f.BoolVar(&v.types, "types", false, "list the types")
	f.StringVar(&v.imatrix, "imatrix", "", "use the importance matrix in `FILE` (see bise imatrix)")
	f.BoolVar(&v.pure, "pure", false, "store all matrices as one type instead of a mix")
	f.StringArrayVar(&v.tensors, "tensor-type", nil, "store tensors with matching names as a type, `PATTERN=TYPE`; can be repeated")
	f.StringVar(&v.output, "output-tensor-type", "", "store output.weight as `TYPE`")
	f.StringVar(&v.embedding, "token-embedding-type", "", "store token_embd.weight as `TYPE`")
	f.BoolVar(&v.requantize, "allow-requantize", false, "quantize tensors that are already quantized, with a loss")
	f.BoolVar(&v.keepSplit, "keep-split", false, "write as many files as the input has")
	f.IntVar(&v.threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.BoolVar(&v.force, "force", false, "replace OUT if it exists")
	return cmd
}

func quantizeTypes(con *console.Console) error {
	if con.JSON {
		type row struct {
			Name string `json:"name"`
			Note string `json:"note"`
		}
		var rows []row
		for _, t := range quantize.Types() {
			rows = append(rows, row{t.Name, t.Note})
		}
		return con.WriteJSON(rows)
	}
	t := &console.Table{}
	for _, kind := range quantize.Types() {
		t.Add(kind.Name, kind.Note)
	}
	return con.Print(t)
}

// parse makes options of the flags.
func (v *quantizeFlags) parse() (o quantize.Options, err error) {
	if v.kind == "" {
		return o, &fault.Error{Kind: fault.Usage, Msg: "quantize needs a type", Advice: "Use --type Q4_K_M unless you need another; bise quantize --types lists them."}
	}
	if v.threads < 0 {
		return o, fault.Errorf(fault.Usage, "--threads must not be negative")
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

func runQuantize(ctx context.Context, con *console.Console, lib *library.Library, v quantizeFlags, in, out string) error {
	o, err := v.parse()
	if err != nil {
		return err
	}
	m, err := lib.Find(in)
	if err != nil {
		return err
	}
	o.In, o.Out = m.Path, out
	outputs, err := o.Outputs()
	if err != nil {
		return err
	}
	if err := flags.Replaces(v.force, outputs...); err != nil {
		return err
	}
	began := time.Now()
	line := console.Counter{Verb: "quantizing"}
	work := func() (quantize.Result, error) {
		return quantize.Run(ctx, o, QuantizeWorker("quantize "+in), func(p quantize.Progress) { line.Set(p.Done, p.Total, p.Tensor) })
	}
	return console.Run(con, line.Line, work, func(r quantize.Result) any {
		return struct {
			Files      []string `json:"files"`
			Type       string   `json:"type"`
			Before     int64    `json:"bytes_before"`
			After      int64    `json:"bytes_after"`
			Fallbacks  int      `json:"fallbacks"`
			Unweighted int      `json:"unweighted"`
			Seconds    float64  `json:"seconds"`
		}{r.Files, o.Type.Name, r.Before, r.After, r.Fallbacks, r.Unweighted, time.Since(began).Seconds()}
	}, func(r quantize.Result) {
		if r.Fallbacks > 0 {
			con.Notef("%s rows that %s cannot pack and got a larger type.", have(r.Fallbacks, "tensor"), o.Type.Name)
		}
		// The embedding is never in a matrix, and the output seldom.
		if r.Unweighted > 2 {
			con.Notef("The importance matrix lacks %s.", units.Plural(r.Unweighted, "tensor"))
		}
		con.Notef("%s is %s, %s instead of %s (%s).", strings.Join(r.Files, ", "), o.Type.Name, units.Size(r.After), units.Size(r.Before), units.Duration(time.Since(began)))
	})
}

func have(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return units.Plural(n, noun) + " have"
}

// QuantizeWorker quantizes in another process. what says what is attempted.
func QuantizeWorker(what string) quantize.Worker {
	return func(ctx context.Context, job quantize.Job, begun func(int)) (quantize.Done, error) {
		var done quantize.Done
		err := performTask(ctx, task{Quantize: &job, Folder: filepath.Dir(job.Out)}, what, &done, func(data json.RawMessage) {
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
