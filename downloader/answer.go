package downloader

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
)

var (
	errExpired = errors.New("the address has expired")
	errNoRange = errors.New("the server sends only the whole file")
	errRange   = errors.New("the server sends another part than was asked for")
	errCoded   = errors.New("the server sends it compressed")
)

// accept decides whether an answer is what was asked for, and what of it to keep.
func (w *fetch) accept(resp *http.Response, who int, s span, ranged bool, version int) (span, error) {
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		if _, _, total, ok := contentRange(resp.Header.Get("Content-Range")); ok && total >= 0 && total != w.queue.size {
			return s, w.otherSize(resp, total)
		}
		return s, w.misrange(resp)
	}
	if err := w.usable(resp, version, ranged); err != nil {
		return s, err
	}
	said := resp.Header.Get("Content-Range")
	if resp.StatusCode == http.StatusPartialContent {
		from, to, total, ok := contentRange(said)
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if !ranged || !ok || kind == "multipart/byteranges" || from != s.from || to != s.to ||
			total >= 0 && total != w.queue.size || resp.ContentLength >= 0 && resp.ContentLength != to-from {
			return s, w.misrange(resp)
		}
		return s, nil
	}
	if said != "" { // it is a part, whatever its status says
		return s, w.misrange(resp)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != w.queue.size {
		return s, w.otherSize(resp, resp.ContentLength)
	}
	if !ranged {
		return s, nil
	}
	if s, ok := w.queue.alone(who); ok {
		return s, nil
	}
	return s, errNoRange
}

// usable reports what is wrong with an answer that is not of the file, or not as it is on
// the server.
func (w *fetch) usable(resp *http.Response, version int, ranged bool) error {
	switch resp.StatusCode {
	case http.StatusOK:
		if err := LoginPage(resp); err != nil && !strings.HasSuffix(w.file.Name, ".html") {
			return err
		}
	case http.StatusPartialContent:
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone:
		if w.source.refused(version, w.fetched.Load()) {
			return errExpired
		}
		return ResponseError(resp)
	default:
		return ResponseError(resp)
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		if w.misranged.Add(1) > 1 {
			return w.broken(resp, errCoded)
		}
		return errCoded
	}
	return w.sameVersion(resp, ranged)
}

// sameVersion reports an error when the server's file is not the one that was begun,
// as far as can be told. Where a hash is known it is what tells.
func (w *fetch) sameVersion(resp *http.Response, ranged bool) error {
	if w.file.Hash != "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := validator(resp.Header)
	switch {
	case w.validator == "":
		w.validator = v
	case v == "" && ranged && resp.StatusCode == http.StatusOK: // it did not pass If-Range
		return errChanged
	case v != "" && v != w.validator:
		return errChanged
	}
	return nil
}

// validator is what tells one version of a file from another, for If-Range: a strong
// ETag, or a date.
func validator(h http.Header) string {
	const most = 256 // bytes
	for _, v := range []string{h.Get("ETag"), h.Get("Last-Modified")} {
		if v != "" && len(v) <= most && !strings.HasPrefix(v, "W/") {
			return v
		}
	}
	return ""
}

// misrange counts answers that cannot be relied on; from the second on, ranges are
// done without.
func (w *fetch) misrange(resp *http.Response) error {
	const most = 6
	n := w.misranged.Add(1)
	if n > most {
		return w.broken(resp, errRange)
	}
	if n > 1 {
		w.queue.alone(0)
	}
	return errRange
}

// broken is the error of an answer that no server gives which is set up rightly.
func (w *fetch) broken(resp *http.Response, why error) error {
	return failure(fault.Network, resp, why, fmt.Sprintf("get %s: %v", plain(resp.Request.URL), why),
		"A proxy may modify the responses: try another network.")
}

// otherSize is the error of a server whose file is not the one that was expected.
func (w *fetch) otherSize(resp *http.Response, size int64) error {
	return failure(fault.Damaged, resp, nil, fmt.Sprintf("expected %d bytes, and %s has a file of %d bytes", w.queue.size, resp.Request.URL.Host, size),
		"The file has changed on the server, or a proxy is broken: try again later.")
}

// contentRange reads a Content-Range header (RFC 9110, 14.4): bytes from, to before
// to, of total, which is −1 when it is not said. Where the range is not satisfied
// from and to are 0.
func contentRange(text string) (from, to, total int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	part, whole, cut := strings.Cut(text, "/")
	if !ok || !cut {
		return 0, 0, 0, false
	}
	number := func(s string) int64 {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil || s[0] == '+' {
			ok = false
		}
		return int64(n)
	}
	total = -1
	if whole != "*" {
		total = number(whole)
	}
	if part == "*" {
		return 0, 0, total, ok && total >= 0
	}
	first, last, cut := strings.Cut(part, "-")
	from, to = number(first), number(last)+1
	if !ok || !cut || to <= from || total >= 0 && to > total {
		return 0, 0, 0, false
	}
	return from, to, total, true
}
