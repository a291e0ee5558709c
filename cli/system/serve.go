package system

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/api/batch"
	"github.com/bise-sh/bise/api/host"
	"github.com/bise-sh/bise/api/ollama"
	"github.com/bise-sh/bise/api/responses"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
)

const (
	// defaultAddr is where bise serve listens: on this machine alone.
	defaultAddr = "127.0.0.1:8642"
	// serveKey is the variable in which the key may be.
	serveKey = "BISE_SERVE_KEY"
	// defaultDrain is how long answers may continue when the server stops.
	defaultDrain = 30 * time.Second
	// keysFile has the keys of a server that others can reach, in the folder of config.toml.
	keysFile = "serve.keys"
)

// families are the APIs that are served beside La Plateforme's.
var families = []api.Family{anthropic.Routes, responses.Routes, ollama.Routes}

// serveSettings are the flags of bise serve and, where those are not given, config.toml.
type serveSettings struct {
	config.Serve
	key, timeout, drain string
	queue               int
}

// Serve is the command bise serve.
func Serve(con *console.Console, lib *library.Library, conf config.Config, places config.Places) *cobra.Command {
	s := serveSettings{Serve: conf.Serve}
	var load flags.Load
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the models to other programs",
		Long: `Serve the models to other programs over HTTP: La Plateforme's API, what OpenAI's
clients need of OpenAI's API, and llama.cpp's /infill for editors. A model is loaded for
the first request and unloaded when it is idle. -m sets the model for requests that
name none. Without -m those get the model of their mode, as bise list shows it: code for
/infill, vision for requests with images, embed for embeddings, and chat.

Without --addr, only programs on this machine can connect. If others can, they need a
key: one that --key or the variable ` + serveKey + ` sets, or one of the key file. bise makes
that file if there is none, and shows the new key once.

Ctrl-C or SIGTERM ends the server. Answers that are being written may continue for
the time of --drain. The settings can also be in [serve] of config.toml.`,
		Example: `bise serve -m codestral
bise serve --addr 0.0.0.0:8642
bise serve --addr unix:/run/user/1000/bise.sock --preload ministral`,
		Args: flags.Args(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			r := serveRun{con: con, lib: lib, load: o, model: flags.Model(cmd), keys: filepath.Join(places.Config, keysFile), files: filepath.Join(places.Data, "batches")}
			if err := r.settle(cmd, s); err != nil {
				return err
			}
			return r.serve(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.Addr, "addr", cmp.Or(s.Addr, defaultAddr), "listen on `HOST:PORT` or unix:PATH (default: "+defaultAddr+"); port 0 is any free port")
	f.StringVar(&s.key, "key", "", "require this `KEY` from clients")
	f.StringVar(&s.KeyFile, "key-file", s.KeyFile, "require a key of `FILE` from clients; they are stored as hashes")
	f.StringVar(&s.TLSCert, "tls-cert", s.TLSCert, "serve HTTPS with the certificate in `FILE`")
	f.StringVar(&s.TLSKey, "tls-key", s.TLSKey, "the `FILE` with the certificate's private key")
	f.StringSliceVar(&s.Origins, "origins", s.Origins, "let web pages and apps of these `ORIGINS` connect, such as app://obsidian.md or https://*.example.org")
	f.StringSliceVar(&s.Preload, "preload", s.Preload, "load these `MODELS` at the start")
	f.StringVar(&s.Memory, "memory", s.Memory, "use at most `SIZE` for all models together, such as 24GB (default: 90 % of the memory)")
	f.IntVar(&s.queue, "queue", api.DefaultQueue, "hold at most `N` requests at once, running and waiting")
	f.IntVar(&s.Connections, "connections", cmp.Or(s.Connections, host.DefaultConnections), "accept at most `N` connections at once")
	f.StringVar(&s.timeout, "request-timeout", "", "end answers that take longer than `TIME`, such as 10m (default: no limit)")
	f.StringVar(&s.drain, "drain", "", "let answers continue for `TIME` when the server ends (default: 30s)")
	f.BoolVar(&s.NativeTools, "native-tools", s.NativeTools, "do not describe tools in the prompt to models whose templates have no place for them")
	f.BoolVar(&s.Strict, "strict", s.Strict, "reject requests that La Plateforme rejects")
	load.Add(cmd)
	return cmd
}

// A serveRun is one run of bise serve.
type serveRun struct {
	con   *console.Console
	lib   *library.Library
	load  engine.LoadOptions
	model string
	keys  string // the default key file
	files string // the folder of files and batch jobs

	s              serveSettings
	memory         int64
	queue          int
	timeout, drain time.Duration
	tls            *tls.Config
}

// settle checks the settings.
func (r *serveRun) settle(cmd *cobra.Command, s serveSettings) (err error) {
	s.key = cmp.Or(s.key, os.Getenv(serveKey))
	r.s, r.queue, r.drain = s, s.queue, defaultDrain
	if s.Queue != nil && !cmd.Flags().Changed("queue") {
		r.queue = *s.Queue
	}
	if r.queue < 1 {
		return fault.Errorf(fault.Usage, "invalid --queue %d: want at least 1", r.queue)
	}
	if s.Drain != nil {
		r.drain = *s.Drain
	}
	if s.RequestTimeout != nil {
		r.timeout = *s.RequestTimeout
	}
	for _, d := range []struct {
		flag, value string
		to          *time.Duration
	}{{"drain", s.drain, &r.drain}, {"request-timeout", s.timeout, &r.timeout}} {
		if d.value == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.value); err != nil || *d.to < 0 {
			return flags.Invalid(d.flag, d.value, "a time such as 30s", "5m")
		}
	}
	if s.Memory != "" {
		if r.memory, err = parseSize(s.Memory); err != nil {
			return flags.Invalid("memory", s.Memory, "a size such as 800MB", "24GB")
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return fault.Errorf(fault.Usage, "--tls-cert and --tls-key belong together")
	}
	if s.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return fault.Advise(fault.Errorf(fault.Usage, "cannot serve HTTPS: %w", err), "Give PEM files: --tls-cert cert.pem --tls-key key.pem.")
		}
		r.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return nil
}

