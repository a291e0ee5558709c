// Package enginetest provides an engine without a model, and the tests of the engine
// contract.
//
// A [Script] plays replies written by a test, at a pace that the test controls with
// channels. [Run] checks that an engine keeps the contract, [Stress] that it does so under
// load and disturbances. [Collect] reads an answer.
package enginetest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Script is an engine that plays replies. It counts one token for each piece
// of a reply; prompts are counted by its own tokenizer, which knows the 256
// bytes, a few control tokens and some words.
//
// Everything in a request that concerns the length and the end of an answer is
// obeyed: stop strings, max_tokens, n, the size of the context and what to do
// when it overflows. Without a reply it answers with words in a random order, the
// same for the same prompt unless the request has a temperature; and with fixed
// replies to the grammars, the schema and the tools that [Run] asks for.
//
// The zero value is ready. The fields must not change after the first request;
// the methods may be called from any goroutine.
type Script struct {
	// About is what Info returns. Zero fields get defaults: the model "script", with every
	// capability and a context of 32768 tokens.
	About engine.Info
	// Replies are played in their order, one for each choice of each request; the
	// last one is played again when all are used up.
	Replies []Reply
	// Answer, when set, gives the reply to each choice in place of Replies. It may
	// be called from several goroutines.
	Answer func(r Request, choice int) Reply

	mu       sync.Mutex
	next     int // of Replies
	requests []Request
	prompts  [][]int32 // evaluated ones, the latest last
	closed   bool
	running  sync.WaitGroup
}

// Says is a script that answers every request with these pieces.
func Says(pieces ...string) *Script {
	reply := Reply{}
	for _, p := range pieces {
		reply = append(reply, Text(p))
	}
	return &Script{Replies: []Reply{reply}}
}

// A Request is one that a script got: one of the fields is set.
type Request struct {
	Chat     *engine.ChatRequest
	Complete *engine.CompletionRequest
	Embed    *engine.EmbedRequest
	Tokenize *engine.TokenizeRequest
}

// Sampling is that of a request to chat or to complete.
func (r Request) Sampling() engine.Sampling {
	switch {
	case r.Chat != nil:
		return r.Chat.Sampling
	case r.Complete != nil:
		return r.Complete.Sampling
	}
	return engine.Sampling{}
}

// Text is the last message's text, or the prompt to complete.
func (r Request) Text() string {
	switch {
	case r.Chat != nil && len(r.Chat.Messages) > 0:
		return r.Chat.Messages[len(r.Chat.Messages)-1].Content.Plain()
	case r.Complete != nil:
		return r.Complete.Prompt
	}
	return ""
}

// Requests returns every request in order, including rejected ones. A sequence that is
// ranged over twice counts twice.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Info returns About with its defaults.
func (s *Script) Info() engine.Info {
	i := s.About
	i.Model = cmp.Or(i.Model, "script")
	i.Fingerprint = cmp.Or(i.Fingerprint, "script")
	i.Architecture = cmp.Or(i.Architecture, "script")
	i.PromptVersion = cmp.Or(i.PromptVersion, "script")
	i.EmbeddingSize = cmp.Or(i.EmbeddingSize, 64)
	i.ContextLength = cmp.Or(i.ContextLength, 32768)
	if i.Can == (engine.Capabilities{}) {
		i.Can = engine.Capabilities{Chat: true, FIM: true, Vision: true, Audio: true, Tools: true, Embed: true, Thinking: true}
	}
	i.Vocabulary = len(vocabulary)
	i.BOS, i.EOS = vocabulary[idBOS], vocabulary[EndToken]
	return i
}

// Chat plays the next reply.
func (s *Script) Chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return s.play(ctx, Request{Chat: &req})
}

// Complete plays the next reply.
func (s *Script) Complete(ctx context.Context, req engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return s.play(ctx, Request{Complete: &req})
}

func (s *Script) play(ctx context.Context, r Request) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		end, err := s.begin(ctx, r)
		if err != nil {
			yield(nil, err)
			return
		}
		defer end()
		p, err := s.prepare(r)
		if err == nil {
			p.ctx, p.yield = ctx, yield
			defer s.remember(p)
			err = p.run()
		}
		if err != nil && !p.left() {
			yield(nil, err)
		}
	}
}

