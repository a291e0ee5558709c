package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// schemas are those of requests and answers that routes name. A test compares the fields of
// requests with what the handlers read.
//
//go:embed schemas.json
var schemas []byte

// A node is an object of the description.
type node map[string]any

var pathParameter = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

// openAPI is the OpenAPI description of routes.
func openAPI(routes []Route) json.RawMessage {
	paths := node{}
	for _, r := range routes {
		path := pathParameter.ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), "{$1}")
		operations, ok := paths[path].(node)
		if !ok {
			operations = node{}
			paths[path] = operations
		}
		operations[strings.ToLower(r.Method)] = operation(r)
	}
	doc, err := json.Marshal(node{
		"openapi": "3.1.0",
		"info":    node{"title": "bise serve", "version": "1", "description": "Models of this machine, by the APIs of Mistral, OpenAI, Anthropic, Ollama and llama.cpp"},
		"paths":   paths,
		"components": node{
			"schemas":         json.RawMessage(schemas),
			"securitySchemes": node{"key": node{"type": "http", "scheme": "bearer"}},
		},
		"security": []node{{"key": []string{}}, {}},
	})
	if err != nil {
		panic("api: describe the routes: " + err.Error())
	}
	return doc
}

func operation(r Route) node {
	schema := func(name string) node {
		if name == "" {
			return node{}
		}
		return node{"schema": node{"$ref": "#/components/schemas/" + name}}
	}
	failure := node{"description": "An error", "content": node{"application/json": node{}}}
	if r.Fail == nil {
		failure["content"] = node{"application/json": schema("Error")}
	}
	content := node{r.Type(): schema(r.Answer)}
	for _, t := range r.Streams {
		content[t] = node{}
	}
	op := node{
		"summary":   r.Summary,
		"responses": node{"200": node{"description": "The answer", "content": content}, "default": failure},
	}
	if r.Method == http.MethodPost {
		body := schema(r.Body)
		if r.Body == "" {
			body = schema("Object")
		}
		op["requestBody"] = node{"required": true, "content": node{"application/json": body}}
	}
	var parameters []node
	for _, p := range pathParameter.FindAllStringSubmatch(r.Path, -1) {
		parameters = append(parameters, node{"name": p[1], "in": "path", "required": true, "schema": node{"type": "string"}})
	}
	for _, name := range r.Query {
		parameters = append(parameters, node{"name": name, "in": "query", "schema": node{"type": "string"}})
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.Open {
		op["security"] = []node{}
	}
	return op
}

// Type is the content type of the answer.
func (r Route) Type() string {
	if r.ContentType != "" {
		return r.ContentType
	}
	return "application/json"
}
