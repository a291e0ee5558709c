// Package rehead rewrites GGUF files of an architecture that is newer than the built-in engine
// as files of an older one with the same arithmetic. The weights are copied as they are.
//
// There is one such architecture: llama.cpp's mistral4 is its deepseek2 under another name
// (llama_model_mistral4 derives from llama_model_deepseek2). Mistral Small 4 and Leanstral
// are published so.
package rehead

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/units"
)

const (
	newer = "mistral4"
	older = "deepseek2"
)

// Needed reports whether the engine can run a file of this architecture after Write.
func Needed(architecture string) bool { return architecture == newer }

// Write writes the file at in, or the one whose part it is, to out, as one file that the
// built-in engine runs. out is complete or does not exist; in stays. progress, which may be
// nil, is called with the bytes written.
//
// An error is a *fault.Error of kind BadModel or NoSpace, ctx's cause, or of package os.
func Write(ctx context.Context, in, out string, progress func(done, total int64)) (err error) {
	file, err := gguf.Read(in)
	if err != nil {
		return fault.Errorf(fault.BadModel, "cannot read %s: %w", in, err)
	}
	meta, err := header(file)
	if err != nil {
		return fault.Errorf(fault.BadModel, "cannot rewrite %s for the built-in engine: %w", in, err)
	}
	tensors, pieces := split(file)
	var total int64
	for _, t := range tensors {
		total += t.Size()
	}
	if free, ok := atomicfile.Free(filepath.Dir(out)); ok && free < total {
		return fault.Advise(fault.Errorf(fault.NoSpace, "cannot rewrite %s for the built-in engine: it needs %s and %s are free", in, units.Size(total), units.Size(free)), "Free some disk space.")
	}
	parts, err := openParts(file)
	defer func() { err = errors.Join(err, closeAll(parts)) }()
	if err != nil {
		return err
	}
	f, err := atomicfile.Create(out, 0o666)
	if err != nil {
		return err
	}
	defer f.Discard() // does nothing after Commit
	w, err := gguf.NewWriter(f, &meta, tensors)
	if err != nil {
		return fault.Errorf(fault.BadModel, "cannot rewrite %s for the built-in engine: %w", in, err)
	}
	c := copier{ctx: ctx, progress: progress, total: total, buffer: make([]byte, 4<<20)}
	for i, t := range tensors {
		to, err := w.Tensor(t.Name)
		if err != nil {
			return err
		}
		for _, p := range pieces[i] {
			if err := c.copy(to, io.NewSectionReader(parts[p.part], p.offset, p.size)); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Commit()
}

// header returns the metadata of a mistral4 file as those of deepseek2.
func header(file *gguf.File) (gguf.Metadata, error) {
	var meta gguf.Metadata
	if arch, _ := file.Metadata.String("general.architecture"); arch != newer {
		return meta, fmt.Errorf("its architecture is %.40q, not %s", arch, newer)
	}
	for key, v := range file.Metadata.All() {
		switch {
		case key == "general.architecture":
			v = gguf.Of(older)
		case strings.HasPrefix(key, "split."):
			continue // the result is one file
		}
		if rest, ok := strings.CutPrefix(key, newer+"."); ok {
			key = older + "." + rest
		}
		meta.Set(key, v)
	}
	missing := func(key string, v gguf.Value) {
		if _, ok := meta.Value(older + "." + key); !ok {
			meta.Set(older+"."+key, v)
		}
	}
	// What the engine requires, and mistral4 has as a default.
	missing("leading_dense_block_count", gguf.Of(uint32(0)))
	missing("expert_shared_count", gguf.Of(uint32(1)))
	missing("expert_weights_scale", gguf.Of(float32(1)))
	missing("expert_weights_norm", gguf.Of(true))
	missing("expert_gating_func", gguf.Of(uint32(1))) // softmax
	// llama.cpp's converter does not write the attention temperature of the Hugging Face
	// layout, although the model has it, from the length that YaRN begins at.
	if original, ok := meta.Uint(older + ".rope.scaling.original_context_length"); ok {
		missing("attention.temperature_scale", gguf.Of(float32(0.1)))
		missing("attention.temperature_length", gguf.Of(uint32(original)))
	}
	checked := gguf.File{Metadata: meta}
	return meta, checked.Check()
}

// A piece is a range of bytes of a part.
type piece struct {
	part         int
	offset, size int64
}

const merged = ".ffn_gate_up_exps.weight"

// split returns the tensors of the result, and where the bytes of each are. A tensor with the
// gate rows and then the up rows of each expert becomes two.
func split(file *gguf.File) (tensors []gguf.Tensor, pieces [][]piece) {
	for _, t := range file.Tensors {
		block, ok := strings.CutSuffix(t.Name, merged)
		if !ok || len(t.Dims) != 3 || t.Dims[1]%2 != 0 {
			tensors = append(tensors, t)
			pieces = append(pieces, []piece{{t.Part, t.Offset, t.Size()}})
			continue
		}
		half := t.Size() / t.Dims[2] / 2
		for i, name := range []string{".ffn_gate_exps.weight", ".ffn_up_exps.weight"} {
			tensors = append(tensors, gguf.Tensor{Name: block + name, Type: t.Type, Dims: []int64{t.Dims[0], t.Dims[1] / 2, t.Dims[2]}})
			var list []piece
			for e := range t.Dims[2] {
				list = append(list, piece{t.Part, t.Offset + (2*e+int64(i))*half, half})
			}
			pieces = append(pieces, list)
		}
	}
	return tensors, pieces
}

func openParts(file *gguf.File) (parts []*os.File, _ error) {
	for _, p := range file.Parts {
		f, err := os.Open(p.Path)
		if err != nil {
			return parts, err
		}
		parts = append(parts, f)
	}
	return parts, nil
}

func closeAll(files []*os.File) (err error) {
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

type copier struct {
	ctx         context.Context
	progress    func(done, total int64)
	done, total int64
	buffer      []byte
}

func (c *copier) copy(to io.Writer, from io.Reader) error {
	for {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		n, err := io.ReadFull(from, c.buffer)
		if n > 0 {
			if _, err := to.Write(c.buffer[:n]); err != nil {
				return err
			}
			c.done += int64(n)
			if c.progress != nil {
				c.progress(c.done, c.total)
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil // the writer counts the bytes
		case err != nil:
			return err
		}
	}
}
