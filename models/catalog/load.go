package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

const maxFile = 1 << 20 // bytes of a user's catalogue

// fileError makes the error of an invalid catalogue; line is 0 if it is unknown.
func fileError(path string, line int, why string) *fault.Error {
	if line > 0 {
		why = fmt.Sprintf("line %d: %s", line, why)
	}
	return fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: %s", path, why), "Correct the file, or move it away to use the built-in catalogue.")
}

// Load returns the built-in catalogue with the changes of the user's file, which may be
// missing. Unknown keys are returned as problems, a sentence each; the error of an invalid
// file is of kind [fault.Usage].
func Load(path string) (_ *Catalog, problems []string, _ error) {
	data, err := atomicfile.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Embedded(), nil, nil
	}
	if err != nil {
		return nil, nil, fileError(path, 0, cause(err))
	}
	c, problems, err := parse(path, Embedded(), data)
	for i := range problems {
		problems[i] = path + ": " + problems[i]
	}
	return c, problems, err
}

// cause is the error without the path, which the message has already.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// A document is a catalogue file. Its rows are decoded one by one, each into the row that
// it changes.
type document struct {
	Model  []toml.Primitive         `toml:"model"`
	Shape  map[string]Shape         `toml:"shape"`
	Vision map[string]VisionEncoder `toml:"vision"`
}

// parse reads a catalogue that changes another one, which may be nil.
func parse(path string, under *Catalog, data []byte) (*Catalog, []string, error) {
	var doc document
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&doc)
	if err != nil {
		line, why := explain(err)
		return nil, nil, fileError(path, line, why)
	}
	// Decoded again for the keys of each row, because asking meta would mark them as decoded.
	var keys struct {
		Model []map[string]any `toml:"model"`
	}
	if _, err := toml.Decode(string(data), &keys); err != nil {
		line, why := explain(err)
		return nil, nil, fileError(path, line, why)
	}
	p := parser{meta: meta, userFile: under != nil, shapes: map[string]Shape{}, encoders: map[string]VisionEncoder{}, rows: map[string]int{}}
	if under != nil {
		p.models = slices.Clone(under.models)
		for i, m := range p.models {
			p.rows[m.Name] = i
			if m.Shape != nil {
				p.shapes[m.ShapeName] = *m.Shape
			}
			if m.Vision != nil {
				p.encoders[m.VisionName] = *m.Vision
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Shape)) {
		if what := doc.Shape[name].problem(); what != "" {
			return nil, nil, fileError(path, 0, fmt.Sprintf("shape.%s: %s", name, what))
		}
		p.shapes[name] = doc.Shape[name]
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Vision)) {
		if what := doc.Vision[name].problem(); what != "" {
			return nil, nil, fileError(path, 0, fmt.Sprintf("vision.%s: %s", name, what))
		}
		p.encoders[name] = doc.Vision[name]
	}
	for i, row := range doc.Model {
		if err := p.add(row, keys.Model[i]); err != nil {
			return nil, nil, fileError(path, 0, fmt.Sprintf("model %d: %s", i+1, err))
		}
	}
	for i := range p.models {
		p.resolve(&p.models[i])
	}
	c, err := index(p.models)
	if err != nil {
		return nil, nil, fileError(path, 0, err.Error())
	}
	var problems []string
	for _, key := range p.meta.Undecoded() {
		problems = append(problems, fmt.Sprintf("unknown key %q is ignored", key))
	}
	return c, problems, nil
}

type parser struct {
	meta     toml.MetaData
	userFile bool // it is the user's file
	models   []Model
	rows     map[string]int // by name
	shapes   map[string]Shape
	encoders map[string]VisionEncoder
}

