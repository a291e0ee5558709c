package review

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
)

const defaultParallel = 4

// A run is one review.
type run struct {
	engine     engine.Engine
	files      []diff.File
	o          Options
	parallel   int
	confidence float64
	events     chan Event
	failure    error // once events is closed

	head       string // the beginning of all requests
	headTokens int
	tokens     engine.TokenCounter
	slots      chan struct{} // one for each request that may run
	anyJSON    atomic.Bool   // the engine rejects the JSON schemas of answers
	unscored   atomic.Bool   // the engine does not give the probabilities of tokens
	parts      []part
	texts      map[*diff.File]*fileText

	mu       sync.Mutex
	covered  map[*diff.File]*Coverage
	found    []placed
	notes    []string
	dropped  Dropped
	usage    engine.Usage
	finished []bool      // parts
	done     map[int]int // evaluated tokens of each part
}

// placed is a finding with its file in the change.
type placed struct {
	Finding
	file *diff.File
}

func newRun(e engine.Engine, files []diff.File, o Options) *run {
	r := &run{
		engine: e, tokens: engine.TokenCounter{Engine: e}, files: files, o: o, parallel: o.Parallel, confidence: DefaultConfidence,
		events: make(chan Event), texts: map[*diff.File]*fileText{}, covered: map[*diff.File]*Coverage{}, done: map[int]int{},
	}
	if r.parallel <= 0 {
		r.parallel = defaultParallel
	}
	if o.Confidence != nil {
		r.confidence = *o.Confidence
	}
	r.slots = make(chan struct{}, r.parallel)
	return r
}

