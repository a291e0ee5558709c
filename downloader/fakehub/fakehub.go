// Package fakehub is a Hugging Face hub, its CDN and an Ollama registry, for tests.
//
// A [Hub] responds as the real ones do, closely enough for their own clients. [Hub.Fault]
// makes it fail. It logs all requests, and has assertions about them.
//
// Hub and registry are one server, the CDN is another. Contents are computed from the
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

// A Hub is the servers and their files. It may be used from any goroutine.
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
	secret           []byte             // signs the CDN's URLs
	end              context.CancelFunc // of all stalled responses

	mu      sync.Mutex
	shift   time.Duration // of the clock
	repos   map[string]*Repository
	renamed map[string]string
	models  map[string]*Image
	objects map[string]object // of the CDN, by path
	tokens  map[string]string // user, by token
	bearers map[string]bool   // tokens of the registry
	faults  []*rule
	log     []*Entry
}

// An Option is a repository or image of a hub, or a setting.
type Option interface{ apply(*Hub) }

type option func(*Hub)

func (o option) apply(h *Hub) { o(h) }

// Names sets the host names of hub and CDN. [Hub.Dial] resolves them; "localhost" and IP
// addresses work without it.
func Names(hub, cdn string) Option {
	return option(func(h *Hub) { h.hubName, h.cdnName = hub, cdn })
}

// Listen sets the addresses to listen at, such as "127.0.0.1:8801".
func Listen(hub, cdn string) Option {
	return option(func(h *Hub) { h.hubAddr, h.cdnAddr = hub, cdn })
}

// TLS makes both servers use https, with a certificate for 127.0.0.1, example.com and its
// subdomains; [Hub.Certificates] trusts it.
func TLS() Option { return option(func(h *Hub) { h.secure = true }) }

// Prefix puts the hub below a path such as "/hf", as mirrors do.
func Prefix(path string) Option { return option(func(h *Hub) { h.prefix = path }) }

// PageSize is the number of entries of a page of a tree; the default is 1000.
func PageSize(n int) Option { return option(func(h *Hub) { h.pageSize = n }) }

// TTL is how long a signed URL of the CDN is valid; the default is an hour.
func TTL(d time.Duration) Option { return option(func(h *Hub) { h.ttl = d }) }

// S3 makes the CDN sign URLs as S3 does instead of CloudFront.
func S3() Option { return option(func(h *Hub) { h.s3 = true }) }

// DirectBlobs makes the registry send blobs itself instead of redirecting.
func DirectBlobs() Option { return option(func(h *Hub) { h.direct = true }) }

// Rename redirects from an old name of a repository to its new one.
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

// Start starts a hub. The caller must close it.
func Start(options ...Option) (*Hub, error) {
	h := &Hub{
		hubName: "127.0.0.1", cdnName: "127.0.0.1", hubAddr: "127.0.0.1:0", cdnAddr: "127.0.0.1:0",
		pageSize: 1000, ttl: time.Hour, secret: make([]byte, 32),
		repos: map[string]*Repository{}, renamed: map[string]string{}, models: map[string]*Image{},
		objects: map[string]object{}, bearers: map[string]bool{},
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
	s.Config.ErrorLog = quiet
	if h.secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	return s, nil
}

// address is a server's URL with a name. A name that needs Dial has no port.
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

// Dial connects to the hub and the CDN by their names, and to IP addresses.
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

// Close ends the servers and all stalled responses.
func (h *Hub) Close() {
	h.end()
	for _, s := range []*httptest.Server{h.hub, h.cdn} {
		s.CloseClientConnections()
		s.Close()
	}
}

// Advance moves the hub's clock forward, which expires signed URLs.
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

// Reset removes all faults and clears the log.
func (h *Hub) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults, h.log = nil, nil
}
