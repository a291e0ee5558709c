package fit

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/units"
)

// Describe says whether the model fits, and how fast it is; best marks the recommended one.
func (p Plan) Describe(h Machine, best bool) string {
	var word string
	switch {
	case p.Verdict == No:
		return "too big: " + units.Size(p.Need)
	case p.Verdict == Tight:
		return fmt.Sprintf("tight: %s of %s", strings.TrimSuffix(units.Size(p.Need), " GB"), units.Size(h.Memory))
	case best:
		word = "best here"
	default:
		word = "fits"
	}
	switch {
	case p.Layers > 0 && p.Layers == p.Blocks:
		word += ", on the GPU"
	case p.Layers > 0:
		word += fmt.Sprintf(", %d of %d layers on the GPU", p.Layers, p.Blocks)
	case p.Speed > 0:
		word += ", ~" + units.Speed(p.Speed)
	}
	return word
}

// DownloadSize is how many bytes are downloaded for a model of the catalogue at m's type:
// the size of a finished file, if known, and of the projector.
func (m Model) DownloadSize(of catalog.Model) int64 {
	n := m.Bytes()
	if f, ok := of.File(m.Type); ok && f.Size > 0 {
		n = f.Size
	}
	return n + m.Projector
}
