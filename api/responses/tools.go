package responses

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Format      *struct {
		Syntax     string `json:"syntax"`
		Definition string `json:"definition"`
	} `json:"format"` // of a custom tool
	Tools []tool `json:"tools"` // of a namespace
	raw   json.RawMessage
}

func (t *tool) UnmarshalJSON(data []byte) error {
	type plain tool
	err := json.Unmarshal(data, (*plain)(t))
	t.raw = slices.Clone(data)
	return err
}

// A toolName is what a client calls a tool.
type toolName struct {
	namespace, name string
	custom          bool
}

// freeText is the parameter of a custom tool, which takes a text instead of arguments.
const freeText = "input"

// maxNested is how deep namespaces can be in one another.
const maxNested = 4

// functions is the namespace of tools that have none.
const functions = "functions"

// flat is a tool's name for the model, which knows no namespaces.
func flat(namespace, name string) string {
	if namespace == "" || namespace == functions {
		return name
	}
	return namespace + "__" + name
}

// tools are the functions of the request. Tools that OpenAI's service runs itself, such as
// web_search, are left out: clients offer them to every server.
func (r *request) tools() ([]engine.Tool, error) {
	r.names = map[string]toolName{}
	var tools []engine.Tool
	var add func(list []tool, namespace, param string, depth int) error
	add = func(list []tool, namespace, param string, depth int) error {
		for i, t := range list {
			param := fmt.Sprintf("%s[%d]", param, i)
			schema, about := t.Parameters, t.Description
			switch t.Type {
			case "function":
			case "custom":
				schema = json.RawMessage(`{"type":"object","properties":{"` + freeText + `":{"type":"string"}},"required":["` + freeText + `"],"additionalProperties":false}`)
				if t.Format != nil && t.Format.Definition != "" {
					about += "\n\nThe " + freeText + " follows this " + t.Format.Syntax + " grammar:\n" + t.Format.Definition
				}
			case "namespace":
				if t.Name == functions {
					t.Name = ""
				}
				if depth == maxNested {
					return dialect.Invalid(param, "%s: more than %d namespaces in one another", param, maxNested)
				}
				if err := add(t.Tools, t.Name, param+".tools", depth+1); err != nil {
					return err
				}
				continue
			default:
				r.ignored = append(r.ignored, "tool "+t.Type)
				continue
			}
			if t.Name == "" {
				return dialect.Invalid(param+".name", "%s.name: want a name", param)
			}
			made, err := dialect.Tool(param, flat(namespace, t.Name), about, schema)
			if err != nil {
				return err
			}
			r.names[made.Function.Name] = toolName{namespace, t.Name, t.Type == "custom"}
			tools = append(tools, made)
		}
		return nil
	}
	err := add(r.Tools, "", "tools", 0)
	for i, it := range r.Input {
		if it.Type == "additional_tools" && err == nil {
			err = add(it.Tools, "", fmt.Sprintf("input[%d].tools", i), 0)
		}
	}
	return tools, err
}

func (r *request) choose(req *engine.ChatRequest) error {
	c := r.ToolChoice
	known := func(name string) bool {
		return slices.ContainsFunc(req.Tools, func(t engine.Tool) bool { return t.Function.Name == name })
	}
	word := c.Word
	switch c.Type {
	case "":
	case "function", "custom":
		if !known(c.Name) {
			return dialect.Invalid("tool_choice.name", "tool_choice.name: there is no tool %.70q", c.Name)
		}
		req.ToolChoice.Function = c.Name
		return nil
	case "allowed_tools":
		req.Tools = slices.DeleteFunc(req.Tools, func(t engine.Tool) bool {
			for _, allowed := range c.Tools {
				if allowed.Name == t.Function.Name {
					return false
				}
			}
			return true
		})
		word = c.Mode
	default:
		return dialect.Unsupported("tool_choice", "tool_choice: %.60q is a tool of OpenAI's service, which bise does not have", c.Type)
	}
	switch word {
	case "", "auto":
	case "none":
		req.ToolChoice.Mode = "none"
	case "required":
		if len(req.Tools) == 0 {
			return dialect.Invalid("tool_choice", "tool_choice: required needs tools")
		}
		req.ToolChoice.Mode = "any"
	default:
		return dialect.Invalid("tool_choice", "tool_choice: want auto, none, required or a tool, got %.40q", word)
	}
	return nil
}
