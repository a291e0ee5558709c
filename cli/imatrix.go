package cli

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
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/quantize"
)

// A textReader is a model that is to read a text, in another process.
type textReader struct {
	Model     string `json:"model"` // path
	Text      string `json:"text"`
	Context   int    `json:"context"`
	Limit     int    `json:"limit,omitempty"` // pieces of Context tokens at most
	Threads   int    `json:"threads,omitempty"`
	GPULayers *int   `json:"gpu_layers,omitempty"`
}

// textFlags are the flags of verbs that let a model read a text.
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
	flags.IntVar(&f.Context, "context", 512, "read it in pieces of `N` tokens (default: 512)")
	flags.IntVar(&f.Limit, "chunks", 0, "read at most `N` pieces (default: all)")
	flags.IntVar(&f.Threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	flags.IntVar(&f.gpuLayers, "gpu-layers", 0, "put `N` layers on the GPU (default: as many as fit)")
}

// reader finds the model and reads the text.
func (f *textFlags) reader(ctx context.Context, a *app, ref string) (textReader, error) {
	r := f.textReader
	if f.text == "" {
		return r, &fault.Error{Kind: fault.Usage, Msg: f.cmd.CommandPath() + " wants a text", Advice: "Name one with --text: some hundred kilobytes of what the model is used for."}
	}
	if r.Context < 0 || r.Limit < 0 || r.Threads < 0 || f.gpuLayers < 0 {
		return r, usageErrorf("--context, --chunks, --threads and --gpu-layers must not be negative")
	}
	if f.cmd.Flags().Changed("gpu-layers") {
		r.GPULayers = &f.gpuLayers
	}
	m, err := a.lib.Find(ref)
	if err != nil {
		return r, err
	}
	r.Model = m.Path
	r.Text, err = a.attachments().Text(ctx, f.text)
	return r, err
}

// load puts the reader's model into this process, or another one that is to be
// read with.
func (r textReader) load(ctx context.Context, path string, progress func(any)) (*llama.Engine, error) {
	o := engine.LoadOptions{Context: r.Context, Slots: 1, Threads: r.Threads, GPULayers: r.GPULayers}
	return llama.Open(ctx, path, o, func(part float64) { progress(readingText{Loading: filepath.Base(path), Part: part}) })
}

// readingText is how far a reader is: loading a model, or reading.
type readingText struct {
	Loading string  `json:"loading,omitempty"`
	Part    float64 `json:"part,omitempty"`
	Done    int     `json:"done"`
	Total   int     `json:"total"`
	Note    string  `json:"note,omitempty"`
}

// A textLine shows how far a reader in another process is.
type textLine struct {
	unit string
	amount
}

func (l *textLine) take(data json.RawMessage) {
	var r readingText
	if json.Unmarshal(data, &r) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.what, l.done, l.total = r.Note, int64(r.Done), int64(r.Total)
	if r.Loading != "" {
		l.verb = "loading " + r.Loading
		return
	}
	if l.began.IsZero() {
		l.began = time.Now()
	}
	l.verb = "reading"
}

func (l *textLine) line(columns int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total == 0 {
		return l.verb
	}
	after := ""
	if l.done > 0 {
		after = "  " + long(time.Duration(float64(time.Since(l.began))/float64(l.done)*float64(l.total-l.done))) + " left"
	}
	if l.what != "" {
		after += "  " + l.what
	}
	return withBar(fmt.Sprintf("%s, %s %d of %d", l.verb, l.unit, l.done, l.total), float64(l.done)/float64(l.total), after, columns)
}

// An imatrixTask is what the other process is told.
type imatrixTask struct {
	textReader
	Output  bool   `json:"output,omitempty"`
	Dataset string `json:"dataset"` // the text's name
	Out     string `json:"out"`
}

// imatrixDone is what it tells.
type imatrixDone struct {
	Tensors int `json:"tensors"`
	Chunks  int `json:"chunks"`
	Context int `json:"context"`
	Unused  int `json:"unused_experts"`
}

func (a *app) imatrixCommand() *cobra.Command {
	var (
		v             textFlags
		out           string
		output, force bool
	)
	cmd := &cobra.Command{
		Use:   "imatrix REF --text FILE -o OUT",
		Short: "Make an importance matrix, to quantize a model better",
		Long: `Make an importance matrix: let the model read a text, and note how large the inputs
of each column of its weights are. bise quantize --imatrix then spends its bits
where they matter. A hundred pieces of text are enough; it should be like what the
model is used for, in all its languages.`,
		Example: `bise imatrix nemo.bf16.gguf --text texts.txt --chunks 200 -o nemo.imatrix.gguf
bise quantize nemo.bf16.gguf nemo.gguf --type IQ3_M --imatrix nemo.imatrix.gguf`,
		Args: arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "imatrix wants a file to write", Advice: "Name it with -o, such as -o model.imatrix.gguf."}
			}
			if err := replaces(force, out); err != nil {
				return err
			}
			r, err := v.reader(cmd.Context(), a, args[0])
			if err != nil {
				return err
			}
			return a.imatrix(cmd.Context(), imatrixTask{textReader: r, Output: output, Dataset: v.text}, args[0], out)
		},
	}
	v.add(cmd)
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "write the matrix to `FILE`")
	f.BoolVar(&output, "process-output", false, "look at output.weight too, which is best quantized without a matrix")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

func (a *app) imatrix(ctx context.Context, t imatrixTask, ref, out string) error {
	began := time.Now()
	line := textLine{unit: "piece"}
	line.verb = "loading " + filepath.Base(t.Model)
	a.progress.wait(line.line)
	var done imatrixDone
	err := stage(out, func(path, folder string) error {
		t.Out = path
		return a.perform(ctx, task{Imatrix: &t, Folder: folder}, "make an importance matrix of "+ref, &done, line.take)
	})
	if err != nil {
		return err
	}
	a.progress.erase()
	if a.json {
		return writeJSON(a.stdout, struct {
			File string `json:"file"`
			imatrixDone
			Seconds float64 `json:"seconds"`
		}{out, done, time.Since(began).Seconds()})
	}
	if done.Unused > 0 {
		a.note("Nothing was sent to %s; a longer text would reach them.", plural(done.Unused, "expert"))
	}
	a.note("%s knows %s from %s of %d tokens (%s).", out, plural(done.Tensors, "tensor"), plural(done.Chunks, "piece"), done.Context, long(time.Since(began)))
	return nil
}

// stage has a file written in a folder beside where it is to lie, and moves it
// there when it is whole. After an error nothing is left.
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
		return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot write %s: there is no folder %s", name, filepath.Dir(name)), Advice: "Make the folder first."}
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return usageErrorf("cannot write %s: %v", name, err)
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

// doImatrix is what the other process does.
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
