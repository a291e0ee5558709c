// Package llamaserver keeps the contract of package engine with a child process, llama.cpp's own
// server: the user's build of it runs architectures that are newer than the engine in bise, and
// devices that it has no backend for.
//
// The child is used as little as possible: it gets token ids and returns text. Prompts, tokenizers,
// constraints, stop strings and limits are those of bise. It listens on a Unix socket in a folder
// of the user with a key, and ends with this process, however that ends.
package llamaserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

var (
	contextFull  = regexp.MustCompile(`(?i)context size has been exceeded|failed to find (free )?(space|a memory slot)`)
	grammarFault = regexp.MustCompile(`(?i)grammar`)
)

// An Engine generates with one model through llama-server. When the child has ended, the next
// request starts another one.
type Engine struct {
	name, path string
	options    engine.LoadOptions
	cache      string // of what --help says
	log        io.Writer
	wait       patience

	file   *gguf.File
	info   engine.Info
	vocab  tokenizer.Tokenizer
	format prompt.Format
	ends   vocabularyEnds
	grid   *prompt.ImageGrid // nil: no vision
	mmproj string

	gate gate

	starting chan struct{} // has an element while a child starts

	mu      sync.Mutex // of the fields below
	child   *child
	build   *Build
	props   properties
	closed  bool
	running sync.WaitGroup // requests
}

var _ engine.Engine = (*Engine)(nil)

// Config configures [Open].
type Config struct {
	Path    string             // of the model
	Options engine.LoadOptions // Options.LlamaServer names the program; "": the one on the PATH
	Cache   string             // the file that keeps what a build can do; "": none
	Log     io.Writer          // gets the output of llama-server; nil: stderr

	wait patience
}

// Open starts a llama-server and loads the model. It calls progress, which may be nil, while that
// takes. An error about the file, the program or this machine is a *fault.Error.
func Open(ctx context.Context, c Config, progress func(float64)) (*Engine, error) {
	file, err := read(c.Path)
	if err != nil {
		return nil, err
	}
	if err := absolute(&c); err != nil {
		return nil, err
	}
	e := &Engine{
		name: local.ModelName(c.Path), path: c.Path, options: c.Options, cache: c.Cache, log: c.Log, wait: c.wait, file: file,
		starting: make(chan struct{}, 1),
	}
	if e.log == nil {
		e.log = os.Stderr
	}
	if e.wait == (patience{}) {
		e.wait = defaultPatience
	}
	fingerprint, err := gguf.Fingerprint(c.Path)
	if err != nil {
		return nil, fault.Errorf(fault.BadModel, "cannot read %s: %w", c.Path, err)
	}
	e.describe(fingerprint)
	if err := e.start(ctx, progress); err != nil {
		return nil, err
	}
	if err := e.formats(); err != nil {
		e.child.end()
		return nil, err
	}
	return e, nil
}

// absolute makes paths absolute: the child's folder is another one.
func absolute(c *Config) (err error) {
	c.Options.Adapters = slices.Clone(c.Options.Adapters)
	paths := []*string{&c.Path, &c.Options.Projector}
	for i := range c.Options.Adapters {
		paths = append(paths, &c.Options.Adapters[i].Path)
	}
	for _, p := range paths {
		if *p != "" && err == nil {
			*p, err = filepath.Abs(*p)
		}
	}
	return err
}

// read reads the header of a model file.
func read(path string) (*gguf.File, error) {
	file, err := gguf.Read(path)
	var format *gguf.FormatError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.Errorf(fault.NotFound, "there is no file %s", path)
	case errors.As(err, &format):
		return nil, fault.Errorf(fault.BadModel, "cannot load %s: %s", path, format.What)
	case err != nil:
		return nil, fault.Errorf(fault.BadModel, "cannot read %s: %w", path, plain(err))
	}
	if arch, _ := file.Metadata.String("general.architecture"); arch == "clip" {
		return nil, fault.Advise(fault.Errorf(fault.BadModel, "%s is the projector of a vision model, not a model", path), "Give the model file.")
	}
	if n, ok := file.Metadata.Count("tokenizer.ggml.tokens"); !ok || n == 0 {
		return nil, fault.Errorf(fault.BadModel, "%s has no vocabulary", path)
	}
	return file, nil
}

