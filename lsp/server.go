// Package lsp is a language server that completes code. It serves the inline
// completions of LSP 3.18 to editors that support them, and ordinary completions to
// other editors.
//
// The server handles messages in order, one at a time, but computes completions
// concurrently. A newer request for the same text, a cancellation, or the end of the
// connection stops a completion.
package lsp

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/code"
)

// Config configures a server.
type Config struct {
	// Open opens the engine; the server closes it. Open is called when the client is
	// ready, and after a failure again for a later completion request.
	Open    func(context.Context) (engine.Engine, error)
	Options code.Options
	Version string       // the version of bise, reported to the client
	Logger  *slog.Logger // nil disables logging
}

// ErrGone reports that the client disconnected without an exit message.
var ErrGone = errors.New("the editor disconnected")

// maxDocument is the largest text that is completed, in bytes. Larger files are not
// written by hand.
const maxDocument = 8 << 20

// maxVisited limits the places recorded before the model is open.
const maxVisited = 16

// retryAfter is the minimum time between attempts to open the model.
const retryAfter = 10 * time.Second

// errNewer stops a completion when the client requests a newer one.
var errNewer = failed(contentModified, "replaced by a newer request")

// errCancelled stops a completion that the client cancelled.
var errCancelled = failed(requestCancelled, "cancelled by the client")

type server struct {
	c   Config
	out writer
	ctx context.Context

	// The fields below belong to the goroutine that reads messages.
	state     state
	encoding  encoding
	folders   []workspaceFolder
	documents map[string]*document

	mu      sync.Mutex
	running map[string]*running // by request id
	session *code.Session
	engine  engine.Engine
	opening chan struct{} // closed at the end of the last attempt to open the engine; nil before the first
	failure error         // of the last attempt
	tried   time.Time
	visited []code.Place // before the session exists
	shown   string       // the last error shown to the user
	wait    sync.WaitGroup
}

type state int

const (
	fresh state = iota
	initialized
	shut
)

// running is a running completion.
type running struct {
	method, uri string
	stop        context.CancelCauseFunc
}

// Serve serves one client until its exit message. It returns [ErrGone] if the client
// disconnects, or exits without a shutdown request.
func Serve(ctx context.Context, r io.Reader, w io.Writer, c Config) error {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancelCause(ctx)
	s := &server{
		c: c, out: writer{w: w}, ctx: ctx,
		encoding: utf16Encoding, documents: map[string]*document{}, running: map[string]*running{},
	}
	defer s.close()
	defer stop(ErrGone)
	in := bufio.NewReaderSize(r, maxHeader)
	for {
		m, err := read(in)
		if f, ok := errors.AsType[*failure](err); ok {
			if err := s.out.answer(nil, nil, f); err != nil {
				return ErrGone
			}
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return ErrGone
		}
		if err != nil {
			return err
		}
		if m.Method == "exit" {
			if s.state != shut {
				return ErrGone
			}
			return nil
		}
		if err := s.handle(m); err != nil {
			c.Logger.Info("cannot write a response", "err", err)
			return ErrGone
		}
	}
}

// close waits for running completions and closes the engine.
func (s *server) close() {
	s.wait.Wait()
	if s.session != nil {
		s.session.Close()
		s.engine.Close()
	}
}

// handle handles a message. It returns an error only if the connection fails.
func (s *server) handle(m message) error {
	if m.Method == "" {
		return nil // a response, although the server sends no requests
	}
	if !m.isRequest() {
		if s.state == initialized {
			s.notice(m)
		}
		return nil
	}
	switch {
	case s.state == fresh && m.Method != "initialize":
		return s.out.answer(m.ID, nil, failed(serverNotInitialized, "the server is not initialized"))
	case s.state == initialized && m.Method == "initialize", s.state == shut:
		return s.out.answer(m.ID, nil, failed(invalidRequest, "unexpected request %s", m.Method))
	}
	switch m.Method {
	case "initialize":
		result, err := s.initialize(m.Params)
		return s.out.answer(m.ID, result, err)
	case "shutdown":
		s.state = shut
		s.stop(func(*running) bool { return true }, errCancelled)
		return s.out.answer(m.ID, nil, nil)
	case "textDocument/inlineCompletion":
		return s.begin(m, s.inline)
	case "textDocument/completion":
		return s.begin(m, s.ordinary)
	}
	return s.out.answer(m.ID, nil, failed(methodNotFound, "unknown method %.60s", m.Method))
}

