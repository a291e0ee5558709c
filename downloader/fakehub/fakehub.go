// Package fakehub is a Hugging Face hub, its CDN and an Ollama registry, for tests.
//
// A [Hub] answers as the real ones do, closely enough for their own clients, and
// misbehaves on request: [Hub.Fault] takes one line for each way of it. Everything
// it is asked is logged, with what a test wants to hold about it afterwards.
//
// Hub and registry are one server, the CDN is another. Contents are made up by
// offset, so that a file of 70 GB takes no memory.
package fakehub

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Hub is the servers and what they have. It may be used from any goroutine.
type Hub struct {
	URL    string // of the hub and the registry, without a slash at its end
	CDNURL string // of the CDN

	hub, cdn         *httptest.Server
	hubName, cdnName string
	hubAddr, cdnAddr string // to listen at
	secure           bool
	prefix           string
	pageSize         int
	ttl              time.Duration
	s3               bool
	direct           bool
	secret           []byte             // signs what the CDN gives out
	end              context.CancelFunc // of all answers that stall

	mu      sync.Mutex
	shift   time.Duration // of the clock
	repos   map[string]*Repository
	renamed map[string]string
	models  map[string]*Image
	objects map[string]object // of the CDN, by path
	tokens  map[string]string // user, by token
	bearers map[string]bool   // that the registry gave out
	faults  []*rule
	log     []*Entry
	flying  map[string]int
	limit   int // requests of resolve in five minutes; 0 is unlimited
	windows map[string]window
}

// An Option is something that a hub has, or how it behaves.
type Option interface{ apply(*Hub) }

type option func(*Hub)

func (o option) apply(h *Hub) { o(h) }

// Names gives hub and CDN names of hosts. Those that no resolver knows are reached
// with [Hub.Dial]; "localhost" and addresses of this machine need none.
func Names(hub, cdn string) Option {
	return option(func(h *Hub) { h.hubName, h.cdnName = hub, cdn })
}

// Listen gives hub and CDN addresses to listen at, such as "127.0.0.1:8801".
func Listen(hub, cdn string) Option {
	return option(func(h *Hub) { h.hubAddr, h.cdnAddr = hub, cdn })
}

// TLS has both servers speak https, with a certificate for 127.0.0.1 and for
// example.com with the names below it; [Hub.Certificates] trusts it.
func TLS() Option { return option(func(h *Hub) { h.secure = true }) }

// Prefix puts the hub below a path such as "/hf", as mirrors do.
func Prefix(path string) Option { return option(func(h *Hub) { h.prefix = path }) }

// PageSize is how many entries of a tree an answer has; 1000 otherwise.
func PageSize(n int) Option { return option(func(h *Hub) { h.pageSize = n }) }

// TTL is how long a signed URL of the CDN is good; an hour otherwise.
func TTL(d time.Duration) Option { return option(func(h *Hub) { h.ttl = d }) }

// S3 has the CDN's URLs signed in S3's spelling instead of CloudFront's.
func S3() Option { return option(func(h *Hub) { h.s3 = true }) }

// DirectBlobs has the registry answer for blobs itself instead of redirecting.
func DirectBlobs() Option { return option(func(h *Hub) { h.direct = true }) }

// Limit is how many requests of resolve are answered in five minutes before 429.
func Limit(n int) Option { return option(func(h *Hub) { h.limit = n }) }

// Rename has the hub redirect from an old name of a repository to its new one.
func Rename(from, to string) Option { return option(func(h *Hub) { h.renamed[from] = to }) }

// New starts a hub that ends with the test.
func New(t testing.TB, options ...Option) *Hub {
	t.Helper()
	h, err := Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// Start starts a hub, to be closed.
func Start(options ...Option) (*Hub, error) {
	h := &Hub{
		hubName: "127.0.0.1", cdnName: "127.0.0.1", hubAddr: "127.0.0.1:0", cdnAddr: "127.0.0.1:0",
		pageSize: 1000, ttl: time.Hour, secret: make([]byte, 32),
		repos: map[string]*Repository{}, renamed: map[string]string{}, models: map[string]*Image{},
		objects: map[string]object{}, bearers: map[string]bool{}, flying: map[string]int{}, windows: map[string]window{},
		tokens: map[string]string{Ann: "ann", Bob: "bob", Cat: "cat", Dan: "dan", Eve: "eve"},
	}
	rand.Read(h.secret)
	for _, o := range options {
		o.apply(h)
	}
	var ctx context.Context
	ctx, h.end = context.WithCancel(context.Background())
	var err error
	if h.hub, err = h.serve(ctx, h.hubAddr, h.answerHub); err != nil {
		return nil, err
	}
	if h.cdn, err = h.serve(ctx, h.cdnAddr, h.answerCDN); err != nil {
		h.hub.Close()
		return nil, err
	}
	h.URL, h.CDNURL = h.address(h.hubName, h.hub)+h.prefix, h.address(h.cdnName, h.cdn)
	return h, nil
}

// answer is what a server says to a call.
type answer func(w http.ResponseWriter, r *http.Request, c *call)

func (h *Hub) serve(ctx context.Context, addr string, a answer) (*httptest.Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", addr, err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.handle(w, r, a) }))
	s.Listener.Close()
	s.Listener = l
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Config.ConnContext = numberConnection
	s.Config.ErrorLog = quiet
	if h.secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	return s, nil
}

// address is a server's URL under a name. One that only Dial knows has no port.
func (h *Hub) address(name string, s *httptest.Server) string {
	scheme := "http://"
	if h.secure {
		scheme = "https://"
	}
	if !local(name) {
		return scheme + name
	}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return scheme + net.JoinHostPort(name, port)
}

func local(name string) bool { return name == "localhost" || net.ParseIP(name) != nil }

// Dial connects to the hub and the CDN by their names, and to nothing else but
// addresses of this machine.
func (h *Hub) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	switch {
	case local(host):
	case strings.EqualFold(host, h.hubName):
		address = h.hub.Listener.Addr().String()
	case strings.EqualFold(host, h.cdnName):
		address = h.cdn.Listener.Addr().String()
	default:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Certificates is a client's configuration that trusts the servers.
func (h *Hub) Certificates() *tls.Config {
	pool := x509.NewCertPool()
	if c := h.hub.Certificate(); c != nil {
		pool.AddCert(c)
	}
	return &tls.Config{RootCAs: pool}
}

// Close ends the servers, and what stalls with them.
func (h *Hub) Close() {
	h.end()
	for _, s := range []*httptest.Server{h.hub, h.cdn} {
		s.CloseClientConnections()
		s.Close()
	}
}

// Advance moves the hub's clock, by which signed URLs expire.
func (h *Hub) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shift += d
}

func (h *Hub) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.shift)
}

// Reset takes away all faults and forgets the log.
func (h *Hub) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults, h.log = nil, nil
}