// describe sets what the header says.
func (e *Engine) describe(fingerprint string) {
	sum := e.file.Summary()
	e.ends = endsOf(&e.file.Metadata)
	e.info = engine.Info{
		Model: e.name, Path: e.path, Fingerprint: fingerprint,
		Architecture: sum.Architecture, Quantization: sum.FileType,
		Parameters: sum.Parameters, Size: sum.Weights,
		Vocabulary: sum.Vocabulary, EmbeddingSize: sum.Width, ContextTrain: sum.Context,
	}
	e.info.ChatTemplate, _ = e.file.Metadata.String("tokenizer.chat_template")
	tokens, _ := e.file.Metadata.Strings("tokenizer.ggml.tokens")
	name := func(id int32) string {
		if id >= 0 && int(id) < len(tokens) {
			return tokens[id]
		}
		return ""
	}
	e.info.Vocabulary = max(e.info.Vocabulary, len(tokens))
	e.info.BOS, e.info.EOS = name(e.ends.bos), name(e.ends.eos)
	e.info.Can.Embed = sum.Embeds()
}

// formats chooses the tokenizer and the prompt layout.
func (e *Engine) formats() error {
	m := &e.file.Metadata
	var err error
	if e.vocab, err = layout.Vocabulary(m); errors.Is(err, tokenizer.ErrUnsupported) {
		e.vocab, err = newVocabulary(m, e)
	}
	if err != nil {
		return fault.Errorf(fault.BadModel, "cannot load %s: %w", e.path, err)
	}
	ends := layout.Ends{BOS: e.ends.bos, EOS: e.ends.eos, AddBOS: e.ends.addBOS}
	e.format, _ = layout.FormatFor(m, e.vocab, e.name, &layout.Encoders{Images: e.grid}, ends)
	if !e.info.Can.Embed {
		e.info.PromptVersion = e.format.Version()
		e.info.Can = e.format.Capabilities()
		e.info.Efforts = prompt.Efforts(e.format)
		e.info.Can.Vision = e.grid != nil
	}
	return nil
}

// properties are what GET /props says.
type properties struct {
	Defaults struct {
		Context int `json:"n_ctx"`
	} `json:"default_generation_settings"`
	Slots      int    `json:"total_slots"`
	Marker     string `json:"media_marker"`
	Build      string `json:"build_info"`
	Modalities struct {
		Vision bool `json:"vision"`
	} `json:"modalities"`
}

