package cli

import (
	"errors"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

// abilities tells what a model can do, as its manifest says or else its file.
func abilities(m models.Model, file *gguf.File) []string {
	if m.Manifest != nil && len(m.Manifest.Can) > 0 {
		return m.Manifest.Can
	}
	if pooling, ok := file.Metadata.Uint(architecture(file) + ".pooling_type"); ok && pooling > 0 {
		return []string{string(catalog.Embed)}
	}
	pictures := seenBy(m, file.Summary().Width)
	var can engine.Capabilities
	l, err := layout.Read(file, m.Name, pictures)
	switch {
	case err == nil && l.Source != layout.None:
		can = l.Format.Capabilities()
		can.Vision = pictures != nil
	case errors.Is(err, tokenizer.ErrUnsupported):
		// llama.cpp tokenizes, and the file's own template says how people talk to it.
		_, can.Chat = file.Metadata.String("tokenizer.chat_template")
	}
	return listed(can)
}

func architecture(file *gguf.File) string {
	name, _ := file.Metadata.String("general.architecture")
	return name
}

// listed are capabilities as the catalog calls them.
func listed(can engine.Capabilities) []string {
	list := []string{}
	for _, c := range []struct {
		can bool
		is  catalog.Ability
	}{
		{can.Chat, catalog.Chat},
		{can.FIM, catalog.FIM},
		{can.Vision, catalog.Vision},
		{can.Tools, catalog.Tools},
		{can.Embed, catalog.Embed},
		{can.Thinking, catalog.Thinking},
	} {
		if c.can {
			list = append(list, string(c.is))
		}
	}
	return list
}

// abilityWords are abilities as people say them, in one phrase.
func abilityWords(list []string) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = catalog.Ability(a).Word()
	}
	return strings.Join(words, " ")
}

// seenBy tells how a model's projector cuts pictures: its own or the one that lies
// beside it. It is nil when there is none.
func seenBy(m models.Model, width int) *prompt.ImageGrid {
	path := m.Projector
	if path == "" {
		path = layout.Projector(m.Path, width)
	}
	if path == "" {
		return nil
	}
	cut, err := projector(path)
	if err != nil {
		return nil
	}
	return &cut
}
