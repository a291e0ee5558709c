package code

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/fim"
)

// Options configure a session. The default of a zero field is in brackets.
type Options struct {
	Files      []fim.File    // part of every prompt, the most important last
	Tokens     int           // limit of a prompt [8192, or less if the context is smaller]
	MaxTokens  int           // limit of a completion [128]; half of the context at most
	PromptTime time.Duration // limit of prefill while the user waits; a longer prompt is prefilled when idle [none]
	Time       time.Duration // limit of decoding, after which the current line is the last [none]
	Idle       time.Duration // idle time before the next prompt is prefilled [never]
	Speculate  bool          // compute the completion that would follow an accepted one
}

const (
	defaultTokens    = 8192
	defaultMaxTokens = 128
	// fewTokens limits a prompt until the prefill speed is known, and is the smallest
	// limit afterwards.
	fewTokens = 512
	// jump is the cursor movement, in lines, after which the previous place is added to
	// the ring.
	jump = 32
	// temperature is used for alternatives.
	temperature = 0.7
	// maxAnchors limits the files with an anchor.
	maxAnchors = 32
)

// A Session completes code for one editor.
type Session struct {
	ctx    context.Context // for background work
	engine engine.Engine
	o      Options
	meter  meter

	mu      sync.Mutex
	layout  *fim.Layout   // nil until the first request
	tokens  int           // limit of a prompt
	answer  int           // limit of a completion
	pace    time.Duration // prefill time of one token; 0 while unknown
	ring    ring
	cache   cache
	anchors map[string]*anchor // by file
	last    Place
	ahead   work // computes the completion after the suggested one
	warm    work // prefills the next prompt
	idle    *time.Timer
	closed  bool
	running sync.WaitGroup
}

// work runs in the background until the model is needed for a request.
type work struct {
	place Place
	stop  context.CancelFunc // nil if nothing runs
	done  chan struct{}
}

// New returns a session. Its background work ends with ctx or Close. Close does not
// close the engine.
func New(ctx context.Context, e engine.Engine, o Options) *Session {
	if o.Tokens == 0 {
		o.Tokens = defaultTokens
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = defaultMaxTokens
	}
	return &Session{ctx: ctx, engine: e, o: o, meter: meter{tokens: engine.TokenCounter{Engine: e}}, anchors: map[string]*anchor{}}
}

// Close stops the background work and waits for it.
func (s *Session) Close() {
	s.mu.Lock()
	s.closed = true
	if s.idle != nil {
		s.idle.Stop()
	}
	s.ahead.end()
	s.warm.end()
	s.mu.Unlock()
	s.running.Wait()
}

// Visit reports that the user is at a place. The surrounding lines become context for
// other files.
func (s *Session) Visit(p Place) {
	p, _, err := p.normal()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.add(p)
}

// Complete returns a completion for a place. Its text may be empty.
func (s *Session) Complete(ctx context.Context, p Place) (Completion, error) {
	began := time.Now()
	p, crlf, err := p.normal()
	if err != nil {
		return Completion{}, err
	}
	s.move(p)
	c, err := s.complete(ctx, p)
	if err != nil {
		return Completion{}, err
	}
	if s.o.Speculate && c.Text != "" {
		s.speculate(p.with(c.Text))
	}
	s.rest(p)
	c.finish(crlf, began)
	return c, nil
}

// move records the place of the user.
func (s *Session) move(p Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
	was := s.last
	s.last = p
	if was.Text == "" || was.File == p.File && distance(was, p) < jump {
		return
	}
	s.ring.add(was)
}

// distance returns the number of lines between two places in a file.
func distance(a, b Place) int {
	n := strings.Count(a.Text[:a.At], "\n") - strings.Count(b.Text[:b.At], "\n")
	return max(n, -n)
}

// complete finds or computes a completion.
func (s *Session) complete(ctx context.Context, p Place) (Completion, error) {
	if c, ok := s.fromCache(p); ok {
		return c, nil
	}
	if done := s.pending(p); done != nil {
		select {
		case <-ctx.Done():
			return Completion{}, context.Cause(ctx)
		case <-done:
		}
		if c, ok := s.fromCache(p); ok {
			return c, nil
		}
	}
	s.mu.Lock()
	s.ahead.end()
	s.warm.end()
	s.mu.Unlock()
	return s.ask(ctx, p)
}

// fromCache looks up a completion in the cache.
func (s *Session) fromCache(p Place) (Completion, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.cache.find(p)
	if !ok {
		return Completion{}, false
	}
	c := newTrimmer(p)
	text, _ := c.trim(e.text, true, e.whole)
	return Completion{Text: text, Cached: true}, true
}

