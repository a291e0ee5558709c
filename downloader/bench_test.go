//go:build unix

package downloader

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkTransfer measures Fetch, with its hashing and its syncing, beside what
// others do with the same file from the same server: curl and aria2c, neither of
// which hashes, each followed by a sync of the file so that all end with it on the
// disk; and dd, which only writes. BISE_BENCH_BYTES is the file's size.
//
//	go test ./downloader -run '^$' -bench Transfer -benchtime 3x
func BenchmarkTransfer(b *testing.B) {
	size := int64(512 << 20)
	if text := os.Getenv("BISE_BENCH_BYTES"); text != "" {
		var err error
		if size, err = strconv.ParseInt(text, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	source := filepath.Join(dir, "source")
	hash := random(b, source, size)
	url := server(b, source)
	dest := filepath.Join(dir, "dest")
	synced := func(cmd *exec.Cmd) []*exec.Cmd { return []*exec.Cmd{cmd, exec.Command("sync", dest)} }
	for _, run := range []struct {
		name string
		cmds func(b *testing.B) []*exec.Cmd
	}{
		{"bise", func(b *testing.B) []*exec.Cmd {
			return []*exec.Cmd{fetcher(b, order{URL: url, Dest: dest, Size: size, Hash: hash})}
		}},
		{"aria2c", func(*testing.B) []*exec.Cmd {
			return synced(exec.Command("aria2c", "-q", "-x8", "-s8", "-k1M", "--file-allocation=falloc", "-d", dir, "-o", "dest", url))
		}},
		{"curl", func(*testing.B) []*exec.Cmd { return synced(exec.Command("curl", "-s", "-o", dest, url)) }},
		{"dd", func(*testing.B) []*exec.Cmd {
			return []*exec.Cmd{exec.Command("dd", "if=/dev/zero", "of="+dest, "bs=1M", fmt.Sprintf("count=%d", size>>20), "conv=fsync", "status=none")}
		}},
	} {
		b.Run(run.name, func(b *testing.B) {
			if _, err := exec.LookPath(run.name); err != nil && run.name != "bise" {
				b.Skipf("%s is not here", run.name)
			}
			b.SetBytes(size)
			var memory, processor int64
			for range b.N {
				for i, cmd := range run.cmds(b) {
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
					if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && i == 0 {
						memory = max(memory, int64(used.Maxrss)<<10) // this process's at least
						processor += used.Utime.Nano() + used.Stime.Nano()
					}
				}
				b.StopTimer()
				if err := os.Remove(dest); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(memory)/1e6, "MB-rss")
			b.ReportMetric(float64(processor)/1e9/float64(b.N), "cpu-s/op")
		})
	}
}

// random makes a file of random bytes.
func random(t testing.TB, path string, size int64) Hash {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(rand.NewChaCha8([32]byte{}), size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return Hash(sha256Prefix + hex.EncodeToString(sum.Sum(nil)))
}

// server is a process that serves a file; it gives the URL.
func server(t testing.TB, path string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "as-server", path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
