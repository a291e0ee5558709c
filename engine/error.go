package engine

import (
	"errors"
	"fmt"
)

// Kind is what a caller can do about an error.
type Kind string

const (
	Invalid     Kind = "invalid"     // the request makes no sense; Param names the field
	TooLong     Kind = "too_long"    // it does not fit the context
	Unsupported Kind = "unsupported" // the model cannot do this
	NotFound    Kind = "not_found"   // no such model
	BadModel    Kind = "bad_model"   // the file is not a model this engine can run
	NoMemory    Kind = "no_memory"   // it does not fit this machine
	Crashed     Kind = "crashed"     // the process that held the model ended
	Busy        Kind = "busy"        // too many requests wait
	Network     Kind = "network"     // the server could not be reached
	Denied      Kind = "denied"      // the server wants another key
	Closed      Kind = "closed"      // the engine is closed
	Internal    Kind = "internal"    // a fault of ours
)

// An Error is a failure that crosses package and process borders as it is: one
// sentence on what was attempted and went wrong, and another on what to do.
type Error struct {
	Kind   Kind
	Msg    string // a sentence without its full stop
	Advice string // what to do, a sentence; may be empty
	Param  string // the request's field, for Invalid
	// Tokens and Limit are the two numbers of TooLong.
	Tokens, Limit int
	Err           error // what is behind it, for errors.Is; not sent to other processes
}

func (e *Error) Error() string { return e.Msg }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.Advice }

// KindOf is the kind of the first *Error in err's chain, "" when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// Errorf makes an error of a kind. A %w operand is kept as its cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// ErrTooLong is the error of a request of so many tokens for a context of limit.
func ErrTooLong(tokens, limit int) *Error {
	return &Error{
		Kind: TooLong, Tokens: tokens, Limit: limit,
		Msg:    fmt.Sprintf("the request has %d tokens and the context holds %d", tokens, limit),
		Advice: "Send less, or use a model with a longer context.",
	}
}
