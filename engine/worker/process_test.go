//go:build unix

package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A house is where one test's workers live.
type house struct {
	t    testing.TB
	dir  string // of the sockets
	logs string
}

// newHouse makes a place for workers and sees to it that none outlives the test.
func newHouse(t testing.TB) *house {
	t.Helper()
	run, tmp := places(t)
	h := &house{t, filepath.Join(run, "bise"), tmp}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := Stop(ctx, 0, nil); err != nil {
			t.Error("stop what is left:", err)
		}
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(tmp, "*.log"))
			for _, path := range logs {
				text, _ := os.ReadFile(path)
				t.Logf("%s:\n%s", filepath.Base(path), text)
			}
		}
	})
	return h
}

// spec is a model of this name, whose file is there.
func (h *house) spec(name string) Spec {
	h.t.Helper()
	path := filepath.Join(h.logs, name+".gguf")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return Spec{Name: name, Path: path, Fingerprint: name, Version: "v1", KeepAlive: time.Minute}
}

func (h *house) open(spec Spec) *Engine {
	h.t.Helper()
	e, err := Open(h.t.Context(), spec, launcher(h.logs))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return e
}

func (h *house) ask(e *Engine, text string) string {
	h.t.Helper()
	answer, err := ask(h.t.Context(), e, text)
	if err != nil {
		h.t.Fatalf("ask %q: %v", text, err)
	}
	return answer
}

// pid is that of the worker, which must be another process than this one.
func (h *house) pid(e *Engine) int {
	h.t.Helper()
	pid, err := strconv.Atoi(h.ask(e, "pid"))
	if err != nil || pid == os.Getpid() {
		h.t.Fatalf("pid %d, %v", pid, err)
	}
	return pid
}

// starts counts the workers that were started for a spec.
func (h *house) starts(spec Spec) int {
	h.t.Helper()
	key, err := spec.Key()
	if err != nil {
		h.t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(h.logs, "worker-"+key+".log"))
	if err != nil {
		h.t.Fatal(err)
	}
	return bytes.Count(log, []byte(logMark))
}

// pipe makes a named pipe: a worker that comes to it waits until the test does.
func (h *house) pipe(name string) (path string, meet func()) {
	h.t.Helper()
	path = filepath.Join(h.logs, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path, func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			h.t.Error(err)
			return
		}
		f.Close()
	}
}

// begin asks, and returns once the answer has begun. Finish gives its end.
func (h *house) begin(e *Engine, text string) (finish func() (string, error)) {
	h.t.Helper()
	type end struct {
		text string
		err  error
	}
	begun, ended := make(chan struct{}), make(chan end, 1)
	go func() {
		var all strings.Builder
		var failed error
		var once sync.Once
		for ev, err := range e.Chat(h.t.Context(), chat(text)) {
			if d, ok := ev.(engine.TextDelta); ok {
				all.WriteString(d.Text)
				once.Do(func() { close(begun) })
			}
			failed = err
		}
		ended <- end{all.String(), failed}
	}()
	select {
	case <-begun:
	case r := <-ended:
		ended <- r
		h.t.Fatalf("%q ended before it began: %q, %v", text, r.text, r.err)
	}
	return func() (string, error) {
		r := <-ended
		return r.text, r.err
	}
}

// gone waits until a worker that this process has started is no more, and tells
// how it ended.
func (h *house) gone(pid int) string {
	h.t.Helper()
	how := waitEnd(pid, 20*time.Second)
	if how == "" {
		h.t.Fatalf("worker %d stays", pid)
	}
	return how
}

func (h *house) opener(spec Spec, env ...string) *exec.Cmd {
	h.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := json.Marshal(spec)
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(exe, "as-opener")
	cmd.Env = append(append(os.Environ(), "BISE_TEST_SPEC="+string(data)), env...)
	cmd.Stderr = h.t.Output()
	return cmd
}

