package remote

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// generate runs a request for text.
func (e *Engine) generate(ctx context.Context, make func(Dialect) (call, error)) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		end, err := e.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer end()
		ctx, cancel := context.WithCancel(ctx) // a break in the loop ends the request
		defer cancel()
		if err := e.answer(ctx, cancel, make, yield); err != nil && err != errLeft {
			yield(nil, err)
		}
	}
}

// errLeft reports that the caller has left the loop.
var errLeft = errors.New("the caller has left")

func (e *Engine) answer(ctx context.Context, cancel func(), make func(Dialect) (call, error), yield func(engine.Event, error) bool) error {
	dialect, err := e.dialect(ctx)
	if err != nil {
		return err
	}
	c, err := make(dialect)
	if err != nil {
		return err
	}
	start := time.Now()
	resp, err := e.post(ctx, c.path, c.body, streamType)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	a := newAnswer(c, start, yield)
	body := bufio.NewReaderSize(resp.Body, 64<<10)
	switch firstByte(body) {
	case '<':
		return e.notAPI()
	case '{': // a server that does not stream
		data, err := e.readAll(ctx, body)
		if err != nil {
			return err
		}
		if err := e.event(ctx, a, message{text: data, last: true}); err != nil {
			return err
		}
		return a.end(true)
	}
	return e.stream(ctx, cancel, body, a)
}

// lastWords is the time for a finished stream to end. Only a connection read to its end is
// reused.
const lastWords = 250 * time.Millisecond

func (e *Engine) stream(ctx context.Context, cancel func(), body *bufio.Reader, a *answer) error {
	events := newSSEReader(body)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m, err := events.next()
		switch {
		case err == io.EOF && a.finished():
			return a.end(false)
		case err == io.EOF && len(a.choices) == 0:
			return e.endedEarly(ctx, "is empty")
		case err == io.EOF:
			return e.endedEarly(ctx, "ended in the middle")
		case err != nil:
			return e.broken(ctx, err, "read the answer of "+e.base.Host)
		case m.comment:
			if err := a.comment(m.text); err != nil {
				return err
			}
		case string(m.text) == wire.Done:
			if err := a.end(true); err != nil {
				return err
			}
			defer time.AfterFunc(lastWords, cancel).Stop()
			io.Copy(io.Discard, body)
			return nil
		default:
			if err := e.event(ctx, a, m); err != nil {
				return err
			}
		}
	}
}

// event adds a chunk, or a whole answer. Servers report errors in many forms.
func (e *Engine) event(ctx context.Context, a *answer, m message) error {
	if m.failed {
		return readFailure(e.base.Host, 0, m.text)
	}
	chunk, err := readAnswer(m.text)
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax && m.last {
		return e.endedEarly(ctx, "ended in the middle")
	}
	if err != nil {
		return fault.Errorf(fault.Internal, "read the answer of %s: %w", e.base.Host, err)
	}
	if f := chunk.Error; f != nil {
		if err := a.pieces(&chunk); err != nil {
			return err
		}
		if ours, ok := f.Engine(); ok {
			return ours
		}
		return readFailure(e.base.Host, 0, m.text)
	}
	if len(chunk.Choices) == 0 && chunk.Usage == nil && parseFailure(m.text).Message != "" {
		return readFailure(e.base.Host, 0, m.text) // FastAPI's way, and vLLM's in older versions
	}
	return a.add(&chunk)
}

// firstByte returns the first byte of a body after white space, 0 if there is none.
func firstByte(body *bufio.Reader) byte {
	for {
		next, err := body.Peek(1)
		if err != nil {
			return 0
		}
		if !bytes.Contains([]byte(" \t\r\n"), next) {
			return next[0]
		}
		body.Discard(1)
	}
}

// An answer converts a server's chunks to events.
type answer struct {
	call    call
	yield   func(engine.Event, error) bool
	choices map[int]*choice // by the server's index; nil for one too many
	id      string
	usage   *engine.Usage
	timings *engine.Timings

	start, first, last time.Time // of the text, as it comes in
}

