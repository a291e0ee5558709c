//go:build unix

package llamaserver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// The test binary is also the llama-server that the tests start, and a process that opens one.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("BISE_TEST_FAKE") != "":
		os.Exit(playServer(os.Getenv("BISE_TEST_FAKE"), os.Args[1:]))
	case os.Getenv("BISE_TEST_OPENER") != "":
		os.Exit(playOpener(os.Getenv("BISE_TEST_OPENER")))
	}
	os.Exit(m.Run())
}

const fakeHelp = `----- common params -----

-h,    --help, --usage                  print usage and exit
-m,    --model FNAME                    model path to load
-c,    --ctx-size N                     size of the prompt context
-fa,   --flash-attn [on|off|auto]       set Flash Attention use
--host HOST                             address, or a UNIX socket path ending in .sock
-np,   --parallel N                     number of server slots
--api-key-file FNAME                    path to file containing API keys; see also --api-key
`

// playServer is a llama-server that does what mode says.
func playServer(mode string, args []string) int {
	flag := func(name string) string {
		for i, a := range args[:len(args)-1] {
			if a == name {
				return args[i+1]
			}
		}
		return ""
	}
	switch args[0] {
	case "--version":
		switch mode {
		case "garbage":
			fmt.Print("\x00\x1b[2J\xff\xfe")
		case "replaced":
			fmt.Println("version: 22222 (abcdef0)")
		default:
			fmt.Println("version: 11111 (abcdef0)")
		}
		return 0
	case "--help":
		switch mode {
		case "garbage":
			fmt.Print(strings.Repeat("\x1b]0;title\x07\x00\xff--mod", 1000))
		case "old":
			fmt.Print(strings.Replace(fakeHelp, "--api-key-file", "--some-file", 1))
		case "old-sockets":
			fmt.Print(strings.Replace(fakeHelp, "UNIX socket", "IP", 1))
		case "fails-help":
			return 1
		default:
			fmt.Print(fakeHelp)
		}
		return 0
	}
	if fifo := os.Getenv("BISE_TEST_FIFO"); fifo != "" {
		// Its other end sees when this process has ended.
		if _, err := os.OpenFile(fifo, os.O_WRONLY, 0); err != nil {
			return 4
		}
	}
	switch mode {
	case "unknown":
		fmt.Fprintln(os.Stderr, "llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'mistral9'")
		return 1
	case "dies":
		fmt.Fprintln(os.Stderr, "\x1b[31mthe \x07disk\x1b[0m is on fire")
		return 1
	case "deaf":
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		<-end
		return 0
	}
	key, err := os.ReadFile(flag("--api-key-file"))
	if err != nil {
		return 5
	}
	info, err := os.Stat(flag("--api-key-file"))
	if err != nil || info.Mode().Perm() != 0o600 {
		return 6
	}
	if info, err := os.Stat(filepath.Dir(flag("--host"))); err != nil || info.Mode().Perm() != 0o700 {
		return 7
	}
	l, err := net.Listen("unix", flag("--host"))
	if err != nil {
		return 8
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		switch mode {
		case "loads-forever":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "not-http":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprint(conn, "\x00\x01garbage")
				conn.Close()
			}
		case "teapot":
			w.WriteHeader(http.StatusTeapot)
		}
	})
	mux.HandleFunc("GET /props", func(w http.ResponseWriter, _ *http.Request) {
		if mode == "garbage-props" {
			fmt.Fprint(w, "<html>")
			return
		}
		fmt.Fprint(w, `{"default_generation_settings":{"n_ctx":256},"total_slots":2}`)
	})
	mux.HandleFunc("POST /completion", func(w http.ResponseWriter, r *http.Request) { playAnswer(mode, w, r) })
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" && r.Header.Get("Authorization") != "Bearer "+strings.TrimSpace(string(key)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})}
	_ = server.Serve(l)
	return 0
}

