package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
)

// A performance is the answer to one request while it is played.
type performance struct {
	ctx   context.Context
	yield func(engine.Event, error) bool
	gone  bool // the caller has left the loop

	sampling engine.Sampling
	prompt   []int32
	context  int // tokens that prompt and one choice can have together
	leftOut  *engine.LeftOut
	scored   bool // the logprobs of the prompt are wanted
	choices  []*choice
	usage    engine.Usage

	arrived, first, last time.Time // first and last: of the tokens
	took                 *engine.Timings
}

// A choice is one of the answers to a request.
type choice struct {
	index     int
	next      func() (Step, bool)
	text      holder
	evaluated []int32 // tokens of the answer
	tokens    int
	calls     int
	reason    engine.FinishReason // "" until it ends
}

// prepare checks a request and lays it out.
func (s *Script) prepare(r Request) (*performance, error) {
	info := s.Info()
	p := &performance{sampling: r.Sampling(), context: info.ContextLength, arrived: time.Now()}
	var err error
	if r.Chat != nil {
		if err := checkChat(r.Chat, info); err != nil {
			return nil, err
		}
		if p.prompt, p.leftOut, err = fit(r.Chat, info.ContextLength); err != nil {
			return nil, err
		}
	} else {
		if err := checkCompletion(r.Complete, info); err != nil {
			return nil, err
		}
		if p.prompt = layCompletion(r.Complete); len(p.prompt) >= info.ContextLength {
			return nil, engine.ErrTooLong(len(p.prompt), info.ContextLength)
		}
		p.scored = r.Complete.PromptLogprobs
	}
	for i := range p.sampling.Choices() {
		c := &choice{index: i, text: holder{stops: p.sampling.Stop}}
		reply := s.reply(r, i)
		if reply == nil {
			if reply, err = prescribedReply(r); err != nil {
				return nil, err
			}
		}
		if reply == nil {
			c.next = newRandomText(r, i, p.prompt).step
		} else {
			c.next = func() (Step, bool) {
				if len(reply) == 0 {
					return nil, false
				}
				step := reply[0]
				reply = reply[1:]
				return step, true
			}
		}
		p.choices = append(p.choices, c)
	}
	p.usage.PromptTokens = len(p.prompt)
	p.usage.PromptDetails = &engine.PromptTokensDetails{CachedTokens: s.cached(p.prompt)}
	return p, nil
}

// run plays the choices in turn, a step each, until all have ended.
func (p *performance) run() error {
	if p.scored {
		if err := p.emit(engine.PromptLogprobs{Tokens: scores(p.prompt, p.sampling.TopLogprobs)}); err != nil {
			return err
		}
	}
	for running := true; running; {
		running = false
		for _, c := range p.choices {
			if c.reason != "" {
				continue
			}
			if err := p.turn(c); err != nil {
				return err
			}
			running = running || c.reason == ""
		}
	}
	p.usage.TotalTokens = p.usage.PromptTokens + p.usage.CompletionTokens
	return p.emit(engine.Done{Usage: p.usage, Timings: p.timings()})
}

