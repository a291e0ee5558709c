// Package wire is what both ends of bise's HTTP API agree on: the shapes of
// answers and of errors. Package api writes them, package engine/remote reads
// them, also when another server wrote them.
//
// The shapes are La Plateforme's, which are OpenAI's with a few differences.
// What is ours beyond that is in fields named "bise" and in comment lines of
// event streams, which other clients pass over.
package wire

import "github.com/bise-sh/bise/engine"

// Done is the data of the event that ends a stream.
const Done = "[DONE]"

// Objects that an [Answer] can say it is.
const (
	Completion      = "chat.completion"
	CompletionChunk = "chat.completion.chunk"
	TextCompletion  = "text_completion" // whole or chunk
)

// An Answer is a whole answer, or one event of a streamed one, of the chat and
// fill-in-the-middle routes and of the legacy completions.
type Answer struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"` // UNIX seconds
	Model   string        `json:"model"`
	Choices []Choice      `json:"choices"`
	Usage   *engine.Usage `json:"usage,omitempty"` // once, in the last event
	Error   *Failure      `json:"error,omitempty"` // of an answer that had begun
	Bise    *Extra        `json:"bise,omitempty"`
}

// A Choice is one of the n answers, or the next piece of it. One of Message,
// Delta and Text is set.
type Choice struct {
	Index        int                  `json:"index"`
	Message      *Message             `json:"message,omitempty"`
	Delta        *Message             `json:"delta,omitempty"`
	Text         *string              `json:"text,omitempty"` // of legacy completions
	Logprobs     *Logprobs            `json:"logprobs,omitempty"`
	FinishReason *engine.FinishReason `json:"finish_reason"` // null until it ends
	// Finish is the engine's reason if FinishReason is one that OpenAI's clients know
	// instead.
	Finish engine.FinishReason `json:"bise_finish_reason,omitempty"`
	// Stop is the stop string that ended the choice, as vLLM has it.
	Stop Optional `json:"stop_reason,omitempty"`
}

// FinishError is the finish reason of an answer that an error cut short.
const FinishError engine.FinishReason = "error"

// A Message is what the assistant says, or the next piece of it.
type Message struct {
	Role      engine.Role       `json:"role,omitempty"`
	Content   engine.Content    `json:"content"`
	ToolCalls []engine.ToolCall `json:"tool_calls,omitempty"`
	// ReasoningContent and Reasoning are where vLLM and others put thinking; bise
	// and La Plateforme have it in Content.
	ReasoningContent string `json:"reasoning_content,omitempty"`
	Reasoning        string `json:"reasoning,omitempty"`
	// Refusal is the text in place of Content where the model refuses to answer.
	Refusal string `json:"refusal,omitempty"`
}

// An Extra is what bise says of a whole answer beyond La Plateforme's fields.
type Extra struct {
	Timings *engine.Timings `json:"timings,omitempty"`
	LeftOut *LeftOut        `json:"left_out,omitempty"`
}
