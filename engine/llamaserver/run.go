package llamaserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A writing is a job while it runs.
type writing struct {
	e       *Engine
	c       *child
	j       *job
	ctx     context.Context
	yield   func(engine.Event, error) bool
	answers []*answer
	begun   bool // the answer, or what was left out of the prompt, has been reported

	admitted, first time.Time
	timings         timings // of the first request
	text            *images // the prompt as text, with images; nil for one without
}

// An answer is one of a job's answers while it is written.
type answer struct {
	choice   int
	reader   prompt.Reader // nil for a completion
	text     scheduler.Text
	count    int             // tokens
	seen     int             // tokens of the request that llama-server works on
	pending  int32           // a control token that ends the answer if it is the last one; -1: none
	calls    int             // tool calls made
	step     strings.Builder // text of the current step
	whole    strings.Builder // text of the answer, where a schema is checked
	logprobs []engine.Logprob
	ended    bool
}

// errLeft ends a writing whose caller has left the loop.
var errLeft = errors.New("the caller left")

// run makes a job and passes its events on.
func (e *Engine) run(ctx context.Context, make func() (*job, error), yield func(engine.Event, error) bool) {
	arrived := time.Now()
	c, done, err := e.use(ctx)
	if err != nil {
		yield(nil, err)
		return
	}
	defer done()
	j, err := prepared(make)
	if err != nil {
		yield(nil, err)
		return
	}
	j.arrived = arrived
	w := &writing{e: e, c: c, j: j, ctx: ctx, yield: yield}
	leave, err := e.gate.enter(ctx, j.reserve(), j.choices, func(before int) error {
		return w.send(engine.Progress{Total: len(j.prompt), Queued: before})
	})
	if err == nil {
		w.admitted = time.Now()
		err = w.write()
		leave()
	}
	if err != nil && err != errLeft {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		yield(nil, err)
	}
}

// prepared makes a job. Its text may be tokenized by llama-server, which can fail.
func prepared(make func() (*job, error)) (j *job, err error) {
	defer rescue(&err)
	return make()
}

// send passes an event on.
func (w *writing) send(event engine.Event) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if _, ok := event.(engine.Progress); ok {
		if w.begun {
			return nil
		}
	} else if !w.begun {
		w.begun = true
		if w.j.leftOut != nil && !w.yield(*w.j.leftOut, nil) {
			return errLeft
		}
	}
	if !w.yield(event, nil) {
		return errLeft
	}
	return nil
}

// write runs the requests of a job. Most have one. Several are needed where bise decides within the
// answer: forced parts of tool calls, and the end that min_tokens holds off.
func (w *writing) write() error {
	j := w.j
	for i := range j.choices {
		a := &answer{choice: i, pending: -1, text: scheduler.Text{Stops: j.stops}}
		if j.reader != nil {
			a.reader = j.reader()
		}
		w.answers = append(w.answers, a)
	}
	if err := w.lookAtImages(); err != nil {
		return err
	}
	var err error
	switch held := j.min > 0 && len(j.steps) == 0; {
	case len(j.steps) > 1 || len(j.steps) == 1 && len(j.steps[0].Force) > 0:
		err = w.each(w.writeSteps)
	case held && (j.max < 0 || j.min < j.max):
		err = w.each(w.writeHeld)
	default:
		o := ask{max: j.max, choices: j.choices, noEnd: held}
		if held {
			o.banned = j.ends
		}
		if len(j.steps) == 1 {
			o.grammar, o.banned = j.steps[0].Grammar, w.e.bans()
		}
		err = w.generate(j.prompt, o, w.answers)
	}
	if err != nil {
		return err
	}
	return w.done()
}

func (w *writing) each(write func(*answer) error) error {
	for _, a := range w.answers {
		if err := write(a); err != nil {
			return err
		}
	}
	return nil
}

