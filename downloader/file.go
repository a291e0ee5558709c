package downloader

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A File is something to fetch.
type File struct {
	// Name is what people call it; it is shown, and not used as a path.
	Name string
	// Size in bytes, −1 while unknown.
	Size int64
	// Hash of the content, "" where it is not known.
	Hash Hash
	// Locate says where the bytes are available at present. It is called once for all
	// connections, and again when a location has expired or is refused.
	Locate func(context.Context) (Location, error)
}

// A Location is where bytes are available for a while.
type Location struct {
	URL *url.URL
	// Header is sent along, a token for instance. It stays with the URL's origin.
	Header http.Header
	// Expires is when the location stops being good; zero for never, or unknown.
	Expires time.Time

	trail trail // the redirects that led here
}

// At is a File's Locate for a URL that does not change.
func At(u *url.URL, header http.Header) func(context.Context) (Location, error) {
	return func(context.Context) (Location, error) {
		return Location{URL: u, Header: header, Expires: expiry(u)}, nil
	}
}

// A Result is what a fetch came to.
type Result struct {
	Size     int64 // bytes
	SHA256   Hash  // computed from what is on the disk
	Verified bool  // a hash was known and is right
	Fetched  int64 // bytes that came over the network for it in this run
}

// expiry is when a signed URL says that it expires, in CloudFront's spelling or
// S3's; zero when it does not say.
func expiry(u *url.URL) time.Time {
	q := u.Query()
	if n, err := strconv.ParseInt(q.Get("Expires"), 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0)
	}
	signed, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil {
		return time.Time{}
	}
	const week = 7 * 24 * 3600 // seconds: the longest that S3 signs for
	if n, err := strconv.Atoi(q.Get("X-Amz-Expires")); err == nil && n > 0 && n <= week {
		return signed.Add(time.Duration(n) * time.Second)
	}
	return time.Time{}
}
