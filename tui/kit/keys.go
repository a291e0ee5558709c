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

// A Keymap has every key of the interface that is not a letter typed into a list.
// The list of keys, the commands and config.toml read it through [Keymap.named].
type Keymap struct {
	// Everywhere.
	Commands, Keys, NewChat, Conversations, Models, Settings, Context, Source, NextMode, Suspend, Quit key.Binding
	Modes                                                                                              []key.Binding // one for each mode

	modes []string // their names

	// In a conversation.
	Send, Newline, Stop, Regenerate, Continue, Select, PageUp, PageDown, Top, Bottom, CopyCode key.Binding
	Editor, Paste, Detach, Earlier, Later                                                      key.Binding

	// With a message selected.
	Up, Down, Copy, Edit, Again, OlderVersion, NewerVersion, Fold, Save, Back key.Binding

	// In lists and dialogs.
	Choose, Complete, Delete, Rename, Export key.Binding

	// While writing.
	Undo, Redo, WordLeft, WordRight, LineStart, LineEnd, DeleteWord, DeleteToStart, DeleteToEnd, Yank key.Binding
}

// A NamedKey is a binding as config.toml and the list of keys know it.
type NamedKey struct {
	Group   string
	name    string // in config.toml
	Binding *key.Binding
	keys    string // the keys it has from the start, apart by spaces
	Help    string
}

// Named lists the bindings with the name, the keys and the words of each.
func (k *Keymap) Named() []NamedKey {
	list := []NamedKey{
		{"everywhere", "commands", &k.Commands, "ctrl+p", "commands"},
		{"everywhere", "keys", &k.Keys, "? f1", "keys"},
		{"everywhere", "new", &k.NewChat, "ctrl+n", "new conversation"},
		{"everywhere", "conversations", &k.Conversations, "ctrl+r", "conversations"},
		{"everywhere", "models", &k.Models, "ctrl+l", "models"},
		{"everywhere", "settings", &k.Settings, "ctrl+s", "settings"},
		{"everywhere", "context", &k.Context, "ctrl+o", "longer context"},
		{"everywhere", "source", &k.Source, "alt+m", "math as written"},
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
		{"conversation", "select", &k.Select, "alt+up", "select messages"},
		{"conversation", "page_up", &k.PageUp, "pgup", "scroll up"},
		{"conversation", "page_down", &k.PageDown, "pgdown", "scroll down"},
		{"conversation", "top", &k.Top, "ctrl+home", "to the beginning"},
		{"conversation", "bottom", &k.Bottom, "ctrl+end", "to the end"},
		{"conversation", "copy_code", &k.CopyCode, "alt+y", "copy the last code"},
		{"conversation", "editor", &k.Editor, "ctrl+g", "write in $EDITOR"},
		{"conversation", "paste", &k.Paste, "ctrl+v", "paste, also pictures"},
		{"conversation", "detach", &k.Detach, "ctrl+x", "remove the last attachment"},
		{"conversation", "earlier", &k.Earlier, "alt+p", "earlier message"},
		{"conversation", "later", &k.Later, "alt+n", "later message"},

		{"selected message", "up", &k.Up, "up k", "message before"},
		{"selected message", "down", &k.Down, "down j", "message after"},
		{"selected message", "copy", &k.Copy, "y", "copy"},
		{"selected message", "edit", &k.Edit, "e", "edit"},
		{"selected message", "again", &k.Again, "r", "again"},
		{"selected message", "older_version", &k.OlderVersion, "left h", "version before"},
		{"selected message", "newer_version", &k.NewerVersion, "right l", "version after"},
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
		{"writing", "yank", &k.Yank, "ctrl+y", "insert what was deleted"},
	}...)
}

// NewKeymap makes the keys, with those that the person has set: for the name of a
// binding, its keys in place of the usual ones. No keys at all unbind it. Names
// that are unknown come back.
func NewKeymap(set map[string]config.Keys, modes []string) (*Keymap, []string) {
	k := &Keymap{Modes: make([]key.Binding, len(modes)), modes: modes}
	unknown := make(map[string]bool, len(set))
	for name := range set {
		unknown[name] = true
	}
	for _, n := range k.Named() {
		keys := strings.Fields(n.keys)
		if own, ok := set[n.name]; ok {
			keys = own
			delete(unknown, n.name)
		}
		*n.Binding = key.NewBinding(key.WithKeys(keys...), key.WithHelp(KeyName(keys), n.Help))
		if len(keys) == 0 {
			n.Binding.Unbind()
		}
	}
	var names []string
	for name := range unknown {
		names = append(names, name)
	}
	slices.Sort(names)
	return k, names
}

// KeyName is how keys are told to people: the first of them, in short.
func KeyName(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return arrows.Replace(keys[0])
}

var arrows = strings.NewReplacer("pgup", "pgup", "pgdown", "pgdn", "up", "↑", "down", "↓", "left", "←", "right", "→")

// A Hint is a binding that works at this moment, with words that may be more to
// the point than the general ones.
type Hint struct {
	key.Binding
	Words string // "": the binding's own
}

// Hints are bindings with their own words.
func Hints(bindings ...key.Binding) []Hint {
	list := make([]Hint, len(bindings))
	for i, b := range bindings {
		list[i] = Hint{Binding: b}
	}
	return list
}

func (h Hint) String() string { return h.Help().Key + " " + h.Action() }

// Action says what the key does.
func (h Hint) Action() string {
	if h.Words != "" {
		return h.Words
	}
	return h.Help().Desc
}

// HintSeparator stands between two hints of a foot.
const HintSeparator = " · "

// FitHints are the hints that a foot of a width shows.
func FitHints(list []Hint, width int) []Hint {
	var shown []Hint
	used := -Width(HintSeparator)
	for _, h := range list {
		if !h.Enabled() {
			continue
		}
		if used += Width(HintSeparator) + Width(h.String()); used > width {
			break
		}
		shown = append(shown, h)
	}
	return shown
}

// JoinHints are hints as the foot shows them, as many as fit.
func JoinHints(list []Hint, width int) string {
	var texts []string
	for _, h := range FitHints(list, width) {
		texts = append(texts, h.String())
	}
	return strings.Join(texts, HintSeparator)
}

// Actions are what the keys that work do.
func Actions(list []Hint) []string {
	var actions []string
	for _, h := range list {
		if h.Enabled() {
			actions = append(actions, h.Action())
		}
	}
	return actions
}

// NewBinding is a key that is no letter of a filter: what a list's row can be done to.
func NewBinding(keys, words string) key.Binding {
	list := strings.Fields(keys)
	return key.NewBinding(key.WithKeys(list...), key.WithHelp(KeyName(list), words))
}

// A Key is a key press as text editing sees it.
type Key struct {
	Name string // such as ctrl+p
	Text string // that it inserts; "": none
}

func (k Key) String() string { return k.Name }

// KeyOf returns the key of a press.
func KeyOf(k tea.KeyPressMsg) Key {
	if k.Mod&(tea.ModCtrl|tea.ModAlt|tea.ModMeta|tea.ModSuper) != 0 {
		return Key{Name: k.String()}
	}
	return Key{k.String(), k.Text}
}

// Matches reports whether a key is one of the bindings'.
func Matches(k fmt.Stringer, bindings ...key.Binding) bool { return key.Matches(k, bindings...) }

// namedKeys are the keys whose names are more than their letter.
var namedKeys = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "f1": tea.KeyF1, "f2": tea.KeyF2,
}

// KeyPress is the press of a key by its name, such as ctrl+p: what String says of
// the press.
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
