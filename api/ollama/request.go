package ollama

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

// common are the fields of chat and generate. Others have no effect, such as the options that
// concern the memory of a model.
type common struct {
	Model       string          `json:"model"`
	KeepAlive   lasting         `json:"keep_alive"`
	Stream      *bool           `json:"stream"` // nil: yes
	Format      json.RawMessage `json:"format"`
	Options     options         `json:"options"`
	Think       json.RawMessage `json:"think"`
	Truncate    *bool           `json:"truncate"` // nil: yes
	Logprobs    bool            `json:"logprobs"`
	TopLogprobs int             `json:"top_logprobs"`
}

// lasting is how long a model stays loaded: seconds, or a text such as "5m".
type lasting struct {
	given bool
	time.Duration
}

func (l *lasting) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if data[0] == '"' {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		d, err := time.ParseDuration(text)
		if seconds, bad := strconv.ParseFloat(text, 64); bad == nil {
			d, err = secondsOf(seconds), nil
		}
		if err != nil {
			return dialect.Invalid("keep_alive", "invalid keep_alive %.40q: want seconds, or a time such as 5m", text)
		}
		l.given, l.Duration = true, d
		return nil
	}
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	l.given, l.Duration = true, secondsOf(seconds)
	return nil
}

// secondsOf is a time of seconds, at most what a Duration holds.
func secondsOf(seconds float64) time.Duration {
	return time.Duration(max(-1, min(seconds, 1e9)) * float64(time.Second))
}

type options struct {
	Temperature      *float64 `json:"temperature"`
	TopP             *float64 `json:"top_p"`
	TopK             *int     `json:"top_k"`
	MinP             *float64 `json:"min_p"`
	TypicalP         *float64 `json:"typical_p"`
	RepeatPenalty    *float64 `json:"repeat_penalty"`
	RepeatLastN      *int     `json:"repeat_last_n"`
	PresencePenalty  *float64 `json:"presence_penalty"`
	FrequencyPenalty *float64 `json:"frequency_penalty"`
	Seed             *int64   `json:"seed"`
	NumPredict       int      `json:"num_predict"` // below 1: no limit
	Stop             stops    `json:"stop"`
}

// stops is a string or a list of strings.
type stops []string

func (s *stops) UnmarshalJSON(data []byte) error {
	*s = nil
	var list []*string
	if err := dialect.Parts(data, &list, func(s string) *string { return &s }); err != nil {
		return err
	}
	for _, text := range list {
		if text == nil {
			return dialect.Invalid("", "got null in a list, want a string")
		}
		*s = append(*s, *text)
	}
	return nil
}

type chatRequest struct {
	common
	Messages []message `json:"messages"`
	Tools    []tool    `json:"tools"`
}

type generateRequest struct {
	common
	Prompt   string   `json:"prompt"`
	Suffix   string   `json:"suffix"`
	System   string   `json:"system"`
	Template string   `json:"template"`
	Context  []int32  `json:"context"`
	Raw      bool     `json:"raw"`
	Images   []string `json:"images"`
}

type message struct {
	Role       string   `json:"role"`
	Content    string   `json:"content"`
	Thinking   string   `json:"thinking,omitempty"`
	Images     []string `json:"images,omitempty"`
	ToolCalls  []call   `json:"tool_calls,omitempty"`
	ToolName   string   `json:"tool_name,omitempty"`
	ToolCallID string   `json:"tool_call_id,omitempty"`
}

type call struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Index     int             `json:"index"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

type tool struct {
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

func (c *common) streams() bool { return c.Stream == nil || *c.Stream }

func (c *common) sampling() engine.Sampling {
	o := c.Options
	s := engine.Sampling{
		Temperature: o.Temperature, TopP: o.TopP, TopK: o.TopK, MinP: o.MinP, TypicalP: o.TypicalP,
		RepeatPenalty: o.RepeatPenalty, RepeatLastN: o.RepeatLastN, PresencePenalty: o.PresencePenalty, FrequencyPenalty: o.FrequencyPenalty,
		Stop:     slices.DeleteFunc(slices.Clone(engine.StringList(o.Stop)), func(s string) bool { return s == "" }),
		Logprobs: c.Logprobs, TopLogprobs: c.TopLogprobs,
	}
	if o.Seed != nil && *o.Seed >= 0 { // below: any
		s.Seed = o.Seed
	}
	if o.NumPredict > 0 {
		s.MaxTokens = &o.NumPredict
	}
	if o.TopK != nil && *o.TopK < 0 {
		s.TopK = new(0)
	}
	return s
}

// mode is what the request needs a model for.
func (r *generateRequest) mode() api.Mode {
	switch {
	case r.Suffix != "":
		return api.CodeMode
	case len(r.Images) > 0:
		return api.VisionMode
	}
	return api.ChatMode
}

// fill sets what chat and generate have in common.
func (c *common) fill(req *engine.ChatRequest) error {
	req.Model, req.Sampling = c.Model, c.sampling()
	if c.Truncate == nil || *c.Truncate {
		req.Overflow = engine.OverflowDropOldest
	}
	switch format := string(c.Format); {
	case dialect.IsNull(c.Format), format == `""`:
	case format == `"json"`:
		req.ResponseFormat = &engine.ResponseFormat{Type: "json_object"}
	case format[0] == '{':
		var err error
		if req.ResponseFormat, err = dialect.Format("format", "", c.Format); err != nil {
			return err
		}
		req.ResponseFormat.JSONSchema.Strict = false // Ollama's API does not say it
	default:
		return dialect.Invalid("format", `invalid format %.40s: want "json" or a JSON schema`, format)
	}
	switch think := string(c.Think); think {
	case "", "null", `""`:
	case "false", `"none"`:
		req.ReasoningEffort = "none"
	case "true":
		req.ReasoningEffort = "high"
	case `"minimal"`, `"low"`, `"medium"`, `"high"`, `"xhigh"`, `"max"`:
		req.ReasoningEffort = strings.Trim(think, `"`)
	default:
		return dialect.Invalid("think", `invalid think value %.40s: want true, false, "low", "medium", "high" or "max"`, think)
	}
	return nil
}