// start starts a child and waits until it has loaded the model.
func (e *Engine) start(ctx context.Context, progress func(float64)) error {
	path, err := Locate(e.options.LlamaServer)
	if err != nil {
		return err
	}
	build, err := Inspect(ctx, path, e.cache)
	if err != nil {
		return err
	}
	args, err := e.arguments(build)
	if err != nil {
		return err
	}
	c, err := start(e.name, path, args, e.wait, e.log)
	if err != nil {
		return err
	}
	if err := c.ready(ctx, progress); err != nil {
		c.end()
		return err
	}
	props, err := e.connect(ctx, c)
	if err != nil {
		c.end()
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child, e.build, e.props = c, build, props
	return nil
}

// connect asks a child that has loaded the model what it has, and sets the scales of adapters.
func (e *Engine) connect(ctx context.Context, c *child) (p properties, err error) {
	if err := c.ask(ctx, http.MethodGet, "/props", nil, &p); err != nil {
		return p, err
	}
	if p.Defaults.Context <= 0 {
		return p, garbage("/props", errors.New("it does not give the length of the context"))
	}
	scales := []map[string]any{}
	for i, a := range e.options.Adapters {
		scales = append(scales, map[string]any{"id": i, "scale": a.Scale})
	}
	if slices.ContainsFunc(e.options.Adapters, func(a engine.Adapter) bool { return a.Scale != 1 }) {
		var ignored any
		if err := c.ask(ctx, http.MethodPost, "/lora-adapters", scales, &ignored); err != nil {
			return p, err
		}
	}
	os.Remove(c.dir + "/key") // it is read at the start
	e.gate.resize(p.Defaults.Context, max(1, p.Slots))
	return p, nil
}

// arguments are those of the child besides its socket and key.
func (e *Engine) arguments(b *Build) ([]string, error) {
	o := e.options
	args := []string{"--model", e.path}
	add := func(flag string, values ...string) {
		if b.Has(flag) {
			args = append(append(args, flag), values...)
		}
	}
	need := func(why, flag string, values ...string) error {
		if !b.Has(flag) {
			return fault.Advise(fault.Errorf(fault.Unsupported, "cannot use %s with %s: it does not know %s", why, b, flag), "%s", updateAdvice)
		}
		add(flag, values...)
		return nil
	}
	context, err := e.context()
	if err != nil {
		return nil, err
	}
	slots := footprint.Slots(e.file.Summary(), o)
	add("--ctx-size", strconv.Itoa(context))
	add("--parallel", strconv.Itoa(slots))
	add("--kv-unified")
	for _, flag := range []string{"--offline", "--no-context-shift", "--skip-chat-parsing", "--no-slots"} {
		add(flag)
	}
	if b.Has("--no-ui") {
		add("--no-ui")
	} else {
		add("--no-webui")
	}
	add("--cache-ram", strconv.Itoa(savedPrompts))
	var errs []error
	if e.info.Can.Embed {
		add("--embeddings")
		// A text must be in one batch to be pooled.
		add("--batch-size", strconv.Itoa(context))
		add("--ubatch-size", strconv.Itoa(context))
	} else if o.Batch > 0 {
		add("--ubatch-size", strconv.Itoa(o.Batch))
	}
	if o.Threads > 0 {
		add("--threads", strconv.Itoa(o.Threads))
	}
	if o.GPULayers != nil {
		errs = append(errs, need("gpu_layers", "--n-gpu-layers", strconv.Itoa(*o.GPULayers)))
	}
	if o.KVType != "" {
		errs = append(errs, need("kv_type", "--cache-type-k", o.KVType), need("kv_type", "--cache-type-v", o.KVType))
	}
	switch {
	case o.FlashAttn == nil:
	case b.Flash:
		add("--flash-attn", map[bool]string{true: "on", false: "off"}[*o.FlashAttn])
	case *o.FlashAttn:
		add("--flash-attn")
	}
	if o.NoMmap {
		add("--no-mmap")
	}
	for _, a := range o.Adapters {
		errs = append(errs, need("an adapter", "--lora", a.Path))
	}
	if e.findProjector(); e.mmproj != "" {
		errs = append(errs, need("images", "--mmproj", e.mmproj))
	}
	if len(o.RPC) > 0 {
		errs = append(errs, need("rpc", "--rpc", strings.Join(o.RPC, ",")))
	}
	return args, errors.Join(errs...)
}

// savedPrompts is how many MiB llama-server may use for conversations whose slots others took.
const savedPrompts = 1024

// findProjector finds the vision encoder. A projector that bise cannot describe is not used.
func (e *Engine) findProjector() {
	path := e.options.Projector
	if path == "" {
		path = layout.Projector(e.path, e.info.EmbeddingSize)
	}
	if path == "" || e.info.Can.Embed {
		return
	}
	file, err := gguf.Read(path)
	if err != nil {
		return
	}
	// Audio is not sent: llama-server's encoder of Voxtral gives half of the tokens.
	if about, err := layout.ReadEncoders(&file.Metadata); err == nil && about.Images != nil {
		e.grid, e.mmproj = about.Images, path
	}
}

// context is the length of the context in tokens. It is fixed when the child starts, so it takes a
// part of the free memory only.
func (e *Engine) context() (int, error) {
	o, train := e.options, e.info.ContextTrain
	limit := train
	if o.Context > 0 && (limit == 0 || o.Context < limit) {
		limit = o.Context
	}
	if limit == 0 {
		limit = footprint.Context
	}
	if e.info.Can.Embed {
		limit = min(limit, maxPooled)
	}
	if o.Context > 0 || len(o.RPC) > 0 {
		return min(limit, max(o.Context, usualContext)), nil
	}
	limit = min(limit, usualContext)
	f := footprint.Of(e.file, o)
	_, free := machine.Memory()
	if f.Token == 0 || free <= 0 {
		return limit, nil
	}
	// With a GPU the weights may not be in this memory at all, so llama-server decides what fits.
	if longest := int((free - min(free, f.Weights)) / 2 / f.Token); longest > 0 {
		limit = min(limit, max(longest, footprint.Context))
	}
	return limit, nil
}

const (
	// usualContext is the length where none is set.
	usualContext = 32 << 10
	// maxPooled is the longest text that is pooled, in tokens.
	maxPooled = 2048
)

// use returns the child, and starts another one if it has ended. It is not stopped before done is
// called.
func (e *Engine) use(ctx context.Context) (c *child, done func(), err error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	select {
	case e.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	defer func() { <-e.starting }()
	c, closed := e.now()
	if closed {
		return nil, nil, errClosed(e.name)
	}
	if !c.alive() {
		fmt.Fprintln(e.log, "llama-server: it is started again")
		if err := e.start(ctx, nil); err != nil {
			return nil, nil, err
		}
		c, _ = e.now()
	}
	e.running.Add(1)
	return c, e.running.Done, nil
}

// now returns the child, and whether the engine is closed.
func (e *Engine) now() (c *child, closed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child, e.closed
}

func errClosed(name string) error {
	return fault.Errorf(fault.Closed, "the engine of %s is closed", name)
}

// Info describes the model.
func (e *Engine) Info() engine.Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	info := e.info
	info.Engine = e.build.String()
	info.ContextLength, info.ContextNow = e.props.Defaults.Context, e.props.Defaults.Context
	info.ContextUsed = e.gate.used()
	return info
}

// Close lets the answers finish, then ends the child.
func (e *Engine) Close() error {
	e.starting <- struct{}{} // no request begins, or starts a child, after this
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	<-e.starting
	if closed {
		return nil
	}
	e.running.Wait()
	e.child.end()
	return nil
}

// Chat answers a conversation.
func (e *Engine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.run(ctx, func() (*job, error) { return e.chatJob(ctx, &r) }, yield)
	}
}

