package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

const (
	// defaultAddr is where bise serve listens: on this machine alone.
	defaultAddr = "127.0.0.1:8642"
	// serveKey is the variable in which the key may be.
	serveKey = "BISE_SERVE_KEY"
	// headerTime is how long a client may take to say what it wants.
	headerTime = 10 * time.Second
	// leaveTime is how long answers may go on when the server is to end.
	leaveTime = 5 * time.Second
)

func (a *app) serveCommand() *cobra.Command {
	var (
		addr, key string
		strict    bool
		load      loadFlags
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the models to other programs",
		Long: `Serve the models to other programs over HTTP: La Plateforme's API, what OpenAI's
clients need of theirs, and llama.cpp's /infill for editors. A model is loaded when it
is asked for and leaves memory when it is not; -m says which one answers requests that
need not name one, such as those to /infill.

Without --addr, only programs on this machine reach it. Where others do, they need a
key: --key, or the variable ` + serveKey + `, which other users of this machine do not see.`,
		Example: `bise serve -m codestral
` + serveKey + `=secret bise serve --addr 0.0.0.0:8642`,
		Args: arguments(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if key == "" {
				key = os.Getenv(serveKey)
			}
			o, err := load.options(a.config)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), addr, api.Config{Key: key, Strict: strict, Logger: slog.Default()}, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "addr", defaultAddr, "listen on `HOST:PORT` (default: "+defaultAddr+"); port 0 is any that is free")
	f.StringVar(&key, "key", "", "answer only who has this `KEY`")
	f.BoolVar(&strict, "strict", false, "refuse what La Plateforme refuses")
	load.add(cmd)
	return cmd
}

func (a *app) serve(ctx context.Context, addr string, c api.Config, load engine.LoadOptions) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	here := listener.Addr().(*net.TCPAddr)
	if !here.IP.IsLoopback() && c.Key == "" {
		return &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("cannot serve on %s without a key: whoever reaches this machine could use it", addr),
			Advice: "Set one with " + serveKey + ", or with --key.",
		}
	}
	s := &served{a: a, load: load, open: map[string]engine.Engine{}, known: map[string]engine.Capabilities{}}
	defer s.close()
	if _, err := a.find(s.fallback()); err != nil && !a.remote() {
		return err // better now than with every request
	}
	c.Open, c.Models = s.engine, s.list
	answers, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(errInterrupted)
	web := &http.Server{
		Handler:           api.Browsers(api.New(c), here.IP.IsLoopback()),
		ReadHeaderTimeout: headerTime,
		BaseContext:       func(net.Listener) context.Context { return answers },
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	a.note("Serving at http://%s. Ctrl-C ends it.", here)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve at %s: %w", here, err)
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(answers, leaveTime)
	defer cancel()
	if web.Shutdown(patient) != nil {
		cut(errInterrupted)
		return errors.Join(web.Close(), context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// listen opens a port, and says what to do when it cannot.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("--addr cannot be %q: %v", addr, err), Advice: "Write a host and a port: " + defaultAddr + "."}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("cannot listen on %s: %v", addr, err),
			Advice: "Perhaps bise serves there already; another port is --addr 127.0.0.1:0.",
		}
	}
	return l, nil
}

// served are the models that a server answers with.
type served struct {
	a    *app
	load engine.LoadOptions

	mu    sync.Mutex
	open  map[string]engine.Engine
	known map[string]engine.Capabilities // by the file and when it changed
}

// fallback is the model for requests that name none.
func (s *served) fallback() string {
	ref, _ := s.a.chosen(s.a.model)
	return ref
}

// engine gives the engine of a model. Requests name installed models alone, or
// what -m says: paths and endpoints are for the person, not for every program.
func (s *served) engine(ctx context.Context, name string, _ func(float64)) (engine.Engine, error) {
	ref := s.fallback()
	if name != "" && name != ref {
		list, err := s.a.store().List()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(m models.Model) bool { return m.Called(name) }) {
			e := fault.Errorf(fault.NotFound, "there is no model %.200q", name)
			e.Advice = "GET /v1/models lists those that there are."
			return nil, e
		}
		ref = name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.open[ref]; e != nil {
		return e, nil
	}
	// Starting a worker does not wait for the model: the request does that.
	e, err := s.a.open(ctx, ref, s.load)
	s.a.progress.erase()
	if err == nil {
		s.open[ref] = e
	}
	return e, err
}

// list tells the installed models, and what -m names beside them.
func (s *served) list(context.Context) ([]api.Model, error) {
	list, err := s.a.store().List()
	if err != nil {
		return nil, err
	}
	var out []api.Model
	ref := s.fallback()
	named := ref == ""
	for _, m := range list {
		if m.Problem != nil {
			continue
		}
		named = named || m.Called(ref)
		out = append(out, api.Model{ID: m.Name, Created: m.Modified, Can: s.can(m)})
	}
	if !named {
		card := api.Model{ID: ref, Can: engine.Capabilities{Chat: true}}
		if m, err := s.a.find(ref); err == nil && !s.a.remote() {
			card.Created, card.Can = m.Modified, s.can(m)
		}
		out = append(out, card)
	}
	return out, nil
}

// can is what a model can do, read once from its head.
func (s *served) can(m models.Model) engine.Capabilities {
	key := fmt.Sprint(m.Path, m.Modified)
	s.mu.Lock()
	defer s.mu.Unlock()
	can, ok := s.known[key]
	if ok {
		return can
	}
	if file, err := gguf.Read(m.Path); err == nil && file.Check() == nil {
		list := abilities(m, file)
		has := func(a catalog.Ability) bool { return slices.Contains(list, string(a)) }
		can = engine.Capabilities{
			Chat: has(catalog.Chat), FIM: has(catalog.FIM), Vision: has(catalog.Vision),
			Tools: has(catalog.Tools), Embed: has(catalog.Embed), Thinking: has(catalog.Thinking),
		}
	}
	s.known[key] = can
	return can
}

func (s *served) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.open {
		e.Close()
	}
}
