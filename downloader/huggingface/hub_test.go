package huggingface

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// reach makes a Hub that reaches a fake one.
func reach(t *testing.T, h *fakehub.Hub, o Options) *Hub {
	t.Helper()
	if o.Endpoint == "" {
		o.Endpoint = h.URL
	}
	hub, err := New(downloader.New(downloader.Options{UserAgent: "bise/test", Dial: h.Dial}), o)
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

func open(t *testing.T, hub *Hub, id string) *Repo {
	t.Helper()
	r, err := hub.Open(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kindOf is the kind of an error, and what it says to people.
func kindOf(err error) (kind fault.Kind, text string) {
	var e *fault.Error
	if !errors.As(err, &e) {
		return "", fmt.Sprint(err)
	}
	return e.Kind, err.Error() + ". " + e.Advice
}

// expect holds that an error has a kind, and some stringList.
func expect(t *testing.T, err error, want fault.Kind, stringList ...string) {
	t.Helper()
	kind, text := kindOf(err)
	if kind != want {
		t.Errorf("kind %q: %s", kind, text)
	}
	for _, w := range stringList {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in: %s", w, text)
		}
	}
	for _, token := range []string{fakehub.Ann, fakehub.Bob, fakehub.Cat, fakehub.Dan, fakehub.Eve} {
		if strings.Contains(text, token) {
			t.Errorf("the token is in: %s", text)
		}
	}
}

func TestOpen(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	for id, files := range map[string]int{"acme/tiny": 20, "acme/many": 2500, "solo": 4, "acme/gated": 4} {
		r := open(t, reach(t, h, Options{}), id)
		if r.ID != id || len(r.Tree) != files || !commit.MatchString(r.Commit) {
			t.Errorf("%s: %s at %s with %d files", id, r.ID, r.Commit, len(r.Tree))
		}
	}
	r := open(t, reach(t, h, Options{}), "acme/licence-mrl")
	if r.Card.LicenceID() != "mrl" || r.Card.LicenceLink != "https://mistral.ai/licenses/MRL-0.1.md" {
		t.Errorf("%+v", r.Card)
	}
	r = open(t, reach(t, h, Options{}), "acme/plain")
	if r.Card.LicenceID() != "apache-2.0" || len(r.Card.Base) != 1 || r.Gated != "" {
		t.Errorf("%+v", r)
	}
	if r = open(t, reach(t, h, Options{}), "acme/nolicence"); r.Card.LicenceID() != "" {
		t.Errorf("%+v", r.Card)
	}
	h.AssertManners(t)
}

func TestF62_RenamedRepository(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r, err := reach(t, h, Options{Token: fakehub.Ann}).Open(t.Context(), "acme/old", "main")
	if err != nil || r.ID != "acme/tiny" || r.RequestedID != "acme/old" {
		t.Fatalf("%+v, %v", r, err)
	}
	last := h.Log()[len(h.Log())-1]
	if !strings.Contains(last.URI, "acme/tiny/tree/") || last.Header.Get("Authorization") == "" {
		t.Errorf("%s with %v", last.URI, last.Header)
	}
}

func TestRevisions(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	hub := reach(t, h, Options{})
	pr, err := hub.Open(t.Context(), "acme/tiny", "refs/pr/1")
	if err != nil || len(pr.Tree) != 4 {
		t.Fatalf("%+v, %v", pr, err)
	}
	again, err := hub.Open(t.Context(), "acme/tiny", pr.Commit)
	if err != nil || again.Commit != pr.Commit {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = hub.Open(t.Context(), "acme/tiny", "mian")
	expect(t, err, fault.Missing, "acme/tiny@mian", "no such branch", "Did you mean main?")
	_, err = hub.Open(t.Context(), "acme/tiny", "v9.9-of-something-else")
	expect(t, err, fault.Missing, "It has main.")
	for _, rev := range []string{"a\nb", strings.Repeat("x", 300)} {
		_, err = hub.Open(t.Context(), "acme/tiny", rev)
		expect(t, err, fault.Refused)
	}
}

func TestNamesOfRepositories(t *testing.T) {
	hub := reach(t, fakehub.New(t), Options{})
	for _, id := range []string{
		"", "/", "a/b/c", "a//b", "../x", "a/..", "a b/c", "a/b?x", "a/b#c", "a--b/c", "-a/b", "a/b.", "a/b.git", "a/" + strings.Repeat("x", 97), "a\n/b", "a/b%2fc",
	} {
		_, err := hub.Open(t.Context(), id, "")
		expect(t, err, fault.Refused, "is not a repository")
	}
}

func TestF36_TheGateInFiveWays(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	seen := map[string]bool{}
	for _, c := range []struct{ token, says string }{
		{"", "sign in and accept their terms"},
		{fakehub.Bob, "accept their terms first"},
		{fakehub.Cat, "is pending"},
		{fakehub.Dan, "have rejected"},
		{fakehub.Eve, "revoked your access"},
	} {
		r := open(t, reach(t, h, Options{Token: c.token}), "acme/gated")
		e, ok := r.Entry("model-Q4_K_M.gguf")
		if !ok || e.Hash != "" || e.Size == 0 {
			t.Fatalf("what is listed to those without access: %+v", e)
		}
		before := h.Count(fakehub.Resolve)
		_, err := r.Files(t.Context(), e)
		expect(t, err, fault.Licence, c.says)
		if !errors.Is(err, ErrGated) {
			t.Errorf("%v is not ErrGated", err)
		}
		if n := h.Count(fakehub.Resolve) - before; n != 1 {
			t.Errorf("%d requests", n)
		}
		_, text := kindOf(err)
		if seen[text] {
			t.Errorf("said twice: %s", text)
		}
		seen[text] = true
	}
	h.Fault(fakehub.Resolve, fakehub.Status(403, "", "X-Error-Message", "Please enable access to public gated repositories in your fine-grained token settings to view this repository."))
	r := open(t, reach(t, h, Options{Token: fakehub.Ann}), "acme/plain")
	_, err := r.Read(t.Context(), r.Tree[0], 1<<20)
	expect(t, err, fault.Licence, "allow it to read public gated repositories")
	h.AssertNoTokenLeak(t)
}

func TestGatedWithAccess(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{Token: fakehub.Ann}), "acme/gated")
	e, _ := r.Entry("model-Q4_K_M.gguf")
	files, err := r.Files(t.Context(), e)
	if err != nil || files[0].Hash == "" {
		t.Fatalf("%+v, %v", files, err)
	}
	if r.Gated != "manual" {
		t.Errorf("gated %q", r.Gated)
	}
}

func TestLicenceIsReadBeforeTheGate(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{}), "acme/gated")
	text, name, err := r.Licence(t.Context())
	if err != nil || string(text) != "Be good.\n" || name != "LICENSE" {
		t.Errorf("%q in %q, %v", text, name, err)
	}
	text, name, err = open(t, reach(t, h, Options{}), "acme/nolicence").Licence(t.Context())
	if text != nil || name != "" || err != nil {
		t.Errorf("%q in %q, %v", text, name, err)
	}
}

