package downloader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// TestFetch has every size around the borders of chunks, with what is known of it and
// without.
func TestFetch(t *testing.T) { // F16, F17
	bubble(t, func(t *testing.T, n *network) {
		for i, size := range []int{0, 1, testUnit - 1, testUnit, testUnit + 1, 3*testUnit + 17, 50 * testUnit} {
			data := content(size)
			var ranged atomic.Bool
			u := n.serve(t, fmt.Sprintf("host%d.test", i), func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					ranged.Store(true)
				}
				if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("User-Agent") == "" {
					t.Errorf("the request has the headers %v", r.Header)
				}
				whole(data)(w, r)
			})
			for name, f := range map[string]File{
				"all known": model(data, u),
				"no size":   {Name: "model", Size: -1, Hash: sha(data), Locate: At(u, nil)},
				"no hash":   {Name: "model", Size: int64(size), Locate: At(u, nil)},
				"nothing":   {Name: "model", Size: -1, Locate: At(u, nil)},
			} {
				ranged.Store(false)
				dest := filepath.Join(t.TempDir(), "model")
				var p Progress
				stop := watchProgress(t, &p)
				got, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, &p)
				stop()
				if err != nil {
					t.Errorf("%d bytes, %s: %v", size, name, err)
					continue
				}
				holds(t, dest, data)
				if got.SHA256 != sha(data) || got.Size != int64(size) || got.Verified != (f.Hash != "") || got.Fetched < int64(size) {
					t.Errorf("%d bytes, %s: %+v", size, name, got)
				}
				s := p.Sample()
				if s.Phase != Finished || s.Have != int64(size) || s.Total != int64(size) || s.Checked != int64(size) || s.Left != 0 {
					t.Errorf("%d bytes, %s: %+v", size, name, s)
				}
				if f.Size == 0 && ranged.Load() {
					t.Error("a part of an empty file was asked for")
				}
			}
		}
	})
}

