package tui

import (
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/models"
)

// noModel shows the models there are when the user has none to begin with.
func (m *Model) noModel(msg engines.ModelOpened) tea.Cmd {
	e, ok := errors.AsType[*fault.Error](msg.Err)
	if !ok || e.Kind != fault.NotFound || msg.Ref != "" || !m.shelf.Available() || len(m.dialogs) > 0 || m.greeted {
		return nil
	}
	m.greeted = true
	return m.push(models.NewDialog(m.shelf, true))
}

// modelsShown reports whether the list of models is on top, where the downloads are.
func (m *Model) modelsShown() bool {
	_, ok := m.top().(*models.Dialog)
	return ok
}

// askLicence asks the user to accept a licence, at once where the list of models is
// shown, else with a notice.
func (m *Model) askLicence(msg models.DownloadPlanned) tea.Cmd {
	d := m.shelf.LicenceDialog(msg)
	if d == nil {
		return nil
	}
	if m.modelsShown() {
		return m.push(d)
	}
	m.say().Say(fmt.Sprintf("accept the licence of %s to download it: %s", d.Note(), m.look.Keys.Models.Help().Key))
	return nil
}

// installed reports a model that was downloaded, and uses it where there was none.
func (m *Model) installed(msg models.DownloadEnded) tea.Cmd {
	if msg.Err != nil || msg.Model.Name == "" {
		return nil
	}
	name := kit.OneLine(msg.Model.Name)
	if now := m.screens[m.current].Using(); now != nil && !(now.State == engines.Failed && now.Ref == "") {
		m.say().Say(fmt.Sprintf("%s is installed: %s", name, m.look.Keys.Models.Help().Key))
		return nil
	}
	m.say().Say(name + " is installed and verified")
	if top, ok := m.top().(*models.Dialog); ok && top.First() {
		m.dialogs = nil
	}
	return m.screens[m.current].UseModel(msg.Model.Name)
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
	return m.shelf.ProgressLine(m.width - 20)
}

// drawDownloads is the line of the frame for downloads.
func (m *Model) drawDownloads() string {
	key := ""
	if m.width >= kit.WideColumns {
		key = m.look.Theme.Muted.Render(m.look.Keys.Models.Help().Key + " models")
	}
	return " " + kit.Spread(m.shelf.ProgressLine(m.width-2-kit.Width(key)-2), key, m.width-2)
}
