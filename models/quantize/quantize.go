// Package quantize quantizes GGUF models.
//
// llama.cpp computes the numbers, so the files are byte for byte the same. This package
// has the types, importance matrices and the plan for each tensor, predicts the size, and
// writes complete files or none. llama.cpp cannot be interrupted and can abort, so callers
// supply a [Worker] that runs it in another process.
package quantize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

// Options say what to quantize and how.
type Options struct {
	In, Out string
	Type    Type
	Matrix  string // path of an importance matrix; "" for none
	Pure    bool   // one type for all tensors instead of a mix
	// Output and Embedding are the types of output.weight and token_embd.weight; nil: those
	// of the mix.
	Output, Embedding *gguf.Type
	Tensors           []Override // the last match counts
	Requantize        bool       // allow quantized tensors
	KeepSplit         bool       // write as many files as In has
	Threads           int        // 0: the physical cores
}

// A Job is the input of a [Worker].
type Job struct {
	In         string        `json:"in"`
	Out        string        `json:"out"` // with KeepSplit, without the number and extension
	Type       gguf.FileType `json:"type"`
	Copy       bool          `json:"copy,omitempty"`
	Pure       bool          `json:"pure,omitempty"`
	Requantize bool          `json:"requantize,omitempty"`
	KeepSplit  bool          `json:"keep_split,omitempty"`
	Output     *gguf.Type    `json:"output,omitempty"`
	Embedding  *gguf.Type    `json:"embedding,omitempty"`
	Tensors    []Override    `json:"tensors,omitempty"`
	Matrix     string        `json:"matrix,omitempty"`
	Threads    int           `json:"threads,omitempty"`
}

// Done is the result of a [Worker].
type Done struct {
	Fallbacks  int `json:"fallbacks"`  // tensors whose rows do not fit the type
	Unweighted int `json:"unweighted"` // tensors without an importance matrix
}

// A Worker runs llama.cpp's quantizer. It calls begun with the number of each tensor, from
// 1, and ends soon after ctx does.
type Worker func(ctx context.Context, job Job, begun func(tensor int)) (Done, error)

// Progress is how far a quantization is.
type Progress struct {
	Done, Total int64 // bytes of the original
	Tensor      string
}

// A Result describes the new files.
type Result struct {
	Done
	Files         []string
	Before, After int64 // bytes
}

// Run quantizes a model. Progress may be nil; it is called from the worker's goroutine.
// After an error no file is left. Errors are of kind Invalid, NotFound, BadModel,
// Internal, or the worker's.
func Run(ctx context.Context, o Options, work Worker, progress func(Progress)) (Result, error) {
	file, err := o.read()
	if err != nil {
		return Result{}, err
	}
	o.KeepSplit = o.KeepSplit && len(file.Parts) > 1
	var matrix *Matrix
	if o.Matrix != "" {
		if matrix, err = ReadMatrix(o.Matrix); err != nil {
			return Result{}, err
		}
	}
	p, err := newPlan(file, &o, matrix)
	if err != nil {
		return Result{}, err
	}
	dir := filepath.Dir(o.Out)
	if err := checkSpace(o.Out, dir, p.size()); err != nil {
		return Result{}, err
	}
	stage, err := atomicfile.Beside(dir)
	if err != nil {
		return Result{}, cannotWrite(o.Out, err)
	}
	r, err := o.make(ctx, file, p, stage, work, progress)
	if gone := stage.Discard(); err == nil && gone != nil {
		err = cannotWrite(o.Out, gone)
	}
	return r, err
}

func (o *Options) make(ctx context.Context, file *gguf.File, p *plan, stage *atomicfile.Folder, work Worker, progress func(Progress)) (Result, error) {
	name := filepath.Base(o.Out)
	if o.KeepSplit {
		name = cutExtension(name)
	}
	job := Job{
		In: file.Parts[0].Path, Out: stage.Path(name), Type: o.Type.File, Copy: o.Type.Copy, Pure: o.Pure,
		Requantize: o.Requantize, KeepSplit: o.KeepSplit, Output: o.Output, Embedding: o.Embedding,
		Tensors: o.Tensors, Matrix: o.Matrix, Threads: o.Threads,
	}
	done, err := work(ctx, job, p.report(progress))
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	if err != nil {
		if e := diskFullError(o.Out, filepath.Dir(o.Out), err); e != nil {
			err = e
		}
		return Result{}, err
	}
	first := job.Out
	if o.KeepSplit {
		first = partPath(job.Out, 0, len(file.Parts))
	}
	made, err := gguf.Read(first)
	if err == nil && len(made.Tensors) != len(file.Tensors) {
		err = fmt.Errorf("it has %d tensors instead of %d", len(made.Tensors), len(file.Tensors))
	}
	if err != nil {
		if e := diskFullError(o.Out, filepath.Dir(o.Out), err); e != nil {
			return Result{}, e
		}
		return Result{}, fault.Errorf(fault.Internal, "llama.cpp wrote an incomplete file: %w", err)
	}
	if err := stage.Commit(); err != nil {
		return Result{}, cannotWrite(o.Out, err)
	}
	r := Result{Done: done, Before: file.Size(), After: made.Size()}
	for _, part := range made.Parts {
		r.Files = append(r.Files, filepath.Join(filepath.Dir(o.Out), filepath.Base(part.Path)))
	}
	return r, nil
}

