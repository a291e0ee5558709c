package chat

import "strings"

// CodeBlock formats a text as a Markdown code block. The fence is longer than any in
// the text.
func CodeBlock(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return fence + language + "\n" + text + fence
}
