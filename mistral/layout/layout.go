// Package layout finds out from the header of a model file how text becomes the
// tokens that the model reads: its vocabulary, and the format of its prompts. The
// weights are not needed for that.
package layout

import (
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// Vocabulary makes the tokenizer of a model file. The error wraps
// [tokenizer.ErrUnsupported] for one whose ids would not surely be right.
func Vocabulary(m *gguf.Metadata) (tokenizer.Tokenizer, error) {
	v := tokenizer.Meta{AddSpacePrefix: true}
	v.Model, _ = m.String("tokenizer.ggml.model")
	v.Pre, _ = m.String("tokenizer.ggml.pre")
	v.Tokens, _ = m.Strings("tokenizer.ggml.tokens")
	types, _ := m.Ints("tokenizer.ggml.token_type")
	for _, t := range types {
		v.Types = append(v.Types, int32(t))
	}
	scores, _ := m.Floats("tokenizer.ggml.scores")
	for _, f := range scores {
		v.Scores = append(v.Scores, float32(f))
	}
	if b, ok := m.Bool("tokenizer.ggml.add_space_prefix"); ok {
		v.AddSpacePrefix = b
	}
	return tokenizer.FromGGUF(v)
}

// metaOf collects what a model file says about its prompt format. has reports whether its
// vocabulary has a control token.
func metaOf(m *gguf.Metadata, has func(token string) bool, name string, e *Encoders) prompt.Meta {
	meta := prompt.Meta{Images: e.images() != nil, Audio: e.audio() != nil, Has: has}
	model, _ := m.String("tokenizer.ggml.model")
	meta.Tekken = model == "gpt2"
	meta.Version, _ = m.String("bise.prompt_version")
	meta.Settings, _ = m.String("bise.prompt_settings")
	meta.Architecture, _ = m.String("general.architecture")
	meta.Name, _ = m.String("general.name")
	meta.Name += " " + name
	meta.Template, _ = m.String("tokenizer.chat_template")
	return meta
}

// A Source is how the format of a model was found.
type Source string

const (
	Declared Source = "declared by the file"
	Named    Source = "named by the chat template"
	Inferred Source = "inferred from the vocabulary"
	Own      Source = "the file's chat template"
	Unusable Source = "none: the file's chat template cannot be used" // the model only completes text
	None     Source = ""                                              // the model only completes text
)

// A Layout turns requests into tokens.
type Layout struct {
	Vocab    tokenizer.Tokenizer
	Format   prompt.Format
	Source   Source
	encoders *Encoders
}

// Read finds the layout of a model. Name is the file name; e describes its projector,
// nil without one.
func Read(f *gguf.File, name string, e *Encoders) (*Layout, error) {
	m := &f.Metadata
	vocab, err := Vocabulary(m)
	if err != nil {
		return nil, err
	}
	l := &Layout{Vocab: vocab, encoders: e}
	l.Format, l.Source = FormatFor(m, vocab, name, e, ends(m, vocab))
	return l, nil
}

// FormatFor returns the prompt format of a model file with a tokenizer, and how it was found.
// Name is the file name, which may say more than the metadata; e describes the projector, nil
// without one.
func FormatFor(m *gguf.Metadata, vocab tokenizer.Tokenizer, name string, e *Encoders, ends Ends) (prompt.Format, Source) {
	has := func(token string) bool { _, ok := vocab.ID(token); return ok }
	return choose(metaOf(m, has, name, e), func(text string) prompt.Format { return templateFormat(vocab, text, ends) })
}

// choose returns one of Mistral's formats, or else that of the file's chat template.
func choose(meta prompt.Meta, own func(template string) prompt.Format) (prompt.Format, Source) {
	if f, ok := prompt.Infer(meta); ok {
		switch {
		case meta.Version != "":
			return f, Declared
		case strings.HasPrefix(meta.Template, "mistral-"):
			return f, Named
		}
		return f, Inferred
	}
	f := own(meta.Template)
	switch {
	case f.Capabilities().Chat:
		return f, Own
	case meta.Template != "":
		return f, Unusable
	}
	return f, None
}

// Text is the tokens of a plain text, with nothing before it.
func (l *Layout) Text(text string) []int32 { return l.Vocab.Encode(text, false) }

// Chat is the tokens of a conversation whose answer comes next.
func (l *Layout) Chat(r *engine.ChatRequest) ([]int32, error) {
	p, err := l.Format.Chat(r)
	if err != nil {
		return nil, err
	}
	return l.encode(p)
}

// Fill returns the tokens of an infill prompt; the suffix may be empty.
func (l *Layout) Fill(prefix, suffix string) ([]int32, error) {
	if !l.Format.Capabilities().FIM {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: "the model cannot fill in the middle"}
	}
	p, err := l.Format.Fill(prefix, suffix)
	if err != nil {
		return nil, err
	}
	return l.encode(p)
}

func (l *Layout) encode(p prompt.Prompt) ([]int32, error) {
	ids, _, err := Encode(l.Vocab, p, l.encoders)
	return ids, err
}

// A Place is where the tokens of an image or of a window of audio are among a prompt's.
type Place struct {
	At, N  int    // the first one and how many, [IMG_END] among them
	URL    string // data:
	Audio  bool   // else an image
	Window int    // of the audio, from 0
}

// Encode turns a prompt into tokens. Images and audio become the tokens that the reference
// gives them; e is nil for a model without a projector.
func Encode(vocab tokenizer.Tokenizer, p prompt.Prompt, e *Encoders) (ids []int32, places []Place, err error) {
	text, parts, err := prompt.Encode(vocab, p)
	if err != nil || len(parts) == 0 {
		return text, nil, err
	}
	from := 0
	for _, part := range parts {
		ids = append(ids, text[from:part.At]...)
		from = part.At
		var run []int32
		if part.Image > 0 {
			url := p.Images[part.Image-1]
			if e.images() == nil {
				return nil, nil, &fault.Error{Kind: fault.Unsupported, Param: "messages", Msg: "the model has no vision"}
			}
			if run, err = Run(vocab, *e.Images, url); err != nil {
				return nil, nil, err
			}
			places = append(places, Place{At: len(ids), N: len(run), URL: url})
		} else {
			url := p.Audio[part.Audio-1]
			if e.audio() == nil {
				return nil, nil, &fault.Error{Kind: fault.Unsupported, Param: "messages", Msg: "the model cannot hear"}
			}
			if run, err = AudioRun(vocab, *e.Audio, url); err != nil {
				return nil, nil, err
			}
			for at := 0; at < len(run); at += e.Audio.Tokens {
				places = append(places, Place{At: len(ids) + at, N: e.Audio.Tokens, URL: url, Audio: true, Window: at / e.Audio.Tokens})
			}
		}
		ids = append(ids, run...)
	}
	return append(ids, text[from:]...), places, nil
}

// Run is the tokens of one image, a data: URL.
func Run(vocab tokenizer.Tokenizer, cut prompt.ImageGrid, url string) ([]int32, error) {
	w, h, err := preprocess.Size(url)
	if err != nil {
		return nil, err
	}
	return cut.Encode(vocab, w, h)
}

// AudioRun is the tokens of audio, a data: URL.
func AudioRun(vocab tokenizer.Tokenizer, grid prompt.AudioGrid, url string) ([]int32, error) {
	f, err := audio.Open(url)
	if err != nil {
		return nil, err
	}
	return grid.Encode(vocab, f.Windows())
}
