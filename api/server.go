package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// A server answers requests.
type server struct {
	c       Config
	mux     *http.ServeMux
	queue   queue
	metrics *metrics
	layouts sync.Map           // of infill prompts: fim.Layout by the fingerprint of a model's file
	note    func(field string) // for tests: see reader
}

func newServer(c Config) *server {
	s := &server{c: c, mux: http.NewServeMux(), metrics: newMetrics()}
	open := c.Open
	c.Open = func(ctx context.Context, model string, loading func(float64)) (engine.Engine, error) {
		start, waited := time.Now(), false
		e, err := open(ctx, model, func(fraction float64) {
			waited = true
			loading(fraction)
		})
		if err != nil {
			return nil, err
		}
		m := &measured{Engine: e, m: s.metrics}
		if waited {
			m.load.Store(int64(time.Since(start)))
		}
		return m, nil
	}
	s.c = c
	routes := append(s.routes(), s.llamaRoutes()...)
	for _, family := range c.Families {
		routes = append(routes, family(c)...)
	}
	routes = own(routes)
	paths := map[string][]Route{}
	for _, r := range routes {
		paths[r.Path] = append(paths[r.Path], r)
	}
	for _, r := range absentRoutes() {
		if !slices.ContainsFunc(routes, func(has Route) bool { return has.Path == r.Path }) {
			paths[r.Path] = append(paths[r.Path], r)
		}
	}
	for path, methods := range paths {
		s.mux.Handle(path, s.dispatch(methods))
	}
	s.mux.Handle("/", s.dispatch(nil))
	return s
}

// routes are those of this package.
func (s *server) routes() []Route {
	events := []string{"text/event-stream"}
	return []Route{
		{Method: "GET", Path: "/health", Serve: s.health, Open: true, Summary: "Say whether the server is ready", Answer: "Health"},
		{Method: "GET", Path: "/v1/models", Serve: s.models, Summary: "List the models", Answer: "Models"},
		{Method: "GET", Path: "/v1/models/{id...}", Serve: s.model, Summary: "Describe a model", Answer: "Model"},
		{Method: "DELETE", Path: "/v1/models/{id...}", Serve: s.deleteModel, Summary: "Not supported: models belong to the user"},
		{
			Method: "POST", Path: "/v1/chat/completions", Serve: s.chat, Work: true,
			Summary: "Answer a conversation", Body: "ChatRequest", Answer: "Completion", Streams: events,
		},
		{
			Method: "POST", Path: "/v1/fim/completions", Serve: s.fim, Work: true,
			Summary: "Fill in the middle of a text", Body: "FIMRequest", Answer: "Completion", Streams: events,
		},
		{
			Method: "POST", Path: "/v1/completions", Serve: s.completions, Work: true,
			Summary: "Complete a text (OpenAI)", Body: "CompletionRequest", Answer: "Completion", Streams: events,
		},
		{
			Method: "POST", Path: "/infill", Serve: s.infill, Work: true,
			Summary: "Fill in the middle of a text (llama.cpp)", Body: "InfillRequest", Answer: "Object", Streams: events,
		},
		{
			Method: "POST", Path: "/v1/embeddings", Serve: s.embeddings, Work: true,
			Summary: "Embed texts", Body: "EmbeddingRequest", Answer: "Embeddings",
		},
		{
			Method: "POST", Path: "/v1/audio/transcriptions", Serve: s.transcriptions, Work: true,
			Summary: "Transcribe an audio file", Body: "Object", Answer: "Object",
		},
		{Method: "POST", Path: "/tokenize", Serve: s.tokenizeText, Summary: "Tokenize (llama.cpp and vLLM)", Body: "TokenizeRequest", Answer: "Tokens"},
		{Method: "POST", Path: "/detokenize", Serve: s.detokenize, Summary: "Give the text of tokens", Body: "DetokenizeRequest", Answer: "Text"},
		{Method: "GET", Path: "/tokenizer_info", Serve: s.tokenizerInfo, Summary: "Describe the tokenizer (vLLM)", Answer: "Object", Query: []string{"model"}},
		{Method: "POST", Path: "/v1/bise/tokenize", Serve: s.tokenize, Summary: "Tokenize a text or a request", Body: "BiseTokenizeRequest", Answer: "Tokens"},
		{Method: "GET", Path: "/v1/bise/info", Serve: s.info, Summary: "Describe a model with all that the engine knows", Answer: "Object", Query: []string{"model"}},
		{Method: "GET", Path: "/metrics", Serve: s.metrics.serve, Summary: "Metrics for Prometheus", ContentType: metricsType},
	}
}

