package downloader

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A StatusError is the cause of an error that a server's response led to.
type StatusError struct {
	Status    int    // the HTTP status
	RequestID string // the server's identifier of the request, for its support; may be empty
	Err       error  // what is wrong with the response, nil when its status says it all
}

func (e *StatusError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "the server answered " + statusText(e.Status)
}

// Unwrap returns what is wrong with the response.
func (e *StatusError) Unwrap() error { return e.Err }

// failure makes the error of a response, with a [StatusError] as its cause. The
// message ends with the request's identifier, if there is one.
func failure(kind fault.Kind, resp *http.Response, why error, msg, advice string) *fault.Error {
	s := &StatusError{Status: resp.StatusCode, RequestID: requestID(resp), Err: why}
	if s.RequestID != "" {
		msg = fmt.Sprintf("%s (request %s)", msg, s.RequestID)
	}
	return &fault.Error{Kind: kind, Msg: msg, Advice: advice, Cause: s}
}

// statusOf returns the HTTP status that led to err, and 0 when no response led to it.
func statusOf(err error) int {
	if s, ok := errors.AsType[*StatusError](err); ok {
		return s.Status
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