func (s *server) initialize(params json.RawMessage) (any, error) {
	var p initializeParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, failed(invalidParams, "initialize: %v", err)
	}
	s.state = initialized
	s.folders = p.WorkspaceFolders
	if len(s.folders) == 0 && p.RootURI != "" {
		s.folders = []workspaceFolder{{URI: p.RootURI}}
	}
	for _, e := range []encoding{utf8Encoding, utf32Encoding} {
		if slices.Contains(p.Capabilities.General.PositionEncodings, e) {
			s.encoding = e
			break
		}
	}
	r := initializeResult{ServerInfo: serverInfo{"bise", s.c.Version}}
	c := &r.Capabilities
	c.PositionEncoding = s.encoding
	c.TextDocumentSync = syncOptions{OpenClose: true, Change: incremental, Save: true}
	c.InlineCompletionProvider = true
	c.Workspace.WorkspaceFolders.Supported = true
	c.Workspace.WorkspaceFolders.ChangeNotifications = true
	if p.Capabilities.TextDocument.InlineCompletion == nil {
		// An editor that supports both kinds would show each completion twice.
		c.CompletionProvider = &completionOptions{TriggerCharacters: []string{".", "(", ",", "=", ":", "{", "[", " ", "\n"}}
	}
	return r, nil
}

// notice handles a notification. It logs and ignores an invalid one, because a
// notification has no response.
func (s *server) notice(m message) {
	var err error
	switch m.Method {
	case "initialized":
		s.open()
	case "textDocument/didOpen":
		err = notification(m, func(p didOpenParams) {
			d := &document{language: p.TextDocument.LanguageID, text: p.TextDocument.Text}
			s.documents[p.TextDocument.URI] = d
			s.visit(p.TextDocument.URI, d)
		})
	case "textDocument/didChange":
		err = notification(m, func(p didChangeParams) {
			if d := s.documents[p.TextDocument.URI]; d != nil {
				d.apply(s.encoding, p.ContentChanges)
			}
		})
	case "textDocument/didSave":
		err = notification(m, func(p didParams) {
			if d := s.documents[p.TextDocument.URI]; d != nil {
				s.visit(p.TextDocument.URI, d)
			}
		})
	case "textDocument/didClose":
		err = notification(m, func(p didParams) {
			uri := p.TextDocument.URI
			s.stop(func(r *running) bool { return r.uri == uri }, errCancelled)
			delete(s.documents, uri)
		})
	case "workspace/didChangeWorkspaceFolders":
		err = notification(m, func(p didChangeWorkspaceFoldersParams) {
			s.folders = slices.DeleteFunc(s.folders, func(f workspaceFolder) bool {
				return slices.ContainsFunc(p.Event.Removed, func(r workspaceFolder) bool { return r.URI == f.URI })
			})
			s.folders = append(s.folders, p.Event.Added...)
		})
	case "$/cancelRequest":
		err = notification(m, func(p cancelParams) {
			s.mu.Lock()
			r := s.running[string(p.ID)]
			s.mu.Unlock()
			if r != nil {
				r.stop(errCancelled)
			}
		})
	}
	if err != nil {
		s.c.Logger.Info("ignored an invalid notification", "method", m.Method, "err", err)
	}
}

// notification decodes the parameters of a notification and calls do.
func notification[P any](m message, do func(P)) error {
	var p P
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return err
	}
	do(p)
	return nil
}

// visit reports the user's place to the session, or records it until there is one.
func (s *server) visit(uri string, d *document) {
	if len(d.text) > maxDocument {
		return
	}
	p := code.Place{File: name(uri, s.folders), Text: d.text, At: d.cursor}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		s.session.Visit(p)
		return
	}
	if len(s.visited) == maxVisited {
		s.visited = slices.Delete(s.visited, 0, 1)
	}
	s.visited = append(s.visited, p)
}

