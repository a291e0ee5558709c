//go:build cgo

package llama

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
)

// maxImages is the limit of images in one request.
const maxImages = 64

// A visionEncoder turns images into embeddings: a vision encoder and the projector
// into the text model.
type visionEncoder struct {
	path            string
	threads         int
	c               vision
	flash           bool // with flash attention
	grid            prompt.ImageGrid
	mean, deviation [3]float32             // of the colours that the encoder was trained on
	cache           map[[32]byte][]float32 // embeddings by the hash of the image
	order           [][32]byte             // oldest first
}

// Place keeps the contract of [scheduler.Image].
func (p *imagePart) Place() (at, n int) { return p.at, p.n }

// maxCachedImages is the limit of images whose embeddings are kept.
const maxCachedImages = 16

// An imagePart is an image in a prompt. Its tokens are negative numbers derived from
// its content, so that equal images share their KV as equal tokens do.
type imagePart struct {
	at, n int // first token and number of tokens
	url   string
	sum   [32]byte
	embed []float32
}

// openVisionEncoder loads the projector at path, or the one beside the model. Without
// a projector the model has no vision, which is not an error.
func (e *Engine) openVisionEncoder(path string) (err error) {
	if path == "" {
		if path = layout.Projector(e.path, e.instance.m.embedding()); path == "" {
			return nil
		}
	}
	e.instance.encoder, err = e.loadVisionEncoder(path)
	return err
}

func (e *Engine) loadVisionEncoder(path string) (*visionEncoder, error) {
	file, err := gguf.Read(path)
	if err != nil {
		return nil, badModel(path, err)
	}
	m := &file.Metadata
	arch, _ := m.String("general.architecture")
	if sees, _ := m.Bool("clip.has_vision_encoder"); arch != "clip" || !sees {
		return nil, wrongProjector(path, e.name, "it has no vision encoder")
	}
	grid, width, err := layout.ImageGrid(m)
	if err != nil {
		return nil, err
	}
	if width != e.instance.m.embedding() {
		return nil, wrongProjector(path, e.name, fmt.Sprintf("its embeddings have %d components, the model's have %d", width, e.instance.m.embedding()))
	}
	c, err := openVision(path, e.instance.params.threads, false)
	if err != nil {
		return nil, wrongProjector(path, e.name, err.Error())
	}
	if c.width != width {
		c.free()
		return nil, wrongProjector(path, e.name, fmt.Sprintf("its embeddings have %d components, its metadata says %d", c.width, width))
	}
	y := &visionEncoder{path: path, threads: e.instance.params.threads, c: c, grid: grid, cache: map[[32]byte][]float32{}}
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

// encode turns a prompt into tokens. Images become the tokens of Mistral's reference;
// parts are their places.
func (e *Engine) encode(p prompt.Prompt) (ids []token, parts []imagePart, err error) {
	var grid *prompt.ImageGrid
	if len(p.Images) > 0 {
		encoder := e.instance.encoder
		if encoder == nil {
			return nil, nil, &fault.Error{Kind: fault.Unsupported, Param: "messages", Msg: fmt.Sprintf("%s has no vision", e.name), Advice: "Use a vision model, such as Pixtral, with its projector."}
		}
		if len(p.Images) > maxImages {
			return nil, nil, &fault.Error{Kind: fault.Invalid, Param: "messages", Msg: fmt.Sprintf("the request has %d images: the limit is %d", len(p.Images), maxImages)}
		}
		grid = &encoder.grid
	}
	ids, places, err := layout.Encode(e.vocab, p, grid)
	for _, place := range places {
		parts = append(parts, newPart(place.At, place.N, place.URL))
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
	if v, ok := y.cache[p.sum]; ok {
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
	if len(y.order) == maxCachedImages {
		delete(y.cache, y.order[0])
		y.order = y.order[1:]
	}
	y.cache[p.sum], y.order = v, append(y.order, p.sum)
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
