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

// Options say how a [Client] reaches the network. The zero value is good.
type Options struct {
	UserAgent string // name/version; "" is "bise"
	Offline   bool   // nothing is sent, and every request fails with [Offline]
	// Connections at most for each file, to 16; 0 is 8.
	Connections int
	// Limit in bytes per second for all transfers together; 0 is unlimited.
	Limit int64
	// Proxy is asked for each request; nil reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY
	// and NO_PROXY, of either case, when the client is made.
	Proxy func(*http.Request) (*url.URL, error)
	// TLS is how servers are known; nil is by the system's authorities, or those
	// that SSL_CERT_FILE and SSL_CERT_DIR name.
	TLS *tls.Config
	// Dial makes connections; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	dialTime   = 20 * time.Second // for one address of a name
	headerTime = 30 * time.Second // from the request to the first byte of the answer
	stallTime  = 20 * time.Second // without a byte
	tries      = 5                // of a request that fails for reasons that pass
	maxWait    = 5 * time.Minute  // that a server may ask for
	maxPerHost = 16               // connections
)

// A Client reaches servers. It is made by [New], and may be used from any
// goroutine.
type Client struct {
	agent       string
	offline     bool
	connections int
	proxy       func(*http.Request) (*url.URL, error)
	// open reaches every address. guarded refuses those of private networks: it is
	// for what a server of the open internet redirects to.
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

// transport speaks HTTP/1 alone: with HTTP/2 all connections to a host are one,
// and what one range loses all of them wait for.
func (c *Client) transport(config *tls.Config, dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		Proxy: c.proxy, DialContext: dial, TLSClientConfig: config,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: headerTime, ExpectContinueTimeout: time.Second,
		IdleConnTimeout: time.Minute, MaxIdleConns: 4 * maxPerHost, MaxIdleConnsPerHost: maxPerHost, MaxConnsPerHost: maxPerHost,
		MaxResponseHeaderBytes: 1 << 20, DisableCompression: true,
		Protocols: new(http.Protocols), OnProxyConnectResponse: proxyAnswer,
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// environment reads the proxies that the environment names. Requests to this
// machine never go to one.
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

// Close lets connections go that nothing uses.
func (c *Client) Close() {
	c.open.CloseIdleConnections()
	c.guarded.CloseIdleConnections()
}

// SetLimit changes the bytes per second that all transfers together may take, those
// including running ones; 0 is unlimited.
func (c *Client) SetLimit(bytesPerSecond int64) { c.pace.set(bytesPerSecond) }

// Do sends a request without a body and follows redirects. The response has any
// status but a redirect's and those that pass: too many requests, and a server in
// trouble, are waited for and tried again, and end as an *[Error] when they do not
// pass; so does a server that cannot be reached. The body ends with an error when
// no byte comes for 20 s, and the caller closes it.
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

// Send is [Client.Do] that hands a redirect to its caller, who reads what it says and
// continues with [Client.Follow] or [Client.Location].
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

// try sends a request when its origin lets it, once. After an error, wait is how
// long to wait before the next time, and asked whether the server asked for that.
// onPause is as in [gate.enter].
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

// once sends a request, one time.
func (c *Client) once(ctx context.Context, req *http.Request) (*http.Response, error) {
	if c.offline {
		return nil, &fault.Error{
			Kind: fault.Offline, Msg: fmt.Sprintf("ask %s: the network is switched off", req.URL.Host),
			Advice: "Use what is on this machine, or allow the network again.",
		}
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

// temporary reports whether a status stands for a temporary problem.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return 520 <= status && status <= 530 // Cloudflare's
}

// retriable reports whether an error is of the kind that is gone after a while.
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

// errLongWait is that a server wants no requests for longer than a user would wait.
var errLongWait = errors.New("the server wants no requests for a long time")

const (
	proxyAdvice = "Look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."
	proxyLogin  = "The proxy wants a user name and password: put them into HTTPS_PROXY, as in http://user:password@host:port."
)

// proxyAnswer is the error of a proxy that does not make a connection.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	advice := proxyAdvice
	if resp.StatusCode == http.StatusProxyAuthRequired {
		advice = proxyLogin
	}
	return failure(fault.Network, resp, nil, fmt.Sprintf("connect through the proxy %s: it answered %s", proxy.Host, statusText(resp.StatusCode)), advice)
}

// unreachable is the error of a server, or the proxy before it, that did not answer.
func unreachable(u, proxy *url.URL, err error) error {
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		return e
	}
	e := &fault.Error{Kind: fault.Network, Cause: err, Msg: fmt.Sprintf("ask %s: %v", u.Host, cause(err))}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPrivate):
		e.Kind, e.Advice = fault.Refused, "The server, or a proxy on the way, is set up wrongly."
	case errors.As(err, &certificate):
		e.Advice = "Where a company's proxy opens connections, name the file of its certificates in SSL_CERT_FILE."
	case proxy != nil:
		e.Msg = fmt.Sprintf("ask %s through the proxy %s: %v", u.Host, proxy.Host, cause(err))
		e.Advice = proxyAdvice
	default:
		e.Advice = "Check the connection; where the internet is reached through a proxy, name it in HTTPS_PROXY."
	}
	return e
}

// cause is what is at the bottom of a transport's error, as it can be shown: an
// error of net/url has the whole URL in it.
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
		return errors.New("no such host is known")
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

// backoff is how long to wait after that number of failures in a row: any time up to a
// limit that doubles, so that requests that failed together do not come back together.
func backoff(failures int) time.Duration {
	limit := min(30*time.Second, 500*time.Millisecond<<min(failures, 10))
	return rand.N(limit) + time.Millisecond
}
