// Package anthropic serves Anthropic's Messages API, for its SDKs and Claude Code.
package anthropic

import (
	"net/http"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// hosted begins the names of Anthropic's models.
const hosted = "claude-"

type server struct{ c api.Config }

// Routes is the family of Anthropic's routes.
func Routes(c api.Config) []api.Route {
	s := &server{c}
	return []api.Route{
		{Method: "POST", Path: "/v1/messages", Serve: s.messages, Fail: fail, Work: true, Streams: []string{api.EventStream.ContentType}, Summary: "Answer a conversation (Anthropic)"},
		{Method: "POST", Path: "/v1/messages/count_tokens", Serve: s.countTokens, Fail: fail, Work: true, Summary: "Count the tokens of a conversation (Anthropic)"},
		{Method: "GET", Path: "/v1/messages/batches", Serve: noBatches, Fail: fail, Summary: "Not supported"},
		{Method: "POST", Path: "/v1/messages/batches", Serve: noBatches, Fail: fail, Summary: "Not supported"},
	}
}

func noBatches(http.ResponseWriter, *http.Request) error {
	return dialect.Unsupported("", "bise has no message batches: send each request to /v1/messages")
}

func (s *server) messages(w http.ResponseWriter, r *http.Request) error {
	var body request
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	req, err := body.chat()
	if err != nil {
		return err
	}
	if body.MaxTokens == nil {
		return dialect.Invalid("max_tokens", "max_tokens: Field required")
	}
	if *body.MaxTokens < 1 {
		return dialect.Invalid("max_tokens", "max_tokens: must be greater than or equal to 1")
	}
	req.MaxTokens = body.MaxTokens
	if err := s.c.CheckSchemas(r.Context(), w, &req, "output_config.format.schema"); err != nil {
		return err
	}
	if body.Model, err = s.c.Name(r.Context(), api.ModeOf(req.Messages), body.Model); err != nil {
		return err
	}
	a := newAnswer(body.Model)
	run := func(l dialect.Listener) error {
		e, err := dialect.Open(r.Context(), s.c, api.ModeOf(req.Messages), body.Model, hosted)
		if err != nil {
			return err
		}
		body.adapt(&req, e.Info())
		a.all, err = dialect.Chat(r.Context(), e, req, l)
		return err
	}
	if !body.Stream {
		if err := run(nil); err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, a.message())
	}
	return dialect.Streaming(w, events, func(out *dialect.Stream) error {
		l := &stream{Stream: out, answer: a}
		if err := run(l); err != nil || a.all == nil {
			return err
		}
		l.end()
		return nil
	}, func(out *dialect.Stream, err *fault.Error) {
		out.Event("error", newFailure(err, http.StatusInternalServerError))
	})
}

func (s *server) countTokens(w http.ResponseWriter, r *http.Request) error {
	var body request
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	req, err := body.chat()
	if err != nil {
		return err
	}
	n, err := dialect.CountTokens(r.Context(), s.c, body.Model, req, hosted)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]int{"input_tokens": n})
}

// A failure is the body of an error, and the data of an error event.
type failure struct {
	Type  string `json:"type"` // "error"
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id,omitempty"`
}

// types are the names of statuses.
var types = map[int]string{
	http.StatusUnauthorized:          "authentication_error",
	http.StatusForbidden:             "permission_error",
	http.StatusNotFound:              "not_found_error",
	http.StatusRequestEntityTooLarge: "request_too_large",
	http.StatusTooManyRequests:       "rate_limit_error",
	http.StatusGatewayTimeout:        "timeout_error",
	http.StatusServiceUnavailable:    "overloaded_error",
}

func newFailure(err *fault.Error, status int) failure {
	f := failure{Type: "error"}
	f.Error.Type, f.Error.Message = types[status], dialect.Message(err)
	if f.Error.Type == "" {
		f.Error.Type = "invalid_request_error"
		if status >= http.StatusInternalServerError {
			f.Error.Type = "api_error"
		}
	}
	if over := engine.OverflowOf(err); over.Limit > 0 {
		// Claude Code looks for these words, and then shortens the conversation.
		f.Error.Message = "prompt is too long: " + count(over.Tokens) + " tokens > " + count(over.Limit) + " maximum"
	}
	return f
}

// fail writes an error in Anthropic's shape.
func fail(w http.ResponseWriter, status int, err *fault.Error) {
	status = dialect.Status(status, err)
	f := newFailure(err, status)
	f.RequestID = w.Header().Get("X-Request-Id")
	if f.RequestID != "" {
		w.Header().Set("Request-Id", f.RequestID) // where Anthropic's SDKs look
	}
	_ = api.WriteJSON(w, status, f)
}