func playAnswer(mode string, w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w).Flush
	switch mode {
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":{"code":500,"message":"out of\u001b[2J ideas","type":"server_error"}}`)
		return
	case "html":
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html>\x1b[2Jsorry</html>")
		return
	case "too-long":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":300,"n_ctx":256}}`)
		return
	case "full":
		fmt.Fprint(w, "data: {\"error\":{\"code\":500,\"message\":\"Context size has been exceeded.\",\"type\":\"server_error\"}}\n\n")
		return
	case "garbage-answer":
		fmt.Fprint(w, "data: {\"content\":\n\n")
		return
	case "other-answer":
		fmt.Fprint(w, "data: {\"index\":7,\"content\":\"x\",\"tokens\":[5],\"tokens_predicted\":1}\n\n")
		return
	case "ends":
		fmt.Fprint(w, "data: {\"index\":0,\"content\":\"x\",\"tokens\":[5],\"tokens_predicted\":1}\n\n")
		return
	}
	fmt.Fprint(w, "data: {\"index\":0,\"content\":\"fair \",\"tokens\":[5],\"tokens_predicted\":1,\"stop\":false}\n\n")
	_ = flush()
	switch mode {
	case "dies-answering":
		os.Exit(3)
	case "hangs":
		<-r.Context().Done()
		return
	}
	fmt.Fprint(w, "data: {\"index\":0,\"content\":\"wind\",\"tokens\":[6],\"tokens_predicted\":2,\"stop\":false}\n\n")
	fmt.Fprint(w, "data: {\"index\":0,\"content\":\"\",\"tokens\":[],\"tokens_predicted\":2,\"stop\":true,\"stop_type\":\"limit\",\"timings\":{\"cache_n\":0,\"prompt_n\":3,\"prompt_ms\":1.5}}\n\n")
}

// fake writes a program that plays a llama-server.
func fake(t *testing.T, mode string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), program)
	writeFake(t, path, mode)
	return path
}

func writeFake(t *testing.T, path, mode string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nBISE_TEST_FAKE=%s exec %s \"$@\"\n", mode, self)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// hurried are the patience of tests that wait for it.
var hurried = patience{listen: 300 * time.Millisecond, load: 300 * time.Millisecond, answer: 300 * time.Millisecond, stop: 5 * time.Second}

func openFake(t *testing.T, server string, wait patience) (*Engine, error) {
	t.Helper()
	e, err := Open(t.Context(), Config{Path: tiny(t, tinymodel.Mistral()), Options: engine.LoadOptions{LlamaServer: server}, Log: io.Discard, wait: wait}, nil)
	if err == nil {
		t.Cleanup(func() { e.Close() })
	}
	return e, err
}

// say asks for a completion.
func say(ctx context.Context, e *Engine) (enginetest.Answer, error) {
	return enginetest.Collect(e.Complete(ctx, engine.CompletionRequest{Prompt: "The wind", Sampling: engine.Sampling{MaxTokens: new(2)}}))
}

// wantFault checks the kind of an error and that it is one clean sentence.
func wantFault(t *testing.T, err error, kind fault.Kind, part string) {
	t.Helper()
	if fault.KindOf(err) != kind || !strings.Contains(err.Error(), part) {
		t.Errorf("got %q (%s), want %s and %q", err, fault.KindOf(err), kind, part)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\x1b\x00\x07\n") {
		t.Errorf("%q has control characters", err)
	}
}