func (r *chatRequest) chat() (engine.ChatRequest, error) {
	var req engine.ChatRequest
	if err := r.fill(&req); err != nil {
		return req, err
	}
	for i, t := range r.Tools {
		made, err := dialect.Tool(fmt.Sprintf("tools[%d]", i), t.Function.Name, t.Function.Description, t.Function.Parameters)
		if err != nil {
			return req, err
		}
		req.Tools = append(req.Tools, made)
	}
	var c dialect.Conversation
	var open []engine.ToolCall // calls without a result
	calls := 0
	for i, m := range r.Messages {
		param := fmt.Sprintf("messages[%d]", i)
		said, err := m.content(param)
		if err != nil {
			return req, err
		}
		out := engine.Message{Role: engine.Role(m.Role), Content: said}
		switch out.Role {
		case engine.System, engine.User:
		case engine.Assistant:
			open = nil
			for _, k := range m.ToolCalls {
				calls++
				id := k.ID
				if id == "" { // most clients have none
					id = fmt.Sprintf("call_%d", calls)
				}
				call := engine.ToolCall{ID: dialect.CallID(id), Type: "function", Function: engine.FunctionCall{
					Name: k.Function.Name, Arguments: engine.Arguments(dialect.Object(engine.Arguments(k.Function.Arguments))),
				}}
				out.ToolCalls = append(out.ToolCalls, call)
				open = append(open, call)
			}
		case engine.ToolRole:
			out.ToolCallID, open = answered(open, m)
		default:
			return req, dialect.Invalid(param+".role", "invalid role %.40q: want system, user, assistant or tool", m.Role)
		}
		c.Add(out)
	}
	req.Messages = c.Messages()
	return req, nil
}

// answered is the ID of the call that a result belongs to: by its ID, else the first open one
// with the tool's name, else the first.
func answered(open []engine.ToolCall, m message) (string, []engine.ToolCall) {
	if id := dialect.CallID(m.ToolCallID); m.ToolCallID != "" {
		return id, slices.DeleteFunc(open, func(c engine.ToolCall) bool { return c.ID == id })
	}
	if len(open) == 0 {
		return dialect.CallID("none"), nil
	}
	i := max(0, slices.IndexFunc(open, func(c engine.ToolCall) bool { return c.Function.Name == m.ToolName }))
	id := open[i].ID
	return id, slices.Delete(open, i, i+1)
}

func (m *message) content(param string) (engine.Content, error) {
	var content engine.Content
	if m.Thinking != "" {
		content = append(content, engine.Chunk{Type: engine.ThinkingChunk, Text: m.Thinking})
	}
	pictures, err := images(param, m.Images)
	content = append(content, pictures...)
	if m.Content != "" {
		content = append(content, engine.Text(m.Content)...)
	}
	return content, err
}

// images are chunks of images in base64, whose type is found in their first bytes.
func images(param string, list []string) (engine.Content, error) {
	var content engine.Content
	for i, data := range list {
		const sniffed = 64 // characters, a multiple of 4
		start, _ := base64.StdEncoding.DecodeString(data[:min(len(data)/4*4, sniffed)])
		mediaType := http.DetectContentType(start)
		if !strings.HasPrefix(mediaType, "image/") {
			mediaType = "image/png"
		}
		image, err := dialect.Image(fmt.Sprintf("%s.images[%d]", param, i), mediaType, data)
		if err != nil {
			return nil, err
		}
		content = append(content, image)
	}
	return content, nil
}

// chat translates a request to generate that uses the model's prompt format.
func (r *generateRequest) chat() (engine.ChatRequest, error) {
	var req engine.ChatRequest
	if err := r.fill(&req); err != nil {
		return req, err
	}
	pictures, err := images("images", r.Images)
	if err != nil {
		return req, err
	}
	var c dialect.Conversation
	if r.System != "" {
		c.Add(engine.Message{Role: engine.System, Content: engine.Text(r.System)})
	}
	c.Add(engine.Message{Role: engine.User, Content: append(pictures, engine.Text(r.Prompt)...)})
	req.Messages = c.Messages()
	return req, nil
}

// check refuses what would change the prompt in a way that bise does not.
func (r *generateRequest) check() error {
	switch {
	case r.Template != "":
		e := dialect.Unsupported("template", "templates of requests are not supported: the model's own is used")
		e.Advice = "Set raw to true to send a whole prompt"
		return e
	case len(r.Context) > 0:
		e := dialect.Unsupported("context", "context is not supported")
		e.Advice = "Send the whole conversation to /api/chat"
		return e
	}
	return nil
}