// add adds a model, or changes the keys in set of an existing one.
func (p *parser) add(row toml.Primitive, set map[string]any) error {
	name, _ := set["name"].(string)
	if !names.MatchString(name) {
		return fmt.Errorf("invalid name %q: want lower-case letters, digits, dots, dashes and underscores", name)
	}
	at, known := p.rows[name]
	if !known {
		at = len(p.models)
		p.models = append(p.models, Model{Title: name})
		p.rows[name] = at
	} else if !p.userFile {
		return fmt.Errorf("there are two models %s", name)
	}
	m := &p.models[at]
	m.UserDefined = p.userFile
	m.clear(set)
	if err := p.meta.PrimitiveDecode(row, m); err != nil {
		_, why := explain(err)
		return fmt.Errorf("%s: %s", name, why)
	}
	if what := m.problem(); what != "" {
		return fmt.Errorf("%s: %s", name, what)
	}
	if _, ok := p.shapes[m.ShapeName]; !ok && m.ShapeName != "" {
		return fmt.Errorf("%s: there is no [shape.%s]", name, m.ShapeName)
	}
	if _, ok := p.encoders[m.VisionName]; !ok && m.VisionName != "" {
		return fmt.Errorf("%s: there is no [vision.%s]", name, m.VisionName)
	}
	return nil
}

// clear empties the lists and pointers that set has, so that the decoder does not write into
// those of another catalogue.
func (m *Model) clear(set map[string]any) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if _, ok := set[v.Type().Field(i).Tag.Get("toml")]; ok && v.Field(i).Kind() != reflect.String {
			v.Field(i).SetZero()
		}
	}
}

func (p *parser) resolve(m *Model) {
	m.Shape, m.Vision = nil, nil
	if s, ok := p.shapes[m.ShapeName]; ok {
		m.Shape = &s
		m.Parameters = cmp.Or(m.Parameters, s.Parameters)
	}
	if t, ok := p.encoders[m.VisionName]; ok {
		m.Vision = &t
	}
}

func index(models []Model) (*Catalog, error) {
	c := &Catalog{models: models, byName: map[string]int{}}
	for i, m := range models {
		c.byName[m.Name] = i
	}
	for i, m := range models {
		for _, alias := range m.Aliases {
			if other, ok := c.byName[alias]; ok && other != i {
				return nil, fmt.Errorf("%q is both %s and %s", alias, models[other].Name, m.Name)
			}
			c.byName[alias] = i
		}
	}
	for _, m := range models {
		if _, ok := c.byName[m.Newer]; !ok && m.Newer != "" {
			return nil, fmt.Errorf("%s: there is no newer model %q", m.Name, m.Newer)
		}
	}
	return c, nil
}

