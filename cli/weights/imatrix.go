package weights

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/units"
)

// A textReader is a model that reads a text, in another process.
type textReader struct {
	Model     string `json:"model"` // path
	Text      string `json:"text"`
	Context   int    `json:"context"`         // tokens of a chunk
	Limit     int    `json:"limit,omitempty"` // chunks at most
	Threads   int    `json:"threads,omitempty"`
	GPULayers *int   `json:"gpu_layers,omitempty"`
}

// textFlags are the flags of commands that let a model read a text.
type textFlags struct {
	text string
	textReader
	gpuLayers int
	cmd       *cobra.Command
}

func (f *textFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	flags := cmd.Flags()
	flags.StringVar(&f.text, "text", "", "read the text `FILE`; - is standard input")
	flags.IntVar(&f.Context, "window", 512, "read chunks of `N` tokens (default: 512)")
	flags.IntVar(&f.Limit, "chunks", 0, "read at most `N` chunks (default: all)")
	flags.IntVar(&f.Threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	flags.IntVar(&f.gpuLayers, "gpu-layers", 0, "put `N` layers on the GPU (default: as many as fit)")
}

// reader finds the model and reads the text.
func (f *textFlags) reader(ctx context.Context, con *console.Console, lib *library.Library, ref string) (textReader, error) {
	r := f.textReader
	if f.text == "" {
		return r, &fault.Error{Kind: fault.Usage, Msg: f.cmd.CommandPath() + " needs a text", Advice: "Name one with --text: a few hundred kilobytes of what the model is used for."}
	}
	if r.Context < 0 || r.Limit < 0 || r.Threads < 0 || f.gpuLayers < 0 {
		return r, fault.Errorf(fault.Usage, "--window, --chunks, --threads and --gpu-layers must not be negative")
	}
	if f.cmd.Flags().Changed("gpu-layers") {
		r.GPULayers = &f.gpuLayers
	}
	m, err := lib.Find(ref)
	if err != nil {
		return r, err
	}
	r.Model = m.Path
	r.Text, err = input.New(con).Text(ctx, f.text)
	return r, err
}

// load loads the reader's model, or another one that reads the same text, into this
// process.
func (r textReader) load(ctx context.Context, path string, progress func(any)) (*llama.Engine, error) {
	o := engine.LoadOptions{Context: r.Context, Slots: 1, Threads: r.Threads, GPULayers: r.GPULayers}
	return llama.Open(ctx, path, o, func(part float64) { progress(readingText{Loading: filepath.Base(path), Part: part}) })
}

// readingText is the progress of a reader: loading a model, or reading.
type readingText struct {
	Loading string  `json:"loading,omitempty"`
	Part    float64 `json:"part,omitempty"`
	Done    int     `json:"done"`
	Total   int     `json:"total"`
	Note    string  `json:"note,omitempty"`
}

// textProgress shows the progress of a reader in another process.
func textProgress(line *console.Counter) func(json.RawMessage) {
	return func(data json.RawMessage) {
		var r readingText
		switch {
		case json.Unmarshal(data, &r) != nil:
		case r.Loading != "":
			line.SetVerb("loading "+r.Loading, 0, 0, "")
		default:
			line.SetVerb("reading", int64(r.Done), int64(r.Total), r.Note)
		}
	}
}

// An imatrixTask is the task of the other process.
type imatrixTask struct {
	textReader
	Output  bool   `json:"output,omitempty"`
	Dataset string `json:"dataset"` // the text's name
	Out     string `json:"out"`
}

// imatrixDone is its result.
type imatrixDone struct {
	Tensors int `json:"tensors"`
	Chunks  int `json:"chunks"`
	Context int `json:"context"`
	Unused  int `json:"unused_experts"`
}

// Imatrix is the command bise imatrix.
func Imatrix(con *console.Console, lib *library.Library) *cobra.Command {
	var (
		v             textFlags
		out           string
		output, force bool
	)
	cmd := &cobra.Command{
		Use:   "imatrix REF --text FILE -o OUT",
		Short: "Make an importance matrix for a better quantization",
		Long: `Make an importance matrix: the model reads a text, and bise records how large the
inputs of each column of its weights are. bise quantize --imatrix then spends more bits
on the columns that matter. A hundred chunks are enough. Choose a text that is like
what the model is used for, in all its languages.`,
		Example: `bise imatrix nemo.bf16.gguf --text texts.txt --chunks 200 -o nemo.imatrix.gguf
bise quantize nemo.bf16.gguf nemo.gguf --type IQ3_M --imatrix nemo.imatrix.gguf`,
		Args: flags.Args(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "imatrix needs an output file", Advice: "Name it with -o, such as -o model.imatrix.gguf."}
			}
			if err := flags.Replaces(force, out); err != nil {
				return err
			}
			r, err := v.reader(cmd.Context(), con, lib, args[0])
			if err != nil {
				return err
			}
			return runImatrix(cmd.Context(), con, imatrixTask{textReader: r, Output: output, Dataset: v.text}, args[0], out)
		},
	}
	v.add(cmd)
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "write the matrix to `FILE`")
	f.BoolVar(&output, "process-output", false, "include output.weight, which is best quantized without a matrix")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

