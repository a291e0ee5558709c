//go:build unix

package llamaserver

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// Two other machines, played by two processes here, hold a part of the model each.
func TestRPC(t *testing.T) {
	server := enginetest.LlamaServer(t)
	worker := filepath.Join(filepath.Dir(server), "ggml-rpc-server")
	if _, err := exec.LookPath(worker); err != nil {
		t.Skip("there is no ggml-rpc-server beside it")
	}
	if b, err := Inspect(t.Context(), server, ""); err != nil || !b.Has("--rpc") {
		t.Skip("this llama-server has no RPC")
	}
	path := tiny(t, tinymodel.Mistral())
	want, err := say(t.Context(), open(t, path, engine.LoadOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	var servers []string
	var workers []*exec.Cmd
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		host, port, _ := net.SplitHostPort(address)
		cmd := exec.CommandContext(t.Context(), worker, "--host", host, "--port", port)
		cmd.Env = append(os.Environ(), "GGML_RPC_DEBUG=1")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		workers = append(workers, cmd)
		dial(t, address)
		servers = append(servers, address)
	}
	e := open(t, path, engine.LoadOptions{RPC: servers})
	got, err := say(t.Context(), e)
	if err != nil || got.Text() != want.Text() {
		t.Errorf("got %q, %v, want %q", got.Text(), err, want.Text())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for i, cmd := range workers {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if out := cmd.Stderr.(*bytes.Buffer).String(); !strings.Contains(out, "graph_compute") {
			t.Errorf("machine %d computed nothing: %.300s", i, out)
		}
	}
}

// dial waits until something listens at an address.
func dial(t *testing.T, address string) {
	t.Helper()
	for t.Context().Err() == nil {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
	}
}
