package downloader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A countingServer serves data and counts what it gives away. When so many bytes are
// gone, it calls then.
type countingServer struct {
	data   []byte
	served atomic.Int64
	piece  int // bytes that are sent at once
	when   atomic.Int64
	then   atomic.Pointer[func()]
}

func (s *countingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, to, ok := asked(r)
	if !ok {
		from, to = 0, len(s.data)
	}
	drop(w, r, s.data, 0)
	for from < to {
		n := min(s.piece, to-from)
		if _, err := w.Write(s.data[from : from+n]); err != nil {
			return
		}
		from += n
		if sum := s.served.Add(int64(n)); sum >= s.when.Load() {
			if then := s.then.Swap(nil); then != nil {
				(*then)()
			}
		}
	}
}

// TestF71Kill kills a process that fetches, at random moments, again and again until
// it has the file, and that again and again. BISE_KILLS is how often.
func TestF71Kill(t *testing.T) {
	kills := 30
	if text := os.Getenv("BISE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const unit, connections, buffered = 256 << 10, 8, 256 << 10
	s := &countingServer{data: content(64*unit + 77), piece: 16 << 10}
	server := httptest.NewUnstartedServer(s)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10) // so that little is on its way
		return ctx
	}
	server.Start()
	t.Cleanup(server.Close)
	dest := filepath.Join(t.TempDir(), "model")
	o := order{URL: server.URL + "/model", Dest: dest, Size: int64(len(s.data)), Hash: sha(s.data), Unit: unit}
	random := rand.New(rand.NewPCG(1, 2))
	killed, files, runs := 0, 0, 0
	for killed < kills {
		runs++
		cmd := fetcher(t, o)
		started := make(chan struct{})
		kill := func() {
			<-started
			_ = cmd.Process.Kill()
		}
		if random.IntN(2) == 0 {
			// After so many bytes,
			s.when.Store(s.served.Load() + random.Int64N(o.Size/2))
			s.then.Store(&kill)
		} else {
			// or so long after the first of them, which may be when all is there.
			s.when.Store(0)
			wait := time.Duration(random.Int64N(int64(30 * time.Millisecond)))
			later := func() { time.AfterFunc(wait, kill) }
			s.then.Store(&later)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		err := cmd.Wait()
		s.then.Store(nil)
		var exit *exec.ExitError
		if err == nil || !errors.As(err, &exit) || exit.ExitCode() != -1 && runtime.GOOS != "windows" {
			if err != nil {
				t.Fatalf("run %d: %v", runs, err)
			}
		} else {
			killed++
		}
		got, err := os.ReadFile(dest)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil || !bytes.Equal(got, s.data) {
			t.Fatalf("run %d: the file is there and wrong (%v)", runs, err)
		}
		// A last time, for what a killed process left behind.
		outcome(t, fetcher(t, o))
		holds(t, dest, s.data)
		if err := os.Remove(dest); err != nil {
			t.Fatal(err)
		}
		files++
	}
	r := outcome(t, fetcher(t, o))
	holds(t, dest, s.data)
	files++
	lost := s.served.Load() - int64(files)*o.Size
	t.Logf("%d kills in %d runs, %d files; %.1f chunks sent in vain for each kill; the last run fetched %d bytes",
		killed, runs, files, float64(lost)/unit/float64(killed), r.Fetched)
	// Each connection loses the chunk it is at. What the server has sent and nobody has
	// read is lost too: it lies in the buffers of the system.
	if most := int64(killed) * connections * (unit + buffered); lost > most {
		t.Errorf("%d bytes were sent in vain, want %d at most", lost, most)
	}
}

// TestF74Processes has two and three processes fetch one file.
func TestF74Processes(t *testing.T) {
	for _, processes := range []int{2, 3} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			s := &countingServer{data: content(64 * testUnit), piece: 16 << 10}
			server := httptest.NewServer(s)
			t.Cleanup(server.Close)
			dest := filepath.Join(t.TempDir(), "model")
			o := order{URL: server.URL + "/model", Dest: dest, Size: int64(len(s.data)), Hash: sha(s.data), Unit: testUnit}
			var group sync.WaitGroup
			var fetched atomic.Int64
			for range processes {
				group.Go(func() {
					r, err := carryOut(fetcher(t, o))
					if err != nil || r.Size != o.Size || !r.Verified {
						t.Errorf("%+v, %v", r, err)
					}
					fetched.Add(r.Fetched)
				})
			}
			group.Wait()
			if fetched.Load() != o.Size {
				t.Errorf("%d bytes were fetched for a file of %d", fetched.Load(), o.Size)
			}
			holds(t, dest, s.data)
		})
	}
}

// TestF74TakeOver kills a process in the middle while another fetch waits for it.
func TestF74TakeOver(t *testing.T) {
	const unit = testUnit
	s := &countingServer{data: content(64 * unit), piece: 16 << 10}
	reached, go1 := make(chan struct{}), make(chan struct{})
	hold := func() {
		close(reached)
		<-go1
	}
	s.when.Store(int64(len(s.data)) / 2)
	s.then.Store(&hold)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	dest := filepath.Join(t.TempDir(), "model")
	o := order{URL: server.URL + "/model", Dest: dest, Size: int64(len(s.data)), Hash: sha(s.data), Unit: unit, Connections: 1}
	first := fetcher(t, o)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	var p Progress
	done := make(chan error)
	go func() {
		_, err := client(t, Options{}).Fetch(t.Context(), model(s.data, parse(t, o.URL)), dest, &p)
		done <- err
	}()
	// It sees what the journal of the first says, which is about half.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sample := p.Sample(); sample.Phase != Waiting || sample.Have < o.Size/4; sample = p.Sample() {
		select {
		case err := <-done:
			t.Fatal("it did not wait: ", err)
		case <-t.Context().Done():
			t.Fatal("it never waited")
		case <-tick.C:
		}
	}
	if s := p.Sample(); !strings.Contains(s.Reason, fmt.Sprint(first.Process.Pid)) || s.Total != o.Size {
		t.Errorf("who waits sees %+v", s)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	close(go1)
	_ = first.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	holds(t, dest, s.data)
	if fetched := p.Sample().Fetched; fetched > o.Size*3/4 {
		t.Errorf("it fetched %d bytes of %d again", fetched, o.Size)
	}
}

// TestF73Interrupt has a process be told to stop.
func TestF73Interrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes cannot be interrupted by others here")
	}
	s := &countingServer{data: content(64 * testUnit), piece: 16 << 10}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	dest := filepath.Join(t.TempDir(), "model")
	o := order{URL: server.URL + "/model", Dest: dest, Size: int64(len(s.data)), Hash: sha(s.data), Unit: testUnit, Connections: 1}
	cmd := fetcher(t, o)
	started := make(chan struct{})
	stop := func() {
		<-started
		_ = cmd.Process.Signal(os.Interrupt)
	}
	s.when.Store(o.Size / 2)
	s.then.Store(&stop)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	if err := cmd.Wait(); err == nil {
		t.Skip("it was faster than the signal")
	}
	alone(t, filepath.Dir(dest), "model.part", "model.journal")
	r := outcome(t, fetcher(t, o))
	if most := o.Size * 3 / 4; r.Fetched > most {
		t.Errorf("then it fetched %d bytes of %d", r.Fetched, o.Size)
	}
	holds(t, dest, s.data)
}