// pending returns a channel that is closed when the completion of a place is in the
// cache, or nil if it is not being computed.
func (s *Session) pending(p Place) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead.stop != nil && s.ahead.place == p {
		return s.ahead.done
	}
	return nil
}

// ask requests a completion from the model.
func (s *Session) ask(ctx context.Context, p Place) (Completion, error) {
	w := newOutput(p, s.o.Time)
	if err := s.generate(ctx, p, 0, []*output{w}); err != nil {
		return Completion{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.put(p, w.raw, len(w.kept), w.whole)
	return w.completion(), nil
}

// Alternatives returns up to n more completions for a place. They differ from each
// other and from the result of Complete.
func (s *Session) Alternatives(ctx context.Context, p Place, n int) ([]Completion, error) {
	began := time.Now()
	first, err := s.Complete(ctx, p)
	if err != nil {
		return nil, err
	}
	p, crlf, err := p.normal()
	if err != nil {
		return nil, err
	}
	outputs := make([]*output, n)
	for i := range outputs {
		outputs[i] = newOutput(p, s.o.Time)
	}
	if err := s.generate(ctx, p, temperature, outputs); err != nil {
		return nil, err
	}
	var out []Completion
	seen := map[string]bool{"": true, first.Text: true}
	for _, w := range outputs {
		c := w.completion()
		c.finish(crlf, began)
		if !seen[c.Text] {
			seen[c.Text] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// finish sets the remaining fields of a completion.
func (c *Completion) finish(crlf bool, began time.Time) {
	c.Took = time.Since(began)
	if crlf {
		c.Text = strings.ReplaceAll(c.Text, "\n", "\r\n")
	}
}

// generate generates outputs for a place. If the model leaves a block that is still empty, it
// has misread the place: it is asked again, with the indentation in the prompt.
func (s *Session) generate(ctx context.Context, p Place, temperature float64, outputs []*output) error {
	if err := s.try(ctx, p, false, temperature, outputs); err != nil {
		return err
	}
	var again []*output
	for _, w := range outputs {
		if w.outside && w.trimmer.empty {
			w.restart()
			again = append(again, w)
		}
	}
	if len(again) == 0 {
		return nil
	}
	return s.try(ctx, p, true, temperature, again)
}

// try generates outputs for a place. If the prompt does not fit, it tries once
// more with a shorter one.
func (s *Session) try(ctx context.Context, p Place, indented bool, temperature float64, outputs []*output) error {
	for retry := true; ; retry = false {
		r, err := s.request(ctx, p, indented)
		if err != nil {
			return err
		}
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		r.MaxTokens, r.Temperature, r.N = &answer, &temperature, len(outputs)
		r.Lookup = engine.LookupCopies
		err = s.run(ctx, r, outputs)
		limit := engine.OverflowOf(err).Limit
		if !retry || limit == 0 {
			return err
		}
		s.mu.Lock() // the context is smaller than the engine reported
		s.divide(limit)
		delete(s.anchors, p.File)
		s.mu.Unlock()
	}
}

// divide divides a context of limit tokens between prompt and completion. The completion
// gets at most half: without a prompt it is worthless. The text typed before the excerpts
// move needs room too. The caller holds the lock.
func (s *Session) divide(limit int) {
	s.answer = max(1, min(s.o.MaxTokens, limit/2))
	s.tokens = max(1, min(s.o.Tokens, (limit-s.answer)*3/4))
}

// request builds the request for a place; anchor.infill explains indented.
func (s *Session) request(ctx context.Context, p Place, indented bool) (engine.CompletionRequest, error) {
	layout, err := s.prepare(ctx)
	if err != nil {
		return engine.CompletionRequest{}, err
	}
	s.mu.Lock()
	a := s.anchors[p.File]
	s.mu.Unlock()
	if a == nil || !a.fits(p) {
		if a, err = s.place(ctx, p, s.promptLimit()); err != nil {
			return engine.CompletionRequest{}, err
		}
		s.keep(a)
	}
	return layout.Request(ctx, a.infill(p, indented))
}

// place makes a new anchor.
func (s *Session) place(ctx context.Context, p Place, tokens int) (*anchor, error) {
	s.mu.Lock()
	old, files := s.anchors[p.File], append(s.ring.context(p), s.o.Files...)
	s.mu.Unlock()
	return s.meter.place(ctx, p, files, tokens, old)
}

// keep stores the anchor of a file.
func (s *Session) keep(a *anchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for file := range s.anchors {
		if len(s.anchors) < maxAnchors {
			break
		}
		delete(s.anchors, file)
	}
	s.anchors[a.file] = a
}

// prepare queries the model's infill layout and context length once.
func (s *Session) prepare(ctx context.Context) (fim.Layout, error) {
	s.mu.Lock()
	cached := s.layout
	s.mu.Unlock()
	if cached != nil {
		return *cached, nil
	}
	layout, err := fim.LayoutOf(ctx, s.engine)
	if err != nil {
		return fim.Layout{}, err
	}
	limit := s.engine.Info().ContextLength
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layout, s.tokens, s.answer = &layout, s.o.Tokens, s.o.MaxTokens
	if limit > 0 {
		s.divide(limit)
	}
	return layout, nil
}

// promptLimit returns the token limit of a prompt while the user waits.
func (s *Session) promptLimit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.o.PromptTime == 0:
		return s.tokens
	case s.pace == 0:
		return min(s.tokens, fewTokens)
	}
	return min(s.tokens, max(fewTokens, int(s.o.PromptTime/s.pace)))
}

// run runs a request until all outputs are complete.
func (s *Session) run(ctx context.Context, r engine.CompletionRequest, outputs []*output) error {
	began := time.Now()
	var prefill engine.Progress
	timed := false
	for ev, err := range s.engine.Complete(ctx, r) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case engine.Loading:
			timed = true // the time includes loading
		case engine.Progress:
			if ev.Queued > 0 {
				began = time.Now()
			}
			prefill = ev
		case engine.TextDelta:
			if !timed {
				timed = true
				s.updatePace(prefill.Total-prefill.Cached, time.Since(began))
			}
			outputs[ev.Choice].add(ev.Text)
		case engine.Finish:
			if ev.Choice < len(outputs) {
				outputs[ev.Choice].end(ev.Reason == engine.FinishStop)
			}
		case engine.Done:
			if prefill.Total == 0 { // the server reports no progress
				prefill.Total, prefill.Cached = ev.Usage.PromptTokens, ev.Usage.Cached()
			}
		}
		if canStop(outputs) {
			break
		}
	}
	for _, w := range outputs {
		w.evaluated += prefill.Total - prefill.Cached
		w.prompt = prefill.Total
	}
	return nil
}

// canStop reports whether to stop the model early: all outputs are complete, and at
// least one is still being generated.
func canStop(outputs []*output) bool {
	stop := false
	for _, w := range outputs {
		if !w.done {
			return false
		}
		stop = stop || !w.ended
	}
	return stop
}

// updatePace records the prefill speed. It ignores short prompts, whose time is mostly
// overhead.
func (s *Session) updatePace(tokens int, took time.Duration) {
	if tokens < 64 {
		return
	}
	pace := took / time.Duration(tokens)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace == 0 {
		s.pace = pace
	}
	s.pace = max(1, (s.pace+pace)/2)
}

// speculate computes the completion that follows an accepted suggestion. It continues
// if the user types the suggestion instead.
func (s *Session) speculate(p Place) {
	if _, ok := s.fromCache(p); ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead.stop != nil && s.ahead.place == p {
		return
	}
	s.ahead.end()
	s.ahead = s.background(p, func(ctx context.Context) { _, _ = s.ask(ctx, p) })
}

// rest starts the prefill of the next prompt after the idle time.
func (s *Session) rest(p Place) {
	if s.o.Idle == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.idle = time.AfterFunc(s.o.Idle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last == p && s.warm.stop == nil {
			s.warm = s.background(p, func(ctx context.Context) { s.prefillAhead(ctx, p) })
		}
	})
}

