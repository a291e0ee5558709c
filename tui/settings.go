package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/tui/kit"
)

// settingsDialog shows and changes the settings.
type settingsDialog struct{ kit.ListDialog }

// A setting is a row of the settings.
type setting struct {
	name, value, about string
	next               func(s *config.Interface, by int) // changes to the next value, or the one before
}

func newSettingsDialog(look *kit.Look) *settingsDialog {
	s := new(settingsDialog)
	s.ListDialog = kit.ListDialog{
		List: kit.List{Look: look, FilterOnSlash: true, Fixed: true}, Heading: "Settings",
		Choose: func(row int) kit.Outcome { return s.turn(row, 1) },
		Hints: func() []kit.Hint {
			return []kit.Hint{{Binding: look.Keys.Choose, Words: "change"}, {Binding: kit.NewBinding("left", "previous value"), Words: ""}, {Binding: look.Keys.Back, Words: ""}}
		},
	}
	s.Detail = func(i, width int) []string { return kit.Wrap(s.settings()[i].about, width) }
	s.refresh()
	return s
}

func (s *settingsDialog) settings() []setting {
	now := s.Look.Settings
	return []setting{
		{"theme", s.Look.Theme.Name, "auto, lavender, olive and contrast adapt to the terminal's background; light and dark do not.", func(i *config.Interface, by int) {
			n := len(config.Themes)
			i.Theme = config.Themes[(slices.Index(config.Themes, s.Look.Theme.Name)+by+n)%n]
		}},
		{"mouse", onOff(s.Look.Mouse()), "on: the wheel scrolls and clicks select; hold shift to select text. off: the terminal handles the mouse.", func(i *config.Interface, _ int) {
			on := !s.Look.Mouse()
			i.Mouse = &on
		}},
		{"vim keys", onOff(now.Vim), "In text, esc switches to vi's normal mode.", func(i *config.Interface, _ int) {
			i.Vim = !now.Vim
		}},
		{"thinking", map[bool]string{true: "shown", false: "folded"}[now.Thinking], "Thinking of models that think before they answer. space unfolds it in a selected message.", func(i *config.Interface, _ int) {
			i.Thinking = !now.Thinking
		}},
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (s *settingsDialog) refresh() {
	var rows []kit.Row
	for _, set := range s.settings() {
		rows = append(rows, kit.Row{Cells: []string{set.name, set.value}})
	}
	s.Outro = []string{fmt.Sprintf("Change keys in config.toml under [interface.keys]; %s lists their names.", kit.KeyOr(s.Look.Keys.Keys, "/help"))}
	s.SetRows(rows)
}

func (s *settingsDialog) Update(tea.Msg) tea.Cmd { s.refresh(); return nil }

func (s *settingsDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	if i, ok := s.SelectedRow(); ok {
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
	changed := s.Look.Settings
	s.settings()[row].next(&changed, by)
	return kit.Send(settingsChanged{changed})
}
