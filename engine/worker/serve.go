package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// ServeConfig configures a worker process.
type ServeConfig struct {
	// Open loads the model that spec names, telling how far it is (0 to 1). The
	// worker closes what it returns.
	Open func(ctx context.Context, spec Spec, progress func(float64)) (engine.Engine, error)
	// Logger gets what happens to the worker and one line a request, nothing of
	// their content. Nil: text on stderr, which is the worker's log.
	Logger *slog.Logger

	lookEvery time.Duration
}

const (
	// firstGrace is how long a worker stays at least for its first request.
	firstGrace = 5 * time.Second
	// lookEvery is how often a worker makes sure that its socket can still be found
	// and that its log has not become too long.
	lookEvery = 15 * time.Second
	// lingerFailed is how long a worker whose model failed to load waits for a client to
	// report it to.
	lingerFailed = 5 * time.Second
	// stopGrace is the default time that answers get to finish.
	stopGrace = 10 * time.Second
	// lostGrace is the same for a worker that is only leaving because it can no
	// longer be found.
	lostGrace = time.Hour
	// cutGrace is the time that cancelled answers get to send their error.
	cutGrace = 2 * time.Second
	// closeGrace is how long the engine may take to put conversations away.
	closeGrace = 30 * time.Second
)

// Serve runs a worker process: it reads the spec from stdin, listens, reports to the
// starter on stdout, loads the model and answers. It returns when no request has come
// during the keep-alive, on a stop request or SIGTERM, or when ctx ends. An error means
// that the worker never answered: the process should then exit with a nonzero status.
//
// It takes over the process: it ignores interrupts and hang-ups, closes inherited files,
// and redirects stdin and stdout to /dev/null.
func Serve(ctx context.Context, cfg ServeConfig) error {
	ignoreSignals()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	abandonInherited()
	fmt.Fprintln(os.Stderr, processMark(os.Getpid()))
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	cfg.lookEvery = cmp.Or(cfg.lookEvery, lookEvery)

	var o order
	if err := json.NewDecoder(io.LimitReader(os.Stdin, maxControl)).Decode(&o); err != nil {
		return fmt.Errorf("read the worker's spec from stdin: %w", err)
	}
	l, err := listen(o)
	if inUse(err) {
		return reportStart(report{Taken: true})
	}
	if err != nil {
		return errors.Join(err, reportStart(report{Error: err.Error()}))
	}
	s := newServer(o, cfg, l)
	if err := errors.Join(reportStart(report{}), muteOutput()); err != nil {
		s.hide()
		return err
	}
	return s.run(ctx)
}

// listen makes the worker's socket.
func listen(o order) (*net.UnixListener, error) {
	if err := private(o.Dir); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath(o.Dir, o.Key), Net: "unix"})
	if err != nil {
		return nil, err
	}
	// The path may be another worker's by the time this one closes: see hide.
	l.SetUnlinkOnClose(false)
	return l, nil
}

// reportStart writes to the starter, which may have exited.
func reportStart(r report) error {
	err := json.NewEncoder(os.Stdout).Encode(r)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// run serves until it is time to exit.
func (s *server) run(ctx context.Context) error {
	s.log.Info("worker listens", "model", s.spec.Name, "version", s.spec.Version, "pid", os.Getpid())
	defer s.release()
	// Answers do not end with ctx, but after their grace.
	answers, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	web := &http.Server{
		Handler:     s.routes(),
		BaseContext: func(net.Listener) context.Context { return answers },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(s.listener) }()
	go s.load(answers)

	grace, why := s.stay(ctx, served)
	s.log.Info("worker leaves", "because", why)
	s.hide()
	if !s.settled() {
		cut(errStopped(s.spec.Name, why)) // clients that wait for the model get an error
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if ctx.Err() == nil {
		defer context.AfterFunc(ctx, cancel)()
	}
	if web.Shutdown(patient) != nil {
		cut(errStopped(s.spec.Name, why))
		hurried, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
		defer cancel()
		if web.Shutdown(hurried) != nil {
			web.Close()
		}
	}
	cut(nil)
	return s.end()
}

// errStopped is the error of an answer that the worker did not finish.
func errStopped(name, why string) error {
	return &fault.Error{
		Kind:   fault.Closed,
		Msg:    fmt.Sprintf("the worker for %s was stopped: %s", name, why),
		Advice: "Ask again: a new worker starts.",
	}
}

// stay returns when it is time to exit, with the time that answers get to finish.
func (s *server) stay(ctx context.Context, served <-chan error) (grace time.Duration, why string) {
	look := time.NewTicker(s.cfg.lookEvery)
	defer look.Stop()
	leave := time.NewTimer(0)
	defer leave.Stop()
	ready := s.ready
	for {
		leave.Stop()
		if at := s.leavesAt(); !at.IsZero() {
			leave.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return stopGrace, "it got SIGTERM"
		case o := <-s.stops:
			return o.Grace, "another bise process ended it"
		case err := <-served:
			return stopGrace, fmt.Sprintf("it can no longer listen: %v", err)
		case <-ready:
			ready = nil
			if s.failure == nil {
				break
			}
			select {
			case <-s.reported:
			case <-s.stops:
			case <-time.After(lingerFailed):
			case <-ctx.Done():
			}
			return stopGrace, "its model could not be loaded"
		case <-s.woken: // a request came or ended, or the keep-alive changed
		case <-leave.C:
			if s.retire() {
				return stopGrace, "not used"
			}
		case <-look.C:
			if !s.visible() {
				return lostGrace, "its socket is gone"
			}
			if err := boundLog(s.logFile); err != nil {
				s.log.Warn("log not bounded", "error", err)
			}
		}
	}
}

// load loads the model.
func (s *server) load(ctx context.Context) {
	start := time.Now()
	e, err := s.cfg.Open(ctx, s.spec, s.progress)
	switch {
	case err == nil:
		s.log.Info("model loaded", "took", time.Since(start))
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		if fault.KindOf(err) == "" {
			err = fault.Errorf(fault.Internal, "cannot load %s: %w", s.spec.Name, err)
		}
		s.log.Error("model not loaded", "error", err)
	}
	s.finishLoading(e, err)
}

// end frees the model and returns an error if it was never loaded.
func (s *server) end() error {
	deadline := time.After(closeGrace)
	select {
	case <-s.ready:
	case <-deadline:
		s.log.Error("model's loading not stopped in time")
		return nil
	}
	if s.failure != nil {
		if fault.KindOf(s.failure) == fault.Closed {
			return nil
		}
		return s.failure
	}
	closed := make(chan error, 1)
	go func() { closed <- s.engine.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			s.log.Error("model not freed", "error", err)
		}
	case <-deadline:
		s.log.Error("model not freed in time")
	}
	return nil
}
