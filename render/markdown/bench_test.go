package markdown

import (
	"strings"
	"testing"
)

// BenchmarkBlock measures what a growing block costs at each frame, in the longest
// ones that the interface draws.
func BenchmarkBlock(b *testing.B) {
	for _, bench := range []struct{ name, text string }{
		{"paragraph", strings.Repeat("Appending past the **capacity** allocates a `new` array, $x^2$ and *more* of it. ", 35)},
		{"list", strings.Repeat("- an item with **bold words** and `code` that goes on\n", 55)},
		{"table", "| a | b | c | d |\n|---|---|---|---|\n" + strings.Repeat("| some | words in | `cells` | of a **table** |\n", 65)},
		{"wide table", "| a | b | c | d |\n|---|---|---|---|\n" + strings.Repeat("| some | words in | `cells` | of a **table** that is rather wide, too wide for a hundred columns, in fact so wide |\n", 27)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := NewRenderer(Dark)
			for b.Loop() {
				r.Block(bench.text, 100)
			}
		})
	}
}
