package weights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/quantize"
)

// A task is work on weights that llama.cpp does. It cannot be interrupted there,
// and a file that llama.cpp does not expect can end its process: so a
// separate process does the work. It reads the task from stdin and writes lines with
// its progress and the result to stdout. It exits at the end of stdin.
type task struct {
	Quantize   *quantize.Job   `json:"quantize,omitempty"`
	Imatrix    *imatrixTask    `json:"imatrix,omitempty"`
	Perplexity *perplexityTask `json:"perplexity,omitempty"`
	Logits     *logitsTask     `json:"logits,omitempty"`

	Folder string `json:"folder,omitempty"` // to remove when it is ended early
}

// A taskLine is a line of the output; one of its fields is set.
type taskLine struct {
	Progress json.RawMessage `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *taskError      `json:"error,omitempty"`
}

// A taskError is a fault.Error as JSON.
type taskError struct {
	Kind   fault.Kind `json:"kind"`
	Msg    string     `json:"msg"`
	Advice string     `json:"advice,omitempty"`
	Param  string     `json:"param,omitempty"`
}

func newTaskError(err error) *taskError {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return &taskError{Kind: fault.Internal, Msg: err.Error()}
	}
	return &taskError{e.Kind, e.Msg, e.Advice, e.Param}
}

func (e *taskError) err() error {
	return &fault.Error{Kind: e.Kind, Msg: e.Msg, Advice: e.Advice, Param: e.Param}
}

// executable finds this program; a test is another one.
var executable = os.Executable

// performTask has a task done. What says what is attempted, such as "quantize x.gguf",
// for the case that the process dies. The result is unmarshalled; progress is
// called from another goroutine.
func performTask(ctx context.Context, t task, what string, result any, progress func(json.RawMessage)) error {
	program, err := executable()
	if err != nil {
		return fmt.Errorf("find bise itself, to %s: %w", what, err)
	}
	told, err := json.Marshal(t)
	if err != nil {
		return err
	}
	// Killed at once when ctx ends, since llama.cpp would not listen.
	cmd := exec.CommandContext(ctx, program, "task")
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	said := &tail{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a process to %s: %w", what, err)
	}
	var sending sync.WaitGroup
	sending.Go(func() { _, _ = stdin.Write(told) }) // a failure shows on stdout
	var last taskLine
	for lines := json.NewDecoder(stdout); ; {
		var line taskLine
		if lines.Decode(&line) != nil {
			break
		}
		if line.Progress != nil && progress != nil {
			progress(line.Progress)
			continue
		}
		last = line
	}
	err = cmd.Wait() // closes stdin, too
	sending.Wait()
	if said.String() != "" {
		slog.Debug("task", "stderr", said.String())
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last.Error != nil:
		return last.Error.err()
	case last.Result != nil && err == nil:
		if result == nil {
			return nil
		}
		return json.Unmarshal(last.Result, result)
	}
	e := &fault.Error{
		Kind: fault.Crashed, Msg: fmt.Sprintf("cannot %s: its process ended (%v)", what, cmd.ProcessState),
		Advice: "If it happens again, the file may be of a kind that llama.cpp does not expect; bise verify looks at it.",
	}
	if cmd.ProcessState.String() == "signal: killed" {
		e.Advice = "Unless you killed it, the system ran out of memory: free some, or take a smaller model."
	} else if line := said.last(); line != "" {
		e.Msg += ": " + line
	}
	return e
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

// maxTail is how many bytes of it: what Go prints after a signal is long.
const maxTail = 256 << 10

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if over := t.Len() - maxTail; over > 0 {
		t.Next(over)
	}
	return n, err
}

// last is the last line that llama.cpp printed. After a signal, Go's runtime
// prints its name, and pages of registers and stacks, behind it.
func (t *tail) last() string {
	last := ""
	for line := range strings.Lines(t.String()) {
		if strings.HasPrefix(line, "SIG") && strings.Contains(line, ": ") {
			break
		}
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	return last
}

// Task is the command bise task, the process that does a task. Other commands start it.
func Task(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "task",
		Short:       "Do work on weights for another bise process",
		Hidden:      true,
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Bare),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var t task
			in := json.NewDecoder(con.Stdin)
			if err := in.Decode(&t); err != nil {
				return fmt.Errorf("read the task: %w", err)
			}
			go func() {
				// Whoever gave the task is gone. llama.cpp would go on, so the process
				// ends here and now.
				_, _ = io.Copy(io.Discard, con.Stdin)
				if t.Folder != "" {
					_ = os.RemoveAll(t.Folder)
				}
				os.Exit(fault.ExitInterrupted)
			}()
			llama.Log() // its last line is told when the process ends unasked
			out := json.NewEncoder(con.Stdout)
			result, err := doTask(cmd.Context(), t, func(p any) {
				if data, err := json.Marshal(p); err == nil {
					_ = out.Encode(taskLine{Progress: data})
				}
			})
			if err != nil {
				return out.Encode(taskLine{Error: newTaskError(err)})
			}
			data, err := json.Marshal(result)
			if err != nil {
				return err
			}
			return out.Encode(taskLine{Result: data})
		},
	}
}

// doTask does a task; progress is not to be called again when it has returned.
func doTask(ctx context.Context, t task, progress func(any)) (any, error) {
	switch {
	case t.Quantize != nil:
		return doQuantize(*t.Quantize, progress)
	case t.Imatrix != nil:
		return doImatrix(ctx, *t.Imatrix, progress)
	case t.Perplexity != nil:
		return doPerplexity(ctx, *t.Perplexity, progress)
	case t.Logits != nil:
		return doLogits(ctx, *t.Logits, progress)
	}
	return nil, errors.New("unknown task")
}
