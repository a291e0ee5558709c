package scheduler

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// fake is a machine whose next token is a function of all tokens before it. It checks
// that sequences are used as a KV cache allows.
type fake struct {
	t         *testing.T
	capacity  int
	used      map[*cell]int // sequences of each cell
	seqs      [][]*cell
	batch     []entry
	rows      []uint64
	interrupt atomic.Bool
	nodes     atomic.Int64
	recurrent bool
	fixed     bool // the context cannot grow
	// script chooses the next token from all before it, in place of chosen.
	script func(before []Token) Token
	before [][]Token // of each row, with a script
	// skewed is from how many rows on a batch gives other results; 0: never.
	skewed int

	decoded   int                  // tokens
	batches   int                  // that were evaluated
	beforeRun func(batch []entry)  // called before a batch is evaluated
	build     func(grammar string) // called in Constrain
}

// A cell holds a token and what it stands for: everything up to it.
type cell struct {
	token Token
	sum   uint64
}

type entry struct {
	token    Token
	pos, seq int
	output   bool
}

func newFake(t *testing.T, capacity, slots int) *fake {
	return &fake{t: t, capacity: capacity, used: map[*cell]int{}, seqs: make([][]*cell, slots)}
}

func next(sum uint64, id Token) uint64 {
	x := (sum ^ uint64(uint32(id))) * 0x9E3779B97F4A7C15
	return x ^ x>>29
}

// chosen is the token that follows what a sum stands for. Token 2 ends answers.
func chosen(sum uint64, ends bool) Token {
	if ends && sum%41 == 0 {
		return 2
	}
	return Token(10 + sum>>7%1000)
}

// written is what the fake writes after a prompt.
func written(prompt []Token, max int) string {
	var sum uint64
	for _, id := range prompt {
		sum = next(sum, id)
	}
	var b strings.Builder
	for n := 0; max < 0 || n < max; n++ {
		id := chosen(sum, true)
		if id == 2 {
			break
		}
		fmt.Fprintf(&b, "%d ", id)
		sum = next(sum, id)
	}
	return b.String()
}

func (f *fake) Piece(id Token) string { return fmt.Sprintf("%d ", id) }
func (f *fake) Control(id Token) bool { return id < 10 }
func (f *fake) Enders() []Token       { return []Token{2} }
func (f *fake) Recurrent() bool       { return f.recurrent }
func (f *fake) Tokens() int           { return f.capacity }
func (f *fake) CanResize(int) bool    { return !f.fixed }
func (f *fake) HasSpare(int) bool     { return !f.fixed }
func (f *fake) ClearBatch()           { f.batch = f.batch[:0] }
func (f *fake) BatchLen() int         { return len(f.batch) }
func (f *fake) Begin()                { f.nodes.Store(0) }
func (f *fake) Nodes() int64          { return f.nodes.Load() }
func (f *fake) Interrupt(on bool)     { f.interrupt.Store(on) }
func (f *fake) Last(seq int) int      { return len(f.seqs[seq]) - 1 }

func (f *fake) Add(id Token, pos, seq int, output bool) int {
	f.batch = append(f.batch, entry{id, pos, seq, output})
	return len(f.batch) - 1
}

func (f *fake) Decode() error {
	if f.beforeRun != nil {
		f.beforeRun(f.batch)
	}
	for range 10 {
		if f.interrupt.Load() {
			return ErrAborted
		}
		f.nodes.Add(1)
	}
	if len(f.used)+len(f.batch) > f.capacity {
		return ErrNoCells
	}
	f.rows, f.before = f.rows[:0], f.before[:0]
	skew := uint64(0)
	if f.skewed > 0 && len(f.batch) >= f.skewed {
		skew = 1
	}
	for _, e := range f.batch {
		f.rows = append(f.rows, f.put(e)+skew<<63)
		if f.script != nil {
			var before []Token
			for _, c := range f.seqs[e.seq] {
				before = append(before, c.token)
			}
			f.before = append(f.before, before)
		}
	}
	f.decoded += len(f.batch)
	f.batches++
	return nil
}

func (f *fake) put(e entry) uint64 {
	seq := f.seqs[e.seq]
	if e.pos != len(seq) {
		f.t.Errorf("token at %d of sequence %d, which has %d", e.pos, e.seq, len(seq))
		return 0
	}
	var sum uint64
	if e.pos > 0 {
		sum = seq[e.pos-1].sum
	}
	c := &cell{e.token, next(sum, e.token)}
	f.used[c] = 1
	f.seqs[e.seq] = append(seq, c)
	return c.sum
}

func (f *fake) DecodeImage(i Image, from, n, seq int) error {
	if len(f.used)+n > f.capacity {
		return ErrNoCells
	}
	p := i.(*picture)
	for k := range n {
		f.put(entry{p.ids[from+k], p.at + from + k, seq, false})
	}
	f.decoded += n
	f.batches++
	return nil
}

type picture struct {
	at  int
	ids []Token
}

func (p *picture) Place() (at, n int) { return p.at, len(p.ids) }

