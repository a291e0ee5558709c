package api_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/remote"
)

// serve gives a handler's URL, which goes when the test ends.
func serve(t testing.TB, c api.Config) string {
	t.Helper()
	s := httptest.NewServer(api.New(c))
	t.Cleanup(s.Close)
	return s.URL
}

// one is a configuration that serves one engine under any name.
func one(e engine.Engine) api.Config {
	return api.Config{Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return e, nil }}
}

// overUnix opens engine/remote on an engine behind a unix socket, as workers are.
func overUnix(t testing.TB, e engine.Engine) *remote.Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: api.New(one(e))}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
	r, err := remote.New(remote.Config{URL: "http://worker", Model: "script", Dialect: remote.Bise, HTTP: remote.Unix(socket)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Both ends of the wire, with an engine behind it, are an engine.
func TestConformance(t *testing.T) {
	t.Run("unix", func(t *testing.T) {
		enginetest.Run(t, enginetest.Suite{EndToken: enginetest.EndToken, Open: func(t *testing.T) engine.Engine { return overUnix(t, &enginetest.Script{}) }})
	})
	t.Run("tcp", func(t *testing.T) {
		enginetest.Run(t, enginetest.Suite{EndToken: enginetest.EndToken, Open: func(t *testing.T) engine.Engine {
			r, err := remote.New(remote.Config{URL: serve(t, one(&enginetest.Script{})), Model: "script"})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}})
	})
}
