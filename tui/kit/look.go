package kit

import (
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/render/markdown"
)

// A Look has the theme and the keys of screens. Only the goroutine that runs the program uses
// it. Theme is replaced when the user changes it: read it while drawing, and draw again what
// was cached for another Theme.
type Look struct {
	Theme    *Theme
	Keys     *Keymap
	Settings config.Interface

	modes    []string        // for Keys
	defaults bool            // the settings do not change Keys
	terminal Shade           // the terminal's background
	plain    bool            // the terminal has no colours
	source   bool            // show LaTeX source
	style    *markdown.Style // of answers; nil: the theme's
}

// NewLook returns the look for settings, and what is wrong with the keys in them.
func NewLook(s config.Interface, modes []string) (l *Look, problems []config.Problem) {
	l = &Look{modes: modes}
	return l, l.Apply(s)
}

// Apply applies settings. It returns what is wrong with the keys in them.
func (l *Look) Apply(s config.Interface) (problems []config.Problem) {
	repaint := l.Theme == nil || l.Settings.Theme != s.Theme
	l.Settings = s
	if repaint {
		l.repaint()
	}
	l.Keys, problems = NewKeymap(s.Keys, l.modes)
	if l.defaults {
		l.Keys, _ = NewKeymap(nil, l.modes)
	}
	return problems
}

// UseDefaultKeys ignores the keys in the settings: the plain interface presses keys by what they
// do, also where the user has unbound them.
func (l *Look) UseDefaultKeys() {
	l.defaults = true
	l.Apply(l.Settings)
}

// SetBackground sets the shade of the terminal's background.
func (l *Look) SetBackground(s Shade) {
	l.terminal = s
	l.repaint()
}

// DefaultKeys reports whether [Look.UseDefaultKeys] was called.
func (l *Look) DefaultKeys() bool { return l.defaults }

// SetColours says whether the terminal has colours.
func (l *Look) SetColours(has bool) {
	l.plain = !has
	l.repaint()
}

// ToggleSource switches between rendered mathematics and its source.
func (l *Look) ToggleSource() {
	l.source = !l.source
	l.repaint()
}

// SetStyle sets the style of answers. Nil means the theme's style.
func (l *Look) SetStyle(s *markdown.Style) {
	l.style = s
	l.repaint()
}

// MarkMore marks at the right edge that more lines are above and below the visible ones.
func (l *Look) MarkMore(lines []string, width int, above, below bool) []string {
	mark := func(i int, with string) { lines[i] = Pad(lines[i], width-2) + l.Theme.Muted.Render(with) }
	switch n := len(lines) - 1; {
	case n < 0:
	case n == 0 && above && below:
		mark(0, "↕")
	default:
		if above {
			mark(0, "↑")
		}
		if below {
			mark(n, "↓")
		}
	}
	return lines
}

// Mouse reports whether mouse events go to the interface, not to the terminal.
func (l *Look) Mouse() bool { return l.Settings.Mouse == nil || *l.Settings.Mouse }

func (l *Look) repaint() {
	l.Theme = NewTheme(l.Settings.Theme, l.terminal)
	l.Theme.Markdown.Source = l.source
	if l.style != nil {
		l.Theme.Markdown.Style = l.style
	}
	if l.plain {
		l.Theme.removeColours()
	}
}