func TestRacingCallersShareOne(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	const goroutines, processes = 8, 3
	pids := make(chan int, goroutines+processes)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() { pids <- h.pid(h.open(spec)) })
	}
	for range processes {
		all.Go(func() {
			out, err := h.opener(spec).Output()
			if err != nil {
				t.Error(err)
			}
			pid, _ := strconv.Atoi(strings.TrimSpace(string(out)))
			pids <- pid
		})
	}
	all.Wait()
	close(pids)
	first := <-pids
	for pid := range pids {
		if pid != first {
			t.Errorf("pids %d and %d", first, pid)
		}
	}
	if n := h.starts(spec); n != 1 {
		t.Errorf("%d were started", n)
	}
}

func TestOtherOptionsAreAnotherWorker(t *testing.T) {
	h := newHouse(t)
	one, two := h.spec("m"), h.spec("m")
	two.Options.Context = 1024
	if a, b := h.pid(h.open(one)), h.pid(h.open(two)); a == b {
		t.Error("they share", a)
	}
}

func TestTwoNamesOfTheSameWeightsShareOne(t *testing.T) {
	h := newHouse(t)
	one, two := h.spec("m"), h.spec("alias")
	two.Fingerprint = one.Fingerprint
	a, b := h.open(one), h.open(two)
	if first, second := h.pid(a), h.pid(b); first != second {
		t.Errorf("pids %d and %d", first, second)
	}
	if a, b := a.Info(), b.Info(); a.Model != "m" || b.Model != "alias" || a.Path != b.Path || a.ContextLength != 4096 {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestDeadWorkersSocketIsReplaced(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	e := h.open(spec)
	first := h.pid(e)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.gone(first)
	key, _ := spec.Key()
	if _, err := os.Lstat(socketPath(h.dir, key)); err != nil {
		t.Fatal("the socket should be left over:", err)
	}
	if second := h.pid(e); second == first {
		t.Error("the dead answer")
	}
	if third := h.pid(h.open(spec)); third == first {
		t.Error("the dead answer")
	}
	if n := h.starts(spec); n != 2 {
		t.Errorf("%d were started, want 2", n)
	}
}

func TestAFileInTheSocketsPlace(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	key, _ := spec.Key()
	if _, err := socketDir(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socketPath(h.dir, key), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.pid(h.open(spec))
}

func TestStartersDeathFreesTheLock(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	key, _ := spec.Key()
	if _, err := socketDir(); err != nil {
		t.Fatal(err)
	}
	exe, _ := os.Executable()
	holder := exec.Command(exe, "as-locker", lockPath(h.dir, key))
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, spec, launcher(h.logs)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another starts it: %v", err)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	h.pid(h.open(spec))
}

func TestAnotherVersionIsReplaced(t *testing.T) {
	h := newHouse(t)
	path, meet := h.pipe("pipe")
	old := h.spec("m")
	oldEngine := h.open(old)
	first := h.pid(oldEngine)
	finish := h.begin(oldEngine, "meet "+path)

	replaced := old
	replaced.Version = "v2"
	opened := make(chan *Engine)
	go func() { opened <- h.open(replaced) }()
	// The old one takes its socket away at once, and finishes what it has begun.
	for {
		if all, err := List(t.Context()); err != nil {
			t.Fatal(err)
		} else if len(all) == 0 {
			break
		}
	}
	meet()
	if text, err := finish(); err != nil || text != "begun and ended" {
		t.Errorf("the old one's answer: %q, %v", text, err)
	}
	e := <-opened
	second := h.pid(e)
	if second == first {
		t.Error("the old version stays")
	}
	// A process of the old version does not fight for its own.
	if pid := h.pid(oldEngine); pid != second {
		t.Errorf("the old client has %d, want %d", pid, second)
	}
	if n := h.starts(old); n != 2 {
		t.Errorf("%d were started, want 2", n)
	}
}

func TestSurvivesItsStarter(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	starter := h.opener(spec, "BISE_TEST_STAY=1")
	starter.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	// All of the starter's process group goes, as on ^\ in a terminal.
	if err := syscall.Kill(-starter.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait()
	e := h.open(spec)
	if got := h.pid(e); got != pid {
		t.Errorf("pid %d, want %d", got, pid)
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d of process %d, %v", sid, pid, err)
	}
	// What a terminal sends when it is closed or on ^C.
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.pid(e); got != pid {
		t.Errorf("pid %d after signals, want %d", got, pid)
	}
	if n := h.starts(spec); n != 1 {
		t.Errorf("%d were started", n)
	}
}

func TestLeavesNothingOpen(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("the system does not tell what a process has open")
	}
	h := newHouse(t)
	spec := h.spec("m")
	// A file that the starter's shell has open, say a lock.
	held, err := os.Create(filepath.Join(h.logs, "held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	starter := h.opener(spec)
	starter.ExtraFiles = []*os.File{held}
	out, err := starter.Output()
	if err != nil {
		t.Fatal(err)
	}
	proc := filepath.Join("/proc", strings.TrimSpace(string(out)))
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(filepath.Join(proc, "fd", fd.Name()))
		switch {
		case to == held.Name():
			t.Errorf("descriptor %s is %s", fd.Name(), to)
		case (fd.Name() == "0" || fd.Name() == "1") && to != os.DevNull:
			t.Errorf("descriptor %s is %s", fd.Name(), to)
		case fd.Name() == "2" && filepath.Ext(to) != ".log":
			t.Errorf("descriptor 2 is %s", to)
		}
	}
	if cwd, _ := os.Readlink(filepath.Join(proc, "cwd")); cwd != "/" {
		t.Errorf("it works in %s", cwd)
	}
}

func TestLeavesWhenIdle(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	e := h.open(spec)
	pid := h.pid(e)
	soon := spec
	soon.KeepAlive = time.Millisecond
	h.open(soon) // tells the one that runs
	if how := h.gone(pid); how != "exit status 0" {
		t.Error("it ended with", how)
	}
	if all, err := List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if names, _ := filepath.Glob(filepath.Join(h.dir, "*.sock")); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	h.pid(e) // starts another
}

func TestStaysWhileItAnswers(t *testing.T) {
	h := newHouse(t)
	path, meet := h.pipe("pipe")
	spec := h.spec("m")
	spec.KeepAlive = time.Millisecond
	e := h.open(spec)
	finish := h.begin(e, "meet "+path)
	st, err := e.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.State != Answering || st.Requests != 1 || !st.LeavesAt.IsZero() {
		t.Errorf("status %+v", st)
	}
	meet()
	if text, err := finish(); err != nil || text != "begun and ended" {
		t.Errorf("%q, %v", text, err)
	}
}

// Requests that come when the worker is leaving must find it or a fresh one.
func TestRequestsAtTheMomentOfLeaving(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	spec.KeepAlive = time.Nanosecond
	times := 30
	if testing.Short() {
		times = 5
	}
	var all sync.WaitGroup
	for range 3 {
		e := h.open(spec)
		all.Go(func() {
			for range times {
				if _, err := ask(t.Context(), e, "pid"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d workers for %d requests", h.starts(spec), 3*times)
}

func TestDeathWhileAnswering(t *testing.T) {
	for _, tt := range []struct {
		name, ask string
		kill      bool
		want      string
	}{
		{"killed", "hang", true, "the worker for m was killed while answering (SIGKILL)"},
		{"aborted by llama.cpp", "abort", false, "the worker for m ended while answering (exit status 2): ggml.c:1: GGML_ASSERT(a == b) failed"},
		{"a panic", "panic", false, "the worker for m ended while answering (exit status 2): panic: out of ideas"},
		{"an exit", "exit", false, "the worker for m ended while answering (exit status 9)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			spec := h.spec("m")
			e := h.open(spec)
			pid := h.pid(e)
			var err error
			var start time.Time
			if tt.kill {
				finish := h.begin(e, tt.ask)
				start = time.Now()
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				_, err = finish()
			} else {
				start = time.Now()
				_, err = ask(t.Context(), e, tt.ask)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("told after %v", took)
			}
			var told *fault.Error
			if !errors.As(err, &told) || told.Kind != fault.Crashed || told.Msg != tt.want || told.Advice == "" {
				t.Errorf("got %q (kind %s)\nwant %q", err, fault.KindOf(err), tt.want)
			}
			if again := h.pid(e); again == pid {
				t.Error("the dead answer")
			}
			if n := h.starts(spec); n != 2 {
				t.Errorf("%d were started, want 2: what a worker died of must not be asked again", n)
			}
		})
	}
}

// What killed a worker is not what it logged last.
func TestExplainEnd(t *testing.T) {
	for _, tt := range []struct {
		name, how, last string
		certain, oom    bool
		want, advice    string
	}{
		{"no memory", killed, "load: a", false, true, "the system killed the worker for m while answering: it ran out of memory", "Use a smaller model"},
		{"no memory, another's child", "", "load: a", false, true, "the system killed the worker for m while answering: it ran out of memory", "Use a smaller model"},
		{"killed", killed, "load: a", false, false, "the worker for m was killed while answering (SIGKILL)", "A user, another program"},
		{"a limit", "signal: CPU time limit exceeded", "load: a", false, false, "the worker for m was ended by a signal while answering: CPU time limit exceeded", "A user, another program"},
		{"a limit at a time without memory", "signal: terminated", "", false, true, "the worker for m was ended by a signal while answering: terminated", "A user, another program"},
		{"a crash", "exit status 2", "GGML_ASSERT(x) failed", true, false, "the worker for m ended while answering (exit status 2): GGML_ASSERT(x) failed", "Ask again"},
		{"a crash of another's child", "", "panic: x", true, true, "the worker for m ended while answering: panic: x", "Ask again"},
		{"no reason", "", "load: a", false, false, "the worker for m ended while answering and left no reason: it was probably killed", "Ask again"},
	} {
		e := explainEnd("m", "while answering", tt.how, tt.last, tt.certain, "log", tt.oom)
		if e.Msg != tt.want || !strings.HasPrefix(e.Advice, tt.advice) || e.Kind != fault.Crashed {
			t.Errorf("%s: %+v", tt.name, e)
		}
	}
}

func TestDeathOfAnothersChild(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	if out, err := h.opener(spec).Output(); err != nil {
		t.Fatal(err, out)
	}
	e := h.open(spec)
	_, err := ask(t.Context(), e, "abort")
	want := "the worker for m ended while answering: ggml.c:1: GGML_ASSERT(a == b) failed"
	if fault.KindOf(err) != fault.Crashed || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestModelThatDoesNotLoad(t *testing.T) {
	h := newHouse(t)
	t.Run("is told to everybody who waits", func(t *testing.T) {
		spec := h.spec("fails")
		e := h.open(spec)
		st, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := ask(t.Context(), e, "pid")
			var told *fault.Error
			if !errors.As(err, &told) || told.Kind != fault.BadModel || told.Msg != spec.Path+" is not a model" {
				t.Errorf("got %v", err)
			}
		}
		if how := h.gone(st.PID); how != "exit status 3" {
			t.Error("it ended with", how)
		}
	})
	t.Run("because its process dies", func(t *testing.T) {
		spec := h.spec("aborts")
		e, err := Open(t.Context(), spec, launcher(h.logs))
		if err == nil {
			_, err = ask(t.Context(), e, "pid")
			defer e.Close()
		}
		if fault.KindOf(err) != fault.Crashed || !strings.HasSuffix(err.Error(), "llama-model.cpp:7: GGML_ASSERT(it loads) failed") {
			t.Errorf("got %v", err)
		}
		if n := h.starts(spec); n > 2 {
			t.Errorf("%d were started", n)
		}
	})
	t.Run("because the program is another", func(t *testing.T) {
		for _, tt := range []struct {
			command []string
			want    string
		}{
			{[]string{"/bin/sh", "-c", "echo 'sh: no such verb' >&2; exit 7"}, "the worker for m ended before it listened (exit status 7): sh: no such verb"},
			{[]string{filepath.Join(h.logs, "absent")}, "cannot start a worker for m: fork/exec"},
			{nil, "no command"},
		} {
			_, err := Open(t.Context(), h.spec("m"), Launcher{Command: tt.command, LogDir: h.logs})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		}
	})
	t.Run("because it is not there", func(t *testing.T) {
		_, err := Open(t.Context(), Spec{Name: "m", Path: filepath.Join(h.logs, "absent.gguf")}, launcher(h.logs))
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhileItLoads(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("waits")
	os.Remove(spec.Path)
	_, meet := h.pipe(filepath.Base(spec.Path))
	e := h.open(spec)
	if info := e.Info(); info.Model != "waits" {
		t.Errorf("info %+v", info)
	}
	loading := make(chan struct{})
	done := make(chan error)
	go func() {
		var once sync.Once
		var failed error
		for ev, err := range e.Chat(t.Context(), chat("pid")) {
			if l, ok := ev.(engine.Loading); ok && l.Fraction == 0.25 {
				once.Do(func() { close(loading) })
			}
			failed = err
		}
		done <- failed
	}()
	select {
	case <-loading:
	case err := <-done:
		t.Fatal("answered without a model:", err)
	}
	all, err := List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if st := all[0]; st.State != Loading || st.Loaded != 0.25 || st.Requests != 1 || st.Name != "waits" || st.PID == 0 {
		t.Errorf("status %+v", st)
	}
	meet()
	if err := <-done; err != nil {
		t.Error(err)
	}
	st, err := e.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Loaded != 1 || st.Context != 4096 || st.ContextNow != 2048 || st.ContextUsed != 7 || st.Memory == 0 || st.Started.IsZero() {
		t.Errorf("status %+v", st)
	}
}

func TestStopWhileItLoads(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("waits")
	os.Remove(spec.Path)
	h.pipe(filepath.Base(spec.Path))
	e := h.open(spec)
	loading := make(chan struct{})
	done := make(chan error)
	go func() {
		var once sync.Once
		var failed error
		for _, err := range e.Chat(t.Context(), chat("pid")) {
			once.Do(func() { close(loading) })
			failed = err
		}
		done <- failed
	}()
	<-loading
	if ended, err := Stop(t.Context(), time.Minute, nil); err != nil || len(ended) != 1 {
		t.Errorf("%v, %v", ended, err)
	}
	if err := <-done; fault.KindOf(err) != fault.Closed {
		t.Errorf("who waits gets %v", err)
	}
}

func TestStopWhileAnswering(t *testing.T) {
	t.Run("lets the answer end", func(t *testing.T) {
		h := newHouse(t)
		path, meet := h.pipe("pipe")
		e := h.open(h.spec("m"))
		finish := h.begin(e, "meet "+path)
		stopped := make(chan error)
		go func() {
			ended, err := Stop(t.Context(), time.Minute, nil)
			if len(ended) != 1 {
				t.Errorf("%d ended", len(ended))
			}
			stopped <- err
		}()
		select {
		case err := <-stopped:
			t.Fatal("stopped while it answered:", err)
		default:
		}
		meet()
		if text, err := finish(); err != nil || text != "begun and ended" {
			t.Errorf("%q, %v", text, err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		h := newHouse(t)
		e := h.open(h.spec("m"))
		pid := h.pid(e)
		finish := h.begin(e, "hang")
		if ended, err := Stop(t.Context(), time.Millisecond, nil); err != nil || len(ended) != 1 {
			t.Errorf("%v, %v", ended, err)
		}
		if _, err := finish(); fault.KindOf(err) != fault.Closed {
			t.Errorf("the answer ends with %v", err)
		}
		if again := h.pid(e); again == pid {
			t.Error("it was not stopped")
		}
	})
	t.Run("only those that are meant", func(t *testing.T) {
		h := newHouse(t)
		a, b := h.open(h.spec("a")), h.open(h.spec("b"))
		pid := h.pid(b)
		h.pid(a)
		ended, err := Stop(t.Context(), time.Minute, func(st Status) bool { return st.Name == "a" })
		if err != nil || len(ended) != 1 || ended[0].Name != "a" {
			t.Errorf("%v, %v", ended, err)
		}
		if got := h.pid(b); got != pid {
			t.Error("b was stopped too")
		}
	})
	t.Run("by SIGTERM", func(t *testing.T) {
		h := newHouse(t)
		path, meet := h.pipe("pipe")
		e := h.open(h.spec("m"))
		pid := h.pid(e)
		finish := h.begin(e, "meet "+path)
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		meet()
		if text, err := finish(); err != nil || text != "begun and ended" {
			t.Errorf("%q, %v", text, err)
		}
		if how := h.gone(pid); how != "exit status 0" {
			t.Error("it ended with", how)
		}
	})
}

func TestList(t *testing.T) {
	h := newHouse(t)
	if all, err := List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("before there was any: %v, %v", all, err)
	}
	alive, dead, stuck := h.spec("alive"), h.spec("dead"), h.spec("stuck")
	e, d, s := h.open(alive), h.open(dead), h.open(stuck)
	pid, deadPID := h.pid(e), h.pid(d)
	if err := syscall.Kill(deadPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.gone(deadPID)
	stuckPID := h.pid(s)
	if err := syscall.Kill(stuckPID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	all, err := List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if st := all[0]; st.Name != "alive" || st.PID != pid || st.State != Idle || st.Version != "v1" || st.KeepAlive != time.Minute || time.Until(st.LeavesAt) > time.Minute {
		t.Errorf("alive: %+v", st)
	}
	if st := all[1]; st.Name != "stuck" || st.State != Silent || (st.PID != stuckPID && st.PID != 0) {
		t.Errorf("stuck: %+v", st)
	}
	key, _ := dead.Key()
	for _, left := range []string{socketPath(h.dir, key), lockPath(h.dir, key)} {
		if _, err := os.Lstat(left); !os.IsNotExist(err) {
			t.Errorf("left behind: %s", left)
		}
	}
	// One that does not answer can be ended all the same.
	ended, err := Stop(t.Context(), time.Second, func(st Status) bool { return st.State == Silent })
	if err != nil || len(ended) != 1 {
		t.Errorf("%v, %v", ended, err)
	}
	if again := h.pid(s); again == stuckPID {
		t.Error("it was not ended")
	}
}

func TestLastErrorIsTold(t *testing.T) {
	h := newHouse(t)
	e := h.open(h.spec("m"))
	if _, err := ask(t.Context(), e, "fail"); err == nil {
		t.Fatal("no error")
	}
	st, err := e.Status(t.Context())
	if err != nil || st.LastError != "as the script says" {
		t.Errorf("%q, %v", st.LastError, err)
	}
}

func TestLeavesWhenItsSocketIsTakenAway(t *testing.T) {
	t.Setenv("BISE_TEST_LOOK", "1ms")
	h := newHouse(t)
	spec := h.spec("m")
	e := h.open(spec)
	first := h.pid(e)
	key, _ := spec.Key()
	if err := os.Remove(socketPath(h.dir, key)); err != nil {
		t.Fatal(err)
	}
	h.gone(first)
	if second := h.pid(e); second == first {
		t.Error("it stays")
	}
}

func TestAWorkerBesideAnother(t *testing.T) {
	h := newHouse(t)
	spec := h.spec("m")
	first := h.pid(h.open(spec))
	key, _ := spec.Key()
	// A second one, whose starter did not see the first.
	s, err := newStarter(spec, launcher(h.logs))
	if err != nil {
		t.Fatal(err)
	}
	l, err := acquire(t.Context(), lockPath(h.dir, key))
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	if _, err := s.start(t.Context(), l); err != errTaken {
		t.Error(err)
	}
	if pid := h.pid(h.open(spec)); pid != first {
		t.Error("the second took the first one's place")
	}
}
