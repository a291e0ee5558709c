package downloader

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// A tunnel is a proxy that only joins connections, as it must for https.
type tunnel struct {
	t      testing.TB
	answer int // a status, 0 for a tunnel
	cut    int64

	mu   sync.Mutex
	cuts int // how often it cuts a connection after so many bytes
	used int
}

func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.used++
	limit := int64(1 << 62)
	if p.cuts > 0 {
		p.cuts--
		limit = p.cut
	}
	p.mu.Unlock()
	if r.Method != http.MethodConnect || p.answer != 0 {
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(max(p.answer, http.StatusMethodNotAllowed))
		return
	}
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer there.Close()
	here, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	defer here.Close()
	fmt.Fprint(here, "HTTP/1.1 200 OK\r\n\r\n")
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = io.Copy(there, buf)
		there.Close()
	})
	_, _ = io.CopyN(here, there, limit)
	here.Close()
	group.Wait()
}

// TestF86Tunnel has https go through a proxy, which takes real connections.
func TestF86Tunnel(t *testing.T) {
	data := content(48 * testUnit)
	store := httptest.NewTLSServer(whole(data))
	t.Cleanup(store.Close)
	store.Config.ErrorLog = quietLog
	roots := x509.NewCertPool()
	roots.AddCert(store.Certificate())
	for _, test := range []struct {
		name string
		p    *tunnel
		says string // when it ends badly
	}{
		{name: "that works", p: &tunnel{}},
		{name: "that cuts connections", p: &tunnel{cut: 1 << 20, cuts: 2}},
		{name: "that wants to know who it is", p: &tunnel{answer: http.StatusProxyAuthRequired}, says: "407"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.p.t = t
			server := httptest.NewServer(test.p)
			t.Cleanup(server.Close)
			proxy := parse(t, strings.Replace(server.URL, "http://", "http://ann:secret@", 1))
			c := client(t, Options{
				TLS:   &tls.Config{RootCAs: roots},
				Proxy: func(*http.Request) (*url.URL, error) { return proxy, nil },
			})
			dest := filepath.Join(t.TempDir(), "model")
			if test.says != "" {
				_, err := c.Send(t.Context(), get(parse(t, store.URL)))
				failed(t, err, fault.Network)
				if err != nil && (!strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), proxy.Host) || strings.Contains(err.Error(), "secret")) {
					t.Errorf("it says %v", err)
				}
				return
			}
			if _, err := c.Fetch(t.Context(), model(data, parse(t, store.URL)), dest, nil); err != nil {
				t.Fatal(err)
			}
			holds(t, dest, data)
			if test.p.used == 0 {
				t.Error("it went around the proxy")
			}
		})
	}
}