type choice struct {
	index   int
	echo    echo
	calls   []*engine.ToolCall // not emitted yet
	called  bool
	refused bool // the text is a refusal
	done    bool
	stop    string // the stop string that ended it
}

func newAnswer(c call, start time.Time, yield func(engine.Event, error) bool) *answer {
	return &answer{call: c, yield: yield, choices: map[int]*choice{}, start: start}
}

func (a *answer) emit(ev engine.Event) error {
	if !a.yield(ev, nil) {
		return errLeft
	}
	return nil
}

func (a *answer) comment(text []byte) error {
	ev, ours := wire.ReadComment(text)
	if !ours || !a.call.whole || len(a.choices) > 0 {
		return nil
	}
	return a.emit(ev)
}

// maxChoice bounds the index of a choice.
const maxChoice = 1024

// choice returns the choice with a server's index, or nil for one more than was asked
// for. Some servers count from one: an index that was not asked for gets a free number.
// If one answer was asked for, everything belongs to it.
func (a *answer) choice(index int) (*choice, error) {
	if index < 0 || index >= maxChoice {
		return nil, fault.Errorf(fault.Internal, "the server answered with choice %d", index)
	}
	if a.call.n == 1 {
		index = 0
	}
	c, ok := a.choices[index]
	if ok {
		return c, nil
	}
	number := index
	if number >= a.call.n || a.numbered(number) != nil {
		for number = 0; a.numbered(number) != nil; number++ {
		}
	}
	if number < a.call.n {
		c = &choice{index: number, echo: echo{prefix: a.call.echo}}
	}
	a.choices[index] = c
	return c, nil
}

// numbered returns the choice that callers see as number n, or nil.
func (a *answer) numbered(n int) *choice {
	for _, c := range a.choices {
		if c != nil && c.index == n {
			return c
		}
	}
	return nil
}

// finished reports whether there are choices and all have finished.
func (a *answer) finished() bool {
	for _, c := range a.choices {
		if c != nil && !c.done {
			return false
		}
	}
	return len(a.choices) > 0
}

// add takes a chunk, or a whole answer.
func (a *answer) add(chunk *wire.Answer) error {
	if chunk.ID != "" {
		a.id = chunk.ID
	}
	if chunk.Usage != nil {
		a.usage = chunk.Usage
	}
	if x := chunk.Bise; x != nil && a.call.whole {
		a.timings = x.Timings
	}
	if err := a.pieces(chunk); err != nil {
		return err
	}
	for i := range chunk.Choices {
		w := &chunk.Choices[i]
		if w.FinishReason == nil || *w.FinishReason == "" {
			continue
		}
		c, err := a.choice(w.Index)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		reason := *w.FinishReason
		if a.call.whole {
			reason, c.stop = cmp.Or(w.Finish, reason), string(w.Stop) // others may give the ID of a token
		}
		if err := a.finish(c, reason); err != nil {
			return err
		}
	}
	return nil
}

