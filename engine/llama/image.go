//go:build cgo

package llama

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
)

// maxPictures is how many one request may have.
const maxPictures = 64

// An eye turns pictures into vectors: a vision tower and what projects its
// output into the text model.
type eye struct {
	path            string
	threads         int
	c               vision
	flash           bool // the tower attends without keeping all pairs of patches
	cut             prompt.Pictures
	mean, deviation [3]float32             // of the colours it was trained on
	known           map[[32]byte][]float32 // vectors of pictures seen before
	order           [][32]byte             // oldest first
}

// maxKnown is how many pictures' vectors are kept.
const maxKnown = 16

// A picturePart is an image in a prompt: the vectors that stand where its negative
// numbers are. The numbers come from its content, so that equal pictures share
// their KV like equal tokens do.
type picturePart struct {
	at, n int // first place and number of places
	url   string
	sum   [32]byte
	embed []float32
}

// openEye loads the projector at path, or the one that lies beside the model.
// A model without one has no eye, and no error.
func (e *Engine) openEye(path string) (err error) {
	if path == "" {
		if path = layout.Projector(e.path, e.scheduler.m.embedding()); path == "" {
			return nil
		}
	}
	e.scheduler.eye, err = e.loadEye(path)
	return err
}

func (e *Engine) loadEye(path string) (*eye, error) {
	file, err := gguf.Read(path)
	if err != nil {
		return nil, badModel(path, err)
	}
	m := &file.Metadata
	arch, _ := m.String("general.architecture")
	if sees, _ := m.Bool("clip.has_vision_encoder"); arch != "clip" || !sees {
		return nil, wrongEye(path, e.name, "it has no vision tower")
	}
	cut, width, err := layout.Pictures(m)
	if err != nil {
		return nil, err
	}
	if width != e.scheduler.m.embedding() {
		return nil, wrongEye(path, e.name, fmt.Sprintf("its vectors have %d components and the model's %d", width, e.scheduler.m.embedding()))
	}
	c, err := openVision(path, e.scheduler.params.threads, false)
	if err != nil {
		return nil, wrongEye(path, e.name, err.Error())
	}
	if c.width != width {
		c.free()
		return nil, wrongEye(path, e.name, fmt.Sprintf("its vectors have %d components, not the %d it says", c.width, width))
	}
	y := &eye{path: path, threads: e.scheduler.params.threads, c: c, cut: cut, known: map[[32]byte][]float32{}}
	// CLIP's, which all of Mistral's towers use.
	y.mean, y.deviation = [3]float32{0.48145466, 0.4578275, 0.40821073}, [3]float32{0.26862954, 0.26130258, 0.27577711}
	for key, to := range map[string]*[3]float32{"image_mean": &y.mean, "image_std": &y.deviation} {
		if v, ok := m.Floats("clip.vision." + key); ok && len(v) == 3 {
			*to = [3]float32{float32(v[0]), float32(v[1]), float32(v[2])}
		}
	}
	return y, nil
}

func wrongEye(path, model, why string) *fault.Error {
	return &fault.Error{
		Kind:   fault.BadModel,
		Msg:    fmt.Sprintf("the projector %s does not fit %s: %s", path, model, why),
		Advice: "Use the projector that was published with the model.",
	}
}

// encode turns a prompt into tokens. Pictures become the tokens the reference
// gives them; parts say where.
func (e *Engine) encode(p prompt.Prompt) (ids []token, parts []picturePart, err error) {
	var cut *prompt.Pictures
	if len(p.Images) > 0 {
		eye := e.scheduler.eye
		if eye == nil {
			return nil, nil, &fault.Error{Kind: fault.Unsupported, Param: "messages", Msg: fmt.Sprintf("%s does not see pictures", e.name), Advice: "Use a vision model, such as Pixtral, with its projector."}
		}
		if len(p.Images) > maxPictures {
			return nil, nil, &fault.Error{Kind: fault.Invalid, Param: "messages", Msg: fmt.Sprintf("there are %d pictures and at most %d can be shown", len(p.Images), maxPictures)}
		}
		cut = &eye.cut
	}
	ids, places, err := layout.Encode(e.vocab, p, cut)
	for _, place := range places {
		parts = append(parts, newPart(place.At, place.N, place.URL))
	}
	return ids, parts, err
}

