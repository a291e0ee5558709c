package worker

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLog is the size in bytes above which a log is renamed before the next worker
	// writes to it. One old log is kept.
	maxLog = 1 << 20
	// maxLiveLog is the limit of a log in use, which is then truncated.
	maxLiveLog = 16 * maxLog
	// maxTail is how much of a log's end is read for a worker's last words.
	maxTail = 64 << 10
	// logMark begins the line in front of what one worker wrote.
	logMark = "--- worker "
)

// openLog opens the file for a worker's stderr, in the first folder that takes it.
func openLog(key string, dirs ...string) (*os.File, error) {
	var first error
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		f, err := openLogIn(dir, key)
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("open the worker's log: %w", first)
}

func openLogIn(dir, key string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "worker-"+key+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// markLog writes a line that separates the next worker's output. A full disk does not
// prevent the start.
func markLog(log io.Writer, spec Spec) {
	_, _ = fmt.Fprintf(log, "%s%s %q version %q\n", logMark, time.Now().Format(time.RFC3339), spec.Name, spec.Version)
}

// processMark is the line that a worker begins its part of the log with: several can follow
// each other under one mark, and another one may have started since.
func processMark(pid int) string { return fmt.Sprintf("%s%d", processLine, pid) }

const processLine = "--- process "

// boundLog empties a log that has become too long while its worker lives.
func boundLog(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= maxLiveLog {
		return err
	}
	return os.Truncate(path, 0)
}

// lastWords returns the last line that llama.cpp or Go's runtime wrote to a log before the
// process pid ended, or "". crash reports whether the line is surely of a crash.
func lastWords(path string, pid int) (line string, crash bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxTail {
		if _, err := f.Seek(-maxTail, io.SeekEnd); err != nil {
			return "", false
		}
	}
	tail, err := io.ReadAll(io.LimitReader(f, maxTail))
	if err != nil {
		return "", false
	}
	return lastLine(part(tail, pid))
}

// part returns what a process wrote to a log, of which tail is the end.
func part(tail []byte, pid int) []byte {
	mark := []byte(processMark(pid) + "\n")
	if i := bytes.LastIndex(tail, mark); i >= 0 {
		tail = tail[i+len(mark):]
		for _, next := range []string{logMark, processLine} {
			if i := bytes.Index(tail, []byte(next)); i >= 0 {
				tail = tail[:i]
			}
		}
		return tail
	}
	if i := bytes.LastIndex(tail, []byte("\n"+logMark)); i >= 0 {
		tail = tail[i+1:]
	}
	if bytes.Contains(tail, []byte(processLine)) {
		return nil // of another process
	}
	return tail
}

// lastLine returns the line of a log's end that explains the failure. When a process dies
// of a signal in C, Go's runtime prints the signal's name and pages of registers and
// stacks after it; before other exits it prints the reason first. llama.cpp prints the
// reason before it aborts.
func lastLine(log []byte) (line string, crash bool) {
	last := ""
	for line := range bytes.Lines(log) {
		s := printable(line)
		switch {
		case strings.HasPrefix(s, "panic: "), strings.HasPrefix(s, "fatal error: "):
			return s, true
		case strings.HasPrefix(s, "SIGABRT: "):
			return cmp.Or(last, s), true
		case signalDump(s):
			return s, true
		case strings.HasPrefix(s, logMark), strings.HasPrefix(s, processLine), strings.HasPrefix(s, "time="):
			// Lines of the worker's logger are not the cause.
		case strings.ContainsFunc(s, unicode.IsLetter):
			last = s
		}
	}
	return last, strings.Contains(last, "GGML_ASSERT") || strings.Contains(last, "terminate called")
}

// signalDump recognises the first line of what Go's runtime prints on a signal that
// it cannot survive, such as "SIGABRT: abort".
func signalDump(s string) bool {
	name, _, ok := strings.Cut(s, ": ")
	return ok && strings.HasPrefix(name, "SIG") && strings.ToUpper(name) == name
}

// printable returns a line without control characters, cut to the length of a few lines.
func printable(line []byte) string {
	const longest = 300 // bytes
	s := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, string(bytes.ToValidUTF8(line, []byte("\uFFFD"))))
	s = strings.TrimSpace(s)
	if len(s) <= longest {
		return s
	}
	cut := longest
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
