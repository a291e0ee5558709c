package tui

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/models"
)

// showFirstRun shows the list of models if the user has none.
func (m *Model) showFirstRun(msg engines.ModelOpened) tea.Cmd {
	e, ok := errors.AsType[*fault.Error](msg.Err)
	if !ok || e.Kind != fault.NotFound || msg.Ref != "" || !m.models.Available() || len(m.dialogs) > 0 || m.firstRunShown {
		return nil
	}
	m.firstRunShown = true
	return m.push(models.NewDialog(m.models, true))
}

// warnUnable says that no installed model can do what a mode needs.
func (m *Model) warnUnable(c engines.ModelChosen) {
	if !c.Unable || c.Asked {
		return
	}
	why := c.Why
	if _, rest, ok := strings.Cut(why, "; "); ok { // after the default
		why = rest
	}
	m.notify.Info(fmt.Sprintf("%s: %s", why, kit.KeyOr(m.look.Keys.Models, "/model")))
}

// modelsShown reports whether the list of models, which also shows the downloads, is on top.
func (m *Model) modelsShown() bool {
	_, ok := m.top().(*models.Dialog)
	return ok
}

// askLicence asks the user to accept a licence: at once in the list of models, else with a
// notice.
func (m *Model) askLicence(msg models.DownloadPlanned) tea.Cmd {
	d := m.models.LicenceDialog(msg)
	if d == nil {
		return nil
	}
	if m.modelsShown() {
		return m.push(d)
	}
	m.notify.Warn(fmt.Sprintf("accept the licence of %s to download it: %s", d.Note(), kit.KeyOr(m.look.Keys.Models, "/model")))
	return nil
}

// useInstalled reports a downloaded model, and uses it if no model is in use.
func (m *Model) useInstalled(msg models.DownloadEnded) tea.Cmd {
	if msg.Err != nil || msg.Model.Name == "" {
		return nil
	}
	name := kit.OneLine(msg.Model.Name)
	if current := m.screens[m.current].Using(); current != nil && !(current.State == engines.Failed && current.Ref == "") {
		m.notify.Warn(fmt.Sprintf("%s is installed: %s", name, kit.KeyOr(m.look.Keys.Models, "/model")))
		return nil
	}
	m.notify.Info(name + " is installed and verified")
	if top, ok := m.top().(*models.Dialog); ok && top.First() {
		m.dialogs = nil
	}
	return m.screens[m.current].UseModel(msg.Model.Name)
}

// frameLines returns how many lines the body does not have: the first, the last, one for
// downloads, and those of a notice.
func (m *Model) frameLines() int {
	lines := 2 + len(m.noticeLines())
	if m.downloadLine() != "" {
		lines++
	}
	return lines
}

// downloadLine returns the progress of downloads for the frame, "" if there is none.
func (m *Model) downloadLine() string {
	if m.modelsShown() {
		return ""
	}
	return m.models.ProgressLine(m.width - 20)
}

// drawDownloads draws the line for downloads.
func (m *Model) drawDownloads() string {
	key := ""
	if m.width >= kit.WideColumns {
		key = m.look.Theme.Muted.Render(kit.KeyOr(m.look.Keys.Models, "/model") + " models")
	}
	return " " + kit.Spread(m.models.ProgressLine(m.width-2-kit.Width(key)-2), key, m.width-2)
}