// begin registers a request; Close waits until end is called.
func (s *Script) begin(ctx context.Context, r Request) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &fault.Error{Kind: fault.Closed, Msg: "the engine is closed"}
	}
	s.requests = append(s.requests, r)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.running.Add(1)
	return s.running.Done, nil
}

// reply is the reply of the next choice; nil asks for a random text.
func (s *Script) reply(r Request, choice int) Reply {
	if s.Answer != nil {
		return s.Answer(r, choice)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.Replies) == 0 {
		return nil
	}
	reply := s.Replies[min(s.next, len(s.Replies)-1)]
	s.next++
	return reply
}

// remembered is how many prompts a script keeps to compute how many tokens are cached.
const remembered = 16

// cached counts the tokens at the start of a prompt that an earlier request has
// evaluated. The last token never counts: a model is asked what follows it.
func (s *Script) cached(prompt []int32) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := 0
	for _, old := range s.prompts {
		n := 0
		for n < min(len(old), len(prompt)-1) && old[n] == prompt[n] {
			n++
		}
		best = max(best, n)
	}
	return best
}

// remember keeps what a performance has evaluated.
func (s *Script) remember(p *performance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompts = append(s.prompts, slices.Concat(p.prompt, p.choices[0].evaluated))
	if n := len(s.prompts) - remembered; n > 0 {
		s.prompts = slices.Delete(s.prompts, 0, n)
	}
}

// Embed gives each text a vector of length 1 made of its tokens, so that texts
// that share tokens lie closer together.
func (s *Script) Embed(ctx context.Context, req engine.EmbedRequest) (engine.Embeddings, error) {
	end, err := s.begin(ctx, Request{Embed: &req})
	if err != nil {
		return engine.Embeddings{}, err
	}
	defer end()
	info := s.Info()
	if err := checkEmbed(&req, info); err != nil {
		return engine.Embeddings{}, err
	}
	var all engine.Embeddings
	for _, text := range req.Input {
		ids := append([]int32{idBOS}, tokenize(text)...)
		if req.Truncate {
			ids = ids[:min(len(ids), info.ContextLength)]
		}
		if len(ids) > info.ContextLength {
			return engine.Embeddings{}, engine.ErrTooLong(len(ids), info.ContextLength)
		}
		v := vector(ids, info.EmbeddingSize)
		if req.Dimension > 0 {
			v = normalized(v[:req.Dimension])
		}
		all.Vectors = append(all.Vectors, v)
		all.Usage.PromptTokens += len(ids)
		all.Usage.TotalTokens += len(ids)
	}
	return all, nil
}

// Tokenize returns the ids of the script's vocabulary.
func (s *Script) Tokenize(ctx context.Context, req engine.TokenizeRequest) (engine.Tokens, error) {
	end, err := s.begin(ctx, Request{Tokenize: &req})
	if err != nil {
		return engine.Tokens{}, err
	}
	defer end()
	var ids []int32
	switch {
	case len(req.IDs) > 0 && req.Text == nil && req.Chat == nil && req.FIM == nil:
		for _, id := range req.IDs {
			if id < 0 || int(id) >= len(vocabulary) {
				return engine.Tokens{}, invalid("tokens", "invalid token %d: the vocabulary has %d", id, len(vocabulary))
			}
		}
		ids = req.IDs
	case req.Text != nil && req.Chat == nil && req.FIM == nil && len(req.IDs) == 0:
		if req.BOS {
			ids = append(ids, idBOS)
		}
		if req.Special {
			ids = append(ids, tokenizeSpecial(*req.Text)...)
		} else {
			ids = append(ids, tokenize(*req.Text)...)
		}
	case req.Chat != nil && req.Text == nil && req.FIM == nil:
		if err := checkChat(req.Chat, s.Info()); err != nil {
			return engine.Tokens{}, err
		}
		ids = layChat(req.Chat)
	case req.FIM != nil && req.Text == nil && req.Chat == nil:
		if err := checkCompletion(req.FIM, s.Info()); err != nil {
			return engine.Tokens{}, err
		}
		ids = layCompletion(req.FIM)
	default:
		return engine.Tokens{}, invalid("text", "one of text, chat, fim and ids must be given")
	}
	t := engine.Tokens{IDs: ids, Pieces: make([]string, len(ids))}
	for i, id := range ids {
		t.Pieces[i] = vocabulary[id]
	}
	return t, nil
}

// Close waits for the requests that run. Called again it waits again.
func (s *Script) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}
