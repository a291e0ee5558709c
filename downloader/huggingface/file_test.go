package huggingface

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// fetchAll brings a repository's files into a folder, as they are named.
func fetchAll(t *testing.T, c *downloader.Client, files []downloader.File) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		dest := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			t.Fatal(err)
		}
		result, err := c.Fetch(t.Context(), f, dest, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !result.Verified || result.Size != f.Size {
			t.Errorf("%s: %+v", f.Name, result)
		}
	}
	return dir
}

func TestFilesAreFetchedAsTheyAre(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	for id, token := range map[string]string{"acme/tiny": "", "acme/private": fakehub.Ann, "acme/gated": fakehub.Ann, "solo": fakehub.Bob} {
		hub := reach(t, h, Options{Token: token})
		r := open(t, hub, id)
		files, err := r.Files(t.Context(), r.Tree...)
		if err != nil {
			t.Fatal(err)
		}
		dir := fetchAll(t, hub.client, files)
		data, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil || string(data) != `{"model_type":"mistral"}` {
			t.Errorf("%s: config.json is %q, %v", id, data, err)
		}
		e, ok := r.Entry("tiny-Q4_K_M.gguf")
		if !ok {
			continue
		}
		data, err = os.ReadFile(filepath.Join(dir, e.Path))
		if sum := sha256.Sum256(data); err != nil || string(e.Hash) != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Errorf("%s is another file, %v", e.Path, err)
		}
	}
	h.AssertNoTokenLeak(t)
	h.AssertManners(t)
}

func TestF10_ThePinnedCommitStays(t *testing.T) {
	h := fakehub.New(t, fakehub.Repo("acme/x", fakehub.Text("a.txt", "old"), fakehub.Weights("m.gguf", 1, 1000)))
	hub := reach(t, h, Options{})
	r := open(t, hub, "acme/x")
	h.Commit("acme/x", "main", fakehub.Text("a.txt", "new"), fakehub.Weights("m.gguf", 2, 1000))
	files, err := r.Files(t.Context(), r.Tree...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(fetchAll(t, hub.client, files), "a.txt"))
	if err != nil || string(data) != "old" {
		t.Errorf("%q, %v", data, err)
	}
	if now := open(t, hub, "acme/x"); now.Commit == r.Commit {
		t.Error("the branch has not moved")
	}
}

func TestF19_SizesDiffer(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{}), "acme/tiny")
	e, _ := r.Entry("tiny-Q4_K_M.gguf")
	for _, size := range []string{"101", "x", "-1"} {
		h.Reset()
		h.Fault(fakehub.Resolve, fakehub.Header(func(h http.Header) { h.Set("X-Linked-Size", size) }))
		files, err := r.Files(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		_, err = files[0].Locate(t.Context())
		expect(t, err, fault.Network, "1000160", size)
	}
}

func TestF58_TheHashOfTheAnswer(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	hub := reach(t, h, Options{})
	masked := fakehub.JSON(func(b []byte) []byte {
		return []byte(strings.ReplaceAll(string(b), `"lfs":{"oid":"`, `"lfs":{"oid":"`+strings.Repeat("*", 64)+`","was":"`))
	})
	h.Fault(fakehub.Tree, masked)
	r := open(t, hub, "acme/tiny")
	e, _ := r.Entry("tiny-Q4_K_M.gguf")
	if e.Hash != "" {
		t.Fatalf("%+v", e)
	}
	files, err := r.Files(t.Context(), e)
	if err != nil || !strings.HasPrefix(string(files[0].Hash), "sha256:") {
		t.Fatalf("%+v, %v", files, err)
	}
	fetchAll(t, hub.client, files)

	for _, tag := range []string{`"` + sha256Digits + `"`, `"nonsense"`, `"` + sha256Digits[1:] + `"`} {
		h.Reset()
		h.Fault(fakehub.Resolve, fakehub.Header(func(h http.Header) { h.Set("X-Linked-Etag", tag) }))
		_, err = files[0].Locate(t.Context())
		expect(t, err, fault.Network, "unexpected response")
	}
}

func TestF42_TheTokenStaysAtItsOrigin(t *testing.T) {
	for _, c := range [][]fakehub.Option{
		{}, // another port
		{fakehub.Names("127.0.0.1", "localhost")},
		{fakehub.Names("hub.test", "cdn.test")},
		{fakehub.Names("hub.test", "sub.hub.test")},
	} {
		h := fakehub.New(t, append(c, fakehub.Standard())...)
		hub := reach(t, h, Options{Token: fakehub.Ann, SendToken: true})
		r := open(t, hub, "acme/private")
		files, err := r.Files(t.Context(), r.Tree...)
		if err != nil {
			t.Fatal(err)
		}
		fetchAll(t, hub.client, files)
		if h.Count(fakehub.CDN) == 0 {
			t.Error("nothing came from the CDN")
		}
		h.AssertNoTokenLeak(t)
	}
}

