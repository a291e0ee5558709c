package talk

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/engines"
)

// modelRemembered has the REF of the model last used in a mode; "": none.
type modelRemembered struct{ mode, ref string }

// findLastModel is a command that returns the model of the newest conversation in the mode, or
// else of the newest of all.
func (c *Conversation) findLastModel() tea.Cmd {
	ctx, records, mode := c.tasks.Context(), c.history, c.mode
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return modelRemembered{mode, ""}
		}
		// Older conversations do not matter.
		list, err := store.List(ctx, history.Conversation{}, 50)
		if err != nil || len(list) == 0 {
			return modelRemembered{mode, ""}
		}
		for _, conversation := range list {
			if conversation.Mode == mode && conversation.Model != "" {
				return modelRemembered{mode, conversation.Model}
			}
		}
		return modelRemembered{mode, list[0].Model}
	}
}

// useRemembered opens the last used model, unless the user has chosen another.
func (c *Conversation) useRemembered(msg modelRemembered) tea.Cmd {
	if msg.mode != c.mode || c.model != nil {
		return nil
	}
	c.remembered = msg.ref != ""
	return c.useModel(msg.ref)
}

// dropRemembered uses the default model if the last used one was removed. It returns false in
// all other cases.
func (c *Conversation) dropRemembered() (tea.Cmd, bool) {
	if !c.remembered || c.model.State != engines.Failed || fault.KindOf(c.model.Err) != fault.NotFound {
		return nil, false
	}
	c.remembered = false
	return c.useModel(""), true
}