// parseSize reads a size as units.Size writes it.
func parseSize(s string) (int64, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	factor := 1.0
	for _, u := range []struct {
		name  string
		bytes float64
	}{{"TIB", 1 << 40}, {"GIB", 1 << 30}, {"MIB", 1 << 20}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"G", 1e9}, {"M", 1e6}} {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	var x float64
	if _, err := fmt.Sscanf(s+"\n", "%g\n", &x); err != nil || !(x > 0) || x*factor > 1<<60 {
		return 0, fmt.Errorf("invalid size %q", s)
	}
	return int64(x * factor), nil
}

func (r *serveRun) serve(ctx context.Context) error {
	listener, err := host.Listen(ctx, r.s.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	pool := r.lib.NewPool(library.PoolOptions{
		Default: r.model, Aliases: r.s.Aliases, Load: r.load, Memory: r.memory, NativeTools: r.s.NativeTools,
	})
	defer pool.Close()
	for _, check := range []func() error{pool.Check, pool.CheckAliases} {
		if err := check(); err != nil {
			return err // better now than with every request
		}
	}
	c := api.Config{
		Key: r.s.key, Strict: r.s.Strict, Logger: slog.Default(),
		Queue: r.queue, Timeout: r.timeout, Families: families,
	}
	if c.KeyHashes, err = r.keyHashes(listener); err != nil {
		return err
	}
	ready := r.preload(ctx, pool)
	defer ready.wait()
	c.Health = ready.health
	c.Open = pool.Engine
	c.Default = func(_ context.Context, mode api.Mode) (string, error) { return pool.Default(string(mode)) }
	c.KeepAlive = pool.KeepAlive
	c.Info = pool.Info
	c.Models = func(ctx context.Context) ([]api.Model, error) {
		list, err := pool.Models(ctx)
		var out []api.Model
		for _, m := range list {
			out = append(out, api.Model{
				ID: m.Name, Aliases: m.Aliases, Created: m.Created, Can: m.Can, ContextLength: m.Context, Loaded: m.Loaded, Memory: m.Memory, Leaves: m.Leaves, Default: m.Default,
			})
		}
		return out, err
	}
	if err := r.announce(ctx, listener, c); err != nil {
		return err
	}
	handler, wait := r.batches(ctx, c)
	defer wait()
	host.Notify("READY=1")
	local := host.IsLocal(listener)
	err = host.Serve(ctx, listener, host.Config{
		Handler: api.Browsers(handler, api.Web{Local: local && listener.Addr().Network() == "tcp", Origins: r.s.Origins}),
		TLS:     r.tls, Connections: r.s.Connections, Drain: r.drain, Logger: slog.Default(),
		Draining: func() {
			host.Notify("STOPPING=1")
			r.con.Notef("Shutting down: answers may continue for %v. Ctrl-C again ends them.", r.drain)
		},
	})
	if err != nil {
		return fmt.Errorf("serve at %s: %w", r.s.Addr, err)
	}
	return nil
}

// batches adds files and batch jobs to the handler, and answers jobs until ctx ends.
func (r *serveRun) batches(ctx context.Context, c api.Config) (handler http.Handler, wait func()) {
	b, err := batch.Open(r.files, c.Logger)
	if err != nil {
		r.con.Notef("No files and batch jobs: %v.", err)
		return api.New(c), func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx, c) }()
	c.Families = append(slices.Clone(c.Families), b.Routes)
	return b.Watch(api.New(c)), func() { stop(); <-done }
}

