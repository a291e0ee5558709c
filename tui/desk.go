package tui

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
)

// A desk is what all screens work with. It belongs to the goroutine that runs the
// program; commands take what they need out of it before they begin.
type desk struct {
	// ctx ends with the interface. A command takes no argument, so it is kept here.
	ctx      context.Context
	options  Options
	settings config.Interface
	theme    *theme
	keys     *keymap
	terminal shade // the terminal's own background
	// asWritten shows mathematics as the model wrote it, not drawn.
	asWritten bool
	engines   *engines
	gallery   *gallery
	records   *records
	shelf     *shelf
	running   sync.WaitGroup // goroutines that read answers
	notice    notice

	// How the terminal is asked for what is its to do.
	exec func(*exec.Cmd, func(error) tea.Msg) tea.Cmd // runs a program in it
	copy func(text string) tea.Cmd                    // puts a text on its clipboard
}

func newDesk(ctx context.Context, o Options) *desk {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	d := &desk{ctx: ctx, options: o, engines: newEngines(ctx, o), gallery: newGallery(ctx, o.Getenv), records: newRecords(ctx, o.History)}
	d.exec = func(c *exec.Cmd, done func(error) tea.Msg) tea.Cmd { return tea.ExecProcess(c, done) }
	d.copy = tea.SetClipboard
	d.shelf = newShelf(d)
	d.apply(o.Settings)
	return d
}

// apply puts settings into effect.
func (d *desk) apply(s config.Interface) {
	if d.theme == nil || d.settings.Theme != s.Theme {
		d.paint(s.Theme)
	}
	d.settings = s
	keys, unknown := newKeymap(s.Keys)
	d.keys = keys
	if len(unknown) > 0 {
		d.say(fmt.Sprintf("config.toml: interface.keys has no key for %q", unknown[0]))
	}
}

// paint makes the theme anew; what was drawn in another one is drawn again.
func (d *desk) paint(name string) {
	d.theme = newTheme(name, d.terminal)
	d.theme.markdown.Source = d.asWritten
}

// turnMathematics shows mathematics as it was written, or drawn again.
func (d *desk) turnMathematics() {
	d.asWritten = !d.asWritten
	d.paint(d.settings.Theme)
}

// mouse reports whether the mouse is the interface's, not the terminal's.
func (d *desk) mouse() bool { return d.settings.Mouse == nil || *d.settings.Mouse }

// settingsSaved tells that changed settings were written, or why not.
type settingsSaved struct{ err error }

// change puts settings into effect and writes them.
func (d *desk) change(s config.Interface) tea.Cmd {
	d.apply(s)
	save := d.options.Save
	if save == nil {
		return nil
	}
	return func() tea.Msg { return settingsSaved{save(s)} }
}

// A notice is something worth a line that does not stop anybody. It stands in the
// foot until the next key, or, when it stays, until esc or another notice.
type notice struct {
	text  string
	stays bool
	// A key that can still change it, what that does, and in a word.
	key, word string
	do        tea.Cmd
}

// say shows a notice.
func (d *desk) say(text string) { d.notice = notice{text: oneLine(text)} }

// sayUndo shows a notice of what was done, which the key u takes back as long as
// it stands there.
func (d *desk) sayUndo(text string, undo tea.Cmd) {
	d.notice = notice{text: oneLine(text), key: "u", word: "undo", do: undo}
}

// sayError shows an error of something that people can go on without.
func (d *desk) sayError(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	msg, advice := told(err)
	d.say(strings.TrimSpace(msg + " " + advice))
	d.notice.stays = true
}
