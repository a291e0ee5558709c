//go:build cgo

package llama

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
)

// maxImages is the limit of images, and of audio files, in one request.
const maxImages = 64

// A visionEncoder turns images into embeddings: a vision encoder and the projector
// into the text model.
type visionEncoder struct {
	path            string
	threads         int
	c               vision
	flash           bool // with flash attention
	grid            prompt.ImageGrid
	mean, deviation [3]float32 // of the colours that the encoder was trained on
	cache           embeddings
}

// Place keeps the contract of [scheduler.Image].
func (p *imagePart) Place() (at, n int) { return p.at, p.n }

// maxCached is the limit of images, or windows of audio, whose embeddings are kept.
const maxCached = 16

// embeddings keeps those of the last images, by the hash of the image.
type embeddings struct {
	of    map[[32]byte][]float32
	order [][32]byte // oldest first
}

func (c *embeddings) get(sum [32]byte) ([]float32, bool) {
	v, ok := c.of[sum]
	return v, ok
}

func (c *embeddings) put(sum [32]byte, v []float32) {
	if c.of == nil {
		c.of = map[[32]byte][]float32{}
	}
	if len(c.order) == maxCached {
		delete(c.of, c.order[0])
		c.order = c.order[1:]
	}
	c.of[sum], c.order = v, append(c.order, sum)
}

// An imagePart is an image, or a window of audio, in a prompt. Its tokens are negative numbers derived from
// its content, so that equal images share their KV as equal tokens do.
type imagePart struct {
	at, n int // first token and number of tokens
	url   string
	sum   [32]byte
	embed []float32

	audio  bool
	window int // of the audio
}

// openEncoder loads the projector at path, or the one beside the model. Without a projector
// the model neither sees nor hears, which is not an error.
func (e *Engine) openEncoder(path string) error {
	if path == "" {
		if path = layout.Projector(e.path, e.instance.m.embedding()); path == "" {
			return nil
		}
	}
	file, err := gguf.Read(path)
	if err != nil {
		return badModel(path, err)
	}
	m := &file.Metadata
	if arch, _ := m.String("general.architecture"); arch != "clip" {
		return wrongProjector(path, e.name, "it has no encoder")
	}
	about, err := layout.ReadEncoders(m)
	if err != nil {
		return err
	}
	modality := map[bool]string{true: "audio", false: "vision"}[about.Audio != nil]
	if has, _ := m.Bool("clip.has_" + modality + "_encoder"); !has {
		return wrongProjector(path, e.name, fmt.Sprintf("it has no %s encoder", modality))
	}
	if about.Width != e.instance.m.embedding() {
		return wrongProjector(path, e.name, fmt.Sprintf("its embeddings have %d components, the model's have %d", about.Width, e.instance.m.embedding()))
	}
	e.encoders = about
	if about.Audio != nil {
		e.instance.hears, err = e.loadAudioEncoder(path, file, about)
	} else {
		e.instance.encoder, err = e.loadVisionEncoder(path, m, about)
	}
	return err
}

func (e *Engine) loadVisionEncoder(path string, m *gguf.Metadata, about *layout.Encoders) (*visionEncoder, error) {
	width := about.Width
	c, err := openVision(path, e.instance.params.threads, false)
	if err != nil {
		return nil, wrongProjector(path, e.name, err.Error())
	}
	if c.width != width {
		c.free()
		return nil, wrongProjector(path, e.name, fmt.Sprintf("its embeddings have %d components, its metadata says %d", c.width, width))
	}
	y := &visionEncoder{path: path, threads: e.instance.params.threads, c: c, grid: *about.Images}
	// CLIP's, which all of Mistral's vision encoders use.
	y.mean, y.deviation = [3]float32{0.48145466, 0.4578275, 0.40821073}, [3]float32{0.26862954, 0.26130258, 0.27577711}
	for key, to := range map[string]*[3]float32{"image_mean": &y.mean, "image_std": &y.deviation} {
		if v, ok := m.Floats("clip.vision." + key); ok && len(v) == 3 {
			*to = [3]float32{float32(v[0]), float32(v[1]), float32(v[2])}
		}
	}
	return y, nil
}

