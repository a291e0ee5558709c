//go:build cgo

package weights

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/rogpeppe/go-internal/testscript"
)

// In these tests bise is a program that only does tasks.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bise": func() {
		cmd := Task(console.New(os.Stdin, os.Stdout, os.Stderr))
		cmd.SetArgs(os.Args[2:])
		if cmd.Execute() != nil {
			os.Exit(fault.ExitModel)
		}
	}})
}

// slowJob is a quantization for which llama.cpp makes tables for seconds, before
// it looks at anything.
func slowJob(t *testing.T) quantize.Options {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.gguf")
	if err := tinymodel.Write(in, tinymodel.Options{Width: 256, FFN: 256}); err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	m := quantize.Matrix{Entries: map[string]quantize.Entry{}}
	for _, x := range file.Tensors {
		m.Entries[x.Name] = quantize.Entry{Sums: slices.Repeat([]float32{1}, int(x.Dims[0])), Counts: []float32{1}}
	}
	matrix := filepath.Join(dir, "matrix.gguf")
	if err := create(matrix, m.Encode); err != nil {
		t.Fatal(err)
	}
	kind, err := quantize.ParseType("IQ1_S")
	if err != nil {
		t.Fatal(err)
	}
	return quantize.Options{In: in, Out: filepath.Join(dir, "out.gguf"), Type: kind, Matrix: matrix, Threads: 1}
}

// asBise lets tasks be done by the program that scripts call bise.
func asBise(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("bise")
	if err != nil {
		t.Fatal(err)
	}
	before := executable
	executable = func() (string, error) { return path, nil }
	t.Cleanup(func() { executable = before })
	return path
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

// TestInterruptedQuantize interrupts llama.cpp in the middle of its work.
func TestInterruptedQuantize(t *testing.T) {
	asBise(t)
	o := slowJob(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	begun := false
	work := QuantizeWorker("quantize")
	_, err := quantize.Run(ctx, o, func(ctx context.Context, j quantize.Job, tell func(int)) (quantize.Done, error) {
		return work(ctx, j, func(n int) {
			begun = true
			cancel(console.ErrInterrupted)
			tell(n)
		})
	}, nil)
	if !errors.Is(err, console.ErrInterrupted) || !begun {
		t.Errorf("got %v; begun: %v", err, begun)
	}
	if got := names(t, filepath.Dir(o.Out)); !slices.Equal(got, []string{"in.gguf", "matrix.gguf"}) {
		t.Errorf("the folder has %q", got)
	}
}

// TestTaskEndsWithItsMaster lets who gave a task disappear.
func TestTaskEndsWithItsMaster(t *testing.T) {
	o := slowJob(t)
	folder := filepath.Join(filepath.Dir(o.Out), "half")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), asBise(t), "task")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	job := quantize.Job{In: o.In, Out: filepath.Join(folder, "out.gguf"), Type: o.Type.File, Matrix: o.Matrix, Threads: 1}
	if err := json.NewEncoder(stdin).Encode(task{Quantize: &job, Folder: folder}); err != nil {
		t.Fatal(err)
	}
	var line taskLine
	if err := json.NewDecoder(stdout).Decode(&line); err != nil || line.Progress == nil {
		t.Fatalf("the first line is %+v, %v", line, err)
	}
	stdin.Close()
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != fault.ExitInterrupted {
		t.Errorf("the task ended with %v", err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

// TestTaskDies has llama.cpp do what it aborts on, which nobody could ask for
// by a verb: rows that a type cannot pack.
func TestTaskDies(t *testing.T) {
	asBise(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.gguf")
	if err := tinymodel.Write(in, tinymodel.Options{}); err != nil {
		t.Fatal(err)
	}
	job := quantize.Job{In: in, Out: filepath.Join(dir, "out.gguf"), Type: 15, Pure: true, Threads: 1}
	err := performTask(t.Context(), task{Quantize: &job}, "quantize in.gguf", nil, nil)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Crashed || !strings.HasPrefix(e.Msg, "cannot quantize in.gguf: its process ended (") {
		t.Errorf("got %v", err)
	}
	if e != nil && !strings.Contains(e.Msg, "GGML_ASSERT") {
		t.Errorf("the last line is missing: %v", e.Msg)
	}
}
