// Package fault is how every part of bise reports a failure: one error type, the
// kinds of failure, and in one table what each kind means for the exit code and
// what a user can do about it.
//
// A package returns an [*Error] when it knows the kind; everything else is an
// ordinary error and counts as [Internal]. A face (the command line, the
// interface, the server) shows what [Explain] returns, so that all of them show
// the same two sentences.
package fault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind classifies a failure by what a caller can do about it. Kinds are part of
// the wire format: they cross process borders by name.
type Kind string

const (
	Usage       Kind = "usage"       // the command line or a configuration file is wrong
	Invalid     Kind = "invalid"     // the request is invalid; Param names the field
	TooLong     Kind = "too_long"    // the request does not fit the context
	Unsupported Kind = "unsupported" // the model cannot do this
	NotFound    Kind = "not_found"   // no such model, file or conversation
	BadModel    Kind = "bad_model"   // the file is not a model that the engine can run
	BadData     Kind = "bad_data"    // a file has the wrong format or is damaged
	NoMemory    Kind = "no_memory"   // the model does not fit in memory
	NoSpace     Kind = "no_space"    // the disk is full
	File        Kind = "file"        // a local file or folder cannot be used
	Crashed     Kind = "crashed"     // the process that held the model ended
	Busy        Kind = "busy"        // too many requests are waiting, or another process holds a lock
	Closed      Kind = "closed"      // the engine is closed
	Internal    Kind = "internal"    // a bug in bise

	Offline Kind = "offline" // network access is switched off
	Network Kind = "network" // the server cannot be reached or does not follow the protocol
	Limited Kind = "limited" // the server refuses more requests for now
	Denied  Kind = "denied"  // the server wants a token or key, or another one
	Missing Kind = "missing" // the server does not have it
	Refused Kind = "refused" // bise refuses to continue, because it would not be safe
	Damaged Kind = "damaged" // the received bytes are not the expected ones

	Licence     Kind = "licence"     // the user has not agreed: to a licence, or to a download
	Negative    Kind = "negative"    // the command worked and its answer is "no"; already reported
	Unfinished  Kind = "unfinished"  // only a part of the work could be done; already reported
	Interrupted Kind = "interrupted" // the user stopped it; nothing to report
)

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitNo          = 1 // the command worked and its answer is "no"
	ExitUsage       = 2
	ExitModel       = 3 // the model or the engine failed
	ExitNetwork     = 4
	ExitLicence     = 5
	ExitInterrupted = 130
)

// table has the exit code of each kind, and the advice for an error without its own: in the
// shell, and inside the interface in place of advice that names a shell command.
var table = map[Kind]struct {
	exit           int
	advice, inside string
}{
	Usage:       {ExitUsage, "", ""},
	Invalid:     {ExitUsage, "", ""},
	TooLong:     {ExitModel, "Send less, or use a model with a longer context.", ""},
	Unsupported: {ExitModel, "", "Choose another model."},
	NotFound:    {ExitModel, "", "Choose a model in the list of models."},
	BadModel:    {ExitModel, "Download the file again, or choose another model with -m.", "Download the model again, or choose another one."},
	BadData:     {ExitModel, "", ""},
	NoMemory:    {ExitModel, "Free memory with bise stop --all, or choose a smaller model with -m.", "Close other programs, or choose a smaller model."},
	NoSpace:     {ExitModel, "Free some disk space and try again.", "Free some disk space and try again."},
	File:        {ExitModel, "", ""},
	Crashed:     {ExitModel, "Try again: bise starts a new worker. If it crashes again, choose another model with -m.", "Try again: bise starts a new worker. If it crashes again, choose another model."},
	Busy:        {ExitModel, "Try again when the other request is done.", ""},
	Closed:      {ExitModel, "Try again.", ""},
	Internal:    {ExitModel, "", ""},
	Offline:     {ExitNetwork, "", ""},
	Network:     {ExitNetwork, "Check the network, and the URL in config.toml.", ""},
	Limited:     {ExitNetwork, "Try again later.", ""},
	Denied:      {ExitNetwork, "Check the endpoint's key in config.toml.", "Check the key of the server."},
	Missing:     {ExitNetwork, "", "Check the name."},
	Refused:     {ExitNetwork, "", ""},
	Damaged:     {ExitNetwork, "", "Try again, or choose another source."},
	Licence:     {ExitLicence, "", "Read and accept the licence in the list of models."},
	Negative:    {ExitNo, "", ""},
	Unfinished:  {ExitModel, "", ""},
	Interrupted: {ExitInterrupted, "", ""},
}

