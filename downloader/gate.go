package downloader

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxFailures is the number of failures in a row after which requests to a server are sent
// one at a time.
const maxFailures = 5

// A gate controls the requests to one origin. It blocks them as long as the server asks
// for, and lets one at a time pass while the server fails.
type gate struct {
	mu       sync.Mutex
	until    time.Time     // when requests may continue
	asked    bool          // whether the server asked for that
	failures int           // in a row
	probing  bool          // a request is being sent
	changed  chan struct{} // closed by any change
}

func (c *Client) gate(u *url.URL) *gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.gates[origin(u)]
	if g == nil {
		g = &gate{changed: make(chan struct{})}
		c.gates[origin(u)] = g
	}
	return g
}

// enter waits until a request may be sent; leave must follow. During a pause that the server
// asked for, it calls onPause, if not nil, with the end of the pause.
func (g *gate) enter(ctx context.Context, onPause func(until time.Time)) error {
	for {
		g.mu.Lock()
		wait, storm, changed := time.Until(g.until), g.failures >= maxFailures && g.probing, g.changed
		if wait <= 0 && !storm {
			g.probing = true
			g.mu.Unlock()
			return ctx.Err()
		}
		until, asked := g.until, g.asked
		g.mu.Unlock()
		if wait > 0 && asked && onPause != nil {
			onPause(until)
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer:
		case <-changed:
		}
	}
}

// leave records the result of a request. It returns how long to wait before the next one, and
// whether the server asked for it.
func (g *gate) leave(resp *http.Response, err error) (wait time.Duration, asked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	if err == nil && !temporary(resp.StatusCode) {
		g.failures = 0
	} else {
		g.failures++
		wait = backoff(g.failures)
		if g.failures >= maxFailures && time.Until(g.until) < wait {
			g.until, g.asked = time.Now().Add(wait), false
		}
	}
	if resp != nil {
		if d, ok := pause(resp.Header, resp.StatusCode, time.Now()); ok {
			wait, asked = d, true
			if d <= maxWait { // a longer wait is an error
				g.until, g.asked = time.Now().Add(d), true
			}
		}
	}
	close(g.changed)
	g.changed = make(chan struct{})
	return wait, asked
}

// pause is how long a server wants no requests, by its RateLimit header (a draft of the IETF:
// `"resolvers";r=0;t=3`, r requests left and t seconds to wait) or by Retry-After.
func pause(h http.Header, status int, now time.Time) (d time.Duration, ok bool) {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0, false
	}
	if left, seconds, ok := rateLimit(h.Get("RateLimit")); ok && left == 0 {
		return seconds + time.Second, true
	}
	return retryAfter(h.Get("Retry-After"), now)
}

// maxPause prevents an overflow.
const maxPause = 365 * 24 * time.Hour

// rateLimit parses a RateLimit header.
func rateLimit(text string) (left int, wait time.Duration, ok bool) {
	left = -1
	wait = -1
	for param := range strings.SplitSeq(text, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			continue
		}
		switch key {
		case "r":
			left = n
		case "t":
			wait = time.Duration(min(n, int(maxPause/time.Second))) * time.Second
		}
	}
	return left, wait, left >= 0 && wait >= 0
}

// retryAfter parses a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). A date in
// the past means no wait.
func retryAfter(text string, now time.Time) (d time.Duration, ok bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(n, int(maxPause/time.Second)))) * time.Second, n >= 0
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(0, at.Sub(now)), maxPause), true
}
