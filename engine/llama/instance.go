//go:build cgo

package llama

import (
	"context"
	"log/slog"
	"time"

	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/machine"
)

// instance is the loaded model with its context, for the scheduler.
type instance struct {
	m       *model
	x       *lctx
	params  contextParams
	fit     fit
	pool    pool
	watch   *watch
	lora    []loadedAdapter
	pieces  pieces
	encoder *visionEncoder // nil: the model has no vision
	hears   *audioEncoder  // nil: the model hears nothing

	contention *contention // nil with a GPU
	computing  int         // threads
}

var _ scheduler.Machine = (*instance)(nil)

func (c *instance) Piece(id token) string { return c.pieces.of(id) }
func (c *instance) Control(id token) bool { return c.m.control(id) }
func (c *instance) Enders() []token       { return c.m.enders }
func (c *instance) Recurrent() bool       { return c.m.recurrent }
func (c *instance) Tokens() int           { return c.x.tokens() }
func (c *instance) ClearBatch()           { c.x.clearBatch() }
func (c *instance) BatchLen() int         { return c.x.batchLen() }
func (c *instance) Begin()                { c.watch.begin() }
func (c *instance) Nodes() int64          { return c.watch.nodes() }
func (c *instance) Interrupt(on bool)     { c.watch.cancel(on) }

func (c *instance) Add(id token, pos, seq int, output bool) int { return c.x.add(id, pos, seq, output) }

func (c *instance) Remove(seq, from, to int) bool {
	return !c.x.hasMemory() || c.x.remove(seq, from, to)
}
func (c *instance) Share(src, dst, end int)               { c.x.share(src, dst, end) }
func (c *instance) Last(seq int) int                      { return c.x.last(seq) }
func (c *instance) SaveState(seq int) ([]byte, error)     { return c.x.saveState(seq) }
func (c *instance) LoadState(seq int, state []byte) error { return c.x.loadState(seq, state) }

// Decode evaluates the batch, and adapts the number of threads to what else the processor
// does.
func (c *instance) Decode() error {
	begin := time.Now()
	used, faults, known := machine.ProcessorTime()
	err := c.x.decode()
	if known && c.contention != nil {
		// Waiting for the disk is not contention.
		if after, waited, _ := machine.ProcessorTime(); waited == faults {
			c.threads(c.contention.computed(after-used, time.Since(begin)))
		}
	}
	return err
}

// threads sets the number of threads, from the next batch on.
func (c *instance) threads(n int) {
	if n == c.computing {
		return
	}
	slog.Debug("threads", "from", c.computing, "to", n)
	c.computing = n
	c.x.setThreads(n)
}

func (c *instance) DecodeImage(i scheduler.Image, from, n, seq int) error {
	p := i.(*imagePart)
	width, err := c.encodePart(p)
	if err != nil {
		return err
	}
	err = c.x.decodeEmbeddings(p.embed[from*width:(from+n)*width], p.at+from, seq, false)
	if err != nil && err != scheduler.ErrNoCells {
		return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the %s: %w", p.what(), err)
	}
	return err
}

// encodePart computes the embeddings of an image or of a window of audio, of width components.
func (c *instance) encodePart(p *imagePart) (width int, err error) {
	if p.audio {
		width = c.hears.c.width
	} else {
		width = c.encoder.c.width
	}
	switch {
	case p.embed != nil:
	case p.audio:
		err = c.hears.embed(p)
	default:
		err = c.encoder.embed(p)
	}
	return width, err
}

func (p *imagePart) what() string {
	if p.audio {
		return "audio"
	}
	return "image"
}

// Outputs bounds the memory for logits.
func (c *instance) Outputs() int {
	const memory = 64 << 20
	return max(1, memory/4/c.m.vocabulary())
}

func (c *instance) Probs(row int, id token, top int) []scheduler.Prob { return c.x.probs(row, id, top) }

func (c *instance) Logits(row int) []float32 { return c.x.logits(row) }

func (c *instance) CanResize(tokens int) bool { return c.fit.replaces(c.Tokens(), tokens) }
func (c *instance) HasSpare(tokens int) bool  { return c.fit.hasSpare(c.Tokens(), tokens) }

func (c *instance) Resize(tokens int) error {
	old := c.params.tokens
	c.x.free()
	c.params.tokens = tokens
	x, failed := c.open()
	if failed != nil {
		c.params.tokens = old
		var err error
		if x, err = c.open(); err != nil {
			// The restored state is required.
			panic("llama: the context cannot be opened again: " + err.Error())
		}
	}
	c.x = x
	return failed
}

func (c *instance) open() (*lctx, error) {
	x, err := newContext(c.m, c.params, c.watch)
	if err != nil {
		return nil, err
	}
	c.pool.attach(x)
	if c.computing != c.params.threads {
		x.setThreads(c.computing)
	}
	for _, a := range c.lora {
		if err := x.setAdapter(a.adapter, a.scale); err != nil {
			x.free()
			return nil, err
		}
	}
	return x, nil
}

// free frees the context and the model.
func (c *instance) free() {
	if c.encoder != nil {
		c.encoder.c.free()
	}
	if c.hears != nil {
		c.hears.c.free()
	}
	c.x.free()
	c.pool.free()
	c.m.free()
}

// A boundSampler is a sampler that reads the machine's logits.
type boundSampler struct {
	*sampler
	e *Engine
}

func (s boundSampler) Sample(row int, banned []token, top int) (token, []scheduler.Prob, bool) {
	return s.sample(s.e.instance.x, row, banned, top)
}
func (s boundSampler) Accept(id token)    { s.accept(id) }
func (s boundSampler) Fits(id token) bool { return s.fits(id) }
func (s boundSampler) Free()              { s.free() }

func (s boundSampler) Constrain(ctx context.Context, source string) error {
	g, err := s.e.grammar(ctx, source)
	if err == nil {
		s.constrain(g)
	}
	return err
}
