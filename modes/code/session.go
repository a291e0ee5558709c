package code

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/fim"
)

// Options say what a session does and bound it. Zero fields take what is in
// brackets.
type Options struct {
	Files      []fim.File    // to be seen wherever something is filled in, the most important last
	Tokens     int           // of a prompt [8192; never more than the model's context has room for]
	MaxTokens  int           // of a completion [128]
	PromptTime time.Duration // how long reading a prompt may keep the person waiting; the rest is read when nothing happens [no bound]
	Time       time.Duration // how long writing may take; the line that is being written then is the last [no bound]
	Idle       time.Duration // how long nothing must happen until the next prompt is read ahead [never]
	Speculate  bool          // compute what would come if a completion were accepted
}

const (
	defaultTokens    = 8192
	defaultMaxTokens = 128
	// fewTokens is a prompt that is read before the model's speed is known, and the
	// shortest that is worth to be read.
	fewTokens = 512
	// jump is how many lines the cursor has to move for what was around it to be
	// worth remembering.
	jump = 32
	// heat is the temperature of alternatives.
	heat = 0.7
	// maxAnchors is how many files have an anchor.
	maxAnchors = 32
)

// A Session completes code for one editor.
type Session struct {
	ctx    context.Context // of what goes on in the background
	engine engine.Engine
	o      Options
	meter  meter

	mu      sync.Mutex
	layout  *fim.Layout   // nil until it is known
	tokens  int           // of a prompt
	pace    time.Duration // of reading one prompt token; 0 while it is not known
	ring    ring
	cache   cache
	anchors map[string]*anchor // by file
	last    Place
	ahead   work // the completion after the one that was suggested
	warm    work // the prompt for when the person goes on
	idle    *time.Timer
	closed  bool
	running sync.WaitGroup
}

// work is done in the background until the person needs the model.
type work struct {
	place Place
	stop  context.CancelFunc // nil when there is none
	done  chan struct{}
}

// New makes a session, whose work in the background ends with ctx or by Close. The
// engine stays the caller's.
func New(ctx context.Context, e engine.Engine, o Options) *Session {
	if o.Tokens == 0 {
		o.Tokens = defaultTokens
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = defaultMaxTokens
	}
	return &Session{ctx: ctx, engine: e, o: o, meter: meter{engine: e}, anchors: map[string]*anchor{}}
}

// Close ends what goes on in the background and waits for it.
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

// Visit tells that the person is in a file, at a place. What is around it may
// serve as context in other files.
func (s *Session) Visit(p Place) {
	p, _, err := p.normal()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.add(p)
}

// Complete gives the text that comes at a place. It is empty when nothing is to
// be said there.
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

// move notes where the person is.
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

// distance is how many lines there are between two places in a file.
func distance(a, b Place) int {
	n := strings.Count(a.Text[:a.At], "\n") - strings.Count(b.Text[:b.At], "\n")
	return max(n, -n)
}

// complete finds or computes a completion.
func (s *Session) complete(ctx context.Context, p Place) (Completion, error) {
	if c, ok := s.known(p); ok {
		return c, nil
	}
	if done := s.awaited(p); done != nil {
		select {
		case <-ctx.Done():
			return Completion{}, context.Cause(ctx)
		case <-done:
		}
		if c, ok := s.known(p); ok {
			return c, nil
		}
	}
	s.mu.Lock()
	s.ahead.end()
	s.warm.end()
	s.mu.Unlock()
	return s.ask(ctx, p)
}

// known looks a completion up.
func (s *Session) known(p Place) (Completion, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.cache.find(p)
	if !ok {
		return Completion{}, false
	}
	c := newScissor(p)
	text, _ := c.cut(e.text, true, e.whole)
	return Completion{Text: text, Cached: true}, true
}

// awaited tells that the completion of a place is being computed already.
func (s *Session) awaited(p Place) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead.stop != nil && s.ahead.place == p {
		return s.ahead.done
	}
	return nil
}