func TestGitHash(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		u := n.serve(t, "host.test", whole([]byte("hello\n")))
		hash, err := GitSHA1("CE013625030ba8dba906f756967f9e9ca394464a")
		if err != nil {
			t.Fatal(err)
		}
		dest := filepath.Join(t.TempDir(), "model")
		got, err := n.client(t, Options{}).Fetch(t.Context(), File{Name: "hello", Size: 6, Hash: hash, Locate: At(u, nil)}, dest, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Verified || got.SHA256 != sha([]byte("hello\n")) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestBadAnswers has servers that answer wrongly: which request it is counts from 1.
func TestBadAnswers(t *testing.T) {
	data := content(24*testUnit + 5)
	good := whole(data)
	other := content(len(data))
	for i := range other {
		other[i] ^= 1
	}
	// ranges answers with what is in the range, under a header that is not its own.
	ranges := func(header func(from, to int) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			if !ok {
				good(w, r)
				return
			}
			if h := header(from, to); h != "" {
				w.Header().Set("Content-Range", h)
			}
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[from:to])
		}
	}
	always := func(h http.HandlerFunc) func(int32) http.HandlerFunc {
		return func(int32) http.HandlerFunc { return h }
	}
	first := func(times int32, h http.HandlerFunc) func(int32) http.HandlerFunc {
		return func(n int32) http.HandlerFunc {
			if n <= times {
				return h
			}
			return good
		}
	}
	dropping := func(bytes int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			drop(w, r, data, bytes)
			cutOff()
		}
	}
	short := func(bytes int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			raw(t, w, func(out io.Writer) {
				if ok {
					fmt.Fprintf(out, "HTTP/1.0 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n\r\n", from, to-1, len(data))
				} else {
					fmt.Fprint(out, "HTTP/1.0 200 OK\r\n\r\n")
				}
				_, _ = out.Write(data[from:][:bytes])
			})
		}
	}
	answer := func(status int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			if r.Header.Get("Range") == "" || status != http.StatusNoContent {
				_, _ = io.WriteString(w, "<html>no</html>")
			}
		}
	}
	for _, test := range []struct {
		name   string
		answer func(request int32) http.HandlerFunc
		want   fault.Kind // "" when it ends well
		most   int64      // bytes that may have been fetched, beyond those of the file
		says   string
	}{
		{name: "F01 dropped before the first byte", answer: first(3, dropping(0))},
		{name: "F01 dropped after one byte", answer: first(3, dropping(1))},
		{name: "F01 dropped before a chunk is whole", answer: first(3, dropping(testUnit-1))},
		{name: "F01 dropped after a chunk", answer: first(3, dropping(testUnit))},
		{name: "F01 dropped in every answer", answer: always(dropping(testUnit + 9))},
		{name: "F03 short without a sign", answer: first(3, short(testUnit/2))},
		{name: "F04 too much", most: 1 << 20, answer: always(func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			if !ok {
				good(w, r)
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[from:to])
			_ = http.NewResponseController(w).Flush() // so it is chunked
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100))
		})},
		{name: "F05 start moved", answer: always(ranges(func(from, to int) string {
			return fmt.Sprintf("bytes %d-%d/%d", from+7, to-1, len(data))
		}))},
		{name: "F05 end moved", answer: always(ranges(func(from, to int) string {
			return fmt.Sprintf("bytes %d-%d/%d", from, to-8, len(data))
		}))},
		{name: "F05 another total", answer: always(ranges(func(from, to int) string {
			return fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)+1)
		}))},
		{name: "F05 no range said", answer: always(ranges(func(int, int) string { return "" }))},
		{name: "F05 a range of nothing", answer: always(ranges(func(int, int) string { return fmt.Sprintf("bytes */%d", len(data)) }))},
		{name: "F05 another unit", answer: always(ranges(func(from, to int) string {
			return fmt.Sprintf("items %d-%d/%d", from, to-1, len(data))
		}))},
		{name: "F05 wrong once", answer: first(1, ranges(func(from, to int) string { return fmt.Sprintf("bytes %d-%d/%d", from+1, to, len(data)) }))},
		{name: "F05 a part when the whole was asked for", want: fault.Network, answer: always(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-99/%d", len(data)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[7:100])
		})},
		{name: "F06 ranges ignored", most: int64(len(data)), answer: always(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			good(w, r)
		})},
		{name: "F06 ranges ignored, and dropped", most: 4 * int64(len(data)), answer: func(n int32) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Range")
				if n < 5 {
					dropping(int(n)*3*testUnit+11)(w, r)
				}
				good(w, r)
			}
		}},
		{name: "F06b a part called the whole", answer: always(func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			if !ok {
				good(w, r)
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
			_, _ = w.Write(data[from:to])
		})},
		{name: "F07 not satisfiable, of the same size", answer: first(2, answer(416, "Content-Range", fmt.Sprintf("bytes */%d", len(data))))},
		{name: "F07 not satisfiable ever", answer: func(int32) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					answer(416)(w, r)
					return
				}
				good(w, r)
			}
		}},
		{name: "F07 not satisfiable, of another size", want: fault.Damaged, says: "77", answer: always(answer(416, "Content-Range", "bytes */77"))},
		{name: "F08 several parts", answer: always(func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			if ok {
				w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(data[from:to])
				return
			}
			good(w, r)
		})},
		{name: "F13 one byte flipped", most: int64(len(data)), answer: first(1, func(w http.ResponseWriter, r *http.Request) {
			flipped := bytes.Clone(data)
			flipped[3*testUnit/2] ^= 1
			whole(flipped)(w, r)
		})},
		{name: "F14 a byte flipped always", want: fault.Damaged, most: 2 * int64(len(data)), answer: always(whole(other))},
		{name: "F15 zeros", want: fault.Damaged, most: 2 * int64(len(data)), answer: always(whole(make([]byte, len(data))))},
		{name: "F19 another size", want: fault.Damaged, says: fmt.Sprint(len(data) + 1), answer: always(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			whole(append(bytes.Clone(data), 'x'))(w, r)
		})},
		{name: "F32 in trouble", answer: first(20, answer(503))},
		{name: "F32 in trouble of every kind", answer: func(n int32) http.HandlerFunc {
			if n <= 8 {
				return answer([]int{500, 502, 503, 504, 408, 425, 520, 530}[n-1])
			}
			return good
		}},
		{name: "F33 in trouble for ever", want: fault.Network, answer: always(answer(500))},
		{name: "F34 compressed once", answer: first(1, answer(200, "Content-Encoding", "gzip"))},
		{name: "F34 compressed", want: fault.Network, answer: always(answer(200, "Content-Encoding", "gzip"))},
		{name: "F34 a part compressed", want: fault.Network, answer: always(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			good(w, r)
		})},
		{name: "F35 no access", want: fault.Denied, answer: always(answer(401))},
		{name: "F36 no right", want: fault.Denied, answer: always(answer(403))},
		{name: "F39 not there", want: fault.Missing, answer: always(answer(404))},
		{name: "F46 a login page", want: fault.Network, says: "web page", answer: always(answer(200, "Content-Type", "text/html; charset=utf-8"))},
		{name: "F47 no content", want: fault.Network, answer: always(answer(204))},
		{name: "F47 a status of nobody's", want: fault.Network, answer: always(answer(299))},
		{name: "F47 a teapot", want: fault.Network, answer: always(answer(418))},
		{name: "F47 the largest status", want: fault.Network, answer: always(answer(999))},
		{name: "F47 a hint first", answer: func(int32) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				good(w, r)
			}
		}},
		{name: "F48 a length below zero", want: fault.Network, answer: always(func(w http.ResponseWriter, _ *http.Request) {
			raw(t, w, func(out io.Writer) { fmt.Fprint(out, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello") })
		})},
		{name: "F48 two lengths", want: fault.Network, answer: always(func(w http.ResponseWriter, _ *http.Request) {
			raw(t, w, func(out io.Writer) {
				fmt.Fprint(out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
			})
		})},
		{name: "F48 headers without end", want: fault.Network, answer: always(func(w http.ResponseWriter, _ *http.Request) {
			raw(t, w, func(out io.Writer) {
				fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nX-Bomb: %s\r\n\r\n", strings.Repeat("x", 2<<20))
			})
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				var requests atomic.Int32
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					test.answer(requests.Add(1))(w, r)
				})
				dest := filepath.Join(t.TempDir(), "model")
				var p Progress
				stop := watchProgress(t, &p)
				got, err := n.client(t, Options{Connections: 4}).Fetch(t.Context(), model(data, u), dest, &p)
				stop()
				if extra := p.Sample().Fetched - int64(len(data)); extra > test.most {
					t.Errorf("%d bytes more than the file's were fetched", extra)
				}
				if most := int32(150); requests.Load() > most {
					t.Errorf("%d requests", requests.Load())
				}
				if test.want != "" {
					failed(t, err, test.want)
					if err != nil && !strings.Contains(err.Error(), test.says) {
						t.Errorf("%v does not say %q", err, test.says)
					}
					alone(t, filepath.Dir(dest))
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if !got.Verified {
					t.Error("it is not verified")
				}
				holds(t, dest, data)
			})
		})
	}
}