func TestF37_AStaleToken(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	hub := reach(t, h, Options{Token: "hf_expiredExpiredExpiredExpired1234", TokenFrom: "HF_TOKEN"})
	_, err := hub.Open(t.Context(), "acme/tiny", "")
	expect(t, err, fault.Denied, "hf_…1234", "HF_TOKEN", "use none")
	if !errors.Is(err, ErrToken) {
		t.Errorf("%v is not ErrToken", err)
	}
	if _, err := hub.Anonymous().Open(t.Context(), "acme/tiny", ""); err != nil {
		t.Errorf("without the token: %v", err)
	}
}

func TestF38_WhatIsNotThere(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	for _, id := range []string{"acme/none", "acme/private"} {
		_, err := reach(t, h, Options{}).Open(t.Context(), id, "")
		expect(t, err, fault.Missing, "does not exist or is private", "HF_TOKEN")
		_, err = reach(t, h, Options{Token: fakehub.Bob}).Open(t.Context(), id, "")
		expect(t, err, fault.Missing, "token does not give access")
	}
	_, err := reach(t, h, Options{}).Open(t.Context(), "acme/disabled", "")
	expect(t, err, fault.Missing, "disabled it")
	if r := open(t, reach(t, h, Options{Token: fakehub.Ann}), "acme/private"); len(r.Tree) != 4 {
		t.Errorf("%d files", len(r.Tree))
	}
	r := open(t, reach(t, h, Options{}), "acme/tiny")
	_, err = r.Read(t.Context(), Entry{Path: "gone.json", Size: 3}, 100)
	expect(t, err, fault.Missing, "gone.json of acme/tiny", "no such file")
}

