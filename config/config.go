// Package config has bise's folders and the user's settings. If config.toml is missing or
// cannot be read, everything has its default.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

const maxFile = 1 << 20 // bytes of a config.toml

// Config has the settings of config.toml. Nil and zero fields are not set.
//
// docs/configuration.md is made from the comments and tags of these types: a comment says what
// the key does, default is what holds without it, flag and env are what overrides it.
type Config struct {
	// The model of all modes that have none in [models]. `bise use` sets it.
	Model  string `toml:"model" default:"the best installed" flag:"-m" env:"BISE_MODEL"`
	Models Models `toml:"models"`
	// The system prompt of new conversations: `ask`, `see`, and the chat and vision modes.
	System string `toml:"system" default:"none" flag:"--system"`
	// How long an idle model stays in memory. A negative time is forever, 0 is the default.
	KeepAlive *time.Duration `toml:"keep_alive" default:"10m"`
	// Threads to compute with.
	Threads int `toml:"threads" default:"the physical cores" flag:"--threads"`
	// Layers on the GPU.
	GPULayers *int `toml:"gpu_layers" default:"as many as fit" flag:"--gpu-layers"`
	// The type of the KV cache.
	KVType string `toml:"kv_type" default:"f16" flag:"--kv-type"`
	// Flash attention.
	FlashAttn *bool `toml:"flash_attn" default:"llama.cpp decides"`
	// Tokens of the context, at most.
	Context int `toml:"context" default:"what model and memory allow" flag:"--context"`
	// Saves conversations. With false, those of the interface are gone when it is left.
	History   *bool     `toml:"history" default:"true" flag:"--no-history"`
	Engine    Engine    `toml:"engine"`
	Sampling  Sampling  `toml:"sampling"`
	Interface Interface `toml:"interface"`
	Serve     Serve     `toml:"serve"`
	// Servers, by the name before the slash in "lab/Mistral-Large".
	Endpoints map[string]Endpoint `toml:"endpoints"`
}

// Engine has the settings of what runs models: the engine in bise, or the user's llama-server.
type Engine struct {
	// What runs models. With auto, llama-server runs those whose architecture is newer than
	// the built-in engine.
	Engine string `toml:"engine" default:"auto"`
	// The path of llama-server.
	LlamaServer string `toml:"llama_server" default:"the one on the PATH"`
	// Other machines that llama-server uses: host:port of their rpc-server. llama-server then
	// runs every model.
	RPC []string `toml:"rpc" default:"none"`
}

// The values of Engine.Engine.
const (
	AutoEngine  = "auto"
	BuiltIn     = "built-in"
	LlamaServer = "llama-server"
)

// Engines are the values of Engine.Engine.
var Engines = []string{AutoEngine, BuiltIn, LlamaServer}

func (e *Engine) check() (key, what string) {
	switch {
	case e.Engine != "" && !slices.Contains(Engines, e.Engine):
		return "engine.engine", fmt.Sprintf("%q is unknown: want one of %s", e.Engine, strings.Join(Engines, ", "))
	case e.Engine == BuiltIn && len(e.RPC) > 0:
		return "engine.rpc", "only llama-server uses other machines, and engine is built-in"
	}
	for _, server := range e.RPC {
		if host, port, err := net.SplitHostPort(server); err != nil || host == "" || strings.Contains(server, ",") || port == "" {
			return "engine.rpc", fmt.Sprintf("invalid %q: want host:port", server)
		}
	}
	return "", ""
}

// Models has the models of modes that do not use the default model; "": it does.
type Models struct {
	// The model of `ask`, `tokenize`, `serve`, `bench` and the chat mode.
	Chat string `toml:"chat" default:"the default model" flag:"-m" env:"BISE_MODEL"`
	// The model of `review` and its mode.
	Review string `toml:"review" default:"the default model" flag:"-m" env:"BISE_MODEL"`
	// The model of `complete`, `lsp` and the code mode.
	Code string `toml:"code" default:"the default model, if it can" flag:"-m" env:"BISE_MODEL"`
	// The model of `solve` and the math mode.
	Math string `toml:"math" default:"the default model" flag:"-m" env:"BISE_MODEL"`
	// The model of `see` and the vision mode.
	Vision string `toml:"vision" default:"the default model, if it can" flag:"-m" env:"BISE_MODEL"`
	// The model of `embed`.
	Embed string `toml:"embed" default:"the default model, if it can" flag:"-m" env:"BISE_MODEL"`
}

// Modes are the names of the modes, in the order in which they are listed.
var Modes = []string{"chat", "review", "code", "math", "vision", "embed"}

