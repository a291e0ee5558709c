package kit

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
)

// A Keymap has all configurable keys. The list of keys, the commands and config.toml read it
// through [Keymap.Named].
type Keymap struct {
	// Everywhere.
	Commands, Keys, NewChat, Conversations, Models, Settings, Context, Source, NextMode, Suspend, Quit key.Binding
	Modes                                                                                              []key.Binding // one for each mode

	modes []string // of the modes

	// In a conversation.
	Send, Newline, Stop, Regenerate, Continue, EditLast, Without, Select, PageUp, PageDown, Top, Bottom, Find, CopyCode key.Binding
	Editor, Paste, Detach, Earlier, Later                                                                               key.Binding

	// With a message selected.
	Up, Down, Copy, Edit, Again, OlderVersion, NewerVersion, Fold, Save, Back key.Binding

	// In lists and dialogs.
	Choose, Complete, Delete, Rename, Export key.Binding

	// While writing.
	Undo, Redo, WordLeft, WordRight, LineStart, LineEnd, DeleteWord, DeleteToStart, DeleteToEnd, Yank key.Binding
}

// A NamedKey is a binding with its name in config.toml and its help.
type NamedKey struct {
	Group   string
	Name    string // in config.toml
	Binding *key.Binding
	keys    string // the default keys, separated by spaces
	Help    string
}

// Named lists the bindings.
func (k *Keymap) Named() []NamedKey {
	list := []NamedKey{
		{"everywhere", "commands", &k.Commands, "ctrl+p", "commands"},
		{"everywhere", "keys", &k.Keys, "? f1", "keys"},
		{"everywhere", "new", &k.NewChat, "ctrl+n", "new conversation"},
		{"everywhere", "conversations", &k.Conversations, "ctrl+r", "conversations"},
		{"everywhere", "models", &k.Models, "ctrl+l", "models"},
		{"everywhere", "settings", &k.Settings, "ctrl+s", "settings"},
		{"everywhere", "context", &k.Context, "ctrl+o", "context length"},
		{"everywhere", "source", &k.Source, "alt+m", "show LaTeX source"},
		{"everywhere", "next_mode", &k.NextMode, "shift+tab", "next mode"},
	}
	for i := range k.Modes {
		list = append(list, NamedKey{"everywhere", k.modes[i], &k.Modes[i], fmt.Sprintf("alt+%d", i+1), k.modes[i]})
	}
	return append(list, []NamedKey{
		{"everywhere", "suspend", &k.Suspend, "ctrl+z", "suspend bise"},
		{"everywhere", "quit", &k.Quit, "ctrl+c", "quit"},

		{"conversation", "send", &k.Send, "enter", "send"},
		{"conversation", "newline", &k.Newline, "shift+enter ctrl+j alt+enter", "new line"},
		{"conversation", "stop", &k.Stop, "esc", "stop the answer"},
		{"conversation", "regenerate", &k.Regenerate, "alt+r", "answer again"},
		{"conversation", "continue", &k.Continue, "alt+c", "continue a cut answer"},
		{"conversation", "edit_last", &k.EditLast, "alt+e", "edit last message"},
		{"conversation", "without", &k.Without, "alt+x", "without attachments"},
		{"conversation", "select", &k.Select, "alt+up", "select messages"},
		{"conversation", "page_up", &k.PageUp, "pgup", "scroll up"},
		{"conversation", "page_down", &k.PageDown, "pgdown", "scroll down"},
		{"conversation", "top", &k.Top, "ctrl+home", "to the start"},
		{"conversation", "bottom", &k.Bottom, "ctrl+end", "to the end"},
		{"conversation", "find", &k.Find, "ctrl+f", "search messages"},
		{"conversation", "copy_code", &k.CopyCode, "alt+y", "copy the last code"},
		{"conversation", "editor", &k.Editor, "ctrl+g", "edit in $EDITOR"},
		{"conversation", "paste", &k.Paste, "ctrl+v", "paste text or an image"},
		{"conversation", "detach", &k.Detach, "ctrl+x", "remove the last attachment"},
		{"conversation", "earlier", &k.Earlier, "alt+p", "earlier message"},
		{"conversation", "later", &k.Later, "alt+n", "later message"},

		{"selected message", "up", &k.Up, "up k", "previous message"},
		{"selected message", "down", &k.Down, "down j", "next message"},
		{"selected message", "copy", &k.Copy, "y", "copy"},
		{"selected message", "edit", &k.Edit, "e", "edit"},
		{"selected message", "again", &k.Again, "r", "again"},
		{"selected message", "older_version", &k.OlderVersion, "left h", "older version"},
		{"selected message", "newer_version", &k.NewerVersion, "right l", "newer version"},
		{"selected message", "fold", &k.Fold, "space", "fold"},
		{"selected message", "save", &k.Save, "s", "save"},
		{"selected message", "back", &k.Back, "esc", "back"},

		{"lists", "choose", &k.Choose, "enter", "choose"},
		{"lists", "complete", &k.Complete, "tab", "complete"},
		{"lists", "delete", &k.Delete, "ctrl+d delete", "delete"},
		{"lists", "rename", &k.Rename, "ctrl+e", "rename"},
		{"lists", "export", &k.Export, "ctrl+x", "export"},

		{"writing", "undo", &k.Undo, "ctrl+_ ctrl+/ alt+z", "undo"},
		{"writing", "redo", &k.Redo, "alt+/ alt+shift+z", "redo"},
		{"writing", "word_left", &k.WordLeft, "alt+left ctrl+left alt+b", "word left"},
		{"writing", "word_right", &k.WordRight, "alt+right ctrl+right alt+f", "word right"},
		{"writing", "line_start", &k.LineStart, "home ctrl+a", "line start"},
		{"writing", "line_end", &k.LineEnd, "end ctrl+e", "line end"},
		{"writing", "delete_word", &k.DeleteWord, "ctrl+w alt+backspace", "delete word"},
		{"writing", "delete_to_start", &k.DeleteToStart, "ctrl+u", "delete to line start"},
		{"writing", "delete_to_end", &k.DeleteToEnd, "ctrl+k", "delete to line end"},
		{"writing", "yank", &k.Yank, "ctrl+y", "insert the deleted text"},
	}...)
}

