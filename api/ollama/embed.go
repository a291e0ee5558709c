package ollama

import (
	"net/http"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

type embedRequest struct {
	Model      string `json:"model"`
	Input      stops  `json:"input"`
	Truncate   *bool  `json:"truncate"` // nil: yes
	Dimensions int    `json:"dimensions"`
}

func (s *server) embed(w http.ResponseWriter, r *http.Request) error {
	var body embedRequest
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	began := time.Now()
	var err error
	if body.Model, err = s.c.Name(r.Context(), api.EmbedMode, body.Model); err != nil {
		return err
	}
	vectors := [][]float32{}
	var all engine.Embeddings
	if len(body.Input) > 0 {
		if body.Dimensions < 0 {
			return dialect.Invalid("dimensions", "invalid dimensions %d: want 1 or more", body.Dimensions)
		}
		e, err := s.c.Open(r.Context(), body.Model, func(float64) {})
		if err != nil {
			return err
		}
		all, err = e.Embed(r.Context(), engine.EmbedRequest{
			Model: body.Model, Input: engine.StringList(body.Input), Dimension: body.Dimensions, Truncate: body.Truncate == nil || *body.Truncate,
		})
		if err != nil {
			return err
		}
		vectors = all.Vectors
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{
		"model": body.Model, "embeddings": vectors, "total_duration": time.Since(began), "load_duration": all.Load,
		"prompt_eval_count": all.Usage.PromptTokens,
	})
}

// embedOne is the older route, for one text.
func (s *server) embedOne(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Model  string `json:"model"`
		Prompt string `json:"prompt"`
	}
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	var err error
	if body.Model, err = s.c.Name(r.Context(), api.EmbedMode, body.Model); err != nil {
		return err
	}
	vector := []float32{}
	if body.Prompt != "" {
		e, err := s.c.Open(r.Context(), body.Model, func(float64) {})
		if err != nil {
			return err
		}
		all, err := e.Embed(r.Context(), engine.EmbedRequest{Model: body.Model, Input: engine.StringList{body.Prompt}})
		if err != nil {
			return err
		}
		vector = all.Vectors[0]
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"embedding": vector})
}
