package api

import (
	"context"
	"net/http"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
)

// tokens is an answer of /tokenize that clients of llama.cpp and of vLLM can read.
type tokens struct {
	Tokens      any      `json:"tokens"` // ids, or with pieces
	Count       int      `json:"count"`
	MaxModelLen int      `json:"max_model_len"`
	Strings     []string `json:"token_strs,omitempty"`
}

// piece is a token as llama.cpp writes it: bytes that are parts of runes are a list.
type piece struct {
	ID    int32      `json:"id"`
	Piece wire.Piece `json:"piece"`
}

// tokenizeText tokenizes as llama.cpp ("content") or vLLM ("prompt" or "messages") do. They
// differ in what they do by default with the first token.
func (s *server) tokenizeText(w http.ResponseWriter, r *http.Request) error {
	model, req := "", engine.TokenizeRequest{}
	pieces, strings := false, false
	err := s.read(w, r, func(o *object) {
		model = o.string("model")
		pieces, strings = o.boolean("with_pieces"), o.boolean("return_token_strs")
		if _, ok := o.get("messages"); ok {
			req.Chat = new(o.chat())
			o.ignore("add_generation_prompt", "continue_final_message", "add_special_tokens", "chat_template", "chat_template_kwargs")
			return
		}
		vllm := false
		v, ok := o.get("content")
		if !ok {
			if v, ok = o.get("prompt"); !ok {
				o.need("content")
				return
			}
			vllm = true
		}
		req.Text, req.Special = new(v.string()), true
		if p, ok := o.get("parse_special"); ok {
			req.Special = p.boolean()
		}
		if p, ok := o.alias("add_special", "add_special_tokens"); ok {
			req.BOS = p.boolean()
		} else {
			req.BOS = vllm
		}
	})
	if err != nil {
		return err
	}
	eng, _, err := s.c.open(r.Context(), ChatMode, model, func(float64) {})
	if err != nil {
		return err
	}
	got, err := eng.Tokenize(r.Context(), req)
	if err != nil {
		return err
	}
	t := tokens{Tokens: wire.NewTokens(got).IDs, Count: len(got.IDs), MaxModelLen: eng.Info().ContextLength}
	if pieces {
		list := make([]piece, len(got.IDs))
		for i, id := range got.IDs {
			list[i] = piece{id, wire.Piece(got.Pieces[i])}
		}
		t.Tokens = list
	}
	if strings {
		t.Strings = []string{}
		for _, p := range got.Pieces {
			t.Strings = append(t.Strings, wire.Join([]string{p}))
		}
	}
	return WriteJSON(w, http.StatusOK, t)
}

// detokenize gives the text of token ids: "content" for clients of llama.cpp, "prompt" for
// those of vLLM.
func (s *server) detokenize(w http.ResponseWriter, r *http.Request) error {
	model, req := "", engine.TokenizeRequest{}
	err := s.read(w, r, func(o *object) {
		model = o.string("model")
		if v, ok := o.need("tokens"); ok && (!v.is('[') || len(v.list()) > 0) {
			req.IDs = v.tokens()
		}
	})
	if err != nil {
		return err
	}
	text := ""
	if len(req.IDs) > 0 {
		got, err := s.tokens(r.Context(), ChatMode, model, req)
		if err != nil {
			return err
		}
		text = wire.Join(got.Pieces)
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"content": text, "prompt": text})
}

// tokenizerInfo describes a model's tokenizer as vLLM does.
func (s *server) tokenizerInfo(w http.ResponseWriter, r *http.Request) error {
	eng, _, err := s.c.open(r.Context(), ChatMode, r.URL.Query().Get("model"), func(float64) {})
	if err != nil {
		return err
	}
	// The engine knows it when the model is loaded, which tokenizing waits for.
	if _, err := eng.Tokenize(r.Context(), engine.TokenizeRequest{Text: new("")}); err != nil {
		return err
	}
	info := eng.Info()
	return WriteJSON(w, http.StatusOK, map[string]any{
		"tokenizer_class": "bise", "chat_template": wire.Optional(info.ChatTemplate),
		"bos_token": wire.Optional(info.BOS), "eos_token": wire.Optional(info.EOS), "pad_token": nil,
		"vocab_size": info.Vocabulary, "model_max_length": info.ContextLength,
	})
}

// tokenize gives the tokens of a text or of a whole request.
func (s *server) tokenize(w http.ResponseWriter, r *http.Request) error {
	model, req, given := "", engine.TokenizeRequest{}, 0
	err := s.read(w, r, func(o *object) {
		model = o.string("model")
		if v, ok := o.get("text"); ok {
			req.Text = new(v.string())
			given++
		}
		if v, ok := o.get("ids"); ok {
			req.IDs = v.tokens()
			given++
		}
		req.Special, req.BOS = o.boolean("special"), o.boolean("bos")
		if v, ok := o.get("chat"); ok {
			if c, ok := v.object(); ok {
				req.Chat = new(c.chat())
				c.done()
			}
			given++
		}
		if v, ok := o.get("fim"); ok {
			if c, ok := v.object(); ok {
				req.FIM = new(c.fim())
				c.done()
			}
			given++
		}
	})
	if err != nil {
		return err
	}
	if given != 1 {
		return newRefusal("", "give exactly one of text, chat, fim and ids: got %d", given)
	}
	mode := ChatMode
	if req.FIM != nil {
		mode = CodeMode
	}
	tokens, err := s.tokens(r.Context(), mode, model, req)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, wire.NewTokens(tokens))
}

func (s *server) tokens(ctx context.Context, mode Mode, model string, req engine.TokenizeRequest) (engine.Tokens, error) {
	eng, _, err := s.c.open(ctx, mode, model, func(float64) {})
	if err != nil {
		return engine.Tokens{}, err
	}
	return eng.Tokenize(ctx, req)
}
