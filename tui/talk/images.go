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

// A ImageCache has the pictures of conversations as they are shown: each once, decoded
// in the background, and drawn once for each size.
type ImageCache struct {
	ctx      context.Context
	getenv   func(string) string
	terminal preview.Terminal
	asked    bool // the terminal has been asked what it can show
	seed     maphash.Seed
	shots    map[uint64]weak.Pointer[cachedImage] // those that somebody shows, by what their URLs say
	waiting  []*cachedImage                       // to be decoded, one after the other
	decoding bool
	raw      strings.Builder // what the terminal is still to be sent
}

// A cachedImage is a picture as it is shown.
type cachedImage struct {
	url           string
	width, height int         // 0 while it is not decoded
	thumb         *image.RGBA // nil while it is not decoded, or cannot be
	err           error
	news          []func() // what is to be drawn again when it is decoded
	drawn         drawing  // as blocks
	sent          drawing  // as the terminal's own pixels
}

// A drawing is a picture in so many cells.
type drawing struct {
	size     image.Point
	terminal preview.Terminal
	lines    []string
}

func NewImageCache(ctx context.Context, getenv func(string) string) *ImageCache {
	return &ImageCache{
		ctx: ctx, getenv: getenv, seed: maphash.MakeSeed(), shots: map[uint64]weak.Pointer[cachedImage]{},
		terminal: preview.Terminal{Profile: colorprofile.TrueColor}, // until Bubble Tea, which knows, says otherwise
	}
}

// newImage is a picture that was read. It may be made anywhere, and is then to be added
// to the gallery.
func newImage(p attach.Image) *cachedImage {
	return &cachedImage{url: p.URL, width: p.Width, height: p.Height, thumb: p.Thumb}
}

// add has a shot in the gallery, and gives the one that is there for its picture.
func (g *ImageCache) add(s *cachedImage) *cachedImage {
	key := maphash.String(g.seed, s.url)
	if known := g.shots[key].Value(); known != nil && known.thumb != nil {
		return known
	}
	g.shots[key] = weak.Make(s)
	return s
}

// shot is the picture of a data: URL. It is decoded when nobody has: news is then
// called.
func (g *ImageCache) shot(url string, news ...func()) *cachedImage {
	key := maphash.String(g.seed, url)
	s := g.shots[key].Value()
	if s == nil {
		s = &cachedImage{url: url}
		g.shots[key] = weak.Make(s)
		g.waiting = append(g.waiting, s)
	}
	if s.thumb == nil && s.err == nil {
		s.news = append(s.news, news...)
	}
	return s
}

// pictureDecoded brings what a shot shows.
type pictureDecoded struct {
	image   *cachedImage
	picture attach.Image
	err     error
}

// terminalAsked brings what tmux says of the terminal around it.
type terminalAsked struct{ terminal preview.Terminal }

// Next is the command that decodes the next picture, and sends the terminal what it
// is to show.
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
				p, err := unpacked(s.url)
				return pictureDecoded{s, p, err}
			})
		}
	}
	return tea.Batch(cmds...)
}

// unpacked reads the picture of a data: URL.
func unpacked(url string) (attach.Image, error) {
	_, text, ok := strings.Cut(url, ";base64,")
	if !ok {
		return attach.Image{}, errors.New("it is no data: URL")
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return attach.Image{}, err
	}
	return attach.ReadImage("the picture", data)
}

// ask finds out, once, what the terminal can show: from the environment, and from
// itself or the tmux that it is.
func (g *ImageCache) ask() tea.Cmd {
	if g.asked {
		return nil
	}
	g.asked = true
	detected := preview.Detect(g.getenv)
	g.terminal.Protocol, g.terminal.Tmux = detected.Protocol, detected.Tmux
	ctx, t := g.ctx, g.terminal
	if t.Tmux {
		return func() tea.Msg { return terminalAsked{t.AskTmux(ctx)} }
	}
	return tea.RequestTerminalVersion
}

// Update takes the news of pictures and of the terminal.
func (g *ImageCache) Update(msg tea.Msg) {
	switch msg := msg.(type) {
	case pictureDecoded:
		g.decoding = false
		s := msg.image
		s.width, s.height, s.thumb, s.err = msg.picture.Width, msg.picture.Height, msg.picture.Thumb, msg.err
		news := s.news
		s.news = nil
		for _, draw := range news {
			draw()
		}
	case tea.ColorProfileMsg:
		g.terminal.Profile = msg.Profile
	case tea.TerminalVersionMsg:
		g.terminal = g.terminal.Named(msg.Name)
	case terminalAsked:
		g.terminal.Protocol = msg.terminal.Protocol
	}
}

// blocks draws a shot as characters within so many columns and rows; nil while there
// is nothing to draw.
func (g *ImageCache) blocks(s *cachedImage, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	t.Protocol, t.Light = preview.Blocks, shade == kit.Light
	return s.drawn.of(s, t, columns, rows)
}

// pixels draws a shot as the terminal's own pixels where it can show them in the
// place of characters, else as blocks. It is called before a frame is drawn, and not
// while: the terminal has to be sent the picture.
func (g *ImageCache) pixels(s *cachedImage, shade kit.Shade, columns, rows int) []string {
	t := g.terminal
	// Placeholders name their picture by a colour, which must not be changed.
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

// of gives the lines of a drawing, which is made anew when its size changes.
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

// pixelSize is a shot's size as people say it, "" while it is not known.
func (s *cachedImage) pixelSize() string {
	if s.width == 0 {
		return ""
	}
	return fmt.Sprintf("%d×%d", s.width, s.height)
}

// findPictures finds the pictures of what the person sent.
func (t *turn) findPictures() {
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) || t.content[a.Chunk].Type != engine.ImageChunk {
			continue
		}
		if t.shots == nil {
			t.shots = map[int]*cachedImage{}
		}
		t.shots[a.Chunk] = t.images.shot(t.content[a.Chunk].ImageURL, t.refresh)
	}
}

const (
	// A picture in a conversation takes at most so many columns and rows.
	thumbColumns, thumbRows = 24, 6
)

// drawShot are the lines of a picture in a conversation: what it is called, and a
// small picture of it.
func (t *turn) drawShot(th *kit.Theme, name string, s *cachedImage, width int) []string {
	if name = kit.OneLine(name); name == "" {
		name = "picture"
	}
	label := "▣ " + name
	if size := s.pixelSize(); size != "" {
		label += " · " + size
	}
	lines := []string{th.Muted.Render(kit.Truncate(label, width))}
	if t.picturesElsewhere {
		return lines
	}
	return append(lines, t.images.blocks(s, th.Shade, min(width, thumbColumns), thumbRows)...)
}
