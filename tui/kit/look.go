package kit

import (
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/render/markdown"
)

// A Look is how screens draw and which keys they know. It belongs to the
// goroutine that runs the program. Theme is replaced when the user chooses
// another one: read it while drawing, and draw again what was kept for another
// Theme.
type Look struct {
	Theme    *Theme
	Keys     *Keymap
	Settings config.Interface

	modes    []string        // whose keys Keys has
	terminal Shade           // the background of the terminal itself
	source   bool            // mathematics is shown as the model wrote it
	style    *markdown.Style // of answers; nil: the theme's
}

// NewLook returns the look that settings describe. unknown has the names of keys
// that do not exist.
func NewLook(s config.Interface, modes []string) (l *Look, unknown []string) {
	l = &Look{modes: modes}
	return l, l.Apply(s)
}

// Apply puts settings into effect. It returns the names of keys that do not
// exist.
func (l *Look) Apply(s config.Interface) (unknown []string) {
	repaint := l.Theme == nil || l.Settings.Theme != s.Theme
	l.Settings = s
	if repaint {
		l.repaint()
	}
	l.Keys, unknown = NewKeymap(s.Keys, l.modes)
	return unknown
}

// SetBackground takes the shade of the terminal's background.
func (l *Look) SetBackground(s Shade) {
	l.terminal = s
	l.repaint()
}

// ToggleSource switches between drawn mathematics and its source.
func (l *Look) ToggleSource() {
	l.source = !l.source
	l.repaint()
}

// SetStyle takes the style of answers. Nil means the theme's own.
func (l *Look) SetStyle(s *markdown.Style) {
	l.style = s
	l.repaint()
}

// Mouse reports whether mouse events go to the interface, not to the terminal.
func (l *Look) Mouse() bool { return l.Settings.Mouse == nil || *l.Settings.Mouse }

func (l *Look) repaint() {
	l.Theme = NewTheme(l.Settings.Theme, l.terminal)
	l.Theme.Markdown.Source = l.source
	if l.style != nil {
		l.Theme.Markdown.Style = l.style
	}
}
