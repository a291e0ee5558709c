package cli

import (
	"encoding/json"
	"io"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// writeEvent writes an event as one line of JSON. The names are those that
// docs/commands.md promises.
func writeEvent(w io.Writer, e engine.Event) error {
	switch e := e.(type) {
	case engine.Loading:
		return writeJSON(w, struct {
			Type     string  `json:"type"`
			Fraction float64 `json:"fraction"`
		}{"loading", e.Fraction})
	case engine.Progress:
		return writeJSON(w, struct {
			Type   string `json:"type"`
			Done   int    `json:"done"`
			Total  int    `json:"total"`
			Cached int    `json:"cached"`
			Queued int    `json:"queued"`
		}{"progress", e.Done, e.Total, e.Cached, e.Queued})
	case engine.LeftOut:
		return writeJSON(w, struct {
			Type     string `json:"type"`
			Messages int    `json:"messages"`
			Tokens   int    `json:"tokens"`
			Context  int    `json:"context"`
		}{"left_out", e.Messages, e.Tokens, e.Context})
	case engine.TextDelta:
		return writeJSON(w, struct {
			Type     string           `json:"type"`
			Choice   int              `json:"choice"`
			Text     string           `json:"text"`
			Logprobs []engine.Logprob `json:"logprobs,omitempty"`
		}{"text", e.Choice, e.Text, e.Logprobs})
	case engine.ThinkingDelta:
		return writeJSON(w, struct {
			Type   string `json:"type"`
			Choice int    `json:"choice"`
			Text   string `json:"text"`
		}{"thinking", e.Choice, e.Text})
	case engine.ToolCallDelta:
		return writeJSON(w, struct {
			Type   string          `json:"type"`
			Choice int             `json:"choice"`
			Call   engine.ToolCall `json:"call"`
		}{"tool_call", e.Choice, e.Call})
	case engine.Finish:
		return writeJSON(w, struct {
			Type   string              `json:"type"`
			Choice int                 `json:"choice"`
			Reason engine.FinishReason `json:"reason"`
		}{"finish", e.Choice, e.Reason})
	case engine.Done:
		return writeJSON(w, struct {
			Type    string         `json:"type"`
			Usage   engine.Usage   `json:"usage"`
			Timings engine.Timings `json:"timings"`
		}{"done", e.Usage, e.Timings})
	}
	panic("cli: an event of unknown type")
}

// writeFailure writes the error that ended an answer as its last line of JSON.
func writeFailure(w io.Writer, err error) error {
	msg, hint := fault.Explain(err)
	return writeJSON(w, struct {
		Type    string     `json:"type"`
		Kind    fault.Kind `json:"kind"`
		Message string     `json:"message"`
		Hint    string     `json:"hint,omitempty"`
	}{"error", fault.KindOf(err), msg, hint})
}

// writeJSON writes a value on a line of its own, without escapes that only
// browsers need.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
