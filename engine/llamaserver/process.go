package llamaserver

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

// patience is how long a child may be silent.
type patience struct {
	listen time.Duration // until it listens: the backends of GPUs are loaded before that
	load   time.Duration // while it loads the model, without a line of its log
	answer time.Duration // within an answer, without a byte
	stop   time.Duration // after SIGTERM
}

var defaultPatience = patience{listen: time.Minute, load: 10 * time.Minute, answer: 5 * time.Minute, stop: 5 * time.Second}

// A child is a running llama-server.
type child struct {
	name   string // of the model
	dir    string // of its socket; 0700
	socket string
	key    string
	http   *http.Client
	wait   patience

	process *os.Process
	exited  chan struct{} // closed when it has ended and its output is read
	status  string        // how it ended, once exited

	mu      sync.Mutex
	lines   []string  // the last ones of its log
	heard   time.Time // of its last line
	serving bool      // the model is loaded
	stopped bool      // bise ended it
}

const (
	keptLines = 40
	lineBytes = 2000 // of a line of the log at most
)

// start runs a llama-server and returns while it loads.
func start(name, path string, args []string, wait patience, log io.Writer) (*child, error) {
	dir, err := privateDir()
	if err != nil {
		return nil, fault.Errorf(fault.File, "cannot make a folder for llama-server's socket: %w", err)
	}
	c := &child{name: name, dir: dir, socket: filepath.Join(dir, "s.sock"), wait: wait, exited: make(chan struct{}), heard: time.Now()}
	fail := func(err error) (*child, error) {
		os.RemoveAll(dir)
		return nil, err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	c.key = hex.EncodeToString(secret)
	keyFile := filepath.Join(dir, "key")
	if err := atomicfile.WriteFile(keyFile, []byte(c.key+"\n"), 0o600); err != nil {
		return fail(fault.Errorf(fault.File, "cannot write the key of llama-server: %w", err))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fail(fault.Errorf(fault.Internal, "cannot start llama-server: %w", err))
	}
	cmd := exec.Command(path, append([]string{"--host", c.socket, "--api-key-file", keyFile}, args...)...)
	cmd.Stdout, cmd.Stderr = write, write
	cmd.Dir = dir
	cmd.Env = environment(nil)
	cmd.SysProcAttr = bound()
	started := make(chan error)
	go c.own(cmd, read, write, log, started)
	if err := <-started; err != nil {
		read.Close()
		if errors.Is(err, os.ErrPermission) {
			return fail(fault.Advise(fault.Errorf(fault.File, "cannot run %s: it is not executable", path), "%s", pathAdvice))
		}
		return fail(fault.Advise(fault.Errorf(fault.NotFound, "cannot run %s: %w", path, plain(err)), "%s", pathAdvice))
	}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
		},
		MaxIdleConnsPerHost: 16,
		DisableCompression:  true,
	}}
	return c, nil
}

// own starts the process and waits for its end, on one thread: the kernel of Linux ends a child when
// the thread ends that started it.
func (c *child) own(cmd *exec.Cmd, read, write *os.File, log io.Writer, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	write.Close()
	if err != nil {
		started <- err
		return
	}
	release := tie(cmd.Process.Pid)
	c.process = cmd.Process
	started <- nil
	var reading sync.WaitGroup
	reading.Go(func() { c.follow(read, log) })
	err = cmd.Wait()
	release()
	// A process that it started may hold the pipe.
	expired := time.AfterFunc(time.Second, func() { read.Close() })
	reading.Wait()
	if expired.Stop() {
		read.Close()
	}
	c.status = "it ended"
	if err != nil {
		c.status = err.Error()
	}
	os.RemoveAll(c.dir)
	close(c.exited)
}

