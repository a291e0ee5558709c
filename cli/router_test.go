//go:build unix

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine/worker"
)

// A routed pair is bise serve, and the worker behind it, whose script answers with so many
// tokens.
type routed struct {
	router, worker *http.Client
	url            string
}

// newRouted starts both as processes. They end with the test.
func newRouted(tb testing.TB, tokens int) routed {
	tb.Helper()
	dir := tb.TempDir()
	for _, place := range []string{"CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		path := filepath.Join(dir, place)
		if err := os.Mkdir(path, 0o700); err != nil {
			tb.Fatal(err)
		}
		tb.Setenv("XDG_"+place, path)
	}
	model := filepath.Join(dir, "toy.gguf")
	if err := os.WriteFile(model, []byte(strings.Repeat("say \" token\"\n", tokens)), 0o600); err != nil {
		tb.Fatal(err)
	}
	program, err := exec.LookPath("bise")
	if err != nil {
		tb.Fatal(err)
	}
	serve := exec.Command(program, "serve", "-m", model, "--addr", "127.0.0.1:0")
	stderr, err := serve.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
		if _, err := worker.Stop(context.Background(), time.Second, nil); err != nil {
			tb.Error(err)
		}
	})
	r := routed{router: &http.Client{}}
	lines := bufio.NewReader(stderr)
	for r.url == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			tb.Fatal(err)
		}
		_, r.url, _ = strings.Cut(strings.TrimSuffix(line, ". Ctrl-C ends it.\n"), "Serving at ")
	}
	go io.Copy(io.Discard, lines)
	if _, err := firstToken(tb.Context(), r.router, r.url, ""); err != nil { // it starts the worker
		tb.Fatal(err)
	}
	list, err := worker.List(tb.Context())
	if err != nil || len(list) != 1 {
		tb.Fatal(list, err)
	}
	socket := filepath.Join(dir, "RUNTIME_DIR", "bise", list[0].Key+".sock")
	r.worker = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	return r
}

// firstToken asks for an answer, and returns how long its first token took.
func firstToken(ctx context.Context, c *http.Client, url, model string) (time.Duration, error) {
	body := `{"stream":true,"messages":[{"role":"user","content":"hi"}]}`
	if model != "" {
		body = `{"model":"` + model + `",` + body[1:]
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	start := time.Now()
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	took := time.Duration(0)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); { // to the end, so that the connection is used again
		if took == 0 && strings.Contains(lines.Text(), `" token"`) {
			took = time.Since(start)
		}
	}
	if took == 0 {
		return 0, fmt.Errorf("an answer without a token: %s", resp.Status)
	}
	return took, nil
}

// Requests through the router are answered as by the worker itself.
func TestRouted(t *testing.T) {
	r := newRouted(t, 3)
	for _, model := range []string{"", "toy"} {
		if _, err := firstToken(t.Context(), r.router, r.url, model); err != nil {
			t.Errorf("model %q: %v", model, err)
		}
	}
	if _, err := firstToken(t.Context(), r.worker, "http://worker", ""); err != nil {
		t.Errorf("the worker: %v", err)
	}
}

// BenchmarkRouter is what bise serve adds to the worker's time to the first token: the
// median, and its ratio to the worker's, with the lowest and the highest ratio of ten parts
// of the run. The requests to both take turns, so that other load falls on both.
func BenchmarkRouter(b *testing.B) {
	r := newRouted(b, 1)
	for _, model := range []string{"", "toy"} {
		b.Run("model="+model, func(b *testing.B) {
			var direct, through []time.Duration
			for b.Loop() {
				d, err := firstToken(b.Context(), r.worker, "http://worker", "")
				if err != nil {
					b.Fatal(err)
				}
				t, err := firstToken(b.Context(), r.router, r.url, model)
				if err != nil {
					b.Fatal(err)
				}
				direct, through = append(direct, d), append(through, t)
			}
			b.ReportMetric(float64((median(through)-median(direct)).Nanoseconds())/1e6, "added-ms")
			b.ReportMetric(float64(median(through))/float64(median(direct)), "ratio")
			low, high := 0.0, 0.0
			for part := range 10 {
				from, to := part*len(direct)/10, (part+1)*len(direct)/10
				if from == to {
					continue
				}
				ratio := float64(median(through[from:to])) / float64(median(direct[from:to]))
				if low == 0 || ratio < low {
					low = ratio
				}
				high = max(high, ratio)
			}
			b.ReportMetric(low, "ratio-low")
			b.ReportMetric(high, "ratio-high")
		})
	}
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}