// own are the routes about the routes.
func own(routes []Route) []Route {
	root := Route{Method: "GET", Path: "/{$}", Open: true, Summary: "Say that the server runs", ContentType: "text/plain", Streams: []string{"text/html"}}
	root.Serve = func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err := io.WriteString(w, "bise is running")
		return err
	}
	if i := slices.IndexFunc(routes, func(r Route) bool { return r.Path == root.Path }); i >= 0 {
		root.Serve, root.Fail = routes[i].Serve, routes[i].Fail
		routes = slices.Delete(routes, i, i+1)
	}
	var doc json.RawMessage
	described := Route{Method: "GET", Path: "/openapi.json", Summary: "This API as OpenAPI describes it", Answer: "Object", Serve: func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, doc)
	}}
	plain := root.Serve
	routes = append(routes, described, root)
	served := slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return strings.HasPrefix(r.Summary, notSupported) })
	doc = openAPI(served)
	routes[len(routes)-1].Serve = func(w http.ResponseWriter, r *http.Request) error {
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			return writePage(w, r, served)
		}
		return plain(w, r)
	}
	return routes
}

// dispatch serves the methods of a path. Other methods, like other paths, get an error
// that clients can read instead of the mux's plain text.
func (s *server) dispatch(methods []Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		route := Route{Serve: s.notFound}
		switch i := slices.IndexFunc(methods, func(m Route) bool { return m.Method == method }); {
		case i >= 0:
			route = methods[i]
		case len(methods) > 0:
			route = Route{Serve: notAllowed(methods), Fail: methods[0].Fail}
		}
		err := error(errDenied)
		if rec, ok := w.(*recorder); ok {
			rec.route, rec.work = route.Path, route.Work
		}
		switch {
		case !route.Open && !s.admits(r):
			w.Header().Set("WWW-Authenticate", "Bearer")
		case route.Work:
			err = s.work(w, r, route)
		default:
			err = route.Serve(w, r)
		}
		if err != nil {
			logFailure(w, err)
			fail(w, route, s.hosted(err))
		}
	})
}

// ServeHTTP answers a request and writes its line of the log.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK, id: requestID(r)}
	rec.Header().Set("X-Request-Id", rec.id)
	rec.Header().Set("Mistral-Correlation-Id", rec.id)
	defer func() { s.log(r, rec, time.Since(start)) }()
	s.mux.ServeHTTP(rec, r)
}

// statusGone is the status in the log and in the metrics of a request whose client left before
// the answer, as nginx has it: nothing failed.
const statusGone = 499

