package ollama

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

// ask sends a request to a registry. If the registry requires a token, ask gets one without and
// then with a signature. Redirects are followed or returned.
func (r *Registry) ask(ctx context.Context, name Name, u *url.URL, follow bool) (*http.Response, error) {
	send := func() (*http.Response, error) {
		req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
		req.Header.Set("Accept", dockerManifest+", "+ociManifest)
		r.mu.Lock()
		token := r.tokens[name.Host+"/"+name.Repo]
		r.mu.Unlock()
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		do := r.client.Send
		if follow {
			do = r.client.Do
		}
		resp, err := do(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		return resp, nil
	}
	resp, err := send()
	if err != nil {
		return nil, err
	}
	for _, signed := range []bool{false, true} {
		if resp.StatusCode != http.StatusUnauthorized || !downloader.SameOrigin(resp.Request.URL, u) {
			break
		}
		c, ok := findChallenge(resp.Header.Values("WWW-Authenticate"))
		if !ok {
			break
		}
		resp.Body.Close()
		realm, err := realmURL(c.realm, u)
		if err != nil {
			return nil, fault.Advise(fault.Errorf(fault.Refused, "open %s: %s asks for a sign-in on another server: %w", name, name.Host, err),
				"Do not trust this registry.")
		}
		token, refused, err := r.token(ctx, realm, c, signed)
		switch {
		case refused != nil && signed:
			return nil, explainSignIn(refused, name)
		case refused != nil:
			refused.Body.Close()
			continue
		case err != nil:
			return nil, fmt.Errorf("sign in to %s: %w", name.Host, err)
		}
		r.mu.Lock()
		r.tokens[name.Host+"/"+name.Repo] = token
		r.mu.Unlock()
		if resp, err = send(); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// A challenge is how a registry names its token server: RFC 6750, and
// https://distribution.github.io/distribution/spec/auth/token/.
type challenge struct {
	realm, service string
	scopes         []string
}

// findChallenge finds the challenge for a bearer token.
func findChallenge(headers []string) (challenge, bool) {
	for _, text := range headers {
		name, params, _ := strings.Cut(strings.TrimSpace(text), " ")
		if !strings.EqualFold(name, "Bearer") {
			continue
		}
		values := parameters(params)
		c := challenge{realm: values["realm"], service: values["service"], scopes: strings.Fields(values["scope"])}
		if c.realm != "" {
			return c, true
		}
	}
	return challenge{}, false
}

// parameters parses name="value" pairs, up to the next challenge. The first of a name counts.
func parameters(text string) map[string]string {
	values := map[string]string{}
	for {
		text = strings.TrimLeft(text, " ,\t")
		name, rest, ok := strings.Cut(text, "=")
		if !ok || strings.ContainsAny(name, " ,\t\"") {
			return values
		}
		var value string
		if quoted, is := strings.CutPrefix(rest, `"`); is {
			value, rest, ok = strings.Cut(quoted, `"`)
			if !ok {
				return values
			}
		} else if i := strings.IndexAny(rest, ", \t"); i >= 0 {
			value, rest = rest[:i], rest[i:]
		} else {
			value, rest = rest, ""
		}
		if name = strings.ToLower(name); values[name] == "" {
			values[name] = value
		}
		text = rest
	}
}

// tokenHosts are the token servers of registries with another name.
var tokenHosts = map[string][]string{
	"registry.ollama.ai":   {"ollama.com"},
	"hf.co":                {"huggingface.co"},
	"registry-1.docker.io": {"auth.docker.io"},
}

// realmURL parses the URL of a realm, which must be the registry or a known token server of it.
// Another server could use the signature to sign in as the user (CVE-2025-51471).
func realmURL(realm string, registry *url.URL) (*url.URL, error) {
	u, err := url.Parse(realm)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("the URL is invalid")
	}
	if u.Scheme != registry.Scheme {
		return nil, fmt.Errorf("the scheme is not %s", registry.Scheme)
	}
	if !downloader.SameOrigin(u, registry) && !(u.Port() == "" && slices.Contains(tokenHosts[strings.ToLower(registry.Host)], strings.ToLower(u.Host))) {
		return nil, fmt.Errorf("the host is %.80s", u.Host)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

const maxToken = 1 << 20 // bytes of a response

// token requests a token from a realm. It returns the response of a refusal.
func (r *Registry) token(ctx context.Context, realm *url.URL, c challenge, signed bool) (token string, refused *http.Response, err error) {
	q := realm.Query()
	if c.service != "" {
		q.Set("service", c.service)
	}
	for _, s := range c.scopes {
		q.Add("scope", s)
	}
	if signed {
		q.Set("ts", strconv.FormatInt(time.Now().Unix(), 10))
		q.Set("nonce", rand.Text())
	}
	realm.RawQuery = q.Encode()
	req := &http.Request{Method: http.MethodGet, URL: realm, Header: http.Header{}}
	if signed {
		auth, err := r.sign(realm)
		if err != nil {
			return "", nil, err
		}
		req.Header.Set("Authorization", auth)
	}
	resp, err := r.client.Send(ctx, req) // without redirects: the signature is for this URL
	if err != nil {
		return "", nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", resp, nil
	}
	data, err := downloader.ReadBody(resp, maxToken)
	if err != nil {
		return "", nil, err
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", nil, fmt.Errorf("read the token: %w", err)
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	if answer.Token == "" || strings.ContainsFunc(answer.Token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", nil, errors.New("the response has no token")
	}
	return answer.Token, nil, nil
}

// sign makes the Authorization header as Ollama does (its auth/auth.go): the public key, and a
// signature of the method, the URL and the hash of the empty body.
func (r *Registry) sign(u *url.URL) (string, error) {
	key, err := r.key()
	if err != nil {
		return "", err
	}
	empty := sha256.Sum256(nil)
	text := fmt.Sprintf("%s,%s,%s", http.MethodGet, u, base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(empty[:]))))
	signature, err := key.Sign(rand.Reader, []byte(text))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(key.PublicKey().Marshal()) + ":" + base64.StdEncoding.EncodeToString(signature.Blob), nil
}

// readKey reads a private key in OpenSSH's format, or makes one if the file does not exist.
func readKey(path string) (ssh.Signer, error) {
	text, err := readFile(path, 64<<10)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return ssh.NewSignerFromKey(key)
	}
	if err == nil {
		var key ssh.Signer
		if key, err = ssh.ParsePrivateKey(text); err == nil {
			return key, nil
		}
	}
	return nil, &fault.Error{Kind: fault.File, Cause: err, Msg: fmt.Sprintf("read the key %s: %v", path, err), Advice: "Ollama creates this file. Public models do not need it."}
}

func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
