// Package verify checks whether a model file is whole: that its header makes sense, that
// every tensor lies where the header says, and that none of its numbers is infinite or
// not a number. It reads the whole file once and keeps none of it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bise-sh/bise/gguf"
)

// A Problem is something wrong with a file.
type Problem struct {
	Tensor string `json:"tensor,omitempty"` // "" where it is the file itself
	What   string `json:"what"`             // a clause
}

// A Report is what was found.
type Report struct {
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Tensors  int       `json:"tensors"`
	Problems []Problem `json:"problems"`
}

// maxProblems bounds a report; a file that has more has said enough.
const maxProblems = 100

// Verify looks at the model at path, in all its parts. What is wrong with the
// file is in the report; an error is of the disk, or ctx's cause. Progress, which
// may be nil, is called from other goroutines with the number of bytes of tensors are done.
func Verify(ctx context.Context, path string, progress func(done, total int64)) (Report, error) {
	r := Report{Problems: []Problem{}}
	file, err := gguf.Read(path)
	if _, ok := errors.AsType[*gguf.FormatError](err); ok {
		r.Problems = append(r.Problems, Problem{What: err.Error()})
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Files, r.Bytes, r.Tensors = len(file.Parts), file.Size(), len(file.Tensors)
	if err := file.Check(); err != nil {
		r.Problems = append(r.Problems, Problem{What: err.Error()})
	}
	r.Problems = append(r.Problems, shapes(file)...)
	found, err := scanAll(ctx, file, progress)
	if err != nil {
		return r, err
	}
	for i, t := range file.Tensors {
		if what := found[i].String(); what != "" && len(r.Problems) < maxProblems {
			r.Problems = append(r.Problems, Problem{t.Name, what})
		}
	}
	return r, nil
}

// shapes finds what llama.cpp would only find when the file is loaded.
func shapes(f *gguf.File) (list []Problem) {
	if len(f.Tensors) == 0 {
		return []Problem{{What: "it has no tensors"}}
	}
	s := f.Summary()
	for _, t := range f.Tensors {
		if t.Name != "token_embd.weight" && t.Name != "output.weight" || len(t.Dims) != 2 {
			continue
		}
		if s.Width > 0 && t.Dims[0] != int64(s.Width) {
			list = append(list, Problem{t.Name, fmt.Sprintf("it has rows of %d numbers, and the model's embeddings have %d", t.Dims[0], s.Width)})
		}
		if s.Vocabulary > 0 && t.Dims[1] != int64(s.Vocabulary) {
			list = append(list, Problem{t.Name, fmt.Sprintf("it has %d rows for a vocabulary of %d tokens", t.Dims[1], s.Vocabulary)})
		}
	}
	return list
}

// tensorReport are the numbers of a tensor that cannot be.
type tensorReport struct {
	nonFinite
	t gguf.Tensor
}

func (b tensorReport) String() string {
	if b.nan+b.inf == 0 {
		return ""
	}
	what := "numbers"
	block, _ := b.t.Type.Block()
	if block > 1 {
		what = "scales"
	}
	row := int64(0)
	if len(b.t.Dims) > 0 {
		row = b.first * int64(block) / b.t.Dims[0]
	}
	switch {
	case b.inf == 0:
		return fmt.Sprintf("%d of its %s are NaN, the first in row %d", b.nan, what, row)
	case b.nan == 0:
		return fmt.Sprintf("%d of its %s are infinite, the first in row %d", b.inf, what, row)
	}
	return fmt.Sprintf("%d of its %s are NaN and %d infinite, the first in row %d", b.nan, what, b.inf, row)
}

// chunk is how many bytes are read at once, about.
const chunk = 4 << 20

// A block is some blocks of a tensor.
type block struct {
	tensor int
	at     int64 // bytes from its beginning
	n      int
}

// scanAll looks at all numbers, a piece a goroutine at a time.
func scanAll(ctx context.Context, file *gguf.File, progress func(done, total int64)) ([]tensorReport, error) {
	files := make([]*os.File, len(file.Parts))
	for i, p := range file.Parts {
		f, err := os.Open(p.Path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files[i] = f
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	all := make([]tensorReport, len(file.Tensors))
	var total int64
	for i, t := range file.Tensors {
		all[i].t = t
		total += t.Size()
	}
	pieces := make(chan block)
	var (
		mu      sync.Mutex // of all
		done    atomic.Int64
		readers sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			buf := make([]byte, chunk)
			for p := range pieces {
				t := file.Tensors[p.tensor]
				b := buf[:p.n]
				if _, err := files[t.Part].ReadAt(b, t.Offset+p.at); err != nil {
					if errors.Is(err, io.EOF) {
						err = io.ErrUnexpectedEOF
					}
					stop(fmt.Errorf("read %s: %s: %w", file.Parts[t.Part].Path, t.Name, err))
					continue // so that no goroutine waits for a reader
				}
				f := scan(t.Type, b)
				if f.nan+f.inf > 0 {
					_, size := t.Type.Block()
					f.first += p.at / int64(size)
					mu.Lock()
					all[p.tensor].merge(f)
					mu.Unlock()
				}
				if n := done.Add(int64(p.n)); progress != nil {
					progress(n, total)
				}
			}
		})
	}
	send(ctx, file, pieces)
	close(pieces)
	readers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return all, nil
}

// merge adds what was found in another piece; which comes first is not known.
func (f *nonFinite) merge(other nonFinite) {
	if f.nan+f.inf == 0 || other.first < f.first {
		f.first = other.first
	}
	f.nan += other.nan
	f.inf += other.inf
}

// send cuts tensors into pieces of whole blocks until ctx ends.
func send(ctx context.Context, file *gguf.File, pieces chan<- block) {
	for i, t := range file.Tensors {
		_, size := t.Type.Block()
		step := int64(chunk / size * size)
		for at := int64(0); at < t.Size(); at += step {
			select {
			case <-ctx.Done():
				return
			case pieces <- block{i, at, int(min(step, t.Size()-at))}:
			}
		}
	}
}
