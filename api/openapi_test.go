package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// described is a handler over a script, and its description.
func described(t *testing.T) (*server, map[string]any) {
	t.Helper()
	s := newServer(Config{
		Logger: slog.New(slog.DiscardHandler), BodyLimit: DefaultBodyLimit, Queue: DefaultQueue,
		Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return &enginetest.Script{}, nil },
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/openapi.json", nil))
	var doc map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return s, doc
}

func at(v any, path ...string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// Every route is described, and every reference leads somewhere.
func TestOpenAPI(t *testing.T) {
	s, doc := described(t)
	for _, r := range slices.Concat(served(s.routes()), []Route{{Method: "GET", Path: "/openapi.json"}, {Method: "GET", Path: "/"}}) {
		path := pathParameter.ReplaceAllString(r.Path, "{$1}")
		op := at(doc, "paths", path, strings.ToLower(r.Method))
		if op == nil || at(op, "summary") == "" || at(op, "responses", "default") == nil {
			t.Errorf("%s %s is described by %v", r.Method, r.Path, op)
		}
		if post := r.Method == "POST"; post && r.Body == "" || post != (at(op, "requestBody") != nil) {
			t.Errorf("%s %s has the body %v", r.Method, r.Path, at(op, "requestBody"))
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		if at(doc, strings.Split(ref[1], "/")...) == nil {
			t.Errorf("the reference %s leads nowhere", ref[1])
		}
	}
}

// The fields of requests are those that the handlers read, no more and no less.
func TestOpenAPIFields(t *testing.T) {
	s, doc := described(t)
	bodies := []string{`{}`, `{"content":"a"}`, `{"prompt":"a"}`, `{"messages":[]}`, `{"tokens":[1]}`, `{"chat":{"messages":[]}}`}
	for _, r := range s.routes() {
		if r.Body == "" {
			continue
		}
		read := map[string]bool{}
		s.note = func(field string) { read[field] = true }
		for _, body := range bodies {
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), r.Method, r.Path, strings.NewReader(body)))
		}
		s.note = nil
		want := slices.Sorted(maps.Keys(read))
		got := slices.Sorted(maps.Keys(properties(doc, at(doc, "components", "schemas", r.Body))))
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %s reads %q, which is not described", r.Path, r.Body, name)
			}
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("%s: %s describes %q, which is not read", r.Path, r.Body, name)
			}
		}
	}
}

