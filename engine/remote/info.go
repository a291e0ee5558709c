package remote

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// knowledge caches what a server reported.
type knowledge struct {
	mu      sync.Mutex
	dialect Dialect
	info    *engine.Info
	asked   bool // for info, of a server whose answer does not change
}

// patience is how long Info waits for a server.
const patience = 2 * time.Second

// Info describes the model as the server reports it. It asks bise servers each time and
// others once. Unreported capabilities count as present: the server's error then says
// what it cannot do.
func (e *Engine) Info() engine.Info {
	// Engine.Info has no context to pass on.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialect, end, err := e.start(ctx)
	if err != nil {
		return e.lastInfo()
	}
	defer end()
	if dialect == Bise {
		var info engine.Info
		if e.get(ctx, infoPath(e.c.Model), &info) == nil {
			e.known.learn(info)
		}
		return e.lastInfo()
	}
	if e.known.firstTime() {
		var m modelCard
		if e.get(ctx, "/v1/models/"+url.PathEscape(e.c.Model), &m) == nil {
			e.known.learn(m.info(e.c.Model, dialect))
		}
	}
	return e.lastInfo()
}

func infoPath(model string) string {
	return "/v1/bise/info?" + url.Values{"model": {model}}.Encode()
}

func (e *Engine) lastInfo() engine.Info {
	e.known.mu.Lock()
	defer e.known.mu.Unlock()
	switch {
	case e.known.info != nil:
		return *e.known.info
	case e.c.Dialect == Bise || e.known.dialect == Bise:
		return engine.Info{Model: e.c.Model}
	}
	return modelCard{}.info(e.c.Model, OpenAI)
}

func (k *knowledge) learn(i engine.Info) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.info = &i
}

func (k *knowledge) firstTime() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := !k.asked
	k.asked = true
	return first
}

// A modelCard is the description of a model by La Plateforme or, in other fields, vLLM.
type modelCard struct {
	MaxContextLength int `json:"max_context_length"`
	MaxModelLen      int `json:"max_model_len"` // vLLM's
	Capabilities     *struct {
		Chat      bool `json:"completion_chat"`
		FIM       bool `json:"completion_fim"`
		Functions bool `json:"function_calling"`
		Vision    bool `json:"vision"`
		Audio     bool `json:"audio"`
		Reasoning bool `json:"reasoning"`
	} `json:"capabilities"`
}

func (m modelCard) info(model string, d Dialect) engine.Info {
	i := engine.Info{
		Model: model, ContextLength: max(m.MaxContextLength, m.MaxModelLen),
		Can: engine.Capabilities{Chat: true, FIM: true, Vision: true, Audio: true, Tools: true, Embed: true, Thinking: true},
	}
	if c := m.Capabilities; c != nil && d == Plateforme {
		i.Can = engine.Capabilities{
			Chat: c.Chat, FIM: c.FIM, Vision: c.Vision, Audio: c.Audio, Tools: c.Functions, Thinking: c.Reasoning,
			Embed: !c.Chat && !c.FIM, // the card has no flag for it
		}
	}
	return i
}

// dialect returns the configured dialect, or detects it.
func (e *Engine) dialect(ctx context.Context) (Dialect, error) {
	if e.c.Dialect != Auto {
		return e.c.Dialect, nil
	}
	host := e.base.Hostname()
	if host == "mistral.ai" || strings.HasSuffix(host, ".mistral.ai") {
		return Plateforme, nil
	}
	e.known.mu.Lock()
	known := e.known.dialect
	e.known.mu.Unlock()
	if known != Auto {
		return known, nil
	}
	found, err := e.probe(ctx)
	if err != nil {
		return Auto, err
	}
	e.known.mu.Lock()
	defer e.known.mu.Unlock()
	e.known.dialect = found
	return found, nil
}

// probe detects whether a server is bise.
func (e *Engine) probe(ctx context.Context) (Dialect, error) {
	resp, err := e.send(ctx, http.MethodGet, infoPath(e.c.Model), nil, jsonType)
	if err != nil {
		return Auto, err
	}
	if resp.StatusCode != http.StatusOK {
		failed, ours := e.failure(resp)
		switch {
		case ours:
			return Bise, nil
		case failed.Kind == fault.Denied, failed.Kind == fault.Busy, failed.Kind == fault.Network:
			return Auto, failed // which says nothing about the server
		}
		return OpenAI, nil
	}
	var info struct {
		Can *engine.Capabilities `json:"capabilities"`
	}
	if err := e.decode(ctx, resp, &info); err != nil {
		if fault.KindOf(err) == fault.Internal { // it came, and is something else
			return OpenAI, nil
		}
		return Auto, err
	}
	if info.Can != nil {
		return Bise, nil
	}
	return OpenAI, nil
}
