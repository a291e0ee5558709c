package fakehub

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// get asks without following redirects.
func get(t *testing.T, url string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	resp := ask(t, url, headers...)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// ask is get with the body unread.
func ask(t *testing.T, url string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test/1")
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// signed is the CDN's URL of a file.
func signed(t *testing.T, h *Hub, file string) string {
	t.Helper()
	resp, _ := get(t, h.URL+file)
	if resp.StatusCode != http.StatusFound {
		t.Fatalf("%s: %s", file, resp.Status)
	}
	return resp.Header.Get("Location")
}

const big = 1 << 20

func start(t *testing.T, options ...Option) *Hub {
	t.Helper()
	return New(t, append([]Option{Repo("acme/tiny", Weights("a.gguf", 7, big), Text("config.json", "{}"))}, options...)...)
}

const aGGUF = "/acme/tiny/resolve/main/a.gguf"

func TestBlobIsTheSameFromAnywhere(t *testing.T) {
	c := Blob(3, 1000)
	whole := make([]byte, 1000)
	if n, err := c.ReadAt(whole, 0); n != 1000 || err != nil {
		t.Fatal(n, err)
	}
	for off := range int64(20) {
		part := make([]byte, 13)
		if _, err := c.ReadAt(part, off); err != nil || !bytes.Equal(part, whole[off:off+13]) {
			t.Errorf("at %d: %x, %v", off, part, err)
		}
	}
	if n, err := c.ReadAt(make([]byte, 20), 990); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

func TestLargeFilesAreAtTheCDN(t *testing.T) {
	h := start(t)
	resp, body := get(t, h.URL+aGGUF)
	f := Weights("a.gguf", 7, big)
	if resp.StatusCode != http.StatusFound || resp.Header.Get("X-Linked-Size") != "1048576" || resp.Header.Get("X-Linked-Etag") != `"`+f.SHA256()+`"` || int64(len(body)) == big {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	resp, body = get(t, resp.Header.Get("Location"), "Range", "bytes=100-199")
	want := make([]byte, 100)
	if _, err := f.Content.ReadAt(want, 100); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(body, want) {
		t.Errorf("%s, %d bytes", resp.Status, len(body))
	}
	if tag := resp.Header.Get("Etag"); strings.Contains(tag, f.SHA256()) {
		t.Errorf("the CDN's ETag is the file's hash")
	}
	h.AssertNoTokenLeak(t)
	h.AssertManners(t)
	h.AssertFetchedAtMost(t, "a.gguf", 1)
	if h.Sent("a.gguf") != 100 {
		t.Errorf("%d bytes sent", h.Sent("a.gguf"))
	}
}

func TestSignedURLs(t *testing.T) {
	for _, style := range [][]Option{nil, {S3()}} {
		h := start(t, append(style, TTL(time.Minute))...)
		at := signed(t, h, aGGUF)
		for _, c := range []struct {
			url, header string
			status      int
		}{
			{at, "", 200},
			{strings.Replace(at, "Signature=", "Signature=0", 1), "", 403},
			{at, "Bearer " + Ann, 400},
		} {
			headers := []string{}
			if c.header != "" {
				headers = []string{"Authorization", c.header}
			}
			if resp, _ := get(t, c.url, headers...); resp.StatusCode != c.status {
				t.Errorf("%s, not %d", resp.Status, c.status)
			}
		}
		h.Advance(2 * time.Minute)
		if resp, body := get(t, at); resp.StatusCode != 403 || !strings.Contains(string(body), "expired") {
			t.Errorf("%s: %s", resp.Status, body)
		}
		if resp, _ := get(t, signed(t, h, aGGUF)); resp.StatusCode != 200 {
			t.Errorf("a fresh one: %s", resp.Status)
		}
		seen := &recordingT{TB: t}
		h.AssertNoTokenLeak(seen)
		if !seen.failed {
			t.Error("a token at the CDN was not noticed")
		}
	}
}

// recordingT notices a failure instead of failing.
type recordingT struct {
	testing.TB
	failed bool
}

func (r *recordingT) Errorf(string, ...any) { r.failed = true }
func (r *recordingT) Helper()               {}

func TestAccess(t *testing.T) {
	h := New(t, Standard())
	for _, c := range []struct {
		path, token string
		status      int
		code, says  string
	}{
		{"/acme/gated/resolve/main/config.json", "", 401, "GatedRepo", "Please log in"},
		{"/acme/gated/resolve/main/config.json", Ann, 200, "", ""},
		{"/acme/gated/resolve/main/config.json", Bob, 403, "GatedRepo", "not in the authorized list"},
		{"/acme/gated/resolve/main/config.json", Cat, 403, "GatedRepo", "awaiting a review"},
		{"/acme/gated/resolve/main/config.json", Dan, 403, "GatedRepo", "rejected"},
		{"/acme/gated/resolve/main/config.json", Eve, 403, "GatedRepo", "reset"},
		{"/acme/gated/resolve/main/none", Bob, 403, "GatedRepo", ""},
		{"/acme/gated/resolve/main/LICENSE", "", 200, "", ""},
		{"/acme/gated/raw/main/LICENSE", "", 401, "GatedRepo", ""},
		{"/acme/private/resolve/main/config.json", "", 401, "", "Invalid username"},
		{"/acme/private/resolve/main/config.json", Bob, 404, "RepoNotFound", ""},
		{"/acme/private/resolve/main/config.json", Ann, 200, "", ""},
		{"/api/models/acme/none", "", 401, "", ""},
		{"/api/models/acme/none", Ann, 404, "RepoNotFound", ""},
		{"/api/models/acme/disabled", "", 403, "", "disabled"},
		{"/acme/tiny/resolve/main/config.json", "hf_unknown", 401, "", "Invalid username"},
		{"/acme/tiny/resolve/main/config.json", "Bearer x", 401, "", "Invalid credentials"},
		{"/acme/tiny/resolve/none/config.json", "", 404, "RevisionNotFound", ""},
		{"/acme/tiny/resolve/main/none", "", 404, "EntryNotFound", ""},
		{"/acme/old/resolve/main/config.json", "", 307, "", ""},
		{"/acme/tiny/resolve/refs%2Fpr%2F1/LICENSE", "", 307, "", ""},
		{"/solo/resolve/main/LICENSE", "", 307, "", ""},
		{"/api/models/solo", "", 200, "", ""},
		{"/api/whoami-v2", "", 401, "", ""},
		{"/api/whoami-v2", Ann, 200, "", ""},
		{"/acme/tiny", "", 200, "", ""},
	} {
		var headers []string
		if c.token != "" {
			headers = []string{"Authorization", "Bearer " + c.token}
		}
		resp, _ := get(t, h.URL+c.path, headers...)
		if resp.StatusCode != c.status || resp.Header.Get("X-Error-Code") != c.code || !strings.Contains(resp.Header.Get("X-Error-Message"), c.says) {
			t.Errorf("%s as %.6s: %s %q %q", c.path, c.token, resp.Status, resp.Header.Get("X-Error-Code"), resp.Header.Get("X-Error-Message"))
		}
	}
}

func TestTreePages(t *testing.T) {
	h := New(t, Standard())
	next, files, pages := h.URL+"/api/models/acme/many/tree/main?recursive=true", 0, 0
	for ; next != ""; pages++ {
		resp, body := get(t, next)
		var entries []struct{ Type string }
		if err := json.Unmarshal(body, &entries); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Type == "file" {
				files++
			}
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
	}
	if files != 2500 || pages != 3 {
		t.Errorf("%d files on %d pages", files, pages)
	}
}

func TestHashesAreMaskedWithoutAccess(t *testing.T) {
	h := New(t, Standard())
	for token, masked := range map[string]bool{Ann: false, Bob: true} {
		_, body := get(t, h.URL+"/api/models/acme/gated/tree/main", "Authorization", "Bearer "+token)
		if strings.Contains(string(body), strings.Repeat("*", 64)) != masked {
			t.Errorf("%s", body)
		}
	}
}

func TestRegistryAsksForAToken(t *testing.T) {
	h := New(t, Standard())
	resp, _ := get(t, h.URL+"/v2/ai/tiny/manifests/latest")
	if resp.StatusCode != 401 || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `realm="`+h.URL+`/v2/token"`) {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	_, body := get(t, h.URL+"/v2/token?service=fakehub&scope=repository:ai/tiny:pull")
	var answer struct{ Token string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		t.Fatalf("%s", body)
	}
	resp, body = get(t, h.URL+"/v2/ai/tiny/manifests/latest", "Authorization", "Bearer "+answer.Token)
	if resp.StatusCode != 200 || !bytes.Contains(body, []byte(ModelLayer)) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := get(t, h.URL+"/v2/token?scope=repository:library/locked:pull", "Authorization", "key:sig"); resp.StatusCode != 401 {
		t.Errorf("a token for a signature that is none: %s", resp.Status)
	}
}

func TestNewCommit(t *testing.T) {
	h := start(t)
	old := h.repos["acme/tiny"].Head("main")
	if now := h.Commit("acme/tiny", "main", Text("config.json", "new")); now == old {
		t.Fatal("the commit has the same name")
	}
	for rev, status := range map[string]int{old: 302, "main": 404} {
		if resp, _ := get(t, h.URL+"/acme/tiny/resolve/"+rev+"/a.gguf"); resp.StatusCode != status {
			t.Errorf("%s: %s", rev, resp.Status)
		}
	}
}

func TestFaults(t *testing.T) {
	right := make([]byte, big)
	if _, err := Blob(7, big).ReadAt(right, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		fault Fault
		want  func(resp *http.Response, body []byte, err error) bool
	}{
		{"drop", Drop(70_000), func(_ *http.Response, body []byte, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && bytes.Equal(body, right[:70_000])
		}},
		{"drop at once", Drop(0), func(_ *http.Response, body []byte, err error) bool {
			return err != nil && len(body) == 0
		}},
		{"short", CleanShort(70_000), func(resp *http.Response, body []byte, err error) bool {
			return err == nil && resp.ContentLength < 0 && bytes.Equal(body, right[:70_000])
		}},
		{"slow", Slow(100 << 20), func(_ *http.Response, body []byte, err error) bool {
			return err == nil && bytes.Equal(body, right)
		}},
		{"flip", Flip(500_000), func(_ *http.Response, body []byte, err error) bool {
			return err == nil && body[500_000] == right[500_000]^1 && bytes.Equal(body[:500_000], right[:500_000]) && bytes.Equal(body[500_001:], right[500_001:])
		}},
		{"gzip", Gzip(), func(resp *http.Response, body []byte, err error) bool {
			return err == nil && resp.Header.Get("Content-Encoding") == "gzip" && body[0] == 0x1f
		}},
		{"html", HTML(), func(resp *http.Response, _ []byte, _ error) bool {
			return resp.StatusCode == 200 && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
		}},
		{"expired", Expired(), func(resp *http.Response, body []byte, _ error) bool {
			return resp.StatusCode == 403 && strings.Contains(string(body), "expired")
		}},
		{"loop", Loop(), func(resp *http.Response, _ []byte, _ error) bool {
			return resp.StatusCode == 302 && resp.Header.Get("Location") == resp.Request.URL.RequestURI()
		}},
		{"chain", Chain(2), func(resp *http.Response, _ []byte, _ error) bool {
			return resp.StatusCode == 302 && strings.Contains(resp.Header.Get("Location"), "hop=1")
		}},
		{"status", Status(429, "slow down", "Retry-After", "3"), func(resp *http.Response, body []byte, _ error) bool {
			return resp.StatusCode == 429 && resp.Header.Get("Retry-After") == "3" && string(body) == "slow down"
		}},
		{"header", Header(func(h http.Header) { h.Set("Etag", `W/"x"`) }), func(resp *http.Response, _ []byte, _ error) bool {
			return resp.Header.Get("Etag") == `W/"x"`
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t)
			h.Fault(CDN, c.fault, Times(1))
			at := signed(t, h, aGGUF)
			resp := ask(t, at)
			body, err := io.ReadAll(resp.Body)
			if !c.want(resp, body, err) {
				t.Errorf("%s %v, %d bytes, %v", resp.Status, resp.Header, len(body), err)
			}
			if resp, body := get(t, at); resp.StatusCode != 200 || !bytes.Equal(body, right) {
				t.Errorf("after the fault: %s, %d bytes", resp.Status, len(body))
			}
		})
	}
}

func TestFlipInARange(t *testing.T) {
	h := start(t)
	h.Fault(CDN, Flip(150))
	resp, body := get(t, signed(t, h, aGGUF), "Range", "bytes=100-199")
	want := make([]byte, 100)
	if _, err := Blob(7, big).ReadAt(want, 100); err != nil {
		t.Fatal(err)
	}
	if want[50] ^= 1; resp.StatusCode != http.StatusPartialContent || !bytes.Equal(body, want) {
		t.Errorf("%s %v, or another byte is flipped", resp.Status, resp.Header)
	}
}

func TestStallsEndWithTheHub(t *testing.T) {
	h := start(t)
	h.Fault(CDN, Stall(1000))
	h.Fault(Tree, StallHeaders())
	resp := ask(t, signed(t, h, aGGUF))
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { h.hub.CloseClientConnections(); h.end(); close(closed) }()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("what stalls has an end")
	}
	<-closed
}

func TestFaultsChooseRequests(t *testing.T) {
	h := start(t)
	h.Fault(Resolve, Status(500, ""), Times(2))
	var got []int
	for range 3 {
		if resp, _ := get(t, h.URL+"/api/models/acme/tiny"); resp.StatusCode != 200 {
			t.Errorf("another route: %s", resp.Status)
		}
		resp, _ := get(t, h.URL+"/acme/tiny/resolve/main/config.json")
		got = append(got, resp.StatusCode)
	}
	if want := []int{500, 500, 307}; !slices.Equal(got, want) {
		t.Errorf("%d, not %d", got, want)
	}
	h.AssertCount(t, Resolve, 3)
}

func TestBarrier(t *testing.T) {
	h := start(t)
	open := make(chan struct{})
	h.Fault(Info, Barrier(open))
	done := make(chan int)
	for range 2 {
		go func() {
			resp, err := http.Get(h.URL + "/api/models/acme/tiny")
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
	}
	for h.Count(Info) < 2 {
		get(t, h.URL+"/api/whoami-v2")
	}
	close(open)
	if a, b := <-done, <-done; a != 200 || b != 200 {
		t.Errorf("%d and %d", a, b)
	}
}

func TestNamesNeedDial(t *testing.T) {
	h := start(t, Names("hub.test", "sub.hub.test"))
	client := &http.Client{Transport: &http.Transport{DialContext: h.Dial}}
	resp, err := client.Get(h.URL + aGGUF)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.Request.URL.Host != "sub.hub.test" {
		t.Errorf("%s from %s", resp.Status, resp.Request.URL.Host)
	}
	if _, err := client.Get("http://other.test"); err == nil {
		t.Error("another name is known")
	}
}

func TestTLS(t *testing.T) {
	h := start(t, TLS(), Names("hub.example.com", "127.0.0.1"))
	client := &http.Client{Transport: &http.Transport{DialContext: h.Dial, TLSClientConfig: h.Certificates()}}
	resp, err := client.Get(h.URL + aGGUF)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

func TestAddFault(t *testing.T) {
	for text, ok := range map[string]bool{
		"cdn drop 7": true, "tree html": true, "any status 503": true, "cdn drop x": false, "cdn dance": false, "cdn drop -1": false, "moon html": false, "": false, "html": false,
		"cdn drop 7 8": false,
	} {
		h := New(t)
		if err := h.AddFault(text); (err == nil) != ok || (len(h.faults) == 1) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
