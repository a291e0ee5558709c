package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/api"
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
	// headerTime is how long a client may take to say what it wants.
	headerTime = 10 * time.Second
	// leaveTime is how long answers may continue when the server stops.
	leaveTime = 5 * time.Second
)

// Serve is the command bise serve.
func Serve(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var (
		addr, key string
		strict    bool
		load      flags.Load
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the models to other programs",
		Long: `Serve the models to other programs over HTTP: La Plateforme's API, what OpenAI's
clients need of OpenAI's API, and llama.cpp's /infill for editors. A model is loaded for
the first request and unloaded when it is idle. -m sets the model for requests that
name none, such as those to /infill.

Without --addr, only programs on this machine can connect. For others, set a key with
--key or with the variable ` + serveKey + `, which other users of this machine do not see.`,
		Example: `bise serve -m codestral
` + serveKey + `=secret bise serve --addr 0.0.0.0:8642`,
		Args: flags.Args(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if key == "" {
				key = os.Getenv(serveKey)
			}
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			return runServe(cmd.Context(), con, lib, flags.Model(cmd), addr, api.Config{Key: key, Strict: strict, Logger: slog.Default()}, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "addr", defaultAddr, "listen on `HOST:PORT` (default: "+defaultAddr+"); port 0 is any free port")
	f.StringVar(&key, "key", "", "require this `KEY` from clients")
	f.BoolVar(&strict, "strict", false, "reject requests that La Plateforme rejects")
	load.Add(cmd)
	return cmd
}

func runServe(ctx context.Context, con *console.Console, lib *library.Library, model string, addr string, c api.Config, load engine.LoadOptions) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	here := listener.Addr().(*net.TCPAddr)
	if !here.IP.IsLoopback() && c.Key == "" {
		return &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("cannot serve on %s without a key: every machine on the network could use it", addr),
			Advice: "Set one with " + serveKey + ", or with --key.",
		}
	}
	pool := lib.NewPool(model, load)
	defer pool.Close()
	if err := pool.Check(); err != nil {
		return err // better now than with every request
	}
	c.Open = func(ctx context.Context, name string, _ func(float64)) (engine.Engine, error) {
		return pool.Engine(ctx, name)
	}
	c.Models = func(context.Context) ([]api.Model, error) {
		list, err := pool.Models()
		var out []api.Model
		for _, m := range list {
			out = append(out, api.Model{ID: m.Name, Created: m.Created, Can: m.Can})
		}
		return out, err
	}
	answers, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(console.ErrInterrupted)
	web := &http.Server{
		Handler:           api.Browsers(api.New(c), here.IP.IsLoopback()),
		ReadHeaderTimeout: headerTime,
		BaseContext:       func(net.Listener) context.Context { return answers },
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	con.Notef("Serving at http://%s. Ctrl-C ends it.", here)
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
		cut(console.ErrInterrupted)
		return errors.Join(web.Close(), context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// listen opens a port, and says what to do when it cannot.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid --addr %q: %v", addr, err), Advice: "Write a host and a port: " + defaultAddr + "."}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("cannot listen on %s: %v", addr, err),
			Advice: "bise may be running there already; another port is --addr 127.0.0.1:0.",
		}
	}
	return l, nil
}
