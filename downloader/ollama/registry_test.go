package ollama

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/auth"
	"golang.org/x/crypto/ssh"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// reach makes a Registry that reaches a fake one, and gives its host.
func reach(t *testing.T, h *fakehub.Hub, keyPath string) (*Registry, string) {
	t.Helper()
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(downloader.New(downloader.Options{UserAgent: "bise/test", Dial: h.Dial}), keyPath), u.Host
}

func expect(t *testing.T, err error, want fault.Kind, words ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != want {
		t.Errorf("not %s: %v", want, err)
		return
	}
	text := err.Error() + ". " + e.Advice
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in: %s", w, text)
		}
	}
}

// noKey is the path of a key that is not there.
func noKey(t *testing.T) string { return filepath.Join(t.TempDir(), "id_ed25519") }

// newKey makes a key as Ollama does.
func newKey(t *testing.T) (path string, public ssh.PublicKey) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err = ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return path, public
}

func TestPull(t *testing.T) {
	for _, c := range []struct {
		name  string
		repo  string
		hub   []fakehub.Option
		realm int // requests for tokens
	}{
		{"public", "tiny", nil, 0},
		{"F66 bytes from the registry itself", "library/tiny", []fakehub.Option{fakehub.DirectBlobs()}, 0},
		{"a token for everybody", "ai/tiny", nil, 1},
		{"a token for a key", "locked", nil, 2},
		{"a token for a key, and no store", "locked", []fakehub.Option{fakehub.DirectBlobs()}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fakehub.New(t, append(c.hub, fakehub.Standard())...)
			r, host := reach(t, h, noKey(t))
			image, err := r.Open(t.Context(), Name{Host: host, Repo: c.repo})
			if err != nil {
				t.Fatal(err)
			}
			weights, projector, err := image.GGUF()
			if err != nil || projector != nil || weights.Size < 1_000_000 {
				t.Fatalf("%+v, %v, %v", weights, projector, err)
			}
			f, err := image.File(weights)
			if err != nil {
				t.Fatal(err)
			}
			result, err := r.client.Fetch(t.Context(), f, filepath.Join(t.TempDir(), "m.gguf"), nil)
			if err != nil || !result.Verified || string(result.SHA256) != weights.Digest {
				t.Errorf("%+v, %v", result, err)
			}
			licence, err := image.Read(t.Context(), image.LayersOf(Licence)[0], 1000)
			if err != nil || string(licence) != "Apache License 2.0\n" {
				t.Errorf("%q, %v", licence, err)
			}
			h.AssertCount(t, fakehub.Realm, c.realm)
			h.AssertNoTokenLeak(t)
			h.AssertManners(t)
		})
	}
}

func TestTheKeyOfThisMachineSigns(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	path, public := newKey(t)
	r, host := reach(t, h, path)
	if _, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"}); err != nil {
		t.Fatal(err)
	}
	asked := h.Requests(fakehub.Realm, "")
	if len(asked) != 2 || asked[0].Header.Get("Authorization") != "" {
		t.Fatalf("%d requests for tokens, the first with %q", len(asked), asked[0].Header.Get("Authorization"))
	}
	key, _, _ := strings.Cut(asked[1].Header.Get("Authorization"), ":")
	if want := strings.Fields(string(ssh.MarshalAuthorizedKey(public)))[1]; key != want {
		t.Errorf("signed with %s, not %s", key, want)
	}
}

