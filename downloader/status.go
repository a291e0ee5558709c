package downloader

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// storeCode is the reason that S3, and stores that speak like it, give.
var storeCode = regexp.MustCompile(`<Code>(\w{1,40})</Code>`)

// StatusError is the error of a response that has not the status it should, in
// general terms; a hub that knows more says it instead. The body is closed.
func StatusError(resp *http.Response) *Error {
	defer resp.Body.Close()
	// Read to its end, a short body leaves the connection to the next request.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	e := &Error{
		Kind: Network, Status: resp.StatusCode, RequestID: requestID(resp),
		Msg: fmt.Sprintf("get %s: the server answered %s", plain(resp.Request.URL), status(resp.StatusCode)),
	}
	if code := storeCode.FindSubmatch(text); code != nil {
		e.Msg += fmt.Sprintf(" (%s)", code[1])
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		e.Kind, e.Advice = Denied, "The server wants a token, or another one."
	case code == http.StatusForbidden:
		e.Kind, e.Advice = Denied, "What you are known by there does not give access to it."
	case code == http.StatusNotFound, code == http.StatusGone:
		e.Kind, e.Advice = Missing, "Check the name."
	case code == http.StatusUnavailableForLegalReasons:
		e.Kind, e.Advice = Missing, "The server may not give it out for legal reasons."
	case code == http.StatusProxyAuthRequired:
		e.Advice = proxyLogin
	case code == http.StatusTooManyRequests:
		e.Kind = Limited
		if wait, ok := pause(resp.Header, code, time.Now()); ok {
			e.Advice = fmt.Sprintf("Try again in %s.", minutes(wait))
		} else {
			e.Advice = "Try again later."
		}
	case passes(code):
		e.Advice = "The server is in trouble: try again later."
	default:
		e.Advice = "That is no answer that makes sense here: check the address, and the proxy if there is one."
	}
	return e
}

// LoginPage is the error of a web page where a file or a listing should be, nil
// when the response is none. The body stays open.
func LoginPage(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/html" && kind != "application/xhtml+xml" {
		return nil
	}
	return &Error{
		Kind: Network, Status: resp.StatusCode, RequestID: requestID(resp),
		Msg:    fmt.Sprintf("get %s: a web page came instead, perhaps the login of a proxy or of a wireless network", plain(resp.Request.URL)),
		Advice: "Open any page in a browser to log in, or check the address.",
	}
}

// status is a status in words.
func status(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprint(code)
}

// requestID is what a server calls a request: Hugging Face, S3, Cloudflare.
func requestID(resp *http.Response) string {
	for _, name := range []string{"X-Request-Id", "X-Amz-Request-Id", "Cf-Ray"} {
		if id := resp.Header.Get(name); id != "" {
			return strings.ToValidUTF8(fmt.Sprintf("%.80s", id), "")
		}
	}
	return ""
}
