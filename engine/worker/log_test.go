package worker

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLastLine(t *testing.T) {
	const mark = logMark + "2026-01-02T03:04:05Z \"m\" version \"1\"\n"
	for _, tt := range []struct{ name, log, want string }{
		{"nothing", "", ""},
		{"only ours", mark + "time=2026 level=INFO msg=\"worker listens\"\n", ""},
		{"llama.cpp speaks last", mark + "load: a\ntime=2026 level=INFO msg=x\nllama_context: n_ctx = 4096\n\n", "llama_context: n_ctx = 4096"},
		{"dots of a progress bar", mark + "load_tensors: CPU\n........\n", "load_tensors: CPU"},
		{"an assertion", mark + "a\n/x/ggml.c:123: GGML_ASSERT(n > 0) failed\nSIGABRT: abort\nPC=0x7f m=0 sigcode=18446744073709551610\n\ngoroutine 1 [running]:\nmain.main()\nrax 0x0\n", "/x/ggml.c:123: GGML_ASSERT(n > 0) failed"},
		{"a bad access in C", mark + "load: a\nSIGSEGV: segmentation violation\nPC=0x7f\n", "SIGSEGV: segmentation violation"},
		{"a bad access before a word", mark + "SIGSEGV: segmentation violation\nPC=0x7f\n", "SIGSEGV: segmentation violation"},
		{"a panic", mark + "load: a\npanic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\n", "panic: runtime error: index out of range [3]"},
		{"no memory", mark + "load: a\nfatal error: runtime: out of memory\n\nruntime stack:\n", "fatal error: runtime: out of memory"},
		{"another worker's words", mark + "old: words\n" + mark, ""},
		{"of several, its own", mark + "--- process 7\nmine: words\n" + mark + "--- process 8\nload: yours\n", "mine: words"},
		{"of a later one with the same number", mark + "--- process 7\nold: words\n" + mark + "--- process 7\nmine: words\n", "mine: words"},
		{"only another's", mark + "--- process 8\nload: yours\n", ""},
		{"before it could write its number", mark + "dyld: no library\n", "dyld: no library"},
		{"no newline at the end", mark + "cut off here", "cut off here"},
		{"a tail without a mark", "half a line\nwhole: line\n", "whole: line"},
		{"escapes for the terminal", mark + "bad: \x1b]0;title\x07\x1b[31mred\x00\n", "bad: ]0;title[31mred"},
		{"not UTF-8", mark + "bad: \xff\xfe\n", "bad: \uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := lastLine(part([]byte(tt.log), 7)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzLastLine(f *testing.F) {
	f.Add([]byte(logMark + "x\na: b\nSIGABRT: abort\n"))
	f.Add([]byte(strings.Repeat("é", 400)))
	f.Add([]byte("panic: \x1b[0m\xff"))
	f.Fuzz(func(t *testing.T, log []byte) {
		if len(log) > maxTail {
			return
		}
		got, _ := lastLine(part(log, 7))
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || len(got) > 310 {
			t.Errorf("%q is not for a sentence", got)
		}
	})
}

func TestLastWordsReadsTheEndOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log := bytes.Repeat([]byte("load: a tensor\n"), 2*maxTail/15)
	if err := os.WriteFile(path, append(log, "the: end\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := lastWords(path, 7); got != "the: end" {
		t.Errorf("got %q", got)
	}
	if got, _ := lastWords(path+".absent", 7); got != "" {
		t.Errorf("a log that is not there says %q", got)
	}
}

func TestOpenLog(t *testing.T) {
	write := func(t *testing.T, n int, dirs ...string) string {
		t.Helper()
		f, err := openLog("k", dirs...)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(bytes.Repeat([]byte("x"), n)); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return -1
		}
		return info.Size()
	}

	t.Run("is put away when it is long, and one is kept", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state", "log")
		path := write(t, maxLog+1, dir)
		write(t, maxLog+2, dir)
		write(t, 3, dir)
		if got := size(path); got != 3 {
			t.Errorf("the log has %d bytes", got)
		}
		if got := size(path + ".old"); got != maxLog+2 {
			t.Errorf("the old log has %d bytes", got)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 2 {
			t.Errorf("%d files, want 2", len(entries))
		}
	})
	t.Run("is added to when it is short", func(t *testing.T) {
		dir := t.TempDir()
		write(t, 10, dir)
		if got := size(write(t, 10, dir)); got != 20 {
			t.Errorf("the log has %d bytes", got)
		}
	})
	t.Run("goes where it can", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if path := write(t, 1, "", filepath.Join(file, "log"), dir); filepath.Dir(path) != dir {
			t.Errorf("it went to %s", path)
		}
		if _, err := openLog("k", file); err == nil {
			t.Error("a log in a file")
		}
	})
}

func TestBoundLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, tt := range []struct{ size, want int64 }{{10, 10}, {maxLiveLog, maxLiveLog}, {maxLiveLog + 1, 0}} {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(tt.size), f.Close()); err != nil {
			t.Fatal(err)
		}
		if err := boundLog(path); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != tt.want {
			t.Errorf("%d bytes became %d, want %d", tt.size, info.Size(), tt.want)
		}
	}
}
