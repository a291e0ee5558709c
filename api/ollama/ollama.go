// Package ollama serves Ollama's API, for its SDKs and the programs that use it: chat,
// completion and embeddings, and what is known about the models. Models are managed by bise's
// commands, not over HTTP.
package ollama

import (
	"io"
	"net/http"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/fault"
)

// Version is the version of Ollama whose API this is.
const Version = "0.24.0"

type server struct{ c api.Config }

// Routes is the family of Ollama's routes.
func Routes(c api.Config) []api.Route {
	s := &server{c}
	routes := []api.Route{
		{Method: "GET", Path: "/{$}", Serve: here, Fail: fail, Open: true, Summary: "Say that the server runs"},
		{Method: "GET", Path: "/api/version", Serve: version, Fail: fail, Open: true, Summary: "The version of Ollama whose API this is"},
		{Method: "GET", Path: "/api/tags", Serve: s.tags, Fail: fail, Summary: "List the models (Ollama)"},
		{Method: "GET", Path: "/api/ps", Serve: s.ps, Fail: fail, Summary: "List the loaded models (Ollama)"},
		{Method: "POST", Path: "/api/show", Serve: s.show, Fail: fail, Summary: "Describe a model (Ollama)"},
		{Method: "POST", Path: "/api/chat", Serve: s.chat, Fail: fail, Work: true, Streams: []string{api.JSONLines.ContentType}, Summary: "Answer a conversation (Ollama)"},
		{Method: "POST", Path: "/api/generate", Serve: s.generate, Fail: fail, Work: true, Streams: []string{api.JSONLines.ContentType}, Summary: "Answer or complete a text (Ollama)"},
		{Method: "POST", Path: "/api/embed", Serve: s.embed, Fail: fail, Work: true, Summary: "Embed texts (Ollama)"},
		{Method: "POST", Path: "/api/embeddings", Serve: s.embedOne, Fail: fail, Work: true, Summary: "Embed a text (Ollama)"},
	}
	for _, command := range []struct{ method, path, advice string }{
		{"POST", "/api/pull", "Run bise pull MODEL"},
		{"DELETE", "/api/delete", "Run bise rm MODEL"},
		{"POST", "/api/create", "Run bise import FILE"},
		{"POST", "/api/copy", ""},
		{"POST", "/api/push", ""},
		{"POST", "/api/blobs/{digest}", "Run bise import FILE"},
		{"GET", "/api/blobs/{digest}", "Run bise import FILE"},
	} {
		routes = append(routes, api.Route{
			Method: command.method, Path: command.path, Serve: unmanaged(command.advice), Fail: fail, Summary: "Not supported",
		})
	}
	return routes
}

func here(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, "Ollama is running") // programs compare these words
	return err
}

func version(w http.ResponseWriter, _ *http.Request) error {
	return api.WriteJSON(w, http.StatusOK, map[string]string{"version": Version})
}

// unmanaged refuses to change the models of this machine.
func unmanaged(advice string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := fault.Errorf(fault.Unsupported, "bise does not manage models over HTTP: it has no %s", r.URL.Path)
		err.Advice = advice
		fail(w, http.StatusNotImplemented, err)
		return nil
	}
}

// fail writes an error in Ollama's shape: a string.
func fail(w http.ResponseWriter, status int, err *fault.Error) {
	_ = api.WriteJSON(w, dialect.Status(status, err), failure{dialect.Message(err)})
}

type failure struct {
	Error string `json:"error"`
}

// stats are the end of an answer.
type stats struct {
	DoneReason         string        `json:"done_reason,omitempty"`
	TotalDuration      time.Duration `json:"total_duration,omitempty"` // nanoseconds, as all of them
	LoadDuration       time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount    int           `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration,omitempty"`
	EvalCount          int           `json:"eval_count,omitempty"`
	EvalDuration       time.Duration `json:"eval_duration,omitempty"`
}
