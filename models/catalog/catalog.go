// Package catalog describes Mistral's models: abilities, licence, where the weights are and
// what they need to run.
//
// The data are in catalog.toml beside this file. A user's file can add to them and correct
// them. A model's files take precedence over both.
package catalog

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/models/licence"
)

//go:embed catalog.toml
var embedded []byte

// An Ability is a use that a model was trained for.
type Ability string

const (
	Chat     Ability = "chat"
	FIM      Ability = "fim" // fill in the middle
	Math     Ability = "math"
	Vision   Ability = "vision"
	Audio    Ability = "audio"
	Tools    Ability = "tools"
	Embed    Ability = "embed"
	Thinking Ability = "thinking"
)

// Word is the ability for display.
func (a Ability) Word() string {
	if a == FIM {
		return "code"
	}
	return string(a)
}

var abilities = []Ability{Chat, FIM, Math, Vision, Audio, Tools, Embed, Thinking}

// A Model is a row of the catalogue. Unknown values are zero.
type Model struct {
	Name        string         `toml:"name" json:"name"`
	Title       string         `toml:"title" json:"title"`
	Aliases     []string       `toml:"aliases" json:"aliases,omitempty"`
	About       string         `toml:"about" json:"about,omitempty"`
	Released    string         `toml:"released" json:"released,omitempty"` // 2024, 2024-05 or 2024-05-29
	Licence     string         `toml:"licence" json:"licence,omitempty"`   // its ID; see [Model.Terms]
	Link        string         `toml:"link" json:"licence_link,omitempty"` // to the licence's text, if each model has a different one
	Repo        string         `toml:"repo" json:"repo,omitempty"`         // of the original weights, on the Hugging Face Hub; "": none are published
	GGUF        []string       `toml:"gguf" json:"gguf,omitempty"`         // repositories with finished files, the preferred first
	Files       []File         `toml:"files" json:"files,omitempty"`       // known finished files
	Context     int            `toml:"context" json:"context,omitempty"`   // tokens, as documented
	Advised     int            `toml:"advised" json:"advised,omitempty"`   // tokens up to which answers are good; 0: Context
	Can         []Ability      `toml:"can" json:"can"`
	Prompt      string         `toml:"prompt" json:"prompt_version,omitempty"`
	Sampling    Sampling       `toml:"sampling" json:"sampling,omitzero"`
	Special     bool           `toml:"special" json:"special,omitempty"` // made for one kind of work, and never recommended for chat
	Base        bool           `toml:"base" json:"base,omitempty"`       // not instruction-tuned
	Parameters  int64          `toml:"parameters" json:"parameters,omitempty"`
	Shape       *Shape         `toml:"-" json:"shape,omitempty"`  // nil: unknown
	Vision      *VisionEncoder `toml:"-" json:"vision,omitempty"` // nil: none, or unknown
	Newer       string         `toml:"newer" json:"newer,omitempty"`
	Obstacle    string         `toml:"obstacle" json:"obstacle,omitempty"` // why this engine cannot run it, a clause
	Warning     string         `toml:"warning" json:"warning,omitempty"`   // what to know before a download of its files, a sentence
	Remote      []string       `toml:"remote" json:"remote,omitempty"`     // its names on La Plateforme, the usual one first
	Unverified  []string       `toml:"unverified" json:"unverified,omitempty"`
	UserDefined bool           `toml:"-" json:"user_defined,omitempty"` // in the user's catalogue file

	ShapeName  string `toml:"shape" json:"-"`
	VisionName string `toml:"vision" json:"-"`
}

// A Role is the purpose of a file.
type Role string

const (
	Weights   Role = ""          // the model itself
	Projector Role = "projector" // the vision encoder with its projector
)

// A File is a GGUF file of a model. A split file is named by its first part, without Size
// and SHA256.
type File struct {
	Repo   string `toml:"repo" json:"repo"`
	Path   string `toml:"path" json:"path"`
	Type   string `toml:"type" json:"type"` // Q4_K_M, …
	Role   Role   `toml:"role" json:"role,omitempty"`
	Size   int64  `toml:"size" json:"size_bytes,omitempty"`
	SHA256 string `toml:"sha256" json:"sha256,omitempty"`
}

