package library

import (
	"cmp"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

// abilityOf pairs the catalogue's abilities with an engine's capabilities.
var abilityOf = []struct {
	ability catalog.Ability
	has     func(*engine.Capabilities) *bool
}{
	{catalog.Chat, func(c *engine.Capabilities) *bool { return &c.Chat }},
	{catalog.FIM, func(c *engine.Capabilities) *bool { return &c.FIM }},
	{catalog.Vision, func(c *engine.Capabilities) *bool { return &c.Vision }},
	{catalog.Audio, func(c *engine.Capabilities) *bool { return &c.Audio }},
	{catalog.Tools, func(c *engine.Capabilities) *bool { return &c.Tools }},
	{catalog.Embed, func(c *engine.Capabilities) *bool { return &c.Embed }},
	{catalog.Thinking, func(c *engine.Capabilities) *bool { return &c.Thinking }},
}

// abilities returns what a model can do, from its manifest or else from its file.
func abilities(m models.Model, file *gguf.File) []string {
	if m.Manifest != nil && len(m.Manifest.Can) > 0 {
		return m.Manifest.Can
	}
	if file.Summary().Embeds() {
		return []string{string(catalog.Embed)}
	}
	e := encoders(m, file)
	var can engine.Capabilities
	if f, _, err := layout.FormatOf(file, m.Name, e); err == nil {
		can = f.Capabilities()
		can.Vision, can.Audio = e != nil && e.Images != nil, e != nil && e.Audio != nil
	}
	list := []string{}
	for _, a := range abilityOf {
		if *a.has(&can) {
			list = append(list, string(a.ability))
		}
	}
	return list
}

// capabilitiesOf returns what a model can do, as an engine describes it.
func capabilitiesOf(m models.Model, file *gguf.File) (can engine.Capabilities) {
	list := abilities(m, file)
	for _, a := range abilityOf {
		*a.has(&can) = slices.Contains(list, string(a.ability))
	}
	return can
}

// formatOf returns the version of a model's prompt format, as an engine describes it; "" if
// it is not known without the engine.
func formatOf(m models.Model) string {
	file, err := readHeader(m)
	if err != nil {
		return ""
	}
	f, _, err := layout.FormatOf(file, m.Name, encoders(m, file))
	if err != nil {
		return ""
	}
	return f.Version()
}

// encoders describes the projector of a model, or the one beside its file. It is nil if there
// is none.
func encoders(m models.Model, file *gguf.File) *layout.Encoders {
	path := cmp.Or(m.Projector, layout.Projector(m.Path, file.Summary().Width))
	if path == "" {
		return nil
	}
	e, err := projectorEncoders(path)
	if err != nil {
		return nil
	}
	return e
}

func projectorEncoders(path string) (*layout.Encoders, error) {
	file, err := gguf.Read(path)
	if err != nil {
		return nil, fault.Errorf(fault.BadModel, "cannot read %s: %w", path, err)
	}
	return layout.ReadEncoders(&file.Metadata)
}

// Layout returns how a model file turns requests into tokens. projector replaces the
// model's projector unless it is empty.
func (l *Library) Layout(ref, projector string) (*layout.Layout, error) {
	m, err := l.Find(ref)
	if err != nil {
		return nil, err
	}
	file, err := readHeader(m)
	if err != nil {
		return nil, err
	}
	e := encoders(m, file)
	if projector != "" {
		if e, err = projectorEncoders(projector); err != nil {
			return nil, err
		}
	}
	return layout.Read(file, m.Name, e)
}

func readHeader(m models.Model) (*gguf.File, error) {
	file, err := gguf.Read(m.Path)
	if err == nil {
		err = file.Check()
	}
	if err != nil {
		return nil, unreadable("read", m.Name, err)
	}
	return file, nil
}