func TestFake(t *testing.T) {
	enginetest.CheckLeaks(t)
	e, err := openFake(t, fake(t, "ok"), patience{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := say(t.Context(), e)
	if err != nil || a.Text() != "fair wind" || a.Reason() != engine.FinishLength || a.Usage.CompletionTokens != 2 {
		t.Errorf("got %q, %s, %+v, %v", a.Text(), a.Reason(), a.Usage, err)
	}
	if info := e.Info(); info.Engine != "llama-server b11111" || info.ContextLength != 256 {
		t.Errorf("got %q and a context of %d", info.Engine, info.ContextLength)
	}
	if _, err := os.Stat(filepath.Join(e.child.dir, "key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	dir := e.child.dir
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the socket is still there: %v", err)
	}
}

// A program that cannot be used is reported, and nothing of it stays.
func TestBadPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(binary, []byte("\x00\x01\x02\x03 not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		kind       fault.Kind
		part       string
	}{
		{"missing", filepath.Join(t.TempDir(), "none"), fault.NotFound, "cannot find the llama-server"},
		{"not executable", file, fault.File, "it is not executable"},
		{"a folder", t.TempDir(), fault.File, "it is a folder"},
		{"no program", binary, fault.Unsupported, "cannot run"},
		{"garbage", fake(t, "garbage"), fault.Unsupported, "it is not llama-server"},
		{"old", fake(t, "old"), fault.Unsupported, "too old"},
		{"old sockets", fake(t, "old-sockets"), fault.Unsupported, "cannot listen on a Unix socket"},
		{"fails", fake(t, "fails-help"), fault.Unsupported, "--help"},
		{"unknown architecture", fake(t, "unknown"), fault.Unsupported, "unknown model architecture: 'mistral9'"},
		{"dies", fake(t, "dies"), fault.BadModel, "cannot load tiny: exit status 1: the disk is on fire"},
		{"deaf", fake(t, "deaf"), fault.Crashed, "it has not begun to listen"},
		{"loads forever", fake(t, "loads-forever"), fault.Crashed, "it is still loading"},
		{"not HTTP", fake(t, "not-http"), fault.Crashed, "llama-server does not answer"},
		{"another server", fake(t, "teapot"), fault.Unsupported, "418"},
		{"garbage properties", fake(t, "garbage-props"), fault.Internal, "/props"},
	} {
		t.Run(c.name, func(t *testing.T) {
			enginetest.CheckLeaks(t)
			dir := t.TempDir()
			t.Setenv("XDG_RUNTIME_DIR", dir)
			_, err := openFake(t, c.path, hurried)
			wantFault(t, err, c.kind, c.part)
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

// An answer that goes wrong is an error, and the next request finds a server that works.
func TestBadAnswers(t *testing.T) {
	for _, c := range []struct {
		mode string
		kind fault.Kind
		part string
	}{
		{"500", fault.Internal, "llama-server answered 500: out of"},
		{"html", fault.Internal, "llama-server answered 502"},
		{"too-long", fault.TooLong, "300 tokens and the context holds 256"},
		{"full", fault.Busy, "the context is full"},
		{"garbage-answer", fault.Internal, "/completion"},
		{"other-answer", fault.Internal, "answer 7"},
		{"ends", fault.Crashed, "broke off"},
		{"dies-answering", fault.Crashed, "ended while it answered: exit status 3"},
		{"hangs", fault.Crashed, "does not answer"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			enginetest.CheckLeaks(t)
			wait := defaultPatience
			if c.mode == "hangs" {
				wait.answer = hurried.answer
			}
			if c.mode == "ends" {
				wait.stop = hurried.answer
			}
			path := fake(t, c.mode)
			e, err := openFake(t, path, wait)
			if err != nil {
				t.Fatal(err)
			}
			_, err = say(t.Context(), e)
			wantFault(t, err, c.kind, c.part)
			if c.kind != fault.Crashed || c.mode == "ends" {
				return
			}
			// The program is another one by then.
			<-e.child.exited
			writeFake(t, path, "replaced")
			if a, err := say(t.Context(), e); err != nil || a.Text() != "fair wind" {
				t.Errorf("afterwards: %q, %v", a.Text(), err)
			}
			if got := e.Info().Engine; got != "llama-server b22222" {
				t.Errorf("the engine is %q", got)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A program that is replaced while it runs goes on; one that is removed is missed when it must be
// started again.
func TestReplaced(t *testing.T) {
	path := fake(t, "ok")
	e, err := openFake(t, path, patience{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := say(t.Context(), e); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := e.child.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-e.child.exited
	_, err = say(t.Context(), e)
	wantFault(t, err, fault.NotFound, "cannot find the llama-server")
	writeFake(t, path, "replaced")
	if a, err := say(t.Context(), e); err != nil || a.Text() != "fair wind" {
		t.Errorf("afterwards: %q, %v", a.Text(), err)
	}
}

// playOpener opens a server and waits to be killed, or watches a process and waits.
func playOpener(path string) int {
	if pid, err := strconv.Atoi(path); err == nil {
		watch(pid)
		fmt.Println("watching")
		select {}
	}
	model, server, _ := strings.Cut(path, "|")
	e, err := Open(context.Background(), Config{Path: model, Options: engine.LoadOptions{LlamaServer: server}, Log: io.Discard}, nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(e.child.process.Pid)
	select {}
}

// opener starts this program with an order and returns its first line.
func opener(t *testing.T, order string, env ...string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), "BISE_TEST_OPENER="+order), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

// The child does not outlive the process that started it, even if that is killed.
func TestNoOrphan(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	cmd, line := opener(t, tiny(t, tinymodel.Mistral())+"|"+fake(t, "ok"), "BISE_TEST_FIFO="+fifo)
	if _, err := strconv.Atoi(line); err != nil {
		t.Fatalf("it says %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n, err := alive.Read(make([]byte, 1)); n != 0 || err != io.EOF { // when nobody has it open
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// watch does the same where the kernel does not.
func TestWatch(t *testing.T) {
	victim := exec.Command("cat")
	held, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, _ := opener(t, strconv.Itoa(victim.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := victim.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}

	// A release leaves the process alone.
	other := exec.Command("cat")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	watch(other.Process.Pid)()
	in.Close()
	if err := other.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// The cache of what a build can do is used until the program changes.
func TestInspectIsRemembered(t *testing.T) {
	path, cache := fake(t, "ok"), filepath.Join(t.TempDir(), "cache", "builds.json")
	first, err := Inspect(t.Context(), path, cache)
	if err != nil || first.Version != "b11111" || !first.Flash || first.Has("--api-key") || !first.Has("-np") {
		t.Fatalf("got %+v, %v", first, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFake(t, path, "old")
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	// "old" and "ok" differ in length, so size tells them apart even at the same time.
	if _, err := Inspect(t.Context(), path, cache); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a program of another size: %v", err)
	}
	writeFake(t, path, "ok")
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if again, err := Inspect(t.Context(), path, cache); err != nil || again.Version != "b11111" {
		t.Errorf("got %+v, %v", again, err)
	}
	if err := os.WriteFile(cache, []byte("[{}, null, 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := Inspect(t.Context(), path, cache); err != nil || again.Version != "b11111" {
		t.Errorf("with a damaged cache: %+v, %v", again, err)
	}
	var kept []*Build
	if data, err := os.ReadFile(cache); err != nil || json.Unmarshal(data, &kept) != nil || len(kept) != 1 {
		t.Errorf("the cache has %d builds, %v", len(kept), err)
	}
}

func TestVersions(t *testing.T) {
	for out, want := range map[string]string{
		"version: 6789 (0ac12bd)\nbuilt with cc":                                  "b6789",
		"ggml_cuda_init: found 1 device\nversion: b11434-0ac12bd\nbuilt":          "b11434",
		"version: 0.6.0-dev (build 11434, commit unknown)\nbuilt with GNU 12.2.0": "b11434",
		"llama-server version 0.6.0-dev (b11434)":                                 "b11434",
		"version: 0.6.0":         "0.6.0",
		"":                       "of an unknown version",
		"\x1b[31mversion: x\x07": "x",
	} {
		if got := parseVersion([]byte(out)); got != want {
			t.Errorf("%q: got %q, want %q", out, got, want)
		}
	}
}
