package downloader

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/bise-sh/bise/fault"
	"golang.org/x/net/http/httpproxy"
)

// Options configure a [Client]. The zero value is valid.
type Options struct {
	UserAgent string // name/version; "" is "bise"
	Offline   bool   // every request fails with [fault.Offline]
	// Connections is the limit for each file, at most 16; 0 is 8.
	Connections int
	// Limit in bytes per second for all transfers together; 0 is unlimited.
	Limit int64
	// Proxy returns the proxy of a request; nil uses HTTPS_PROXY, HTTP_PROXY, ALL_PROXY
	// and NO_PROXY, in either case.
	Proxy func(*http.Request) (*url.URL, error)
	// TLS is the configuration of HTTPS; nil uses the system's certificates, or the ones
	// of SSL_CERT_FILE and SSL_CERT_DIR.
	TLS *tls.Config
	// Dial makes connections; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	dialTime   = 20 * time.Second // for one address of a name
	headerTime = 30 * time.Second // from the request to the first byte of the response
	stallTime  = 20 * time.Second // without a byte
	tries      = 5                // of a request with temporary errors
	maxWait    = 5 * time.Minute  // that a server may ask for
	maxPerHost = 16               // connections
)

// A Client sends requests. It may be used from any goroutine.
type Client struct {
	agent       string
	offline     bool
	connections int
	proxy       func(*http.Request) (*url.URL, error)
	// open connects to every address. guarded refuses private networks: it is for
	// redirects from public servers.
	open, guarded *http.Transport
	pace          *pace
	unit          int64 // bytes of a chunk at least
	disk          func(dir string) (folder, error)

	mu    sync.Mutex
	gates map[string]*gate // by origin
}

// New makes a Client.
func New(o Options) *Client {
	c := &Client{
		agent: o.UserAgent, offline: o.Offline, connections: o.Connections,
		proxy: o.Proxy, pace: newPace(o.Limit), gates: map[string]*gate{},
		unit: 8 << 20, disk: openFolder,
	}
	if c.agent == "" {
		c.agent = "bise"
	}
	if c.connections <= 0 {
		c.connections = 8
	}
	c.connections = min(c.connections, maxPerHost)
	if c.proxy == nil {
		c.proxy = environment()
	}
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}).DialContext
	}
	c.open = c.transport(o.TLS, dial)
	c.guarded = c.transport(o.TLS, func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil && isPrivateAddr(conn.RemoteAddr()) {
			conn.Close() // before anything is sent
			return nil, errPrivate
		}
		return conn, err
	})
	return c
}

// transport uses HTTP/1 only. HTTP/2 has one connection to a host, and a lost packet would
// delay all ranges.
func (c *Client) transport(config *tls.Config, dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		Proxy: c.proxy, DialContext: dial, TLSClientConfig: config,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: headerTime, ExpectContinueTimeout: time.Second,
		IdleConnTimeout: time.Minute, MaxIdleConns: 4 * maxPerHost, MaxIdleConnsPerHost: maxPerHost, MaxConnsPerHost: maxPerHost,
		MaxResponseHeaderBytes: 1 << 20, DisableCompression: true,
		Protocols: new(http.Protocols), OnProxyConnectResponse: checkProxy,
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// environment uses the proxies of the environment. Requests to this machine use none.
func environment() func(*http.Request) (*url.URL, error) {
	config := httpproxy.FromEnvironment()
	all := os.Getenv("ALL_PROXY")
	if all == "" {
		all = os.Getenv("all_proxy")
	}
	if config.HTTPProxy == "" {
		config.HTTPProxy = all
	}
	if config.HTTPSProxy == "" {
		config.HTTPSProxy = all
	}
	choose := config.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) { return choose(req.URL) }
}

// Close closes idle connections.
func (c *Client) Close() {
	c.open.CloseIdleConnections()
	c.guarded.CloseIdleConnections()
}

// SetLimit changes the limit of all transfers together, including running ones, in bytes
// per second; 0 is unlimited.
func (c *Client) SetLimit(bytesPerSecond int64) { c.pace.set(bytesPerSecond) }

// Do sends a request without a body and follows redirects. It waits and retries after
// temporary statuses, such as 429 and 503, and after connection errors; if they persist,
// it returns a [*fault.Error]. Other statuses are not errors. The body fails if no byte
// arrives for 20 s, and the caller must close it.
func (c *Client) Do(ctx context.Context, req *http.Request) (*http.Response, error) {
	req = req.WithContext(ctx)
	for {
		resp, err := c.Send(ctx, req)
		if err != nil || !IsRedirect(resp) {
			return resp, err
		}
		if req, err = c.Follow(resp); err != nil {
			return nil, err
		}
		ctx = req.Context()
	}
}

