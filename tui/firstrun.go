package tui

import (
	"errors"
	"fmt"

	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/fault"
)

// noModel shows what could be had to somebody who has no model to begin with.
func (m *Model) noModel(msg modelOpened) tea.Cmd {
	e, ok := errors.AsType[*fault.Error](msg.err)
	if !ok || e.Kind != fault.NotFound || msg.ref != "" || m.shelf.library == nil || len(m.dialogs) > 0 || m.greeted {
		return nil
	}
	m.greeted = true
	return m.push(newModelsDialog(m.shelf, true))
}

// modelsShown reports whether the list of models is on top, where the downloads are.
func (m *Model) modelsShown() bool {
	_, ok := m.top().(*modelsDialog)
	return ok
}

// toAgree asks for a licence to be agreed to, at once where the list of models is
// shown. Who is elsewhere is not taken away from what they do.
func (m *Model) toAgree(msg downloadPlanned) tea.Cmd {
	w := m.shelf.find(msg.number, msg.try)
	if w == nil || w.state != asking {
		return nil
	}
	if m.modelsShown() {
		return m.push(newLicenceDialog(m.look, w))
	}
	m.say().Say(fmt.Sprintf("%s waits for its licence to be read: %s", w.title, m.look.Keys.Models.Help().Key))
	return nil
}

// arrived tells that a model has come, and takes it where there was none.
func (m *Model) arrived(msg downloadEnded) tea.Cmd {
	if msg.err != nil || msg.model.Name == "" {
		return nil
	}
	name := kit.OneLine(msg.model.Name)
	if now := m.screens[m.current].using(); now != nil && !(now.state == failed && now.ref == "") {
		m.say().Say(fmt.Sprintf("%s is here: %s", name, m.look.Keys.Models.Help().Key))
		return nil
	}
	m.say().Say(name + " is here and verified")
	if top, ok := m.top().(*modelsDialog); ok && top.first {
		m.dialogs = nil
	}
	return m.screens[m.current].useModel(msg.model.Name)
}

// frameLines are those that the body does not have: the first and the last, and one
// for downloads while there are any, unless they are in the list that is shown.
func (m *Model) frameLines() int {
	if m.downloadLine() != "" {
		return 3
	}
	return 2
}

// downloadLine says how the downloads are; "" when there is nothing to say.
func (m *Model) downloadLine() string {
	if m.modelsShown() {
		return ""
	}
	return m.shelf.line(m.width - 20)
}

// drawDownloads is the line of the frame for downloads.
func (m *Model) drawDownloads() string {
	key := ""
	if m.width >= tabsWidth {
		key = m.look.Theme.Muted.Render(m.look.Keys.Models.Help().Key + " models")
	}
	return " " + kit.Spread(m.shelf.line(m.width-2-kit.Width(key)-2), key, m.width-2)
}
