package responses

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

const (
	// compactTrigger is the type of the item with which Codex asks for a compaction: the
	// answer is then one item of the type compaction, which stands for all items before it.
	compactTrigger = "compaction_trigger"
	compacted      = "compaction"

	// compactPrompt asks the model to write the summary.
	compactPrompt = "Summarize this conversation for another assistant that continues it and sees nothing but your summary. " +
		"Include the user's task and wishes, decisions, what was done and found (files, commands, results, errors), and what remains to do. " +
		"Write the summary only."
	// compactHeading comes before the summary in later requests.
	compactHeading = "Summary of the conversation so far:\n"

	// compactTokens bounds a summary.
	compactTokens = 4096
)

// toCompact turns a request into one for a summary of its conversation. What does not fit is
// left out, from the oldest turn on: compactions are asked for when the context is full.
func toCompact(req *engine.ChatRequest) {
	req.Tools, req.ToolChoice, req.ParallelToolCalls, req.ResponseFormat = nil, engine.ToolChoice{}, nil, nil
	req.Overflow = engine.OverflowDropOldest
	if req.MaxTokens == nil {
		req.MaxTokens = new(compactTokens)
	}
}

// A compactItem is a conversation as a summary. The summary is encoded, not encrypted.
type compactItem struct {
	ID        string `json:"id"`
	Type      string `json:"type"` // compacted
	Encrypted string `json:"encrypted_content"`
}

// compaction is the item of an answer to a compaction.
func (a *answer) compaction() (compactItem, error) {
	summary := strings.TrimSpace(a.all.Join(dialect.Text))
	if summary == "" {
		return compactItem{}, fault.Errorf(fault.Internal, "the model wrote no summary of the conversation")
	}
	return compactItem{"cmp_" + a.response.ID[len("resp_"):], compacted, seal(summary)}, nil
}

// finishCompaction sets what is known when the summary is whole. A summary that the token
// limit cut is better than none.
func (a *answer) finishCompaction() error {
	item, err := a.compaction()
	if err != nil {
		return err
	}
	a.finish()
	r := &a.response
	r.Output, r.Status, r.Incomplete = []any{item}, "completed", nil
	return nil
}

// endCompaction sends the events of a compaction.
func (s *stream) endCompaction() error {
	if err := s.finishCompaction(); err != nil {
		return err
	}
	s.start()
	item := s.response.Output[0]
	s.event("response.output_item.added", fields{"output_index": 0, "item": item})
	s.event("response.output_item.done", fields{"output_index": 0, "item": item})
	s.event("response.completed", fields{"response": s.response})
	return nil
}

// A quiet listener hides the text of a summary, and reports only that it begins.
type quiet struct{ *stream }

func (quiet) Open(int, *dialect.Block)                           {}
func (quiet) Grow(int, *dialect.Block, string, []engine.Logprob) {}
func (quiet) Close(int, *dialect.Block)                          {}

// summary is what an item of the type compaction stands for; "" if it is another server's.
func (it *item) summary() string {
	text := unseal(it.Encrypted)
	if text == "" {
		return ""
	}
	return compactHeading + text
}

// compact answers OpenAI's route for compactions: the messages of the user, and the summary.
func (s *server) compact(w http.ResponseWriter, r *http.Request) error {
	var raw struct {
		Input json.RawMessage `json:"input"`
	}
	body := &request{}
	if err := dialect.ReadJSON(s.c, w, r, &raw, body); err != nil {
		return err
	}
	body.Input = append(body.Input, item{Type: compactTrigger})
	req, err := body.chat()
	if err != nil {
		return err
	}
	api.LogIgnored(w, body.ignored)
	if body.Model, err = s.c.Name(r.Context(), api.ModeOf(req.Messages), body.Model); err != nil {
		return err
	}
	a := newAnswer(body)
	if err := s.run(r.Context(), a, req, nil); err != nil {
		return err
	}
	if err := a.finishCompaction(); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{
		"id": a.response.ID, "object": "response.compaction", "created_at": time.Now().Unix(),
		"output": append(userItems(raw.Input), a.response.Output...), "usage": a.response.Usage,
	})
}

// userItems are the messages of the user among the items of an input.
func userItems(input json.RawMessage) []any {
	var items []json.RawMessage
	var text string
	if json.Unmarshal(input, &text) == nil {
		return []any{map[string]any{"type": "message", "role": "user", "content": []any{map[string]any{"type": "input_text", "text": text}}}}
	}
	kept := []any{}
	if json.Unmarshal(input, &items) != nil {
		return kept
	}
	for _, raw := range items {
		var it struct{ Type, Role string }
		if json.Unmarshal(raw, &it) == nil && it.Role == "user" && (it.Type == "" || it.Type == "message") {
			kept = append(kept, slices.Clone(raw))
		}
	}
	return kept
}

// run answers a request into a.
func (s *server) run(ctx context.Context, a *answer, req engine.ChatRequest, l dialect.Listener) error {
	e, err := dialect.Open(ctx, s.c, api.ModeOf(req.Messages), a.Model, hosted...)
	if err != nil {
		return err
	}
	if a.all, err = dialect.Chat(ctx, e, req, l); err == nil && a.all != nil {
		a.thought = countTokens(ctx, e, a.all.Join(dialect.Thinking))
	}
	return err
}