// newPart is the picture whose n tokens begin at a place. All but the last,
// [IMG_END], are the tower's to give; the breaks between rows are among them.
func newPart(at, n int, url string) picturePart {
	return picturePart{at: at, n: n - 1, url: url, sum: sha256.Sum256([]byte(url))}
}

// hide puts numbers made of their content in the place of pictures' tokens.
func hide(ids []token, parts []picturePart) {
	for _, p := range parts {
		base := binary.LittleEndian.Uint32(p.sum[:])
		for i := range p.n {
			ids[p.at+i] = token((base + uint32(i)*2654435761) | 1<<31)
		}
	}
}

// look computes a picture's vectors, or remembers them.
func (y *eye) look(p *picturePart) error {
	if v, ok := y.known[p.sum]; ok {
		p.embed = v
		return nil
	}
	img, err := preprocess.Decode(p.url)
	if err != nil {
		return err
	}
	columns, rows := y.cut.Grid(img.Bounds().Dx(), img.Bounds().Dy())
	unit := y.cut.Patch * y.cut.Merge
	if err := y.focus(columns * rows * y.cut.Merge * y.cut.Merge); err != nil {
		return err
	}
	pixels := preprocess.Resize(img, columns*unit, rows*unit)
	for i := range pixels {
		pixels[i] = (pixels[i]/255 - y.mean[i%3]) / y.deviation[i%3]
	}
	v, err := y.c.encode(pixels, columns*unit, rows*unit, p.n)
	if err != nil {
		return fault.Errorf(fault.Internal, "the picture cannot be encoded: %w", err)
	}
	if len(y.order) == maxKnown {
		delete(y.known, y.order[0])
		y.order = y.order[1:]
	}
	y.known[p.sum], y.order = v, append(y.order, p.sum)
	p.embed = v
	return nil
}

// exactPatches is how many patches a picture has at most whose attention is
// computed in full precision: their pairs take 4 bytes for each head. Beyond, flash
// attention needs no such memory, and rounds keys and values to 16 bits.
const exactPatches = 2048

// focus makes the tower ready for a picture of so many patches.
func (y *eye) focus(patches int) error {
	flash := patches > exactPatches
	if flash == y.flash {
		return nil
	}
	c, err := openVision(y.path, y.threads, flash)
	if err != nil {
		return fault.Errorf(fault.NoMemory, "the vision tower cannot be loaded: %w", err)
	}
	y.c.free()
	y.c, y.flash = c, flash
	return nil
}

// readPicture evaluates the next part of a picture that is next in a prompt. It
// reports whether there was one.
func (s *scheduler) readPicture() bool {
	for _, j := range s.jobs {
		done := int(j.done.Load())
		for i := range j.pictures {
			p := &j.pictures[i]
			if done < p.at || done >= p.at+p.n {
				continue
			}
			if err := s.readPart(j, p, done-p.at); err != nil {
				s.fail(j, err)
			}
			s.cells()
			return true
		}
	}
	return false
}

func (s *scheduler) readPart(j *job, p *picturePart, from int) error {
	if p.embed == nil {
		if err := s.eye.look(p); err != nil {
			return err
		}
	}
	n := min(p.n-from, s.params.batch)
	o := j.answers[0].slot
	width := s.eye.c.width
	for {
		err := s.x.decodeEmbeddings(p.embed[from*width:(from+n)*width], p.at+from, o.seq, false)
		if errors.Is(err, errNoCells) && (s.evictOldest() || s.grow(2*s.x.tokens())) {
			continue
		}
		if err != nil {
			return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the picture: %w", err)
		}
		break
	}
	o.tokens = append(o.tokens, j.prompt[p.at+from:p.at+from+n]...)
	j.evaluated += n
	j.done.Store(int32(p.at + from + n))
	j.out.put(engine.Progress{Done: p.at + from + n, Total: len(j.prompt), Cached: j.cachedNow()})
	return nil
}