var (
	names    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,79}$`)
	repos    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	hashes   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	dates    = regexp.MustCompile(`^\d{4}(-\d\d){0,2}$`)
	controls = regexp.MustCompile(`\p{C}`)
)

// problem returns what is invalid in a row, or "".
func (m *Model) problem() string {
	for _, text := range append([]string{m.Title, m.About, m.Licence, m.Link, m.Obstacle, m.Prompt}, m.Remote...) {
		if controls.MatchString(text) || len(text) > 500 {
			return fmt.Sprintf("%.40q is too long or has control characters", text)
		}
	}
	for _, a := range m.Can {
		if !slices.Contains(abilities, a) {
			return fmt.Sprintf("unknown ability %q: want one of %s", a, strings.Trim(fmt.Sprint(abilities), "[]"))
		}
	}
	for _, alias := range m.Aliases {
		if !names.MatchString(alias) {
			return fmt.Sprintf("invalid alias %q: want lower-case letters, digits, dots, dashes and underscores", alias)
		}
	}
	for _, repo := range append(slices.Clone(m.GGUF), m.Repo) {
		if repo != "" && !repos.MatchString(repo) {
			return fmt.Sprintf("invalid repository %q: want owner/name", repo)
		}
	}
	for _, f := range m.Files {
		if what := f.problem(); what != "" {
			return what
		}
	}
	switch {
	case m.Released != "" && !dates.MatchString(m.Released):
		return fmt.Sprintf("invalid date released = %q: want YYYY, YYYY-MM or YYYY-MM-DD", m.Released)
	case m.Context < 0, m.Advised < 0, m.Parameters < 0:
		return "context, advised and parameters must not be negative"
	case m.Sampling.Temperature != nil && !(*m.Sampling.Temperature >= 0 && *m.Sampling.Temperature <= 2):
		return "sampling.temperature must be from 0 to 2"
	case m.Sampling.TopP != nil && !(*m.Sampling.TopP > 0 && *m.Sampling.TopP <= 1):
		return "sampling.top_p must be above 0 and at most 1"
	case m.Link != "" && !strings.HasPrefix(m.Link, "https://"):
		return "link must begin with https://"
	}
	return ""
}

func (f File) problem() string {
	_, known := gguf.ParseFileType(f.Type)
	switch {
	case !repos.MatchString(f.Repo):
		return fmt.Sprintf("invalid repository %q: want owner/name", f.Repo)
	case !fs.ValidPath(f.Path) || f.Path == "." || strings.ContainsRune(f.Path, '\\') || controls.MatchString(f.Path) || !strings.EqualFold(path.Ext(f.Path), ".gguf"):
		return fmt.Sprintf("%q is not the path of a GGUF file in a repository", f.Path)
	case !known:
		return fmt.Sprintf("%s: unknown type %q", f.Path, f.Type)
	case f.Role != Weights && f.Role != Projector:
		return fmt.Sprintf("%s: unknown role: want projector", f.Path)
	case f.Size < 0:
		return f.Path + ": the size must not be negative"
	case f.SHA256 != "" && !hashes.MatchString(f.SHA256):
		return f.Path + ": invalid sha256: want 64 lower-case hexadecimal digits"
	}
	return ""
}

// Limits of shapes, about ten times those of existing models, so that sizes fit into 64 bits.
const (
	maxLayers = 512
	maxWidth  = 1 << 20
	maxCount  = 1 << 24
)

func within(limit int, numbers ...int) bool {
	return !slices.ContainsFunc(numbers, func(n int) bool { return n < 0 || n > limit })
}

// problem returns what is invalid in a shape, or "".
func (s Shape) problem() string {
	switch {
	case !slices.Contains([]string{"llama", "mistral3", "deepseek2", "mamba2"}, s.Architecture):
		return fmt.Sprintf("unknown architecture %q: want llama, mistral3, deepseek2 or mamba2", s.Architecture)
	case s.Layers < 1 || s.Width < 1 || s.Heads < 1 || s.Vocabulary < 1:
		return "layers, width, heads and vocabulary must be at least 1"
	case !within(maxLayers, s.Layers), !within(maxWidth, s.Width, s.Heads, s.KVHeads, s.HeadWidth, s.FFN, s.Experts, s.ExpertsUsed, s.Shared, s.QueryRank, s.Rank, s.PlainWidth, s.RopeWidth, s.ValueWidth, s.Inner, s.State, s.Groups, s.Kernel), !within(maxCount, s.Vocabulary):
		return "a number is negative or too large"
	case s.Architecture == "deepseek2":
		if s.FFN < 1 || s.Experts < 1 || s.Shared < 1 || s.QueryRank < 1 || s.Rank < 1 || s.PlainWidth < 1 || s.RopeWidth < 1 || s.ValueWidth < 1 {
			return "ffn, experts, shared_experts, query_rank, rank, plain_width, rope_width and value_width must be at least 1"
		}
	case s.Architecture != "mamba2" && (s.KVHeads < 1 || s.HeadWidth < 1 || s.FFN < 1):
		return "kv_heads, head_width and ffn must be at least 1"
	case s.Architecture == "mamba2" && (s.Inner < 1 || s.State < 1 || s.Groups < 1 || s.Kernel < 1):
		return "inner, state, groups and kernel must be at least 1"
	case s.ExpertsUsed > s.Experts:
		return "experts_used must not be larger than experts"
	}
	return ""
}

func (t VisionEncoder) problem() string {
	if t.Layers < 1 || t.Width < 1 || t.Heads < 1 || t.FFN < 1 || t.Patch < 1 || t.Side < 1 || t.Merge < 1 {
		return "every number must be at least 1"
	}
	if !within(maxLayers, t.Layers, t.Patch, t.Merge) || !within(maxWidth, t.Width, t.Heads, t.FFN, t.Side) {
		return "a number is too large"
	}
	return ""
}

func explain(err error) (line int, why string) {
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		return p.Position.Line, p.Message
	}
	return 0, strings.TrimPrefix(err.Error(), "toml: ")
}