// writeHeld writes the first tokens of an answer without its end, and the rest with it.
func (w *writing) writeHeld(a *answer) error {
	j := w.j
	ids, end, err := w.answer(j.prompt, ask{max: j.min, seed: uint32(a.choice), noEnd: true, banned: j.ends})
	if err != nil {
		return err
	}
	all := slices.Clone(j.prompt)
	for _, g := range ids {
		if err := w.take(a, g); err != nil || a.ended {
			return err
		}
		all = append(all, g.id)
	}
	if end.reason() == engine.FinishModelLength {
		return w.end(a, engine.FinishModelLength)
	}
	rest := j.max
	if rest >= 0 {
		rest -= a.count
	}
	return w.generate(all, ask{max: rest, choices: 1, seed: uint32(a.choice) + 1<<16}, []*answer{a})
}

// writeSteps writes an answer of forced parts and constrained ones.
func (w *writing) writeSteps(a *answer) error {
	j := w.j
	all := slices.Clone(j.prompt)
	for i, step := range j.steps {
		source := step.Grammar
		if step.By != nil {
			source = step.By[strings.TrimSpace(a.step.String())]
		}
		a.step.Reset()
		for _, id := range step.Force {
			all = append(all, id)
			if err := w.take(a, generated{id: id}); err != nil || a.ended {
				return err
			}
		}
		a.step.Reset()
		if source == "" {
			break
		}
		rest := -1
		if j.max >= 0 {
			if rest = j.max - a.count; rest <= 0 {
				return w.end(a, engine.FinishLength)
			}
		}
		ids, end, err := w.answer(all, ask{max: rest, seed: uint32(a.choice) + uint32(i)<<16, grammar: source, banned: w.e.bans()})
		if err != nil {
			return err
		}
		for _, g := range ids {
			if err := w.take(a, g); err != nil || a.ended {
				return err
			}
			all = append(all, g.id)
		}
		if reason := end.reason(); reason != engine.FinishStop {
			return w.end(a, reason)
		}
	}
	return w.end(a, engine.FinishStop)
}

// An ask is what one request to llama-server differs in from others of its job.
type ask struct {
	max     int    // tokens; -1: no bound
	choices int    // answers
	stream  bool   // in pieces
	seed    uint32 // added to the job's
	grammar string
	banned  []int32 // tokens that cannot be chosen
	noEnd   bool    // the model cannot end the answer
}

// A piece is what llama-server sends of an answer.
type piece struct {
	Index         int           `json:"index"`
	Content       string        `json:"content"`
	Tokens        []int32       `json:"tokens"`
	Stop          bool          `json:"stop"`
	StopType      string        `json:"stop_type"`
	Truncated     bool          `json:"truncated"`
	Predicted     int           `json:"tokens_predicted"`
	Timings       *timings      `json:"timings"`
	Probabilities []probability `json:"completion_probabilities"`
	Progress      *struct {
		Total     int `json:"total"`
		Cached    int `json:"cache"`
		Processed int `json:"processed"`
	} `json:"prompt_progress"`
	Error *failure `json:"error"`
}

// timings are llama-server's.
type timings struct {
	Cached   int     `json:"cache_n"`
	Prompt   int     `json:"prompt_n"`
	PromptMS float64 `json:"prompt_ms"`
}

type probability struct {
	ID      int32         `json:"id"`
	Logprob *float64      `json:"logprob"`
	Top     []probability `json:"top_logprobs"`
}

// generated is a token of an answer, with its probability where that is wanted.
type generated struct {
	id          int32
	probability *probability
}

// reason is why an answer ended.
func (p *piece) reason() engine.FinishReason {
	switch {
	case p.StopType == "eos" || p.StopType == "word":
		return engine.FinishStop
	case p.Truncated:
		return engine.FinishModelLength
	}
	return engine.FinishLength
}

// generate writes the rest of answers with one request.
func (w *writing) generate(ids []int32, o ask, answers []*answer) error {
	if w.j.top >= 0 {
		// Pieces leave out tokens that end within a rune.
		return w.generateWhole(ids, o, answers)
	}
	o.stream = true
	body, err := w.body(ids, o)
	if err != nil {
		return err
	}
	r, err := w.c.post(w.ctx, "/completion", body)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, a := range answers {
		a.seen = 0
	}
	open := func() bool { return slices.ContainsFunc(answers, func(a *answer) bool { return !a.ended }) }
	err = events(r, func(data []byte) (bool, error) {
		if string(data) == "[DONE]" {
			return false, nil
		}
		var p piece
		if err := json.Unmarshal(data, &p); err != nil {
			return false, garbage("/completion", err)
		}
		switch {
		case p.Error != nil:
			return false, p.Error.fault()
		case p.Index < 0 || p.Index >= len(answers):
			return false, garbage("/completion", fmt.Errorf("it has an answer %d", p.Index))
		}
		w.note(&p)
		if p.Progress != nil {
			g := p.Progress
			cached := min(max(0, g.Cached), g.Processed)
			return true, w.send(engine.Progress{Done: min(max(0, g.Processed), g.Total), Total: g.Total, Cached: min(cached, g.Total)})
		}
		err := w.read(answers[p.Index], &p)
		return open(), err
	})
	if err == nil && open() {
		err = w.c.broken(w.ctx, errors.New("the stream ended"))
	}
	return err
}