// NewKeymap returns the keys, with the user's keys in place of the defaults. An empty list
// unbinds a key. It also returns what is wrong with them.
func NewKeymap(set map[string]config.Keys, modes []string) (*Keymap, []config.Problem) {
	k := &Keymap{Modes: make([]key.Binding, len(modes)), modes: modes}
	for _, n := range k.Named() {
		keys := strings.Fields(n.keys)
		if custom, ok := set[n.Name]; ok {
			keys = custom
		}
		*n.Binding = key.NewBinding(key.WithKeys(keys...), key.WithHelp(KeyName(keys), n.Help))
		if len(keys) == 0 {
			n.Binding.Unbind()
		}
	}
	return k, k.problems(set)
}

// KeyName returns the first key in short, for display.
func KeyName(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return arrows.Replace(keys[0])
}

var arrows = strings.NewReplacer("pgup", "pgup", "pgdown", "pgdn", "up", "↑", "down", "↓", "left", "←", "right", "→")

// A Hint is a key that works now, with words that may be more specific than those of the
// binding.
type Hint struct {
	key.Binding
	Words   string // "": the binding's help
	General bool   // the action does not concern the selected row of a list
}

// Hints returns bindings with their own words.
func Hints(bindings ...key.Binding) []Hint {
	list := make([]Hint, len(bindings))
	for i, b := range bindings {
		list[i] = Hint{Binding: b}
	}
	return list
}

func (h Hint) String() string { return strings.TrimSpace(h.Help().Key + " " + h.Action()) }

// Action describes what the key does.
func (h Hint) Action() string {
	if h.Words != "" {
		return h.Words
	}
	return h.Help().Desc
}

// HintSeparator separates hints in the footer.
const HintSeparator = " · "

