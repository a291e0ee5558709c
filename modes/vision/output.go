package vision

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
)

var errTooMuch = errors.New("it prints too much")

// output runs a program and gives what it prints, up to limit bytes: one that prints
// more is ended.
func output(cmd *exec.Cmd, limit int64) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(pipe, limit+1))
	if int64(len(out)) > limit {
		err = errTooMuch
		_ = cmd.Process.Kill()
	}
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		e.Stderr = stderr.Bytes()
	}
	return out, err
}
