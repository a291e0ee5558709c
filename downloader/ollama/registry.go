// Package ollama finds models in registries that speak Ollama's protocol, which is that
// of container images: registry.ollama.ai, or a private one.
//
// A [Registry] opens an [Image] by its manifest, whose hash names all of it; its layers
// are files that downloader fetches, each named by its own hash.
// See https://github.com/opencontainers/distribution-spec.
package ollama

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

// The defaults of a name.
const (
	Home      = "registry.ollama.ai"
	namespace = "library"
	latest    = "latest"
)

// A Name is the name of an image.
type Name struct {
	Host string // with an optional port; "" is [Home]
	Repo string // namespace/model, or only the model
	Tag  string // a tag, or a digest of the manifest; "" is latest
}

// The rules for names are those of Ollama's types/model/name.go.
var (
	part   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$`)
	site   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})(:[0-9]{1,5})?$|^\[[0-9a-fA-F:]{2,45}\](:[0-9]{1,5})?$`)
	digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// normalize fills in the defaults, and validates the name.
func (n Name) normalize() (Name, error) {
	if n.Host == "" {
		n.Host = Home
	}
	if n.Tag == "" {
		n.Tag = latest
	}
	if !strings.Contains(n.Repo, "/") {
		n.Repo = namespace + "/" + n.Repo
	}
	space, model, _ := strings.Cut(n.Repo, "/")
	if !site.MatchString(n.Host) || !part.MatchString(space) || strings.Contains(space, ".") || !part.MatchString(model) ||
		!part.MatchString(n.Tag) && !digest.MatchString(n.Tag) {
		return n, fault.Advise(fault.Errorf(fault.Refused, "invalid model name %.100q", n.Host+"/"+n.Repo+":"+n.Tag),
			"A model has a name and a tag, such as mistral:7b.")
	}
	return n, nil
}

// String is the short form of the name.
func (n Name) String() string {
	text := strings.TrimPrefix(n.Repo, namespace+"/")
	if n.Host != "" && n.Host != Home {
		text = n.Host + "/" + n.Repo
	}
	if n.Tag == "" || n.Tag == latest {
		return text
	}
	if digest.MatchString(n.Tag) {
		return text + "@" + n.Tag
	}
	return text + ":" + n.Tag
}

// A Registry is a client of registries. It may be used from any goroutine.
type Registry struct {
	client *downloader.Client
	key    func() (ssh.Signer, error)

	mu     sync.Mutex
	tokens map[string]string // by host and repository
}

// New makes a Registry that sends its requests with a client. It signs in with the OpenSSH key
// at keyPath, such as Ollama's ~/.ollama/id_ed25519. Without that file it makes a temporary
// key, which is enough for public models.
func New(c *downloader.Client, keyPath string) *Registry {
	return &Registry{client: c, key: sync.OnceValues(func() (ssh.Signer, error) { return readKey(keyPath) }), tokens: map[string]string{}}
}

// scheme is https, or http for this machine, whose servers seldom have a certificate.
func scheme(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if ip := net.ParseIP(name); strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback() {
		return "http"
	}
	return "https"
}

// url is a URL of the registry.
func (n Name) url(kind, what string) *url.URL {
	host := n.Host
	if strings.EqualFold(host, "docker.io") { // the usual name
		host = "registry-1.docker.io"
	}
	return &url.URL{Scheme: scheme(host), Host: host, Path: "/v2/" + n.Repo + "/" + kind + "/" + what}
}

// Open opens an image.
func (r *Registry) Open(ctx context.Context, name Name) (*Image, error) {
	name, err := name.normalize()
	if err != nil {
		return nil, err
	}
	resp, err := r.ask(ctx, name, name.url("manifests", name.Tag), true)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, explain(resp, name)
	}
	if err := downloader.LoginPage(resp); err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	data, err := downloader.ReadBody(resp, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	sum := sha256.Sum256(data)
	image := &Image{Name: name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Manifest: data, registry: r}
	for _, expected := range []string{resp.Header.Get("Docker-Content-Digest"), name.Tag} {
		if digest.MatchString(expected) && expected != image.Digest {
			return nil, protocolError(name, "the manifest has the wrong hash", nil)
		}
	}
	if err := image.parse(data); err != nil {
		return nil, err
	}
	return image, nil
}

// protocolError makes the error of an invalid response.
func protocolError(name Name, why string, err error) error {
	return &fault.Error{
		Kind: fault.Network, Cause: err, Msg: fmt.Sprintf("open %s: unexpected response of %s: %s", name, name.Host, why),
		Advice: "Try again. If the error persists, the registry or a proxy is broken.",
	}
}
