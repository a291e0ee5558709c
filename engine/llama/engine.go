//go:build cgo

// Package llama keeps the contract of package engine with llama.cpp, in this
// process.
//
// An [Engine] owns one model and its context, which only the goroutine of its scheduler
// (package scheduler) touches; every other goroutine hands it jobs and reads their events. A
// broken invariant in llama.cpp aborts the process, so programs with a terminal
// keep engines in a child process (package worker).
//
// Everything C is in c.go and bridge.cpp.
package llama

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// An Engine generates with one model through llama.cpp.
type Engine struct {
	name, path string
	file       *gguf.File
	info       engine.Info
	vocab      tokenizer.Tokenizer
	encoders   *layout.Encoders // of the projector, nil without one
	longest    func() int       // bytes of the vocabulary's longest token, found when asked for
	format     prompt.Format    // nil for a model without chat
	instance   instance
	scheduler  *scheduler.Scheduler

	// Requests hold model while they read it, outside the scheduler's goroutine;
	// Close takes it to free the model.
	model  sync.RWMutex
	closed bool
	builds sync.WaitGroup // of grammars, which read the vocabulary
}

var _ engine.Engine = (*Engine)(nil)

// Info describes the model.
func (e *Engine) Info() engine.Info {
	info := e.info
	info.ContextNow = e.scheduler.Capacity()
	info.ContextUsed = e.scheduler.Held()
	return info
}

// Close lets the answers being written finish, then frees the model.
func (e *Engine) Close() error {
	e.scheduler.Close()
	e.model.Lock()
	defer e.model.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	e.builds.Wait()
	e.instance.free()
	return nil
}

// use keeps the model from being freed until release is called.
func (e *Engine) use() (release func(), err error) {
	e.model.RLock()
	if e.closed {
		e.model.RUnlock()
		return nil, scheduler.ErrClosed()
	}
	return e.model.RUnlock, nil
}

// Chat answers a conversation.
func (e *Engine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.run(ctx, func() (*scheduler.Job, error) { return e.chatJob(ctx, &r) }, yield)
	}
}

// Complete continues a text, or writes the text between prefix and suffix.
func (e *Engine) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.run(ctx, func() (*scheduler.Job, error) { return e.completionJob(ctx, &r) }, yield)
	}
}

// begin makes a job and hands it to the scheduler.
func (e *Engine) begin(ctx context.Context, make func() (*scheduler.Job, error)) (*scheduler.Job, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	arrived := time.Now()
	release, err := e.use()
	if err != nil {
		return nil, err
	}
	j, err := make()
	release()
	if err != nil {
		return nil, err
	}
	j.Arrived = arrived
	return j, e.scheduler.Submit(j)
}

// run passes a job's events on.
func (e *Engine) run(ctx context.Context, make func() (*scheduler.Job, error), yield func(engine.Event, error) bool) {
	j, err := e.begin(ctx, make)
	if err != nil {
		yield(nil, err)
		return
	}
	e.scheduler.Events(ctx, j)(yield)
}

// Tokenize gives the token ids of a text or of a whole request.
func (e *Engine) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	if ctx.Err() != nil {
		return engine.Tokens{}, context.Cause(ctx)
	}
	release, err := e.use()
	if err != nil {
		return engine.Tokens{}, err
	}
	defer release()
	var ids []token
	switch {
	case len(r.IDs) > 0 && r.Text == nil && r.Chat == nil && r.FIM == nil:
		for _, id := range r.IDs {
			if id < 0 || int(id) >= e.vocab.Len() {
				return engine.Tokens{}, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("invalid token %d: the vocabulary has %d", id, e.vocab.Len())}
			}
		}
		ids = r.IDs
	case r.Text != nil && r.Chat == nil && r.FIM == nil && len(r.IDs) == 0:
		if m := e.instance.m; r.BOS && m.addBOS() && m.bos() >= 0 {
			ids = append(ids, m.bos())
		}
		if r.Special {
			ids = append(ids, tokenizer.EncodeSpecial(e.vocab, *r.Text)...)
		} else {
			ids = append(ids, e.vocab.Encode(*r.Text, false)...)
		}
	case r.Chat != nil && r.Text == nil && r.FIM == nil:
		p, err := e.layOut(r.Chat)
		if err != nil {
			return engine.Tokens{}, err
		}
		if ids, _, err = e.encode(p); err != nil {
			return engine.Tokens{}, err
		}
	case r.FIM != nil && r.Text == nil && r.Chat == nil:
		if ids, err = e.fill(r.FIM); err != nil {
			return engine.Tokens{}, err
		}
	default:
		return engine.Tokens{}, &fault.Error{Kind: fault.Invalid, Msg: "want exactly one of text, chat, fim and ids"}
	}
	out := engine.Tokens{IDs: ids, Pieces: make([]string, len(ids))}
	if out.IDs == nil {
		out.IDs = []token{}
	}
	for i, id := range ids {
		if i%4096 == 0 && ctx.Err() != nil {
			return engine.Tokens{}, context.Cause(ctx)
		}
		out.Pieces[i] = string(e.vocab.Piece(id))
	}
	return out, nil
}

// describe sets the engine's Info.
func (e *Engine) describe(fingerprint string, limit int) {
	c := &e.instance
	sum := e.file.Summary()
	e.info = engine.Info{
		Model: e.name, Path: e.path, Fingerprint: fingerprint,
		Architecture: sum.Architecture, Quantization: sum.FileType,
		Parameters: c.m.parameters(), Size: c.m.size(),
		Vocabulary: c.m.vocabulary(), EmbeddingSize: c.m.embedding(),
		ContextLength: limit, ContextTrain: c.m.contextTrain(),
		GPULayers: c.m.gpuLayers,
	}
	e.info.ChatTemplate, _ = e.file.Metadata.String("tokenizer.chat_template")
	if id := c.m.bos(); id >= 0 {
		e.info.BOS = c.m.piece(id)
	}
	if id := c.m.eos(); id >= 0 {
		e.info.EOS = c.m.piece(id)
	}
	list, _ := Devices()
	for _, d := range list {
		if d.GPU && c.m.gpuLayers == 0 {
			continue
		}
		e.info.Devices = append(e.info.Devices, fmt.Sprintf("%s: %s", d.Name, d.Description))
	}
	if e.format != nil {
		e.info.PromptVersion = e.format.Version()
		e.info.Can = e.format.Capabilities()
		e.info.Can.Vision, e.info.Can.Audio = c.encoder != nil, c.hears != nil
		e.info.Efforts = prompt.Efforts(e.format)
	}
	if c.params.embeddings {
		e.info.PromptVersion = ""
		e.info.Can = engine.Capabilities{Embed: sum.Embeds()}
	}
}
