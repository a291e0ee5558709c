package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A server is the state of a worker process: its model and its clients.
type server struct {
	cfg      ServeConfig
	log      *slog.Logger
	spec     Spec
	key      string
	logFile  string // what stderr is
	listener *net.UnixListener
	socket   string
	file     os.FileInfo // of the socket
	started  time.Time

	stops    chan stopOrder
	woken    chan struct{} // the time to exit may have changed
	reported chan struct{} // closed once a client has got the failure

	// ready is closed when the model is loaded or cannot be. Before, neither of
	// the two is set; after, one of them is, and neither changes.
	ready   chan struct{}
	engine  engine.Engine
	failure error

	mu        sync.Mutex
	loaded    float64
	moved     chan struct{} // closed and replaced when loaded changes
	running   int           // requests
	used      bool          // there has been one
	idleSince time.Time
	keepAlive time.Duration
	hidden    bool
	lastError string
	waiting   []net.Conn // of clients that wait for the worker's end
}

func newServer(o order, cfg ServeConfig, l *net.UnixListener) *server {
	socket := l.Addr().String()
	file, _ := os.Lstat(socket)
	s := &server{
		cfg: cfg, log: cfg.Logger,
		spec: o.Spec, key: o.Key, logFile: o.Log,
		listener: l, socket: socket, file: file, started: time.Now(),
		stops: make(chan stopOrder, 1), woken: make(chan struct{}, 1),
		reported: make(chan struct{}), ready: make(chan struct{}), moved: make(chan struct{}),
	}
	s.keep(o.Spec.KeepAlive)
	return s
}

// routes are those of package api and our own.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusRoute, s.serveStatus)
	mux.HandleFunc("POST "+stopRoute, s.serveStop)
	mux.HandleFunc("POST "+keepRoute, s.serveKeep)
	mux.Handle("/", s.accepting(api.New(api.Config{
		Open:   s.wait,
		Info:   s.info,
		Health: s.health,
		Logger: s.log,
	})))
	return mux
}

// accepting sends the client the header that its request is accepted, and keeps the
// worker alive while it answers. Requests about the model (GET) do not use it, and do not
// extend the worker's life.
func (s *server) accepting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			s.begin()
			defer s.finish()
		}
		w.Header().Set(acceptHeader, fmt.Sprint(os.Getpid(), " ", s.state()))
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del(acceptHeader)
		next.ServeHTTP(w, r)
	})
}

func (s *server) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running++
	s.used = true
	s.wake()
}

func (s *server) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.idleSince = time.Now()
	if s.settled() && s.failure != nil {
		select {
		case <-s.reported:
		default:
			close(s.reported)
		}
	}
	s.wake()
}

func (s *server) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// keep sets how long the worker stays after its last request.
func (s *server) keep(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d = cmp.Or(d, DefaultKeepAlive)
	s.keepAlive = d
	s.wake()
}

// leavesAt is when the worker exits if no request comes, zero while it is busy.
func (s *server) leavesAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline()
}

// retire reports whether the worker should still exit.
func (s *server) retire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.deadline()
	return !at.IsZero() && !time.Now().Before(at)
}

func (s *server) deadline() time.Time {
	if s.running > 0 || s.keepAlive < 0 || s.idleSince.IsZero() {
		return time.Time{}
	}
	if !s.used {
		return s.idleSince.Add(max(s.keepAlive, firstGrace))
	}
	return s.idleSince.Add(s.keepAlive)
}

// progress records the loaded fraction of the model.
func (s *server) progress(fraction float64) {
	const step = 0.01 // less is not worth a message
	s.mu.Lock()
	defer s.mu.Unlock()
	if fraction = min(max(fraction, 0), 1); fraction >= s.loaded+step {
		s.loaded = fraction
		close(s.moved)
		s.moved = make(chan struct{})
	}
}

func (s *server) finishLoading(e engine.Engine, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failure, s.lastError = err, err.Error()
	} else {
		s.engine, s.loaded = watched{e, s}, 1
	}
	s.idleSince = time.Now()
	close(s.ready)
}

// wait returns the model once it is loaded.
func (s *server) wait(ctx context.Context, _ string, loading func(float64)) (engine.Engine, error) {
	for {
		s.mu.Lock()
		loaded, moved := s.loaded, s.moved
		s.mu.Unlock()
		select {
		case <-s.ready:
			return s.engine, s.failure
		default:
			loading(loaded)
		}
		select {
		case <-s.ready:
		case <-moved:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// info describes the model, loaded or not. Two names of the same weights share a worker,
// and each caller gets the name it asked for.
func (s *server) info(_ context.Context, name string) (engine.Info, error) {
	info := engine.Info{}
	if e := s.model(); e != nil {
		info = e.Info()
	}
	info.Model, info.Path = cmp.Or(name, s.spec.Name), s.spec.Path
	info.Fingerprint = cmp.Or(info.Fingerprint, s.spec.Fingerprint)
	return info, nil
}

// settled reports whether loading has ended.
func (s *server) settled() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// model is the engine, nil until it is loaded.
func (s *server) model() engine.Engine {
	if s.settled() {
		return s.engine
	}
	return nil
}

func (s *server) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.hidden:
		return Leaving
	case !s.settled():
		return Loading
	case s.failure != nil:
		return Failed
	case s.running > 0:
		return Answering
	}
	return Idle
}

// health returns why the worker cannot answer, or nil.
func (s *server) health() error {
	if !s.settled() {
		return fault.Errorf(fault.Busy, "%s is still loading", s.spec.Name)
	}
	return s.failure
}
