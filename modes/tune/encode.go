package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// A Sequence is the tokens of an example. Tokens that the model does not learn to write are
// stored as their complement (^id), so they are negative.
type Sequence []int32

// IDs returns the token ids.
func (s Sequence) IDs() []int32 {
	ids := make([]int32, len(s))
	for i, t := range s {
		ids[i] = max(t, ^t)
	}
	return ids
}

// Trained is the number of tokens that the model learns to write.
func (s Sequence) Trained() (n int) {
	for i, t := range s {
		if t >= 0 && i > 0 { // nothing predicts the first one
			n++
		}
	}
	return n
}

// An Encoder turns examples into tokens: the prompt as the engine makes it, then the answer
// as the model is to write it.
type Encoder struct {
	vocab    tokenizer.Tokenizer
	format   prompt.Format
	bos, eos int32 // negative: none
	remote   *remote
}

// NewEncoder makes the encoder of a model file; name is its file name. The error wraps
// [tokenizer.ErrUnsupported] if only an engine can tokenize for the model: see
// [NewEngineEncoder].
func NewEncoder(file *gguf.File, name string) (*Encoder, error) {
	l, err := layout.Read(file, name, nil)
	if err != nil {
		return nil, err
	}
	e := &Encoder{vocab: l.Vocab, format: l.Format}
	m := &file.Metadata
	e.bos, e.eos = token(m, "bos", 1, l.Vocab.Len()), token(m, "eos", 2, l.Vocab.Len())
	if add, ok := m.Bool("tokenizer.ggml.add_bos_token"); ok && !add {
		e.bos = -1
	}
	return e, nil
}

// NewEngineEncoder makes the encoder of a model file that g has open: text is tokenized
// by the engine, prompts are laid out here.
func NewEngineEncoder(ctx context.Context, file *gguf.File, name string, g engine.Engine) (*Encoder, error) {
	m := &file.Metadata
	v := &remote{ctx: ctx, engine: g, named: map[string]int32{}, cache: map[string][]int32{}}
	v.tokens, _ = m.Strings("tokenizer.ggml.tokens")
	kinds, _ := m.Ints("tokenizer.ggml.token_type")
	const control, user = 3, 4
	for id, kind := range kinds[:min(len(kinds), len(v.tokens))] {
		if kind == control || kind == user {
			v.named[v.tokens[id]] = int32(id)
		}
	}
	v.control = make([]bool, len(v.tokens))
	for id, kind := range kinds[:min(len(kinds), len(v.tokens))] {
		v.control[id] = kind == control
	}
	e := &Encoder{vocab: v, remote: v}
	e.bos, e.eos = token(m, "bos", -1, len(v.tokens)), token(m, "eos", -1, len(v.tokens))
	text := "a"
	plain, err := g.Tokenize(ctx, engine.TokenizeRequest{Text: &text})
	if err != nil {
		return nil, err
	}
	first, err := g.Tokenize(ctx, engine.TokenizeRequest{Text: &text, BOS: true})
	if err != nil {
		return nil, err
	}
	added := len(first.IDs) > len(plain.IDs)
	e.format, _ = layout.FormatFor(m, v, name, nil, layout.Ends{BOS: e.bos, EOS: e.eos, AddBOS: added})
	if !added {
		e.bos = -1
	}
	return e, nil
}

func token(m *gguf.Metadata, name string, otherwise int32, tokens int) int32 {
	if n, ok := m.Uint("tokenizer.ggml." + name + "_token_id"); ok && n < uint64(tokens) {
		return int32(n)
	}
	return otherwise
}

// Check compares a prompt with the one that an engine makes: both must be equal, or the
// model would be trained on other prompts than it gets later.
func (e *Encoder) Check(ctx context.Context, g engine.Engine) error {
	r := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("Is 7 a prime number?")}}}
	if !e.format.Capabilities().Chat {
		return nil
	}
	want, err := g.Tokenize(ctx, engine.TokenizeRequest{Chat: &r})
	if err != nil {
		return err
	}
	got, err := e.chat(&r)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want.IDs) {
		return fault.Errorf(fault.Internal, "tokenize the data: the prompt differs from the engine's")
	}
	return nil
}

// Sequences returns the tokens of an example. A conversation is one sequence if each prompt
// begins with all that came before; otherwise (tools belong to the last question in some
// formats, and thoughts are left out later) there is one for each trained answer. Texts are
// split into sequences of at most limit tokens; of other examples that are longer, the error
// is errTooLong. Other errors are clauses about the line, of the engine, or ctx's cause.
func (e *Encoder) Sequences(ctx context.Context, x Example, limit int) (list []Sequence, err error) {
	switch x.Format {
	case Text:
		list = split(e.text(x.Text), limit)
	case Fill:
		list, err = e.fill(x, limit)
	default:
		list, err = e.conversation(ctx, x, limit)
	}
	if e.remote != nil && e.remote.err != nil {
		return nil, e.remote.err
	}
	return list, err
}

