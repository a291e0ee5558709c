package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// keysDialog lists every key, those that work at this moment first.
type keysDialog struct {
	look          *Look
	here          []hint
	width, height int
	top           int // the first line that is shown
}

func newKeysDialog(look *Look, here []hint) *keysDialog { return &keysDialog{look: look, here: here} }

func (k *keysDialog) title() string            { return "Keys" }
func (k *keysDialog) note() string             { return "" }
func (k *keysDialog) begin() tea.Cmd           { return nil }
func (k *keysDialog) update(tea.Msg) tea.Cmd   { return nil }
func (k *keysDialog) paste(string) outcome     { return pass() }
func (k *keysDialog) click(int, int) outcome   { return answer(nil) }
func (k *keysDialog) resize(width, height int) { k.width, k.height = width, height; k.wheel(0) }

func (k *keysDialog) wheel(lines int) {
	k.top = max(0, min(k.top+lines, len(k.lines())-k.height))
}

func (k *keysDialog) press(p tea.KeyPressMsg) outcome {
	switch p.String() {
	case "up", "k":
		k.wheel(-1)
	case "down", "j":
		k.wheel(1)
	case "pgup":
		k.wheel(-k.height + 1)
	case "pgdown", "space":
		k.wheel(k.height - 1)
	case "home":
		k.wheel(-len(k.lines()))
	case "end":
		k.wheel(len(k.lines()))
	case "esc", "q", "enter", "?", "f1":
		return answer(nil)
	default:
		return pass()
	}
	return took(nil)
}

func (k *keysDialog) foot() foot {
	return foot{hints: []hint{{letter("up", "scroll"), ""}, {letter("esc", "back"), ""}}}
}

func (k *keysDialog) bindings() []hint { return nil }

func (k *keysDialog) view() ([]string, *tea.Cursor) {
	lines := k.lines()
	return lines[min(k.top, len(lines)):min(k.top+k.height, len(lines))], nil
}

// lines draws the groups in as many columns as fit.
func (k *keysDialog) lines() []string {
	left, width := column(k.width)
	var lines []string
	for _, group := range k.groups() {
		lines = append(lines, "", k.look.Theme.selected.Render(group.name))
		each := 38
		columns := max(1, width/each)
		rows := (len(group.rows) + columns - 1) / columns
		for i := range rows {
			var b strings.Builder
			for c := range columns {
				if at := c*rows + i; at < len(group.rows) {
					row := group.rows[at]
					b.WriteString(padded(k.look.Theme.bold.Render(padded(row[0], keyCells))+" "+row[1], each))
				}
			}
			lines = append(lines, strings.TrimRight(b.String(), " "))
		}
	}
	return indented(lines, left)
}

// keyCells is how wide the keys are at most.
const keyCells = 15

// someKeys are as many of a binding's keys as fit.
func someKeys(keys []string) string {
	s := ""
	for i := range keys {
		next := strings.TrimSpace(s + " " + keyNames(keys[i:]))
		if i > 0 && cells(next) > keyCells {
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
			words := h.words
			if words == "" {
				words = h.Help().Desc
			}
			g.rows = append(g.rows, [2]string{h.Help().Key, words})
		}
		groups = append(groups, g)
	}
	for _, n := range k.look.Keys.named() {
		if !n.binding.Enabled() {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].name != n.group {
			groups = append(groups, keyGroup{name: n.group})
		}
		g := &groups[len(groups)-1]
		g.rows = append(g.rows, [2]string{someKeys(n.binding.Keys()), n.help})
	}
	return groups
}
