package downloader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be another process: one that fetches, or serves.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "as-fetcher" {
		os.Exit(asFetcher(os.Args[2]))
	}
	if len(os.Args) == 3 && os.Args[1] == "as-server" {
		os.Exit(asServer(os.Args[2]))
	}
	os.Exit(m.Run())
}

// An order is what a fetching process is to do.
type order struct {
	URL  string
	Dest string
	Size int64
	Hash Hash
	Unit int64 // 0 for the usual one
	// Connections, 0 for the usual number.
	Connections int
}

// asFetcher fetches and says the result as JSON.
func asFetcher(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	c := New(Options{Connections: o.Connections})
	if o.Unit > 0 {
		c.unit = o.Unit
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	result, err := c.Fetch(ctx, File{Name: "model", Size: o.Size, Hash: o.Hash, Locate: At(u, nil)}, o.Dest, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(report{result, peak()}); err != nil {
		return 1
	}
	return 0
}

// A report is what a fetching process says in the end.
type report struct {
	Result
	Peak int64 // bytes of memory it had at most, 0 where that is not known
}

// peak reads how much memory this process had at most. What the system tells its
// parent is of no use: it counts from before the process became another program.
func peak() (bytes int64) {
	status, _ := os.ReadFile("/proc/self/status")
	if _, text, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(text, &bytes)
	}
	return bytes << 10
}

// asServer serves a file, says where, and ends when stdin does.
func asServer(path string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("http://%s/model\n", l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, "", time.Time{}, f)
	}))
	if !errors.Is(err, net.ErrClosed) {
		fmt.Fprintln(os.Stderr, err)
	}
	return 0
}

// fetcher is a process that will carry out an order.
func fetcher(t testing.TB, o order) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), exe, "as-fetcher", string(text))
}

// carryOut has a fetching process do its work, and gives what it says in the end.
func carryOut(cmd *exec.Cmd) (r report, err error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return r, err
}

// outcome is what a process says that must end well.
func outcome(t testing.TB, cmd *exec.Cmd) report {
	t.Helper()
	r, err := carryOut(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
