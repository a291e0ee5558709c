package downloader

import (
	"fmt"
	"time"
)

// Kind is what a caller can do about an [Error].
type Kind string

const (
	Offline Kind = "offline" // the network is switched off
	Network Kind = "network" // the server cannot be reached, or does not behave
	Limited Kind = "limited" // the server wants fewer requests than it got
	Denied  Kind = "denied"  // the server wants a token, or another one
	Missing Kind = "missing" // the server does not have it
	Refused Kind = "refused" // it would not be safe to go on
	Damaged Kind = "damaged" // the bytes are not what they should be
	Full    Kind = "full"    // there is no room on the disk
	Local   Kind = "local"   // a file or folder here is in the way
)

// An Error is one sentence on what was attempted and went wrong, and another on
// what to do. Neither has credentials or the query of a URL in it.
type Error struct {
	Kind      Kind
	Msg       string // a sentence without its full stop
	Advice    string // what to do, a sentence; may be empty
	Status    int    // the HTTP status behind it, 0 when there was none
	RequestID string // what the server calls the request; its support asks for it
	Err       error  // what is behind it
}

func (e *Error) Error() string {
	if e.RequestID != "" {
		return fmt.Sprintf("%s (request %s)", e.Msg, e.RequestID)
	}
	return e.Msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.Advice }

// minutes is a time as people say it.
func minutes(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