// TestSignaturesAreOllamas holds what is signed to Ollama's own code. Ed25519 gives the
// same signature every time.
func TestSignaturesAreOllamas(t *testing.T) {
	path, _ := newKey(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, ".ollama"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ollama", "id_ed25519"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://ollama.com/token?nonce=n&scope=repository%3Alibrary%2Fx%3Apull&service=ollama.com&ts=1")
	if err != nil {
		t.Fatal(err)
	}
	// The text is that of getAuthorizationToken in Ollama's server/auth.go.
	empty := sha256.Sum256(nil)
	want, err := auth.Sign(t.Context(), fmt.Appendf(nil, "GET,%s,%s", u, base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(empty[:])))))
	if err != nil {
		t.Fatal(err)
	}
	got, err := New(downloader.New(downloader.Options{}), path).sign(u)
	if err != nil || got != want {
		t.Errorf("%s, not %s, %v", got, want, err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	path := noKey(t)
	if err := os.WriteFile(path, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, t.TempDir()} {
		h := fakehub.New(t, fakehub.Standard())
		r, host := reach(t, h, path)
		_, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"})
		expect(t, err, fault.File, path)
		if _, err := r.Open(t.Context(), Name{Host: host, Repo: "tiny"}); err != nil {
			t.Errorf("what needs no key: %v", err)
		}
	}
}

func TestF65_RealmsThatAreElsewhere(t *testing.T) {
	evil := fakehub.New(t)
	h := fakehub.New(t, fakehub.Standard())
	for realm, safe := range map[string]bool{
		"https://evil.test/token": false, "http://evil.test/token": false, "/v2/token": false, "//evil.test/x": false, "file:///x": false,
		"http://me@127.0.0.1/x": false, evil.URL + "/v2/token": false, strings.Replace(h.URL, "http:", "https:", 1) + "/v2/token": false, h.CDNURL + "/token": false,
		h.URL + "/v2/token": true,
	} {
		for name, header := range map[string]string{
			"alone":  fmt.Sprintf(`Bearer realm=%q,service="x",scope="repository:library/locked:pull"`, realm),
			"second": fmt.Sprintf(`Basic realm="x", Bearer realm=%q`, realm),
		} {
			h.Reset()
			h.Fault(fakehub.Manifest, fakehub.Header(func(h http.Header) {
				if h.Get("WWW-Authenticate") != "" {
					h.Set("WWW-Authenticate", header)
				}
			}))
			path, _ := newKey(t)
			r, host := reach(t, h, path)
			_, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"})
			if (err == nil) != (safe && name == "alone") {
				t.Errorf("%s, %s: %v", realm, name, err)
			}
			if !safe && h.Count(fakehub.Realm) != 0 {
				t.Errorf("%s, %s: a token was asked for", realm, name)
			}
			if !safe && name == "alone" {
				expect(t, err, fault.Refused, "sign-in on another server")
			}
		}
	}
	if len(evil.Log()) != 0 || h.Count(fakehub.CDN) != 0 {
		t.Errorf("asked elsewhere: %d times", len(evil.Log())+h.Count(fakehub.CDN))
	}
}

func TestTwoChallenges(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Manifest, fakehub.Header(func(head http.Header) {
		if v := head.Get("WWW-Authenticate"); v != "" {
			head["Www-Authenticate"] = []string{`Basic realm="x"`, v, `Bearer realm="https://evil.test/token"`}
		}
	}))
	r, host := reach(t, h, noKey(t))
	if _, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"}); err != nil {
		t.Error(err)
	}
}

func TestTrustedRealms(t *testing.T) {
	for _, c := range []struct {
		host, realm string
		ok          bool
	}{
		{"registry.ollama.ai", "https://ollama.com/token", true},
		{"registry.ollama.ai", "https://registry.ollama.ai/token", true},
		{"registry.ollama.ai", "https://ollama.com.evil.test/token", false},
		{"registry.ollama.ai", "https://ollama.com:8443/token", false},
		{"registry.ollama.ai", "http://ollama.com/token", false},
		{"registry-1.docker.io", "https://auth.docker.io/token", true},
		{"evil.test", "https://ollama.com/token", false},
		{"evil.test", "https://sub.evil.test/token", false},
	} {
		_, err := realmURL(c.realm, &url.URL{Scheme: "https", Host: c.host})
		if (err == nil) != c.ok {
			t.Errorf("%s for %s: %v", c.realm, c.host, err)
		}
	}
}

