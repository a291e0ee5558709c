//go:build unix

package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// The test binary is also the program that it starts: a worker with a script for a
// model, or one who opens such a worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "as-worker":
			exit(Serve(context.Background(), ServeConfig{Open: openScript, lookEvery: lookForTest()}))
		case "as-opener":
			exit(playOpener())
		case "as-locker":
			exit(playLocker(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

func lookForTest() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("BISE_TEST_LOOK"))
	return d
}

// openScript loads a model whose name says what happens, and which does what the
// last message says.
func openScript(ctx context.Context, spec Spec, progress func(float64)) (engine.Engine, error) {
	progress(0.25)
	switch spec.Name {
	case "fails":
		return nil, fault.Errorf(fault.BadModel, "%s is not a model", spec.Path)
	case "aborts":
		abort("llama-model.cpp:7: GGML_ASSERT(it loads) failed")
	case "waits":
		if err := meet(ctx, spec.Path); err != nil {
			return nil, err
		}
	}
	progress(1)
	return &enginetest.Script{
		About: engine.Info{Model: spec.Name, ContextLength: 4096, ContextNow: 2048, ContextUsed: 7},
		Answer: func(r enginetest.Request, _ int) enginetest.Reply {
			verb, rest, _ := strings.Cut(r.Text(), " ")
			switch verb {
			case "pid":
				return enginetest.Reply{enginetest.Text(strconv.Itoa(os.Getpid()))}
			case "hang":
				return enginetest.Reply{enginetest.Text("begun"), enginetest.Wait(nil)}
			case "meet":
				return enginetest.Reply{enginetest.Text("begun"), enginetest.Do(func(ctx context.Context) { _ = meet(ctx, rest) }), enginetest.Text(" and ended")}
			case "abort":
				return enginetest.Reply{enginetest.Text("begun"), enginetest.Do(func(context.Context) {
					abort("ggml.c:1: GGML_ASSERT(a == b) failed")
				})}
			case "panic":
				return enginetest.Reply{enginetest.Do(func(context.Context) { go panic("out of ideas") }), enginetest.Wait(nil)}
			case "exit":
				return enginetest.Reply{enginetest.Do(func(context.Context) { os.Exit(9) })}
			case "fail":
				return enginetest.Reply{enginetest.Fail{Err: fault.Errorf(fault.Internal, "as the script says")}}
			}
			return nil
		},
	}, nil
}

// abort ends the process as llama.cpp does.
func abort(why string) {
	fmt.Fprintln(os.Stderr, why)
	_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
	select {}
}

// meet waits until somebody opens the named pipe at path for writing, or ctx ends.
func meet(ctx context.Context, path string) error {
	met := make(chan error, 1)
	go func() {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
		}
		met <- err
	}()
	select {
	case err := <-met:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// playOpener opens the worker of the spec in the environment, asks it for its
// process id, and then does as it is reported: it ends, or waits to be killed.
func playOpener() error {
	var spec Spec
	if err := json.Unmarshal([]byte(os.Getenv("BISE_TEST_SPEC")), &spec); err != nil {
		return err
	}
	e, err := Open(context.Background(), spec, launcher(filepath.Dir(spec.Path)))
	if err != nil {
		return err
	}
	pid, err := ask(context.Background(), e, "pid")
	if err != nil {
		return err
	}
	fmt.Println(pid)
	if os.Getenv("BISE_TEST_STAY") != "" {
		select {}
	}
	return e.Close()
}

// playLocker takes a lock and keeps it.
func playLocker(path string) error {
	l, err := acquire(context.Background(), path)
	if err != nil {
		return err
	}
	defer l.release()
	fmt.Println("locked")
	_, err = os.Stdin.Read(make([]byte, 1)) // until it is killed
	return err
}

func launcher(logs string) Launcher {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Launcher{Command: []string{exe, "as-worker"}, LogDir: logs}
}

func chat(text string) engine.ChatRequest {
	return engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text(text)}}}
}

// ask gives the answer's text.
func ask(ctx context.Context, e engine.Engine, text string) (string, error) {
	a, err := enginetest.Collect(e.Chat(ctx, chat(text)))
	if err != nil {
		return "", err
	}
	return a.Texts[0], nil
}