// pieces reports what a chunk adds to the choices.
func (a *answer) pieces(chunk *wire.Answer) error {
	for i := range chunk.Choices {
		w := &chunk.Choices[i]
		c, err := a.choice(w.Index)
		if err != nil {
			return err
		}
		if c == nil || c.done {
			continue
		}
		logprobs := w.Logprobs.Engine()
		if w.Text != nil {
			if err := a.text(c, *w.Text, logprobs); err != nil {
				return err
			}
		}
		if m := cmp.Or(w.Delta, w.Message); m != nil {
			if err := a.message(c, m, logprobs); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *answer) message(c *choice, m *wire.Message, logprobs []engine.Logprob) error {
	if err := a.thinking(c, cmp.Or(m.ReasoningContent, m.Reasoning)); err != nil {
		return err
	}
	for _, k := range m.Content {
		var err error
		switch k.Type {
		case engine.ThinkingChunk:
			err = a.thinking(c, k.Text)
		case engine.TextChunk:
			err = a.text(c, k.Text, logprobs)
			logprobs = nil
		}
		if err != nil {
			return err
		}
	}
	if len(logprobs) > 0 {
		if err := a.text(c, "", logprobs); err != nil {
			return err
		}
	}
	if m.Refusal != "" {
		c.refused = true
		a.tick()
		if err := a.emit(engine.TextDelta{Choice: c.index, Text: m.Refusal, Refusal: true}); err != nil {
			return err
		}
	}
	for i := range m.ToolCalls {
		if err := a.toolCall(c, m.ToolCalls[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) text(c *choice, text string, logprobs []engine.Logprob) error {
	text = c.echo.strip(text)
	if text == "" && len(logprobs) == 0 {
		return nil
	}
	a.tick()
	return a.emit(engine.TextDelta{Choice: c.index, Text: text, Logprobs: logprobs})
}

func (a *answer) thinking(c *choice, text string) error {
	if text == "" {
		return nil
	}
	a.tick()
	return a.emit(engine.ThinkingDelta{Choice: c.index, Text: text})
}

func (a *answer) tick() {
	a.last = time.Now()
	if a.first.IsZero() {
		a.first = a.last
	}
}

func (a *answer) finish(c *choice, reason engine.FinishReason) error {
	if c.done {
		return nil
	}
	if reason == wire.FinishError {
		return fault.Errorf(fault.Internal, "the server ended its answer with an unspecified error")
	}
	if err := a.flushCalls(c); err != nil {
		return err
	}
	c.done = true
	if !a.call.whole {
		if known, ok := reasons[strings.ToLower(string(reason))]; ok {
			reason = known
		}
		switch {
		case reason != engine.FinishStop:
		case c.refused:
			reason = engine.FinishRefusal
		case c.called:
			reason = engine.FinishToolCalls
		}
	}
	return a.emit(engine.Finish{Choice: c.index, Reason: reason, Stop: c.stop})
}

// reasons are other servers' names for the reasons that engines have. Others stay as
// they are, such as content_filter: the answer may be incomplete.
var reasons = map[string]engine.FinishReason{
	"stop": engine.FinishStop, "eos": engine.FinishStop, "eos_token": engine.FinishStop, "end_turn": engine.FinishStop, "stop_sequence": engine.FinishStop, "stop_token": engine.FinishStop,
	"length": engine.FinishLength, "max_tokens": engine.FinishLength,
	"tool_calls": engine.FinishToolCalls, "tool_use": engine.FinishToolCalls, "function_call": engine.FinishToolCalls,
}

// end ends an answer; said reports that the server said so, and did not just stop.
func (a *answer) end(said bool) error {
	if len(a.choices) == 0 || a.call.whole && (!a.finished() || a.usage == nil) {
		return fault.Errorf(fault.Internal, "the server's answer is incomplete")
	}
	for i := range a.call.n {
		c := a.numbered(i)
		if c == nil {
			return a.tooFew()
		}
		if said && !c.done {
			if err := a.finish(c, engine.FinishStop); err != nil {
				return err
			}
		}
	}
	done := engine.Done{}
	if a.usage != nil {
		done.Usage = *a.usage
	}
	if a.timings != nil {
		done.Timings = *a.timings
	} else {
		done.Timings = a.measured(done.Usage)
	}
	return a.emit(done)
}

// tooFew is the error of a server that does not give the number of choices asked for.
func (a *answer) tooFew() error {
	got := 0
	for i := range a.call.n {
		if a.numbered(i) != nil {
			got++
		}
	}
	return &fault.Error{
		Kind: fault.Unsupported, Param: "n", Msg: fmt.Sprintf("the server gave %d of %s", got, units.Plural(a.call.n, "answer")),
		Advice: "Ask for one answer, or use a model on this machine.",
	}
}

// measured are the timings as they look from here.
func (a *answer) measured(u engine.Usage) engine.Timings {
	t := engine.Timings{Evaluated: u.PromptTokens - u.Cached(), Generated: u.CompletionTokens}
	if !a.first.IsZero() {
		t.FirstToken = a.first.Sub(a.start)
		t.Prefill = t.FirstToken
		t.Decode = a.last.Sub(a.first)
	}
	return t
}