func TestAWrongClockIsSaid(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Realm, fakehub.Status(401, "", "Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat)))
	r, host := reach(t, h, noKey(t))
	_, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"})
	expect(t, err, fault.Denied, "wrong by 3h0m0s", "Set the clock")
	h.Reset()
	h.Fault(fakehub.Realm, fakehub.Status(403, ""))
	_, err = r.Open(t.Context(), Name{Host: host, Repo: "locked"})
	expect(t, err, fault.Denied, "answers 403", "id_ed25519.pub")
	h.Reset()
	for _, body := range []string{"", "{}", `{"token":"a b"}`, "null", "[", "<html>"} {
		h.Fault(fakehub.Realm, fakehub.Replace(body), fakehub.Times(2))
		if _, err := r.Open(t.Context(), Name{Host: host, Repo: "locked"}); err == nil {
			t.Errorf("%q is taken for a token", body)
		}
		h.Reset()
	}
}

func TestATokenThatIsOverIsRenewed(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r, host := reach(t, h, noKey(t))
	image, err := r.Open(t.Context(), Name{Host: host, Repo: "ai/tiny"})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.tokens[host+"/ai/tiny"] = "over"
	r.mu.Unlock()
	if _, err := image.Read(t.Context(), image.LayersOf(Params)[0], 1000); err != nil {
		t.Error(err)
	}
	h.AssertCount(t, fakehub.Realm, 2)
}

func TestF40_NewerThanThis(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Manifest, fakehub.Status(412, `{"errors":[{"message":"The model you are attempting to pull requires a newer version of Ollama."}]}`))
	r, host := reach(t, h, "")
	_, err := r.Open(t.Context(), Name{Host: host, Repo: "tiny"})
	expect(t, err, fault.Refused, "newer version of Ollama", "newer version")
}

func TestAnswersThatAreErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		{404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}`, fault.Missing, "no such model or tag"},
		{404, `{"error":"not found"}`, fault.Missing, "no such model or tag"},
		{404, `<html>`, fault.Missing, "no such model or tag"},
		{401, ``, fault.Denied, "does not exist or is private"},
		{403, `{"error":"x"}`, fault.Denied, "does not exist or is private"},
		{400, `{"error":"bad day"}`, fault.Network, `"bad day"`},
		{418, `null`, fault.Network, "418"},
		{204, ``, fault.Network, "204"},
	} {
		h := fakehub.New(t, fakehub.Standard())
		h.Fault(fakehub.Manifest, fakehub.Status(c.status, c.body))
		r, host := reach(t, h, "")
		_, err := r.Open(t.Context(), Name{Host: host, Repo: "tiny"})
		expect(t, err, c.kind, c.says, "tiny")
	}
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Layers, fakehub.Status(404, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`))
	r, host := reach(t, h, "")
	image, err := r.Open(t.Context(), Name{Host: host, Repo: "tiny"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = image.Read(t.Context(), image.Layers[1], 1000)
	expect(t, err, fault.Missing, "is missing in the registry")
}

func TestF46_F41_F53_AnswersThatAreNoManifest(t *testing.T) {
	for name, c := range map[string]struct {
		fault fakehub.Fault
		kind  fault.Kind
	}{
		"F46": {fakehub.HTML(), fault.Network}, "F41": {fakehub.Loop(), fault.Refused}, "F53": {fakehub.Endless(" "), fault.Network},
		"F52": {fakehub.Replace("{"), fault.Network}, "null": {fakehub.Replace("null"), fault.Network},
		"F63": {fakehub.Header(func(h http.Header) { h.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64)) }), fault.Network},
	} {
		h := fakehub.New(t, fakehub.Standard())
		h.Fault(fakehub.Manifest, c.fault)
		r, host := reach(t, h, "")
		_, err := r.Open(t.Context(), Name{Host: host, Repo: "tiny"})
		if t.Logf("%s: %v", name, err); err == nil {
			t.Errorf("%s is taken for a manifest", name)
		}
		expect(t, err, c.kind, "tiny")
	}
}

