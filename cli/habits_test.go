package cli

import (
	"testing"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/library"
)

// history = false keeps no conversation of the interface either.
func TestInterfaceWithoutHistory(t *testing.T) {
	for _, keep := range []bool{true, false} {
		conf := config.Config{History: &keep}
		lib := library.New(library.Options{Config: conf})
		if o := interfaceOptions(lib, conf, nil, config.Places{Data: t.TempDir()}, ""); (o.History != nil) != keep {
			t.Errorf("history = %v: the interface keeps conversations: %v", keep, o.History != nil)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"":                   "",
		"ministral-3:3b":     "ministral-3:3b",
		"hf.co/a/b":          "hf.co/a/b",
		"why is it blue?":    `'why is it blue?'`,
		"it's":               `'it'\''s'`,
		"$(rm -rf x)":        `'$(rm -rf x)'`,
		"日本":                 "日本",
		"models/a file.gguf": `'models/a file.gguf'`,
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}
