package remote

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

func TestURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:1": "http://h:1", "http://h:1/": "http://h:1", "https://h/v1": "https://h", "https://h/v1/": "https://h",
		"https://h/gateway/v1": "https://h/gateway", "api.mistral.ai": "https://api.mistral.ai", "localhost:8642/v1": "http://localhost:8642",
		"127.0.0.1:8000": "http://127.0.0.1:8000", "[::1]:8000": "http://[::1]:8000", "https://h?x=1#y": "https://h",
	} {
		if got, err := baseURL(in); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "http://", "ftp://h", "http://h:port", "://", "http://[::1", "/v1"} {
		if got, err := New(Config{URL: in}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	if _, err := New(Config{URL: "http://h", Dialect: "french"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a dialect that is none: %v", err)
	}
}

var answered = lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}`), "[DONE]")

func TestRedirects(t *testing.T) {
	reached := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer other.Close()
	var second *http.Request
	var body []byte
	mux := http.NewServeMux()
	mux.HandleFunc("/away/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/near/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/round/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) {
		second = r
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, answered)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	ask := func(path string) error {
		e := open(t, nil, Config{URL: server.URL + path, Key: "secret", Dialect: OpenAI})
		_, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
		return err
	}
	if err := ask("/away"); fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), other.URL) {
		t.Errorf("got %v", err)
	}
	if reached != 0 {
		t.Error("another server got the request")
	}
	if err := ask("/round"); fault.KindOf(err) != fault.Network {
		t.Errorf("got %v", err)
	}
	if err := ask("/near"); err != nil {
		t.Error(err)
	}
	if second == nil || second.Header.Get("Authorization") != "Bearer secret" || !strings.Contains(string(body), `"hi"`) {
		t.Errorf("redirected within the server: %v %s", second, body)
	}
}

// A transport answers requests without a network, so that time can be the test's.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, retryAfter, body string) *http.Response {
	h := http.Header{"Content-Type": {"text/event-stream"}}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name     string
		status   int
		header   string
		failures int // before the server answers
		tries    int
		kind     fault.Kind
		from, to time.Duration
	}{
		{"asked to wait", 503, "3", 1, 2, "", 3 * time.Second, 3250 * time.Millisecond},
		{"asked for parts of a second", 429, "0.5", 1, 2, "", 500 * time.Millisecond, 750 * time.Millisecond},
		{"asked to wait until", 503, "Sat, 01 Jan 2000 00:00:10 GMT", 1, 2, "", 10 * time.Second, 10250 * time.Millisecond},
		{"not told", 429, "", 2, 3, "", 1500 * time.Millisecond, 2 * time.Second},
		{"nonsense", 429, "soon", 1, 2, "", 500 * time.Millisecond, 750 * time.Millisecond},
		{"too often", 503, "1", 9, 3, fault.Busy, 2 * time.Second, 2500 * time.Millisecond},
		{"too long", 503, "3600", 9, 1, fault.Busy, 0, 0},
		{"other errors", 500, "1", 9, 1, fault.Internal, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				e := open(t, nil, Config{URL: "http://h", Dialect: OpenAI, Retries: 2, HTTP: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), `"hi"`) {
						t.Errorf("try %d sends %q", tries, body)
					}
					if tries++; tries <= test.failures {
						return reply(test.status, test.header, ""), nil
					}
					return reply(200, "", answered), nil
				})}})
				start := time.Now()
				_, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
				if took := time.Since(start); fault.KindOf(err) != test.kind || tries != test.tries || took < test.from || took > test.to {
					t.Errorf("got %v after %d tries and %s", err, tries, took)
				}
			})
		})
	}
}

func TestRetryIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, nil, Config{URL: "http://h", Dialect: OpenAI, Retries: 9, HTTP: &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
			return reply(503, "50", ""), nil
		})}})
		gone := errors.New("gone home")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		start := time.Now()
		if _, err := enginetest.Collect(e.Chat(ctx, enginetest.Chat("hi"))); err != gone || time.Since(start) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestBroken(t *testing.T) {
	cut := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, lines(choices(`{"index":0,"delta":{"content":"a"},"finish_reason":null}`)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody is there

	mapped := fault.Errorf(fault.Crashed, "it died")
	var cause error
	hook := func(err error) error {
		cause = err
		return mapped
	}
	for name, c := range map[string]Config{"answer": {}, "connection": {URL: "http://" + listener.Addr().String()}} {
		c.Dialect = OpenAI
		e := open(t, cut, c)
		a, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
		if fault.KindOf(err) != fault.Network || name == "answer" && a.Text() != "a" {
			t.Errorf("%s: got %q, %v", name, a.Text(), err)
		}
		c.OnBroken = hook
		e = open(t, cut, c)
		if _, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi"))); err != mapped {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "connection" && !errors.Is(cause, syscall.ECONNREFUSED) {
			t.Errorf("the cause is %v", cause)
		}
	}
}

// One connection serves request after request.
func TestConnectionIsReused(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(&foreign{body: answered})
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	e := open(t, nil, Config{URL: s.URL, Dialect: OpenAI})
	for range 10 {
		if _, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi"))); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("10 requests took %d connections", n)
	}
}

// A server that does not end its stream after [DONE] does not hold up the answer.
func TestStreamWithoutEnd(t *testing.T) {
	e := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, answered)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), Config{Dialect: OpenAI})
	if a, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi"))); err != nil || a.Text() != "a" {
		t.Errorf("got %q, %v", a.Text(), err)
	}
}

func TestAuto(t *testing.T) {
	var probes atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/bise/info", func(w http.ResponseWriter, r *http.Request) {
		probes.Add(1)
		http.NotFound(w, r)
	})
	server := &foreign{body: answered}
	mux.Handle("/v1/chat/completions", server)
	e := open(t, mux, Config{})
	for range 3 {
		if _, err := enginetest.Collect(e.Chat(t.Context(), engine.ChatRequest{
			Messages: enginetest.Chat("hi").Messages, Sampling: engine.Sampling{Seed: new(int64(3))},
		})); err != nil {
			t.Fatal(err)
		}
	}
	if n := probes.Load(); n != 1 || server.sent["seed"] != 3.0 {
		t.Errorf("asked %d times; sent %v", n, server.sent)
	}

	e = open(t, nil, Config{URL: "https://api.mistral.ai/v1"})
	if d, err := e.dialect(t.Context()); d != Plateforme || err != nil {
		t.Errorf("got %q, %v", d, err)
	}
	for name, status := range map[string]int{"denied": 401, "busy": 503} {
		e = open(t, &foreign{status: status}, Config{})
		if d, err := e.dialect(t.Context()); err == nil {
			t.Errorf("%s: got %q", name, d)
		}
	}
	for name, body := range map[string]string{"a page": "<html>", "something else": `{"hello":"world"}`} {
		e = open(t, &foreign{body: body}, Config{})
		if d, err := e.dialect(t.Context()); d != OpenAI || err != nil {
			t.Errorf("%s: got %q, %v", name, d, err)
		}
	}
}

func TestInfoOfOthers(t *testing.T) {
	asked := 0
	card := `{"id":"m","object":"model","max_context_length":32768,"capabilities":{"completion_chat":true,"completion_fim":true,"vision":false}}`
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/models/{id}", func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.PathValue("id") != "hf:a/b" {
			t.Errorf("asked for %q", r.PathValue("id"))
		}
		io.WriteString(w, card)
	})
	e := open(t, mux, Config{Dialect: Plateforme, Model: "hf:a/b"})
	for range 2 {
		if i := e.Info(); i.Model != "hf:a/b" || i.ContextLength != 32768 || !i.Can.FIM || i.Can.Vision || i.Can.Embed {
			t.Errorf("got %+v", i)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	card = `{"id":"m","object":"model","max_model_len":4096}`
	e = open(t, mux, Config{Dialect: OpenAI, Model: "hf:a/b"})
	if i := e.Info(); i.ContextLength != 4096 || !i.Can.Vision {
		t.Errorf("got %+v", i)
	}
	e = open(t, &foreign{status: 404}, Config{Dialect: OpenAI})
	if i := e.Info(); i.Model != "m" || i.ContextLength != 0 || !i.Can.Chat {
		t.Errorf("got %+v", i)
	}
}
