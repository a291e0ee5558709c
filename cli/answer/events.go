package answer

import (
	"io"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
)

// writeEvent writes an event as one line of JSON. docs/commands.md documents the
// names.
func writeEvent(w io.Writer, e engine.Event) error {
	switch e := e.(type) {
	case engine.Loading:
		return console.WriteJSON(w, struct {
			Type     string  `json:"type"`
			Fraction float64 `json:"fraction"`
		}{"loading", e.Fraction})
	case engine.Progress:
		return console.WriteJSON(w, struct {
			Type   string `json:"type"`
			Done   int    `json:"done"`
			Total  int    `json:"total"`
			Cached int    `json:"cached"`
			Queued int    `json:"queued"`
		}{"progress", e.Done, e.Total, e.Cached, e.Queued})
	case engine.LeftOut:
		return console.WriteJSON(w, struct {
			Type     string `json:"type"`
			Messages int    `json:"messages"`
			Tokens   int    `json:"tokens"`
			Context  int    `json:"context"`
		}{"left_out", e.Messages, e.Tokens, e.Context})
	case engine.TextDelta:
		return console.WriteJSON(w, struct {
			Type     string           `json:"type"`
			Choice   int              `json:"choice"`
			Text     string           `json:"text"`
			Logprobs []engine.Logprob `json:"logprobs,omitempty"`
			Refusal  bool             `json:"refusal,omitempty"`
		}{"text", e.Choice, e.Text, e.Logprobs, e.Refusal})
	case engine.ThinkingDelta:
		return console.WriteJSON(w, struct {
			Type   string `json:"type"`
			Choice int    `json:"choice"`
			Text   string `json:"text"`
		}{"thinking", e.Choice, e.Text})
	case engine.ToolCallDelta:
		return console.WriteJSON(w, struct {
			Type   string          `json:"type"`
			Choice int             `json:"choice"`
			Call   engine.ToolCall `json:"call"`
		}{"tool_call", e.Choice, e.Call})
	case engine.Finish:
		return console.WriteJSON(w, struct {
			Type   string              `json:"type"`
			Choice int                 `json:"choice"`
			Reason engine.FinishReason `json:"reason"`
		}{"finish", e.Choice, e.Reason})
	case engine.Done:
		return console.WriteJSON(w, struct {
			Type    string         `json:"type"`
			Usage   engine.Usage   `json:"usage"`
			Timings engine.Timings `json:"timings"`
		}{"done", e.Usage, e.Timings})
	}
	panic("cli: an event of unknown type")
}