func TestF35_TokenRevokedInMidRun(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{Token: fakehub.Ann}), "acme/private")
	files, err := r.Files(t.Context(), r.Tree...)
	if err != nil {
		t.Fatal(err)
	}
	h.Revoke(fakehub.Ann)
	_, err = files[0].Locate(t.Context())
	expect(t, err, fault.Denied, "refuses the token")
}

func TestF46_LoginPages(t *testing.T) {
	for _, route := range []fakehub.Route{fakehub.Info, fakehub.Tree, fakehub.Resolve} {
		h := fakehub.New(t, fakehub.Standard())
		h.Fault(route, fakehub.HTML())
		r, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
		if err == nil {
			e, _ := r.Entry("config.json")
			_, err = r.Read(t.Context(), e, 100)
		}
		expect(t, err, fault.Network, "got a web page instead")
	}
}

func TestF47_OddStatuses(t *testing.T) {
	for _, status := range []int{204, 206, 299, 400, 402, 405, 410, 418, 451, 999} {
		h := fakehub.New(t, fakehub.Standard())
		h.Fault(fakehub.Info, fakehub.Status(status, ""))
		_, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
		if kind, text := kindOf(err); kind == "" || !strings.Contains(text, "acme/tiny") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestF50_AConnectionThatIsClosedJustThen(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Info, fakehub.HangUp(), fakehub.Times(1))
	open(t, reach(t, h, Options{}), "acme/tiny")
}

func TestF34_PackedAnswers(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Tree, fakehub.Gzip())
	_, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
	expect(t, err, fault.Network, "acme/tiny")
}

func TestF52_BadJSON(t *testing.T) {
	cut := fakehub.JSON(func(b []byte) []byte { return b[:len(b)/2] })
	for _, route := range []fakehub.Route{fakehub.Info, fakehub.Tree} {
		for name, broken := range map[string]fakehub.Fault{
			"cut": cut, "nothing": fakehub.Replace(""), "null": fakehub.Replace("null"), "the other kind": fakehub.Replace(map[bool]string{true: "[]", false: "{}"}[route == fakehub.Info]),
			"BOM": fakehub.Replace("\ufeff{}"), "NaN": fakehub.Replace(`{"sha":NaN}`), "deep": fakehub.Replace(strings.Repeat("[", 100_000)), "text": fakehub.Replace(`"x"`),
		} {
			h := fakehub.New(t, fakehub.Standard())
			h.Fault(route, broken)
			r, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
			if name == "null" && route == fakehub.Tree && err == nil && len(r.Tree) == 0 {
				continue // as good as an empty list
			}
			expect(t, err, fault.Network, "acme/tiny", "unexpected response")
			if want := map[bool]int{true: jsonTries, false: 1}[name == "cut" || name == "nothing" || name == "deep"]; h.Count(route) > want {
				t.Errorf("%s: asked %d times for %s", name, h.Count(route), route)
			}
		}
		h := fakehub.New(t, fakehub.Standard())
		h.Fault(route, cut, fakehub.Times(1))
		open(t, reach(t, h, Options{}), "acme/tiny")
	}
}

func TestF53_AnswersWithoutEnd(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	h.Fault(fakehub.Tree, fakehub.Endless(" "))
	_, err := reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
	expect(t, err, fault.Network, "more than")
}

