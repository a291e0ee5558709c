// Package images has the images of conversations: decoded in the background, each once, and drawn
// each once for a size.
package images

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
	"github.com/bise-sh/bise/render/preview"
	"github.com/bise-sh/bise/tui/kit"
)

// An Cache decodes the images of conversations in the background, each once, and draws
// each once per size.
type Cache struct {
	ctx      context.Context
	getenv   func(string) string
	terminal preview.Terminal
	detected bool // detect was called
	seed     maphash.Seed
	images   map[uint64]weak.Pointer[Image] // in use, by the hash of their URL
	waiting  []*Image                       // decoded one after the other
	decoding bool
	raw      strings.Builder // escape sequences that the terminal has not got yet
}

// A Image is an image of a conversation and its drawings.
type Image struct {
	URL           string
	Width, Height int         // 0 until it is decoded
	Thumb         *image.RGBA // nil until it is decoded, or if it cannot be
	Err           error
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

func New(ctx context.Context, getenv func(string) string) *Cache {
	return &Cache{
		ctx: ctx, getenv: getenv, seed: maphash.MakeSeed(), images: map[uint64]weak.Pointer[Image]{},
		terminal: preview.Terminal{Profile: colorprofile.TrueColor}, // until Bubble Tea reports the profile
	}
}

// Of returns an image for [Cache.Add].
func Of(p attach.Image) *Image {
	return &Image{URL: p.URL, Width: p.Width, Height: p.Height, Thumb: p.Thumb}
}

// Add adds an image, and returns the cached one with the same URL if there is one.
func (g *Cache) Add(s *Image) *Image {
	key := maphash.String(g.seed, s.URL)
	if cached := g.images[key].Value(); cached != nil && cached.Thumb != nil {
		return cached
	}
	g.images[key] = weak.Make(s)
	return s
}

// Get returns the image of a data: URL. If it is not decoded yet, it is queued, and onDecoded
// is called afterwards.
func (g *Cache) Get(url string, onDecoded ...func()) *Image {
	key := maphash.String(g.seed, url)
	s := g.images[key].Value()
	if s == nil {
		s = &Image{URL: url}
		g.images[key] = weak.Make(s)
		g.waiting = append(g.waiting, s)
	}
	if s.Thumb == nil && s.Err == nil {
		s.onDecoded = append(s.onDecoded, onDecoded...)
	}
	return s
}

// imageDecoded has a decoded image.
type imageDecoded struct {
	image   *Image
	decoded attach.Image
	err     error
}

// terminalDetected has what tmux reports about its terminal.
type terminalDetected struct{ terminal preview.Terminal }

// Next is a command that decodes the next image, and sends pending images to the terminal.
func (g *Cache) Next() tea.Cmd {
	var cmds []tea.Cmd
	if g.raw.Len() > 0 {
		cmds = append(cmds, tea.Raw(g.raw.String()))
		g.raw.Reset()
	}
	for len(g.waiting) > 0 && !g.decoding {
		s := g.waiting[0]
		g.waiting = g.waiting[1:]
		if s.Thumb == nil {
			g.decoding = true
			cmds = append(cmds, func() tea.Msg {
				p, err := decodeDataURL(s.URL)
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

// Detect finds out, once, which image protocol the terminal has: from the environment, and
// from the terminal or tmux.
func (g *Cache) Detect() tea.Cmd {
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
func (g *Cache) Update(msg tea.Msg) {
	switch msg := msg.(type) {
	case imageDecoded:
		g.decoding = false
		s := msg.image
		s.Width, s.Height, s.Thumb, s.Err = msg.decoded.Width, msg.decoded.Height, msg.decoded.Thumb, msg.err
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

// Blocks draws an image as block characters within columns and rows; nil if it is not decoded.
func (g *Cache) Blocks(s *Image, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	t.Protocol, t.Light = preview.Blocks, shade == kit.Light
	return s.drawn.of(s, t, columns, rows)
}

// Pixels draws an image as pixels if the terminal can show them in place of characters, else
// as blocks. It must be called before View, because it sends the image to the terminal.
func (g *Cache) Pixels(s *Image, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	// A placeholder's colour is the id of its image, so it needs true colour.
	if t.Protocol != preview.Placeholders || t.Profile < colorprofile.TrueColor || s.Thumb == nil {
		return g.Blocks(s, shade, columns, rows)
	}
	before := s.sent
	lines := s.sent.of(s, t, columns, rows)
	if before.size != s.sent.size || before.terminal != t {
		if before.lines != nil {
			g.raw.WriteString(t.Forget(preview.ID(s.Thumb, before.size)))
		}
		g.raw.WriteString(t.Send(s.Thumb, s.sent.size))
	}
	return lines
}

// of returns the lines of a drawing, and draws it again if its size changed.
func (d *drawing) of(s *Image, t preview.Terminal, columns, rows int) []string {
	if s.Thumb == nil {
		return nil
	}
	size := t.Fit(s.Thumb.Rect.Max, columns, rows)
	if d.lines == nil || d.size != size || d.terminal != t {
		*d = drawing{size, t, t.Lines(s.Thumb, size)}
	}
	return d.lines
}

// PixelSize returns the size as text, or "" if it is unknown.
func (s *Image) PixelSize() string {
	if s.Width == 0 {
		return ""
	}
	return fmt.Sprintf("%d×%d", s.Width, s.Height)
}