func (r *run) send(ctx context.Context, e Event) error {
	select {
	case r.events <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// cover records how much of a file is reviewed. A worse status is not overwritten.
func (r *run) cover(f *diff.File, s Status, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.covered[f]; c == nil || c.Status == Reviewed {
		r.covered[f] = &Coverage{File: f.Path(), Status: s, Reason: reason}
	}
}

// review runs the whole review.
func (r *run) review(ctx context.Context) error {
	if err := r.plan(ctx); err != nil {
		return err
	}
	p := Planned{Parts: len(r.parts)}
	for _, c := range r.covered {
		if c.Status == Skipped {
			p.Skipped++
		} else {
			p.Files++
		}
	}
	for _, part := range r.parts {
		p.Tokens += part.tokens
	}
	if err := r.send(ctx, p); err != nil {
		return err
	}
	if err := r.ask(ctx); err != nil {
		return err
	}
	return r.send(ctx, Done{r.result()})
}

// ask reviews all parts. The others wait until the first is evaluated, so that the
// engine has cached the instructions that all of them begin with.
func (r *run) ask(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.parallel)
	evaluated := make(chan struct{})
	for i, p := range r.parts {
		group.Go(func() error {
			began := func() {}
			if i == 0 {
				began = sync.OnceFunc(func() { close(evaluated) })
				defer began()
			} else {
				select {
				case <-evaluated:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			if err := r.part(ctx, i, p, began); err != nil {
				return err
			}
			r.mu.Lock()
			r.finished[i] = true
			r.done[i] = p.tokens
			r.mu.Unlock()
			return r.send(ctx, r.progress())
		})
	}
	return group.Wait()
}

// progress sums up the progress of all parts.
func (r *run) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	var n Progress
	for i, p := range r.parts {
		if r.finished[i] {
			n.Parts++
		}
		n.Total += p.tokens
		n.Done += min(r.done[i], p.tokens)
	}
	return n
}

// part reviews one part. It calls began when the prompt is evaluated.
func (r *run) part(ctx context.Context, i int, p part, began func()) error {
	code := r.head + p.text()
	answer, err := r.chat(ctx, find(&p), code, func(e engine.Event) error {
		switch e := e.(type) {
		case engine.Loading:
			return r.send(ctx, Loading{e.Fraction})
		case engine.Progress:
			r.mu.Lock()
			r.done[i] = max(r.done[i], e.Done-r.headTokens)
			r.mu.Unlock()
			return r.send(ctx, r.progress())
		case engine.TextDelta:
			began()
		}
		return nil
	})
	if fault.KindOf(err) == fault.TooLong {
		a, b, ok := p.split()
		if !ok {
			return err
		}
		if err := r.part(ctx, i, a, began); err != nil {
			return err
		}
		return r.part(ctx, i, b, began)
	}
	if err != nil {
		return err
	}
	claims, state, err := elements[claim](answer.text, "findings")
	switch {
	case answer.end == engine.FinishRefusal:
		r.coverPart(p, Failed, "the model refused")
		return nil
	case err != nil:
		r.coverPart(p, Failed, "the model's answer is not valid JSON")
		return nil
	case state == truncated && answer.end.IsCutOff():
		r.coverPart(p, Partial, "the model's answer was too long")
	case state == truncated:
		r.coverPart(p, Partial, "the model's answer is incomplete")
	case state == malformed:
		r.coverPart(p, Partial, "a part of the model's answer is not valid")
	}
	found := r.place(claims, p.excerpts)
	if err := r.verifyAll(ctx, found, code); err != nil {
		return err
	}
	return r.keep(ctx, found)
}

func (r *run) coverPart(p part, s Status, reason string) {
	for i := range p.excerpts {
		r.cover(p.excerpts[i].file, s, reason)
	}
}

// coverUnfinished records the files that a failed review did not reach.
func (r *run) coverUnfinished() {
	const reason = "the review ended before it"
	for i, p := range r.parts {
		if !r.finished[i] {
			r.coverPart(p, Failed, reason)
		}
	}
	if len(r.parts) == 0 { // it failed before they were planned
		for i := range r.files {
			r.cover(&r.files[i], Failed, reason)
		}
	}
}

// A reply is a whole answer of the model.
type reply struct {
	text   string
	tokens []engine.Logprob // if they were asked for
	end    engine.FinishReason
}

// chat asks the model to do a task. What a server rejects is left out, from then on: first
// the probabilities of tokens, then the JSON schema, whose fields the prompt describes too.
func (r *run) chat(ctx context.Context, t task, question string, watch func(engine.Event) error) (reply, error) {
	req, err := t.request(question)
	if err != nil {
		return reply{}, err
	}
	if r.unscored.Load() {
		req.Logprobs, req.TopLogprobs = false, 0
	}
	anyJSON := r.anyJSON.Load()
	if anyJSON {
		req.ResponseFormat = &engine.ResponseFormat{Type: "json_object"}
	}
	answer, err := r.answer(ctx, req, watch)
	switch kind := fault.KindOf(err); {
	case req.Logprobs && (kind == fault.Invalid || kind == fault.Unsupported):
		r.unscored.Store(true)
	case !anyJSON && kind == fault.Invalid:
		r.anyJSON.Store(true)
	default:
		return answer, err
	}
	return r.chat(ctx, t, question, watch)
}

// answer reads an answer to its end.
func (r *run) answer(ctx context.Context, req engine.ChatRequest, watch func(engine.Event) error) (reply, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	}
	var a reply
	var text strings.Builder
	for e, err := range r.engine.Chat(ctx, req) {
		if err == nil && watch != nil {
			err = watch(e)
		}
		if err != nil {
			return reply{}, err
		}
		switch e := e.(type) {
		case engine.TextDelta:
			text.WriteString(e.Text)
			a.tokens = append(a.tokens, e.Logprobs...)
		case engine.Finish:
			a.end = e.Reason
		case engine.Done:
			r.addUsage(e.Usage)
		}
		if text.Len() > maxAnswer {
			break
		}
	}
	a.text = text.String()
	return a, nil
}

func (r *run) addUsage(u engine.Usage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := &r.usage
	sum.PromptTokens += u.PromptTokens
	sum.CompletionTokens += u.CompletionTokens
	sum.TotalTokens += u.TotalTokens
	sum.PromptDetails = &engine.PromptTokensDetails{CachedTokens: sum.Cached() + u.Cached()}
}

// place converts claims to findings at the quoted code and removes duplicates.
func (r *run) place(claims []claim, ps []excerpt) []placed {
	var found []placed
	for i, c := range claims {
		if i >= maxFindings {
			r.drop(func(d *Dropped) { d.Excess += len(claims) - maxFindings })
			break
		}
		f, p, ok := anchor(c, ps)
		if !ok {
			r.drop(func(d *Dropped) { d.Unlocated++ })
			continue
		}
		if c.Replacement != nil {
			f.Suggestion = r.texts[p.file].suggest(*c.Replacement, &f)
		}
		if isDuplicate(found, f) {
			r.drop(func(d *Dropped) { d.Duplicate++ })
			continue
		}
		found = append(found, placed{f, p.file})
	}
	return found
}

func (r *run) drop(count func(*Dropped)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	count(&r.dropped)
}

// verifyAll asks the model to verify findings in the code, each by itself, and updates them.
func (r *run) verifyAll(ctx context.Context, found []placed, code string) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range found {
		group.Go(func() error { return r.verify(ctx, &found[i].Finding, code) })
	}
	return group.Wait()
}