// keyHashes returns the keys of the key file. A server that others can reach needs one.
func (r *serveRun) keyHashes(l net.Listener) ([]host.Hash, error) {
	path := r.s.KeyFile
	if path == "" {
		if host.IsLocal(l) || r.s.key != "" {
			return nil, nil
		}
		path = r.keys
	}
	hashes, created, err := host.Keys(path)
	if err != nil {
		return nil, err
	}
	if created != "" {
		r.con.Notef("New key: %s", created)
		r.con.Notef("Clients send it as the API key. It is not shown again; %s has its hash.", path)
	}
	return hashes, nil
}

// announce says where the server is and what it serves.
func (r *serveRun) announce(ctx context.Context, l net.Listener, c api.Config) error {
	base := baseURL(l, r.tls != nil)
	r.con.Notef("Serving at %s. Ctrl-C ends it.", base)
	if l.Addr().Network() == "tcp" {
		r.con.Notef("Base URL: %s/v1 for OpenAI's clients, %s for all others.", base, base)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			r.con.Notef("From other machines: %s.", strings.Replace(base, "127.0.0.1", name, 1))
		}
	}
	list, err := c.Models(ctx)
	if err != nil {
		return err
	}
	var names []string
	def := ""
	for _, m := range list {
		names = append(names, m.ID)
		if m.Default {
			def = m.ID
		}
	}
	r.con.Notef("Models: %s.", strings.Join(names, ", "))
	if def == "" {
		return nil
	}
	r.con.Notef("Default: %s.", def)
	for _, m := range []struct {
		mode api.Mode
		what string
	}{{api.CodeMode, "to fill in code"}, {api.VisionMode, "with images"}, {api.EmbedMode, "for embeddings"}} {
		name, err := c.Default(ctx, m.mode)
		switch {
		case err != nil:
			msg, advice := fault.Explain(err)
			r.con.Warnf("No default for requests %s: %s %s", m.what, msg, advice)
		case name != def:
			r.con.Notef("Default for requests %s: %s.", m.what, name)
		}
	}
	return nil
}

// baseURL is the URL that clients on this machine use.
func baseURL(l net.Listener, secure bool) string {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "unix:" + l.Addr().String()
	}
	at := *tcp
	if at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + at.String()
}

// A preloading is the models that are loaded at the start.
type preloading struct {
	names []string
	done  chan struct{}
}

func (r *serveRun) preload(ctx context.Context, pool *library.Pool) *preloading {
	p := &preloading{slices.Clone(r.s.Preload), make(chan struct{})}
	go func() {
		defer close(p.done)
		for _, name := range p.names {
			if err := pool.Preload(ctx, name); err != nil && ctx.Err() == nil {
				slog.Warn("model not preloaded", "model", name, "err", err)
				msg, advice := fault.Explain(err)
				r.con.Warnf("%s %s", msg, advice)
			}
		}
	}()
	return p
}

func (p *preloading) wait() { <-p.done }

// health is why the server is not ready yet, or nil.
func (p *preloading) health() error {
	select {
	case <-p.done:
		return nil
	default:
		return fault.Errorf(fault.Busy, "loading %s", strings.Join(p.names, ", "))
	}
}