// log writes the line of a request. A client that left is not counted as a failure.
func (s *server) log(r *http.Request, rec *recorder, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("id", rec.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", rec.status), slog.Duration("took", took),
	}
	switch {
	case errors.Is(context.Cause(r.Context()), context.Canceled) && (rec.err != nil || rec.gone):
		// Many clients hang up at the last event of a stream: that is no cancelling.
		attrs = append(attrs, slog.Bool("cancelled", true))
		if rec.err != nil && rec.status >= http.StatusInternalServerError {
			rec.status = statusGone
			attrs[3] = slog.Int("status", rec.status)
		}
	case rec.err != nil:
		attrs = append(attrs, slog.String("kind", string(fault.KindOf(rec.err))))
	}
	if len(rec.ignored) > 0 {
		attrs = append(attrs, slog.Any("ignored", rec.ignored))
	}
	s.metrics.count(rec, took)
	s.c.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// requestID returns the ID that a client gave its request, or a new one.
func requestID(r *http.Request) string {
	const longest = 64
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > longest || strings.ContainsFunc(id, func(c rune) bool {
		return c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return newID()
	}
	return id
}

var errDenied = &fault.Error{
	Kind: fault.Denied, Msg: "Unauthorized",
	Advice: "Send the server's key in the Authorization header: Bearer KEY",
}

// admits reports whether a request has a key. Editor plugins send it as x-api-key.
func (s *server) admits(r *http.Request) bool {
	if s.c.Key == "" && len(s.c.KeyHashes) == 0 {
		return true
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		key = r.Header.Get("X-Api-Key")
	}
	key = strings.TrimSpace(key)
	if s.c.Key != "" && subtle.ConstantTimeCompare([]byte(key), []byte(s.c.Key)) == 1 {
		return true
	}
	hash := sha256.Sum256([]byte(key))
	return slices.ContainsFunc(s.c.KeyHashes, func(h [sha256.Size]byte) bool { return subtle.ConstantTimeCompare(h[:], hash[:]) == 1 })
}

// A recorder collects the facts of a request for the log.
type recorder struct {
	http.ResponseWriter
	id      string
	route   string // its pattern; "" for none
	status  int
	work    bool // a model had to answer
	gone    bool // the client, before a stream's end
	err     error
	ignored []string
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func logFailure(w http.ResponseWriter, err error) {
	if rec, ok := w.(*recorder); ok {
		rec.err = err
	}
}

func logGone(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.gone = true
	}
}

func logIgnored(w http.ResponseWriter, fields []string) {
	if rec, ok := w.(*recorder); ok {
		rec.ignored = fields
	}
}

// describe returns the HTTP form of an error.
func describe(err error) (*wire.Failure, wire.Class) {
	e := wire.AsError(err)
	class := wire.ClassOf(e.Kind)
	if r, ok := errors.AsType[*refusal](err); ok {
		class = r.class
	}
	return wire.NewFailure(e, class), class
}

// hosted gives an error the form that La Plateforme has for it, where a strict server has to
// answer like that.
func (s *server) hosted(err error) error {
	e := wire.AsError(err)
	if _, ok := errors.AsType[*refusal](err); ok || !s.c.Strict || e.Kind != fault.NotFound {
		return err
	}
	r := &refusal{err: e, class: wire.ClassOf(fault.NotFound)}
	return r.as("invalid_model", "1500").status(http.StatusBadRequest)
}

// fail writes an error in the shape of a route's family.
func fail(w http.ResponseWriter, route Route, err error) {
	if route.Fail == nil {
		writeError(w, err)
		return
	}
	_, class := describe(err)
	retryLater(w, class.Status, err)
	route.Fail(w, class.Status, wire.AsError(err))
}

// retryLater says when to try again, where that helps.
func retryLater(w http.ResponseWriter, status int, err error) {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	seconds := 1
	if full, ok := errors.AsType[*queueFull](err); ok {
		seconds = full.seconds
	}
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

func writeError(w http.ResponseWriter, err error) {
	failure, class := describe(err)
	var detail []wire.Detail
	if r, ok := errors.AsType[*refusal](err); ok {
		detail = r.detail
	}
	retryLater(w, class.Status, err)
	WriteJSON(w, class.Status, wire.NewEnvelope(failure, detail))
}

// WriteJSON writes a whole response. It returns errors of encoding v only; after an error
// of the connection there is no client to report to.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", fmt.Sprint(body.Len()))
	w.WriteHeader(status)
	w.Write(body.Bytes())
	return nil
}

// read reads a request's body with the schema that fill applies to it.
func (s *server) read(w http.ResponseWriter, r *http.Request, fill func(*object)) error {
	body, err := s.c.Body(w, r)
	if err != nil {
		return err
	}
	rd := &reader{strict: s.c.Strict, note: s.note}
	if o, ok := rd.read(body); ok {
		fill(o)
		o.done()
	}
	logIgnored(w, rd.unknown)
	return rd.err()
}

func notAllowed(methods []Route) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		allowed := []string{}
		for _, m := range methods {
			allowed = append(allowed, m.Method)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return newRefusal("", "invalid method %s for %s: want %s", r.Method, r.URL.Path, strings.Join(allowed, " or ")).
			as("not_supported", "").status(http.StatusMethodNotAllowed)
	}
}

func (s *server) notFound(_ http.ResponseWriter, r *http.Request) error {
	no := newRefusal("", "this server has no %s %.200s", r.Method, r.URL.Path).
		as("not_supported", "").status(http.StatusNotFound)
	if strings.HasPrefix(r.URL.Path, "/v1/v1/") {
		return no.advise("Mistral's clients append /v1 themselves: leave it out of the base URL")
	}
	return no.advise("It serves /v1/models, /v1/chat/completions, /v1/fim/completions, /v1/completions, /v1/embeddings and /infill")
}
