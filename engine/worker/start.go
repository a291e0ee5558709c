package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// replaceGrace is how long a worker of another version may finish its answers before its
// replacement starts: two of them may not fit into memory.
const replaceGrace = 30 * time.Second

// An order is what a starter sends to the new process on stdin.
type order struct {
	Spec Spec   `json:"spec"`
	Key  string `json:"key"`
	Dir  string `json:"dir"` // of the socket
	Log  string `json:"log"` // what stderr is
}

// A report is what the process answers on stdout, once it listens or knows that
// it will not.
type report struct {
	Taken bool   `json:"taken,omitempty"` // another worker listens
	Error string `json:"error,omitempty"` // why the worker does not listen
}

// A starter finds the worker for a spec, or starts it.
type starter struct {
	spec     Spec
	key      string
	dir      string // of the socket
	launcher Launcher
	control  *control
	log      atomic.Pointer[string] // of the worker seen last; another may have started it, with its log elsewhere
}

func newStarter(spec Spec, l Launcher) (*starter, error) {
	if len(l.Command) == 0 {
		return nil, errors.New("start a worker: no command")
	}
	// The worker's folder is not the caller's.
	for _, p := range paths(&spec) {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return nil, err
		}
		*p = abs
	}
	key, err := spec.Key()
	if err != nil {
		return nil, &fault.Error{
			Kind:   fault.NotFound,
			Msg:    fmt.Sprintf("cannot open %s: %v", spec.Name, err),
			Advice: "Check the path, and whether the file may be read.",
			Cause:  err,
		}
	}
	dir, err := socketDir()
	if err != nil {
		return nil, err
	}
	return &starter{spec: spec, key: key, dir: dir, launcher: l, control: newControl(socketPath(dir, key))}, nil
}

// paths returns pointers to every file path in a spec.
func paths(s *Spec) []*string {
	o := &s.Options
	o.Adapters = append([]engine.Adapter(nil), o.Adapters...)
	o.BackendDirs = append([]string(nil), o.BackendDirs...)
	all := []*string{&s.Path, &o.Projector, &o.StateDir}
	for i := range o.Adapters {
		all = append(all, &o.Adapters[i].Path)
	}
	for i := range o.BackendDirs {
		all = append(all, &o.BackendDirs[i])
	}
	return all
}

func socketPath(dir, key string) string { return filepath.Join(dir, key+".sock") }

func lockPath(dir, key string) string { return filepath.Join(dir, key+".lock") }

// open makes sure that a worker of the spec's version listens.
func (s *starter) open(ctx context.Context) (Status, error) {
	return s.ensure(ctx, func(st Status) bool { return st.Version == s.spec.Version })
}

// reopen makes sure that a worker listens, of whatever version. The last process of an
// old version must not end a worker that another process has started since, or the two
// would replace each other forever.
func (s *starter) reopen(ctx context.Context) (Status, error) {
	return s.ensure(ctx, func(Status) bool { return true })
}

func (s *starter) ensure(ctx context.Context, fits func(Status) bool) (Status, error) {
	st, err := s.control.status(ctx, answerWithin)
	if notListening(err) || err == nil && !fits(st) {
		st, err = s.replace(ctx, fits)
	}
	if err != nil {
		return Status{}, s.explain(err)
	}
	s.log.Store(&st.Log)
	return st, nil
}

// replace starts a worker in the place of none, or of one that does not fit.
func (s *starter) replace(ctx context.Context, fits func(Status) bool) (Status, error) {
	lock, err := acquire(ctx, lockPath(s.dir, s.key))
	if err != nil {
		return Status{}, err
	}
	defer lock.release()
	for {
		// The previous holder of the lock may have started one.
		st, err := s.control.status(ctx, answerWithin)
		switch {
		case err == nil && fits(st):
			return st, nil
		case err == nil:
			if err := s.control.stop(ctx, replaceGrace); err != nil {
				return Status{}, err
			}
		case !notListening(err):
			return Status{}, err
		}
		if err := os.Remove(s.control.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			return Status{}, fmt.Errorf("remove a dead worker's socket: %w", err)
		}
		st, err = s.start(ctx, lock)
		if !errors.Is(err, errTaken) {
			return st, err
		}
	}
}

// errTaken reports that another worker listens already: its starter died with the lock,
// before it listened.
var errTaken = errors.New("there is one already")

// explain describes
func (s *starter) explain(err error) error {
	if errors.Is(err, errSilent) {
		return errSilentWorker(s.spec.Name)
	}
	return err
}

// start runs a worker process and returns when it listens. The lock is held.
func (s *starter) start(ctx context.Context, lock *lock) (Status, error) {
	fail := func(err error) (Status, error) {
		e := fault.Errorf(fault.Internal, "cannot start a worker for %s: %w", s.spec.Name, err)
		e.Advice = "Run `bise doctor` to see what is missing."
		return Status{}, e
	}
	reapEnded()
	oomBefore := oomKills()
	log, err := openLog(s.key, s.launcher.LogDir, s.dir)
	if err != nil {
		return fail(err)
	}
	defer log.Close()
	markLog(log, s.spec)
	lock.setModel(s.spec.Name)

	stdin, orders, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer orders.Close()
	reports, stdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return fail(err)
	}
	defer reports.Close()

	cmd := exec.Command(s.launcher.Command[0], s.launcher.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, log
	cmd.Dir = string(filepath.Separator)
	// On a failed assertion ggml would start a debugger, which takes seconds and
	// keeps the dying worker's connections open for as long.
	cmd.Env = append(os.Environ(), "GGML_NO_BACKTRACE=1")
	cmd.SysProcAttr = detached()
	err = cmd.Start()
	stdin.Close()
	stdout.Close()
	if err != nil {
		return fail(err)
	}
	pid := adopt(cmd)

	defer context.AfterFunc(ctx, func() {
		past := time.Unix(1, 0)
		_ = orders.SetWriteDeadline(past)
		_ = reports.SetReadDeadline(past)
	})()
	// A failed write is ignored: the process has ended then, and the read below fails too.
	_ = json.NewEncoder(orders).Encode(order{s.spec, s.key, s.dir, log.Name()})
	orders.Close()
	var r report
	err = json.NewDecoder(io.LimitReader(reports, maxControl)).Decode(&r)
	switch {
	case ctx.Err() != nil:
		return Status{}, context.Cause(ctx)
	case err != nil:
		return Status{}, crashed(s.spec.Name, "before it listened", pid, log.Name(), oomBefore)
	case r.Taken:
		return Status{}, errTaken
	case r.Error != "":
		return fail(errors.New(r.Error))
	}
	return Status{
		Key: s.key, Name: s.spec.Name, Path: s.spec.Path, Version: s.spec.Version, PID: pid, Log: log.Name(),
		State: Loading, KeepAlive: s.spec.KeepAlive,
	}, nil
}
