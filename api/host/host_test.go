package host

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// start serves a handler and returns its URL and what ends it.
func start(t *testing.T, c Config) (url string, end func() error) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, c) }()
	end = func() error {
		cancel()
		return <-done
	}
	return "http://" + l.Addr().String(), end
}

// An answer that ends while the server drains is whole.
func TestDrain(t *testing.T) {
	begun, finish, draining := make(chan struct{}), make(chan struct{}), make(chan struct{})
	url, end := start(t, Config{
		Drain: time.Hour, Draining: func() { close(draining) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-finish
			if r.Context().Err() != nil {
				t.Error("the request was cut off")
			}
			io.WriteString(w, "whole")
		}),
	})
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got <- string(body)
	}()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	<-draining
	close(finish)
	if body := <-got; body != "whole" {
		t.Errorf("got %q", body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// An answer that takes longer sees why it is cut off, and can still say so.
func TestCut(t *testing.T) {
	begun := make(chan struct{})
	url, end := start(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun, ")
		http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
		io.WriteString(w, context.Cause(r.Context()).Error())
		if kind := fault.KindOf(context.Cause(r.Context())); kind != fault.Closed {
			t.Errorf("the kind is %s", kind)
		}
	})})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-begun
	if err := end(); err != nil {
		t.Error(err)
	}
	body, err := io.ReadAll(resp.Body)
	if string(body) != "begun, the server is shutting down" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

// Further connections wait until one is closed.
func TestConnectionLimit(t *testing.T) {
	url, end := start(t, Config{Connections: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") })})
	defer end()
	addr := strings.TrimPrefix(url, "http://")
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c net.Conn) string {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		return strings.TrimSpace(line)
	}
	if got := ask(first); got != "HTTP/1.1 200 OK" {
		t.Fatalf("got %q", got)
	}
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	got := make(chan string, 1)
	go func() { got <- ask(second) }()
	select {
	case line := <-got:
		t.Fatalf("the second connection got %q", line)
	default:
	}
	first.Close()
	if line := <-got; line != "HTTP/1.1 200 OK" {
		t.Errorf("got %q", line)
	}
}

func TestUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix permissions")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || !IsLocal(l) {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := Listen(t.Context(), "unix:"+path); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a socket in use: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	again, err := Listen(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatalf("a socket that was left behind: %v", err)
	}
	again.Close()
	for _, addr := range []string{"unix:", "unix:/no/such/folder/s", "8642"} {
		if _, err := Listen(t.Context(), addr); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "keys")
	hashes, created, err := Keys(path)
	if err != nil || len(hashes) != 1 || hashes[0] != sha256.Sum256([]byte(created)) {
		t.Fatalf("got %v, %q, %v", hashes, created, err)
	}
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), created) {
		t.Fatalf("the key is in the file: %s, %v", data, err)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v", info.Mode())
	}
	if err := os.WriteFile(path, append(data, "  \nsecond Ann's laptop\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	hashes, created, err = Keys(path)
	if err != nil || created != "" || len(hashes) != 2 || hashes[1] != sha256.Sum256([]byte("second")) {
		t.Fatalf("got %v, %q, %v", hashes, created, err)
	}
	again, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(again), string(data)) || !strings.Contains(string(again), " Ann's laptop\n") || strings.Contains(string(again), "second") {
		t.Errorf("the file is %s", again)
	}
	for _, text := range []string{"", "# nothing\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Keys(path); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, err := Keys(t.TempDir()); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder: %v", err)
	}
}

func TestNotify(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no systemd")
	}
	path := filepath.Join(t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	Notify("READY=1")
	b := make([]byte, 16)
	n, err := l.Read(b)
	if string(b[:n]) != "READY=1" || err != nil {
		t.Errorf("got %q, %v", b[:n], err)
	}
}
