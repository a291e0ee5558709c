package talk

import (
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
)

// findImages gets the images among the attachments.
func (t *turn) findImages() {
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) || t.content[a.Chunk].Type != engine.ImageChunk {
			continue
		}
		if t.attachedImages == nil {
			t.attachedImages = map[int]*images.Image{}
		}
		t.attachedImages[a.Chunk] = t.images.Get(t.content[a.Chunk].ImageURL, t.refresh)
	}
}

const (
	// Maximum size of an image in the transcript.
	thumbColumns, thumbRows = 24, 6
)

// drawImage draws an image in the transcript: its name and size, and a preview.
func (t *turn) drawImage(th *kit.Theme, name string, s *images.Image, width int) []string {
	if name = kit.OneLine(name); name == "" {
		name = "image"
	}
	label := "▣ " + name
	if size := s.PixelSize(); size != "" {
		label += " · " + size
	}
	lines := []string{th.Muted.Render(kit.Truncate(label, width))}
	if t.imagesElsewhere {
		return lines
	}
	return append(lines, t.images.Blocks(s, th.Shade, min(width, thumbColumns), thumbRows)...)
}