// Of returns the field of a mode, nil if there is no such mode.
func (m *Models) Of(mode string) *string {
	switch mode {
	case "chat":
		return &m.Chat
	case "review":
		return &m.Review
	case "code":
		return &m.Code
	case "math":
		return &m.Math
	case "vision":
		return &m.Vision
	case "embed":
		return &m.Embed
	}
	return nil
}

// Sampling has the defaults for all answers.
type Sampling struct {
	// 0 always takes the likeliest token; higher is more varied.
	Temperature *float64 `toml:"temperature" default:"0.7" flag:"--temperature"`
	// Sample from the likeliest tokens with this total probability.
	TopP *float64 `toml:"top_p" default:"1" flag:"--top-p"`
	// Sample from this number of the likeliest tokens; 0 is all.
	TopK *int `toml:"top_k" default:"0" flag:"--top-k"`
	// Sample from tokens at least this times as likely as the likeliest.
	MinP *float64 `toml:"min_p" default:"0.05; 0 if top_p or top_k is set" flag:"--min-p"`
	// Makes recent tokens less likely; 1 is off.
	RepeatPenalty *float64 `toml:"repeat_penalty" default:"1"`
	// Makes tokens that occurred less likely.
	PresencePenalty *float64 `toml:"presence_penalty" default:"0"`
	// Makes tokens less likely the more often they occurred.
	FrequencyPenalty *float64 `toml:"frequency_penalty" default:"0"`
	// The random seed, for repeatable answers.
	Seed *int64 `toml:"seed" default:"random" flag:"--seed"`
	// Tokens of an answer, at most.
	MaxTokens *int `toml:"max_tokens" default:"what the context allows" flag:"--max-tokens"`
	// How much models think that have this setting: none, minimal, low, medium, high, xhigh or max.
	ReasoningEffort string `toml:"reasoning_effort" default:"the model's" flag:"--effort"`
}

// Efforts are the reasoning efforts, those of package engine.
var Efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// An Endpoint is a server that runs models.
type Endpoint struct {
	// The base URL, with http:// or https://. Required.
	URL string `toml:"url" default:"required"`
	// The API key itself. Only one of the three keys can be set.
	Key string `toml:"key" default:"none"`
	// The environment variable that has the API key.
	KeyEnv string `toml:"key_env" default:"none"`
	// The command that prints the API key, such as ["pass", "show", "lab"].
	KeyCommand []string `toml:"key_command" default:"none"`
	// The way the server speaks the API: bise, plateforme or openai.
	Dialect string `toml:"dialect" default:"detected"`
}

// KVTypes are the types of a KV cache.
var KVTypes = []string{"f32", "f16", "bf16", "q8_0", "q4_0"}

// A Problem is an ignored key of config.toml, or a value that cannot have the wanted effect.
type Problem struct {
	Path       string
	Line       int    // 0 where unknown
	Key        string // with its tables: endpoints.lab.ulr
	What       string // is wrong with the value; "": the key is unknown
	Suggestion string // a similar key, or ""
	Allowed    []string
}

// Locate sets the path and the lines of problems in a config.toml.
func Locate(path string, problems []Problem) []Problem {
	if len(problems) == 0 {
		return nil
	}
	data, _ := atomicfile.ReadFile(path, maxFile) // without lines, the problems are still right
	for i := range problems {
		problems[i].Path, problems[i].Line = path, lineOf(data, strings.Split(problems[i].Key, "."))
	}
	return problems
}

func (p Problem) String() string {
	where := p.Path
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.Path, p.Line)
	}
	if p.What != "" {
		return fmt.Sprintf("%s: %s: %s", where, p.Key, p.What)
	}
	s := fmt.Sprintf("%s: unknown key %q is ignored", where, p.Key)
	if p.Suggestion != "" {
		return s + fmt.Sprintf("; did you mean %q?", p.Suggestion)
	}
	return s + "; known keys: " + strings.Join(p.Allowed, ", ")
}

// fileError makes the error of an invalid config.toml; line is 0 if it is unknown.
func fileError(path string, line int, why string) *fault.Error {
	if line > 0 {
		why = fmt.Sprintf("line %d: %s", line, why)
	}
	return fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: %s", path, why), "Correct the file, or move it away to use the defaults.")
}

// Load reads a config.toml. A missing or unreadable file counts as empty. Unknown keys are
// returned as problems.
func Load(path string) (Config, []Problem, error) {
	data, err := atomicfile.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return Config{}, nil, nil
	}
	if err != nil {
		return Config{}, nil, fileError(path, 0, cause(err))
	}
	return parse(path, data)
}

