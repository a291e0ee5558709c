// Package lsp is a language server that completes code: inline completions of LSP
// 3.18 for editors that know them, and ordinary ones for all others.
//
// Messages are read in order, and what they say of texts is done before the next
// is read. Completions are computed beside that; a newer one for the same text, a
// cancellation, or the editor's end stops one.
package lsp

import (
	"bufio"
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

// Config says what a server completes with.
type Config struct {
	// Open gives the engine, which the server closes. It is called once the client
	// is ready, and again when it failed and somebody wants a completion.
	Open    func(context.Context) (engine.Engine, error)
	Options code.Options
	Version string       // of bise, for the client to show
	Logger  *slog.Logger // nil: nothing is logged
}

// ErrGone is the error of a client that ended without saying so.
var ErrGone = errors.New("the editor is gone")

// maxDocument is the largest text that is completed, in bytes. Nobody writes
// larger ones by hand.
const maxDocument = 8 << 20

// maxVisited is how many places are kept until the model is open.
const maxVisited = 16

// again is how long after a model could not be opened it is tried again.
const again = 10 * time.Second

// errNewer is why a completion is stopped when a newer one is wanted.
var errNewer = failed(contentModified, "a newer completion is wanted")

// errCancelled is why a completion is stopped that the client does not want.
var errCancelled = failed(requestCancelled, "the client cancelled it")

type server struct {
	c   Config
	out writer
	ctx context.Context

	// Of the goroutine that reads.
	state     state
	encoding  encoding
	folders   []workspaceFolder
	documents map[string]*document

	mu      sync.Mutex
	running map[string]*running // by the request's id
	session *code.Session
	engine  engine.Engine
	opening chan struct{} // closed when an attempt to open the engine has ended; nil: none was made
	failure error         // of the last attempt
	tried   time.Time
	visited []code.Place // before there was a session
	told    string       // the last error that the person saw
	wait    sync.WaitGroup
}

type state int

const (
	fresh state = iota
	initialized
	shut
)

// running is a completion that is being computed.
type running struct {
	method, uri string
	stop        context.CancelCauseFunc
}

// Serve speaks with one client until it says exit, and returns nil if it had
// announced that before. When it is gone without a word the error is [ErrGone].
func Serve(ctx context.Context, r io.Reader, w io.Writer, c Config) error {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
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
			c.Logger.Info("cannot answer", "err", err)
			return ErrGone
		}
	}
}

// close waits for what goes on, and gives the model back.
func (s *server) close() {
	s.wait.Wait()
	if s.session != nil {
		s.session.Close()
		s.engine.Close()
	}
}

// handle does what a message wants. Its error is of the connection.
func (s *server) handle(m message) error {
	if m.Method == "" {
		return nil // an answer; nothing was asked
	}
	if !m.answered() {
		if s.state == initialized {
			s.notice(m)
		}
		return nil
	}
	switch {
	case s.state == fresh && m.Method != "initialize":
		return s.out.answer(m.ID, nil, failed(serverNotInitialized, "the server is not initialized"))
	case s.state == initialized && m.Method == "initialize", s.state == shut:
		return s.out.answer(m.ID, nil, failed(invalidRequest, "%s comes at the wrong time", m.Method))
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
	return s.out.answer(m.ID, nil, failed(methodNotFound, "there is no method %.60s", m.Method))
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
		// The text would be there twice in an editor that knows both.
		c.CompletionProvider = &completionOptions{TriggerCharacters: []string{".", "(", ",", "=", ":", "{", "[", " ", "\n"}}
	}
	return r, nil
}

// notice takes what a client tells. What makes no sense is passed over: nobody
// waits for an answer.
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
		s.c.Logger.Info("notification passed over", "method", m.Method, "err", err)
	}
}

// notification reads what a notification tells.
func notification[P any](m message, do func(P)) error {
	var p P
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return err
	}
	do(p)
	return nil
}

// visit tells the session where the person is, once there is one.
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

// open opens the model, unless it is open or being opened, or could not be a
// moment ago. The channel is closed when that is decided.
func (s *server) open() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil && (s.failure == nil || time.Since(s.tried) < again) {
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

// complain tells the person an error, once: it would come again with every key.
func (s *server) complain(err error) {
	msg, advice := fault.Explain(err)
	msg = strings.TrimSpace(msg + " " + advice)
	s.mu.Lock()
	known := msg == s.told
	s.told = msg
	s.mu.Unlock()
	if !known {
		s.c.Logger.Warn("no completion", "kind", fault.KindOf(err))
		_ = s.out.notify("window/showMessage", showMessageParams{messageError, "bise: " + msg})
	}
}

// stop stops completions for a reason.
func (s *server) stop(which func(*running) bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		if which(r) {
			r.stop(why)
		}
	}
}

// A request is a completion that is wanted.
type request struct {
	params completionParams
	text   string     // of the document, as it was
	place  code.Place // with what is selected in a list put in
}

// begin computes a completion beside the reading of messages.
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
		// A client that is gone is found out by the reader.
		_ = s.out.answer(m.ID, result, err)
	})
	return nil
}

// compute waits for the model and completes. What goes wrong is told to the
// person, and to the client that there is nothing: it would show each error.
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
		s.complain(err)
		return nil, nil
	}
	return result, nil
}

// request reads where a completion is wanted.
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