// An Error is a failure of a known kind: one sentence on what was attempted and
// what went wrong, and another on what to do.
type Error struct {
	Kind   Kind
	Msg    string // "verb object: cause", without a full stop
	Advice string // what to do next, a sentence; "": the default of the kind
	Param  string // the field of the request, for Invalid and Unsupported
	Cause  error  // for errors.Is and errors.As; not sent to other processes
}

func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error of a kind. A %w operand is kept as its cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Cause: errors.Unwrap(err)}
}

// Advise returns err with advice in place of the old one. An err without a kind gets
// [Internal].
func Advise(err error, format string, args ...any) *Error {
	e := &Error{Kind: Internal, Msg: err.Error(), Cause: err}
	if known, ok := errors.AsType[*Error](err); ok {
		e.Kind, e.Param = known.Kind, known.Param
	}
	e.Advice = fmt.Sprintf(format, args...)
	return e
}

// KindOf returns the kind of the first [*Error] in err's chain, and "" when
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// ExitCode returns the exit code for err: 0 for nil, and that of [Internal] for
// an error without a kind.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	kind := KindOf(err)
	if kind == "" {
		kind = Internal
	}
	return table[kind].exit
}

// Explain returns what to show for err: a sentence on what went wrong, and one
// on what to do, which may be empty.
func Explain(err error) (message, advice string) {
	// A writer that has failed fails again when it is flushed or closed.
	message = strings.Join(slices.Compact(strings.Split(err.Error(), "\n")), "\n")
	if errors.Is(err, context.DeadlineExceeded) {
		message = "timed out: " + message
	}
	if e, ok := errors.AsType[*Error](err); ok {
		advice = e.Advice
	}
	if advice == "" {
		advice = table[KindOf(err)].advice
	}
	return Sentence(message), Sentence(advice)
}

// ExplainInside is [Explain] for the interface, where no shell command can be typed: its advice
// leaves out sentences that name one.
func ExplainInside(err error) (message, advice string) {
	message, all := Explain(err)
	var kept []string
	for sentence := range strings.SplitAfterSeq(all, ". ") {
		if sentence = strings.TrimSpace(sentence); !isShell(sentence) {
			kept = append(kept, sentence)
		}
	}
	if advice = strings.Join(kept, " "); advice == "" && all != "" {
		advice = table[KindOf(err)].inside
	}
	return message, advice
}

// isShell reports whether a sentence names what can only be typed in a shell, or sent by a
// program.
func isShell(sentence string) bool {
	for _, m := range afterName.FindAllStringSubmatch(sentence, -1) {
		if word := m[1]; !strings.HasSuffix(word, "s") && !prose[word] || word == "ps" || word == "logits" {
			return true
		}
	}
	return shell.MatchString(sentence)
}

var (
	afterName = regexp.MustCompile(`\bbise ([a-z]+)`)
	// prose follows the name in sentences, as do verbs that end with s: "bise reads …".
	prose = map[string]bool{"may": true, "can": true, "cannot": true, "will": true, "must": true, "and": true, "or": true, "on": true, "to": true, "in": true, "again": true}
	shell = regexp.MustCompile("`bise|(^|[ (,])--?[a-zA-Z]|\\bexport [A-Z]|GET /")
)

// Sentence ends s with a full stop unless another mark ends it.
func Sentence(s string) string {
	s = strings.TrimRight(s, " \n")
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!:…") {
		return s
	}
	return s + "."
}