// Sampling is the recommended sampling; nil: no recommendation.
type Sampling struct {
	Temperature *float64 `toml:"temperature" json:"temperature,omitempty"`
	TopP        *float64 `toml:"top_p" json:"top_p,omitempty"`
}

// A Shape has the parameters of an architecture that decide memory and speed.
type Shape struct {
	Architecture string `toml:"architecture" json:"architecture"` // llama.cpp's name
	Layers       int    `toml:"layers" json:"layers"`
	Width        int    `toml:"width" json:"width"` // components of a token's embedding
	Heads        int    `toml:"heads" json:"heads"`
	KVHeads      int    `toml:"kv_heads" json:"kv_heads,omitempty"`
	HeadWidth    int    `toml:"head_width" json:"head_width,omitempty"`
	FFN          int    `toml:"ffn" json:"ffn,omitempty"` // components of the hidden layer, per expert
	Experts      int    `toml:"experts" json:"experts,omitempty"`
	ExpertsUsed  int    `toml:"experts_used" json:"experts_used,omitempty"` // per token
	Vocabulary   int    `toml:"vocabulary" json:"vocabulary"`
	Shared       int    `toml:"shared_experts" json:"shared_experts,omitempty"`
	Tied         bool   `toml:"tied" json:"tied,omitempty"` // the embedding is also the output matrix
	Parameters   int64  `toml:"parameters" json:"parameters,omitempty"`

	// Of latent attention (architecture deepseek2): the ranks of queries and of keys and values,
	// and the components of a head without RoPE, with RoPE and of its values.
	QueryRank  int `toml:"query_rank" json:"query_rank,omitempty"`
	Rank       int `toml:"rank" json:"rank,omitempty"`
	PlainWidth int `toml:"plain_width" json:"plain_width,omitempty"`
	RopeWidth  int `toml:"rope_width" json:"rope_width,omitempty"`
	ValueWidth int `toml:"value_width" json:"value_width,omitempty"`

	// Of Mamba 2, whose Heads are those of its state.
	Inner  int `toml:"inner" json:"inner,omitempty"`
	State  int `toml:"state" json:"state,omitempty"`
	Groups int `toml:"groups" json:"groups,omitempty"`
	Kernel int `toml:"kernel" json:"kernel,omitempty"`
}

// A VisionEncoder has the parameters of a vision encoder.
type VisionEncoder struct {
	Layers int `toml:"layers" json:"layers"`
	Width  int `toml:"width" json:"width"`
	Heads  int `toml:"heads" json:"heads"`
	FFN    int `toml:"ffn" json:"ffn"`
	Patch  int `toml:"patch" json:"patch"` // pixels along a side of a patch
	Side   int `toml:"side" json:"side"`   // pixels along a side of the largest image
	Merge  int `toml:"merge" json:"merge"` // patches along a side of one token
}

// Has reports whether the model has an ability.
func (m Model) Has(a Ability) bool { return slices.Contains(m.Can, a) }

// Local reports whether this engine can run the model.
func (m Model) Local() bool { return m.Obstacle == "" && (m.Repo != "" || len(m.GGUF) > 0) }

// CheckRunnable returns an error of kind Unsupported if this engine cannot run the model.
func (m Model) CheckRunnable() error {
	if m.Local() {
		return nil
	}
	why := cmp.Or(m.Obstacle, "it is available only on La Plateforme")
	return fault.Advise(fault.Errorf(fault.Unsupported, "cannot run %s on this machine: %s", m.Name, why), "Choose another model from bise catalog.")
}

// Current reports whether there is no newer version and it is not a base model.
func (m Model) Current() bool { return !m.Base && m.Newer == "" }

// Terms returns the model's licence. A model that is available only on La Plateforme has
// none.
func (m Model) Terms() (_ licence.Licence, ok bool) {
	if m.Repo == "" && m.Licence == "" {
		return licence.Licence{}, false
	}
	return licence.Of(m.Licence, m.Link), true
}

// Abilities returns the names of the model's abilities.
func (m Model) Abilities() []string {
	var list []string
	for _, a := range m.Can {
		list = append(list, string(a))
	}
	return list
}

