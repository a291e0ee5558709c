package nanomodel

import (
	"testing"

	"github.com/bise-sh/bise/gguf"
)

func TestItems(t *testing.T) {
	for _, skill := range []Skill{Ask, Solve, Fill, See, Turn} {
		items := Items(t, skill)
		if len(items) < 15 {
			t.Errorf("%s has %d items, want at least 15", skill, len(items))
		}
		for _, x := range items {
			if x.Margin <= 1 || x.Answer == "" || x.Prompt == "" || (x.Suffix != "") != (skill == Fill) || (len(x.Before) == 2) != (skill == Turn) {
				t.Errorf("%+v", x)
			}
			if skill == See {
				Path(t, x.Image)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	Path(t, Tokenizer)
	for name, want := range map[string]string{Model: "llama", Projector: "clip"} {
		file, err := gguf.Read(Path(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Check(); err != nil {
			t.Error(err)
		}
		if s := file.Summary(); s.Architecture != want || s.FileType != "Q8_0" {
			t.Errorf("%s: %s in %s", name, s.Architecture, s.FileType)
		}
	}
}