// Send is [Client.Do] without following redirects. The caller may continue with
// [Client.Follow] or [Client.Location].
func (c *Client) Send(ctx context.Context, req *http.Request) (*http.Response, error) {
	var waited time.Duration
	for try := 1; ; {
		resp, wait, asked, err := c.try(ctx, req, nil)
		if err == nil {
			return resp, nil
		}
		if waited += wait; !retriable(err) || try == tries || waited > maxWait {
			return nil, err
		}
		if !asked {
			try++
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// try sends a request once, when the gate of its origin opens. After an error, wait is the
// time until the next try, and asked whether the server asked for it. onPause is as in
// [gate.enter].
func (c *Client) try(ctx context.Context, req *http.Request, onPause func(time.Time)) (resp *http.Response, wait time.Duration, asked bool, err error) {
	g := c.gate(req.URL)
	if err := g.enter(ctx, onPause); err != nil {
		return nil, 0, false, err
	}
	resp, err = c.once(ctx, req)
	wait, asked = g.leave(resp, err)
	if err == nil && temporary(resp.StatusCode) {
		err = ResponseError(resp)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, wait, asked, err
	}
	return resp, 0, false, nil
}

func (c *Client) once(ctx context.Context, req *http.Request) (*http.Response, error) {
	if c.offline {
		return nil, fault.Advise(fault.Errorf(fault.Offline, "connect to %s: network access is off", req.URL.Host),
			"Use an installed model, or allow network access.")
	}
	t := trailOf(ctx)
	transport := c.open
	proxy, err := c.proxy(req)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Network, Msg: "invalid proxy URL", Advice: proxyAdvice}
	}
	if t.public && proxy == nil {
		transport = c.guarded
	}
	public := proxy != nil
	stalled, stop := context.WithCancelCause(ctx)
	req = req.Clone(httptrace.WithClientTrace(stalled, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		public = proxy != nil || !isPrivateAddr(info.Conn.RemoteAddr())
	}}))
	req.Header.Set("User-Agent", c.agent)
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		stop(nil)
		return nil, unreachable(req.URL, proxy, err)
	}
	t.hops = append(t.hops[:len(t.hops):len(t.hops)], req.URL.String())
	t.public = t.public || public
	resp.Request = req.WithContext(context.WithValue(ctx, trailKey{}, t))
	resp.Body = newBody(stalled, stop, resp.Body, c.pace)
	return resp, nil
}

// temporary reports whether a status means a temporary problem.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return 520 <= status && status <= 530 // Cloudflare's
}

// retriable reports whether an error may be temporary.
func retriable(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) {
		return false
	}
	var (
		invalid *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
	)
	status := statusOf(err)
	return (e.Kind == fault.Network || e.Kind == fault.Limited) && !errors.As(err, &invalid) && !errors.As(err, &unknown) &&
		!errors.Is(err, errPrivate) && !errors.Is(err, errLongWait) && (status == 0 || temporary(status))
}

// errLongWait reports a pause beyond maxWait.
var errLongWait = errors.New("the server asks to wait a long time")

const (
	proxyAdvice = "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."
	proxyLogin  = "The proxy requires a user name and password: put them into HTTPS_PROXY, as in http://user:password@host:port."
)

// checkProxy returns an error if a proxy does not connect.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	advice := proxyAdvice
	if resp.StatusCode == http.StatusProxyAuthRequired {
		advice = proxyLogin
	}
	return failure(fault.Network, resp, nil, fmt.Sprintf("connect through the proxy %s: it answered %s", proxy.Host, statusText(resp.StatusCode)), advice)
}

// unreachable makes the error of a server or proxy that did not respond.
func unreachable(u, proxy *url.URL, err error) error {
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		return e
	}
	e := &fault.Error{Kind: fault.Network, Cause: err, Msg: fmt.Sprintf("connect to %s: %v", u.Host, cause(err))}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPrivate):
		e.Kind, e.Advice = fault.Refused, "The server or a proxy is misconfigured."
	case errors.As(err, &certificate):
		e.Advice = "If a proxy decrypts your connections, set SSL_CERT_FILE to the file with its certificates."
	case proxy != nil:
		e.Msg = fmt.Sprintf("connect to %s through the proxy %s: %v", u.Host, proxy.Host, cause(err))
		e.Advice = proxyAdvice
	default:
		e.Advice = "Check the connection. If you need a proxy, set HTTPS_PROXY."
	}
	return e
}

// cause is the innermost error of a transport, for display: an error of net/url contains
// the whole URL.
func cause(err error) error {
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		return e
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return errors.New("no such host")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the connection was closed")
	}
	return err
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// backoff is how long to wait after a number of failures in a row: a random time up to a
// limit that doubles, so that requests that failed together are not repeated together.
func backoff(failures int) time.Duration {
	limit := min(30*time.Second, 500*time.Millisecond<<min(failures, 10))
	return rand.N(limit) + time.Millisecond
}
