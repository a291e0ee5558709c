// Package huggingface finds models on the Hugging Face Hub, or on a mirror of it.
//
// A [Hub] opens a [Repo] at one commit. [Repo.GGUF] and [Repo.Source] select the files of a
// model, and [Repo.Files] returns them for the downloader, with their sizes and hashes.
//
// Only the hub gets the token. All names, sizes and listings of the hub are validated.
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

// Home is the URL of the hub.
const Home = "https://huggingface.co"

// Options configure a hub. The zero value is Hugging Face without a token.
type Options struct {
	Endpoint  string // the URL of the hub or a mirror, with an optional path; "" is [Home]
	Token     string // may be empty
	TokenFrom string // the source of the token, for messages
	// SendToken sends the token to a mirror, too. Otherwise only Hugging Face and servers
	// on this machine get it.
	SendToken bool
	Offline   bool // every request fails
}

// A Hub is a client of the Hugging Face Hub. It may be used from any goroutine.
type Hub struct {
	client *downloader.Client
	base   *url.URL // without a slash at the end of its path
	o      Options
	send   bool // whether to send the token
}

// New makes a Hub that sends its requests with a client.
func New(c *downloader.Client, o Options) (*Hub, error) {
	if o.Endpoint == "" {
		o.Endpoint = Home
	}
	base, err := url.Parse(strings.TrimRight(o.Endpoint, "/"))
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fault.Advise(fault.Errorf(fault.Refused, "invalid hub URL %.60q", withoutUser(o.Endpoint)),
			"Set HF_ENDPOINT to a URL such as https://hub.example.org, or unset it.")
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.Advise(fault.Errorf(fault.Denied, "sign in to %s: %s has no valid token", base.Host, o.tokenSource()),
			"A token is one word that begins with hf_. Create one at "+tokensPage+".")
	}
	h := &Hub{client: c, base: base, o: o}
	h.send = o.Token != "" && (o.SendToken || h.isHuggingFace() || isLocal(base.Hostname()))
	return h, nil
}

// withoutUser removes what precedes the host of a URL.
func withoutUser(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// isHuggingFace reports whether the hub is Hugging Face's.
func (h *Hub) isHuggingFace() bool {
	switch strings.ToLower(h.base.Hostname()) {
	case "huggingface.co", "www.huggingface.co", "hf.co":
		return h.base.Scheme == "https" && (h.base.Port() == "" || h.base.Port() == "443")
	}
	return false
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Anonymous returns the hub without a token. An invalid token is refused even if none is needed.
func (h *Hub) Anonymous() *Hub {
	a := *h
	a.send, a.o.Token = false, ""
	return &a
}

// Trusted returns the hub with the token, even if it is a mirror.
func (h *Hub) Trusted() *Hub {
	a := *h
	a.send = a.o.Token != ""
	return &a
}

// url returns a URL of the hub. The path must be escaped.
func (h *Hub) url(path string) (*url.URL, error) { return url.Parse(h.base.String() + path) }

// request makes a request to the hub, with the token if the URL may get it.
func (h *Hub) request(u *url.URL) (*http.Request, error) {
	if h.o.Offline {
		return nil, fault.Advise(fault.Errorf(fault.Offline, "connect to %s: HF_HUB_OFFLINE is set", h.base.Host),
			"Use an installed model, or unset HF_HUB_OFFLINE.")
	}
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
	if h.send && downloader.SameOrigin(u, h.base) {
		req.Header.Set("Authorization", "Bearer "+h.o.Token)
	}
	return req, nil
}

const (
	maxListing = 64 << 20 // bytes of a response
	jsonTries  = 3        // for a truncated response
)

// ask reads a response of the API into v.
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
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(data)) { // truncated
			err = io.ErrUnexpectedEOF
		}
		return nil, h.protocolError(about, "invalid JSON", err)
	}
	return resp, nil
}

// protocolError makes the error of an invalid response.
func (h *Hub) protocolError(about subject, why string, err error) error {
	return &fault.Error{
		Kind: fault.Network, Cause: err,
		Msg:    fmt.Sprintf("open %s: unexpected response of %s: %s", about.repo, h.base.Host, why),
		Advice: "Try again. If the error persists, check HF_ENDPOINT, or the proxy.",
	}
}
