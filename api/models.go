package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A card is a model as La Plateforme describes it. No field may be null that is
// not a pointer: its client then takes the card for one of an unknown kind.
type card struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	Created       int64           `json:"created"`
	OwnedBy       string          `json:"owned_by"`
	Type          string          `json:"type"` // "base"
	Capabilities  map[string]bool `json:"capabilities"`
	Name          string          `json:"name"`
	Description   *string         `json:"description"`
	ContextLength int             `json:"max_context_length"`
	Aliases       []string        `json:"aliases"`
	Temperature   *float64        `json:"default_model_temperature"`
	// Not of La Plateforme: vLLM's name of the context length, whether the model is in memory,
	// and whether it answers requests that name none.
	MaxModelLen int  `json:"max_model_len,omitempty"`
	Loaded      bool `json:"loaded"`
	Default     bool `json:"default"`
}

func newCard(m Model) card {
	c := card{
		ID: m.ID, Object: "model", Created: m.Created.Unix(), OwnedBy: "local", Type: "base",
		Capabilities: map[string]bool{
			"completion_chat": m.Can.Chat, "completion_fim": m.Can.FIM, "function_calling": m.Can.Tools,
			"vision": m.Can.Vision, "reasoning": m.Can.Thinking, "embedding": m.Can.Embed, "fine_tuning": false, "ocr": false,
			"classification": false, "moderation": false, "audio": m.Can.Audio, "audio_transcription": m.Can.Audio,
		},
		Name: m.ID, ContextLength: m.ContextLength, Aliases: append([]string{}, m.Aliases...), Temperature: m.Temperature,
		MaxModelLen: m.ContextLength, Loaded: m.Loaded, Default: m.Default,
	}
	if m.Created.IsZero() {
		c.Created = 0
	}
	if m.Description != "" {
		c.Description = &m.Description
	}
	return c
}

// cardFor is a model as the client of a request describes it. Anthropic's is known by its
// header.
func cardFor(r *http.Request, m Model) any {
	if r.Header.Get("Anthropic-Version") == "" {
		return newCard(m)
	}
	return map[string]any{"type": "model", "id": m.ID, "display_name": m.ID, "created_at": m.Created.UTC().Format(time.RFC3339)}
}

func (s *server) list(ctx context.Context) ([]Model, error) {
	if s.c.Models != nil {
		return s.c.Models(ctx)
	}
	info, err := s.describeModel(ctx, "")
	if err != nil {
		return nil, err
	}
	return []Model{{ID: info.Model, Can: info.Can, ContextLength: info.ContextLength, Default: true}}, nil
}

func (s *server) models(w http.ResponseWriter, r *http.Request) error {
	models, err := s.list(r.Context())
	if err != nil {
		return err
	}
	cards := []any{}
	for _, m := range models {
		cards = append(cards, cardFor(r, m))
	}
	list := map[string]any{"object": "list", "data": cards, "has_more": false} // has_more: Anthropic's pages
	return WriteJSON(w, http.StatusOK, list)
}

func (s *server) find(r *http.Request) (Model, error) {
	models, err := s.list(r.Context())
	if err != nil {
		return Model{}, err
	}
	id := r.PathValue("id")
	for _, m := range models {
		if m.ID == id || m.ID+":latest" == id || slices.Contains(m.Aliases, id) {
			return m, nil
		}
	}
	return Model{}, fault.Errorf(fault.NotFound, "Invalid model: %.200s", id)
}

func (s *server) model(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, cardFor(r, m))
}

// deleteModel rejects the request: the files are the user's.
func (s *server) deleteModel(_ http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	return newRefusal("model", "%s is a model of this machine and cannot be deleted over HTTP", m.ID).
		status(http.StatusForbidden).advise("Remove it with `bise rm`")
}
