package downloader

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// silence keeps a connection open until its client leaves.
func silence(r *http.Request) { <-r.Context().Done() }

// trickle sends what is asked for, so many bytes at a time.
func trickle(w http.ResponseWriter, r *http.Request, data []byte, bytes int, every time.Duration) {
	from, to, _ := asked(r)
	drop(w, r, data, 0)
	for from < to {
		n := min(bytes, to-from)
		if _, err := w.Write(data[from : from+n]); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		if from += n; from == to {
			return // the client may have its next request under way
		}
		select {
		case <-time.After(every):
		case <-r.Context().Done():
			return
		}
	}
}

// TestTime has servers that let a client wait.
func TestTime(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name   string
		answer func(request int32, w http.ResponseWriter, r *http.Request, since time.Duration)
		most   time.Duration
		least  time.Duration
		extra  int64
	}{
		{name: "F20 a stall in mid-body", most: 21 * time.Second, least: stallTime, answer: func(n int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			if n == 3 {
				drop(w, r, data, 1000)
				silence(r)
				return
			}
			whole(data)(w, r)
		}},
		{name: "F21 a stall before the head", most: 35 * time.Second, least: headerTime, answer: func(n int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			if n == 3 {
				silence(r)
				return
			}
			whole(data)(w, r)
		}},
		{name: "F21 a stall at the very first", most: 70 * time.Second, least: headerTime, answer: func(n int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			if n <= 2 {
				silence(r)
				return
			}
			whole(data)(w, r)
		}},
		{name: "F22 one that is slow", most: time.Minute, least: slowAfter * time.Second, answer: func(n int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			if n == 3 {
				trickle(w, r, data, 1, 5*time.Second)
				return
			}
			trickle(w, r, data, 4096, time.Second/8)
		}},
		{name: "F22 all that are slow", most: 40 * time.Minute, answer: func(_ int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			trickle(w, r, data, 4096, 5*time.Second)
		}},
		{name: "F23 nothing for a while", most: 3 * time.Minute, least: 90 * time.Second, answer: func(n int32, w http.ResponseWriter, r *http.Request, since time.Duration) {
			if n > 2 && since < 90*time.Second {
				drop(w, r, data, 10)
				silence(r)
				return
			}
			whole(data)(w, r)
		}},
		{name: "F26 all connections end, and hours pass", most: 9 * time.Hour, answer: func(n int32, w http.ResponseWriter, r *http.Request, _ time.Duration) {
			if n > 2 && n < 8 {
				drop(w, r, data, testUnit)
				cutOff()
			}
			whole(data)(w, r)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				var requests atomic.Int32
				began := time.Now()
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					test.answer(requests.Add(1), w, r, time.Since(began))
				})
				dest := filepath.Join(t.TempDir(), "model")
				var p Progress
				stop := watchProgress(t, &p)
				_, err := n.client(t, Options{Connections: 4}).Fetch(t.Context(), model(data, u), dest, &p)
				stop()
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > test.most || took < test.least {
					t.Errorf("it took %v", took)
				}
				if got := p.Sample().Fetched; got > int64(len(data)) {
					t.Errorf("%d bytes were fetched of %d", got, len(data))
				}
				holds(t, dest, data)
			})
		})
	}
}