// note keeps the timings of the prompt.
func (w *writing) note(p *piece) {
	if p.Timings != nil && w.timings == (timings{}) {
		w.timings = *p.Timings
	}
}

// read takes a piece of a streamed answer. Its text is complete; of its tokens it has the last one.
func (w *writing) read(a *answer, p *piece) error {
	if a.ended {
		return nil
	}
	if p.Stop {
		reason := p.reason()
		if a.pending >= 0 && p.StopType != "eos" {
			if err := w.control(a); err != nil || a.ended {
				return err
			}
		}
		n := p.Predicted - a.seen
		if p.StopType == "eos" && a.pending < 0 && n > 0 {
			n--
		}
		text := p.Content
		if n > 0 {
			// No piece came of these: the answer ends within a rune.
			a.count += n
			text += "\uFFFD"
		}
		if text != "" {
			if err := w.say(a, text); err != nil || a.ended {
				return err
			}
		}
		return w.end(a, reason)
	}
	if p.Predicted <= a.seen || len(p.Tokens) == 0 {
		return nil // it only says that the prompt is evaluated
	}
	if a.pending >= 0 {
		if err := w.control(a); err != nil || a.ended {
			return err
		}
	}
	if w.first.IsZero() {
		w.first = time.Now()
	}
	n := p.Predicted - a.seen
	a.seen = p.Predicted
	last := p.Tokens[len(p.Tokens)-1]
	if w.e.vocab.IsControl(last) {
		a.pending = last
		n-- // it is counted when it turns out not to be the end
	}
	a.count += n
	if p.Content == "" {
		return nil
	}
	return w.say(a, p.Content)
}

// control takes the control token that was not the last one.
func (w *writing) control(a *answer) error {
	id := a.pending
	a.pending = -1
	return w.take(a, generated{id: id})
}

// say adds text to an answer.
func (w *writing) say(a *answer, text string) error {
	if w.j.schema != nil {
		a.whole.WriteString(text)
	}
	a.step.WriteString(text)
	out, stopped := a.text.Write(text)
	if err := w.show(a, out); err != nil {
		return err
	}
	if stopped {
		return w.end(a, engine.FinishStop)
	}
	return nil
}

// take adds a token to an answer.
func (w *writing) take(a *answer, g generated) error {
	if slices.Contains(w.j.ends, g.id) {
		return w.end(a, engine.FinishStop)
	}
	if w.first.IsZero() {
		w.first = time.Now()
	}
	a.count++
	if g.probability != nil && w.j.top >= 0 {
		a.logprobs = append(a.logprobs, w.logprob(g.probability))
	}
	if !w.e.vocab.IsControl(g.id) {
		return w.say(a, string(w.e.vocab.Piece(g.id)))
	}
	if err := w.show(a, a.text.Flush()); err != nil || a.reader == nil {
		return err
	}
	return w.emit(a, a.reader.Control(string(w.e.vocab.Piece(g.id))))
}

// show sends text, through the reader in a chat.
func (w *writing) show(a *answer, text string) error {
	switch {
	case text == "":
		return nil
	case a.reader != nil:
		return w.emit(a, a.reader.Text(text))
	}
	return w.emit(a, []engine.Event{engine.TextDelta{Text: text}})
}

