package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/tui/kit"
)

// settingsDialog shows and changes the settings, by their names in config.toml. It also lists
// the keys, which are changed there.
type settingsDialog struct {
	kit.ListDialog
	found []setting
}

// A setting is a row of the settings.
type setting struct {
	name, value, about string
	next               func(s *config.Interface, by int) // changes to the next value, or the one before; nil for a key
	help               string                            // of a key
}

func newSettingsDialog(look *kit.Look) *settingsDialog {
	s := new(settingsDialog)
	s.ListDialog = kit.ListDialog{
		List: kit.List{Look: look, FilterOnSlash: true, Empty: []string{"No setting matches."}}, Heading: "Settings",
		Choose: func(row int) kit.Outcome { return s.turn(row, 1) },
		Refill: func() tea.Cmd { s.refresh(); return nil },
		Hints:  s.hints,
	}
	s.Detail = func(i, width int) []string { return kit.Wrap(s.found[i].about, width) }
	s.refresh()
	return s
}

func (s *settingsDialog) hints() []kit.Hint {
	var list []kit.Hint
	if i, ok := s.SelectedRow(); ok && s.found[i].next != nil {
		list = []kit.Hint{{Binding: s.Look.Keys.Choose, Words: "change"}, {Binding: kit.NewBinding("left", "previous value"), Words: ""}}
	}
	return append(list, kit.Hint{Binding: kit.NewBinding("/", "filter")}, kit.Hint{Binding: s.Look.Keys.Back, Words: ""})
}

func (s *settingsDialog) settings() []setting {
	now := s.Look.Settings
	list := []setting{
		{name: "theme", value: s.Look.Theme.Name, about: "auto, lavender, olive and contrast adapt to the terminal's background; light and dark do not.", next: func(i *config.Interface, by int) {
			n := len(config.Themes)
			i.Theme = config.Themes[(slices.Index(config.Themes, s.Look.Theme.Name)+by+n)%n]
		}},
		{name: "mouse", value: onOff(s.Look.Mouse()), about: "on: the wheel scrolls and clicks select; hold shift to select text. off: the terminal handles the mouse.", next: func(i *config.Interface, _ int) {
			on := !s.Look.Mouse()
			i.Mouse = &on
		}},
		{name: "vim", value: onOff(now.Vim), about: "In text, esc switches to vi's normal mode.", next: func(i *config.Interface, _ int) {
			i.Vim = !now.Vim
		}},
		{name: "thinking", value: onOff(now.Thinking), about: "Show what models think before they answer. space unfolds it in a selected message.", next: func(i *config.Interface, _ int) {
			i.Thinking = !now.Thinking
		}},
		{name: "bell", value: cmp.Or(now.Bell, config.Bells[0]), about: "Ring the terminal's bell after an answer that took 10 s or more: while another window has the focus, always, or never.", next: func(i *config.Interface, by int) {
			n := len(config.Bells)
			i.Bell = config.Bells[(slices.Index(config.Bells, cmp.Or(now.Bell, config.Bells[0]))+by+n)%n]
		}},
	}
	if s.Look.DefaultKeys() {
		return list // there are no keys in the plain interface
	}
	for _, n := range s.Look.Keys.Named() {
		list = append(list, setting{
			name: n.Name, value: cmp.Or(strings.Join(n.Binding.Keys(), " "), "none"), help: n.Help,
			about: fmt.Sprintf("To change the key, write %s = %s in config.toml under [interface.keys], and start bise again.", n.Name, tomlKeys(n.Binding.Keys())),
		})
	}
	return list
}

// tomlKeys writes keys as in config.toml.
func tomlKeys(keys []string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = strconv.Quote(k)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (s *settingsDialog) refresh() {
	s.found = nil
	var rows []kit.Row
	for _, h := range kit.Filter(s.settings(), s.Filter.Text, func(x setting) string { return strings.TrimSpace(x.name + " " + x.help) }) {
		row := kit.Row{Group: "settings", Cells: []string{h.Item.name, h.Item.value}}
		if h.Item.next == nil {
			row.Group = "keys"
			row.Cells = append(row.Cells, h.Item.help)
		}
		s.found = append(s.found, h.Item)
		rows = append(rows, row)
	}
	kit.SortBy(s.found, func(x setting) int { return map[bool]int{true: 1}[x.next == nil] })
	kit.SortBy(rows, func(r kit.Row) int { return map[bool]int{true: 1}[r.Group == "keys"] })
	s.SetRows(rows)
}

func (s *settingsDialog) Update(tea.Msg) tea.Cmd { s.refresh(); return nil }

func (s *settingsDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	if i, ok := s.SelectedRow(); ok && !s.Filtering {
		switch k.String() {
		case "right", "space":
			return s.turn(i, 1)
		case "left":
			return s.turn(i, -1)
		}
	}
	return s.ListDialog.Press(k)
}

// turn changes a setting to its next value, or to the one before.
func (s *settingsDialog) turn(row, by int) kit.Outcome {
	next := s.found[row].next
	if next == nil {
		return kit.Handled(nil)
	}
	changed := s.Look.Settings
	next(&changed, by)
	return kit.Send(settingsChanged{changed})
}
