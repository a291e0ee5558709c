package history

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// ExportMarkdown writes a conversation as the user sees it: the messages up to its leaf,
// without other versions. It writes the name of an image in place of the image, and with
// folded also of attachments and thinking.
func (s *Store) ExportMarkdown(ctx context.Context, w io.Writer, id int64, folded bool) error {
	c, err := s.Conversation(ctx, id)
	if err != nil {
		return err
	}
	path, err := s.Path(ctx, id)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", c.Title, c.Created.Local().Format("2 January 2006, 15:04"))
	if c.System != "" {
		fmt.Fprintf(&b, "\n## Instructions\n\n%s\n", strings.Trim(c.System, "\n"))
	}
	for i := range path {
		if path[i].Role == engine.System {
			continue // older versions have the system prompt as a message
		}
		path[i].markdown(&b, folded)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("export conversation %d: %w", id, err)
	}
	return nil
}

// markdown writes a message below a heading with its speaker.
func (m *Message) markdown(b *strings.Builder, folded bool) {
	fmt.Fprintf(b, "\n## %s\n", m.speaker())
	attached := map[int]string{}
	for _, a := range m.Attached {
		attached[a.Chunk] = a.Name
	}
	for i, k := range m.Content {
		name, isAttached := attached[i]
		switch {
		case k.Type == engine.ImageChunk:
			fmt.Fprintf(b, "\n*Picture: %s*\n", quoteName(name))
		case k.Type == engine.AudioChunk:
			fmt.Fprintf(b, "\n*Audio: %s*\n", quoteName(name))
		case folded && k.Type == engine.ThinkingChunk:
			b.WriteString("\n*Thinking*\n")
		case folded && k.Type == engine.TextChunk && isAttached:
			fmt.Fprintf(b, "\n*Attached: %s*\n", quoteName(name))
		case k.Type == engine.ThinkingChunk:
			fmt.Fprintf(b, "\n<details><summary>Thinking</summary>\n\n%s\n\n</details>\n", strings.TrimSpace(k.Text))
		case k.Type == engine.TextChunk && isAttached:
			fmt.Fprintf(b, "\n<details><summary>Attached: %s</summary>\n\n%s\n\n</details>\n", quoteName(name), strings.TrimRight(k.Text, "\n"))
		case k.Type == engine.TextChunk:
			fmt.Fprintf(b, "\n%s\n", strings.Trim(k.Text, "\n"))
		}
	}
	for _, c := range m.ToolCalls {
		fmt.Fprintf(b, "\n`%s(%s)`\n", c.Function.Name, c.Function.Arguments)
	}
	switch {
	case m.Measured.Error != "":
		fmt.Fprintf(b, "\n*Failed: %s*\n", m.Measured.Error)
	case m.State != Complete:
		b.WriteString("\n*Stopped here.*\n")
	}
}

func (m *Message) speaker() string {
	switch m.Role {
	case engine.User:
		return "You"
	case engine.ToolRole:
		return "Result of " + quoteName(m.Name)
	}
	if m.Measured.Model != "" {
		return m.Measured.Model
	}
	return "Answer"
}

func quoteName(name string) string {
	if name == "" {
		return "without a name"
	}
	return "`" + strings.ReplaceAll(name, "`", "'") + "`"
}