// TestReasons checks that it is said why nothing comes.
func TestReasons(t *testing.T) {
	data := content(8 * testUnit)
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		says   string
		until  time.Duration // 0 for unknown
	}{
		{name: "silence", says: "sends nothing", answer: func(w http.ResponseWriter, r *http.Request) {
			drop(w, r, data, 1)
			silence(r)
		}},
		{name: "trouble", says: "503", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, until: time.Minute},
		{name: "limits", says: "limits requests", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}, until: time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				u := n.serve(t, "host.test", test.answer)
				ctx, stop := context.WithCancel(t.Context())
				var p Progress
				done := make(chan error)
				go func() {
					_, err := n.client(t, Options{}).Fetch(ctx, model(data, u), filepath.Join(t.TempDir(), "model"), &p)
					done <- err
				}()
				time.Sleep(15 * time.Second)
				s := p.Sample()
				if !strings.Contains(s.Reason, test.says) && test.name != "trouble" {
					t.Errorf("it says %q", s.Reason)
				}
				if left := time.Until(s.Until); test.until > 0 && (left < test.until-16*time.Second || left > test.until) {
					t.Errorf("it waits until %v from now", left)
				}
				stop()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestExpiry has a hub that redirects to addresses which are good for a while.
func TestExpiry(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name string
		// good says whether the address of a number, made at a time, is good for its
		// request of a number.
		good    func(address, request int32, made time.Time) bool
		expires time.Duration // that the address says, 0 for nothing
		slow    bool
		want    fault.Kind
		most    int32 // redirects
	}{
		{name: "F27 after three requests", good: func(_, request int32, _ time.Time) bool { return request <= 3 }, most: 48},
		{name: "F27 after a while", slow: true, expires: 5 * time.Minute, good: func(_, _ int32, made time.Time) bool { return time.Since(made) < 5*time.Minute }, most: 8},
		{name: "F27 sooner than it says", slow: true, expires: time.Hour, good: func(_, _ int32, made time.Time) bool { return time.Since(made) < time.Minute }, most: 20},
		{name: "F28 never good", good: func(int32, int32, time.Time) bool { return false }, want: fault.Denied, most: maxRelocations + 1},
		{name: "F29 the clocks differ", expires: -24 * time.Hour, good: func(int32, int32, time.Time) bool { return true }, most: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				var redirects atomic.Int32
				var mu sync.Mutex
				made, requests := map[string]time.Time{}, map[string]int32{}
				n.serve(t, "cdn.test", func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "" {
						t.Error("the token came to the store")
					}
					id := r.URL.Query().Get("id")
					mu.Lock()
					requests[id]++
					count, at := requests[id], made[id]
					mu.Unlock()
					var number int32
					fmt.Sscan(id, &number)
					switch {
					case !test.good(number, count, at):
						w.Header().Set("Content-Type", "application/xml")
						w.WriteHeader(http.StatusForbidden)
						fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
					case test.slow:
						trickle(w, r, data, 4096, 2*time.Second)
					default:
						whole(data)(w, r)
					}
				})
				u := n.serve(t, "hub.test", func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "Bearer secret" {
						t.Error("the hub got no token")
					}
					id := fmt.Sprint(redirects.Add(1))
					mu.Lock()
					made[id] = time.Now()
					mu.Unlock()
					to := "http://cdn.test/x?id=" + id
					if test.expires != 0 {
						to += fmt.Sprintf("&Expires=%d", time.Now().Add(test.expires).Unix())
					}
					http.Redirect(w, r, to, http.StatusFound)
				})
				f := model(data, u)
				f.Locate = At(u, http.Header{"Authorization": {"Bearer secret"}})
				dest := filepath.Join(t.TempDir(), "model")
				var p Progress
				stop := watchProgress(t, &p)
				got, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, &p)
				stop()
				if redirects.Load() > test.most {
					t.Errorf("the hub was asked %d times", redirects.Load())
				}
				if test.want != "" {
					failed(t, err, test.want)
					if err != nil && (!strings.Contains(err.Error(), "AccessDenied") || strings.Contains(err.Error(), "id=")) {
						t.Errorf("it says %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got.Fetched != int64(len(data)) {
					t.Errorf("%d bytes were fetched of %d", got.Fetched, len(data))
				}
				holds(t, dest, data)
			})
		})
	}
}