func TestOpenByDigest(t *testing.T) {
	image := fakehub.Model("library/x:latest", fakehub.Layer{MediaType: fakehub.ModelLayer, Content: fakehub.Blob(1, 1000)})
	h := fakehub.New(t, image)
	r, host := reach(t, h, "")
	i, err := r.Open(t.Context(), Name{Host: host, Repo: "x", Tag: image.Digest()})
	if err != nil || i.Digest != image.Digest() {
		t.Fatalf("%v, %v", i, err)
	}
	h.Fault(fakehub.Manifest, fakehub.JSON(func(b []byte) []byte { return append(b, '\n') }))
	_, err = r.Open(t.Context(), Name{Host: host, Repo: "x", Tag: image.Digest()})
	expect(t, err, fault.Network, "wrong hash")
}

func TestF42_TheTokenStaysAtTheRegistry(t *testing.T) {
	for _, repo := range []string{"ai/tiny", "locked"} {
		h := fakehub.New(t, fakehub.Standard(), fakehub.TLS(), fakehub.Names("example.com", "sub.example.com"))
		r := New(downloader.New(downloader.Options{UserAgent: "bise/test", Dial: h.Dial, TLS: h.Certificates()}), "")
		image, err := r.Open(t.Context(), Name{Host: "example.com", Repo: repo})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := image.Read(t.Context(), image.LayersOf(Licence)[0], 1000); err != nil {
			t.Fatal(err)
		}
		h.AssertCount(t, fakehub.CDN, 1)
		h.AssertNoTokenLeak(t)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name Name
		want string // "" for none
	}{
		{Name{Repo: "mistral"}, "registry.ollama.ai/library/mistral:latest"},
		{Name{Repo: "me/x", Tag: "7b-q4_K_M"}, "registry.ollama.ai/me/x:7b-q4_K_M"},
		{Name{Host: "localhost:5000", Repo: "x"}, "localhost:5000/library/x:latest"},
		{Name{Host: "[::1]:5000", Repo: "x"}, "[::1]:5000/library/x:latest"},
		{Name{}, ""},
		{Name{Repo: ".."}, ""},
		{Name{Repo: "../x"}, ""},
		{Name{Repo: "a/b/c"}, ""},
		{Name{Repo: "a.b/c"}, ""},
		{Name{Repo: "x", Tag: "a/b"}, ""},
		{Name{Repo: "x", Tag: ".."}, ""},
		{Name{Repo: "x?y"}, ""},
		{Name{Host: "a/b", Repo: "x"}, ""},
		{Name{Host: "a@b", Repo: "x"}, ""},
		{Name{Repo: "x", Tag: "sha256:12"}, ""},
		{Name{Repo: strings.Repeat("x", 81)}, ""},
	} {
		n, err := c.name.normalize()
		if (err == nil) != (c.want != "") || err == nil && n.Host+"/"+n.Repo+":"+n.Tag != c.want {
			t.Errorf("%+v: %+v, %v", c.name, n, err)
		}
	}
	for want, n := range map[string]Name{
		"mistral": {Repo: "library/mistral", Tag: "latest"}, "me/x:7b": {Host: Home, Repo: "me/x", Tag: "7b"}, "h:1/library/x": {Host: "h:1", Repo: "library/x"},
	} {
		if n.String() != want {
			t.Errorf("%s, not %s", n, want)
		}
	}
}

func TestScheme(t *testing.T) {
	for host, want := range map[string]string{"registry.ollama.ai": "https", "localhost:5000": "http", "127.0.0.1": "http", "[::1]:80": "http", "[::1]": "http", "10.0.0.1:80": "https", "localhost.evil.test": "https"} {
		if got := scheme(host); got != want {
			t.Errorf("%s by %s", host, got)
		}
	}
}
