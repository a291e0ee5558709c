// Package huggingface finds models on the Hugging Face Hub, or a mirror of it, and
// says what to fetch.
//
// A [Hub] opens a [Repo] at one commit, which stays the same whatever happens to its
// branches. Of its files, [Repo.GGUF] and [Repo.Source] choose those that make a
// model, and [Repo.Files] makes of them what downloader fetches, each with the size
// and the hash that its bytes must have.
//
// The token goes to the hub alone, and everything that comes from there is checked:
// names, sizes and listings as well as bytes.
package huggingface

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

// Home is the hub's address.
const Home = "https://huggingface.co"

// Options say how a hub is reached. The zero value asks Hugging Face without a token.
type Options struct {
	Endpoint  string // of the hub or a mirror, "" is [Home]; it may have a path
	Token     string // "" for none
	TokenFrom string // where the token is from, for messages
	// SendToken has the token sent to a mirror as well. Otherwise only Hugging Face
	// gets it, and a server on this machine.
	SendToken bool
	Offline   bool // nothing is sent
}

// A Hub is the Hugging Face Hub as one user sees it. It may be used from any goroutine.
type Hub struct {
	client *downloader.Client
	base   *url.URL // without a slash at the end of its path
	o      Options
	send   bool // the token
}

// New makes a Hub that is reached with a client.
func New(c *downloader.Client, o Options) (*Hub, error) {
	if o.Endpoint == "" {
		o.Endpoint = Home
	}
	base, err := url.Parse(strings.TrimRight(o.Endpoint, "/"))
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, &fault.Error{
			Kind: fault.Refused, Msg: fmt.Sprintf("reach the hub: its endpoint %.60q is not a URL", withoutUser(o.Endpoint)),
			Advice: "Set HF_ENDPOINT to something like https://hub.example.org, or leave it out.",
		}
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &fault.Error{
			Kind: fault.Denied, Msg: fmt.Sprintf("sign in to %s: %s does not have a valid token", base.Host, o.from()),
			Advice: "A token is one word that begins with hf_; there is a page for them at " + Home + "/settings/tokens.",
		}
	}
	h := &Hub{client: c, base: base, o: o}
	h.send = o.Token != "" && (o.SendToken || h.own() || onThisMachine(base.Hostname()))
	return h, nil
}

// withoutUser leaves out of an address what comes before its host.
func withoutUser(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// own reports whether the hub is Hugging Face's.
func (h *Hub) own() bool {
	switch strings.ToLower(h.base.Hostname()) {
	case "huggingface.co", "www.huggingface.co", "hf.co":
		return h.base.Scheme == "https" && (h.base.Port() == "" || h.base.Port() == "443")
	}
	return false
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Anonymous is the hub as a user without a token sees it. A token that is wrong or has
// expired is refused even where none is needed.
func (h *Hub) Anonymous() *Hub {
	a := *h
	a.send, a.o.Token = false, ""
	return &a
}

// Trusted is the hub with the token sent to it, also where it is a mirror.
func (h *Hub) Trusted() *Hub {
	a := *h
	a.send = a.o.Token != ""
	return &a
}

// at is an address of the hub, of a path that is escaped already.
func (h *Hub) at(path string) (*url.URL, error) { return url.Parse(h.base.String() + path) }

// request asks for an address of the hub, with the token if it may be sent there.
func (h *Hub) request(u *url.URL) (*http.Request, error) {
	if h.o.Offline {
		return nil, &fault.Error{
			Kind: fault.Offline, Msg: fmt.Sprintf("ask %s: HF_HUB_OFFLINE says that nothing may be sent", h.base.Host),
			Advice: "Use what is on this machine, or unset HF_HUB_OFFLINE.",
		}
	}
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
	if h.send && downloader.SameOrigin(u, h.base) {
		req.Header.Set("Authorization", "Bearer "+h.o.Token)
	}
	return req, nil
}

const (
	maxListing = 64 << 20 // bytes of an answer
	jsonTries  = 3        // of one that does not come whole
)

// ask reads an answer of the API into v. What is asked for says so in errors.
func (h *Hub) ask(ctx context.Context, u *url.URL, about subject, v any) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := h.askOnce(ctx, u, about, v)
		if err == nil || try == jsonTries || !errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
			return resp, err
		}
	}
}

func (h *Hub) askOnce(ctx context.Context, u *url.URL, about subject, v any) (*http.Response, error) {
	req, err := h.request(u)
	if err != nil {
		return nil, err
	}
	resp, err := h.client.Do(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", about.repo, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, h.explain(ctx, resp, about)
	}
	if err := downloader.LoginPage(resp); err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("open %s: %w", about.repo, err)
	}
	data, err := downloader.ReadBody(resp, maxListing)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", about.repo, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(data)) { // it was cut
			err = io.ErrUnexpectedEOF
		}
		return nil, h.nonsense(about, "its answer cannot be read", err)
	}
	return resp, nil
}

// nonsense is the error of an answer that makes no sense.
func (h *Hub) nonsense(about subject, why string, err error) error {
	return &fault.Error{
		Kind: fault.Network, Cause: err,
		Msg:    fmt.Sprintf("open %s: %s answers what a hub does not: %s", about.repo, h.base.Host, why),
		Advice: "Try again; if it stays, look at HF_ENDPOINT, or at the proxy on the way.",
	}
}
