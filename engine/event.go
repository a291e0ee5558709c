package engine

import "time"

// An Event is one of [Loading], [Progress], [LeftOut], [PromptLogprobs], [TextDelta],
// [ThinkingDelta], [ToolCallDelta], [Finish] and [Done].
//
// Their order: any number of Loading, then any number of Progress, LeftOut at
// most once, any number of PromptLogprobs, deltas of the choices mixed in any way, one Finish for each choice
// after its last delta, and Done once at the end.
type Event interface{ event() }

// Loading reports how far the model's loading is. It comes before anything else,
// and only when the request had to wait for it.
type Loading struct {
	Fraction float64 // 0 to 1
}

// Progress reports how far the prompt is evaluated, at least twice a second.
type Progress struct {
	Done, Total, Cached int // tokens; Cached are among Done
	Queued              int // requests before this one; the evaluation has not begun when it is not zero
}

// LeftOut reports what did not fit the context and was not shown to the model.
type LeftOut struct {
	Messages int // from the oldest on, system prompts not counted
	Tokens   int
	Context  int // tokens that fit
}

// PromptLogprobs has the next tokens of the prompt, each with the logarithm of its probability
// after those before it. The first token has none: its logprob is 0, without alternatives.
type PromptLogprobs struct {
	Tokens []Logprob
}

// TextDelta is the next piece of an answer: whole runes, no control tokens.
type TextDelta struct {
	Choice   int
	Text     string
	Logprobs []Logprob // of the tokens in Text, when asked for
	Refusal  bool      // Text says why there is no answer; [FinishRefusal] follows
}

// ThinkingDelta is the next piece of a model's thinking.
type ThinkingDelta struct {
	Choice int
	Text   string
}

// ToolCallDelta is one whole call.
type ToolCallDelta struct {
	Choice int
	Call   ToolCall
}

// Finish ends one choice.
type Finish struct {
	Choice int
	Reason FinishReason
	Stop   string // the stop string that ended it, if one did and that is known
}

// Done ends the answer.
type Done struct {
	Usage   Usage
	Timings Timings
}

func (Loading) event()        {}
func (Progress) event()       {}
func (LeftOut) event()        {}
func (PromptLogprobs) event() {}
func (TextDelta) event()      {}
func (ThinkingDelta) event()  {}
func (ToolCallDelta) event()  {}
func (Finish) event()         {}
func (Done) event()           {}

// Join makes one event of two that follow each other, for a reader that takes what
// has come since it took last: pieces of text become one, and of progress only the
// last counts. It is false for events that have to stay apart.
func Join(a, b Event) (Event, bool) {
	switch a := a.(type) {
	case TextDelta:
		if b, ok := b.(TextDelta); ok && a.Choice == b.Choice {
			a.Text += b.Text
			a.Logprobs = append(a.Logprobs, b.Logprobs...)
			return a, true
		}
	case ThinkingDelta:
		if b, ok := b.(ThinkingDelta); ok && a.Choice == b.Choice {
			a.Text += b.Text
			return a, true
		}
	case Progress:
		_, ok := b.(Progress)
		return b, ok
	case Loading:
		_, ok := b.(Loading)
		return b, ok
	}
	return nil, false
}

// FinishReason is why a choice ended.
type FinishReason string

const (
	FinishStop        FinishReason = "stop"         // end token or stop string
	FinishLength      FinishReason = "length"       // max_tokens
	FinishModelLength FinishReason = "model_length" // the context is full
	FinishToolCalls   FinishReason = "tool_calls"
	FinishRefusal     FinishReason = "refusal" // the text says why there is no answer
)

// IsCutOff reports whether a limit of tokens ended the choice, max_tokens or the context.
func (r FinishReason) IsCutOff() bool { return r == FinishLength || r == FinishModelLength }

// Usage counts tokens as La Plateforme does: the prompt once, completions summed
// over the choices.
type Usage struct {
	PromptTokens     int                  `json:"prompt_tokens"`
	CompletionTokens int                  `json:"completion_tokens"`
	TotalTokens      int                  `json:"total_tokens"`
	PromptDetails    *PromptTokensDetails `json:"prompt_tokens_details,omitempty"`
}

// PromptTokensDetails has the number of prompt tokens that the KV cache already held.
type PromptTokensDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// Cached is the number of prompt tokens that were not evaluated again.
func (u Usage) Cached() int {
	if u.PromptDetails == nil {
		return 0
	}
	return u.PromptDetails.CachedTokens
}

// Timings are where the time of a request went.
type Timings struct {
	Queue      time.Duration `json:"queue_ns"`       // until a slot took it
	Load       time.Duration `json:"load_ns"`        // of the model, when the request waited for it
	Restore    time.Duration `json:"restore_ns"`     // KV read back from disk
	Prefill    time.Duration `json:"prefill_ns"`     // evaluation of the prompt
	FirstToken time.Duration `json:"first_token_ns"` // from arrival, or the end of loading, to the first token
	Decode     time.Duration `json:"decode_ns"`      // from the first token to the last
	Evaluated  int           `json:"evaluated"`      // prompt tokens evaluated
	Generated  int           `json:"generated"`      // tokens, over all choices

	// Drafted tokens were looked up in the text before them, Accepted are those of them that
	// the model chose too. They are 0 where nothing is looked up.
	Drafted  int `json:"drafted,omitempty"`
	Accepted int `json:"accepted,omitempty"`
}

// PrefillRate is the number of prompt tokens evaluated per second, or 0.
func (t Timings) PrefillRate() float64 { return rate(t.Evaluated, t.Prefill) }

// DecodeRate is the number of tokens generated per second after the first, or 0.
func (t Timings) DecodeRate() float64 { return rate(t.Generated-1, t.Decode) }

func rate(n int, d time.Duration) float64 {
	if n <= 0 || d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// A Logprob is a token with the natural logarithm of its probability before
// sampling settings are applied, and the likeliest alternatives.
type Logprob struct {
	Token   string    `json:"token"`
	ID      int32     `json:"id"`
	Logprob float64   `json:"logprob"`
	Bytes   []int     `json:"bytes"` // the token's bytes, which may be part of a rune
	Top     []Logprob `json:"top_logprobs,omitempty"`
}
