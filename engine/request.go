package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A ChatRequest asks for the next message of a conversation.
type ChatRequest struct {
	Model    string    `json:"model,omitempty"`
	Messages []Message `json:"messages"`
	Sampling

	Tools             []Tool          `json:"tools,omitempty"`
	ToolChoice        ToolChoice      `json:"tool_choice,omitzero"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls,omitempty"` // nil: yes
	ResponseFormat    *ResponseFormat `json:"response_format,omitempty"`
	ReasoningEffort   string          `json:"reasoning_effort,omitempty"` // one of Efforts; "": the model's default

	// Transcription asks for the words that are spoken in the audio, instead of an answer. The
	// conversation is one message with audio and nothing else.
	Transcription *Transcription `json:"transcription,omitempty"`

	// Overflow selects what happens when the messages do not fit the context.
	Overflow Overflow `json:"context_overflow,omitempty"`
}

// Overflow is what to do with a conversation longer than the context.
type Overflow string

const (
	// OverflowError fails the request with an error of kind TooLong.
	OverflowError Overflow = ""
	// OverflowDropOldest leaves out the oldest turns, keeps the system prompt and the last
	// turn, and reports it with a [LeftOut] event.
	OverflowDropOldest Overflow = "drop_oldest"
)

// A Transcription says how audio is written down.
type Transcription struct {
	Language string `json:"language,omitempty"` // code of the spoken language, such as "fr"; "": the model finds out
}

// A CompletionRequest asks for the text after Prompt and before Suffix.
type CompletionRequest struct {
	Model  string `json:"model,omitempty"`
	Prompt string `json:"prompt"`
	Suffix string `json:"suffix,omitempty"` // empty: plain continuation
	// Tokens is a prompt of token ids, taken as it is, instead of Prompt and Suffix.
	Tokens []int32 `json:"tokens,omitempty"`
	// PromptLogprobs asks for a [PromptLogprobs] event, with TopLogprobs alternatives for each
	// token. The token that ends an answer is then among its logprobs.
	PromptLogprobs bool `json:"prompt_logprobs,omitempty"`
	Sampling
}

// Sampling configures how tokens are chosen and when to stop. Nil and zero fields mean the
// default of the model or the engine.
type Sampling struct {
	Temperature      *float64 `json:"temperature,omitempty"` // 0 is greedy
	TopP             *float64 `json:"top_p,omitempty"`
	TopK             *int     `json:"top_k,omitempty"` // 0: off
	MinP             *float64 `json:"min_p,omitempty"`
	TypicalP         *float64 `json:"typical_p,omitempty"`
	PresencePenalty  *float64 `json:"presence_penalty,omitempty"`
	FrequencyPenalty *float64 `json:"frequency_penalty,omitempty"`
	RepeatPenalty    *float64 `json:"repeat_penalty,omitempty"` // 1: off
	RepeatLastN      *int     `json:"repeat_last_n,omitempty"`  // tokens the penalties look back on; default 64, -1: all

	// DRY, "don't repeat yourself": a penalty on tokens that would lengthen a
	// repetition. Names and meaning as in llama.cpp's server.
	DRYMultiplier    *float64 `json:"dry_multiplier,omitempty"` // 0: off
	DRYBase          *float64 `json:"dry_base,omitempty"`       // default 1.75
	DRYAllowedLength *int     `json:"dry_allowed_length,omitempty"`
	DRYPenaltyLastN  *int     `json:"dry_penalty_last_n,omitempty"`
	DRYBreakers      []string `json:"dry_sequence_breakers,omitempty"`

	LogitBias map[int32]float64 `json:"logit_bias,omitempty"` // token id → added to its logit
	Seed      *int64            `json:"random_seed,omitempty"`

	MaxTokens *int       `json:"max_tokens,omitempty"` // nil: until the model ends or the context is full
	MinTokens int        `json:"min_tokens,omitempty"` // no end of generation before this many
	Stop      StringList `json:"stop,omitempty"`       // not part of the text
	N         int        `json:"n,omitempty"`          // answers; 0 means 1

	Logprobs    bool `json:"logprobs,omitempty"`
	TopLogprobs int  `json:"top_logprobs,omitempty"` // alternatives for each token, 20 at most

	Grammar string `json:"grammar,omitempty"` // GBNF; with root as its start

	// Lookup selects how tokens are drafted. It changes the speed of an answer only.
	Lookup Lookup `json:"prompt_lookup,omitempty"`
}

