package engine

import (
	"errors"
	"fmt"

	"github.com/bise-sh/bise/fault"
)

// A ContextOverflow is the cause of a [fault.TooLong]: how many tokens a request has,
// and how many the context holds.
type ContextOverflow struct{ Tokens, Limit int }

func (o *ContextOverflow) Error() string {
	return fmt.Sprintf("the request has %d tokens and the context holds %d", o.Tokens, o.Limit)
}

// ErrTooLong returns the error of a request of tokens for a context of limit.
func ErrTooLong(tokens, limit int) *fault.Error {
	o := &ContextOverflow{Tokens: tokens, Limit: limit}
	return &fault.Error{Kind: fault.TooLong, Msg: o.Error(), Cause: o}
}

// OverflowOf returns the two numbers of a [fault.TooLong], or zeros where the
// engine did not give them.
func OverflowOf(err error) ContextOverflow {
	if o, ok := errors.AsType[*ContextOverflow](err); ok {
		return *o
	}
	return ContextOverflow{}
}
