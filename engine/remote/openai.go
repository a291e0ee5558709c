package remote

import (
	"cmp"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/audio"
)

// openAISampling are settings under OpenAI's names; what OpenAI does not have is
// vLLM's, which other servers follow.
type openAISampling struct {
	Temperature       *float64          `json:"temperature,omitempty"`
	TopP              *float64          `json:"top_p,omitempty"`
	TopK              *int              `json:"top_k,omitempty"`
	MinP              *float64          `json:"min_p,omitempty"`
	PresencePenalty   *float64          `json:"presence_penalty,omitempty"`
	FrequencyPenalty  *float64          `json:"frequency_penalty,omitempty"`
	RepetitionPenalty *float64          `json:"repetition_penalty,omitempty"`
	LogitBias         map[int32]float64 `json:"logit_bias,omitempty"`
	Seed              *int64            `json:"seed,omitempty"`
	MaxTokens         *int              `json:"max_tokens,omitempty"`
	MinTokens         int               `json:"min_tokens,omitempty"`
	Stop              []string          `json:"stop,omitempty"`
	N                 int               `json:"n,omitempty"`
	Stream            bool              `json:"stream"`
	StreamOptions     streamOptions     `json:"stream_options"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

func newOpenAISampling(s engine.Sampling) (openAISampling, error) {
	if field := ofLocalEngines(s); field != "" {
		return openAISampling{}, lacks("OpenAI's API", field)
	}
	return openAISampling{
		Temperature: s.Temperature, TopP: s.TopP, TopK: s.TopK, MinP: s.MinP,
		PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty, RepetitionPenalty: s.RepeatPenalty,
		LogitBias: s.LogitBias, Seed: s.Seed, MaxTokens: s.MaxTokens, MinTokens: s.MinTokens, Stop: s.Stop, N: s.N,
		Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
	}, nil
}

type openAIChatRequest struct {
	Model    string          `json:"model"`
	Messages []openAIMessage `json:"messages"`
	openAISampling
	Tools             []engine.Tool          `json:"tools,omitempty"`
	ToolChoice        any                    `json:"tool_choice,omitempty"`
	ParallelToolCalls *bool                  `json:"parallel_tool_calls,omitempty"`
	ResponseFormat    *engine.ResponseFormat `json:"response_format,omitempty"`
	ReasoningEffort   string                 `json:"reasoning_effort,omitempty"`
	Logprobs          bool                   `json:"logprobs,omitempty"`
	TopLogprobs       int                    `json:"top_logprobs,omitempty"`
	// vLLM's way to continue a prefix.
	ContinueFinal bool  `json:"continue_final_message,omitempty"`
	AddPrompt     *bool `json:"add_generation_prompt,omitempty"`
}

type openAIMessage struct {
	Role       engine.Role      `json:"role"`
	Content    any              `json:"content"`
	ToolCalls  []openAIToolCall `json:"tool_calls,omitempty"`
	ToolCallID string           `json:"tool_call_id,omitempty"`
	Name       string           `json:"name,omitempty"`
}

type openAIToolCall struct {
	ID       string              `json:"id"`
	Type     string              `json:"type"`
	Function engine.FunctionCall `json:"function"`
}

type openAIPart struct {
	Type     string          `json:"type"`
	Text     string          `json:"text,omitempty"`
	ImageURL *openAIImageURL `json:"image_url,omitempty"`
	Audio    *openAIAudio    `json:"input_audio,omitempty"`
}

type openAIAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"` // wav, mp3, flac
}

// newOpenAIAudio returns audio in a data: URL.
func newOpenAIAudio(url string) *openAIAudio {
	a := &openAIAudio{Format: "wav"}
	_, a.Data, _ = strings.Cut(url, ",")
	if data, err := audio.Decode(url); err == nil {
		a.Format = strings.ToLower(string(cmp.Or(audio.Sniff(data), audio.WAV)))
	}
	return a
}

type openAIImageURL struct {
	URL string `json:"url"`
}

func openAIChat(req engine.ChatRequest) (openAIChatRequest, error) {
	if req.Transcription != nil {
		return openAIChatRequest{}, lacks("OpenAI's API for chats", "transcription")
	}
	sampling, err := newOpenAISampling(req.Sampling)
	if err != nil {
		return openAIChatRequest{}, err
	}
	body := openAIChatRequest{
		Model: req.Model, openAISampling: sampling,
		Tools: req.Tools, ParallelToolCalls: req.ParallelToolCalls, ResponseFormat: req.ResponseFormat,
		ReasoningEffort: req.ReasoningEffort, Logprobs: req.Logprobs, TopLogprobs: req.TopLogprobs,
	}
	switch {
	case req.ToolChoice.Mode == "any" && req.ToolChoice.Function == "":
		body.ToolChoice = "required"
	case !req.ToolChoice.IsZero():
		body.ToolChoice = req.ToolChoice
	}
	for _, m := range req.Messages {
		body.Messages = append(body.Messages, newOpenAIMessage(m))
		if m.Prefix {
			body.ContinueFinal, body.AddPrompt = true, new(false)
		}
	}
	return body, nil
}

func newOpenAIMessage(m engine.Message) openAIMessage {
	w := openAIMessage{Role: m.Role, Content: openAIContent(m.Content), ToolCallID: m.ToolCallID, Name: m.Name}
	for _, c := range m.ToolCalls {
		w.ToolCalls = append(w.ToolCalls, openAIToolCall{ID: c.ID, Type: cmp.Or(c.Type, "function"), Function: c.Function})
	}
	return w
}

// openAIContent is a string, or parts where there are images or audio. Thinking has no
// place in a conversation of OpenAI's.
func openAIContent(c engine.Content) any {
	var parts []openAIPart
	pictures := false
	for _, k := range c {
		switch k.Type {
		case engine.TextChunk:
			parts = append(parts, openAIPart{Type: "text", Text: k.Text})
		case engine.ImageChunk:
			parts = append(parts, openAIPart{Type: "image_url", ImageURL: &openAIImageURL{k.ImageURL}})
			pictures = true
		case engine.AudioChunk:
			parts = append(parts, openAIPart{Type: "input_audio", Audio: newOpenAIAudio(k.AudioURL)})
			pictures = true
		}
	}
	if !pictures {
		return c.Plain()
	}
	return parts
}

type openAICompletionRequest struct {
	Model  string `json:"model"`
	Prompt any    `json:"prompt"` // text or token ids
	Suffix string `json:"suffix,omitempty"`
	openAISampling
	Logprobs *int `json:"logprobs,omitempty"`
}

// completionTokens is the default max_tokens of a completion. OpenAI's default is 16, and
// asking for more than fits the context is an error.
const completionTokens = 1024

func openAICompletion(req engine.CompletionRequest) (openAICompletionRequest, error) {
	if req.PromptLogprobs {
		return openAICompletionRequest{}, lacks("OpenAI's API", "prompt_logprobs")
	}
	sampling, err := newOpenAISampling(req.Sampling)
	if err != nil {
		return openAICompletionRequest{}, err
	}
	body := openAICompletionRequest{Model: req.Model, Prompt: req.Prompt, Suffix: req.Suffix, openAISampling: sampling}
	if len(req.Tokens) > 0 {
		body.Prompt = req.Tokens
	}
	body.MaxTokens = cmp.Or(body.MaxTokens, new(completionTokens))
	if req.Logprobs {
		body.Logprobs = &req.TopLogprobs
	}
	return body, nil
}
