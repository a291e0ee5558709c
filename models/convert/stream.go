package convert

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

const (
	chunkBytes  = 4 << 20   // to read or write at once, whichever is more; fits into caches
	memory      = 256 << 20 // bytes of all workers' buffers, except for a single larger chunk
	maxWorkers  = 16        // more do not help
	blockFloats = 4 << 10   // to convert at once; fits into the L1 cache, a multiple of 32
)

// A header is the encoded header of a file, with the offsets of its tensors.
type header struct {
	bytes   []byte
	offsets []int64
	size    int64 // of the whole file
}

func (t *target) header() (header, error) {
	tensors := make([]gguf.Tensor, len(t.outputs))
	for i, o := range t.outputs {
		tensors[i] = o.Tensor
	}
	var b bytes.Buffer
	if _, err := gguf.NewWriter(&b, &t.meta, tensors); err != nil {
		return header{}, err
	}
	pad := func(n int64) int64 {
		return (n + gguf.DefaultAlignment - 1) / gguf.DefaultAlignment * gguf.DefaultAlignment
	}
	h := header{bytes: b.Bytes(), size: pad(int64(b.Len()))}
	for _, t := range tensors {
		h.offsets = append(h.offsets, h.size)
		h.size += pad(t.Size())
	}
	return h, nil
}

// A stream converts tensors in chunks of rows, with several workers.
type stream struct {
	total    int64
	progress func(done, total int64)

	mu   sync.Mutex
	done int64
}

// create is replaced by tests.
var create = func(path string) (sink, error) { return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666) }

// A sink is an *os.File.
type sink interface {
	io.WriterAt
	Truncate(size int64) error
	Close() error
}

// A job is a range of rows of one part of an output.
type job struct {
	o        *output
	p        *part
	row      int64 // of the source
	rows     int64
	to       int64 // offset in the file
	raw, out int64 // bytes to read and to write
}

func (s *stream) file(ctx context.Context, path string, h header, outputs []*output) (err error) {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Padding is not written, so it is zero.
	if err := f.Truncate(h.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(h.bytes, 0); err != nil {
		return err
	}
	s.add(int64(len(h.bytes)))

	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	g.Go(func() error {
		defer close(jobs)
		for i, o := range outputs {
			if err := o.jobs(ctx, jobs, h.offsets[i]); err != nil {
				return err
			}
		}
		return nil
	})
	room := semaphore.NewWeighted(memory)
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		g.Go(func() error {
			var b buffers
			for j := range jobs {
				need := min(2*j.raw+j.out, memory)
				if err := room.Acquire(ctx, need); err != nil {
					return context.Cause(ctx)
				}
				err := b.convert(f, j)
				b.trim()
				room.Release(need)
				if err != nil {
					return err
				}
				s.add(j.out)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	padding := h.size - int64(len(h.bytes))
	for _, o := range outputs {
		padding -= o.Size()
	}
	s.add(padding)
	return nil
}

func (s *stream) add(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if s.progress != nil {
		s.progress(s.done, s.total)
	}
}

func (o *output) jobs(ctx context.Context, jobs chan<- job, to int64) error {
	block, size := o.Type.Block()
	out := o.columns() / int64(block) * int64(size) // bytes of a row
	for i := range o.parts {
		p := &o.parts[i]
		raw := o.columns() * p.source.Type.Size()
		step := max(1, chunkBytes/max(raw, out)/o.unit) * o.unit
		for at := int64(0); at < p.rows; at += step {
			n := min(step, p.rows-at)
			j := job{o: o, p: p, row: p.from + at, rows: n, to: to, raw: n * raw, out: n * out}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			to += j.out
		}
	}
	return nil
}

type buffers struct {
	raw, arranged, out []byte
	floats             [blockFloats]float32
}

// trim frees the buffers of an exceptionally large chunk.
func (b *buffers) trim() {
	for _, buf := range []*[]byte{&b.raw, &b.arranged, &b.out} {
		if cap(*buf) > 4*chunkBytes {
			*buf = nil
		}
	}
}

func resize(b *[]byte, n int64) []byte {
	if int64(cap(*b)) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

func (b *buffers) convert(f sink, j job) error {
	raw := resize(&b.raw, j.raw)
	if _, err := j.p.in.ReadAt(raw, j.p.Offset+j.row*(j.raw/j.rows)); err != nil {
		return readError(j.p.file, err)
	}
	if !finite(j.p.source.Type, raw) {
		return j.p.errorf("has %s in rows %d to %d", firstNonFinite(j.p.source.Type, raw), j.row, j.row+j.rows-1)
	}
	if j.o.arrange != nil {
		arranged := resize(&b.arranged, j.raw)
		row := j.raw / j.rows
		for at := int64(0); at < j.raw; at += j.o.unit * row {
			j.o.arrange(arranged[at:at+j.o.unit*row], raw[at:at+j.o.unit*row], int(row))
		}
		raw = arranged
	}
	out := raw
	if sameType[j.o.Type] != j.p.source.Type || j.o.change != nil {
		out = resize(&b.out, j.out)
		if err := b.encode(out, raw, j); err != nil {
			return err
		}
	}
	_, err := f.WriteAt(out, j.to)
	return err
}

func (b *buffers) encode(out, raw []byte, j job) error {
	decode, encode := decoders[j.p.source.Type], encoders[j.o.Type]
	if j.o.Type == gguf.F16 && j.p.source.Type == safetensors.BF16 && j.p.scale == 1 && j.o.change == nil {
		toHalves(out, raw)
		if !encodedFinite(gguf.F16, out) {
			return tooLarge(j)
		}
		return nil
	}
	block, size := j.o.Type.Block()
	width := int(j.p.source.Type.Size())
	for len(raw) > 0 {
		n := min(len(raw)/width, blockFloats)
		floats := b.floats[:n]
		decode(floats, raw[:n*width])
		if j.p.scale != 1 {
			for i := range floats {
				floats[i] *= j.p.scale
			}
		}
		if j.o.change != nil {
			j.o.change(floats)
		}
		bytes := n / block * size
		encode(out[:bytes], floats)
		if !encodedFinite(j.o.Type, out[:bytes]) {
			return tooLarge(j)
		}
		raw, out = raw[n*width:], out[bytes:]
	}
	return nil
}

func tooLarge(j job) error {
	return fault.Advise(j.p.errorf("has numbers that are too large for %s", j.o.Type), "Convert to bf16 or f32.")
}

// encodedFinite reports whether no encoded number, and no scale of Q8_0, became infinite.
func encodedFinite(t gguf.Type, b []byte) bool {
	if t != gguf.Q8_0 {
		return finite(sameType[t], b)
	}
	for ; len(b) >= 34; b = b[34:] {
		if le.Uint16(b)&0x7c00 == 0x7c00 {
			return false
		}
	}
	return true
}
