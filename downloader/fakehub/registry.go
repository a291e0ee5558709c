package fakehub

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Media types of the registry's layers.
const (
	ManifestType  = "application/vnd.docker.distribution.manifest.v2+json"
	ConfigType    = "application/vnd.docker.container.image.v1+json"
	ModelLayer    = "application/vnd.ollama.image.model"
	TemplateLayer = "application/vnd.ollama.image.template"
	ParamsLayer   = "application/vnd.ollama.image.params"
	LicenseLayer  = "application/vnd.ollama.image.license"
)

// A Layer is a part of an image.
type Layer struct {
	MediaType string
	Content   Content
}

// Digest is "sha256:" and the hash of the layer's bytes.
func (l Layer) Digest() string {
	return "sha256:" + Of("", l.Content).SHA256()
}

// TextLayer is a layer of a text.
func TextLayer(mediaType, text string) Layer {
	return Layer{mediaType, bytes.NewReader([]byte(text))}
}

// An Image is a model in the registry. It is an [Option] of [New].
type Image struct {
	name     string // library/tiny:latest
	locked   string // "" is public, "key" needs a signature, "token" any token
	manifest []byte
	layers   []Layer
}

// Model is a public image with a name such as "library/tiny:latest".
func Model(name string, layers ...Layer) *Image {
	config := TextLayer(ConfigType, `{"model_format":"gguf","model_family":"llama","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	describe := func(l Layer) map[string]any {
		return map[string]any{"mediaType": l.MediaType, "digest": l.Digest(), "size": l.Content.Size()}
	}
	list := []any{}
	for _, l := range layers {
		list = append(list, describe(l))
	}
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ManifestType, "config": describe(config), "layers": list})
	if err != nil {
		panic("fakehub: " + err.Error())
	}
	return &Image{name: name, manifest: manifest, layers: slices.Concat(layers, []Layer{config})}
}

// Signed makes the registry require a token, which needs a signature.
func (i *Image) Signed() *Image { i.locked = "key"; return i }

// Docker makes the registry require a token, which every client gets, as Docker's does.
func (i *Image) Docker() *Image { i.locked = "token"; return i }

// Digest is the digest of the manifest.
func (i *Image) Digest() string {
	s := sha256.Sum256(i.manifest)
	return "sha256:" + hex.EncodeToString(s[:])
}

func (i *Image) apply(h *Hub) {
	h.models[i.name] = i
	for _, l := range i.layers {
		h.objects["/ollama/"+strings.TrimPrefix(l.Digest(), "sha256:")] = object{l.Digest(), l.Content}
	}
}

// registryError sends an error as registries do.
func registryError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	body, _ := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}}) // strings can be encoded
	w.Header().Set("Content-Type", "application/json")
	write(w, r, status, body)
}

func (h *Hub) answerRegistry(w http.ResponseWriter, r *http.Request, c *call) {
	if c.route == Realm {
		h.realm(w, r)
		return
	}
	image := h.image(c)
	if image == nil {
		registryError(w, r, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	h.mu.Lock()
	known := h.bearers[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	h.mu.Unlock()
	if image.locked != "" && !known {
		base := strings.TrimSuffix(h.URL, h.prefix)
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/v2/token",service="fakehub",scope="repository:%s:pull"`, base, c.id))
		registryError(w, r, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	if c.route == Manifest {
		w.Header().Set("Content-Type", ManifestType)
		write(w, r, http.StatusOK, image.manifest)
		return
	}
	at := "/ollama/" + strings.TrimPrefix(c.digest, "sha256:")
	o, ok := h.object(at)
	switch {
	case !ok:
		registryError(w, r, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
	case h.direct:
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(o.content, 0, o.content.Size()))
	default:
		w.Header().Set("Location", h.sign(at, "data"))
		write(w, r, http.StatusTemporaryRedirect, nil)
	}
}

// image is the image of a call; for a blob, any image of that name.
func (h *Hub) image(c *call) *Image {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.route == Manifest && !strings.HasPrefix(c.revision, "sha256:") {
		return h.models[c.id+":"+c.revision]
	}
	for _, i := range h.models {
		if name, _, _ := strings.Cut(i.name, ":"); name == c.id && (c.route == Layers || i.Digest() == c.revision) {
			return i
		}
	}
	return nil
}

// realm issues tokens, if the request has the signature that the image needs.
func (h *Hub) realm(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("scope"), "repository:"), ":")
	image := h.image(&call{route: Layers, id: name})
	if image == nil || image.locked == "key" && !h.isSigned(r) {
		registryError(w, r, http.StatusUnauthorized, "UNAUTHORIZED", "the signature is not right")
		return
	}
	token := rand.Text()
	h.mu.Lock()
	h.bearers[token] = true
	h.mu.Unlock()
	writeJSON(w, r, map[string]any{"token": token, "expires_in": 300})
}

// isSigned checks a signature as Ollama makes it: of method, URL and the hash of the
// empty body, with the key beside it.
func (h *Hub) isSigned(r *http.Request) bool {
	key, signature, ok := strings.Cut(r.Header.Get("Authorization"), ":")
	wire, err := base64.StdEncoding.DecodeString(key)
	sig, err2 := base64.StdEncoding.DecodeString(signature)
	if !ok || err != nil || err2 != nil {
		return false
	}
	var words [][]byte
	for len(wire) >= 4 {
		n := int(binary.BigEndian.Uint32(wire))
		if n < 0 || n > len(wire)-4 {
			return false
		}
		words, wire = append(words, wire[4:4+n]), wire[4+n:]
	}
	if len(words) != 2 || string(words[0]) != "ssh-ed25519" || len(words[1]) != ed25519.PublicKeySize {
		return false
	}
	empty := sha256.Sum256(nil)
	text := fmt.Sprintf("GET,%s%s,%s", strings.TrimSuffix(h.URL, h.prefix), r.URL.RequestURI(), base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(empty[:]))))
	return ed25519.Verify(words[1], []byte(text), sig)
}
