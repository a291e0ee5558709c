package anthropic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

// A request is the body of a message. Fields that it does not have concern caching, billing
// and tools of the hosted service, and have no effect: cache_control, metadata,
// context_management, service_tier, container and others.
type request struct {
	Model         string    `json:"model"`
	Messages      []message `json:"messages"`
	System        content   `json:"system"`
	MaxTokens     *int      `json:"max_tokens"`
	StopSequences []string  `json:"stop_sequences"`
	Stream        bool      `json:"stream"`
	Temperature   *float64  `json:"temperature"`
	TopP          *float64  `json:"top_p"`
	TopK          *int      `json:"top_k"`
	Tools         []tool    `json:"tools"`
	ToolChoice    *choice   `json:"tool_choice"`
	Thinking      *struct {
		Type string `json:"type"`
	} `json:"thinking"`
	OutputConfig struct {
		Effort string  `json:"effort"`
		Format *format `json:"format"`
	} `json:"output_config"`
	OutputFormat *format           `json:"output_format"`
	MCPServers   []json.RawMessage `json:"mcp_servers"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a string or a list of blocks.
type content []block

func (c *content) UnmarshalJSON(data []byte) error {
	return dialect.Parts(data, (*[]block)(c), func(s string) block { return block{Type: "text", Text: s} })
}

// A block has the fields of all types of blocks.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Source    *source         `json:"source"` // of images and documents; a search result's is a string
	Title     string          `json:"title"`
	Context   string          `json:"context"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"` // of results, by its type
	Thinking  string          `json:"thinking"`
}

type source struct {
	Type      string  `json:"type"`
	MediaType string  `json:"media_type"`
	Data      string  `json:"data"`
	URL       string  `json:"url"`
	Content   content `json:"content"`
	Text      string  `json:"-"` // of a search result
}

func (s *source) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &s.Text)
	}
	type plain source
	return json.Unmarshal(data, (*plain)(s))
}

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type choice struct {
	Type            string `json:"type"`
	Name            string `json:"name"`
	DisableParallel bool   `json:"disable_parallel_tool_use"`
}

type format struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// chat translates the request.
func (r *request) chat() (engine.ChatRequest, error) {
	req := engine.ChatRequest{Model: r.Model, Sampling: engine.Sampling{
		Temperature: r.Temperature, TopP: r.TopP, TopK: r.TopK,
		Stop: slices.DeleteFunc(slices.Clone(r.StopSequences), func(s string) bool { return s == "" }),
	}}
	var err error
	if req.Messages, err = r.conversation(); err != nil {
		return req, err
	}
	if req.Tools, err = tools(r.Tools); err != nil {
		return req, err
	}
	if len(r.MCPServers) > 0 {
		return req, dialect.Unsupported("mcp_servers", "mcp_servers: bise calls no servers: connect them in the client")
	}
	if err := r.choose(&req); err != nil {
		return req, err
	}
	if f := cmpOr(r.OutputConfig.Format, r.OutputFormat); f != nil {
		if f.Type != "json_schema" {
			return req, dialect.Invalid("output_config.format.type", "output_config.format.type: want json_schema, got %.40q", f.Type)
		}
		if req.ResponseFormat, err = dialect.Format("output_config.format.schema", "", f.Schema); err != nil {
			return req, err
		}
	}
	req.ReasoningEffort, err = r.effort()
	return req, err
}

