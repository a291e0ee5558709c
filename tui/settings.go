package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/tui/kit"
)

// settingsDialog shows what can be set, and sets it.
type settingsDialog struct {
	kit.List
}

// A setting is a row of the settings.
type setting struct {
	name, value, about string
	next               func(s *config.Interface, by int) // goes to another value
}

func newSettingsDialog(look *kit.Look) *settingsDialog {
	s := &settingsDialog{List: kit.List{Look: look, FilterOnSlash: true}}
	s.Detail = func(i, width int) []string { return kit.Wrap(s.settings()[i].about, width) }
	s.refresh()
	return s
}

func (s *settingsDialog) settings() []setting {
	now := s.Look.Settings
	return []setting{
		{"theme", s.Look.Theme.Name, "auto follows the terminal's background; light and dark do not. lavender, olive and contrast follow it in other colours.", func(i *config.Interface, by int) {
			n := len(config.Themes)
			i.Theme = config.Themes[(slices.Index(config.Themes, s.Look.Theme.Name)+by+n)%n]
		}},
		{"mouse", onOff(s.Look.Mouse()), "With the mouse on, its wheel scrolls and clicks choose; hold shift to select text. Off leaves it to the terminal.", func(i *config.Interface, _ int) {
			on := !s.Look.Mouse()
			i.Mouse = &on
		}},
		{"vim keys", onOff(now.Vim), "Where one writes, esc leaves writing, and letters are vi's commands.", func(i *config.Interface, _ int) {
			i.Vim = !now.Vim
		}},
		{"thinking", map[bool]string{true: "shown", false: "folded"}[now.Thinking], "What a model thinks before it answers, for those that do. space unfolds a message.", func(i *config.Interface, _ int) {
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
	s.Outro = []string{fmt.Sprintf("Keys can be changed in config.toml, under [interface.keys]; %s lists their names.", s.Look.Keys.Keys.Help().Key)}
	s.SetRows(rows)
}

func (s *settingsDialog) Title() string            { return "Settings" }
func (s *settingsDialog) Note() string             { return "" }
func (s *settingsDialog) Init() tea.Cmd            { return nil }
func (s *settingsDialog) Update(tea.Msg) tea.Cmd   { s.refresh(); return nil }
func (s *settingsDialog) Paste(string) kit.Outcome { return kit.Handled(nil) }

func (s *settingsDialog) Bindings() []kit.Hint {
	return []kit.Hint{{Binding: s.Look.Keys.Choose, Words: "change"}, {Binding: kit.NewBinding("left", "value before"), Words: ""}, {Binding: s.Look.Keys.Back, Words: ""}}
}

func (s *settingsDialog) Footer() kit.Footer { return kit.Footer{Hints: s.Bindings()} }

func (s *settingsDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	switch {
	case kit.Matches(k, s.Look.Keys.Back):
		return kit.Close(nil)
	case kit.Matches(k, s.Look.Keys.Choose), k.String() == "right", k.String() == "space":
		return s.turn(1)
	case k.String() == "left":
		return s.turn(-1)
	case s.List.Press(k).Handled:
		return kit.Handled(nil)
	}
	return kit.Ignored()
}

// turn goes to another value of the chosen setting.
func (s *settingsDialog) turn(by int) kit.Outcome {
	i, ok := s.SelectedRow()
	if !ok {
		return kit.Handled(nil)
	}
	changed := s.Look.Settings
	s.settings()[i].next(&changed, by)
	return kit.Send(settingsChanged{changed})
}

func (s *settingsDialog) Click(_, y int) kit.Outcome {
	if _, again := s.List.Click(y); again {
		return s.turn(1)
	}
	return kit.Handled(nil)
}
