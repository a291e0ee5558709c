package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Failure is an error in the shape of OpenAI's clients, with what makes it an
// fault.Error again.
type Failure struct {
	Message string        `json:"message"`
	Type    string        `json:"type"`
	Param   Optional      `json:"param"`
	Code    Optional      `json:"code"`
	Bise    *FailureExtra `json:"bise,omitempty"`
}

// A FailureExtra has what an fault.Error says beyond its message.
type FailureExtra struct {
	Kind   fault.Kind `json:"kind"`
	Advice string     `json:"advice,omitempty"`
	Tokens int        `json:"tokens,omitempty"`
	Limit  int        `json:"limit,omitempty"`
}

// An Envelope is the body of an error answer. Each of three kinds of clients
// finds the message where it looks: Mistral's in the flat fields, FastAPI's in
// Detail, OpenAI's in Error.
type Envelope struct {
	Object  string   `json:"object"` // "error"
	Message string   `json:"message"`
	Type    string   `json:"type"`
	Param   Optional `json:"param"`
	Code    Optional `json:"code"`
	Detail  []Detail `json:"detail,omitempty"` // with status 422 only
	Error   *Failure `json:"error"`
}

// A Detail is one violation of the request's schema, as pydantic reports it.
type Detail struct {
	Type  string          `json:"type"`
	Loc   []any           `json:"loc"` // "body", then names and indexes
	Msg   string          `json:"msg"`
	Input json.RawMessage `json:"input,omitempty"`
	Ctx   map[string]any  `json:"ctx,omitempty"`
}

// A Class is the HTTP form of a kind of error.
type Class struct {
	Kind   fault.Kind
	Status int
	Type   string
	Code   string // "": null
}

// classes has each kind of error once. Types and codes that La Plateforme has
// are its own; the first class of a status is what that status means when it
// comes from a server that says no more.
var classes = []Class{
	{fault.Invalid, http.StatusBadRequest, "invalid_request_error", ""},
	{fault.TooLong, http.StatusBadRequest, "invalid_request_error", "context_length_exceeded"},
	{fault.Unsupported, http.StatusBadRequest, "invalid_request_error", "unsupported"},
	{fault.NotFound, http.StatusNotFound, "invalid_model", "model_not_found"},
	{fault.Denied, http.StatusUnauthorized, "unauthorized", ""},
	{fault.Busy, http.StatusTooManyRequests, "rate_limited", "1300"},
	{fault.Internal, http.StatusInternalServerError, "internal_server_error", ""},
	{fault.BadModel, http.StatusInternalServerError, "server_error", "bad_model"},
	{fault.NoMemory, http.StatusInternalServerError, "server_error", "no_memory"},
	{fault.Network, http.StatusBadGateway, "server_error", "unreachable"},
	{fault.Crashed, http.StatusServiceUnavailable, "server_error", "crashed"},
	{fault.Closed, http.StatusServiceUnavailable, "server_error", "closed"},
}

// ClassOf returns the class of a kind; an unknown kind has the class of Internal.
func ClassOf(kind fault.Kind) Class {
	internal := Class{}
	for _, c := range classes {
		if c.Kind == kind {
			return c
		}
		if c.Kind == fault.Internal {
			internal = c
		}
	}
	return internal
}

// statusKinds are meanings of statuses that no class has.
var statusKinds = map[int]fault.Kind{
	http.StatusForbidden:             fault.Denied,
	http.StatusPaymentRequired:       fault.Denied,
	http.StatusRequestTimeout:        fault.Network,
	http.StatusGatewayTimeout:        fault.Network,
	http.StatusRequestEntityTooLarge: fault.Invalid,
	http.StatusUnprocessableEntity:   fault.Invalid,
	http.StatusServiceUnavailable:    fault.Busy,
	529:                              fault.Busy, // "overloaded", of several hosts
}

// KindOf is the kind of error that a server means which gives a status, a type
// and a code, any of which may be absent.
func KindOf(status int, typ, code string) fault.Kind {
	for _, c := range classes {
		if code != "" && code == c.Code || typ == c.Type && typ == "invalid_model" {
			return c.Kind
		}
	}
	if kind, ok := statusKinds[status]; ok {
		return kind
	}
	for _, c := range classes {
		if c.Status == status {
			return c.Kind
		}
	}
	if status/100 == 4 {
		return fault.Invalid
	}
	return fault.Internal
}

// AsError is err as an *fault.Error: the one in its chain, else of kind
// Internal.
func AsError(err error) *fault.Error {
	var e *fault.Error
	if errors.As(err, &e) {
		return e
	}
	return &fault.Error{Kind: fault.Internal, Msg: err.Error(), Cause: err}
}

// NewFailure describes an error in the terms of its class. The message includes the
// advice: most clients show nothing else.
func NewFailure(e *fault.Error, c Class) *Failure {
	f := &Failure{Message: e.Msg, Type: c.Type, Param: Optional(e.Param), Code: Optional(c.Code)}
	if e.Advice != "" {
		f.Message += adviceMark + e.Advice
	}
	over := engine.OverflowOf(e)
	f.Bise = &FailureExtra{Kind: e.Kind, Advice: e.Advice, Tokens: over.Tokens, Limit: over.Limit}
	return f
}

const adviceMark = ". "

// NewEnvelope is the body of an error answer.
func NewEnvelope(f *Failure, detail []Detail) *Envelope {
	return &Envelope{
		Object: "error", Message: f.Message, Type: f.Type, Param: f.Param, Code: f.Code,
		Detail: detail, Error: f,
	}
}

// Engine returns the error that NewFailure was given, or false for a failure of another
// server.
func (f *Failure) Engine() (*fault.Error, bool) {
	if f.Bise == nil || f.Bise.Kind == "" {
		return nil, false
	}
	e := &fault.Error{Kind: f.Bise.Kind, Msg: f.Message, Advice: f.Bise.Advice, Param: string(f.Param)}
	if f.Bise.Limit > 0 {
		e.Cause = &engine.ContextOverflow{Tokens: f.Bise.Tokens, Limit: f.Bise.Limit}
	}
	if e.Advice != "" {
		e.Msg = strings.TrimSuffix(e.Msg, adviceMark+e.Advice)
	}
	return e, true
}

// Optional is a string that is null in JSON when empty. Numbers and booleans,
// which some servers have for codes, are read as their text.
type Optional string

// MarshalJSON writes a string or null.
func (o Optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(string(o))
	return bytes.TrimSpace(b.Bytes()), err
}

// UnmarshalJSON reads any value that is not a list or an object, and takes those
// for nothing.
func (o *Optional) UnmarshalJSON(data []byte) error {
	*o = ""
	switch data[0] {
	case '"':
		return json.Unmarshal(data, (*string)(o))
	case 'n', '[', '{':
		return nil
	}
	*o = Optional(data)
	return nil
}