// TestUnreachable has names and addresses that lead nowhere, for a while or always.
func TestUnreachable(t *testing.T) {
	data := content(8 * testUnit)
	for _, test := range []struct {
		name    string
		err     error
		during  time.Duration
		want    fault.Kind
		says    string
		instant bool // nobody waits
	}{
		{name: "F24 no answer to a connection", err: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("i/o timeout")}, during: 20 * time.Second},
		{name: "F25 no such name for a while", err: &net.DNSError{Err: "no such host", IsNotFound: true}, during: 30 * time.Second},
		{name: "F25 no such name", err: &net.DNSError{Err: "no such host", IsNotFound: true}, during: time.Hour, want: fault.Network, says: "host.test"},
		{name: "F51 an unknown certificate", err: unknownAuthority(), during: time.Hour, want: fault.Network, instant: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				u := n.serve(t, "host.test", whole(data))
				began := time.Now()
				n.dialing = func(string) error {
					if time.Since(began) < test.during {
						return test.err
					}
					return nil
				}
				dest := filepath.Join(t.TempDir(), "model")
				_, err := n.client(t, Options{}).Fetch(t.Context(), model(data, u), dest, nil)
				if took := time.Since(began); test.instant && took > 0 {
					t.Errorf("it took %v", took)
				} else if took > 3*time.Minute {
					t.Errorf("it took %v", took)
				}
				if test.want != "" {
					failed(t, err, test.want)
					if err != nil && !strings.Contains(err.Error(), test.says) {
						t.Errorf("%v does not say %q", err, test.says)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				holds(t, dest, data)
			})
		})
	}
}

func TestF90Offline(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		u := n.serve(t, "host.test", whole(nil))
		dest := filepath.Join(t.TempDir(), "model")
		c := n.client(t, Options{Offline: true})
		_, err := c.Fetch(t.Context(), model(content(9), u), dest, nil)
		failed(t, err, fault.Offline)
		_, err = c.Do(t.Context(), &http.Request{URL: u, Header: http.Header{}})
		failed(t, err, fault.Offline)
		if n.dials > 0 {
			t.Errorf("%d connections were made", n.dials)
		}
		alone(t, filepath.Dir(dest))
	})
}

// TestF91Limit has a limit, which changes.
func TestF91Limit(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(40 << 20)
		u := n.serve(t, "host.test", whole(data))
		c := n.client(t, Options{Limit: 1 << 20})
		c.unit = 1 << 20
		dest := filepath.Join(t.TempDir(), "model")
		var p Progress
		done := make(chan error)
		go func() {
			_, err := c.Fetch(t.Context(), model(data, u), dest, &p)
			done <- err
		}()
		within := func(what string, bytes int64, limit float64, d time.Duration) {
			t.Helper()
			want := limit * d.Seconds()
			if got := float64(bytes); got < 0.95*want || got > 1.05*want {
				t.Errorf("%s: %.0f bytes in %v, want %.0f", what, got, d, want)
			}
		}
		time.Sleep(time.Second) // a burst is free
		before := p.Sample()
		time.Sleep(10 * time.Second)
		after := p.Sample()
		within("1 MiB/s", after.Fetched-before.Fetched, 1<<20, 10*time.Second)
		within("as it is shown", int64(after.Rate), 1<<20, time.Second)
		if after.Reason != "" {
			t.Errorf("the limit is called %q", after.Reason)
		}
		c.SetLimit(2 << 20)
		time.Sleep(time.Second)
		before = p.Sample()
		time.Sleep(10 * time.Second)
		within("2 MiB/s", p.Sample().Fetched-before.Fetched, 2<<20, 10*time.Second)
		c.SetLimit(0)
		began := time.Now()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("without limit it took %v", took)
		}
		holds(t, dest, data)
	})
}

// TestF92PauseAndResume stops and goes on many times, without a byte fetched twice but
// for what was in the air.
func TestF92PauseAndResume(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(100 * testUnit)
		u := n.serve(t, "host.test", whole(data))
		dest := filepath.Join(t.TempDir(), "model")
		c := n.client(t, Options{Connections: 4, Limit: 10 * testUnit})
		var total int64
		pause := errors.New("pause")
		for i := 0; ; i++ {
			ctx, stop := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(time.Second, func() { stop(pause) })
			var p Progress
			_, err := c.Fetch(ctx, model(data, u), dest, &p)
			timer.Stop()
			total += p.Sample().Fetched
			if err == nil {
				break
			}
			if !errors.Is(err, pause) || i > 50 {
				t.Fatalf("the run number %d: %v", i, err)
			}
			// Connections that stand still have read ahead a little.
			alone(t, filepath.Dir(dest), "model.part", "model.journal")
		}
		holds(t, dest, data)
		if total > 2*int64(len(data)) {
			t.Errorf("%d bytes were fetched of %d", total, len(data))
		}
	})
}