// errTooLong is the error of an example that has more tokens than a sequence may have.
var errTooLong = errors.New("is too long")

// A lineError is about a line: its message is a clause.
type lineError struct{ text string }

func (e *lineError) Error() string { return e.text }

func lineErrorf(format string, args ...any) error {
	return &lineError{fmt.Sprintf(format, args...)}
}

func (e *Encoder) text(text string) Sequence {
	var s Sequence
	if e.bos >= 0 {
		s = append(s, ^e.bos)
	}
	s = append(s, e.vocab.Encode(text, false)...)
	if e.eos >= 0 {
		s = append(s, e.eos)
	}
	return s
}

// split cuts a text into sequences of at most n tokens.
func split(s Sequence, n int) (list []Sequence) {
	for len(s) > n {
		list, s = append(list, s[:n]), s[n:]
	}
	if s.Trained() > 0 {
		list = append(list, s)
	}
	return list
}

func (e *Encoder) fill(x Example, limit int) ([]Sequence, error) {
	if x.Suffix != "" && !e.format.Capabilities().FIM {
		return nil, lineErrorf("is an infill example, and the model cannot fill in the middle")
	}
	var before []int32
	if x.Suffix == "" {
		if e.bos >= 0 {
			before = append(before, e.bos)
		}
		before = append(before, e.vocab.Encode(x.Prompt, false)...)
	} else {
		p, err := e.format.Fill(x.Prompt, x.Suffix)
		if err == nil {
			before, _, err = prompt.Encode(e.vocab, p)
		}
		if err != nil {
			return nil, clause(err)
		}
	}
	s := untrained(nil, before)
	s = append(s, e.vocab.Encode(x.Middle, true)...)
	if e.eos >= 0 {
		s = append(s, e.eos)
	}
	if len(s) > limit {
		return nil, errTooLong
	}
	return []Sequence{s}, nil
}

func (e *Encoder) chat(r *engine.ChatRequest) ([]int32, error) {
	p, err := e.format.Chat(r)
	if err != nil {
		return nil, err
	}
	ids, _, err := prompt.Encode(e.vocab, p)
	return ids, err
}

// conversation encodes the prompt of each trained answer from its beginning, so the work grows
// with the square of the length: it ends where the example is too long.
func (e *Encoder) conversation(ctx context.Context, x Example, limit int) (list []Sequence, _ error) {
	var current Sequence
	for i := range x.Messages {
		if !x.Trained[i] {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r := &engine.ChatRequest{Messages: x.Messages[:i], Tools: x.Tools}
		before, err := e.chat(r)
		if err != nil {
			return nil, clause(err)
		}
		segments, err := e.format.Answer(r, x.Messages[i])
		if err != nil {
			return nil, clause(err)
		}
		answer, _, err := prompt.Encode(e.vocab, prompt.Prompt{Segments: segments})
		if err != nil {
			return nil, clause(err)
		}
		if n := len(current); n <= len(before) && slices.Equal(current.IDs(), before[:n]) {
			current = untrained(current, before[n:])
		} else {
			list = append(list, current)
			current = untrained(nil, before)
		}
		if current = append(current, answer...); len(current) > limit {
			return nil, errTooLong
		}
	}
	return append(list, current), nil
}

func untrained(s Sequence, ids []int32) Sequence {
	for _, id := range ids {
		s = append(s, ^id)
	}
	return s
}

// clause makes an error about a request one about a line.
func clause(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && (e.Kind == fault.Invalid || e.Kind == fault.Unsupported) {
		return lineErrorf("does not suit the model: %s", e.Msg)
	}
	return err
}

// remote tokenizes with an engine, for vocabularies that only llama.cpp reads.
type remote struct {
	ctx     context.Context // of the encoder: a Tokenizer has no place for it
	engine  engine.Engine
	tokens  []string
	control []bool
	named   map[string]int32
	cache   map[string][]int32 // of short texts, which templates repeat
	err     error              // the first of the engine
}

const (
	cachedText  = 64 // bytes
	cachedTexts = 4096
)

// Encode asks the engine. After an error it returns nothing.
func (v *remote) Encode(text string, _ bool) []int32 {
	if v.err != nil || text == "" {
		return nil
	}
	if ids, ok := v.cache[text]; ok {
		return ids
	}
	t, err := v.engine.Tokenize(v.ctx, engine.TokenizeRequest{Text: &text})
	if err != nil {
		v.err = err
		return nil
	}
	if len(text) <= cachedText && len(v.cache) < cachedTexts {
		v.cache[text] = t.IDs
	}
	return t.IDs
}

func (v *remote) Piece(id int32) []byte {
	if id < 0 || int(id) >= len(v.tokens) {
		return nil
	}
	return []byte(v.tokens[id])
}

func (v *remote) ID(name string) (int32, bool) {
	id, ok := v.named[name]
	return id, ok
}

func (v *remote) IsControl(id int32) bool {
	return id >= 0 && int(id) < len(v.control) && v.control[id]
}

func (v *remote) Len() int { return len(v.tokens) }
