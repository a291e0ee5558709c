// Package responses serves OpenAI's Responses API, for its SDKs and Codex. Nothing is stored:
// a client sends the whole conversation with each request.
package responses

import (
	"context"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// hosted begin the names of OpenAI's models.
var hosted = []string{"gpt-", "codex-"}

type server struct{ c api.Config }

// Routes is the family of OpenAI's Responses.
func Routes(c api.Config) []api.Route {
	s := &server{c}
	return []api.Route{
		{Method: "POST", Path: "/v1/responses", Serve: s.create, Fail: fail, Work: true, Streams: []string{api.EventStream.ContentType}, Summary: "Answer a conversation (OpenAI Responses)"},
		{Method: "GET", Path: "/v1/responses", Serve: noSocket, Fail: fail, Summary: "Not supported: WebSockets"},
		{Method: "POST", Path: "/v1/responses/input_tokens", Serve: s.inputTokens, Fail: fail, Work: true, Summary: "Count the tokens of a conversation (OpenAI Responses)"},
		{Method: "POST", Path: "/v1/responses/compact", Serve: s.compact, Fail: fail, Work: true, Summary: "Summarize a conversation (OpenAI Responses)"},
		{Method: "GET", Path: "/v1/responses/{id...}", Serve: notStored, Fail: fail, Summary: "Not supported: responses are not stored"},
		{Method: "DELETE", Path: "/v1/responses/{id...}", Serve: notStored, Fail: fail, Summary: "Not supported: responses are not stored"},
	}
}

// noSocket answers Codex, which tries a WebSocket first, and then uses HTTP.
func noSocket(w http.ResponseWriter, r *http.Request) error {
	status := http.StatusMethodNotAllowed
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		status = http.StatusUpgradeRequired
	}
	w.Header().Set("Allow", http.MethodPost)
	fail(w, status, dialect.Unsupported("", "bise answers POST /v1/responses over HTTP, not WebSockets"))
	return nil
}

func notStored(w http.ResponseWriter, r *http.Request) error {
	err := fault.Errorf(fault.Missing, "there is no response %.100q: bise stores no responses", r.PathValue("id"))
	err.Advice = "Send the whole conversation as input"
	fail(w, http.StatusNotFound, err)
	return nil
}

func (s *server) read(w http.ResponseWriter, r *http.Request) (*request, engine.ChatRequest, error) {
	body := &request{}
	if err := dialect.ReadJSON(s.c, w, r, body); err != nil {
		return nil, engine.ChatRequest{}, err
	}
	req, err := body.chat()
	api.LogIgnored(w, body.ignored)
	return body, req, err
}

func (s *server) create(w http.ResponseWriter, r *http.Request) error {
	body, req, err := s.read(w, r)
	if err != nil {
		return err
	}
	if err := s.c.CheckSchemas(r.Context(), w, &req, "text.format.schema"); err != nil {
		return err
	}
	if body.Model, err = s.c.Name(r.Context(), api.ModeOf(req.Messages), body.Model); err != nil {
		return err
	}
	a := newAnswer(body)
	if !body.Stream {
		err := s.run(r.Context(), a, req, nil)
		switch {
		case err != nil:
			return err
		case body.compact:
			if err := a.finishCompaction(); err != nil {
				return err
			}
		default:
			a.finish()
		}
		return api.WriteJSON(w, http.StatusOK, a.response)
	}
	l := &stream{answer: a}
	return dialect.Streaming(w, api.EventStream, func(out *dialect.Stream) error {
		l.Stream = out
		listener := dialect.Listener(l)
		if body.compact {
			listener = quiet{l}
		}
		err := s.run(r.Context(), a, req, listener)
		if over := engine.OverflowOf(err); over.Limit > 0 {
			// Codex looks for this in a stream, and then shortens the conversation.
			l.start()
		}
		if err != nil || a.all == nil {
			return err
		}
		if body.compact {
			return l.endCompaction()
		}
		l.end()
		return nil
	}, func(_ *dialect.Stream, err *fault.Error) { l.fail(err) })
}

// countTokens is how many tokens a text has, as far as the engine can tell.
func countTokens(ctx context.Context, e engine.Engine, text string) int {
	if text == "" {
		return 0
	}
	tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: &text})
	if err != nil {
		return 0
	}
	return len(tokens.IDs)
}

func (s *server) inputTokens(w http.ResponseWriter, r *http.Request) error {
	body, req, err := s.read(w, r)
	if err != nil {
		return err
	}
	n, err := dialect.CountTokens(r.Context(), s.c, body.Model, req, hosted...)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"object": "response.input_tokens", "input_tokens": n})
}

// A failure is the error in a body or in a response that failed.
type failure struct {
	Message string        `json:"message"`
	Type    string        `json:"type"`
	Param   wire.Optional `json:"param"`
	Code    wire.Optional `json:"code"`
}

func newFailure(err *fault.Error, status int) *failure {
	f := &failure{Message: dialect.Message(err), Type: "invalid_request_error", Param: wire.Optional(err.Param)}
	switch {
	case err.Kind == fault.NotFound:
		f.Code, f.Param = "model_not_found", "model"
	case err.Kind == fault.TooLong:
		f.Code = "context_length_exceeded"
	case status == http.StatusUnauthorized:
		f.Code = "invalid_api_key"
	case status == http.StatusTooManyRequests:
		f.Type, f.Code = "rate_limit_error", "rate_limit_exceeded"
	case status >= http.StatusInternalServerError:
		f.Type, f.Code = "server_error", "server_error"
	}
	return f
}

// fail writes an error in OpenAI's shape.
func fail(w http.ResponseWriter, status int, err *fault.Error) {
	status = dialect.Status(status, err)
	_ = api.WriteJSON(w, status, map[string]any{"error": newFailure(err, status)})
}