func runImatrix(ctx context.Context, con *console.Console, t imatrixTask, ref, out string) error {
	began := time.Now()
	line := console.Counter{Verb: "loading " + filepath.Base(t.Model), Unit: "chunk"}
	work := func() (done imatrixDone, err error) {
		err = stage(out, func(path, folder string) error {
			t.Out = path
			return performTask(ctx, task{Imatrix: &t, Folder: folder}, "make an importance matrix of "+ref, &done, textProgress(&line))
		})
		return done, err
	}
	return console.Run(con, line.Line, work, func(done imatrixDone) any {
		return struct {
			File string `json:"file"`
			imatrixDone
			Seconds float64 `json:"seconds"`
		}{out, done, time.Since(began).Seconds()}
	}, func(done imatrixDone) {
		if done.Unused > 0 {
			con.Notef("The text did not reach %s; a longer text would.", units.Plural(done.Unused, "expert"))
		}
		con.Notef("%s covers %s, from %s of %d tokens (%s).", out, units.Plural(done.Tensors, "tensor"), units.Plural(done.Chunks, "chunk"), done.Context, units.Duration(time.Since(began)))
	})
}

// stage writes a file in a temporary folder beside its place, and moves it there when
// it is complete. An error leaves nothing behind.
func stage(out string, write func(path, folder string) error) error {
	s, err := atomicfile.Beside(filepath.Dir(out))
	if err != nil {
		return cannotWrite(out, err)
	}
	if err := write(s.Path(filepath.Base(out)), s.Path("")); err != nil {
		return errors.Join(err, s.Discard())
	}
	if err := s.Commit(); err != nil {
		return cannotWrite(out, err)
	}
	return nil
}

func cannotWrite(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot write %s: no folder %s", name, filepath.Dir(name)), Advice: "Make the folder first."}
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.Errorf(fault.Usage, "cannot write %s: %v", name, err)
}

// create writes a file from front to back.
func create(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// doImatrix is the work of the other process.
func doImatrix(ctx context.Context, t imatrixTask, progress func(any)) (imatrixDone, error) {
	e, err := t.load(ctx, t.Model, progress)
	if err != nil {
		return imatrixDone{}, err
	}
	defer e.Close()
	in, err := e.Inputs(ctx, t.Text, llama.InputsOptions{Context: t.Context, Pieces: t.Limit, Output: t.Output}, func(done, total int) {
		progress(readingText{Done: done, Total: total})
	})
	if err != nil {
		return imatrixDone{}, err
	}
	m := quantize.Matrix{Datasets: []string{t.Dataset}, Chunks: in.Pieces, ChunkSize: in.Context, Entries: map[string]quantize.Entry{}}
	done := imatrixDone{Tensors: len(in.Tensors), Chunks: in.Pieces, Context: in.Context}
	for _, x := range in.Tensors {
		entry := quantize.Entry{Sums: make([]float32, len(x.Sums)), Counts: make([]float32, len(x.Counts))}
		for i, sum := range x.Sums {
			entry.Sums[i] = float32(sum)
		}
		unused := 0
		for i, n := range x.Counts {
			entry.Counts[i] = float32(n)
			if n == 0 {
				unused++
			}
		}
		done.Unused = max(done.Unused, unused)
		m.Entries[x.Name] = entry
	}
	if err := create(t.Out, m.Encode); err != nil {
		return imatrixDone{}, err
	}
	return done, nil
}