func cmpOr[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// effort is how much to think. Without the field Anthropic's models do not.
func (r *request) effort() (string, error) {
	if r.Thinking == nil {
		return "none", nil
	}
	switch r.Thinking.Type {
	case "disabled":
		return "none", nil
	case "enabled", "adaptive":
		effort := cmp.Or(r.OutputConfig.Effort, "high")
		if !slices.Contains(engine.Efforts, effort) {
			return "", dialect.Invalid("output_config.effort", "output_config.effort: want low, medium, high, xhigh or max, got %.40q", effort)
		}
		return effort, nil
	}
	return "", dialect.Invalid("thinking.type", "thinking.type: want enabled, disabled or adaptive, got %.40q", r.Thinking.Type)
}

// adapt leaves the thinking out at low effort where the model does not know that one: adaptive
// models may then answer at once.
func (r *request) adapt(req *engine.ChatRequest, info engine.Info) {
	if r.Thinking != nil && r.Thinking.Type == "adaptive" && req.ReasoningEffort == "low" && !slices.Contains(info.Efforts, "low") {
		req.ReasoningEffort = "none"
	}
}

func (r *request) choose(req *engine.ChatRequest) error {
	c := r.ToolChoice
	if c == nil {
		return nil
	}
	if c.DisableParallel {
		req.ParallelToolCalls = new(false)
	}
	switch c.Type {
	case "auto", "none":
		req.ToolChoice.Mode = c.Type
	case "any":
		if len(req.Tools) == 0 {
			return dialect.Invalid("tool_choice", "tool_choice: any needs tools")
		}
		req.ToolChoice.Mode = "any"
	case "tool":
		if !slices.ContainsFunc(req.Tools, func(t engine.Tool) bool { return t.Function.Name == c.Name }) {
			return dialect.Invalid("tool_choice.name", "tool_choice.name: there is no tool %.70q", c.Name)
		}
		req.ToolChoice.Function = c.Name
	default:
		return dialect.Invalid("tool_choice.type", "tool_choice.type: want auto, any, tool or none, got %.40q", c.Type)
	}
	return nil
}

// searchTool is Anthropic's way to give tools only when they are wanted. Here the model gets
// all of them at once.
const searchTool = "tool_search_tool_"

func tools(list []tool) ([]engine.Tool, error) {
	var tools []engine.Tool
	for i, t := range list {
		param := fmt.Sprintf("tools.%d", i)
		switch {
		case t.Type == "" || t.Type == "custom":
		case strings.HasPrefix(t.Type, searchTool):
			continue
		default:
			e := dialect.Unsupported(param, "%s: %.60q is a tool of Anthropic's service, which bise does not have", param, t.Type)
			e.Advice = "Give the tool a name, a description and an input_schema, and run it in the client"
			return nil, e
		}
		made, err := dialect.Tool(param, t.Name, t.Description, t.InputSchema)
		if err != nil {
			return nil, err
		}
		tools = append(tools, made)
	}
	return tools, nil
}

// billing begins a line that Claude Code puts first in its system prompt. It changes with
// each request, so that nothing after it could be reused.
const billing = "x-anthropic-billing-header:"

func (r *request) conversation() ([]engine.Message, error) {
	var c dialect.Conversation
	system := engine.Message{Role: engine.System}
	for i, b := range r.System {
		if b.Type != "text" {
			return nil, unknownBlock(fmt.Sprintf("system.%d", i), b.Type)
		}
		if b.Text != "" && !strings.HasPrefix(b.Text, billing) {
			system.Content = append(system.Content, engine.Text(b.Text)...)
		}
	}
	c.Add(system)
	if len(r.Messages) == 0 {
		return nil, dialect.Invalid("messages", "messages: at least one message is required")
	}
	for i, m := range r.Messages {
		param := fmt.Sprintf("messages.%d", i)
		switch role := engine.Role(m.Role); role {
		case engine.User, engine.Assistant, engine.System:
			if err := m.add(&c, role, param); err != nil {
				return nil, err
			}
		default:
			return nil, dialect.Invalid(param+".role", "%s.role: want user, assistant or system, got %.40q", param, m.Role)
		}
	}
	messages := c.Messages()
	if len(messages) == 0 {
		return nil, dialect.Invalid("messages", "messages: all messages are empty")
	}
	return messages, nil
}

// add adds a message, and before it the results of tools, which are separate messages.
func (m message) add(c *dialect.Conversation, role engine.Role, param string) error {
	said := engine.Message{Role: role}
	for i, b := range m.Content {
		param := fmt.Sprintf("%s.content.%d", param, i)
		switch b.Type {
		case "tool_use":
			if role != engine.Assistant {
				return dialect.Invalid(param, "%s: tool_use belongs to the assistant", param)
			}
			said.ToolCalls = append(said.ToolCalls, engine.ToolCall{ID: dialect.CallID(b.ID), Type: "function", Function: engine.FunctionCall{
				Name: b.Name, Arguments: engine.Arguments(dialect.Object(engine.Arguments(b.Input))),
			}})
		case "tool_result":
			if role != engine.User {
				return dialect.Invalid(param, "%s: tool_result belongs to the user", param)
			}
			var inner content
			if !dialect.IsNull(b.Content) {
				if err := json.Unmarshal(b.Content, &inner); err != nil {
					return dialect.Invalid(param+".content", "%s.content: want a string or a list of blocks", param)
				}
			}
			result := engine.Message{Role: engine.ToolRole, ToolCallID: dialect.CallID(b.ToolUseID)}
			for k, b := range inner {
				chunks, err := b.chunks(fmt.Sprintf("%s.content.%d", param, k))
				if err != nil {
					return err
				}
				for _, chunk := range chunks {
					if chunk.Type == engine.ImageChunk { // few models take images from tools
						said.Content = append(said.Content, chunk)
						continue
					}
					result.Content = append(result.Content, chunk)
				}
			}
			c.Add(result)
		default:
			chunks, err := b.chunks(param)
			if err != nil {
				return err
			}
			said.Content = append(said.Content, chunks...)
		}
	}
	c.Add(said)
	return nil
}

// chunks translates a block that is not a call or a result.
func (b *block) chunks(param string) ([]engine.Chunk, error) {
	switch b.Type {
	case "text":
		if b.Text == "" {
			return nil, nil
		}
		return engine.Text(b.Text), nil
	case "thinking":
		if b.Thinking == "" {
			return nil, nil
		}
		return []engine.Chunk{{Type: engine.ThinkingChunk, Text: b.Thinking}}, nil
	case "redacted_thinking", "tool_reference", "fallback":
		return nil, nil
	case "image":
		if b.Source == nil {
			return nil, dialect.Invalid(param+".source", "%s.source: Field required", param)
		}
		switch b.Source.Type {
		case "base64":
			image, err := dialect.Image(param, b.Source.MediaType, b.Source.Data)
			return []engine.Chunk{image}, err
		case "url":
			image, err := dialect.Image(param, "", b.Source.URL)
			return []engine.Chunk{image}, err
		}
		return nil, dialect.Unsupported(param, "%s: an image must have a source of type base64", param)
	case "document":
		return b.document(param)
	case "search_result":
		var inner content
		if err := json.Unmarshal(b.Content, &inner); err != nil {
			return nil, dialect.Invalid(param+".content", "%s.content: want a list of blocks", param)
		}
		text := inner.plain()
		if b.Source != nil {
			text = b.Source.Text + "\n" + text
		}
		return engine.Text(b.heading() + text), nil
	}
	return nil, unknownBlock(param, b.Type)
}

func (b *block) document(param string) ([]engine.Chunk, error) {
	if b.Source == nil {
		return nil, dialect.Invalid(param+".source", "%s.source: Field required", param)
	}
	text := ""
	switch b.Source.Type {
	case "text":
		text = b.Source.Data
	case "content":
		text = b.Source.Content.plain()
	case "base64":
		var err error
		if text, err = api.TextDocument(param, "", "data:"+b.Source.MediaType+";base64,"+b.Source.Data); err != nil {
			return nil, err
		}
	default:
		e := dialect.Unsupported(param, "%s: documents are not fetched, and not read by their ID", param)
		e.Advice = "Send the document's text, or its pages as images"
		return nil, e
	}
	return engine.Text(b.heading() + text), nil
}

// heading is what is known of a document.
func (b *block) heading() string {
	text := ""
	for _, line := range []string{b.Title, b.Context} {
		if line != "" {
			text += line + "\n"
		}
	}
	return text
}

func (c content) plain() string {
	var texts []string
	for _, b := range c {
		if b.Text != "" {
			texts = append(texts, b.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func unknownBlock(param, typ string) error {
	return dialect.Invalid(param+".type", "%s.type: blocks of type %.60q are not supported here", param, typ)
}

func count(n int) string { return strconv.Itoa(n) }