// prefillAhead makes a new anchor with the full token limit and the latest context from
// other files, and prefills its prompt. Requests use the old anchor until then, because
// it answers faster.
func (s *Session) prefillAhead(ctx context.Context, p Place) {
	layout, err := s.prepare(ctx)
	if err != nil {
		return
	}
	s.mu.Lock()
	tokens := s.tokens
	s.mu.Unlock()
	a, err := s.place(ctx, p, tokens)
	if err != nil {
		return
	}
	r, err := layout.Request(ctx, a.infill(p, false))
	if err != nil {
		return
	}
	r.MaxTokens = new(0)
	if err := s.run(ctx, r, nil); err != nil {
		return
	}
	s.keep(a)
}

// background starts work. The caller holds the lock.
func (s *Session) background(p Place, do func(context.Context)) work {
	if s.closed {
		return work{}
	}
	ctx, stop := context.WithCancel(s.ctx)
	w := work{place: p, stop: stop, done: make(chan struct{})}
	s.running.Go(func() {
		defer close(w.done)
		defer stop()
		do(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, of := range []*work{&s.ahead, &s.warm} {
			if of.done == w.done {
				*of = work{}
			}
		}
	})
	return w
}

// end stops the work without waiting for it.
func (w *work) end() {
	if w.stop != nil {
		w.stop()
	}
	*w = work{}
}