// TestF02Reset has connections that are reset, which takes real ones.
func TestF02Reset(t *testing.T) {
	data := content(24 * testUnit)
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n > 3 {
			whole(data)(w, r)
			return
		}
		// More than what counts as going well, so that nobody waits.
		drop(w, r, data, 2*testUnit)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			cutOff()
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}))
	t.Cleanup(server.Close)
	dest := filepath.Join(t.TempDir(), "model")
	if _, err := client(t, Options{Connections: 4}).Fetch(t.Context(), model(data, parse(t, server.URL)), dest, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, dest, data)
}

// TestF18UnknownLength has a server that says no length anywhere, with a hash and
// without, and one that ends too early the first time.
func TestF18UnknownLength(t *testing.T) {
	data := content(10*testUnit + 3)
	for _, hash := range []Hash{sha(data), ""} {
		bubble(t, func(t *testing.T, n *network) {
			times := 0
			u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
				times++
				_ = http.NewResponseController(w).Flush()
				if times == 1 {
					_, _ = w.Write(data[:3*testUnit])
					cutOff()
				}
				_, _ = w.Write(data)
			})
			dest := filepath.Join(t.TempDir(), "model")
			got, err := n.client(t, Options{}).Fetch(t.Context(), File{Name: "model", Size: -1, Hash: hash, Locate: At(u, nil)}, dest, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verified != (hash != "") || got.SHA256 != sha(data) {
				t.Errorf("got %+v", got)
			}
			holds(t, dest, data)
		})
	}
}

func TestF57Sizes(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		u := n.serve(t, "host.test", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-0/9223372036854775807")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "x")
		})
		dir := t.TempDir()
		for _, size := range []int64{-1, 9223372036854775807, maxSize + 1} {
			_, err := n.client(t, Options{}).Fetch(t.Context(), File{Name: "model", Size: size, Locate: At(u, nil)}, filepath.Join(dir, "model"), nil)
			failed(t, err, fault.Refused)
		}
		alone(t, dir)
	})
}

// interrupted fetches a file until so many requests have been answered.
func interrupted(t *testing.T, n *network, f File, dest string, requests int32, answered func(func(*http.Request) bool)) {
	t.Helper()
	enough := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	var count atomic.Int32
	answered(func(*http.Request) bool {
		if count.Add(1) > requests {
			stop(enough)
			return false
		}
		return true
	})
	_, err := n.client(t, Options{Connections: 1}).Fetch(ctx, f, dest, nil)
	if !errors.Is(err, enough) {
		t.Fatalf("got %v", err)
	}
	answered(func(*http.Request) bool { return true })
}