func (f *fake) Outputs() int { return 100 }
func (f *fake) Probs(row int, id Token, top int) []Prob {
	if !f.batch[row].output {
		f.t.Error("logits of a token without")
	}
	return append(make([]Prob, 0, 1+top), Prob{ID: id, Logprob: logprob(f.rows[row], id)}, Prob{})[:1+top]
}

func (f *fake) Logits(row int) []float32 {
	return []float32{float32(f.rows[row] >> 40), float32(f.rows[row] >> 16 & 0xffffff)}
}

func logprob(sum uint64, id Token) float64 { return -float64(next(sum, id)%1000) / 100 }

func (f *fake) Remove(seq, from, to int) bool {
	if from < 0 {
		from = 0
	}
	if from >= len(f.seqs[seq]) {
		return true
	}
	if f.recurrent && from > 0 {
		return false
	}
	for _, c := range f.seqs[seq][from:] {
		if f.used[c]--; f.used[c] == 0 {
			delete(f.used, c)
		}
	}
	f.seqs[seq] = slices.Clone(f.seqs[seq][:from])
	return true
}

func (f *fake) Share(src, dst, end int) {
	if f.recurrent && end >= 0 && end < len(f.seqs[src]) {
		f.t.Errorf("a part of a state is shared")
	}
	if len(f.seqs[dst]) > 0 {
		f.t.Errorf("sequence %d is shared into %d, which has %d tokens", src, dst, len(f.seqs[dst]))
	}
	if end < 0 {
		end = len(f.seqs[src])
	}
	f.seqs[dst] = slices.Clone(f.seqs[src][:end])
	for _, c := range f.seqs[dst] {
		f.used[c]++
	}
}

func (f *fake) SaveState(seq int) ([]byte, error) {
	if len(f.seqs[seq]) == 0 {
		return nil, errors.New("the sequence is empty")
	}
	var b []byte
	for _, c := range f.seqs[seq] {
		b = binary.LittleEndian.AppendUint32(b, uint32(c.token))
	}
	return b, nil
}

func (f *fake) LoadState(seq int, state []byte) error {
	f.Remove(seq, -1, -1)
	if len(f.used)+len(state)/4 > f.capacity {
		return errors.New("no room")
	}
	for i := 0; i < len(state); i += 4 {
		f.put(entry{Token(binary.LittleEndian.Uint32(state[i:])), i / 4, seq, false})
	}
	return nil
}

func (f *fake) Resize(tokens int) error {
	clear(f.used)
	f.seqs = make([][]*cell, len(f.seqs))
	f.capacity = tokens
	return nil
}

type fakeSampler struct {
	f     *fake
	freed *atomic.Int64
}

func (s fakeSampler) Sample(row int, banned []Token, top int) (Token, []Prob, bool) {
	if !s.f.batch[row].output {
		s.f.t.Error("a token is sampled from a row without logits")
	}
	id := chosen(s.f.rows[row], len(banned) == 0)
	if s.f.script != nil {
		if id = s.f.script(s.f.before[row]); s.f.skewed > 0 && len(s.f.batch) >= s.f.skewed && id != 2 {
			id++
		}
		if len(banned) > 0 && id == 2 {
			id = 11
		}
	}
	if top < 0 {
		return id, nil, true
	}
	probs := make([]Prob, 1+top)
	probs[0] = Prob{ID: id, Logprob: logprob(s.f.rows[row], id)}
	return id, probs, true
}
func (s fakeSampler) Accept(Token)    {}
func (s fakeSampler) Fits(Token) bool { return true }
func (s fakeSampler) Free()           { s.freed.Add(1) }
func (s fakeSampler) Constrain(ctx context.Context, grammar string) error {
	if s.f.build != nil {
		s.f.build(grammar)
	}
	return context.Cause(ctx)
}

// asked is a job of the fake for n answers of up to max tokens.
func (f *fake) asked(prompt []Token, n, max int) (*Job, *atomic.Int64) {
	freed := new(atomic.Int64)
	j := &Job{Prompt: prompt, Max: max, Top: -1}
	for range n {
		j.Samplers = append(j.Samplers, fakeSampler{f, freed})
	}
	return j, freed
}

// ids are n tokens, different for every seed.
func ids(n, seed int) []Token {
	out := make([]Token, n)
	for i := range out {
		out[i] = Token(10 + (i*i*7+i*31+seed*97)%1000)
	}
	return out
}

// An outcome is what became of a job.
type outcome struct {
	texts  []string
	ends   []engine.FinishReason
	cached int
	time   engine.Timings
	err    error
}

// run submits a job and reads its events; each is given to see, which may be nil.
func run(ctx context.Context, s *Scheduler, j *Job, see func(engine.Event)) outcome {
	out := outcome{texts: make([]string, j.n()), ends: make([]engine.FinishReason, j.n())}
	if out.err = s.Submit(j); out.err != nil {
		return out
	}
	for e, err := range s.Events(ctx, j) {
		if err != nil {
			out.err = err
			return out
		}
		switch e := e.(type) {
		case engine.TextDelta:
			out.texts[e.Choice] += e.Text
		case engine.Finish:
			out.ends[e.Choice] = e.Reason
		case engine.Done:
			out.cached, out.time = e.Usage.Cached(), e.Timings
		}
		if see != nil {
			see(e)
		}
	}
	return out
}
