package responses

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

// A request is the body of a response. Fields that it does not have concern caching, billing
// and storage, and have no effect.
type request struct {
	Model           string            `json:"model"`
	Input           input             `json:"input"`
	Instructions    string            `json:"instructions"`
	Tools           []tool            `json:"tools"`
	ToolChoice      choice            `json:"tool_choice"`
	ParallelCalls   *bool             `json:"parallel_tool_calls"`
	Reasoning       reasoning         `json:"reasoning"`
	Text            text              `json:"text"`
	MaxOutputTokens *int              `json:"max_output_tokens"`
	Temperature     *float64          `json:"temperature"`
	TopP            *float64          `json:"top_p"`
	TopLogprobs     int               `json:"top_logprobs"`
	Stream          bool              `json:"stream"`
	Include         []string          `json:"include"`
	Truncation      string            `json:"truncation"`
	Metadata        map[string]string `json:"metadata"`
	User            string            `json:"user"`
	Background      bool              `json:"background"`
	PreviousID      string            `json:"previous_response_id"`
	Conversation    json.RawMessage   `json:"conversation"`
	Prompt          json.RawMessage   `json:"prompt"`

	compact bool                // the answer is a summary of the conversation
	ignored []string            // types of tools that are left out
	names   map[string]toolName // what the model calls a tool → what the client does
}

type reasoning struct {
	Effort  string `json:"effort"`
	Summary string `json:"summary"`
}

type text struct {
	Format format `json:"format"`
}

type format struct {
	Type   string          `json:"type"`
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
	Strict *bool           `json:"strict"` // nil: yes
}

// input is a string or a list of items.
type input []item

func (in *input) UnmarshalJSON(data []byte) error {
	return dialect.Parts(data, (*[]item)(in), func(s string) item { return item{Role: "user", Content: parts{{Type: "input_text", Text: s}}} })
}

