package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// keysDialog lists every key, those that work at this moment first.
type keysDialog struct {
	look          *kit.Look
	here          []kit.Hint
	width, height int
	top           int // the first line that is shown
}

func newKeysDialog(look *kit.Look, here []kit.Hint) *keysDialog {
	return &keysDialog{look: look, here: here}
}

func (k *keysDialog) Title() string              { return "Keys" }
func (k *keysDialog) Note() string               { return "" }
func (k *keysDialog) Init() tea.Cmd              { return nil }
func (k *keysDialog) Update(tea.Msg) tea.Cmd     { return nil }
func (k *keysDialog) Paste(string) kit.Outcome   { return kit.Ignored() }
func (k *keysDialog) Click(int, int) kit.Outcome { return kit.Close(nil) }
func (k *keysDialog) Resize(width, height int)   { k.width, k.height = width, height; k.Scroll(0) }

func (k *keysDialog) Scroll(lines int) {
	k.top = max(0, min(k.top+lines, len(k.lines())-k.height))
}

func (k *keysDialog) Press(p tea.KeyPressMsg) kit.Outcome {
	switch p.String() {
	case "up", "k":
		k.Scroll(-1)
	case "down", "j":
		k.Scroll(1)
	case "pgup":
		k.Scroll(-k.height + 1)
	case "pgdown", "space":
		k.Scroll(k.height - 1)
	case "home":
		k.Scroll(-len(k.lines()))
	case "end":
		k.Scroll(len(k.lines()))
	case "esc", "q", "enter", "?", "f1":
		return kit.Close(nil)
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

func (k *keysDialog) Footer() kit.Footer {
	return kit.Footer{Hints: []kit.Hint{{Binding: kit.NewBinding("up", "scroll"), Words: ""}, {Binding: kit.NewBinding("esc", "back"), Words: ""}}}
}

func (k *keysDialog) Bindings() []kit.Hint { return nil }

func (k *keysDialog) View() ([]string, *tea.Cursor) {
	lines := k.lines()
	return lines[min(k.top, len(lines)):min(k.top+k.height, len(lines))], nil
}

// lines draws the groups in as many columns as fit.
func (k *keysDialog) lines() []string {
	left, width := kit.Column(k.width)
	var lines []string
	for _, group := range k.groups() {
		lines = append(lines, "", k.look.Theme.Selected.Render(group.name))
		each := 38
		columns := max(1, width/each)
		rows := (len(group.rows) + columns - 1) / columns
		for i := range rows {
			var b strings.Builder
			for c := range columns {
				if at := c*rows + i; at < len(group.rows) {
					row := group.rows[at]
					b.WriteString(kit.Pad(k.look.Theme.Bold.Render(kit.Pad(row[0], keyCells))+" "+row[1], each))
				}
			}
			lines = append(lines, strings.TrimRight(b.String(), " "))
		}
	}
	return kit.Indent(lines, left)
}

// keyCells is how wide the keys are at most.
const keyCells = 15

// someKeys are as many of a binding's keys as fit.
func someKeys(keys []string) string {
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
			words := h.Words
			if words == "" {
				words = h.Help().Desc
			}
			g.rows = append(g.rows, [2]string{h.Help().Key, words})
		}
		groups = append(groups, g)
	}
	for _, n := range k.look.Keys.Named() {
		if !n.Binding.Enabled() {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].name != n.Group {
			groups = append(groups, keyGroup{name: n.Group})
		}
		g := &groups[len(groups)-1]
		g.rows = append(g.rows, [2]string{someKeys(n.Binding.Keys()), n.Help})
	}
	return groups
}