// emit sends events of an answer.
func (w *writing) emit(a *answer, events []engine.Event) error {
	for _, event := range events {
		switch ev := event.(type) {
		case engine.TextDelta:
			ev.Choice = a.choice
			ev.Logprobs, a.logprobs = a.logprobs, nil
			event = ev
		case engine.ThinkingDelta:
			ev.Choice = a.choice
			a.logprobs, event = nil, ev
		case engine.ToolCallDelta:
			ev.Choice = a.choice
			a.logprobs, event = nil, ev
			if a.calls++; a.calls > 1 && w.j.oneCall {
				continue
			}
		}
		if err := w.send(event); err != nil {
			return err
		}
	}
	return nil
}

// end ends an answer.
func (w *writing) end(a *answer, reason engine.FinishReason) error {
	a.ended = true
	if err := w.show(a, a.text.Flush()); err != nil {
		return err
	}
	if a.reader != nil {
		events, called := a.reader.End(reason == engine.FinishLength || reason == engine.FinishModelLength)
		if err := w.emit(a, events); err != nil {
			return err
		}
		if called && reason == engine.FinishStop {
			reason = engine.FinishToolCalls
		}
	}
	if len(a.logprobs) > 0 {
		if err := w.emit(a, []engine.Event{engine.TextDelta{}}); err != nil { // of tokens without text
			return err
		}
	}
	if w.j.schema != nil && reason == engine.FinishStop && a.text.Found == "" {
		if err := w.j.schema.Check(a.whole.String()); err != nil {
			return fault.Advise(fault.Errorf(fault.Internal, "the answer does not satisfy the JSON schema: %w", err), "Try again, or use a simpler schema.")
		}
	}
	return w.send(engine.Finish{Choice: a.choice, Reason: reason, Stop: a.text.Found})
}

// done ends the job.
func (w *writing) done() error {
	now := time.Now()
	n := 0
	for _, a := range w.answers {
		n += a.count
	}
	prompt := len(w.j.prompt)
	cached := min(w.timings.Cached, prompt)
	t := engine.Timings{
		Queue:     w.admitted.Sub(w.j.arrived),
		Prefill:   time.Duration(w.timings.PromptMS * float64(time.Millisecond)),
		Evaluated: w.timings.Prompt, Generated: n,
	}
	if !w.first.IsZero() {
		t.FirstToken, t.Decode = w.first.Sub(w.j.arrived), now.Sub(w.first)
	}
	return w.send(engine.Done{
		Usage: engine.Usage{
			PromptTokens: prompt, CompletionTokens: n, TotalTokens: prompt + n,
			PromptDetails: &engine.PromptTokensDetails{CachedTokens: cached},
		},
		Timings: t,
	})
}

// logprob turns llama-server's probability into that of an answer.
func (w *writing) logprob(p *probability) engine.Logprob {
	l := w.oneLogprob(p)
	for i := range p.Top[:min(len(p.Top), w.j.top)] {
		l.Top = append(l.Top, w.oneLogprob(&p.Top[i]))
	}
	return l
}

func (w *writing) oneLogprob(p *probability) engine.Logprob {
	piece := w.e.vocab.Piece(p.ID)
	l := engine.Logprob{Token: strings.ToValidUTF8(string(piece), "\uFFFD"), ID: p.ID, Bytes: make([]int, len(piece))}
	const least = -100 // for what llama-server calls minus infinity
	l.Logprob = least
	if p.Logprob != nil {
		l.Logprob = min(max(*p.Logprob, least), 0)
	}
	for i, b := range piece {
		l.Bytes[i] = int(b)
	}
	return l
}