// AbilityText returns the model's abilities for display, in one phrase.
func (m Model) AbilityText() string {
	if len(m.Can) == 0 && m.Base {
		return "text"
	}
	var words []string
	for _, a := range m.Can {
		words = append(words, a.Word())
	}
	return strings.Join(words, " ")
}

// File returns the finished file of a type, whose case does not matter.
func (m Model) File(kind string) (File, bool) { return m.file(Weights, kind) }

// Projector returns the preferred finished file of the projector.
func (m Model) Projector() (File, bool) { return m.file(Projector, "") }

func (m Model) file(role Role, kind string) (File, bool) {
	for _, f := range m.Files {
		if f.Role == role && (kind == "" || strings.EqualFold(f.Type, kind)) {
			return f, true
		}
	}
	return File{}, false
}

// A Catalog is a list of models.
type Catalog struct {
	models []Model
	byName map[string]int // names and aliases, lower case
}

// Embedded is the built-in catalogue.
var Embedded = sync.OnceValue(func() *Catalog {
	c, problems, err := parse("the built-in catalogue", nil, embedded)
	if err != nil || len(problems) > 0 {
		panic(fmt.Sprint("catalog: ", err, problems)) // a test reads it
	}
	return c
})

// All lists the models by purpose, the smaller first.
func (c *Catalog) All() []Model { return slices.Clone(c.models) }

// DefaultType is the default quantization type.
const DefaultType = "Q4_K_M"

// Find returns the model with a name or an alias, and the type after a colon, as in
// mistral-nemo:q8_0, or "". Case does not matter. The error is of kind NotFound and
// suggests similar names.
func (c *Catalog) Find(ref string) (_ Model, kind string, _ error) {
	name, kind, _ := strings.Cut(ref, ":")
	if i, ok := c.byName[strings.ToLower(name)]; ok {
		return c.models[i], strings.ToUpper(kind), nil
	}
	e := fault.Errorf(fault.NotFound, "the catalogue has no model %q", name)
	e.Advice = "List them with bise catalog --all."
	if near := c.Similar(name); len(near) > 0 {
		e.Advice = fmt.Sprintf("Did you mean %s? %s", strings.Join(near, " or "), e.Advice)
	}
	return Model{}, "", e
}

// Similar returns up to three similar names, the most likely first.
func (c *Catalog) Similar(name string) []string {
	typed := strings.ToLower(name)
	var known, near []string
	for i, m := range c.models {
		known = append(known, m.Name)
		known = append(known, m.Aliases...)
		if typed != "" && m.Current() && strings.Contains(c.models[i].Name, typed) {
			near = append(near, m.Name)
		}
	}
	if word := suggest.Word(typed, known); word != "" {
		near = append([]string{c.models[c.byName[strings.ToLower(word)]].Name}, near...)
	}
	var list []string
	for _, n := range near {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list[:min(3, len(list))]
}

// Match lists the models that have all words in their names, title, abilities, licence or
// description.
func (c *Catalog) Match(words ...string) []Model {
	var list []Model
	for _, m := range c.models {
		text := strings.ToLower(strings.Join([]string{m.Name, strings.Join(m.Aliases, " "), m.Title, m.About, m.Licence, m.AbilityText(), m.searchWords()}, " "))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			list = append(list, m)
		}
	}
	return list
}

// searchWords are words that describe the model and are not in its row.
func (m Model) searchWords() string {
	words := m.Abilities()
	if m.Base {
		words = append(words, "base")
	}
	if !m.Local() && len(m.Remote) > 0 {
		words = append(words, "remote")
	}
	return strings.Join(words, " ")
}

// ByRepo returns the model of a repository on the Hugging Face Hub, with its original weights
// or finished files.
func (c *Catalog) ByRepo(repo string) (best Model, found bool) {
	same := func(r string) bool { return repo != "" && strings.EqualFold(r, repo) }
	for _, m := range c.models {
		if (same(m.Repo) || slices.ContainsFunc(m.GGUF, same)) && (!found || best.Released < m.Released) {
			best, found = m, true
		}
	}
	return best, found
}