func wrongProjector(path, model, why string) *fault.Error {
	return &fault.Error{
		Kind:   fault.BadModel,
		Msg:    fmt.Sprintf("the projector %s does not fit %s: %s", path, model, why),
		Advice: "Use the projector that was published with the model.",
	}
}

// encode turns a prompt into tokens. Images and audio become the tokens of Mistral's
// reference; parts are their places.
func (e *Engine) encode(p prompt.Prompt) (ids []token, parts []imagePart, err error) {
	switch {
	case len(p.Images) > 0 && e.instance.encoder == nil:
		return nil, nil, engine.NoVision(e.name)
	case len(p.Audio) > 0 && e.instance.hears == nil:
		return nil, nil, engine.NoHearing(e.name)
	}
	for what, n := range map[string]int{"images": len(p.Images), "audio files": len(p.Audio)} {
		if n > maxImages {
			return nil, nil, &fault.Error{Kind: fault.Invalid, Param: "messages", Msg: fmt.Sprintf("the request has %d %s: the limit is %d", n, what, maxImages)}
		}
	}
	ids, places, err := layout.Encode(e.vocab, p, e.encoders)
	for _, place := range places {
		if place.Audio {
			parts = append(parts, newAudioPart(place))
		} else {
			parts = append(parts, newPart(place.At, place.N, place.URL))
		}
	}
	return ids, parts, err
}

// newPart returns the image whose n tokens begin at a place. The encoder computes all
// but the last, [IMG_END]; the breaks between rows are among them.
func newPart(at, n int, url string) imagePart {
	return imagePart{at: at, n: n - 1, url: url, sum: sha256.Sum256([]byte(url))}
}

// hashTokens replaces the tokens of images by numbers derived from their content.
func hashTokens(ids []token, parts []imagePart) {
	for _, p := range parts {
		base := binary.LittleEndian.Uint32(p.sum[:])
		for i := range p.n {
			ids[p.at+i] = token((base + uint32(i)*2654435761) | 1<<31)
		}
	}
}

// embed computes the embeddings of an image, or takes them from the cache.
func (y *visionEncoder) embed(p *imagePart) error {
	if v, ok := y.cache.get(p.sum); ok {
		p.embed = v
		return nil
	}
	img, err := preprocess.Decode(p.url)
	if err != nil {
		return err
	}
	columns, rows := y.grid.Grid(img.Bounds().Dx(), img.Bounds().Dy())
	unit := y.grid.Patch * y.grid.Merge
	if err := y.prepare(columns * rows * y.grid.Merge * y.grid.Merge); err != nil {
		return err
	}
	pixels := preprocess.Resize(img, columns*unit, rows*unit)
	for i := range pixels {
		pixels[i] = (pixels[i]/255 - y.mean[i%3]) / y.deviation[i%3]
	}
	v, err := y.c.encode(pixels, columns*unit, rows*unit, p.n)
	if err != nil {
		return fault.Errorf(fault.Internal, "encode image: %w", err)
	}
	y.cache.put(p.sum, v)
	p.embed = v
	return nil
}

// exactPatches is the largest number of patches whose attention is computed in full
// precision, which takes 4 bytes for each pair of patches and head. Larger images use
// flash attention, which needs no such memory and rounds keys and values to 16 bits.
const exactPatches = 2048

// prepare reloads the encoder if an image of that many patches needs the other kind
// of attention.
func (y *visionEncoder) prepare(patches int) error {
	flash := patches > exactPatches
	if flash == y.flash {
		return nil
	}
	c, err := openVision(y.path, y.threads, flash)
	if err != nil {
		return fault.Errorf(fault.NoMemory, "load the vision encoder: %w", err)
	}
	y.c.free()
	y.c, y.flash = c, flash
	return nil
}