// TestF10ChangedBetweenRuns has a file that is another one when it is gone on with.
func TestF10ChangedBetweenRuns(t *testing.T) {
	one, two := content(24*testUnit), bytes.Repeat(content(testUnit), 24)
	for _, test := range []struct {
		name   string
		tag    func(version int) string
		hash   Hash
		same   bool // the file does not change
		longer int  // bytes that the new file has more
		most   int  // bytes of the second run
		least  int
	}{
		{name: "F10 by its tag", tag: func(v int) string { return fmt.Sprintf(`"%d"`, v) }, most: len(two), least: len(two)},
		{name: "F10 by its tag, longer", tag: func(v int) string { return fmt.Sprintf(`"%d"`, v) }, longer: 5, most: len(two) + 5, least: len(two) + 5},
		{name: "F10 without any tag any more", tag: func(v int) string { return []string{"", `"1"`, ""}[v] }, most: len(two), least: len(two)},
		{name: "the same by its tag", tag: func(int) string { return `"1"` }, same: true, most: len(one) - testUnit},
		{name: "F12 weak tags", tag: func(int) string { return `W/"1"` }, same: true, most: len(one), least: len(one)},
		{name: "F12 no tags", tag: func(int) string { return "" }, same: true, most: len(one), least: len(one)},
		{name: "no tags but a hash", tag: func(int) string { return "" }, same: true, hash: sha(one), most: len(one) - testUnit},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				data, tag := one, test.tag(1)
				var mu sync.Mutex
				var next func(*http.Request) bool
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					proceed, body := next, data
					mu.Unlock()
					if !proceed(r) {
						<-r.Context().Done()
						return
					}
					if tag != "" {
						w.Header().Set("ETag", tag)
					}
					whole(body)(w, r)
				})
				f := File{Name: "model", Size: -1, Hash: test.hash, Locate: At(u, nil)}
				dest := filepath.Join(t.TempDir(), "model")
				interrupted(t, n, f, dest, 3, func(f func(*http.Request) bool) {
					mu.Lock()
					defer mu.Unlock()
					next = f
				})
				want := one
				if !test.same {
					mu.Lock()
					want = append(bytes.Clone(two), content(test.longer)...)
					data, tag = want, test.tag(2)
					mu.Unlock()
				}
				var p Progress
				got, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, &p)
				if err != nil {
					t.Fatal(err)
				}
				holds(t, dest, want)
				// The size is asked for with one byte.
				if got.Fetched > int64(test.most)+testUnit || got.Fetched < int64(test.least) {
					t.Errorf("%d bytes were fetched", got.Fetched)
				}
				if !test.same && p.Sample().Damaged == 0 {
					t.Error("it was not said that it began anew")
				}
			})
		})
	}
}

// TestF11ChangedDuringRun has a server with two versions, of which one wins in the
// end, or none.
func TestF11ChangedDuringRun(t *testing.T) {
	one, two := content(24*testUnit), bytes.Repeat(content(testUnit), 24)
	for _, test := range []struct {
		name  string
		hash  Hash
		until int32 // the request from which on there is one version
		want  fault.Kind
	}{
		{name: "known by its hash", hash: sha(two), until: 4},
		{name: "known by its tag", until: 4},
		{name: "for ever, known by its hash", hash: sha(two), until: 1 << 30, want: fault.Damaged},
		{name: "for ever, known by its tag", until: 1 << 30, want: fault.Damaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				var requests atomic.Int32
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					if n := requests.Add(1); n < test.until && n%2 == 0 {
						w.Header().Set("ETag", `"1"`)
						whole(one)(w, r)
						return
					}
					w.Header().Set("ETag", `"2"`)
					whole(two)(w, r)
				})
				f := model(two, u)
				f.Hash = test.hash
				dest := filepath.Join(t.TempDir(), "model")
				_, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, nil)
				if test.want != "" {
					failed(t, err, test.want)
					alone(t, filepath.Dir(dest))
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				holds(t, dest, two)
			})
		})
	}
}

// TestF09LateAnswer has a connection that falls silent, is given up, and sends other
// bytes after all.
func TestF09LateAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(24 * testUnit)
		var (
			requests    atomic.Int32
			stalled     atomic.Int64 // where the answer that stalls begins
			again, late = make(chan struct{}), make(chan struct{})
		)
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
			from, _, _ := asked(r)
			if requests.Add(1) == 2 {
				stalled.Store(int64(from))
				drop(w, r, data, 0)
				<-again
				_, _ = w.Write(bytes.Repeat([]byte("x"), testUnit))
				close(late)
				return
			}
			if from > 0 && int64(from) == stalled.Load() {
				close(again)
				<-late
			}
			whole(data)(w, r)
		})
		dest := filepath.Join(t.TempDir(), "model")
		if _, err := n.client(t, Options{Connections: 4}).Fetch(t.Context(), model(data, u), dest, nil); err != nil {
			t.Fatal(err)
		}
		holds(t, dest, data)
	})
}