// FitHints returns the hints that fit a width: the first ones, and the one for esc. A mark stands
// for those left out.
func FitHints(list []Hint, width int) []Hint {
	var enabled []Hint
	for _, h := range list {
		if h.Enabled() {
			enabled = append(enabled, h)
		}
	}
	if hintsWidth(enabled) <= width {
		return enabled
	}
	more := []Hint{moreHints}
	ends := [][]Hint{more, nil}
	first := enabled
	if i := slices.IndexFunc(enabled, isEscape); i > 0 {
		ends = slices.Insert(ends, 0, append(more, enabled[i]))
		first = slices.Delete(slices.Clone(enabled), i, i+1)
	}
	for _, end := range ends {
		for n := len(first) - 1; n > 0; n-- {
			if fitting := slices.Concat(first[:n], end); hintsWidth(fitting) <= width {
				return fitting
			}
		}
	}
	return nil
}

func isEscape(h Hint) bool { return slices.Contains(h.Keys(), "esc") }

// moreHints is the mark for hints that were left out.
var moreHints = Hint{Binding: key.NewBinding(key.WithHelp("…", ""))}

func hintsWidth(list []Hint) int {
	width := -Width(HintSeparator)
	for _, h := range list {
		width += Width(HintSeparator) + Width(h.String())
	}
	return width
}

// JoinHints returns the hints that fit a width as text.
func JoinHints(list []Hint, width int) string {
	var texts []string
	for _, h := range FitHints(list, width) {
		texts = append(texts, h.String())
	}
	return strings.Join(texts, HintSeparator)
}

// KeyOr returns the key of a binding, or the command that does the same if it has no key.
func KeyOr(b key.Binding, command string) string {
	if !b.Enabled() {
		return command
	}
	return b.Help().Key
}

// Actions returns what the enabled keys do.
func Actions(list []Hint) []string {
	var actions []string
	for _, h := range list {
		if h.Enabled() {
			actions = append(actions, h.Action())
		}
	}
	return actions
}

// NewBinding returns a binding that is not configurable.
func NewBinding(keys, words string) key.Binding {
	list := strings.Fields(keys)
	return key.NewBinding(key.WithKeys(list...), key.WithHelp(KeyName(list), words))
}

// A Key is a key press for text editing.
type Key struct {
	Name string // such as ctrl+p
	Text string // inserted text; "": none
}

func (k Key) String() string { return k.Name }

// KeyOf returns the key of a press.
func KeyOf(k tea.KeyPressMsg) Key {
	if k.Mod&(tea.ModCtrl|tea.ModAlt|tea.ModMeta|tea.ModSuper) != 0 {
		return Key{Name: k.String()}
	}
	return Key{k.String(), k.Text}
}

// Matches reports whether a key belongs to one of the bindings.
func Matches(k fmt.Stringer, bindings ...key.Binding) bool { return key.Matches(k, bindings...) }

// namedKeys are the keys with names longer than a letter.
var namedKeys = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "insert": tea.KeyInsert,
	"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6,
	"f7": tea.KeyF7, "f8": tea.KeyF8, "f9": tea.KeyF9, "f10": tea.KeyF10, "f11": tea.KeyF11, "f12": tea.KeyF12,
}

// KeyPress returns the press of a key such as ctrl+p.
func KeyPress(name string) tea.KeyPressMsg {
	var k tea.KeyPressMsg
	for {
		mod, rest, ok := strings.Cut(name, "+")
		bit := map[string]tea.KeyMod{"ctrl": tea.ModCtrl, "alt": tea.ModAlt, "shift": tea.ModShift}[mod]
		if !ok || bit == 0 {
			break
		}
		k.Mod |= bit
		name = rest
	}
	if code, ok := namedKeys[name]; ok {
		k.Code = code
		if name == "space" && k.Mod == 0 {
			k.Text = " "
		}
		return k
	}
	k.Code, _ = utf8.DecodeRuneInString(name)
	if k.Mod&^tea.ModShift == 0 {
		k.Text = name
	}
	return k
}
