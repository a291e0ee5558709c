package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// A refusal is a fault.Error whose HTTP form differs from that of its kind.
type refusal struct {
	err    *fault.Error
	class  wire.Class
	detail []wire.Detail
}

func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns the engine's error.
func (r *refusal) Unwrap() error { return r.err }

// newRefusal returns a refusal of a request that matches the schema but makes no sense.
func newRefusal(param, format string, args ...any) *refusal {
	err := fault.Errorf(fault.Invalid, format, args...)
	err.Param = param
	return &refusal{err: err, class: wire.ClassOf(fault.Invalid)}
}

// as sets La Plateforme's type and code.
func (r *refusal) as(typ, code string) *refusal {
	r.class.Type, r.class.Code = typ, code
	return r
}

// status overrides the HTTP status of the kind.
func (r *refusal) status(status int) *refusal {
	r.class.Status = status
	return r
}

func (r *refusal) advise(advice string) *refusal {
	r.err.Advice = advice
	return r
}

// unprocessable returns a refusal of a request that violates the schema.
func unprocessable(detail []wire.Detail) *refusal {
	first := detail[0]
	path := make([]string, 0, len(first.Loc))
	for _, step := range first.Loc[1:] {
		path = append(path, fmt.Sprint(step))
	}
	param := strings.Join(path, ".")
	msg := first.Msg
	if param != "" {
		msg = param + ": " + msg
	}
	if more := len(detail) - 1; more > 0 {
		msg += fmt.Sprintf(" (and %d more)", more)
	}
	r := newRefusal(param, "%s", msg).status(http.StatusUnprocessableEntity)
	r.detail = detail
	return r
}
