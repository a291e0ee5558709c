package config

import (
	"fmt"
	"slices"
	"strings"
)

// Interface has the settings of the interface.
type Interface struct {
	// Colours. auto is light or dark, as the terminal is.
	Theme string `toml:"theme" default:"auto"`
	// The look of answers, in the interface and in `bise ask`: a Glamour style's name, or the path of a style file.
	Style string `toml:"style" default:"the theme's"`
	// The mouse selects, scrolls and copies.
	Mouse *bool `toml:"mouse" default:"true"`
	// Keys of vi in the input line.
	Vim bool `toml:"vim" default:"false"`
	// Shows the thinking of a model unfolded.
	Thinking bool `toml:"thinking" default:"false"`
	// Rings the terminal's bell after a slow answer.
	Bell string `toml:"bell" default:"unfocused"`
	// The keys of actions.
	Keys map[string]Keys `toml:"keys"`
}

// Themes are the interface's themes. auto is light or dark, depending on the terminal.
var Themes = []string{"auto", "light", "dark", "lavender", "olive", "contrast"}

// Bells are when the terminal's bell rings after a slow answer: while the terminal reports that
// another window has the focus; also while it reports nothing; or never.
var Bells = []string{"unfocused", "always", "never"}

// Keys has the keys of an action: one, a list, or none.
type Keys []string

// UnmarshalTOML reads a string or a list of strings.
func (k *Keys) UnmarshalTOML(v any) error {
	*k = Keys{}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return fmt.Errorf("a key is a string, such as %q", "ctrl+p")
		}
		if s != "" {
			*k = append(*k, s)
		}
	}
	return nil
}

// check returns the key of an invalid value and what is wrong with it, or "".
func (i Interface) check() (key, what string) {
	if i.Theme != "" && !slices.Contains(Themes, i.Theme) {
		return "interface.theme", fmt.Sprintf("%q is unknown: want one of %s", i.Theme, strings.Join(Themes, ", "))
	}
	if i.Bell != "" && !slices.Contains(Bells, i.Bell) {
		return "interface.bell", fmt.Sprintf("%q is unknown: want one of %s", i.Bell, strings.Join(Bells, ", "))
	}
	return "", ""
}
