package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

// The kinds of layers: what stands behind application/vnd.ollama.image. in their media
// types.
const (
	Model     = "model"     // GGUF
	Projector = "projector" // GGUF of the vision encoder
	Adapter   = "adapter"   // GGUF of a LoRA
	Template  = "template"  // of Go's text/template
	System    = "system"    // a prompt
	Params    = "params"    // JSON
	Licence   = "license"   // text; there may be several
	tensor    = "tensor"    // one of a model that is none in GGUF
)

// kinds are those of media types whose name alone does not tell.
var kinds = map[string]string{
	"application/vnd.ollama.image.prompt": Template,
	"application/vnd.docker.ai.gguf.v3":   Model,
	"application/vnd.docker.ai.license":   Licence,
	"application/vnd.docker.ai.mmproj":    Projector,
}

// An Image is a model with what belongs to it.
type Image struct {
	Name     Name
	Digest   string // of the manifest: "sha256:" and 64 hex digits
	Manifest []byte // as it came
	Layers   []Layer

	registry *Registry
}

// A Layer is a file of an image.
type Layer struct {
	Kind   string // [Model], [Licence], …; a media type that is not known stands whole
	Digest string // "sha256:" and 64 hex digits
	Size   int64  // bytes
}

// Bounds of a manifest, far above what is published.
const (
	maxManifest = 4 << 20 // bytes
	maxLayers   = 4096
	maxLayer    = 8 << 40 // bytes
)

// Media types of manifests; OCI's has the same shape as Docker's.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
)

// parse reads a manifest.
func (i *Image) parse(data []byte) error {
	var m struct {
		MediaType string `json:"mediaType"`
		Layers    []struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
			Size      *int64 `json:"size"`
		} `json:"layers"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nonsense(i.Name, "its manifest cannot be read", err)
	}
	if kind := bare(m.MediaType); kind != "" && kind != dockerManifest && kind != ociManifest || len(m.Manifests) > 0 {
		return &fault.Error{
			Kind: fault.Refused, Msg: fmt.Sprintf("open %s: it is not a model, but %.80q", i.Name, kind),
			Advice: "Name the tag of one model.",
		}
	}
	if len(m.Layers) == 0 || len(m.Layers) > maxLayers {
		return nonsense(i.Name, fmt.Sprintf("its manifest has %d layers", len(m.Layers)), nil)
	}
	sizes := map[string]int64{}
	for _, l := range m.Layers {
		switch size, twice := sizes[l.Digest]; {
		case !digest.MatchString(l.Digest):
			return nonsense(i.Name, fmt.Sprintf("%.80q is not a SHA-256", l.Digest), nil)
		case l.Size == nil || *l.Size < 0 || *l.Size > maxLayer:
			return nonsense(i.Name, "the size of a layer is invalid", nil)
		case twice && size != *l.Size:
			return nonsense(i.Name, "a layer has two sizes", nil)
		case twice:
			continue
		}
		sizes[l.Digest] = *l.Size
		i.Layers = append(i.Layers, Layer{Kind: kindOf(bare(l.MediaType)), Digest: l.Digest, Size: *l.Size})
	}
	return nil
}

// bare is a media type without its parameters.
func bare(mediaType string) string {
	kind, _, _ := strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func kindOf(mediaType string) string {
	if kind, ok := kinds[mediaType]; ok {
		return kind
	}
	return strings.TrimPrefix(mediaType, "application/vnd.ollama.image.")
}

// Of are the layers of a kind, in order.
func (i *Image) Of(kind string) []Layer {
	var list []Layer
	for _, l := range i.Layers {
		if l.Kind == kind {
			list = append(list, l)
		}
	}
	return list
}

// GGUF is the layer with the model's weights, and that of the vision encoder, nil when
// there is none.
func (i *Image) GGUF() (weights Layer, projector *Layer, err error) {
	refuse := func(why string) error {
		return &fault.Error{Kind: fault.Missing, Msg: fmt.Sprintf("open %s: %s", i.Name, why), Advice: "Look for the model as one GGUF, in this registry or on Hugging Face."}
	}
	models, towers := i.Of(Model), i.Of(Projector)
	switch {
	case len(models) == 0 && len(i.Of(tensor)) > 0:
		return weights, nil, refuse("its weights are single tensors instead of a GGUF")
	case len(models) == 0:
		return weights, nil, refuse("it has no weights")
	case len(models) > 1 || len(towers) > 1:
		return weights, nil, refuse("it is made of several models")
	case models[0].Size == 0:
		return weights, nil, refuse("its weights are empty")
	case len(towers) == 1:
		projector = &towers[0]
	}
	return models[0], projector, nil
}

// File is a layer as downloader fetches it.
func (i *Image) File(l Layer) (downloader.File, error) {
	hash, err := downloader.ParseHash(l.Digest)
	if err != nil {
		return downloader.File{}, fmt.Errorf("open %s: %w", i.Name, err)
	}
	locate := func(ctx context.Context) (downloader.Location, error) { return i.registry.locate(ctx, i.Name, l) }
	return downloader.File{Name: fmt.Sprintf("%s (%s)", i.Name, l.Kind), Size: l.Size, Hash: hash, Locate: locate}, nil
}

// Read downloads a small layer into memory, a licence or a template.
func (i *Image) Read(ctx context.Context, l Layer, limit int64) ([]byte, error) {
	f, err := i.File(l)
	if err != nil {
		return nil, err
	}
	return i.registry.client.Read(ctx, f, limit)
}

// locate asks where a layer is. Registries answer with its bytes, or send to a store.
func (r *Registry) locate(ctx context.Context, name Name, l Layer) (downloader.Location, error) {
	resp, err := r.ask(ctx, name, name.at("blobs", l.Digest), false)
	if err != nil {
		return downloader.Location{}, err
	}
	if downloader.IsRedirect(resp) {
		return r.client.Location(resp)
	}
	if resp.StatusCode != http.StatusOK {
		return downloader.Location{}, explain(resp, name)
	}
	resp.Body.Close()
	return downloader.Location{URL: resp.Request.URL, Header: credentials(resp.Request)}, nil
}

// credentials are the headers that the bytes need.
func credentials(req *http.Request) http.Header {
	h := http.Header{}
	if auth := req.Header.Get("Authorization"); auth != "" {
		h.Set("Authorization", auth)
	}
	return h
}
