// Package verify checks a model file: its header, the place of every tensor, and that no
// number is infinite or NaN. It reads the whole file once.
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
	"golang.org/x/sync/errgroup"
)

// A Problem is something wrong with a file.
type Problem struct {
	Tensor string `json:"tensor,omitempty"` // "" for the file itself
	What   string `json:"what"`             // a clause
}

// A Report is the result of a verification.
type Report struct {
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Tensors  int       `json:"tensors"`
	Problems []Problem `json:"problems"`
}

const maxProblems = 100 // of a report

// Verify checks all parts of the model at path. An error is of the disk, or ctx's cause.
// Progress, which may be nil, is called from other goroutines with bytes of tensors.
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

// shapes finds errors that llama.cpp reports only when it loads the file.
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
			list = append(list, Problem{t.Name, fmt.Sprintf("it has rows of %d numbers instead of %d", t.Dims[0], s.Width)})
		}
		if s.Vocabulary > 0 && t.Dims[1] != int64(s.Vocabulary) {
			list = append(list, Problem{t.Name, fmt.Sprintf("it has %d rows for a vocabulary of %d tokens", t.Dims[1], s.Vocabulary)})
		}
	}
	return list
}

// A tensorReport counts the invalid numbers of a tensor.
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

const chunk = 4 << 20 // bytes to read at once, about

// A part is a range of whole blocks of a tensor.
type part struct {
	tensor int
	at     int64 // offset in bytes
	n      int
}

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
	all := make([]tensorReport, len(file.Tensors))
	var total int64
	for i, t := range file.Tensors {
		all[i].t = t
		total += t.Size()
	}
	parts := make(chan part)
	var (
		mu   sync.Mutex // of all
		done atomic.Int64
	)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { defer close(parts); return send(ctx, file, parts) })
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			buf := make([]byte, chunk)
			for p := range parts {
				t := file.Tensors[p.tensor]
				b := buf[:p.n]
				if _, err := files[t.Part].ReadAt(b, t.Offset+p.at); err != nil {
					if errors.Is(err, io.EOF) {
						err = io.ErrUnexpectedEOF
					}
					return fmt.Errorf("read %s: %s: %w", file.Parts[t.Part].Path, t.Name, err)
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
			return nil
		})
	}
	return all, group.Wait()
}

// merge adds the numbers of another part, in any order.
func (f *nonFinite) merge(other nonFinite) {
	if f.nan+f.inf == 0 || other.first < f.first {
		f.first = other.first
	}
	f.nan += other.nan
	f.inf += other.inf
}

func send(ctx context.Context, file *gguf.File, parts chan<- part) error {
	for i, t := range file.Tensors {
		_, size := t.Type.Block()
		step := int64(chunk / size * size)
		for at := int64(0); at < t.Size(); at += step {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case parts <- part{i, at, int(min(step, t.Size()-at))}:
			}
		}
	}
	return nil
}
