package tune

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A Trainer is the command that runs the embedded Python program: an interpreter and its
// arguments before the program's name.
type Trainer struct {
	Command []string
	Env     []string // besides the environment
}

// An Event is what the trainer reports.
type Event struct {
	Event string `json:"event"` // probe, loading, loaded, step, valid, saved, stopped, done, error

	Step   int     `json:"step"`
	Steps  int     `json:"steps"`
	Loss   float64 `json:"loss"`   // of a token
	Tokens int     `json:"tokens"` // of the step, trained or not

	// Of probe and loaded:
	Device     string `json:"device"`
	Name       string `json:"name"`
	Type       string `json:"dtype"`
	Torch      string `json:"torch"`
	Memory     int64  `json:"memory"` // of the GPU, in bytes
	Parameters int64  `json:"parameters"`
	Trained    int64  `json:"trained"`

	// Of error:
	Kind    string `json:"kind"` // nan, memory, disk, packages, internal
	Message string `json:"message"`
}

const (
	maxEvent = 64 << 10        // bytes of a line
	maxLog   = 16 << 20        // bytes
	grace    = 5 * time.Minute // for the step and the checkpoint after the end of stdin
)

// Probe asks the trainer what it would run on. An error of kind NotFound means that it
// cannot be run, or that its packages are not there.
func (t Trainer) Probe(ctx context.Context, f *Folder) (Event, error) {
	var found Event
	log := &bounded{}
	err := t.run(ctx, f, []string{"--probe"}, log, func(e Event) { found = e })
	switch {
	case ctx.Err() != nil:
		return found, context.Cause(ctx)
	case found.Event == "probe" && err == nil:
		return found, nil
	case found.Event == "error" && found.Kind == "packages":
		return found, fault.Advise(fault.Errorf(fault.NotFound, "cannot train: %s has not all packages: %s", t.Command[0], found.Message), "It needs torch, transformers, peft, accelerate, gguf, sentencepiece and numpy.")
	}
	return found, t.failed("start the trainer", err, log)
}

