package talk

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/engines"
)

// modelRemembered brings the REF that a mode was used with last, "" when it never
// was.
type modelRemembered struct{ mode, ref string }

// findLastModel is the command that looks it up: what the newest conversation in the
// mode had, or else the newest of all.
func (c *Conversation) findLastModel() tea.Cmd {
	ctx, records, mode := c.tasks.Context(), c.history, c.mode
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return modelRemembered{mode, ""}
		}
		// Some are enough: a model of long ago is not what is expected.
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

// useRemembered goes on with the model of the last time, unless another was chosen
// meanwhile.
func (c *Conversation) useRemembered(msg modelRemembered) tea.Cmd {
	if msg.mode != c.mode || c.model != nil {
		return nil
	}
	c.remembered = msg.ref != ""
	return c.UseModel(msg.ref)
}

// dropRemembered takes the default model in place of a remembered one that is gone; false
// when that is not what is wrong.
func (c *Conversation) dropRemembered() (tea.Cmd, bool) {
	if !c.remembered || c.model.State != engines.Failed || fault.KindOf(c.model.Err) != fault.NotFound {
		return nil, false
	}
	c.remembered = false
	return c.UseModel(""), true
}