// Complete continues a text, or writes the text between prefix and suffix.
func (e *Engine) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.run(ctx, func() (*job, error) { return e.completionJob(ctx, &r) }, yield)
	}
}

// Tokenize gives the token ids of a text or of a whole request.
func (e *Engine) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	_, done, err := e.use(ctx)
	if err != nil {
		return engine.Tokens{}, err
	}
	defer done()
	ids, err := e.tokenize(&r)
	if err != nil {
		return engine.Tokens{}, err
	}
	out := engine.Tokens{IDs: ids, Pieces: make([]string, len(ids))}
	if ids == nil {
		out.IDs = []int32{}
	}
	for i, id := range ids {
		out.Pieces[i] = string(e.vocab.Piece(id))
	}
	return out, nil
}

func (e *Engine) tokenize(r *engine.TokenizeRequest) (ids []int32, err error) {
	defer rescue(&err)
	switch {
	case len(r.IDs) > 0 && r.Text == nil && r.Chat == nil && r.FIM == nil:
		return r.IDs, e.checkTokens(r.IDs)
	case r.Text != nil && r.Chat == nil && r.FIM == nil && len(r.IDs) == 0:
		if r.BOS && e.ends.addBOS && e.ends.bos >= 0 {
			ids = append(ids, e.ends.bos)
		}
		if r.Special {
			return append(ids, tokenizer.EncodeSpecial(e.vocab, *r.Text)...), nil
		}
		return append(ids, e.vocab.Encode(*r.Text, false)...), nil
	case r.Chat != nil && r.Text == nil && r.FIM == nil:
		p, err := e.layOut(r.Chat)
		if err != nil {
			return nil, err
		}
		ids, _, err := e.encode(p)
		return ids, err
	case r.FIM != nil && r.Text == nil && r.Chat == nil:
		return e.fill(r.FIM)
	}
	return nil, &fault.Error{Kind: fault.Invalid, Msg: "want exactly one of text, chat, fim and ids"}
}

func (e *Engine) checkTokens(ids []int32) error {
	for _, id := range ids {
		if id < 0 || int(id) >= e.vocab.Len() {
			return &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("invalid token %d: the vocabulary has %d", id, e.vocab.Len())}
		}
	}
	return nil
}

// A gate lets as many requests through as the context and the slots hold, in the order in which they
// came: llama-server ends answers when its context is full.
type gate struct {
	mu            sync.Mutex
	tokens, slots int // in all
	held, taken   int
	queue         []*ticket
}

type ticket struct {
	tokens, slots int
	ready         chan struct{}
}

func (g *gate) resize(tokens, slots int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens, g.slots = tokens, slots
	g.advance()
}

func (g *gate) used() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return min(g.held, g.tokens)
}

// enter waits for room. It calls waiting, with the number of requests before this one, while it
// waits.
func (g *gate) enter(ctx context.Context, tokens, slots int, waiting func(before int) error) (leave func(), err error) {
	const maxWaiting = 256
	g.mu.Lock()
	if len(g.queue) >= maxWaiting {
		g.mu.Unlock()
		return nil, fault.Advise(fault.Errorf(fault.Busy, "the queue is full: %d requests are waiting", maxWaiting), "Try again later.")
	}
	t := &ticket{min(tokens, g.tokens), slots, make(chan struct{})}
	g.queue = append(g.queue, t)
	g.advance()
	g.mu.Unlock()
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-t.ready:
			return func() { g.leave(t) }, nil
		default:
		}
		g.mu.Lock()
		before := slices.Index(g.queue, t)
		g.mu.Unlock()
		if before >= 0 {
			err = waiting(before + 1)
		}
		if err != nil {
			g.abandon(t)
			return nil, err
		}
		select {
		case <-t.ready:
		case <-tick.C:
		case <-ctx.Done():
			g.abandon(t)
			return nil, context.Cause(ctx)
		}
	}
}

// advance lets the first of the queue in. The lock is held.
func (g *gate) advance() {
	for len(g.queue) > 0 {
		t := g.queue[0]
		if g.taken > 0 && (g.held+t.tokens > g.tokens || g.taken+t.slots > g.slots) {
			return
		}
		g.held, g.taken, g.queue = g.held+t.tokens, g.taken+t.slots, g.queue[1:]
		close(t.ready)
	}
}

func (g *gate) leave(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.taken = g.held-t.tokens, g.taken-t.slots
	g.advance()
}

func (g *gate) abandon(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.queue, t); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	} else {
		g.held, g.taken = g.held-t.tokens, g.taken-t.slots
	}
	g.advance()
}
