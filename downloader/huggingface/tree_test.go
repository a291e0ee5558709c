package huggingface

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// listed opens acme/x with a list of files of the test's own.
func listed(t *testing.T, tree string) (*Repo, error) {
	t.Helper()
	h := fakehub.New(t, fakehub.Repo("acme/x", fakehub.Text("config.json", "{}")))
	h.Fault(fakehub.Tree, fakehub.Replace(tree))
	return reach(t, h, Options{}).Open(t.Context(), "acme/x", "")
}

const (
	sha1Digits   = "0123456789abcdef0123456789abcdef01234567"
	sha256Digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestF57_Sizes(t *testing.T) {
	for size, ok := range map[string]bool{
		"0": true, "1": true, "8796093022208": true, "-1": false, "1.5": false, "1e30": false, `"12"`: false, "9223372036854775807": false, "null": false, "8796093022209": false,
		"99999999999999999999": false, "{}": false,
	} {
		_, err := listed(t, fmt.Sprintf(`[{"type":"file","path":"a","oid":%q,"size":%s}]`, sha1Digits, size))
		if (err == nil) != ok {
			t.Errorf("%s: %v", size, err)
		}
		if err != nil {
			expect(t, err, fault.Network, "acme/x")
		}
	}
}

func TestF58_Hashes(t *testing.T) {
	for _, c := range []struct {
		oid  string
		want downloader.Hash
		ok   bool
	}{
		{sha256Digits, downloader.Hash("sha256:" + sha256Digits), true},
		{strings.ToUpper(sha256Digits), downloader.Hash("sha256:" + sha256Digits), true},
		{strings.Repeat("*", 64), "", true},
		{"", "", true},
		{sha256Digits[1:], "", false},
		{strings.Repeat("x", 64), "", false},
		{sha1Digits, "", false},
	} {
		r, err := listed(t, fmt.Sprintf(`[{"type":"file","path":"a","oid":%q,"size":1,"lfs":{"oid":%q,"size":7}}]`, sha1Digits, c.oid))
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.oid, err)
			continue
		}
		if err != nil {
			expect(t, err, fault.Network, "the hash of")
		} else if r.Tree[0].Hash != c.want || r.Tree[0].Size != 7 {
			t.Errorf("%q: %+v", c.oid, r.Tree[0])
		}
	}
}

func TestF59_PagesWithoutEnd(t *testing.T) {
	for name, link := range map[string]func(h *fakehub.Hub, req int) string{
		"the same": func(h *fakehub.Hub, _ int) string {
			return h.URL + "/api/models/acme/many/tree/x?cursor=1"
		},
		"to and fro": func(h *fakehub.Hub, n int) string {
			return fmt.Sprintf("%s/api/models/acme/many/tree/x?cursor=%d", h.URL, n%2)
		},
		"ever new": func(h *fakehub.Hub, n int) string {
			return fmt.Sprintf("%s/api/models/acme/many/tree/x?cursor=%d", h.URL, n)
		},
		"elsewhere": func(*fakehub.Hub, int) string { return "https://evil.example/list" },
		"with a user": func(h *fakehub.Hub, _ int) string {
			return strings.Replace(h.URL, "://", "://me@", 1) + "/api/x"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := fakehub.New(t, fakehub.Standard())
			n := 0
			h.Fault(fakehub.Tree, func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
				n++ // one request at a time
				w.Header().Set("Link", "<"+link(h, n)+`>; rel="next"`)
				fmt.Fprint(w, "[]")
			})
			_, err := reach(t, h, Options{Token: fakehub.Ann}).Open(t.Context(), "acme/many", "")
			expect(t, err, fault.Network, "the list of files")
			if n > maxPages {
				t.Errorf("%d pages", n)
			}
		})
	}
}

func TestF88_PagesOfAMirrorThatNamesTheHub(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard(), fakehub.PageSize(700), fakehub.Prefix("/hf"))
	h.Fault(fakehub.Tree, fakehub.Header(func(head http.Header) {
		head.Set("Link", strings.Replace(head.Get("Link"), h.URL, "https://huggingface.co", 1))
	}))
	if r := open(t, reach(t, h, Options{}), "acme/many"); len(r.Tree) != 2500 {
		t.Errorf("%d files", len(r.Tree))
	}
	h.AssertCount(t, fakehub.Tree, 4)
}

func TestF60_FilesListedTwice(t *testing.T) {
	file := func(path, oid string) string {
		return fmt.Sprintf(`{"type":"file","path":%q,"oid":%q,"size":1}`, path, oid)
	}
	same := "[" + file("a", sha1Digits) + "," + file("a", sha1Digits) + "]"
	if r, err := listed(t, same); err != nil || len(r.Tree) != 1 {
		t.Errorf("the same twice: %+v, %v", r, err)
	}
	_, err := listed(t, "["+file("a", sha1Digits)+","+file("a", strings.Repeat("0", 40))+"]")
	expect(t, err, fault.Network, "twice")
}

func TestF54_NamesThatLeadElsewhere(t *testing.T) {
	for _, path := range []string{"../../x.gguf", "/etc/x.gguf", `a\..\x.gguf`, "C:/x.gguf", "aux.gguf", "a\u202ex.gguf", "a//x.gguf", "..%2fx.gguf"} {
		name, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := listed(t, fmt.Sprintf(`[{"type":"file","path":%s,"oid":%q,"size":1,"lfs":{"oid":%q,"size":7}}]`, name, sha1Digits, sha256Digits))
		if err != nil {
			t.Fatal(err)
		}
		g, err := r.GGUF("")
		if err != nil {
			continue // not even seen
		}
		_, err = r.Files(t.Context(), g.Weights...)
		expect(t, err, fault.Refused, "acme/x")
	}
}

func TestF56_NamesThatMeet(t *testing.T) {
	r, err := listed(t, fmt.Sprintf(`[{"type":"file","path":"A.txt","oid":%q,"size":1},{"type":"file","path":"a.TXT","oid":%q,"size":1}]`, sha1Digits, sha1Digits))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Files(t.Context(), r.Tree...)
	expect(t, err, fault.Refused, "the same file on some systems")
}

func TestNextLink(t *testing.T) {
	for header, want := range map[string]string{
		`<https://x/a?b=c,d;e>; rel="next"`:                           "https://x/a?b=c,d;e",
		`<https://x/p>; rel=prev, <https://x/n>; title="n"; rel=next`: "https://x/n",
		`<https://x/n>; REL="last NEXT"`:                              "https://x/n",
		`<https://x/n>; rel="nextish"`:                                "",
		`<https://x/n>`:                                               "",
		`https://x/n; rel="next"`:                                     "",
		`<https://x/n; rel="next"`:                                    "",
		``:                                                            "",
		`<>; rel="next"`:                                              "",
	} {
		if got := nextLink([]string{header}); got != want {
			t.Errorf("%s: %q, not %q", header, got, want)
		}
	}
	if got := nextLink([]string{"<a>; rel=prev", "<b>; rel=next"}); got != "b" {
		t.Errorf("of two headers: %q", got)
	}
}
