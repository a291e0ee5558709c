package downloader

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"time"

	"github.com/bise-sh/bise/fault"
)

// storeCode matches the error code of S3 and compatible stores.
var storeCode = regexp.MustCompile(`<Code>(\w{1,40})</Code>`)

// ResponseError makes the error of a response with an unexpected status. Hubs that know more
// replace its message. It closes the body.
func ResponseError(resp *http.Response) *fault.Error {
	defer resp.Body.Close()
	// A short body that is read to its end leaves the connection reusable.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	msg := fmt.Sprintf("get %s: the server answered %s", DisplayURL(resp.Request.URL), statusText(resp.StatusCode))
	if code := storeCode.FindSubmatch(text); code != nil {
		msg += fmt.Sprintf(" (%s)", code[1])
	}
	kind, advice := fault.Network, ""
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		kind, advice = fault.Denied, "The server requires a valid token."
	case code == http.StatusForbidden:
		kind, advice = fault.Denied, "Your account has no access to this file."
	case code == http.StatusNotFound, code == http.StatusGone:
		kind, advice = fault.Missing, "Check the name."
	case code == http.StatusUnavailableForLegalReasons:
		kind, advice = fault.Missing, "The server cannot provide the file for legal reasons."
	case code == http.StatusProxyAuthRequired:
		advice = proxyLogin
	case code == http.StatusTooManyRequests:
		kind, advice = fault.Limited, "Try again later."
		if wait, ok := pause(resp.Header, code, time.Now()); ok {
			advice = fmt.Sprintf("Try again in %s.", roundDuration(wait))
		}
	case temporary(code):
		advice = "The server has a problem: try again later."
	default:
		advice = "The server sent an unexpected status: check the URL, and the proxy if there is one."
	}
	return failure(kind, resp, nil, msg, advice)
}

var errWebPage = errors.New("the response is a web page")

// LoginPage returns an error when a response is a web page instead of a file or a
// listing, and nil otherwise. The body stays open.
func LoginPage(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/html" && kind != "application/xhtml+xml" {
		return nil
	}
	return failure(fault.Network, resp, errWebPage,
		fmt.Sprintf("get %s: got a web page instead, maybe the login page of a proxy or of a wireless network", DisplayURL(resp.Request.URL)),
		"Open any page in a browser to log in, or check the URL.")
}
