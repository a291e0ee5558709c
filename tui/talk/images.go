package talk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"image"
	"strings"
	"weak"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/preview"
	"github.com/bise-sh/bise/tui/kit"
)

// An ImageCache decodes the images of conversations in the background, each once, and draws
// each once per size.
type ImageCache struct {
	ctx      context.Context
	getenv   func(string) string
	terminal preview.Terminal
	detected bool // detect was called
	seed     maphash.Seed
	images   map[uint64]weak.Pointer[cachedImage] // in use, by the hash of their URL
	waiting  []*cachedImage                       // decoded one after the other
	decoding bool
	raw      strings.Builder // escape sequences that the terminal has not got yet
}

// A cachedImage is an image of a conversation and its drawings.
type cachedImage struct {
	url           string
	width, height int         // 0 until it is decoded
	thumb         *image.RGBA // nil until it is decoded, or if it cannot be
	err           error
	onDecoded     []func() // called once when it is decoded
	drawn         drawing  // as blocks
	sent          drawing  // as pixels
}

// A drawing is an image as lines of a size in cells.
type drawing struct {
	size     image.Point
	terminal preview.Terminal
	lines    []string
}

func NewImageCache(ctx context.Context, getenv func(string) string) *ImageCache {
	return &ImageCache{
		ctx: ctx, getenv: getenv, seed: maphash.MakeSeed(), images: map[uint64]weak.Pointer[cachedImage]{},
		terminal: preview.Terminal{Profile: colorprofile.TrueColor}, // until Bubble Tea reports the profile
	}
}

// newImage returns an image for [ImageCache.add].
func newImage(p attach.Image) *cachedImage {
	return &cachedImage{url: p.URL, width: p.Width, height: p.Height, thumb: p.Thumb}
}

// add adds an image, and returns the cached one with the same URL if there is one.
func (g *ImageCache) add(s *cachedImage) *cachedImage {
	key := maphash.String(g.seed, s.url)
	if cached := g.images[key].Value(); cached != nil && cached.thumb != nil {
		return cached
	}
	g.images[key] = weak.Make(s)
	return s
}

// get returns the image of a data: URL. If it is not decoded yet, it is queued, and onDecoded
// is called afterwards.
func (g *ImageCache) get(url string, onDecoded ...func()) *cachedImage {
	key := maphash.String(g.seed, url)
	s := g.images[key].Value()
	if s == nil {
		s = &cachedImage{url: url}
		g.images[key] = weak.Make(s)
		g.waiting = append(g.waiting, s)
	}
	if s.thumb == nil && s.err == nil {
		s.onDecoded = append(s.onDecoded, onDecoded...)
	}
	return s
}

// imageDecoded has a decoded image.
type imageDecoded struct {
	image   *cachedImage
	decoded attach.Image
	err     error
}

// terminalDetected has what tmux reports about its terminal.
type terminalDetected struct{ terminal preview.Terminal }

// Next is a command that decodes the next image, and sends pending images to the terminal.
func (g *ImageCache) Next() tea.Cmd {
	var cmds []tea.Cmd
	if g.raw.Len() > 0 {
		cmds = append(cmds, tea.Raw(g.raw.String()))
		g.raw.Reset()
	}
	for len(g.waiting) > 0 && !g.decoding {
		s := g.waiting[0]
		g.waiting = g.waiting[1:]
		if s.thumb == nil {
			g.decoding = true
			cmds = append(cmds, func() tea.Msg {
				p, err := decodeDataURL(s.url)
				return imageDecoded{s, p, err}
			})
		}
	}
	return tea.Batch(cmds...)
}

// decodeDataURL decodes the image in a data: URL.
func decodeDataURL(url string) (attach.Image, error) {
	_, text, ok := strings.Cut(url, ";base64,")
	if !ok {
		return attach.Image{}, errors.New("not a base64 data: URL")
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return attach.Image{}, err
	}
	return attach.ReadImage("the image", data)
}