func TestF63_AnotherCommit(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	other := strings.Repeat("a", 40)
	r := open(t, reach(t, h, Options{}), "acme/tiny")
	h.Fault(fakehub.Resolve, fakehub.Header(func(h http.Header) { h.Set("X-Repo-Commit", other) }))
	_, err := r.Read(t.Context(), r.Tree[0], 1<<20)
	expect(t, err, fault.Network, other, r.Commit)
	h.Fault(fakehub.Info, fakehub.JSON(func(b []byte) []byte { return []byte(strings.Replace(string(b), r.Commit, other, 1)) }))
	_, err = reach(t, h, Options{}).Open(t.Context(), "acme/tiny", r.Commit)
	expect(t, err, fault.Network, "missing or wrong")
	h.Reset()
	h.Fault(fakehub.Info, fakehub.Replace(`{"sha":"main"}`))
	_, err = reach(t, h, Options{}).Open(t.Context(), "acme/tiny", "")
	expect(t, err, fault.Network, "missing or wrong")
}

func TestF90_OfflineSendsNothing(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{}), "acme/tiny")
	files, err := r.Files(t.Context(), r.Tree...)
	if err != nil {
		t.Fatal(err)
	}
	asked := len(h.Log())
	dials := 0
	client := downloader.New(downloader.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		return h.Dial(ctx, network, addr)
	}})
	hub, err := New(client, Options{Endpoint: h.URL, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = hub.Open(t.Context(), "acme/tiny", "")
	expect(t, err, fault.Offline, "HF_HUB_OFFLINE")
	r.hub = hub
	_, err = files[0].Locate(t.Context())
	expect(t, err, fault.Offline)
	if dials != 0 || len(h.Log()) != asked {
		t.Errorf("%d connections, %d requests", dials, len(h.Log())-asked)
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "https://hub.example.org": true, "https://hub.example.org/hf/": true, "http://127.0.0.1:80": true,
		"hub.example.org": false, "ftp://x": false, "https://": false, "https://u:secret@x": false, "https://x?y": false, "file:///x": false, "%": false,
	} {
		_, err := New(downloader.New(downloader.Options{}), Options{Endpoint: endpoint})
		if (err == nil) != ok {
			t.Errorf("%q: %v", endpoint, err)
		}
		if err != nil {
			expect(t, err, fault.Refused, "HF_ENDPOINT")
			if _, text := kindOf(err); strings.Contains(text, "secret") {
				t.Errorf("a password is shown: %s", text)
			}
		}
	}
}

func TestTokensThatAreNone(t *testing.T) {
	for _, token := range []string{"Bearer hf_x", "hf_x\ny", "hf_ä", "\"hf_x\" "} {
		_, err := New(downloader.New(downloader.Options{}), Options{Token: token, TokenFrom: "HF_TOKEN"})
		expect(t, err, fault.Denied, "HF_TOKEN", "has no valid token")
	}
}

func TestF88_MirrorsDoNotGetTheToken(t *testing.T) {
	for _, c := range []struct {
		name string
		send bool
		sent bool
	}{
		{"hub.test", false, false},
		{"hub.test", true, true},
		{"127.0.0.1", false, true},
	} {
		h := fakehub.New(t, fakehub.Standard(), fakehub.Names(c.name, "cdn.test"), fakehub.Prefix("/hf"))
		r := open(t, reach(t, h, Options{Token: fakehub.Ann, SendToken: c.send}), "acme/tiny")
		e, _ := r.Entry("tiny-Q4_K_M.gguf")
		files, err := r.Files(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := files[0].Locate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, e := range h.Log() {
			if sent := e.Header.Get("Authorization") != ""; sent != c.sent {
				t.Errorf("%s as %s: token sent %t", e.Line(), c.name, sent)
			}
		}
		if c.sent {
			continue
		}
		_, err = reach(t, h, Options{Token: fakehub.Ann}).Open(t.Context(), "acme/private", "")
		expect(t, err, fault.Denied, "your token is not sent to hub.test")
		gated := open(t, reach(t, h, Options{Token: fakehub.Ann}), "acme/gated")
		e, _ = gated.Entry("model-Q4_K_M.gguf")
		_, err = gated.Files(t.Context(), e)
		expect(t, err, fault.Licence, "your token is not sent to hub.test", "HF_ENDPOINT")
	}
}