// Lookup selects whether an engine drafts tokens of an answer: looks them up in the text
// before them and evaluates several in one batch. The answer has the same distribution, and
// the same tokens if it is greedy or has a seed.
type Lookup string

const (
	// LookupAuto drafts where a long run of tokens occurs again.
	LookupAuto Lookup = ""
	// LookupCopies says that the answer repeats parts of its prompt: shorter runs count too.
	LookupCopies Lookup = "copies"
	LookupOff    Lookup = "off"
)

// Choices is how many answers the request asks for, at least one.
func (s *Sampling) Choices() int { return max(1, s.N) }

// A Message is one turn of a conversation.
type Message struct {
	Role       Role       `json:"role"`
	Content    Content    `json:"content"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
	Name       string     `json:"name,omitempty"`
	// Prefix, on the last message and from the assistant, makes the answer
	// continue this text.
	Prefix bool `json:"prefix,omitempty"`
}

// Role is who speaks.
type Role string

const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool"
)

// Content is what a message holds. In JSON it is null, a string or a list of
// chunks; a single text chunk is written as a string.
type Content []Chunk

// Text makes content of one text.
func Text(s string) Content { return Content{{Type: TextChunk, Text: s}} }

// Plain is the content's text chunks, joined by two newlines as Mistral's
// encoders do.
func (c Content) Plain() string {
	var texts []string
	for _, k := range c {
		if k.Type == TextChunk {
			texts = append(texts, k.Text)
		}
	}
	return strings.Join(texts, "\n\n")
}

// A Chunk is a piece of a message.
type Chunk struct {
	Type ChunkType
	Text string // of a text or a thinking chunk
	// ImageURL is a data: URL (data:image/png;base64,…). Engines fetch nothing.
	ImageURL string
	// AudioURL is a data: URL of a WAV, MP3 or FLAC file (data:audio/wav;base64,…).
	AudioURL string
	// Open marks thinking that is not closed, so that the answer continues it.
	Open bool
	// Raw is the JSON of a chunk of a type this package does not know.
	Raw json.RawMessage
}

// ChunkType names what a chunk is.
type ChunkType string

const (
	TextChunk     ChunkType = "text"
	ImageChunk    ChunkType = "image_url"
	AudioChunk    ChunkType = "input_audio"
	ThinkingChunk ChunkType = "thinking"
)

// MarshalJSON writes La Plateforme's form of the content.
func (c Content) MarshalJSON() ([]byte, error) {
	if len(c) == 0 {
		return []byte(`""`), nil
	}
	if len(c) == 1 && c[0].Type == TextChunk {
		return marshal(c[0].Text)
	}
	return marshal([]Chunk(c))
}

// UnmarshalJSON reads null, a string or a list of chunks.
func (c *Content) UnmarshalJSON(data []byte) error {
	switch first(data) {
	case 'n':
		*c = nil
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*c = Text(s)
		return nil
	}
	var chunks []Chunk
	if err := json.Unmarshal(data, &chunks); err != nil {
		return err
	}
	*c = chunks
	return nil
}

// MarshalJSON writes La Plateforme's form of the chunk.
func (k Chunk) MarshalJSON() ([]byte, error) {
	switch k.Type {
	case TextChunk:
		return marshal(map[string]string{"type": "text", "text": k.Text})
	case ImageChunk:
		return marshal(map[string]string{"type": "image_url", "image_url": k.ImageURL})
	case AudioChunk:
		// La Plateforme takes the bytes in base64, and knows the format by them.
		_, data, _ := strings.Cut(k.AudioURL, ",")
		return marshal(map[string]string{"type": "input_audio", "input_audio": data})
	case ThinkingChunk:
		type text struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		return marshal(struct {
			Type     string `json:"type"`
			Thinking []text `json:"thinking"`
			Closed   bool   `json:"closed"`
		}{"thinking", []text{{"text", k.Text}}, !k.Open})
	}
	if k.Raw != nil {
		return k.Raw, nil
	}
	return nil, fmt.Errorf("chunk of unknown type %q", k.Type)
}

// UnmarshalJSON reads one chunk. Chunks of unknown type are kept in Raw.
func (k *Chunk) UnmarshalJSON(data []byte) error {
	var w struct {
		Type     ChunkType       `json:"type"`
		Text     string          `json:"text"`
		ImageURL json.RawMessage `json:"image_url"`
		Audio    json.RawMessage `json:"input_audio"`
		Thinking json.RawMessage `json:"thinking"`
		Closed   *bool           `json:"closed"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*k = Chunk{Type: w.Type, Text: w.Text}
	switch w.Type {
	case TextChunk:
	case ImageChunk:
		if first(w.ImageURL) == '{' {
			var o struct {
				URL string `json:"url"`
			}
			if err := json.Unmarshal(w.ImageURL, &o); err != nil {
				return err
			}
			k.ImageURL = o.URL
			return nil
		}
		return json.Unmarshal(w.ImageURL, &k.ImageURL)
	case AudioChunk:
		return k.unmarshalAudio(w.Audio)
	case ThinkingChunk:
		k.Open = w.Closed != nil && !*w.Closed
		if first(w.Thinking) == '"' {
			return json.Unmarshal(w.Thinking, &k.Text)
		}
		var parts []struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(w.Thinking, &parts); err != nil {
			return err
		}
		for _, p := range parts {
			k.Text += p.Text
		}
	default:
		k.Raw = bytes.Clone(data)
	}
	return nil
}

