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
	errExpired    = errors.New("the URL has expired")
	errNoRange    = errors.New("the server sends only the whole file")
	errRange      = errors.New("the server sent another range than requested")
	errCompressed = errors.New("the server sent it compressed")
)

// accept checks a response, and returns the span of its body.
func (w *fetch) accept(resp *http.Response, who int, s span, ranged bool, version int) (span, error) {
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		if _, _, total, ok := ContentRange(resp.Header.Get("Content-Range")); ok && total >= 0 && total != w.queue.size {
			return s, w.sizeError(resp, total)
		}
		return s, w.rangeError(resp)
	}
	if err := w.checkResponse(resp, version, ranged); err != nil {
		return s, err
	}
	if resp.StatusCode == http.StatusPartialContent {
		from, to, total, ok := ContentRange(resp.Header.Get("Content-Range"))
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if !ranged || !ok || kind == "multipart/byteranges" || from != s.from || to != s.to ||
			total >= 0 && total != w.queue.size || resp.ContentLength >= 0 && resp.ContentLength != to-from {
			return s, w.rangeError(resp)
		}
		return s, nil
	}
	if resp.Header.Get("Content-Range") != "" { // a range, despite its status
		return s, w.rangeError(resp)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != w.queue.size {
		return s, w.sizeError(resp, resp.ContentLength)
	}
	if !ranged {
		return s, nil
	}
	if s, ok := w.queue.fetchWhole(who); ok {
		return s, nil
	}
	return s, errNoRange
}

// checkResponse returns an error for a response without the unchanged bytes of the file.
func (w *fetch) checkResponse(resp *http.Response, version int, ranged bool) error {
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
		if w.badRanges.Add(1) > 1 {
			return w.proxyError(resp, errCompressed)
		}
		return errCompressed
	}
	return w.checkVersion(resp, ranged)
}

// checkVersion returns an error if the server's file has changed since the download began.
// If the hash is known, the hash decides instead.
func (w *fetch) checkVersion(resp *http.Response, ranged bool) error {
	if w.file.Hash != "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := validator(resp.Header)
	switch {
	case w.validator == "":
		w.validator = v
	case v == "" && ranged && resp.StatusCode == http.StatusOK: // If-Range did not match
		return errChanged
	case v != "" && v != w.validator:
		return errChanged
	}
	return nil
}

// validator identifies a version of a file for If-Range: a strong ETag, or a date.
func validator(h http.Header) string {
	const limit = 256 // bytes
	for _, v := range []string{h.Get("ETag"), h.Get("Last-Modified")} {
		if v != "" && len(v) <= limit && !strings.HasPrefix(v, "W/") {
			return v
		}
	}
	return ""
}

// rangeError counts wrong ranges. From the second one on, the whole file is requested.
func (w *fetch) rangeError(resp *http.Response) error {
	const limit = 6
	n := w.badRanges.Add(1)
	if n > limit {
		return w.proxyError(resp, errRange)
	}
	if n > 1 {
		w.queue.fetchWhole(0)
	}
	return errRange
}

// proxyError makes the error of a response that a correct server does not send.
func (w *fetch) proxyError(resp *http.Response, why error) error {
	return failure(fault.Network, resp, why, fmt.Sprintf("get %s: %v", DisplayURL(resp.Request.URL), why),
		"A proxy may modify the responses: try another network.")
}

func (w *fetch) sizeError(resp *http.Response, size int64) error {
	return failure(fault.Damaged, resp, nil, fmt.Sprintf("expected %d bytes, and %s has a file of %d bytes", w.queue.size, resp.Request.URL.Host, size),
		"The file has changed on the server, or a proxy is broken: try again later.")
}

// ContentRange parses a Content-Range header (RFC 9110, 14.4): the bytes from, up to but
// not including to, of total, which is −1 if unknown. Without a satisfied range from and
// to are 0.
func ContentRange(header string) (from, to, total int64, ok bool) {
	text, ok := strings.CutPrefix(header, "bytes ")
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
