package api

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
)

const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metrics count requests and tokens, for Prometheus.
type metrics struct {
	mu       sync.Mutex
	requests map[string]int64 // by labels
	took     histogram        // of requests that a model answered
	first    histogram        // times to the first token
	prompt   int64            // tokens
	cached   int64
	answered int64
	running  int64
	prefill  time.Duration
	decode   time.Duration
}

func newMetrics() *metrics { return &metrics{requests: map[string]int64{}} }

// bounds are those of the histograms' buckets, in seconds.
var bounds = [...]float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

type histogram struct {
	buckets [len(bounds)]int64
	count   int64
	sum     float64
}

func (h *histogram) add(d time.Duration) {
	s := d.Seconds()
	h.count++
	h.sum += s
	for i, b := range bounds {
		if s <= b {
			h.buckets[i]++
		}
	}
}

func (h *histogram) write(w io.Writer, name, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name)
	for i, b := range bounds {
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, b, h.buckets[i])
	}
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, h.count, name, h.sum, name, h.count)
}

// count counts a request that is answered.
func (m *metrics) count(r *recorder, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[fmt.Sprintf("route=%q,status=\"%d\"", r.route, r.status)]++
	if r.work {
		m.took.add(took)
	}
}

// serve writes the metrics.
func (m *metrics) serve(w http.ResponseWriter, _ *http.Request) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	fmt.Fprint(&b, "# HELP bise_requests_total Requests by route and status.\n# TYPE bise_requests_total counter\n")
	for _, labels := range slices.Sorted(maps.Keys(m.requests)) {
		fmt.Fprintf(&b, "bise_requests_total{%s} %d\n", labels, m.requests[labels])
	}
	for _, c := range []struct {
		name, kind, help string
		value            any
	}{
		{"bise_answers_running", "gauge", "Answers that models are writing or that wait for them.", m.running},
		{"bise_prompt_tokens_total", "counter", "Prompt tokens, cached ones included.", m.prompt},
		{"bise_cached_tokens_total", "counter", "Prompt tokens that were in the KV cache.", m.cached},
		{"bise_completion_tokens_total", "counter", "Generated tokens.", m.answered},
		{"bise_prefill_seconds_total", "counter", "Time spent on evaluating prompts.", m.prefill.Seconds()},
		{"bise_decode_seconds_total", "counter", "Time from the first to the last token of answers.", m.decode.Seconds()},
	} {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %v\n", c.name, c.help, c.name, c.kind, c.name, c.value)
	}
	m.took.write(&b, "bise_request_seconds", "Duration of requests that a model answers.")
	m.first.write(&b, "bise_first_token_seconds", "Time from the arrival of a request to its first token.")
	w.Header().Set("Content-Type", metricsType)
	_, err := io.WriteString(w, b.String())
	return err
}

// measured is an engine for one request whose answers are counted.
type measured struct {
	engine.Engine
	m    *metrics
	load atomic.Int64 // nanoseconds that the request waited for the model, until an answer has them
}

// Chat answers a conversation.
func (e *measured) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return e.watch(e.Engine.Chat(ctx, r))
}

// Complete continues a text.
func (e *measured) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return e.watch(e.Engine.Complete(ctx, r))
}

// Embed turns texts into vectors.
func (e *measured) Embed(ctx context.Context, r engine.EmbedRequest) (engine.Embeddings, error) {
	e.m.run(1)
	defer e.m.run(-1)
	v, err := e.Engine.Embed(ctx, r)
	if err == nil {
		v.Load += time.Duration(e.load.Swap(0))
		e.m.mu.Lock()
		e.m.prompt += int64(v.Usage.PromptTokens)
		e.m.mu.Unlock()
	}
	return v, err
}

func (m *metrics) run(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running += n
}

func (e *measured) watch(events iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		e.m.run(1)
		defer e.m.run(-1)
		for ev, err := range events {
			if done, ok := ev.(engine.Done); ok {
				done.Timings.Load += time.Duration(e.load.Swap(0))
				e.m.answer(done)
				ev = done
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

func (m *metrics) answer(d engine.Done) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prompt += int64(d.Usage.PromptTokens)
	m.cached += int64(d.Usage.Cached())
	m.answered += int64(d.Usage.CompletionTokens)
	m.prefill += d.Timings.Prefill
	m.decode += d.Timings.Decode
	if d.Timings.FirstToken > 0 {
		m.first.add(d.Timings.Load + d.Timings.FirstToken)
	}
}
