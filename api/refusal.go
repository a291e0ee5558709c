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

// Unwrap gives the engine's error.
func (r *refusal) Unwrap() error { return r.err }

// refuse makes a refusal of what fits the schema but makes no sense.
func refuse(param, format string, args ...any) *refusal {
	err := fault.Errorf(fault.Invalid, format, args...)
	err.Param = param
	return &refusal{err: err, class: wire.ClassOf(fault.Invalid)}
}

// as gives a refusal the type and code that La Plateforme has for it.
func (r *refusal) as(typ, code string) *refusal {
	r.class.Type, r.class.Code = typ, code
	return r
}

// status gives a refusal another status than its kind's.
func (r *refusal) status(status int) *refusal {
	r.class.Status = status
	return r
}

func (r *refusal) advise(advice string) *refusal {
	r.err.Advice = advice
	return r
}

// unprocessable refuses what does not fit the schema.
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
	r := refuse(param, "%s", msg).status(http.StatusUnprocessableEntity)
	r.detail = detail
	return r
}