// detect finds out, once, which image protocol the terminal has: from the environment, and
// from the terminal or tmux.
func (g *ImageCache) detect() tea.Cmd {
	if g.detected {
		return nil
	}
	g.detected = true
	detected := preview.Detect(g.getenv)
	g.terminal.Protocol, g.terminal.Tmux = detected.Protocol, detected.Tmux
	ctx, t := g.ctx, g.terminal
	if t.Tmux {
		return func() tea.Msg { return terminalDetected{t.AskTmux(ctx)} }
	}
	return tea.RequestTerminalVersion
}

// Update handles decoded images and facts about the terminal.
func (g *ImageCache) Update(msg tea.Msg) {
	switch msg := msg.(type) {
	case imageDecoded:
		g.decoding = false
		s := msg.image
		s.width, s.height, s.thumb, s.err = msg.decoded.Width, msg.decoded.Height, msg.decoded.Thumb, msg.err
		callbacks := s.onDecoded
		s.onDecoded = nil
		for _, draw := range callbacks {
			draw()
		}
	case tea.ColorProfileMsg:
		g.terminal.Profile = msg.Profile
	case tea.TerminalVersionMsg:
		g.terminal = g.terminal.Named(msg.Name)
	case terminalDetected:
		g.terminal.Protocol = msg.terminal.Protocol
	}
}

// blocks draws an image as block characters within columns and rows; nil if it is not decoded.
func (g *ImageCache) blocks(s *cachedImage, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	t.Protocol, t.Light = preview.Blocks, shade == kit.Light
	return s.drawn.of(s, t, columns, rows)
}

// pixels draws an image as pixels if the terminal can show them in place of characters, else
// as blocks. It must be called before View, because it sends the image to the terminal.
func (g *ImageCache) pixels(s *cachedImage, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	// A placeholder's colour is the id of its image, so it needs true colour.
	if t.Protocol != preview.Placeholders || t.Profile < colorprofile.TrueColor || s.thumb == nil {
		return g.blocks(s, shade, columns, rows)
	}
	before := s.sent
	lines := s.sent.of(s, t, columns, rows)
	if before.size != s.sent.size || before.terminal != t {
		if before.lines != nil {
			g.raw.WriteString(t.Forget(preview.ID(s.thumb, before.size)))
		}
		g.raw.WriteString(t.Send(s.thumb, s.sent.size))
	}
	return lines
}

// of returns the lines of a drawing, and draws it again if its size changed.
func (d *drawing) of(s *cachedImage, t preview.Terminal, columns, rows int) []string {
	if s.thumb == nil {
		return nil
	}
	size := t.Fit(s.thumb.Rect.Max, columns, rows)
	if d.lines == nil || d.size != size || d.terminal != t {
		*d = drawing{size, t, t.Lines(s.thumb, size)}
	}
	return d.lines
}

// pixelSize returns the size as text, or "" if it is unknown.
func (s *cachedImage) pixelSize() string {
	if s.width == 0 {
		return ""
	}
	return fmt.Sprintf("%d×%d", s.width, s.height)
}

// findImages gets the images among the attachments.
func (t *turn) findImages() {
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) || t.content[a.Chunk].Type != engine.ImageChunk {
			continue
		}
		if t.attachedImages == nil {
			t.attachedImages = map[int]*cachedImage{}
		}
		t.attachedImages[a.Chunk] = t.images.get(t.content[a.Chunk].ImageURL, t.refresh)
	}
}

const (
	// Maximum size of an image in the transcript.
	thumbColumns, thumbRows = 24, 6
)

// drawImage draws an image in the transcript: its name and size, and a preview.
func (t *turn) drawImage(th *kit.Theme, name string, s *cachedImage, width int) []string {
	if name = kit.OneLine(name); name == "" {
		name = "image"
	}
	label := "▣ " + name
	if size := s.pixelSize(); size != "" {
		label += " · " + size
	}
	lines := []string{th.Muted.Render(kit.Truncate(label, width))}
	if t.imagesElsewhere {
		return lines
	}
	return append(lines, t.images.blocks(s, th.Shade, min(width, thumbColumns), thumbRows)...)
}
