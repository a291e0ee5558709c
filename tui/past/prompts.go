package past

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// PromptsRead has the user's messages of the last conversation in a mode, oldest first.
type PromptsRead struct {
	Mode  string
	Texts []string
}

// recentConversations is how many conversations are looked at for the last messages.
const recentConversations = 20

// ReadPrompts is a command that reads the user's messages of the last conversation in a mode.
func ReadPrompts(tasks *kit.Tasks, records *Writer, mode string) tea.Cmd {
	ctx := tasks.Context()
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return nil // reported already
		}
		list, _ := store.List(ctx, history.Conversation{}, recentConversations)
		for _, conversation := range list {
			if conversation.Mode != mode {
				continue
			}
			path, _ := store.Path(ctx, conversation.ID)
			if texts := Prompts(path); len(texts) > 0 {
				return PromptsRead{mode, texts}
			}
		}
		return nil
	}
}

// Prompts returns the texts of the user's messages, without attachments.
func Prompts(path []history.Message) []string {
	var texts []string
	for _, m := range path {
		var parts []string
		for i, k := range m.Content {
			attached := slices.ContainsFunc(m.Attached, func(a history.Attachment) bool { return a.Chunk == i })
			if k.Type == engine.TextChunk && !attached {
				parts = append(parts, k.Text)
			}
		}
		if text := strings.Join(parts, "\n\n"); m.Role == engine.User && text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}
