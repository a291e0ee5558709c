package downloader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/fault"
)

const testUnit = 64 << 10 // bytes of a chunk in tests

// A network has hosts of any name, reached over pipes: nothing of it is real but the
// bytes, so that its time can be that of a bubble.
type network struct {
	mu    sync.Mutex
	hosts map[string]chan net.Conn
	dials int
	// private has the addresses of hosts that are not of the open internet.
	private map[string]net.IP
	// dialing is called before a connection is made, where it is not nil.
	dialing func(address string) error
}

// bubble runs a test with a network, in time that passes when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &network{hosts: map[string]chan net.Conn{}}) })
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	conns, dialing, ip := n.hosts[address], n.dialing, n.private[address]
	n.mu.Unlock()
	if dialing != nil {
		if err := dialing(address); err != nil {
			return nil, err
		}
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if conns == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	here, there := net.Pipe()
	select {
	case conns <- there:
		if ip == nil {
			ip = net.IPv4(8, 8, 8, 8)
		}
		return &addressedConn{here, ip}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// An addressedConn seems to lead to an address.
type addressedConn struct {
	net.Conn
	ip net.IP
}

func (c *addressedConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: c.ip, Port: 80} }

// A pipeListener accepts what is dialed.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// serve makes a host answer, at a port of 80 unless the address has one.
func (n *network) serve(t *testing.T, address string, h http.HandlerFunc) *url.URL {
	t.Helper()
	u := parse(t, "http://"+address+"/model.gguf")
	if u.Port() == "" {
		address += ":80"
	}
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	n.hosts[address] = l.conns
	n.mu.Unlock()
	server := &http.Server{Handler: h, ErrorLog: quietLog}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return u
}

// client makes one whose chunks are small.
func (n *network) client(t *testing.T, o Options) *Client {
	t.Helper()
	o.Dial = n.dial
	if o.Proxy == nil {
		o.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	return client(t, o)
}

func client(t testing.TB, o Options) *Client {
	t.Helper()
	c := New(o)
	c.unit = testUnit
	c.disk = openHasty
	t.Cleanup(c.Close)
	return c
}

// A hastyFolder is one whose writes are not waited for, as tests of servers make
// hundreds of them.
type hastyFolder struct{ *realFolder }

func openHasty(path string) (folder, error) {
	d, err := openFolder(path)
	if err != nil {
		return nil, err
	}
	return hastyFolder{d.(*realFolder)}, nil
}

type hastyFile struct{ *realFile }

func (hastyFile) Sync() error { return nil }

func (d hastyFolder) open(name string) (file, error) {
	f, err := d.realFolder.open(name)
	if err != nil {
		return nil, err
	}
	return hastyFile{f.(*realFile)}, nil
}

func (d hastyFolder) write(name string, data []byte) error {
	return d.root.WriteFile(name, data, 0o644)
}

func (hastyFolder) sync() error { return nil }

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// content is bytes that no confusion of offsets survives.
func content(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func sha(data []byte) Hash {
	sum := sha256.Sum256(data)
	return Hash(sha256Prefix + hex.EncodeToString(sum[:]))
}

// model is a File of data.
func model(data []byte, u *url.URL) File {
	return File{Name: "model", Size: int64(len(data)), Hash: sha(data), Locate: At(u, nil)}
}

// whole serves data as a good server does.
func whole(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// asked is the range that a request wants.
func asked(r *http.Request) (from, to int, ok bool) {
	n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	return from, to + 1, n == 2
}

// holds checks that dest has data, and that nothing else lies there.
func holds(t testing.TB, dest string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(dest)
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes are not the %d that were served", len(got), len(data))
	}
	alone(t, filepath.Dir(dest), filepath.Base(dest))
}

// alone checks that a folder has these files and no others.
func alone(t testing.TB, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s was left", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("%s is not there", name)
	}
}

// failed checks that an error is of a kind, and can be acted on.
func failed(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want an error of kind %s", err, kind)
		return
	}
	if e.Kind != kind {
		t.Errorf("got kind %s (%v), want %s", e.Kind, err, kind)
	}
	if e.Advice == "" {
		t.Errorf("%v: it does not say what to do", err)
	}
}

// watchProgress samples a progress until stopped, and reports it when it falls for
// no reason.
func watchProgress(t testing.TB, p *Progress) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		last := p.Sample()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			s := p.Sample()
			if s.Damaged == last.Damaged && s.Have < last.Have {
				t.Errorf("it had %d bytes and has %d", last.Have, s.Have)
			}
			if s.Damaged == last.Damaged && s.Total == last.Total && last.Left >= 0 && s.Left > last.Left {
				t.Errorf("%v were left, and then %v", last.Left, s.Left)
			}
			last = s
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}

// drop sends the head of an answer for all that is asked, and so many bytes of it.
func drop(w http.ResponseWriter, r *http.Request, data []byte, bytes int) {
	from, to, ok := asked(r)
	status := http.StatusPartialContent
	if !ok {
		from, to, status = 0, len(data), http.StatusOK
	} else {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(to-from))
	w.WriteHeader(status)
	_, _ = w.Write(data[from:min(to, from+bytes)])
	_ = http.NewResponseController(w).Flush()
}

// cutOff ends a connection without more.
func cutOff() { panic(http.ErrAbortHandler) }

// raw takes a connection from the server, to write whatever on it.
func raw(t testing.TB, w http.ResponseWriter, write func(io.Writer)) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	write(buf)
	buf.Flush()
	conn.Close()
}

// quietLog is for servers whose complaints are what is tested.
var quietLog = log.New(io.Discard, "", 0)