// TestF86Proxy has everything go through a proxy, the hub and what it redirects to.
func TestF86Proxy(t *testing.T) {
	data := content(24 * testUnit)
	proxyURL := parse(t, "http://ann:secret@proxy.test:3128")
	through := func(*http.Request) (*url.URL, error) { return proxyURL, nil }
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   fault.Kind
		says   string
	}{
		{name: "that works", answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host == "hub.test" {
				http.Redirect(w, r, "http://cdn.test/x", http.StatusFound)
				return
			}
			whole(data)(w, r)
		}},
		{name: "that wants to know who it is", want: fault.Network, says: "407", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusProxyAuthRequired)
		}},
		{name: "F87 that keeps an old redirect", want: fault.Denied, says: "403", answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host == "hub.test" {
				http.Redirect(w, r, "http://cdn.test/x", http.StatusFound)
				return
			}
			w.WriteHeader(http.StatusForbidden)
		}},
		{name: "F87 that knows no ranges", answer: func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			whole(data)(w, r)
		}},
		{name: "that leads inside", want: fault.Refused, says: "private", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.0.0.1/x", http.StatusFound)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				n.serve(t, "proxy.test:3128", func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Proxy-Authorization") == "" {
						t.Error("the proxy was not told who it is")
					}
					test.answer(w, r)
				})
				dest := filepath.Join(t.TempDir(), "model")
				_, err := n.client(t, Options{Proxy: through}).Fetch(t.Context(), model(data, parse(t, "http://hub.test/x")), dest, nil)
				if test.want != "" {
					failed(t, err, test.want)
					if err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret")) {
						t.Errorf("it says %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				holds(t, dest, data)
			})
		})
	}
	t.Run("that is not there", func(t *testing.T) {
		bubble(t, func(t *testing.T, n *network) {
			_, err := n.client(t, Options{Proxy: through}).Do(t.Context(), &http.Request{URL: parse(t, "http://hub.test/"), Header: http.Header{}})
			failed(t, err, fault.Network)
			if err != nil && (!strings.Contains(err.Error(), "proxy.test") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("it says %v", err)
			}
		})
	})
}

func TestProxyOfTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		env       map[string]string
		url, want string
	}{
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "https://hub.test/", "http://p:1"},
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "http://hub.test/", ""},
		{map[string]string{"https_proxy": "p:1"}, "https://hub.test/", "http://p:1"},
		{map[string]string{"HTTP_PROXY": "socks5://p:1"}, "http://hub.test/", "socks5://p:1"},
		{map[string]string{"ALL_PROXY": "http://p:1"}, "https://hub.test/", "http://p:1"},
		{map[string]string{"all_proxy": "http://p:1", "HTTP_PROXY": "http://q:2"}, "http://hub.test/", "http://q:2"},
		{map[string]string{"ALL_PROXY": "http://p:1", "NO_PROXY": "other.test,.hub.test"}, "https://cdn.hub.test/", ""},
		{map[string]string{"ALL_PROXY": "http://p:1"}, "http://localhost:80/", ""},
		{map[string]string{"ALL_PROXY": "http://p:1"}, "http://127.0.0.1/", ""},
	} {
		for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"} {
			t.Setenv(name, test.env[name])
			t.Setenv(strings.ToLower(name), test.env[strings.ToLower(name)])
		}
		got, err := environment()(&http.Request{URL: parse(t, test.url)})
		text := ""
		if got != nil {
			text = got.String()
		}
		if err != nil || text != test.want {
			t.Errorf("%v: %s goes through %q (%v), want %q", test.env, test.url, text, err, test.want)
		}
	}
}