// ask has the model complete.
func (s *Session) ask(ctx context.Context, p Place) (Completion, error) {
	w := newWriting(p, s.o.Time)
	if err := s.write(ctx, p, 0, []*writing{w}); err != nil {
		return Completion{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.put(p, w.raw, len(w.kept), w.whole)
	return w.completion(), nil
}

// More gives up to n other texts for a place, each different from the others and
// from the one that Complete gives.
func (s *Session) More(ctx context.Context, p Place, n int) ([]Completion, error) {
	began := time.Now()
	first, err := s.Complete(ctx, p)
	if err != nil {
		return nil, err
	}
	p, crlf, err := p.normal()
	if err != nil {
		return nil, err
	}
	writings := make([]*writing, n)
	for i := range writings {
		writings[i] = newWriting(p, s.o.Time)
	}
	if err := s.write(ctx, p, heat, writings); err != nil {
		return nil, err
	}
	var out []Completion
	had := map[string]bool{"": true, first.Text: true}
	for _, w := range writings {
		c := w.completion()
		c.finish(crlf, began)
		if !had[c.Text] {
			had[c.Text] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// finish fills in what is left to say of a completion.
func (c *Completion) finish(crlf bool, began time.Time) {
	c.Took = time.Since(began)
	if crlf {
		c.Text = strings.ReplaceAll(c.Text, "\n", "\r\n")
	}
}

// write has texts written for a place.
func (s *Session) write(ctx context.Context, p Place, temperature float64, writings []*writing) error {
	for again := true; ; again = false {
		r, err := s.request(ctx, p)
		if err != nil {
			return err
		}
		r.MaxTokens, r.Temperature, r.N = &s.o.MaxTokens, &temperature, len(writings)
		err = s.run(ctx, r, writings)
		limit := engine.OverflowOf(err).Limit
		if !again || limit == 0 {
			return err
		}
		s.mu.Lock() // there is less room than the model promised
		s.tokens = s.room(limit)
		delete(s.anchors, p.File)
		s.mu.Unlock()
	}
}

// room is how many tokens a prompt may have in a context of limit. What is typed
// until the windows move, and the completion, need room too.
func (s *Session) room(limit int) int { return max(1, min(s.o.Tokens, (limit-s.o.MaxTokens)*3/4)) }

// request asks for what is missing at a place.
func (s *Session) request(ctx context.Context, p Place) (engine.CompletionRequest, error) {
	layout, err := s.know(ctx)
	if err != nil {
		return engine.CompletionRequest{}, err
	}
	s.mu.Lock()
	a := s.anchors[p.File]
	s.mu.Unlock()
	if a == nil || !a.fits(p) {
		if a, err = s.place(ctx, p, s.patient()); err != nil {
			return engine.CompletionRequest{}, err
		}
		s.keep(a)
	}
	return layout.Request(ctx, a.gap(p))
}

// place places the windows anew.
func (s *Session) place(ctx context.Context, p Place, tokens int) (*anchor, error) {
	s.mu.Lock()
	old, files := s.anchors[p.File], append(s.ring.beside(p), s.o.Files...)
	s.mu.Unlock()
	return s.meter.place(ctx, p, files, tokens, old)
}

// keep makes an anchor that of its file.
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

// know finds out what the session has to know of the model.
func (s *Session) know(ctx context.Context) (fim.Layout, error) {
	s.mu.Lock()
	known := s.layout
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	layout, err := fim.LayoutOf(ctx, s.engine)
	if err != nil {
		return fim.Layout{}, err
	}
	limit := s.engine.Info().ContextLength
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layout, s.tokens = &layout, s.o.Tokens
	if limit > 0 {
		s.tokens = s.room(limit)
	}
	return layout, nil
}

// patient is how many tokens a prompt may have that the person waits for.
func (s *Session) patient() int {
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

// run has texts written, until nothing more of them is wanted.
func (s *Session) run(ctx context.Context, r engine.CompletionRequest, writings []*writing) error {
	began := time.Now()
	var read engine.Progress
	timed := false
	for ev, err := range s.engine.Complete(ctx, r) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case engine.Loading:
			timed = true // what it takes now is not the reading
		case engine.Progress:
			if ev.Queued > 0 {
				began = time.Now()
			}
			read = ev
		case engine.TextDelta:
			if !timed {
				timed = true
				s.learn(read.Total-read.Cached, time.Since(began))
			}
			writings[ev.Choice].add(ev.Text)
		case engine.Finish:
			if ev.Choice < len(writings) {
				writings[ev.Choice].end(ev.Reason == engine.FinishStop)
			}
		case engine.Done:
			if read.Total == 0 { // a server that tells no progress
				read.Total, read.Cached = ev.Usage.PromptTokens, ev.Usage.Cached()
			}
		}
		if enough(writings) {
			break
		}
	}
	for _, w := range writings {
		w.read = read
	}
	return nil
}

// enough reports whether the model can be stopped: all that is wanted is there,
// and it has not ended by itself.
func enough(writings []*writing) bool {
	stop := false
	for _, w := range writings {
		if !w.done {
			return false
		}
		stop = stop || !w.ended
	}
	return stop
}

// learn notes how fast prompts are read. Few tokens tell nothing.
func (s *Session) learn(tokens int, took time.Duration) {
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

// speculate computes what would come if the person accepted what is suggested.
// Who types it along instead leaves that as it is.
func (s *Session) speculate(p Place) {
	if _, ok := s.known(p); ok {
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

// rest reads the next prompt ahead once nothing has happened for a while.
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
			s.warm = s.background(p, func(ctx context.Context) { s.readAhead(ctx, p) })
		}
	})
}

// readAhead places the windows anew, as large as they may be and with the latest
// from other files, and has the model read them. The anchor serves once it is
// read: until then the old one answers sooner.
func (s *Session) readAhead(ctx context.Context, p Place) {
	layout, err := s.know(ctx)
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
	r, err := layout.Request(ctx, a.gap(p))
	if err != nil {
		return
	}
	r.MaxTokens = new(0)
	if err := s.run(ctx, r, nil); err != nil {
		return
	}
	s.keep(a)
}

// background does work until it is ended. The caller has the lock.
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

// end stops the work; nobody waits for it any more.
func (w *work) end() {
	if w.stop != nil {
		w.stop()
	}
	*w = work{}
}