// follow copies the child's output to the log and keeps the last lines.
func (c *child) follow(r io.Reader, log io.Writer) {
	in := bufio.NewReaderSize(r, lineBytes)
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return
		}
		line := cleanLine(string(part), lineBytes)
		for more && err == nil { // the rest of a long line is not wanted
			_, more, err = in.ReadLine()
		}
		if line == "" {
			continue
		}
		c.mu.Lock()
		c.heard = time.Now()
		if c.lines = append(c.lines, line); len(c.lines) > keptLines {
			c.lines = c.lines[1:]
		}
		quiet := c.serving && chatter.MatchString(line)
		c.mu.Unlock()
		if !quiet {
			fmt.Fprintln(log, "llama-server:", line)
		}
	}
}

// chatter matches what llama-server logs about every request: its level is info or warning.
var chatter = regexp.MustCompile(`^[0-9.]* ?[IWD] |^(slot|srv) +[a-z_]+:`)

// privateDir makes a folder for one child, in the user's runtime folder if there is one.
func privateDir() (string, error) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if info, err := os.Stat(base); base == "" || err != nil || !info.IsDir() {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "bise-llama-") // 0700
	const longest = 90                            // bytes of a path of a socket; macOS allows 104
	if err == nil && len(dir) > longest {
		os.RemoveAll(dir)
		dir, err = os.MkdirTemp("/tmp", "bise-llama-")
	}
	return dir, err
}

// ready waits until the model is loaded.
func (c *child) ready(ctx context.Context, progress func(float64)) error {
	begun, listens := time.Now(), false
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.exited:
			return c.failed()
		case <-tick.C:
		}
		if n > 50 {
			tick.Reset(200 * time.Millisecond) // a large model
		}
		code, err := c.health(ctx)
		switch {
		case err == nil && code == http.StatusOK:
			c.mu.Lock()
			c.serving = true
			c.mu.Unlock()
			return nil
		case err == nil && code == http.StatusServiceUnavailable:
			listens = true
		case err == nil:
			return fault.Advise(fault.Errorf(fault.Unsupported, "cannot use llama-server: it answers %d to /health", code), "%s", updateAdvice)
		}
		c.mu.Lock()
		heard := c.heard
		c.mu.Unlock()
		if !listens && time.Since(begun) > c.wait.listen {
			return fault.Advise(fault.Errorf(fault.Crashed, "llama-server does not answer: it has not begun to listen"), "%s", updateAdvice)
		}
		if listens && time.Since(heard) > c.wait.load {
			return fault.Errorf(fault.Crashed, "llama-server does not answer: it is still loading %s", c.name)
		}
		if progress != nil {
			progress(0)
		}
	}
}

func (c *child) health(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://llama-server/health", nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxError))
	return resp.StatusCode, nil
}

// alive reports whether the child has not ended.
func (c *child) alive() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// reasons are what llama-server writes before it gives up.
var reasons = []string{"error loading model: ", "failed to load model: ", "error: ", "GGML_ASSERT"}

// failed is the error of a child that ended before it had loaded the model.
func (c *child) failed() error {
	why := c.status
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.lines); n > 0 {
		why += ": " + c.lines[n-1]
	}
search:
	for _, reason := range reasons {
		for _, line := range c.lines {
			if i := strings.Index(line, reason); i >= 0 {
				why = strings.TrimPrefix(line[i:], reason)
				break search
			}
		}
	}
	e := fault.Errorf(fault.BadModel, "llama-server cannot load %s: %s", c.name, cleanLine(why, 300))
	switch {
	case strings.Contains(why, "unknown model architecture"):
		e.Kind, e.Advice = fault.Unsupported, "Install a newer llama.cpp."
	case strings.Contains(why, "alloc") || strings.Contains(why, "out of memory"):
		e.Kind = fault.NoMemory
	}
	return e
}

// crashed is the error of a request during which the child ended.
func (c *child) crashed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errClosed(c.name)
	}
	return fault.Errorf(fault.Crashed, "llama-server ended while it answered: %s", c.status)
}

// end stops the child and waits for its end.
func (c *child) end() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.http.CloseIdleConnections()
	if !c.alive() {
		return
	}
	terminate(c.process)
	select {
	case <-c.exited:
	case <-time.After(c.wait.stop):
		slog.Warn("llama-server is killed")
		_ = c.process.Kill()
		<-c.exited
	}
}
