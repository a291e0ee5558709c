package kit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault/suggest"
)

// problems returns what is wrong with the user's keys: actions and keys that do not exist, and
// keys with two actions.
func (k *Keymap) problems(set map[string]config.Keys) []config.Problem {
	named := k.Named()
	actions := make([]string, len(named))
	for i, n := range named {
		actions[i] = n.Name
	}
	var list []config.Problem
	add := func(name, format string, args ...any) {
		list = append(list, config.Problem{Key: "interface.keys." + name, What: fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(actions, name) {
			list = append(list, config.Problem{Key: "interface.keys." + name, Suggestion: suggest.Word(name, actions), Allowed: actions})
			continue
		}
		for _, key := range set[name] {
			if isKey(key) {
				continue
			}
			what := fmt.Sprintf("unknown key name %q", key)
			if similar := similarKey(key); similar != "" {
				what += fmt.Sprintf("; did you mean %q?", similar)
			}
			add(name, "%s", what)
		}
	}
	for i, a := range named {
		for _, b := range named[:i] {
			_, ofA := set[a.Name]
			_, ofB := set[b.Name]
			if !ofA && !ofB || !together(a.Group, b.Group) {
				continue
			}
			first, second := a, b
			if !ofA {
				first, second = b, a
			}
			for _, key := range first.Binding.Keys() {
				usual := slices.Contains(strings.Fields(a.keys), key) && slices.Contains(strings.Fields(b.keys), key)
				if slices.Contains(second.Binding.Keys(), key) && !usual {
					add(first.Name, "%q is also the key of %q", key, second.Name)
				}
			}
		}
	}
	return list
}

// together reports whether the keys of two groups work at the same time.
func together(a, b string) bool {
	writes := func(group string) bool { return group == "conversation" || group == "lists" }
	return a == b || a == "everywhere" || b == "everywhere" || a == "writing" && writes(b) || b == "writing" && writes(a)
}

// keyNames are the keys with a name, without modifiers.
var keyNames = sync.OnceValue(func() []string {
	list := []string{"enter", "tab", "backspace", "esc", "space"}
	for code := tea.KeyUp; code <= tea.KeyIsoLevel5Shift; code++ {
		list = append(list, tea.Key{Code: code}.Keystroke())
	}
	return list
})

var modifiers = []string{"ctrl+", "alt+", "shift+", "meta+", "hyper+", "super+"}

// isKey reports whether a key press can have a name.
func isKey(name string) bool {
	base, found := name, 0
	for _, m := range modifiers {
		if rest, ok := strings.CutPrefix(base, m); ok && rest != "" {
			base = rest
			found++
		}
	}
	if slices.Contains(keyNames(), base) {
		return true
	}
	r, n := utf8.DecodeRuneInString(base)
	if n != len(base) || !unicode.IsGraphic(r) || r == ' ' {
		return false
	}
	// The terminal sends A for shift+a, and ctrl+shift+a for ctrl+A.
	onlyShift := found == 1 && strings.HasPrefix(name, "shift+")
	return !onlyShift && (!strings.Contains(name, "ctrl+") || !unicode.IsUpper(r))
}

// other names that people use for keys.
var otherNames = strings.NewReplacer("control", "ctrl", "strg", "ctrl", "option", "alt", "return", "enter", "escape", "esc", "pageup", "pgup",
	"page_up", "pgup", "pagedown", "pgdown", "page_down", "pgdown", "pgdn", "pgdown", "del", "delete", "ins", "insert", "bksp", "backspace")

// similarKey returns the key that the user may mean, or "".
func similarKey(name string) string {
	if name == " " {
		return "space"
	}
	if rest, ok := strings.CutPrefix(name, "shift+"); ok && utf8.RuneCountInString(rest) == 1 {
		return strings.ToUpper(rest)
	}
	name = otherNames.Replace(strings.ToLower(strings.ReplaceAll(name, "-", "+")))
	name = strings.NewReplacer("c+", "ctrl+", "^", "ctrl+").Replace(name)
	base, mods := name, ""
	for i := 0; i < len(modifiers); i++ {
		if before, after, ok := strings.Cut(base, modifiers[i]); ok {
			base = before + after
			mods += modifiers[i]
		}
	}
	if isKey(mods + base) {
		return mods + base
	}
	if base = suggest.Word(base, keyNames()); base != "" {
		return mods + base
	}
	return ""
}
