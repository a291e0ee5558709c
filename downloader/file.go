package downloader

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A File is a file to download.
type File struct {
	Name string // for display; it is not used as a path
	Size int64  // bytes, −1 if unknown
	Hash Hash   // "" if unknown
	// Locate returns the present location of the bytes. It is called once for all
	// connections, and again if a location has expired or is refused.
	Locate func(context.Context) (Location, error)
}

// A Location is a URL that may expire.
type Location struct {
	URL *url.URL
	// Header has further headers, such as a token. Other origins do not get credentials.
	Header http.Header
	// Expires is zero if the location does not expire, or the time is unknown.
	Expires time.Time

	trail trail // the redirects to it
}

func (l Location) request() *http.Request {
	req := &http.Request{Method: http.MethodGet, URL: l.URL, Header: l.Header.Clone()}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	return req
}

// At is the Locate of a File with a permanent URL.
func At(u *url.URL, header http.Header) func(context.Context) (Location, error) {
	return func(context.Context) (Location, error) {
		return Location{URL: u, Header: header, Expires: expiry(u)}, nil
	}
}

// A Result describes a downloaded file.
type Result struct {
	Size     int64 // bytes
	SHA256   Hash  // of the file on disk
	Verified bool  // the file has the expected hash
	Fetched  int64 // bytes received in this run
}

// expiry is the expiry of a signed URL of CloudFront or S3, zero if it has none.
func expiry(u *url.URL) time.Time {
	q := u.Query()
	if n, err := strconv.ParseInt(q.Get("Expires"), 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0)
	}
	signed, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil {
		return time.Time{}
	}
	const week = 7 * 24 * 3600 // seconds: the maxPause that S3 signs for
	if n, err := strconv.Atoi(q.Get("X-Amz-Expires")); err == nil && n > 0 && n <= week {
		return signed.Add(time.Duration(n) * time.Second)
	}
	return time.Time{}
}
