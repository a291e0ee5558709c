package downloader

import (
	"context"
	"net/http"
	"time"
)

const (
	// expiryMargin is how long before its expiry a location is replaced.
	expiryMargin = time.Minute
	// maxRelocations is how many locations in a row may be refused.
	maxRelocations = 3
)

// A locateError is an error of a file's Locate.
type locateError struct{ err error }

func (e *locateError) Error() string { return e.err.Error() }
func (e *locateError) Unwrap() error { return e.err }

// A source is the location of the bytes for all connections of a download. One of them calls
// Locate, and the others wait.
type source struct {
	locate func(context.Context) (Location, error)

	turn    chan struct{} // a lock for the fields below
	current *Location
	version int  // of current
	moved   bool // current is the target of redirects, or expires
	refusal int  // refused locations in a row
	got     int64
}

func newSource(locate func(context.Context) (Location, error)) *source {
	s := &source{locate: locate, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// location returns the present location and its version.
func (s *source) location(ctx context.Context) (Location, int, error) {
	select {
	case <-ctx.Done():
		return Location{}, 0, context.Cause(ctx)
	case <-s.turn:
	}
	defer func() { s.turn <- struct{}{} }()
	if c := s.current; c != nil && c.due() {
		s.current = nil
	}
	if s.current == nil {
		loc, err := s.locate(ctx)
		if err != nil {
			return Location{}, 0, &locateError{err}
		}
		s.moved = len(loc.trail.hops) > 0 || !loc.Expires.IsZero()
		s.use(loc)
	}
	return *s.current, s.version, nil
}

// use sets the current location.
func (s *source) use(l Location) {
	if l.due() {
		// A clock is wrong, or the time is very short: use it until the server refuses.
		l.Expires = time.Time{}
	}
	s.current = &l
	s.version++
}

// due reports whether a location has expired, or will soon.
func (l *Location) due() bool { return !l.Expires.IsZero() && time.Until(l.Expires) < expiryMargin }

// arrived records the target of redirects, so that the next request goes there directly.
func (s *source) arrived(version int, resp *http.Response) {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if version != s.version || s.current == nil || resp.Request.URL.String() == s.current.URL.String() {
		return
	}
	header := resp.Request.Header.Clone()
	for _, name := range []string{"Range", "If-Range"} {
		header.Del(name)
	}
	s.moved = true
	s.use(Location{URL: resp.Request.URL, Header: header, Expires: expiry(resp.Request.URL), trail: trailOf(resp.Request.Context())})
}

// refused records a refused location, and reports whether another one is worth a try: not if
// several in a row failed. Got is the number of received bytes.
func (s *source) refused(version int, got int64) bool {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if version != s.version {
		return true // another caller has handled it
	}
	if s.got != got {
		s.got, s.refusal = got, 0
	}
	s.refusal++
	if !s.moved || s.refusal > maxRelocations {
		return false
	}
	s.current = nil
	s.version++ // other connections are refused for the same reason
	return true
}
