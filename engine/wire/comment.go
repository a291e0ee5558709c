package wire

import (
	"bytes"
	"encoding/json"

	"github.com/bise-sh/bise/engine"
)

// A Comment is an event that has no place in La Plateforme's answers. It travels
// as a comment line of the stream, ": bise " and this as JSON. One field is set.
type Comment struct {
	Loading  *Loading  `json:"loading,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	LeftOut  *LeftOut  `json:"left_out,omitempty"`
	// Prompt has the logprobs of the prompt's next tokens.
	Prompt *Logprobs `json:"prompt_logprobs,omitempty"`
}

// The events of a Comment, with their names on the wire.
type (
	Loading struct {
		Fraction float64 `json:"fraction"`
	}
	Progress struct {
		Done   int `json:"done"`
		Total  int `json:"total"`
		Cached int `json:"cached"`
		Queued int `json:"queued"`
	}
	LeftOut struct {
		Messages int `json:"messages"`
		Tokens   int `json:"tokens"`
		Context  int `json:"context"`
	}
)

var mark = []byte("bise ")

// AppendComment appends an event as a comment line and a blank line. It reports
// false for events that are not sent this way.
func AppendComment(b []byte, ev engine.Event) ([]byte, bool) {
	var c Comment
	switch ev := ev.(type) {
	case engine.Loading:
		c.Loading = (*Loading)(&ev)
	case engine.Progress:
		c.Progress = (*Progress)(&ev)
	case engine.LeftOut:
		c.LeftOut = (*LeftOut)(&ev)
	case engine.PromptLogprobs:
		c.Prompt = NewLogprobs(ev.Tokens)
	default:
		return b, false
	}
	text, err := json.Marshal(c)
	if err != nil { // a fraction that is not a number
		return b, true
	}
	b = append(b, ": "...)
	b = append(b, mark...)
	b = append(b, text...)
	return append(b, "\n\n"...), true
}

// ReadComment reads the text of a comment line, after its colon. It reports
// false for comments of others.
func ReadComment(text []byte) (engine.Event, bool) {
	text, ours := bytes.CutPrefix(bytes.TrimPrefix(text, []byte(" ")), mark)
	if !ours {
		return nil, false
	}
	var c Comment
	if json.Unmarshal(text, &c) != nil {
		return nil, false
	}
	switch {
	case c.Loading != nil:
		return engine.Loading(*c.Loading), true
	case c.Progress != nil:
		return engine.Progress(*c.Progress), true
	case c.LeftOut != nil:
		return engine.LeftOut(*c.LeftOut), true
	case c.Prompt != nil:
		return engine.PromptLogprobs{Tokens: c.Prompt.Engine()}, true
	}
	return nil, false
}
