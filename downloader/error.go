package downloader

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A statusError is the cause of an error that a response led to.
type statusError struct {
	status int
	err    error // nil if the status says it all
}

func (e *statusError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return "the server answered " + statusText(e.status)
}

func (e *statusError) Unwrap() error { return e.err }

// failure makes the error of a response, with a statusError as its cause. The message ends
// with the identifier of the request, if it has one.
func failure(kind fault.Kind, resp *http.Response, why error, msg, advice string) *fault.Error {
	if id := requestID(resp); id != "" {
		msg = fmt.Sprintf("%s (request %s)", msg, id)
	}
	return &fault.Error{Kind: kind, Msg: msg, Advice: advice, Cause: &statusError{resp.StatusCode, why}}
}

// statusOf returns the HTTP status that led to err, and 0 when no response led to it.
func statusOf(err error) int {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.status
	}
	return 0
}

// statusText returns a status as "404 Not Found".
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprint(code)
}

// requestID returns the identifier that Hugging Face, S3 or Cloudflare gave to a request.
func requestID(resp *http.Response) string {
	for _, name := range []string{"X-Request-Id", "X-Amz-Request-Id", "Cf-Ray"} {
		if id := resp.Header.Get(name); id != "" {
			return strings.ToValidUTF8(fmt.Sprintf("%.80s", id), "")
		}
	}
	return ""
}

// roundDuration formats a duration in its largest sensible unit.
func roundDuration(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
