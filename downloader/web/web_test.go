package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// site is a server with files, whose answers an edit may change.
type site struct {
	files map[string]string
	edit  func(w http.ResponseWriter, r *http.Request) (done bool)
	seen  []*http.Request
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.seen = append(s.seen, r.Clone(r.Context())) // one request at a time
	if s.edit != nil && s.edit(w, r) {
		return
	}
	text, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(text))
}

func serve(t *testing.T, s *site) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func client() *downloader.Client { return downloader.New(downloader.Options{UserAgent: "bise/test"}) }

func expect(t *testing.T, err error, want fault.Kind, words ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != want {
		t.Errorf("not %s: %v", want, err)
		return
	}
	for _, w := range words {
		if text := err.Error() + ". " + e.Advice; !strings.Contains(text, w) {
			t.Errorf("%q is not in: %s", w, text)
		}
	}
}

const model = "the bytes of a model"

var modelHash = downloader.Hash("sha256:" + fakehub.Text("", model).SHA256())

func TestOpen(t *testing.T) {
	digits := strings.TrimPrefix(string(modelHash), "sha256:")
	for _, c := range []struct {
		name  string
		files map[string]string
		hash  downloader.Hash
		sums  string
	}{
		{"no sums", nil, "", ""},
		{"a sum of its own", map[string]string{"/d/m.gguf.sha256": strings.ToUpper(digits) + "  m.gguf\n"}, modelHash, "m.gguf.sha256"},
		{"a bare sum", map[string]string{"/d/m.gguf.sha256": digits}, modelHash, "m.gguf.sha256"},
		{"a list", map[string]string{"/d/SHA256SUMS": strings.Repeat("0", 64) + "  x.gguf\n" + digits + " *./m.gguf\n"}, modelHash, "SHA256SUMS"},
		{"BSD's list", map[string]string{"/d/SHA256SUMS": "SHA256 (m.gguf) = " + digits + "\n"}, modelHash, "SHA256SUMS"},
		{"a list of others", map[string]string{"/d/SHA256SUMS": digits + "  x.gguf\n"}, "", ""},
		{"the sum of another", map[string]string{"/d/m.gguf.sha256": digits + "  x.gguf\n"}, "", ""},
		{"no sum", map[string]string{"/d/m.gguf.sha256": "gone\n", "/d/SHA256SUMS": ""}, "", ""},
		{"an endless list", map[string]string{"/d/SHA256SUMS": strings.Repeat("x", maxSums+1)}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &site{files: map[string]string{"/d/m.gguf": model}}
			for name, text := range c.files {
				s.files[name] = text
			}
			found, err := Open(t.Context(), client(), serve(t, s)+"/d/m.gguf?download=true#x", "")
			if err != nil || len(found) != 1 {
				t.Fatalf("%+v, %v", found, err)
			}
			f := found[0]
			if f.Name != "m.gguf" || f.Size != int64(len(model)) || f.Hash != c.hash || f.Sums != c.sums {
				t.Errorf("%+v", f)
			}
			result, err := client().Fetch(t.Context(), f.File, filepath.Join(t.TempDir(), f.Name), nil)
			if err != nil || result.SHA256 != modelHash || result.Verified != (c.hash != "") {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

func TestAHashThatIsGiven(t *testing.T) {
	s := &site{files: map[string]string{"/m.gguf": model, "/m.gguf.sha256": strings.Repeat("0", 64)}}
	found, err := Open(t.Context(), client(), serve(t, s)+"/m.gguf", modelHash)
	if err != nil || found[0].Hash != modelHash || found[0].Sums != "" || len(s.seen) != 1 {
		t.Errorf("%+v, %v, %d requests", found, err, len(s.seen))
	}
}

func TestNamesOfFiles(t *testing.T) {
	for _, c := range []struct{ path, disposition, want string }{
		{"/m.gguf", "", "m.gguf"},
		{"/a%20b.gguf", "", "a b.gguf"},
		{"/", "", "127.0.0.1"},
		{"/get", `attachment; filename="x.gguf"`, "x.gguf"},
		{"/get", `attachment; filename*=UTF-8''%C3%A9.gguf; filename="e.gguf"`, "é.gguf"},
		{"/get", `attachment`, "get"},
		{"/get", `;;;`, "get"},
		{"/F54", `attachment; filename="../../.bashrc"`, ""},
		{"/F54", `attachment; filename="C:\\x"`, ""},
		{"/F54", `attachment; filename*=UTF-8''..%2F..%2Fx`, ""},
		{"/F54", `attachment; filename="aux.txt"`, ""},
		{"/F54", "attachment; filename=\"a\u202eb\"", ""},
		{"/aux.gguf", "", ""},
		{"/%2e%2e%5cx", "", ""},
	} {
		s := &site{edit: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/SHA256SUMS" || strings.HasSuffix(r.URL.Path, ".sha256") {
				return false
			}
			if c.disposition != "" {
				w.Header().Set("Content-Disposition", c.disposition)
			}
			fmt.Fprint(w, model)
			return true
		}}
		found, err := Open(t.Context(), client(), serve(t, s)+c.path, "")
		if c.want == "" {
			expect(t, err, fault.Refused)
		} else if err != nil || found[0].Name != c.want {
			t.Errorf("%s with %q: %+v, %v", c.path, c.disposition, found, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "x", "file:///etc/passwd", "ftp://x/y", "https://", "https:///x", "http://[::1", "javascript:x", "\x00"} {
		_, err := Open(t.Context(), client(), address, "")
		expect(t, err, fault.Refused)
	}
}

func TestPasswordsAreSentAndNotShown(t *testing.T) {
	s := &site{files: map[string]string{"/m.gguf": model}}
	at := strings.Replace(serve(t, s), "://", "://ann:secret@", 1)
	found, err := Open(t.Context(), client(), at+"/m.gguf", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.seen {
		if user, password, ok := r.BasicAuth(); !ok || user != "ann" || password != "secret" {
			t.Errorf("%s as %q", r.URL, user)
		}
	}
	loc, err := found[0].Locate(t.Context())
	if err != nil || loc.URL.User != nil {
		t.Errorf("%v, %v", loc.URL, err)
	}
	_, err = Open(t.Context(), client(), at+"/gone?token=secret", "")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is shown: %v", err)
	}
}

func TestServersThatSayLittle(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		size   int64
	}{
		{"F16 an empty file", func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes */0")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}, 0},
		{"F18 no length", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}, -1},
		{"no total", func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 0-0/*")
			w.WriteHeader(http.StatusPartialContent)
		}, -1},
		{"no ranges", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "7")
			_, _ = io.WriteString(w, "1234567")
		}, 7},
	} {
		s := &site{edit: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/m.gguf" {
				return false
			}
			c.answer(w)
			return true
		}}
		found, err := Open(t.Context(), client(), serve(t, s)+"/m.gguf", "")
		if err != nil || found[0].Size != c.size || found[0].Hash != "" {
			t.Errorf("%s: %+v, %v", c.name, found, err)
		}
	}
}

func TestAnswersThatAreNoFile(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		kind   fault.Kind
		says   string
	}{
		{"F46", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, fault.Network, "web page"},
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(404) }, fault.Missing, "404"},
		{"denied", func(w http.ResponseWriter) { w.WriteHeader(401) }, fault.Denied, "401"},
		{"F07", func(w http.ResponseWriter) { w.WriteHeader(416) }, fault.Network, "416"},
		{"F47", func(w http.ResponseWriter) { w.WriteHeader(299) }, fault.Network, "299"},
		{"F44", func(w http.ResponseWriter) { w.Header().Set("Location", "file:///etc/passwd"); w.WriteHeader(302) }, fault.Refused, "file:"},
	} {
		s := &site{edit: func(w http.ResponseWriter, _ *http.Request) bool { c.answer(w); return true }}
		_, err := Open(t.Context(), client(), serve(t, s)+"/m.gguf", "")
		expect(t, err, c.kind, c.says, "/m.gguf")
	}
}

func TestPartsComeTogether(t *testing.T) {
	s := &site{files: map[string]string{"/a b/m-00001-of-00002.gguf": "one", "/a b/m-00002-of-00002.gguf": "three"}}
	at := serve(t, s)
	for _, name := range []string{"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"} {
		found, err := Open(t.Context(), client(), at+"/a%20b/"+name+"?x=y", "")
		if err != nil || len(found) != 2 || found[0].Name != "m-00001-of-00002.gguf" || found[1].Size != 5 {
			t.Errorf("%+v, %v", found, err)
		}
	}
	_, err := Open(t.Context(), client(), at+"/a%20b/m-00001-of-00002.gguf", modelHash)
	expect(t, err, fault.Refused, "2 parts")
	delete(s.files, "/a b/m-00002-of-00002.gguf")
	_, err = Open(t.Context(), client(), at+"/a%20b/m-00001-of-00002.gguf", "")
	expect(t, err, fault.Missing, "m-00002-of-00002.gguf")
	for _, name := range []string{"m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-00001-of-99999.gguf"} {
		_, err = Open(t.Context(), client(), at+"/"+name, "")
		expect(t, err, fault.Refused, "it is part")
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 64)+"  m.gguf\n"), true)
	f.Add([]byte("SHA256 (m.gguf) = "+strings.Repeat("0", 64)), false)
	f.Fuzz(func(t *testing.T, list []byte, alone bool) {
		if len(list) > 64<<10 {
			return
		}
		hash := parseSums(list, "m.gguf", alone)
		if again, err := downloader.ParseHash(string(hash)); err != nil || again != hash {
			t.Errorf("%q of %q", hash, list)
		}
		if hash != "" && !alone && !strings.Contains(string(list), "m.gguf") {
			t.Errorf("the hash of another file of %q", list)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("https://me:secret@example.org/a/m-00001-of-00003.gguf?x=y#z")
	f.Add("http://x/%2e%2e/m.gguf")
	f.Fuzz(func(t *testing.T, address string) {
		if len(address) > 4096 {
			return
		}
		u, _, err := parse(address)
		if err != nil {
			return
		}
		if u.User != nil || u.Fragment != "" {
			t.Errorf("%q keeps what it must not: %s", address, u)
		}
		list, err := parts(u)
		if err == nil && (len(list) == 0 || len(list) > maxParts) {
			t.Errorf("%q has %d parts", address, len(list))
		}
	})
}

func FuzzDisposition(f *testing.F) {
	f.Add(`attachment; filename*=UTF-8''..%2Fx; filename="y"`)
	f.Fuzz(func(t *testing.T, header string) {
		if len(header) > 4096 {
			return
		}
		resp := &http.Response{Header: http.Header{"Content-Disposition": {header}}}
		if name(resp, &url.URL{Path: "/m.gguf", Host: "x"}) == "" {
			t.Errorf("%q makes a name of nothing", header)
		}
	})
}