// report converts the number of a tensor into bytes.
func (p *plan) report(progress func(Progress)) func(tensor int) {
	var total int64
	before := make([]int64, len(p.tensors)) // bytes of the tensors before each
	for i, t := range p.tensors {
		before[i] = total
		total += t.Size()
	}
	return func(n int) {
		if progress != nil && n >= 1 && n <= len(p.tensors) {
			progress(Progress{before[n-1], total, p.tensors[n-1].Name})
		}
	}
}

func (o *Options) read() (*gguf.File, error) {
	file, err := gguf.Read(o.In)
	if err == nil {
		err = file.Check()
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &fault.Error{Kind: fault.NotFound, Msg: "there is no file " + o.In, Cause: err}
	case err != nil:
		return nil, fault.Advise(fault.Errorf(fault.BadModel, "cannot quantize %s: %w", o.In, err), "Give the path of a complete GGUF file.")
	}
	if kind, ok := file.Metadata.String("general.type"); ok && kind == "adapter" {
		return nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot quantize %s: it is an adapter", o.In), "Quantize the model, and give the adapter with --adapter.")
	}
	if n, ok := file.Metadata.Uint("general.alignment"); ok && n != gguf.DefaultAlignment {
		return nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot quantize %s: its alignment is %d bytes, and llama.cpp needs %d", o.In, n, gguf.DefaultAlignment), "Convert it again from its safetensors.")
	}
	for _, part := range file.Parts {
		if sameFile(part.Path, o.Out) {
			return nil, fault.Advise(fault.Errorf(fault.Invalid, "%s cannot be quantized into itself", o.In), "Give the new file another name.")
		}
	}
	if len(o.Tensors) > 0 && (o.Pure || o.Type.Copy || !isQuantized(o.Type.Base)) {
		return nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot set the types of single tensors: %s is not a mix", o.Type.Name), "Omit --tensor-type, or --pure.")
	}
	return file, nil
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func cutExtension(name string) string {
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".gguf") {
		return strings.TrimSuffix(name, ext)
	}
	return name
}

// partPath is llama_split_path of llama.cpp.
func partPath(prefix string, i, n int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, i+1, n)
}

// Outputs returns the paths of the files that Run writes.
func (o *Options) Outputs() ([]string, error) {
	if !o.KeepSplit {
		return []string{o.Out}, nil
	}
	parts, err := gguf.Parts(o.In)
	if err != nil || len(parts) == 1 {
		return []string{o.Out}, err
	}
	prefix := filepath.Join(filepath.Dir(o.Out), cutExtension(filepath.Base(o.Out)))
	out := make([]string, len(parts))
	for i := range parts {
		out[i] = partPath(prefix, i, len(parts))
	}
	return out, nil
}

// free is [atomicfile.Free]; tests give other answers.
var free = atomicfile.Free

// spare is the free space in bytes below which a failure is blamed on a full disk.
const spare = 16 << 20

func checkSpace(out, dir string, want int64) error {
	if n, ok := free(dir); ok && n < want {
		return noRoom(out, fmt.Sprintf("it needs %s and %s are free", megabytes(want), megabytes(n)))
	}
	return nil
}

// diskFullError returns err as a full disk's if the disk is full, else nil.
func diskFullError(out, dir string, err error) error {
	if n, ok := free(dir); ok && n < spare {
		e := noRoom(out, "the disk is full")
		e.Cause = err
		return e
	}
	return nil
}

func noRoom(out, why string) *fault.Error {
	return &fault.Error{Kind: fault.Internal, Msg: fmt.Sprintf("cannot write %s: %s", out, why), Advice: "Free some disk space, or write to another disk."}
}

func megabytes(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func cannotWrite(out string, err error) error {
	e := &fault.Error{Kind: fault.Internal, Msg: fmt.Sprintf("cannot write %s: %v", out, err), Cause: err}
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.Kind = fault.Invalid
		e.Msg = fmt.Sprintf("cannot write %s: there is no folder %s", out, filepath.Dir(out))
	case errors.Is(err, os.ErrPermission):
		e.Kind = fault.Invalid
		e.Msg = fmt.Sprintf("cannot write %s: permission denied", out)
	}
	return e
}
