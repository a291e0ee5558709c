package llamaserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// vocabularyEnds are the tokens that begin and end a text, as llama.cpp reads them from a file; -1:
// there is none.
type vocabularyEnds struct {
	bos, eos       int32
	addBOS, addEOS bool
	enders         map[int32]bool // tokens that end an answer
}

// enderNames are names of tokens that llama.cpp takes for the end of an answer.
var enderNames = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>",
	"</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
	"<｜end▁of▁sentence｜>",
}

func endsOf(m *gguf.Metadata) vocabularyEnds {
	tokens, _ := m.Strings("tokenizer.ggml.tokens")
	model, _ := m.String("tokenizer.ggml.model")
	e := vocabularyEnds{bos: -1, eos: -1, enders: map[int32]bool{}}
	if model == "llama" {
		e.bos, e.eos, e.addBOS = 1, 2, true
	} else if pre, _ := m.String("tokenizer.ggml.pre"); pre == "tekken" {
		e.addBOS = true
	}
	id := func(key string, to *int32) {
		if n, ok := m.Uint("tokenizer.ggml." + key + "_token_id"); ok && n < uint64(len(tokens)) {
			*to = int32(n)
		}
	}
	id("bos", &e.bos)
	id("eos", &e.eos)
	if b, ok := m.Bool("tokenizer.ggml.add_bos_token"); ok {
		e.addBOS = b
	}
	if b, ok := m.Bool("tokenizer.ggml.add_eos_token"); ok {
		e.addEOS = b
	}
	for _, key := range []string{"eos", "eot", "eom"} {
		end := int32(-1)
		if id(key, &end); end >= 0 {
			e.enders[end] = true
		}
	}
	if e.eos >= 0 {
		e.enders[e.eos] = true
	}
	for i, t := range tokens {
		if len(t) > 2 && slices.Contains(enderNames, t) {
			e.enders[int32(i)] = true
		}
	}
	return e
}

// A vocabulary tokenizes with llama-server, for the vocabularies that package tokenizer does not
// read.
type vocabulary struct {
	engine  *Engine
	pieces  [][]byte
	control []bool
	names   map[string]int32 // of control and user-defined tokens
	// markup are the spellings among them that text could be written to forge.
	markup []string
}

func newVocabulary(m *gguf.Metadata, e *Engine) (*vocabulary, error) {
	const kindUnknown, kindControl, kindUser = 2, 3, 4
	var meta tokenizer.Meta
	meta.Model, _ = m.String("tokenizer.ggml.model")
	meta.Tokens, _ = m.Strings("tokenizer.ggml.tokens")
	types, _ := m.Ints("tokenizer.ggml.token_type")
	for _, t := range types[:min(len(types), len(meta.Tokens))] {
		meta.Types = append(meta.Types, int32(t))
	}
	v := &vocabulary{engine: e, names: map[string]int32{}, control: make([]bool, len(meta.Tokens)), pieces: make([][]byte, len(meta.Tokens))}
	for id, name := range meta.Tokens {
		v.pieces[id] = tokenizer.PieceOf(&meta, id)
		if id >= len(meta.Types) {
			continue
		}
		switch meta.Types[id] {
		case kindControl:
			v.control[id] = true
			v.names[name] = int32(id)
		case kindUnknown, kindUser:
			v.names[name] = int32(id)
			if len(name) > 2 && (name[0] == '<' || name[0] == '[') {
				v.markup = append(v.markup, name)
			}
		}
	}
	return v, nil
}

// Encode tokenizes text without its control tokens, and without its user-defined ones, see [local.Split].
func (v *vocabulary) Encode(text string, bare bool) []int32 {
	var ids []int32
	for _, part := range local.Split(text, v.markup) {
		ids = append(ids, v.encode(part)...)
	}
	return ids
}

func (v *vocabulary) encode(text string) []int32 {
	if text == "" {
		return nil
	}
	text = strings.ToValidUTF8(text, "\uFFFD") // as JSON has it
	c, _ := v.engine.now()
	var got struct {
		Tokens []int32 `json:"tokens"`
	}
	err := c.ask(context.Background(), http.MethodPost, "/tokenize", map[string]any{"content": text, "add_special": false, "parse_special": false}, &got)
	if err != nil {
		panic(tokenizerFailure{err})
	}
	for _, id := range got.Tokens {
		if id < 0 || int(id) >= len(v.pieces) {
			panic(tokenizerFailure{garbage("/tokenize", errUnknownToken)})
		}
	}
	return got.Tokens
}

// A tokenizerFailure is what Encode panics with when llama-server does not answer: the contract of a
// tokenizer has no errors. rescue turns it into one.
type tokenizerFailure struct{ err error }

func rescue(err *error) {
	if p := recover(); p != nil {
		f, ok := p.(tokenizerFailure)
		if !ok {
			panic(p)
		}
		*err = f.err
	}
}

func (v *vocabulary) Piece(id int32) []byte {
	if id < 0 || int(id) >= len(v.pieces) {
		return nil
	}
	return v.pieces[id]
}

func (v *vocabulary) ID(name string) (int32, bool) {
	id, ok := v.names[name]
	return id, ok
}

func (v *vocabulary) IsControl(id int32) bool {
	return id >= 0 && int(id) < len(v.control) && v.control[id]
}

func (v *vocabulary) Len() int { return len(v.pieces) }

var _ tokenizer.Tokenizer = (*vocabulary)(nil)
