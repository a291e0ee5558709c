package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
)

// settingsDialog shows what can be set, and sets it.
type settingsDialog struct {
	list
}

// A setting is a row of the settings.
type setting struct {
	name, value, about string
	next               func(s *config.Interface, by int) // goes to another value
}

func newSettingsDialog(look *Look) *settingsDialog {
	s := &settingsDialog{list: list{look: look, letters: true}}
	s.detail = func(i, width int) []string { return wrapped(s.settings()[i].about, width) }
	s.refresh()
	return s
}

func (s *settingsDialog) settings() []setting {
	now := s.look.Settings
	return []setting{
		{"theme", s.look.Theme.name, "auto follows the terminal's background; light and dark do not. lavender, olive and contrast follow it in other colours.", func(i *config.Interface, by int) {
			n := len(config.Themes)
			i.Theme = config.Themes[(slices.Index(config.Themes, s.look.Theme.name)+by+n)%n]
		}},
		{"mouse", onOff(s.look.Mouse()), "With the mouse on, its wheel scrolls and clicks choose; hold shift to select text. Off leaves it to the terminal.", func(i *config.Interface, _ int) {
			on := !s.look.Mouse()
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
	var rows []row
	for _, set := range s.settings() {
		rows = append(rows, row{cells: []string{set.name, set.value}})
	}
	s.outro = []string{fmt.Sprintf("Keys can be changed in config.toml, under [interface.keys]; %s lists their names.", s.look.Keys.Keys.Help().Key)}
	s.show(rows)
}

func (s *settingsDialog) title() string          { return "Settings" }
func (s *settingsDialog) note() string           { return "" }
func (s *settingsDialog) begin() tea.Cmd         { return nil }
func (s *settingsDialog) update(tea.Msg) tea.Cmd { s.refresh(); return nil }
func (s *settingsDialog) paste(string) outcome   { return took(nil) }

func (s *settingsDialog) bindings() []hint {
	return []hint{{s.look.Keys.Choose, "change"}, {letter("left", "value before"), ""}, {s.look.Keys.Back, ""}}
}

func (s *settingsDialog) foot() foot { return foot{hints: s.bindings()} }

func (s *settingsDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, s.look.Keys.Back):
		return answer(nil)
	case is(k, s.look.Keys.Choose), k.String() == "right", k.String() == "space":
		return s.turn(1)
	case k.String() == "left":
		return s.turn(-1)
	case s.list.press(k).handled:
		return took(nil)
	}
	return pass()
}

// turn goes to another value of the chosen setting.
func (s *settingsDialog) turn(by int) outcome {
	i, ok := s.row()
	if !ok {
		return took(nil)
	}
	changed := s.look.Settings
	s.settings()[i].next(&changed, by)
	return tell(settingsChanged{changed})
}

func (s *settingsDialog) click(_, y int) outcome {
	if _, again := s.list.click(y); again {
		return s.turn(1)
	}
	return took(nil)
}
