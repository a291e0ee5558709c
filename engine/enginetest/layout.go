package enginetest

import (
	"encoding/json"

	"github.com/bise-sh/bise/engine"
)

// imageTokens is what an image costs a script, whatever its size.
const imageTokens = 16

// layChat writes a conversation down in the manner of Mistral's formats.
func layChat(r *engine.ChatRequest) []int32 {
	ids := []int32{idBOS}
	if len(r.Tools) > 0 {
		ids = append(ids, idTools)
		ids = append(ids, tokenize(jsonText(r.Tools))...)
		ids = append(ids, idToolsEnd)
	}
	for _, m := range r.Messages {
		switch m.Role {
		case engine.System:
			ids = append(ids, idSystem)
			ids = append(ids, layContent(m.Content)...)
			ids = append(ids, idSystemEnd)
		case engine.User:
			ids = append(ids, idInst)
			ids = append(ids, layContent(m.Content)...)
			ids = append(ids, idInstEnd)
		case engine.ToolRole:
			ids = append(ids, idResults)
			ids = append(ids, layContent(m.Content)...)
			ids = append(ids, idResultsEnd)
		case engine.Assistant:
			ids = append(ids, layContent(m.Content)...)
			for _, c := range m.ToolCalls {
				ids = append(ids, idToolCalls)
				ids = append(ids, tokenize(jsonText(c))...)
			}
			if !m.Prefix {
				ids = append(ids, idEOS)
			}
		}
	}
	return ids
}

func layContent(c engine.Content) []int32 {
	var ids []int32
	for _, k := range c {
		switch k.Type {
		case engine.ImageChunk, engine.AudioChunk:
			for range imageTokens {
				ids = append(ids, idImage)
			}
		default:
			ids = append(ids, tokenize(k.Text)...)
		}
	}
	return ids
}

// jsonText encodes v, which came from JSON, without blanks.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// layCompletion lays out an infill request as Codestral expects it: the suffix first.
func layCompletion(r *engine.CompletionRequest) []int32 {
	if len(r.Tokens) > 0 {
		return r.Tokens
	}
	ids := []int32{idBOS}
	if r.Suffix != "" {
		ids = append(ids, idSuffix)
		ids = append(ids, tokenize(r.Suffix)...)
		ids = append(ids, idPrefix)
	}
	return append(ids, tokenize(r.Prompt)...)
}

// fit lays a conversation out so that the context has room for one token more,
// and reports what it left out to get there.
func fit(r *engine.ChatRequest, context int) ([]int32, *engine.LeftOut, error) {
	ids := layChat(r)
	if len(ids) < context {
		return ids, nil, nil
	}
	if r.Overflow != engine.OverflowDropOldest {
		return nil, nil, engine.ErrTooLong(len(ids), context)
	}
	all := len(ids)
	kept := *r
	out := engine.LeftOut{Context: context}
	for len(ids) >= context {
		var n int
		if kept.Messages, n = dropTurn(kept.Messages); n == 0 {
			return nil, nil, engine.ErrTooLong(len(ids), context)
		}
		out.Messages += n
		ids = layChat(&kept)
	}
	out.Tokens = all - len(ids)
	return ids, &out, nil
}

// dropTurn leaves out the first user message and what answers it, n messages.
// The last turn and system prompts stay.
func dropTurn(messages []engine.Message) (kept []engine.Message, n int) {
	last := -1 // where the last turn begins
	for i, m := range messages {
		if m.Role == engine.User {
			last = i
		}
	}
	var users int
	for i, m := range messages {
		if m.Role == engine.User {
			users++
		}
		if m.Role == engine.System || users > 1 || i >= last {
			kept = append(kept, m)
		} else {
			n++
		}
	}
	return kept, n
}