// cause is the error without the path, which the message has already.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

func parse(path string, data []byte) (Config, []Problem, error) {
	var c Config
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&c)
	if err != nil {
		return Config{}, nil, explain(path, err)
	}
	if key, what := c.check(); what != "" {
		return Config{}, nil, fileError(path, lineOf(data, strings.Split(key, ".")), key+": "+what)
	}
	var problems []Problem
	for _, key := range meta.Undecoded() {
		if len(key) > 1 && slices.ContainsFunc(problems, func(p Problem) bool { return strings.HasPrefix(key.String(), p.Key+".") }) {
			continue // its table is reported
		}
		allowed := knownKeys(key[:len(key)-1])
		problems = append(problems, Problem{
			Path: path, Line: lineOf(data, key), Key: key.String(),
			Suggestion: suggest.Word(key[len(key)-1], allowed), Allowed: allowed,
		})
	}
	return c, problems, nil
}

// badType matches package toml's error for a wrong type, which is not a toml.ParseError.
var badType = regexp.MustCompile(`^toml: line (\d+) \(last key "(.+?)"\): incompatible types: TOML value has type (.+); destination has type (.+)$`)

func explain(path string, err error) *fault.Error {
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		why := p.Message
		if p.LastKey != "" {
			why = p.LastKey + ": " + why
		}
		return fileError(path, p.Position.Line, why)
	}
	if m := badType.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		return fileError(path, line, fmt.Sprintf("%s: wrong type %s: want %s", m[2], m[3], m[4]))
	}
	return fileError(path, 0, strings.TrimPrefix(err.Error(), "toml: "))
}

// check returns the key of an invalid value and what is wrong with it, or "".
func (c Config) check() (key, what string) {
	s := c.Sampling
	switch {
	case c.KVType != "" && !slices.Contains(KVTypes, c.KVType):
		return "kv_type", fmt.Sprintf("%q is unknown: want one of %s", c.KVType, strings.Join(KVTypes, ", "))
	case s.ReasoningEffort != "" && !slices.Contains(Efforts, s.ReasoningEffort):
		return "sampling.reasoning_effort", fmt.Sprintf("%q is unknown: want one of %s", s.ReasoningEffort, strings.Join(Efforts, ", "))
	case c.Threads < 0:
		return "threads", "it must not be negative"
	case c.Context < 0:
		return "context", "it must not be negative"
	case s.Temperature != nil && !(*s.Temperature >= 0):
		return "sampling.temperature", "it must not be negative"
	case s.TopP != nil && !(*s.TopP > 0 && *s.TopP <= 1):
		return "sampling.top_p", "it must be above 0 and at most 1"
	case s.MinP != nil && !(*s.MinP >= 0 && *s.MinP <= 1):
		return "sampling.min_p", "it must be from 0 to 1"
	case s.TopK != nil && *s.TopK < 0:
		return "sampling.top_k", "it must not be negative"
	case s.MaxTokens != nil && *s.MaxTokens < 1:
		return "sampling.max_tokens", "it must be at least 1"
	}
	if key, what := c.Engine.check(); what != "" {
		return key, what
	}
	if key, what := c.Interface.check(); what != "" {
		return key, what
	}
	if key, what := c.Serve.check(); what != "" {
		return key, what
	}
	for _, name := range slices.Sorted(maps.Keys(c.Endpoints)) {
		e := c.Endpoints[name]
		key := "endpoints." + name
		var keys int
		for _, set := range []bool{e.Key != "", e.KeyEnv != "", len(e.KeyCommand) > 0} {
			if set {
				keys++
			}
		}
		switch {
		case strings.Contains(name, "/"):
			return key, "the name must not contain a slash"
		case e.URL == "":
			return key, "it has no url"
		case !strings.HasPrefix(e.URL, "http://") && !strings.HasPrefix(e.URL, "https://"):
			return key + ".url", "it must begin with http:// or https://"
		case keys > 1:
			return key, "only one of key, key_env and key_command can be set"
		}
	}
	return "", ""
}

func knownKeys(table toml.Key) []string {
	t := reflect.TypeFor[Config]()
	for _, name := range table {
		next, ok := descend(t, name)
		if !ok {
			return nil
		}
		t = next
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for field := range t.Fields() {
		keys = append(keys, field.Tag.Get("toml"))
	}
	return keys
}

func descend(t reflect.Type, name string) (reflect.Type, bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		for field := range t.Fields() {
			if field.Tag.Get("toml") == name {
				return field.Type, true
			}
		}
	}
	return nil, false
}