// verify asks the model whether a finding holds. The probability of its answer becomes the
// confidence. If the engine reports none, a finding that holds keeps the confidence that was
// claimed with it. One without a verdict is not changed.
func (r *run) verify(ctx context.Context, f *Finding, code string) error {
	answer, err := r.chat(ctx, verify(), code+verification(f), nil)
	if fault.KindOf(err) == fault.TooLong {
		return nil
	}
	if err != nil {
		return err
	}
	v, ok := decodeVerdict(answer.text)
	if !ok {
		return nil
	}
	if s := Severity(v.Severity); *v.Holds && slices.Contains(Severities, s) {
		f.Severity = s
	}
	if p, ok := probability(answer.tokens); ok {
		f.Confidence = math.Round(1000*p) / 1000
	} else if !*v.Holds {
		f.Confidence = 0
	}
	return nil
}

// keep sends the findings whose confidence is high enough.
func (r *run) keep(ctx context.Context, found []placed) error {
	for _, f := range found {
		if f.Confidence < r.confidence {
			r.drop(func(d *Dropped) { d.Rejected++ })
			continue
		}
		r.mu.Lock()
		duplicate := isDuplicate(r.found, f.Finding)
		if !duplicate {
			r.found = append(r.found, f)
		}
		r.mu.Unlock()
		if duplicate {
			r.drop(func(d *Dropped) { d.Duplicate++ })
			continue
		}
		if err := r.send(ctx, Found{f.Finding}); err != nil {
			return err
		}
	}
	return nil
}

// isDuplicate reports whether another finding at the same lines has the same category
// or a similar title.
func isDuplicate(others []placed, f Finding) bool {
	return slices.ContainsFunc(others, func(k placed) bool {
		return k.File == f.File && k.Line <= f.EndLine && f.Line <= k.EndLine && (k.Category == f.Category || similarTitles(k.Title, f.Title))
	})
}

// similarTitles reports whether two titles share at least half of their words.
func similarTitles(a, b string) bool {
	as, bs := strings.Fields(strings.ToLower(a)), strings.Fields(strings.ToLower(b))
	common := 0
	for _, w := range as {
		if slices.Contains(bs, w) {
			common++
		}
	}
	return 2*common >= max(len(as), len(bs))
}

// result sorts the findings and builds the patch.
func (r *run) result() Result {
	order := map[*diff.File]int{}
	res := Result{Notes: r.notes, Dropped: r.dropped, Parts: len(r.parts), Usage: r.usage, Findings: []Finding{}, Files: []Coverage{}}
	for i := range r.files {
		order[&r.files[i]] = i
		res.Files = append(res.Files, *r.covered[&r.files[i]])
	}
	slices.SortStableFunc(r.found, func(a, b placed) int {
		return cmp.Or(cmp.Compare(order[a.file], order[b.file]), cmp.Compare(a.Line, b.Line), cmp.Compare(b.Confidence, a.Confidence))
	})
	suggestions := map[*diff.File][]placed{}
	for _, f := range r.found {
		res.Findings = append(res.Findings, f.Finding)
		if f.Suggestion != nil {
			suggestions[f.file] = append(suggestions[f.file], f)
		}
	}
	for i := range r.files {
		f := &r.files[i]
		fs := suggestions[f]
		slices.SortStableFunc(fs, func(a, b placed) int {
			return cmp.Or(cmp.Compare(slices.Index(Severities, b.Severity), slices.Index(Severities, a.Severity)), cmp.Compare(b.Confidence, a.Confidence))
		})
		var edits []*Suggestion
		for _, f := range fs {
			edits = append(edits, f.Suggestion)
		}
		if len(edits) == 0 {
			continue
		}
		if patched, ok := r.texts[f].patch(f, edits); ok {
			res.Patch = append(res.Patch, patched)
		}
	}
	return res
}
