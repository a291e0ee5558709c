package ollama

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

type details struct {
	ParentModel   string   `json:"parent_model"`
	Format        string   `json:"format"`
	Family        string   `json:"family"`
	Families      []string `json:"families"`
	ParameterSize string   `json:"parameter_size"`
	Quantization  string   `json:"quantization_level"`
}

func detailsOf(info engine.Info) details {
	d := details{Format: "gguf", Family: info.Architecture, Families: []string{info.Architecture}, Quantization: info.Quantization}
	if info.Parameters > 0 {
		d.ParameterSize = parameters(info.Parameters)
	}
	return d
}

// parameters is a number of parameters as Ollama writes it: 7.2B.
func parameters(n int64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + "B"
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 2, 64) + "M"
	}
	return strconv.FormatInt(n/1000, 10) + "K"
}

// An entry is a model in a list.
type entry struct {
	Name          string     `json:"name"`
	Model         string     `json:"model"`
	ModifiedAt    *time.Time `json:"modified_at,omitempty"`
	Size          int64      `json:"size"`
	Digest        string     `json:"digest"`
	Details       details    `json:"details"`
	ContextLength int        `json:"context_length,omitempty"`
}

// entryOf describes a model. Its digest changes with the file, as far as that is known
// without reading it.
func entryOf(m api.Model, info engine.Info) entry {
	sum := sha256.Sum256([]byte(m.ID + " " + info.Fingerprint + " " + m.Created.UTC().String()))
	return entry{Name: m.ID, Model: m.ID, Size: info.Size, Digest: hex.EncodeToString(sum[:]), Details: detailsOf(info)}
}

func (s *server) list(ctx context.Context) ([]api.Model, error) {
	if s.c.Models != nil {
		return s.c.Models(ctx)
	}
	e, err := s.c.Open(ctx, "", func(float64) {})
	if err != nil {
		return nil, err
	}
	info := e.Info()
	return []api.Model{{ID: info.Model, Can: info.Can, ContextLength: info.ContextLength}}, nil
}

// info describes a model, without loading it where that is possible.
func (s *server) info(ctx context.Context, model string) (engine.Info, error) {
	if s.c.Info != nil {
		return s.c.Info(ctx, model)
	}
	e, err := s.c.Open(ctx, model, func(float64) {})
	if err != nil {
		return engine.Info{}, err
	}
	return e.Info(), nil
}

func (s *server) tags(w http.ResponseWriter, r *http.Request) error {
	models, err := s.list(r.Context())
	if err != nil {
		return err
	}
	entries := []entry{}
	for _, m := range models {
		info := engine.Info{}
		if s.c.Info != nil {
			if info, err = s.c.Info(r.Context(), m.ID); err != nil {
				continue // removed since it was listed, or its header cannot be read
			}
		}
		e := entryOf(m, info)
		created := m.Created.UTC()
		e.ModifiedAt = &created
		entries = append(entries, e)
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"models": entries})
}

func (s *server) show(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Model, Name string }
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	if body.Model == "" {
		body.Model = body.Name
	}
	info, err := s.info(r.Context(), body.Model)
	if err != nil {
		return err
	}
	a := info.Architecture
	facts := map[string]any{"general.architecture": a, "general.parameter_count": info.Parameters}
	for name, n := range map[string]int{"context_length": max(info.ContextTrain, info.ContextLength), "embedding_length": info.EmbeddingSize} {
		if n > 0 {
			facts[a+"."+name] = n
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{
		"license": "", "modelfile": fmt.Sprintf("FROM %s\n", info.Model), "parameters": "", "template": "",
		"details": detailsOf(info), "model_info": facts, "capabilities": capabilities(info.Can), "modified_at": s.modified(r.Context(), body.Model),
	})
}

// modified is when a model was installed.
func (s *server) modified(ctx context.Context, name string) time.Time {
	models, err := s.list(ctx)
	if err == nil {
		for _, m := range models {
			if m.ID == name {
				return m.Created.UTC()
			}
		}
	}
	return time.Time{}
}

// capabilities are Ollama's names for what a model can do.
func capabilities(can engine.Capabilities) []string {
	list := []string{}
	for _, c := range []struct {
		has  bool
		name string
	}{
		{can.Chat || can.FIM, "completion"},
		{can.Tools, "tools"},
		{can.FIM, "insert"},
		{can.Vision, "vision"},
		{can.Thinking, "thinking"},
		{can.Embed, "embedding"},
	} {
		if c.has {
			list = append(list, c.name)
		}
	}
	return list
}

// forever is when a model leaves that stays: clients want a time.
const forever = 100 * 365 * 24 * time.Hour

// ps lists the loaded models.
func (s *server) ps(w http.ResponseWriter, r *http.Request) error {
	models, err := s.list(r.Context())
	if err != nil {
		return err
	}
	type running struct {
		entry
		ExpiresAt time.Time `json:"expires_at"`
		SizeVRAM  int64     `json:"size_vram"`
	}
	entries := []running{}
	for _, m := range models {
		if !m.Loaded {
			continue
		}
		info, err := s.info(r.Context(), m.ID)
		if err != nil {
			continue // removed since it was listed
		}
		e := entryOf(m, info)
		e.ContextLength = m.ContextLength
		if m.Memory > 0 {
			e.Size = m.Memory
		}
		leaves := m.Leaves
		if leaves.IsZero() {
			leaves = time.Now().Add(forever)
		}
		entries = append(entries, running{e, leaves.UTC(), 0})
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"models": entries})
}
