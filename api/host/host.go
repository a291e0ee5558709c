// Package host runs a handler as a server on this machine.
//
// [Listen] opens a TCP port or a Unix socket, [Serve] answers there until its context
// ends. It bounds what clients can hold: connections, the time to send a request, and the
// time that an idle connection stays. At the end it lets answers finish for a while and
// then cuts them off; a handler sees that as the end of its request's context, with a
// cause of kind Closed.
package host

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/fault"
)

const (
	// headerTime is how long a client may take to send the header of a request.
	headerTime = 10 * time.Second
	// idleTime is how long a connection without a request stays.
	idleTime = 2 * time.Minute
	// cutTime is how long answers that are cut off get to send their error.
	cutTime = 3 * time.Second

	// DefaultConnections is how many connections may be open at once.
	DefaultConnections = 512
)

// Config configures a server.
type Config struct {
	Handler     http.Handler
	TLS         *tls.Config   // nil: plain HTTP
	Connections int           // open at once; 0: DefaultConnections
	Drain       time.Duration // how long answers may continue when the server ends
	Logger      *slog.Logger  // nil: none
	// Draining is called when the server ends and answers are still being written.
	Draining func()
}

// errShutdown is why an answer is cut off.
var errShutdown = &fault.Error{
	Kind: fault.Closed, Msg: "the server is shutting down", Advice: "Try again when it is back.",
}

// Serve answers requests until ctx ends, and then closes the listener. It returns nil after
// an orderly end, also if answers were cut off.
func Serve(ctx context.Context, l net.Listener, c Config) error {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	answers, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	var running atomic.Int64
	web := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Add(-1)
			c.Handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		BaseContext:       func(net.Listener) context.Context { return answers },
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		TLSConfig:         c.TLS,
	}
	l = limit(l, cmp.Or(c.Connections, DefaultConnections))
	failed := make(chan error, 1)
	go func() {
		if c.TLS != nil {
			failed <- web.ServeTLS(l, "", "")
			return
		}
		failed <- web.Serve(l)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if running.Load() > 0 && c.Draining != nil {
		c.Draining()
	}
	if shutdown(web, answers, c.Drain) {
		return nil
	}
	cut(errShutdown)
	if !shutdown(web, context.WithoutCancel(answers), cutTime) {
		c.Logger.Warn("answers did not end in time", "running", running.Load())
		web.Close()
	}
	return nil
}

// shutdown waits until all answers are written, at most for a time.
func shutdown(web *http.Server, ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return web.Shutdown(ctx) == nil
}