// generateWhole is generate without a stream: every token is known.
func (w *writing) generateWhole(ids []int32, o ask, answers []*answer) error {
	results, err := w.request(ids, o)
	if err != nil {
		return err
	}
	if len(results) != len(answers) {
		return garbage("/completion", fmt.Errorf("it has %d answers of %d", len(results), len(answers)))
	}
	slices.SortFunc(results, func(a, b *piece) int { return a.Index - b.Index })
	for i, a := range answers {
		tokens, err := w.tokens(ids, results[i])
		if err != nil {
			return err
		}
		for _, g := range tokens {
			if err := w.take(a, g); err != nil {
				return err
			}
			if a.ended {
				break
			}
		}
		if !a.ended {
			if err := w.end(a, results[i].reason()); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer returns the tokens of one answer without its end token, and how it ended.
func (w *writing) answer(ids []int32, o ask) ([]generated, *piece, error) {
	o.choices = 1
	results, err := w.request(ids, o)
	if err != nil {
		return nil, nil, err
	}
	if len(results) != 1 {
		return nil, nil, garbage("/completion", fmt.Errorf("it has %d answers of 1", len(results)))
	}
	tokens, err := w.tokens(ids, results[0])
	return tokens, results[0], err
}

// request asks for answers in one piece each.
func (w *writing) request(ids []int32, o ask) ([]*piece, error) {
	body, err := w.body(ids, o)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := w.c.ask(w.ctx, http.MethodPost, "/completion", body, &raw); err != nil {
		return nil, err
	}
	var results []*piece
	if len(raw) > 0 && raw[0] == '{' {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, garbage("/completion", err)
	}
	for _, p := range results {
		if p == nil {
			return nil, garbage("/completion", errors.New("it has an empty answer"))
		}
		if p.Error != nil {
			return nil, p.Error.fault()
		}
		w.note(p)
	}
	return results, nil
}

// tokens returns the tokens of an answer to ids in one piece, without its end token.
func (w *writing) tokens(ids []int32, p *piece) ([]generated, error) {
	out := make([]generated, 0, len(p.Tokens))
	var text []byte
	known := p.Probabilities
	for i, id := range p.Tokens {
		if p.StopType == "eos" && i == len(p.Tokens)-1 {
			break
		}
		if id < 0 || int(id) >= w.e.vocab.Len() {
			return nil, garbage("/completion", errUnknownToken)
		}
		g := generated{id: id}
		if !w.e.vocab.IsControl(id) {
			text = append(text, w.e.vocab.Piece(id)...)
		}
		if w.j.top >= 0 {
			// llama-server has none for a token after which a rune is not complete.
			if whole(text) && len(known) > 0 && known[0].ID == id {
				g.probability, known = &known[0], known[1:]
			} else if w.text == nil {
				var err error
				if g.probability, err = w.look(slices.Concat(ids, p.Tokens[:i]), id); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, g)
	}
	return out, nil
}

// whole reports whether text does not end within a rune.
func whole(text []byte) bool {
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return utf8.FullRune(text[i:])
		}
	}
	return true
}

// look returns the probability of a token after others. llama-server reports those of the likeliest
// tokens beside the one that it chooses, which is made to be one that it reports.
func (w *writing) look(ids []int32, id int32) (*probability, error) {
	letter := int32(-1)
	for other := range int32(w.e.vocab.Len()) {
		if b := w.e.vocab.Piece(other); len(b) == 1 && b[0] > ' ' && b[0] < 0x7f && !w.e.vocab.IsControl(other) {
			letter = other
			break
		}
	}
	const certain = 1e6 // a bias that no other token reaches
	for _, top := range []int{max(w.j.top, 100), w.e.vocab.Len()} {
		j := &job{choices: 1, top: top, sampling: local.Settle(&engine.Sampling{Temperature: new(0.0), LogitBias: map[int32]float64{letter: certain}}, 0)}
		b := w.e.body(j, ids, ask{max: 1})
		var p piece
		if err := w.c.ask(w.ctx, http.MethodPost, "/completion", b, &p); err != nil {
			return nil, err
		}
		if len(p.Probabilities) != 1 {
			return nil, garbage("/completion", errors.New("it has no probabilities"))
		}
		list := p.Probabilities[0].Top
		if i := slices.IndexFunc(list, func(x probability) bool { return x.ID == id }); i >= 0 {
			return &probability{ID: id, Logprob: list[i].Logprob, Top: list}, nil
		}
	}
	return nil, garbage("/completion", errUnknownToken)
}

// body is the request for an answer to the prompt, or to it and what was written so far.
func (w *writing) body(ids []int32, o ask) (map[string]any, error) {
	b := w.e.body(w.j, ids, o)
	if w.text != nil {
		if len(ids) > len(w.j.prompt) {
			return nil, &fault.Error{Kind: fault.Unsupported, Param: "min_tokens", Msg: "llama-server cannot hold off the end of an answer about images", Advice: "Leave min_tokens out, or use the built-in engine."}
		}
		b["prompt"] = w.text
	}
	return b, nil
}