// unmarshalAudio reads audio: base64 or a URL, or OpenAI's object with data and format.
func (k *Chunk) unmarshalAudio(data []byte) error {
	var audio, format string
	if first(data) == '{' {
		var o struct {
			Data   string `json:"data"`
			Format string `json:"format"`
		}
		if err := json.Unmarshal(data, &o); err != nil {
			return err
		}
		audio, format = o.Data, o.Format
	} else if err := json.Unmarshal(data, &audio); err != nil {
		return err
	}
	if strings.HasPrefix(audio, "data:") || strings.HasPrefix(audio, "http://") || strings.HasPrefix(audio, "https://") {
		k.AudioURL = audio
		return nil
	}
	media := "application/octet-stream"
	switch format {
	case "wav", "flac":
		media = "audio/" + format
	case "mp3":
		media = "audio/mpeg"
	}
	k.AudioURL = "data:" + media + ";base64," + audio
	return nil
}

// A Tool is a function the model may call.
type Tool struct {
	Type     string   `json:"type"` // "function"
	Function Function `json:"function"`
}

// A Function is a tool's name and its parameters as a JSON schema.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict,omitempty"`
}

// A ToolCall is the model's wish to call a function.
type ToolCall struct {
	ID       string       `json:"id"` // nine letters or digits
	Type     string       `json:"type,omitempty"`
	Index    int          `json:"index"`
	Function FunctionCall `json:"function"`
}

// A FunctionCall is a function's name and its arguments as a JSON object. In a
// request they may be a string that holds the object, or the object itself.
type FunctionCall struct {
	Name      string    `json:"name"`
	Arguments Arguments `json:"arguments"`
}

// Arguments is the text of a JSON object.
type Arguments string