// Train trains, and calls each for every event, one at a time. When ctx ends the trainer
// finishes its step and saves; the error is then ctx's cause. After any error the training
// continues from the last checkpoint if it is started again.
func (t Trainer) Train(ctx context.Context, f *Folder, each func(Event)) error {
	var last Event
	step := 0
	log := &bounded{}
	file, err := os.OpenFile(f.Path(LogName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return writeError(f.Dir, err)
	}
	defer file.Close()
	log.file = file
	err = t.run(ctx, f, nil, log, func(e Event) {
		if e.Event == "step" {
			step = e.Step
		}
		last = e
		each(e)
	})
	saved := "Nothing is lost: continue with --resume."
	if !f.Started() {
		saved = "There is no checkpoint yet: start again."
	}
	switch {
	case last.Event == "done" && err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last.Event == "stopped":
		return fault.Advise(fault.Errorf(fault.Crashed, "train: the trainer stopped at step %d", step), "%s", saved)
	case last.Event == "error":
		return trainingError(last, saved, f)
	}
	e := t.failed("train", err, log)
	if step > 0 {
		e.Msg = strings.Replace(e.Msg, "train:", fmt.Sprintf("train, at step %d:", step+1), 1)
	}
	if e.Kind == fault.Crashed && !strings.HasPrefix(e.Advice, "Unless") {
		e.Advice = ""
	}
	e.Advice = strings.TrimSpace(e.Advice + " " + saved)
	return e
}

func trainingError(e Event, saved string, f *Folder) error {
	switch e.Kind {
	case "nan":
		return fault.Advise(fault.Errorf(fault.BadData, "train: the loss is not a number at step %d", e.Step+1), "Continue with a lower rate: --resume --learning-rate RATE; or start again with --again.")
	case "memory":
		return fault.Advise(fault.Errorf(fault.NoMemory, "train: the memory is full at step %d", e.Step+1), "%s A smaller --sequence-length takes less memory, with --again.", saved)
	case "disk":
		return fault.Advise(fault.Errorf(fault.NoSpace, "train: the disk is full at step %d, in %s", e.Step+1, f.Dir), "Free some space. %s", saved)
	case "packages":
		return fault.Advise(fault.Errorf(fault.NotFound, "train: %s", e.Message), "Give a Python that has all packages with --python.")
	}
	return fault.Advise(fault.Errorf(fault.Crashed, "train: %s", e.Message), "%s See %s.", saved, f.Path(LogName))
}

// failed is the error of a process that did not say why it ended.
func (t Trainer) failed(what string, err error, log *bounded) *fault.Error {
	said := log.last()
	if err == nil {
		e := fault.Errorf(fault.Crashed, "%s: %s ended without a result", what, t.Command[0])
		e.Advice = "Give a Python that has the packages with --python."
		return e
	}
	e := fault.Errorf(fault.Crashed, "%s: the Python program ended: %v", what, err)
	if x, ok := errors.AsType[*exec.ExitError](err); ok {
		e = fault.Errorf(fault.Crashed, "%s: the Python program ended (%v)", what, x.ProcessState)
		if killed(x) {
			e.Advice = "Unless you killed it, the system ran out of memory: free some, or use a smaller --sequence-length."
			return e
		}
	}
	if offline(log.String()) {
		e = fault.Errorf(fault.Network, "%s: the Python packages cannot be downloaded: no network", what)
		e.Advice = "Connect to the network once, or give a Python that has the packages with --python."
		return e
	}
	if atFull(log.String()) {
		return fault.Errorf(fault.NoSpace, "%s: the disk is full", what)
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		e = fault.Errorf(fault.NotFound, "%s: %s cannot be run", what, t.Command[0])
		e.Advice = "Give a Python that has the packages with --python."
		return e
	}
	if said != "" {
		e.Msg += ": " + said
	}
	e.Advice = "Try again, or give a Python that has the packages with --python."
	return e
}

// killed reports whether a process was killed, as the system does when memory is full.
func killed(x *exec.ExitError) bool {
	return x.ProcessState.String() == "signal: killed" || x.ExitCode() == 137 // of a shell or of uv
}

// offline reports whether pip or uv could not reach the network.
func offline(log string) bool {
	for _, s := range []string{"name resolution", "Name or service not known", "nodename nor servname", "dns error", "failed to lookup address", "Network is unreachable", "Failed to establish a new connection", "error trying to connect", "Connection refused", "network was disabled", "(from versions: none)"} {
		if strings.Contains(log, s) {
			return true
		}
	}
	return false
}

func atFull(log string) bool {
	return strings.Contains(log, "No space left on device") || strings.Contains(log, "Disk quota exceeded")
}

// run runs the program, and passes its events on. What it writes to stderr goes to log.
func (t Trainer) run(ctx context.Context, f *Folder, arguments []string, log *bounded, each func(Event)) error {
	command := append(append(append([]string{}, t.Command[1:]...), f.Path("train.py")), arguments...)
	cmd := exec.Command(t.Command[0], command...) // not with ctx: it saves before it ends
	cmd.Dir = f.Dir
	// The weights are local files: nothing asks a hub for them.
	cmd.Env = append(append(os.Environ(), "HF_HUB_OFFLINE=1", "TOKENIZERS_PARALLELISM=false", "PYTHONUNBUFFERED=1"), t.Env...)
	cmd.SysProcAttr = ownGroup()
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	loaded := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		open := true
		in := bufio.NewReaderSize(stdout, maxEvent)
		for {
			line, err := in.ReadSlice('\n')
			var e Event
			if len(line) > 0 && json.Unmarshal(line, &e) == nil && e.Event != "" {
				if e.Event == "loaded" && open {
					open = false
					close(loaded)
				}
				each(e)
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-ended:
			return
		}
		stdin.Close()
		select {
		case <-loaded:
			// It saves now. A second Ctrl-C ends bise, and the trainer still saves.
			select {
			case <-ended:
				return
			case <-time.After(grace):
			}
		default: // there is nothing to save
		}
		killGroup(cmd.Process)
	}()
	<-read
	err = cmd.Wait()
	close(ended)
	<-watched
	return err
}

// bounded keeps the end of a log, and writes its beginning to a file.
type bounded struct {
	file    io.Writer // may be nil
	written int
	tail    []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.file != nil && b.written < maxLog {
		n, _ := b.file.Write(p[:min(len(p), maxLog-b.written)]) // a log is not worth an error
		b.written += n
	}
	b.tail = append(b.tail, p...)
	if over := len(b.tail) - maxEvent; over > 0 {
		b.tail = b.tail[over:]
	}
	return len(p), nil
}

func (b *bounded) String() string { return string(b.tail) }

// last is the last line that is not empty, shortened.
func (b *bounded) last() string {
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	const most = 300
	return strings.ToValidUTF8(last[:min(len(last), most)], "")
}