// properties are those of a schema and of the schemas that it consists of.
func properties(doc, schema any) map[string]any {
	all := map[string]any{}
	if ref, ok := at(schema, "$ref").(string); ok {
		return properties(doc, at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	if m, ok := at(schema, "properties").(map[string]any); ok {
		maps.Copy(all, m)
	}
	parts, _ := at(schema, "allOf").([]any)
	for _, part := range parts {
		maps.Copy(all, properties(doc, part))
	}
	return all
}

// A browser gets a page, everything else a word.
func TestPage(t *testing.T) {
	s, _ := described(t)
	for accept, part := range map[string]string{"text/html,*/*": "<td><code>/v1/chat/completions</code>", "*/*": "bise is running"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost:8642/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s: got %d %s", accept, w.Code, w.Body)
		}
		if strings.HasPrefix(accept, "text/html") && !strings.Contains(w.Body.String(), "OPENAI_BASE_URL=http://localhost:8642/v1") {
			t.Errorf("the page lacks the base URL: %s", w.Body)
		}
	}
}

func TestMetrics(t *testing.T) {
	s, _ := described(t)
	ask := func(method, path, body string) string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Body.String()
	}
	ask("POST", "/v1/chat/completions", `{"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}`)
	ask("POST", "/v1/chat/completions", `{}`)
	text := ask("GET", "/metrics", "")
	for _, line := range []string{
		`bise_requests_total{route="/v1/chat/completions",status="200"} 1`, `bise_requests_total{route="/v1/chat/completions",status="422"} 1`,
		"bise_completion_tokens_total 3", "bise_answers_running 0", "bise_request_seconds_count 2", `bise_first_token_seconds_bucket{le="+Inf"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
}

// keep_alive has Ollama's forms.
func TestKeepAlive(t *testing.T) {
	var got []string
	s := newServer(Config{
		Logger: slog.New(slog.DiscardHandler), BodyLimit: DefaultBodyLimit,
		Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return &enginetest.Script{}, nil },
		KeepAlive: func(_ context.Context, model string, d time.Duration) error {
			got = append(got, model+" "+d.String())
			return nil
		},
	})
	for value, want := range map[string]string{`"5m"`: "m 5m0s", `0`: "m 0s", `-1`: "m -1s", `"-1m"`: "m -1m0s", `90`: "m 1m30s", `null`: "", `"soon"`: ""} {
		got = nil
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/completions", strings.NewReader(`{"model":"m","prompt":"a","keep_alive":`+value+`}`)))
		if strings.Join(got, ",") != want || (w.Code == 200) != (value != `"soon"`) {
			t.Errorf("%s: got %q, %d", value, got, w.Code)
		}
	}
}

// The queue rejects what is too much, and says when to try again.
func TestQueue(t *testing.T) {
	block, begun := make(chan struct{}), make(chan struct{})
	script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Do(func(context.Context) { close(begun); <-block }), enginetest.Text("x")}}}
	s := newServer(Config{
		Logger: slog.New(slog.DiscardHandler), BodyLimit: DefaultBodyLimit, Queue: 1,
		Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return script, nil },
	})
	ask := func(path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		method := "POST"
		if body == "" {
			method = "GET"
		}
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w
	}
	const question = `{"messages":[{"role":"user","content":"hi"}]}`
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- ask("/v1/chat/completions", question) }()
	<-begun
	if w := ask("/v1/chat/completions", question); w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "the limit of this server") {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := ask("/v1/models", ""); w.Code != 200 {
		t.Errorf("the list of models: %d", w.Code)
	}
	close(block)
	if w := <-done; w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A request that takes too long ends, with a status or within the stream.
func TestTimeout(t *testing.T) {
	for _, stream := range []string{"false", "true"} {
		synctest.Test(t, func(t *testing.T) {
			script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("x"), enginetest.Wait(make(chan struct{}))}}}
			s := newServer(Config{
				Logger: slog.New(slog.DiscardHandler), BodyLimit: DefaultBodyLimit, Timeout: time.Minute,
				Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return script, nil },
			})
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", strings.NewReader(`{"stream":`+stream+`,"messages":[{"role":"user","content":"hi"}]}`)))
			want := 504
			if stream == "true" {
				want = 200
			}
			if w.Code != want || !strings.Contains(w.Body.String(), "the request took longer than 1m0s") {
				t.Errorf("stream %s: got %d %s", stream, w.Code, w.Body)
			}
		})
	}
}

// A body over the limit is read to its end before the answer, so that the client sees it.
func TestLargeBody(t *testing.T) {
	s := newServer(Config{Logger: slog.New(slog.DiscardHandler), BodyLimit: 1000, Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return &enginetest.Script{}, nil }})
	server := httptest.NewServer(s)
	defer server.Close()
	for range 3 {
		resp, err := http.Post(server.URL+"/v1/completions", "application/json", strings.NewReader(strings.Repeat("x", 8<<20)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %s", resp.Status)
		}
	}
}

func served(routes []Route) []Route {
	return slices.DeleteFunc(routes, func(r Route) bool { return strings.HasPrefix(r.Summary, notSupported) })
}

// A client that stops in the middle of a body gets an answer, and its connection ends.
func TestHalfABody(t *testing.T) {
	defer func(d time.Duration) { bodyWait = d }(bodyWait)
	bodyWait = 50 * time.Millisecond
	s := newServer(Config{Logger: slog.New(slog.DiscardHandler), BodyLimit: 1000, Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return &enginetest.Script{}, nil }})
	server := httptest.NewServer(s)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"mo")
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 408 ") || !strings.Contains(string(got), "nothing came for") {
		t.Errorf("got %q, %v", got, err)
	}
}
