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

// The kinds of layers, from their media types application/vnd.ollama.image.*.
const (
	Model     = "model"     // GGUF
	Projector = "projector" // GGUF of the vision encoder
	Template  = "template"  // of Go's text/template
	Params    = "params"    // JSON
	Licence   = "license"   // text; there may be several
	tensor    = "tensor"    // a tensor of a model in another format
)

// kinds are the kinds of other media types.
var kinds = map[string]string{
	"application/vnd.ollama.image.prompt": Template,
	"application/vnd.docker.ai.gguf.v3":   Model,
	"application/vnd.docker.ai.license":   Licence,
	"application/vnd.docker.ai.mmproj":    Projector,
}

// An Image is a model in a registry.
type Image struct {
	Name     Name
	Digest   string // of the manifest: "sha256:" and 64 hex digits
	Manifest []byte // unchanged
	Layers   []Layer

	registry *Registry
}

// A Layer is a file of an image.
type Layer struct {
	Kind   string // [Model], [Licence], …, or an unknown media type
	Digest string // "sha256:" and 64 hex digits
	Size   int64  // bytes
}

// Limits of a manifest, far above real ones.
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

// parse parses a manifest.
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
		return protocolError(i.Name, "invalid manifest", err)
	}
	if kind := bare(m.MediaType); kind != "" && kind != dockerManifest && kind != ociManifest || len(m.Manifests) > 0 {
		return fault.Advise(fault.Errorf(fault.Refused, "open %s: it is not a model, but has the media type %.80q", i.Name, kind),
			"Choose the tag of one model.")
	}
	if len(m.Layers) == 0 || len(m.Layers) > maxLayers {
		return protocolError(i.Name, fmt.Sprintf("its manifest has %d layers", len(m.Layers)), nil)
	}
	sizes := map[string]int64{}
	for _, l := range m.Layers {
		switch size, twice := sizes[l.Digest]; {
		case !digest.MatchString(l.Digest):
			return protocolError(i.Name, fmt.Sprintf("%.80q is not a SHA-256", l.Digest), nil)
		case l.Size == nil || *l.Size < 0 || *l.Size > maxLayer:
			return protocolError(i.Name, "the size of a layer is invalid", nil)
		case twice && size != *l.Size:
			return protocolError(i.Name, "a layer has two sizes", nil)
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

// LayersOf lists the layers of a kind, in order.
func (i *Image) LayersOf(kind string) []Layer {
	var list []Layer
	for _, l := range i.Layers {
		if l.Kind == kind {
			list = append(list, l)
		}
	}
	return list
}

// GGUF returns the layers of the weights and of the vision encoder, which may be nil.
func (i *Image) GGUF() (weights Layer, projector *Layer, err error) {
	refuse := func(why string) error {
		return &fault.Error{Kind: fault.Missing, Msg: fmt.Sprintf("open %s: %s", i.Name, why), Advice: "Look for the model as one GGUF file, in this registry or on Hugging Face."}
	}
	models, projectors := i.LayersOf(Model), i.LayersOf(Projector)
	switch {
	case len(models) == 0 && len(i.LayersOf(tensor)) > 0:
		return weights, nil, refuse("its weights are separate tensors instead of a GGUF file")
	case len(models) == 0:
		return weights, nil, refuse("it has no weights")
	case len(models) > 1 || len(projectors) > 1:
		return weights, nil, refuse("it contains several models")
	case models[0].Size == 0:
		return weights, nil, refuse("its weights are empty")
	case len(projectors) == 1:
		projector = &projectors[0]
	}
	return models[0], projector, nil
}

// File returns a layer for the downloader.
func (i *Image) File(l Layer) (downloader.File, error) {
	hash, err := downloader.ParseHash(l.Digest)
	if err != nil {
		return downloader.File{}, fmt.Errorf("open %s: %w", i.Name, err)
	}
	locate := func(ctx context.Context) (downloader.Location, error) { return i.registry.locate(ctx, i.Name, l) }
	return downloader.File{Name: fmt.Sprintf("%s (%s)", i.Name, l.Kind), Size: l.Size, Hash: hash, Locate: locate}, nil
}

// Read downloads a small layer into memory.
func (i *Image) Read(ctx context.Context, l Layer, limit int64) ([]byte, error) {
	f, err := i.File(l)
	if err != nil {
		return nil, err
	}
	return i.registry.client.Read(ctx, f, limit)
}

// locate finds the location of a layer. Registries send its bytes, or redirect.
func (r *Registry) locate(ctx context.Context, name Name, l Layer) (downloader.Location, error) {
	resp, err := r.ask(ctx, name, name.url("blobs", l.Digest), false)
	if err != nil {
		return downloader.Location{}, err
	}
	if !downloader.IsRedirect(resp) && resp.StatusCode != http.StatusOK {
		return downloader.Location{}, explain(resp, name)
	}
	return r.client.Location(resp)
}