// An item has the fields of all types of items.
type item struct {
	Type      string `json:"type"` // "": message
	ID        string `json:"id"`
	Role      string `json:"role"`
	Content   parts  `json:"content"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Arguments string `json:"arguments"`
	Input     string `json:"input"`
	Output    parts  `json:"output"`
	Summary   parts  `json:"summary"`
	Encrypted string `json:"encrypted_content"`
	Tools     []tool `json:"tools"`

	Reasoning reasoning `json:"reasoning"`
}

// parts are a string or a list of parts.
type parts []part

func (p *parts) UnmarshalJSON(data []byte) error {
	return dialect.Parts(data, (*[]part)(p), func(s string) part { return part{Type: "input_text", Text: s} })
}

type part struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Refusal  string `json:"refusal"`
	ImageURL string `json:"image_url"`
	FileID   string `json:"file_id"`
	FileData string `json:"file_data"`
	Filename string `json:"filename"`
}

// choice is a word or an object.
type choice struct {
	Word  string
	Type  string `json:"type"`
	Name  string `json:"name"`
	Mode  string `json:"mode"`
	Tools []struct {
		Name string `json:"name"`
	} `json:"tools"`
	raw json.RawMessage
}

func (c *choice) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		c.raw = slices.Clone(data)
		return json.Unmarshal(data, &c.Word)
	}
	type plain choice
	err := json.Unmarshal(data, (*plain)(c))
	c.raw = slices.Clone(data)
	return err
}

// chat translates the request.
func (r *request) chat() (engine.ChatRequest, error) {
	req := engine.ChatRequest{Model: r.Model, ParallelToolCalls: r.ParallelCalls, Sampling: engine.Sampling{
		Temperature: r.Temperature, TopP: r.TopP, MaxTokens: r.MaxOutputTokens, TopLogprobs: r.TopLogprobs,
		Logprobs: r.TopLogprobs > 0 || slices.Contains(r.Include, "message.output_text.logprobs"),
	}}
	for param, given := range map[string]bool{
		"previous_response_id": r.PreviousID != "", "conversation": !dialect.IsNull(r.Conversation), "prompt": !dialect.IsNull(r.Prompt),
	} {
		if given {
			e := dialect.Unsupported(param, "%s: bise stores no responses, conversations or prompts", param)
			e.Advice = "Send the whole conversation as input"
			return req, e
		}
	}
	if r.Background {
		return req, dialect.Unsupported("background", "background: bise stores no responses: wait for the answer, or stream it")
	}
	switch r.Truncation {
	case "", "disabled":
	case "auto":
		req.Overflow = engine.OverflowDropOldest
	default:
		return req, dialect.Invalid("truncation", "truncation: want auto or disabled, got %.40q", r.Truncation)
	}
	var err error
	if req.Tools, err = r.tools(); err != nil {
		return req, err
	}
	if err := r.choose(&req); err != nil {
		return req, err
	}
	if req.Messages, err = r.conversation(); err != nil {
		return req, err
	}
	switch f := r.Text.Format; f.Type {
	case "", "text":
	case "json_object":
		req.ResponseFormat = &engine.ResponseFormat{Type: "json_object"}
	case "json_schema":
		if req.ResponseFormat, err = dialect.Format("text.format.schema", f.Name, f.Schema); err != nil {
			return req, err
		}
		req.ResponseFormat.JSONSchema.Strict = f.Strict == nil || *f.Strict
	default:
		return req, dialect.Invalid("text.format.type", "text.format.type: want text, json_object or json_schema, got %.40q", f.Type)
	}
	req.ReasoningEffort = r.Reasoning.Effort
	if e := req.ReasoningEffort; e != "" && !slices.Contains(engine.Efforts, e) {
		return req, dialect.Invalid("reasoning.effort", "reasoning.effort: want %s, got %.40q", strings.Join(engine.Efforts, ", "), e)
	}
	if r.compact {
		toCompact(&req)
	}
	return req, nil
}

func (r *request) conversation() ([]engine.Message, error) {
	var c dialect.Conversation
	c.Add(engine.Message{Role: engine.System, Content: textOf(r.Instructions)})
	for i, it := range r.Input {
		if err := r.add(&c, it, fmt.Sprintf("input[%d]", i)); err != nil {
			return nil, err
		}
	}
	messages := c.Messages()
	if len(messages) == 0 {
		return nil, dialect.Invalid("input", "input: want a text or a list of items")
	}
	return messages, nil
}

func textOf(s string) engine.Content {
	if s == "" {
		return nil
	}
	return engine.Text(s)
}

// roles are those of messages.
var roles = map[string]engine.Role{
	"user": engine.User, "assistant": engine.Assistant, "system": engine.System, "developer": engine.System,
}

func (r *request) add(c *dialect.Conversation, it item, param string) error {
	switch it.Type {
	case "", "message":
		role, ok := roles[it.Role]
		if !ok {
			return dialect.Invalid(param+".role", "%s.role: want user, assistant, system or developer, got %.40q", param, it.Role)
		}
		said, err := it.Content.chunks(param + ".content")
		c.Add(engine.Message{Role: role, Content: said})
		return err
	case "function_call", "custom_tool_call":
		arguments := dialect.Object(engine.Arguments(it.Arguments))
		if it.Type == "custom_tool_call" {
			arguments = dialect.Encode(map[string]string{freeText: it.Input})
		}
		c.Add(engine.Message{Role: engine.Assistant, ToolCalls: []engine.ToolCall{{
			ID: dialect.CallID(it.CallID), Type: "function",
			Function: engine.FunctionCall{Name: flat(it.Namespace, it.Name), Arguments: engine.Arguments(arguments)},
		}}})
	case "function_call_output", "custom_tool_call_output":
		said, err := it.Output.chunks(param + ".output")
		if err != nil {
			return err
		}
		// Few models take images from tools.
		isImage := func(k engine.Chunk) bool { return k.Type == engine.ImageChunk }
		isText := func(k engine.Chunk) bool { return k.Type != engine.ImageChunk }
		images := slices.DeleteFunc(slices.Clone(said), isText)
		c.Add(engine.Message{Role: engine.ToolRole, ToolCallID: dialect.CallID(it.CallID), Content: slices.DeleteFunc(said, isImage)})
		c.Add(engine.Message{Role: engine.User, Content: images})
	case "reasoning":
		if thought := it.thought(); thought != "" {
			c.Add(engine.Message{Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: thought}}})
		}
	case compactTrigger:
		r.compact = true
		c.Add(engine.Message{Role: engine.User, Content: engine.Text(compactPrompt)})
	case compacted, "compaction_summary":
		if summary := it.summary(); summary != "" {
			c.Add(engine.Message{Role: engine.User, Content: engine.Text(summary)})
		} else {
			r.ignored = append(r.ignored, it.Type)
		}
	case "additional_tools": // they are among the tools
	case "configuration_update":
		if it.Reasoning.Effort != "" {
			r.Reasoning.Effort = it.Reasoning.Effort
		}
	case "item_reference":
		e := dialect.Unsupported(param, "%s: bise stores no responses: item %.80q is not here", param, it.ID)
		e.Advice = "Send the items themselves"
		return e
	default: // of the service's own tools: what they found is in the answers
		r.ignored = append(r.ignored, it.Type)
	}
	return nil
}

// sealed begins encrypted_content of ours. It is not encrypted: it was made on this machine,
// for a client that keeps the conversation.
const sealed = "bise:"

func seal(thought string) string { return sealed + base64.StdEncoding.EncodeToString([]byte(thought)) }

// unseal is the text of encrypted_content; "" if it is another server's.
func unseal(content string) string {
	code, ok := strings.CutPrefix(content, sealed)
	text, err := base64.StdEncoding.DecodeString(code)
	if !ok || err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// thought is the text of a reasoning item.
func (it *item) thought() string {
	var texts []string
	for _, p := range append(slices.Clone(it.Content), it.Summary...) {
		texts = append(texts, p.Text)
	}
	if len(texts) == 0 {
		return unseal(it.Encrypted)
	}
	return strings.Join(texts, "\n")
}

func (p parts) chunks(param string) (engine.Content, error) {
	var content engine.Content
	for i, k := range p {
		param := fmt.Sprintf("%s[%d]", param, i)
		switch k.Type {
		case "input_text", "output_text", "text":
			content = append(content, textOf(k.Text)...)
		case "refusal":
			content = append(content, textOf(k.Refusal)...)
		case "input_image":
			if k.FileID != "" {
				return nil, dialect.Unsupported(param+".file_id", "%s.file_id: send the image as a data: URL in image_url", param)
			}
			image, err := dialect.Image(param+".image_url", "image/png", k.ImageURL)
			if err != nil {
				return nil, err
			}
			content = append(content, image)
		case "input_file":
			text, err := k.file(param)
			if err != nil {
				return nil, err
			}
			content = append(content, engine.Text(text)...)
		default:
			return nil, dialect.Unsupported(param+".type", "%s.type: parts of type %.60q are not supported here", param, k.Type)
		}
	}
	return content, nil
}

// file is a text file's name and text.
func (p *part) file(param string) (string, error) {
	if p.FileData == "" {
		e := dialect.Unsupported(param, "%s: files are not fetched, and not read by their ID", param)
		e.Advice = "Send the file itself, in file_data as a data: URL"
		return "", e
	}
	return api.TextDocument(param, p.Filename, p.FileData)
}