// turn plays the next step of a choice.
func (p *performance) turn(c *choice) error {
	if reason := p.full(c); reason != "" {
		return p.finish(c, reason)
	}
	step, ok := c.next()
	if !ok {
		if c.calls > 0 {
			return p.finish(c, engine.FinishToolCalls)
		}
		if p.scored && p.sampling.Logprobs {
			end := engine.Logprob{Token: vocabulary[EndToken], ID: EndToken, Logprob: -0.5, Bytes: bytesOf(vocabulary[EndToken])}
			if err := p.emit(engine.TextDelta{Choice: c.index, Logprobs: []engine.Logprob{end}}); err != nil {
				return err
			}
		}
		return p.finish(c, engine.FinishStop)
	}
	switch step := step.(type) {
	case Text:
		log := engine.Logprob{Token: string(step), Bytes: bytesOf(string(step))}
		ids := tokenize(string(step))
		if len(ids) > 0 {
			log.ID = ids[0]
		}
		return p.write(c, string(step), ids, log)
	case token:
		return p.write(c, step.Token, []int32{step.ID}, engine.Logprob(step))
	case Thinking:
		p.count(c, tokenize(string(step)))
		if err := p.emit(engine.ThinkingDelta{Choice: c.index, Text: string(step)}); err != nil {
			return err
		}
	case Call:
		call := engine.ToolCall{ID: step.ID, Type: "function", Index: c.calls}
		call.ID = cmp.Or(call.ID, fmt.Sprintf("call%02d%03d", c.index%100, c.calls%1000))
		call.Function = engine.FunctionCall{Name: step.Name, Arguments: engine.Arguments(step.Arguments)}
		if step.Arguments == "" {
			call.Function.Arguments = "{}"
		}
		c.calls++
		p.count(c, tokenize(jsonText(call)))
		if err := p.emit(engine.ToolCallDelta{Choice: c.index, Call: call}); err != nil {
			return err
		}
	case Emit:
		return p.emit(step.Event)
	case Wait:
		select {
		case <-step:
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
		return nil
	case Do:
		step(p.ctx)
		return nil
	case Fail:
		return step.Err
	case End:
		return p.finish(c, engine.FinishReason(step))
	case Took:
		p.took = (*engine.Timings)(&step)
		return nil
	}
	if reason := p.full(c); reason != "" {
		return p.finish(c, reason)
	}
	return nil
}

// full is the reason why a choice can have no token more, "" when it can.
func (p *performance) full(c *choice) engine.FinishReason {
	switch {
	case p.sampling.MaxTokens != nil && c.tokens >= *p.sampling.MaxTokens:
		return engine.FinishLength
	case len(p.prompt)+c.tokens >= p.context:
		return engine.FinishModelLength
	}
	return ""
}

// write adds a token of text to a choice.
func (p *performance) write(c *choice, piece string, ids []int32, log engine.Logprob) error {
	p.count(c, ids)
	var asked *engine.Logprob
	if p.sampling.Logprobs {
		asked = &log
	}
	text, logs, stopped := c.text.add(piece, asked)
	if err := p.say(c, text, logs); err != nil {
		return err
	}
	if stopped {
		return p.finish(c, engine.FinishStop)
	}
	if reason := p.full(c); reason != "" {
		return p.finish(c, reason)
	}
	return nil
}

func (p *performance) say(c *choice, text string, logs []engine.Logprob) error {
	if text == "" && len(logs) == 0 {
		return nil
	}
	return p.emit(engine.TextDelta{Choice: c.index, Text: text, Logprobs: logs})
}

// count adds one token to the bill. ids is what it is in the prompt of the next
// turn, where a piece of a reply may be several tokens.
func (p *performance) count(c *choice, ids []int32) {
	c.tokens++
	c.evaluated = append(c.evaluated, ids...)
	p.usage.CompletionTokens++
	p.last = time.Now()
	if p.first.IsZero() {
		p.first = p.last
	}
}

func (p *performance) finish(c *choice, reason engine.FinishReason) error {
	text, logs := c.text.rest()
	if err := p.say(c, text, logs); err != nil {
		return err
	}
	c.reason = reason
	return p.emit(engine.Finish{Choice: c.index, Reason: reason, Stop: c.text.found})
}

// emit hands an event to the caller. A LeftOut event comes before the first event of
// the answer itself.
func (p *performance) emit(e engine.Event) error {
	if p.leftOut != nil {
		switch e.(type) {
		case engine.Loading, engine.Progress:
		default:
			out := *p.leftOut
			p.leftOut = nil
			if err := p.emit(out); err != nil {
				return err
			}
		}
	}
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if !p.yield(e, nil) {
		p.gone = true
		return context.Canceled
	}
	return nil
}

// left reports whether the caller has left the loop and must get nothing more.
func (p *performance) left() bool { return p != nil && p.gone }

func (p *performance) timings() engine.Timings {
	if p.took != nil {
		return *p.took
	}
	t := engine.Timings{
		Evaluated: p.usage.PromptTokens - p.usage.Cached(),
		Generated: p.usage.CompletionTokens,
	}
	if !p.first.IsZero() {
		t.Prefill = p.first.Sub(p.arrived)
		t.FirstToken = t.Prefill
		t.Decode = p.last.Sub(p.first)
	}
	return t
}

// bytesOf is a token's bytes as logprobs give them.
func bytesOf(piece string) []int {
	b := make([]int, len(piece))
	for i := range len(piece) {
		b[i] = int(piece[i])
	}
	return b
}

// scores are made-up probabilities of a prompt's tokens: the same for the same two tokens in
// a row. Every third token is the likeliest in its place.
func scores(prompt []int32, top int) []engine.Logprob {
	entry := func(id int32, logprob float64) engine.Logprob {
		return engine.Logprob{Token: strings.ToValidUTF8(vocabulary[id], "\uFFFD"), ID: id, Logprob: logprob, Bytes: bytesOf(vocabulary[id])}
	}
	list := make([]engine.Logprob, len(prompt))
	for i, id := range prompt {
		if i == 0 {
			list[i] = entry(id, 0)
			continue
		}
		rank := int(prompt[i-1]+id) % 3
		list[i] = entry(id, -0.5*float64(rank+1))
		for k := range top {
			other := (id + int32(k-rank)) % int32(len(vocabulary))
			if other < 0 {
				other += int32(len(vocabulary))
			}
			list[i].Top = append(list[i].Top, entry(other, -0.5*float64(k+1)))
		}
	}
	return list
}
