package downloader

import (
	"context"
	"net/http"
	"time"
)

const (
	// early is how long before its end a location is given up.
	early = time.Minute
	// maxRelocations is how many locations in a row may be refused.
	maxRelocations = 3
)

// A locateError is that of a file's Locate.
type locateError struct{ err error }

func (e *locateError) Error() string { return e.err.Error() }
func (e *locateError) Unwrap() error { return e.err }

// A source is where all connections of a fetch get the bytes. One of them asks for
// a new location, and the others wait for it.
type source struct {
	locate func(context.Context) (Location, error)

	turn    chan struct{} // holds one; who takes it may use what follows
	current *Location
	version int  // of current
	moved   bool // redirects have led to current
	refusal int  // locations that were refused in a row
	got     int64
}

func newSource(locate func(context.Context) (Location, error)) *source {
	s := &source{locate: locate, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// location is where to get bytes at present.
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

// use makes a location the current one.
func (s *source) use(l Location) {
	if l.due() {
		// A clock is wrong, this one or the server's, or it is meant to be short: it
		// is good until the server says otherwise.
		l.Expires = time.Time{}
	}
	s.current = &l
	s.version++
}

// due reports whether a location's time is over, or will be soon.
func (l *Location) due() bool { return !l.Expires.IsZero() && time.Until(l.Expires) < early }

// arrived takes in where redirects led from a location, so that the next request
// goes there at once.
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

// refused takes in that a location is no longer good, and reports whether another
// one is worth a try: not when several in a row were of no use. Got is how many bytes
// have come.
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
	s.version++ // others that are refused there now mean the same
	return true
}
