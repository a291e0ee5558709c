package tokenizer

import (
	"os"
	"strings"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	texts := []struct{ name, text string }{
		{"prose", strings.Repeat("The mistral is a strong, cold, north-westerly wind that blows from southern France. ", 1000)},
		{"code", strings.Repeat("func (m *merges) find(text string) (piece, bool) {\n\tif len(text) > m.longest {\n\t\treturn piece{}, false\n\t}\n}\n", 1000)},
		{"unicode", strings.Repeat("Ünïcödé — 日本語のテキスト, العربية, 🙂 наприклад. ", 1000)},
		{"one letter", strings.Repeat("a", 1<<20)},
		{"no spaces", strings.Repeat("abcdefghijklmnop", 1<<16)},
	}
	dir, names := sharedTokenizers, []string{"mistral_instruct_tokenizer_240323.model.v3", "tekken_240911.json"}
	if _, err := os.Stat(dir); err != nil {
		dir, names = "testdata", []string{"sp_tiny.model.v3", "tekken_tiny_v13.json"}
	}
	for _, name := range names {
		tok := open(b, dir, name)
		for _, c := range texts {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				b.SetBytes(int64(len(c.text)))
				for b.Loop() {
					tok.Encode(c.text, false)
				}
			})
		}
	}
}

func BenchmarkFromGGUF(b *testing.B) {
	for _, name := range []string{"sp_tiny.model.v3", "tekken_tiny_v13.json"} {
		m := meta(b, "testdata", name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := FromGGUF(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
