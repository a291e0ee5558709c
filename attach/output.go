package attach

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
)

// output runs a program and returns its output, up to limit bytes: a program that
// prints more is killed.
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
		err = ErrTooLarge
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