func TestF44_RedirectsThatLeadAstray(t *testing.T) {
	for _, location := range []string{"file:///etc/passwd", "", "//", "ftp://x/y", "http://me:pw@127.0.0.1/x", "javascript:x", "http://"} {
		h := fakehub.New(t, fakehub.Standard())
		r := open(t, reach(t, h, Options{}), "acme/tiny")
		h.Fault(fakehub.Resolve, fakehub.RedirectTo(location))
		_, err := r.Read(t.Context(), r.Tree[0], 1<<20)
		if kind, text := kindOf(err); kind != fault.Refused && kind != fault.Network {
			t.Errorf("%q: %s", location, text)
		}
	}
	h := fakehub.New(t, fakehub.Standard(), fakehub.TLS(), fakehub.Names("hub.example.com", "127.0.0.1"))
	hub, err := New(downloader.New(downloader.Options{Dial: h.Dial, TLS: h.Certificates()}), Options{Endpoint: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, hub, "acme/tiny")
	h.Fault(fakehub.Resolve, fakehub.RedirectTo("http://hub.example.com/x"))
	_, err = r.Read(t.Context(), r.Tree[0], 1<<20)
	expect(t, err, fault.Refused, "https to http")
}

func TestF41_RedirectsWithoutEnd(t *testing.T) {
	for name, broken := range map[string]fakehub.Fault{"loop": fakehub.Loop(), "chain": fakehub.Chain(30)} {
		for _, route := range []fakehub.Route{fakehub.Info, fakehub.Tree, fakehub.Resolve} {
			h := fakehub.New(t, fakehub.Standard())
			h.Fault(route, broken)
			r, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
			if err == nil {
				_, err = r.Read(t.Context(), r.Tree[0], 1<<20)
			}
			expect(t, err, fault.Refused, "redirect")
			if n := h.Count(route); n > 12 {
				t.Errorf("%s of %s: %d requests", name, route, n)
			}
		}
	}
}

func TestF43_BackToTheHubWithoutTheToken(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	hub := reach(t, h, Options{Token: fakehub.Ann})
	r := open(t, hub, "acme/tiny")
	e, _ := r.Entry("tiny-Q4_K_M.gguf")
	h.Fault(fakehub.CDN, fakehub.RedirectTo(h.URL+"/acme/tiny/resolve/main/config.json"))
	_, err := r.Read(t.Context(), e, 2_000_000)
	expect(t, err, fault.Damaged) // config.json is another file
	back := false
	for _, e := range h.Requests(fakehub.Resolve, "config.json") {
		if back = true; e.Header.Get("Authorization") != "" {
			t.Errorf("%s has the token again", e.Line())
		}
	}
	if !back {
		t.Error("nobody came back to the hub")
	}
}

func TestF88_AMirrorWithoutMetadata(t *testing.T) {
	bare := fakehub.Header(func(h http.Header) {
		for _, name := range []string{"X-Linked-Size", "X-Linked-Etag", "X-Repo-Commit", "X-Xet-Hash", "Link"} {
			h.Del(name)
		}
	})
	h := fakehub.New(t, fakehub.Standard(), fakehub.Prefix("/mirror/hf"))
	h.Fault(fakehub.Resolve, bare)
	hub := reach(t, h, Options{})
	r := open(t, hub, "acme/plain")
	files, err := r.Files(t.Context(), r.Tree...)
	if err != nil {
		t.Fatal(err)
	}
	fetchAll(t, hub.client, files)
}

func TestF88_AMirrorThatSendsToTheHub(t *testing.T) {
	hub := fakehub.New(t, fakehub.Standard())
	mirror := fakehub.New(t, fakehub.Standard())
	mirror.Fault(fakehub.Resolve, func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Location", hub.URL+r.URL.EscapedPath())
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	m := reach(t, mirror, Options{Token: fakehub.Ann})
	r := open(t, m, "acme/plain")
	files, err := r.Files(t.Context(), r.Tree...)
	if err != nil {
		t.Fatal(err)
	}
	fetchAll(t, m.client, files)
	for _, e := range hub.Log() {
		if e.Header.Get("Authorization") != "" {
			t.Errorf("the mirror's token went to the hub with %s", e.Line())
		}
	}
}

func TestF84_OddNames(t *testing.T) {
	const name = "sub/dir/weird name+%&#é.txt"
	h := fakehub.New(t, fakehub.Standard())
	hub := reach(t, h, Options{})
	r := open(t, hub, "acme/tiny")
	e, ok := r.Entry(name)
	if !ok {
		t.Fatal("it is not listed")
	}
	data, err := r.Read(t.Context(), e, 100)
	if err != nil || string(data) != "odd" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestF28_F27_SignedURLsExpire(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard(), fakehub.S3())
	hub := reach(t, h, Options{})
	r := open(t, hub, "acme/tiny")
	e, _ := r.Entry("tiny-Q8_0.gguf")
	files, err := r.Files(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	loc, err := files[0].Locate(t.Context())
	if err != nil || loc.Expires.IsZero() {
		t.Fatalf("%+v, %v", loc, err)
	}
	h.Fault(fakehub.CDN, fakehub.Expired(), fakehub.Times(1))
	fetchAll(t, hub.client, files)
}
