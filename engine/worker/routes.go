package worker

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"os"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/bise-sh/bise/engine"
)

func (s *server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.status())
}

func (s *server) status() Status {
	st := Status{
		Key: s.key, Name: s.spec.Name, Path: s.spec.Path, Fingerprint: s.spec.Fingerprint,
		Version: s.spec.Version, PID: os.Getpid(), Options: s.spec.Options, Log: s.logFile,
		State: s.state(), Started: s.started, Memory: resident(false), LeavesAt: s.leavesAt(),
	}
	if e := s.model(); e != nil {
		info := e.Info()
		if st.Engine = info.Engine; st.Engine != "" {
			st.Memory = resident(true)
		}
		st.ContextUsed, st.ContextNow, st.Context = info.ContextUsed, info.ContextNow, info.ContextLength
		if info.Fingerprint != "" {
			st.Fingerprint = info.Fingerprint
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Loaded, st.Requests, st.KeepAlive, st.LastError = s.loaded, s.running, s.keepAlive, s.lastError
	return st
}

// resident is the memory this process has, and its children if they are wanted, in bytes; 0 where the
// system does not tell. To find the children takes some milliseconds.
func resident(children bool) int64 {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return 0
	}
	m, err := p.MemoryInfo()
	if err != nil {
		return 0
	}
	total := int64(m.RSS)
	if !children {
		return total
	}
	list, _ := p.Children() // a llama-server
	for _, c := range list {
		if m, err := c.MemoryInfo(); err == nil {
			total += int64(m.RSS)
		}
	}
	return total
}

// serveStop makes the worker exit. The connection stays open until the model is freed:
// its end signals to the client that the memory is available.
func (s *server) serveStop(w http.ResponseWriter, r *http.Request) {
	var o stopOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
	s.mu.Lock()
	s.waiting = append(s.waiting, conn)
	s.mu.Unlock()
	select {
	case s.stops <- o:
	default: // it is leaving already
	}
}

// release closes the connections of clients that wait for the worker's end.
func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.waiting {
		conn.Close()
	}
}

func (s *server) serveKeep(w http.ResponseWriter, r *http.Request) {
	var o keepOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.keep(o.KeepAlive)
}

// visible reports whether the socket's path still leads here.
func (s *server) visible() bool {
	there, err := os.Lstat(s.socket)
	return err == nil && s.file != nil && os.SameFile(s.file, there)
}

// hide removes the socket while the worker still answers. No process removes the socket of
// a worker that answers, so this path cannot belong to another worker yet.
func (s *server) hide() {
	s.mu.Lock()
	s.hidden = true
	s.mu.Unlock()
	if s.visible() {
		if err := os.Remove(s.socket); err != nil {
			s.log.Error("socket not removed", "error", err)
		}
	}
}

// watched is an engine whose failures appear in the worker's status.
type watched struct {
	engine.Engine
	server *server
}

func (e watched) Chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return e.watch(ctx, e.Engine.Chat(ctx, req))
}

func (e watched) Complete(ctx context.Context, req engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return e.watch(ctx, e.Engine.Complete(ctx, req))
}

func (e watched) Embed(ctx context.Context, req engine.EmbedRequest) (engine.Embeddings, error) {
	v, err := e.Engine.Embed(ctx, req)
	e.note(ctx, err)
	return v, err
}

func (e watched) watch(ctx context.Context, events iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for ev, err := range events {
			e.note(ctx, err)
			if !yield(ev, err) {
				return
			}
		}
	}
}

// note keeps an error
func (e watched) note(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	e.server.lastError = err.Error()
}
