// Package catalog knows the models of the family: what each is for, what one may
// do with it, where its weights are and what it takes to run them, before a byte
// of them is there.
//
// The facts are data, in catalog.toml beside this file, and a user can add to them or
// correct them with their own file. Where a model's files say something else, they are
// right.
package catalog

import (
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

// An Ability is something a model was trained to do.
type Ability string

const (
	Chat     Ability = "chat"
	FIM      Ability = "fim" // fill in the middle
	Math     Ability = "math"
	Vision   Ability = "vision"
	Tools    Ability = "tools"
	Embed    Ability = "embed"
	Thinking Ability = "thinking"
)

// Word is the ability as people say it.
func (a Ability) Word() string {
	if a == FIM {
		return "code"
	}
	return string(a)
}

var abilities = []Ability{Chat, FIM, Math, Vision, Tools, Embed, Thinking}

// A Model is a row of the catalogue. What is not known is zero.
type Model struct {
	Name        string         `toml:"name" json:"name"`
	Title       string         `toml:"title" json:"title"`
	Aliases     []string       `toml:"aliases" json:"aliases,omitempty"`
	About       string         `toml:"about" json:"about,omitempty"`
	Released    string         `toml:"released" json:"released,omitempty"` // 2024, 2024-05 or 2024-05-29
	Licence     string         `toml:"licence" json:"licence,omitempty"`   // its ID; see [Model.Terms]
	Link        string         `toml:"link" json:"licence_link,omitempty"` // to the licence's text, where each model has its own
	Repo        string         `toml:"repo" json:"repo,omitempty"`         // of the original weights, on the Hugging Face Hub; "": none are published
	GGUF        []string       `toml:"gguf" json:"gguf,omitempty"`         // repositories with ready files, the preferred first
	Files       []File         `toml:"files" json:"files,omitempty"`       // ready files that are known
	Context     int            `toml:"context" json:"context,omitempty"`   // tokens, as documented
	Advised     int            `toml:"advised" json:"advised,omitempty"`   // tokens beyond which answers become worse; 0: Context
	Can         []Ability      `toml:"can" json:"can"`
	Prompt      string         `toml:"prompt" json:"prompt_version,omitempty"`
	Sampling    Sampling       `toml:"sampling" json:"sampling,omitzero"`
	Base        bool           `toml:"base" json:"base,omitempty"` // not trained to answer
	Parameters  int64          `toml:"parameters" json:"parameters,omitempty"`
	Shape       *Shape         `toml:"-" json:"shape,omitempty"`  // nil: not known
	Vision      *VisionEncoder `toml:"-" json:"vision,omitempty"` // of a model that sees; nil: none, or not known
	Newer       string         `toml:"newer" json:"newer,omitempty"`
	Obstacle    string         `toml:"obstacle" json:"obstacle,omitempty"` // why this engine cannot run it, a clause
	Remote      []string       `toml:"remote" json:"remote,omitempty"`     // its names on La Plateforme, the usual one first
	Unverified  []string       `toml:"unverified" json:"unverified,omitempty"`
	UserDefined bool           `toml:"-" json:"own,omitempty"` // the user's catalogue file has something about it

	ShapeName  string `toml:"shape" json:"-"`
	VisionName string `toml:"vision" json:"-"`
}

// A Role is what a file is to a model.
type Role string

const (
	Weights   Role = ""          // the model itself
	Projector Role = "projector" // its vision encoder
)

// A File is a GGUF made of a model. Of a split file it names the first part, and Size and
// SHA256 are zero.
type File struct {
	Repo   string `toml:"repo" json:"repo"`
	Path   string `toml:"path" json:"path"`
	Type   string `toml:"type" json:"type"` // Q4_K_M, …
	Role   Role   `toml:"role" json:"role,omitempty"`
	Size   int64  `toml:"size" json:"size_bytes,omitempty"`
	SHA256 string `toml:"sha256" json:"sha256,omitempty"`
}

// Sampling is what a model's makers recommend; nil is nothing.
type Sampling struct {
	Temperature *float64 `toml:"temperature" json:"temperature,omitempty"`
	TopP        *float64 `toml:"top_p" json:"top_p,omitempty"`
}

// A Shape is what of a model's architecture decides how much memory it takes and
// how fast it is.
type Shape struct {
	Architecture string `toml:"architecture" json:"architecture"` // llama.cpp's name
	Layers       int    `toml:"layers" json:"layers"`
	Width        int    `toml:"width" json:"width"` // components of a token's embedding
	Heads        int    `toml:"heads" json:"heads"`
	KVHeads      int    `toml:"kv_heads" json:"kv_heads,omitempty"`
	HeadWidth    int    `toml:"head_width" json:"head_width,omitempty"`
	FFN          int    `toml:"ffn" json:"ffn,omitempty"` // components of the hidden layer, of an expert where there are some
	Experts      int    `toml:"experts" json:"experts,omitempty"`
	ExpertsUsed  int    `toml:"experts_used" json:"experts_used,omitempty"` // by one token
	Vocabulary   int    `toml:"vocabulary" json:"vocabulary"`
	Tied         bool   `toml:"tied" json:"tied,omitempty"` // the embedding is the output matrix too
	Parameters   int64  `toml:"parameters" json:"parameters,omitempty"`

	// Of Mamba 2, whose heads are those of its state.
	Inner  int `toml:"inner" json:"inner,omitempty"`
	State  int `toml:"state" json:"state,omitempty"`
	Groups int `toml:"groups" json:"groups,omitempty"`
	Kernel int `toml:"kernel" json:"kernel,omitempty"`
}

// A VisionEncoder is a vision encoder, which turns images into vectors.
type VisionEncoder struct {
	Layers int `toml:"layers" json:"layers"`
	Width  int `toml:"width" json:"width"`
	Heads  int `toml:"heads" json:"heads"`
	FFN    int `toml:"ffn" json:"ffn"`
	Patch  int `toml:"patch" json:"patch"` // pixels along a side of a patch
	Side   int `toml:"side" json:"side"`   // pixels along a side of the largest picture
	Merge  int `toml:"merge" json:"merge"` // patches along a side of what becomes one token
}

// Has reports whether the model has an ability.
func (m Model) Has(a Ability) bool { return slices.Contains(m.Can, a) }

// Local reports whether the model can be installed and run.
func (m Model) Local() bool { return m.Obstacle == "" && (m.Repo != "" || len(m.GGUF) > 0) }

// CheckRunnable is the error of a model that cannot be installed and run, nil for one that
// can. It is of kind Unsupported.
func (m Model) CheckRunnable() error {
	if m.Local() {
		return nil
	}
	why := m.Obstacle
	if why == "" {
		why = "it is served by La Plateforme alone"
	}
	return fault.Advise(fault.Errorf(fault.Unsupported, "cannot run %s on this machine: %s", m.Name, why), "Choose another one from bise catalog.")
}

// Current reports whether the model is one to choose when nothing speaks for an
// older one or a base model.
func (m Model) Current() bool { return !m.Base && m.Newer == "" }

// Terms is the model's licence. One that is served by La Plateforme alone has
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

// File is the ready file of a type, whose case does not matter.
func (m Model) File(kind string) (File, bool) { return m.file(Weights, kind) }

// Projector is a ready file of the model's vision encoder, the preferred one.
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

// Embedded is the catalogue that bise comes with.
var Embedded = sync.OnceValue(func() *Catalog {
	c, problems, err := parse("the built-in catalogue", nil, embedded)
	if err != nil || len(problems) > 0 {
		panic(fmt.Sprint("catalog: ", err, problems)) // a test reads it
	}
	return c
})

// All lists the models in the catalogue's order: by what they are for, the
// smaller first.
func (c *Catalog) All() []Model { return slices.Clone(c.models) }

// DefaultType is what a model is installed as when no type is given.
const DefaultType = "Q4_K_M"

// Find gives the model that a name or an alias stands for, and the type that stands
// behind a colon, as in mistral-nemo:q8_0; the type is "" when there is none. Case does
// not matter. An error is of kind NotFound and suggests similar names.
func (c *Catalog) Find(ref string) (_ Model, kind string, _ error) {
	name, kind, _ := strings.Cut(ref, ":")
	if i, ok := c.byName[strings.ToLower(name)]; ok {
		return c.models[i], strings.ToUpper(kind), nil
	}
	e := fault.Errorf(fault.NotFound, "the catalogue has no model %q", name)
	e.Advice = "See them all with bise catalog --all."
	if near := c.Similar(name); len(near) > 0 {
		e.Advice = fmt.Sprintf("Did you mean %s? %s", strings.Join(near, " or "), e.Advice)
	}
	return Model{}, "", e
}

// Similar are names that a user may have meant, the most likely first, three at most.
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

// Match lists the models that have all of some words: in a name, an alias, the
// title, an ability, the licence or the use. No words match all.
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

// ByRepo gives the model that a repository on the Hugging Face Hub has, whether its
// original weights or ready files.
func (c *Catalog) ByRepo(repo string) (best Model, found bool) {
	same := func(r string) bool { return repo != "" && strings.EqualFold(r, repo) }
	for _, m := range c.models {
		if (same(m.Repo) || slices.ContainsFunc(m.GGUF, same)) && (!found || best.Released < m.Released) {
			best, found = m, true
		}
	}
	return best, found
}
