package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// keysDialog lists all keys, first the keys that work now.
type keysDialog struct {
	kit.TextDialog
	here []kit.Hint
}

func newKeysDialog(look *kit.Look, here []kit.Hint) *keysDialog {
	k := &keysDialog{here: here}
	k.Look = look
	k.Lines = k.lines
	return k
}

func (k *keysDialog) Title() string              { return "Keys" }
func (k *keysDialog) Note() string               { return "" }
func (k *keysDialog) Bindings() []kit.Hint       { return nil }
func (k *keysDialog) Click(int, int) kit.Outcome { return kit.Close(nil) }

func (k *keysDialog) Press(p tea.KeyPressMsg) kit.Outcome {
	switch p.String() {
	case "k":
		k.Scroll(-1)
	case "j":
		k.Scroll(1)
	case "esc", "q", "enter", "?", "f1":
		return kit.Close(nil)
	default:
		return k.TextDialog.Press(p)
	}
	return kit.Handled(nil)
}

func (k *keysDialog) Footer() kit.Footer {
	return kit.Footer{Hints: []kit.Hint{{Binding: kit.NewBinding("up", "scroll"), Words: ""}, {Binding: kit.NewBinding("esc", "back"), Words: ""}}}
}

// lines draws the groups in as many columns as fit.
func (k *keysDialog) lines() []string {
	left, width := kit.Column(k.Width)
	var lines []string
	for _, group := range k.groups() {
		lines = append(lines, "", k.Look.Theme.Selected.Render(group.name))
		each := 38
		columns := max(1, width/each)
		rows := (len(group.rows) + columns - 1) / columns
		for i := range rows {
			var b strings.Builder
			for c := range columns {
				if at := c*rows + i; at < len(group.rows) {
					row := group.rows[at]
					b.WriteString(kit.Pad(k.Look.Theme.Bold.Render(kit.Pad(row[0], keyCells))+" "+row[1], each))
				}
			}
			lines = append(lines, strings.TrimRight(b.String(), " "))
		}
	}
	return kit.Indent(lines, left)
}

// keyCells is the maximum width of the keys.
const keyCells = 15

// fitKeys returns as many of a binding's keys as fit.
func fitKeys(keys []string) string {
	s := ""
	for i := range keys {
		next := strings.TrimSpace(s + " " + kit.KeyName(keys[i:]))
		if i > 0 && kit.Width(next) > keyCells {
			break
		}
		s = next
	}
	return s
}

type keyGroup struct {
	name string
	rows [][2]string // keys and what they do
}

func (k *keysDialog) groups() []keyGroup {
	var groups []keyGroup
	if len(k.here) > 0 {
		g := keyGroup{name: "here"}
		for _, h := range k.here {
			if !h.Enabled() {
				continue
			}
			words := h.Words
			if words == "" {
				words = h.Help().Desc
			}
			g.rows = append(g.rows, [2]string{h.Help().Key, words})
		}
		groups = append(groups, g)
	}
	for _, n := range k.Look.Keys.Named() {
		if !n.Binding.Enabled() {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].name != n.Group {
			groups = append(groups, keyGroup{name: n.Group})
		}
		g := &groups[len(groups)-1]
		g.rows = append(g.rows, [2]string{fitKeys(n.Binding.Keys()), n.Help})
	}
	return groups
}