// open opens the model, unless it is open, being opened, or failed to open recently.
// The channel is closed when the attempt ends.
func (s *server) open() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil && (s.failure == nil || time.Since(s.tried) < retryAfter) {
		return s.opening
	}
	done := make(chan struct{})
	s.opening, s.failure = done, nil
	s.wait.Go(func() {
		defer close(done)
		e, err := s.c.Open(s.ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.failure, s.tried = err, time.Now()
			return
		}
		s.engine, s.session = e, code.New(s.ctx, e, s.c.Options)
		for _, p := range s.visited {
			s.session.Visit(p)
		}
		s.visited = nil
	})
	return done
}

// showError shows an error to the user, unless it is the same as the last one: it would
// appear with every keystroke.
func (s *server) showError(err error) {
	msg, advice := fault.Explain(err)
	msg = strings.TrimSpace(msg + " " + advice)
	s.mu.Lock()
	repeated := msg == s.shown
	s.shown = msg
	s.mu.Unlock()
	if !repeated {
		s.c.Logger.Warn("completion failed", "kind", fault.KindOf(err))
		_ = s.out.notify("window/showMessage", showMessageParams{messageError, "bise: " + msg})
	}
}

// stop stops the selected completions.
func (s *server) stop(which func(*running) bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		if which(r) {
			r.stop(why)
		}
	}
}

// A request is a completion request.
type request struct {
	params completionParams
	text   string     // of the document at the time of the request
	place  code.Place // with the selected item of a completion list inserted
}

// begin starts to compute a completion.
func (s *server) begin(m message, how func(context.Context, *code.Session, request) (any, error)) error {
	r, err := s.request(m)
	if err != nil {
		return s.out.answer(m.ID, nil, err)
	}
	uri := r.params.TextDocument.URI
	s.stop(func(o *running) bool { return o.method == m.Method && o.uri == uri }, errNewer)
	ctx, stop := context.WithCancelCause(s.ctx)
	id := string(m.ID)
	s.mu.Lock()
	s.running[id] = &running{m.Method, uri, stop}
	s.mu.Unlock()
	ready := s.open()
	s.wait.Go(func() {
		defer stop(nil)
		result, err := s.compute(ctx, ready, r, how)
		s.mu.Lock()
		delete(s.running, id)
		s.mu.Unlock()
		// The reader detects a client that has disconnected.
		_ = s.out.answer(m.ID, result, err)
	})
	return nil
}

// compute waits for the model and computes a completion. It shows an error to the user
// and returns an empty result to the client, which would show every error otherwise.
func (s *server) compute(ctx context.Context, ready <-chan struct{}, r request, how func(context.Context, *code.Session, request) (any, error)) (any, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-ready:
	}
	s.mu.Lock()
	session, err := s.session, s.failure
	s.mu.Unlock()
	var result any
	if err == nil {
		result, err = how(ctx, session, r)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		s.showError(err)
		return nil, nil
	}
	return result, nil
}

// request decodes the place of a completion request.
func (s *server) request(m message) (request, error) {
	var r request
	if err := json.Unmarshal(m.Params, &r.params); err != nil {
		return r, failed(invalidParams, "%s: %v", m.Method, err)
	}
	uri := r.params.TextDocument.URI
	d := s.documents[uri]
	if d == nil {
		return r, failed(invalidParams, "%.200q is not open", uri)
	}
	if len(d.text) > maxDocument {
		return r, failed(invalidParams, "%.200q has more than %d bytes", uri, maxDocument)
	}
	d.cursor = s.encoding.offset(d.text, r.params.Position)
	r.text = d.text
	r.place = code.Place{File: name(uri, s.folders), Text: d.text, At: d.cursor}
	if info := r.params.Context.SelectedCompletionInfo; info != nil {
		start, end := s.encoding.offset(d.text, info.Range.Start), s.encoding.offset(d.text, info.Range.End)
		r.place.Text = d.text[:start] + info.Text + d.text[max(start, end):]
		r.place.At = start + len(info.Text)
	}
	return r, nil
}