// UnmarshalJSON reads a string, the JSON text of an object, or null as an empty object.
func (a *Arguments) UnmarshalJSON(data []byte) error {
	switch first(data) {
	case '"':
		return json.Unmarshal(data, (*string)(a))
	case '{':
		*a = Arguments(strings.ToValidUTF8(string(data), "\uFFFD")) // as in a string
		return nil
	case 'n':
		*a = "{}"
		return nil
	}
	return fmt.Errorf("a call's arguments are %.20s, neither an object nor a string", data)
}

// ToolChoice selects whether the model must call a tool, and which.
type ToolChoice struct {
	Mode     string // "auto", "none", "any" (also "required"); "" means auto
	Function string // when set, this one must be called
}

// IsZero reports whether nothing was chosen.
func (t ToolChoice) IsZero() bool { return t == ToolChoice{} }

// MarshalJSON writes a mode or a function object.
func (t ToolChoice) MarshalJSON() ([]byte, error) {
	if t.Function != "" {
		return marshal(map[string]any{"type": "function", "function": map[string]string{"name": t.Function}})
	}
	return marshal(t.Mode)
}

// UnmarshalJSON reads a mode or a function object.
func (t *ToolChoice) UnmarshalJSON(data []byte) error {
	switch first(data) {
	case 'n':
		*t = ToolChoice{}
		return nil
	case '{':
		var o struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		}
		if err := json.Unmarshal(data, &o); err != nil {
			return err
		}
		*t = ToolChoice{Function: o.Function.Name}
		return nil
	}
	var mode string
	if err := json.Unmarshal(data, &mode); err != nil {
		return err
	}
	if mode == "required" {
		mode = "any"
	}
	*t = ToolChoice{Mode: mode}
	return nil
}

// ResponseFormat asks for JSON.
type ResponseFormat struct {
	Type       string      `json:"type"` // "text", "json_object", "json_schema"
	JSONSchema *JSONSchema `json:"json_schema,omitempty"`
}

// A JSONSchema is a named schema the answer must satisfy.
type JSONSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
	Strict      bool            `json:"strict,omitempty"`
}

// An EmbedRequest asks for the vectors of texts.
type EmbedRequest struct {
	Model     string     `json:"model,omitempty"`
	Input     StringList `json:"input"`
	Dimension int        `json:"output_dimension,omitempty"` // first components, normalised again; 0: all
	Truncate  bool       `json:"truncate,omitempty"`         // texts that are longer than the context lose their ends
}

// Embeddings are the vectors of an EmbedRequest, in its order.
type Embeddings struct {
	Vectors [][]float32
	Usage   Usage
	Load    time.Duration // of the model, when the request waited for it
}

// A TokenizeRequest asks for token ids. Exactly one of Text, Chat, FIM and IDs is set.
type TokenizeRequest struct {
	Text *string            `json:"text,omitempty"` // plain text
	Chat *ChatRequest       `json:"chat,omitempty"`
	FIM  *CompletionRequest `json:"fim,omitempty"`
	IDs  []int32            `json:"ids,omitempty"` // to learn what they read as

	// Of Text: Special makes the names of control tokens in it those tokens, and BOS puts the
	// model's first token before it, if its prompts have one.
	Special bool `json:"special,omitempty"`
	BOS     bool `json:"bos,omitempty"`
}

// Tokens are token ids and what each one reads as. Pieces may hold parts of
// runes.
type Tokens struct {
	IDs    []int32  `json:"tokens"`
	Pieces []string `json:"pieces,omitempty"`
}

// StringList is a list of strings; in JSON also one string.
type StringList []string

// UnmarshalJSON reads null, a string or a list of strings.
func (l *StringList) UnmarshalJSON(data []byte) error {
	if first(data) == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*l = StringList{s}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// first is the first byte of a JSON value, 'n' for nothing.
func first(data []byte) byte {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 {
		return 'n'
	}
	return data[0]
}

// marshal is json.Marshal without escapes for <, > and &: prompts go to models, not to
// browsers.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
