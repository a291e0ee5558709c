package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

// maxFile is the most that the user's catalogue may hold, in bytes: twenty times what
// bise comes with.
const maxFile = 1 << 20

// fileError makes the error of a user's catalogue that cannot be used; line is 0 where
// it is unknown.
func fileError(path string, line int, why string) *fault.Error {
	if line > 0 {
		why = fmt.Sprintf("line %d: %s", line, why)
	}
	return fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: %s", path, why), "Correct the file, or move it away to use the built-in catalogue.")
}

// Load returns the embedded catalogue with the additions and changes of the user's file.
// A missing file changes nothing. Unknown keys come back as problems, a sentence each; a
// file that cannot be used is an error of kind [fault.Usage].
func Load(path string) (_ *Catalog, problems []string, _ error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Embedded(), nil, nil
	}
	if err != nil {
		return nil, nil, fileError(path, 0, cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fileError(path, 0, cause(err))
	}
	if len(data) > maxFile {
		return nil, nil, fileError(path, 0, "it is larger than 1 MB")
	}
	c, problems, err := parse(path, Embedded(), data)
	for i := range problems {
		problems[i] = path + ": " + problems[i]
	}
	return c, problems, err
}

// cause is the error without the path, which our sentence has already.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// A document is a catalogue as it is written. Its rows are decoded one by one,
// each onto the one it changes.
type document struct {
	Model  []toml.Primitive         `toml:"model"`
	Shape  map[string]Shape         `toml:"shape"`
	Vision map[string]VisionEncoder `toml:"vision"`
}

// parse reads a catalogue on top of another, which may be nil.
func parse(path string, under *Catalog, data []byte) (*Catalog, []string, error) {
	var doc document
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&doc)
	if err != nil {
		line, why := explain(err)
		return nil, nil, fileError(path, line, why)
	}
	// Which keys a row sets is asked apart: asking meta would count them as known.
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
		problems = append(problems, fmt.Sprintf("unknown key %q is passed over", key))
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

// add takes in a row that sets these keys: a new model, or changes to one that is
// there.
func (p *parser) add(row toml.Primitive, set map[string]any) error {
	name, _ := set["name"].(string)
	if !names.MatchString(name) {
		return fmt.Errorf("the name %q is not made of small letters, digits, dots, dashes and underscores", name)
	}
	at, known := p.rows[name]
	if !known {
		at = len(p.models)
		p.models = append(p.models, Model{Title: name})
		p.rows[name] = at
	} else if !p.userFile {
		return fmt.Errorf("%s is there twice", name)
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
	for _, ref := range []struct {
		what, name string
		ok         bool
	}{
		{"shape", m.ShapeName, m.ShapeName == "" || has(p.shapes, m.ShapeName)},
		{"vision", m.VisionName, m.VisionName == "" || has(p.encoders, m.VisionName)},
	} {
		if !ref.ok {
			return fmt.Errorf("%s: there is no [%s.%s]", name, ref.what, ref.name)
		}
	}
	return nil
}

func has[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }

// clear empties the lists and pointers that are about to be set, so that the
// decoder makes new ones instead of writing into those of another catalogue.
func (m *Model) clear(set map[string]any) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if _, ok := set[v.Type().Field(i).Tag.Get("toml")]; ok && v.Field(i).Kind() != reflect.String {
			v.Field(i).SetZero()
		}
	}
}

// resolve adds the shape and the vision encoder to a row.
func (p *parser) resolve(m *Model) {
	m.Shape, m.Vision = nil, nil
	if s, ok := p.shapes[m.ShapeName]; ok {
		m.Shape = &s
		if m.Parameters == 0 {
			m.Parameters = s.Parameters
		}
	}
	if t, ok := p.encoders[m.VisionName]; ok {
		m.Vision = &t
	}
}

// index makes a catalogue of models whose names and aliases are unique.
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

// problem says what of a row is invalid, or "".
func (m *Model) problem() string {
	for _, text := range append([]string{m.Title, m.About, m.Licence, m.Link, m.Obstacle, m.Prompt}, m.Remote...) {
		if controls.MatchString(text) || len(text) > 500 {
			return fmt.Sprintf("%.40q is too long or has characters that are not printed", text)
		}
	}
	for _, a := range m.Can {
		if !slices.Contains(abilities, a) {
			return fmt.Sprintf("there is no ability %q, only %s", a, strings.Trim(fmt.Sprint(abilities), "[]"))
		}
	}
	for _, alias := range m.Aliases {
		if !names.MatchString(alias) {
			return fmt.Sprintf("the alias %q is not made of small letters, digits, dots, dashes and underscores", alias)
		}
	}
	for _, repo := range append(slices.Clone(m.GGUF), m.Repo) {
		if repo != "" && !repos.MatchString(repo) {
			return fmt.Sprintf("%q is not a repository: owner/name", repo)
		}
	}
	for _, f := range m.Files {
		if what := f.problem(); what != "" {
			return what
		}
	}
	switch {
	case m.Released != "" && !dates.MatchString(m.Released):
		return fmt.Sprintf("released is %q and no date such as 2024-05-29", m.Released)
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
		return fmt.Sprintf("%q is not a repository: owner/name", f.Repo)
	case !fs.ValidPath(f.Path) || f.Path == "." || strings.ContainsRune(f.Path, '\\') || controls.MatchString(f.Path) || !strings.EqualFold(path.Ext(f.Path), ".gguf"):
		return fmt.Sprintf("%q is not the path of a GGUF in a repository", f.Path)
	case !known:
		return fmt.Sprintf("%s: there is no type %q", f.Path, f.Type)
	case f.Role != Weights && f.Role != Projector:
		return fmt.Sprintf("%s: the role can only be projector", f.Path)
	case f.Size < 0:
		return f.Path + ": the size must not be negative"
	case f.SHA256 != "" && !hashes.MatchString(f.SHA256):
		return f.Path + ": the sha256 is not 64 digits of small hexadecimal"
	}
	return ""
}

// Bounds of shapes, about ten times what any model has: beyond them sizes would not fit
// into 64 bits.
const (
	maxLayers = 512
	maxWidth  = 1 << 20
	maxCount  = 1 << 24
)

func within(limit int, numbers ...int) bool {
	return !slices.ContainsFunc(numbers, func(n int) bool { return n < 0 || n > limit })
}

// problem says what of a shape no model can have, or "".
func (s Shape) problem() string {
	switch {
	case s.Architecture != "llama" && s.Architecture != "mistral3" && s.Architecture != "mamba2":
		return fmt.Sprintf("unknown architecture %q: want llama, mistral3 or mamba2", s.Architecture)
	case s.Layers < 1 || s.Width < 1 || s.Heads < 1 || s.Vocabulary < 1:
		return "layers, width, heads and vocabulary must be at least 1"
	case !within(maxLayers, s.Layers), !within(maxWidth, s.Width, s.Heads, s.KVHeads, s.HeadWidth, s.FFN, s.Experts, s.ExpertsUsed, s.Inner, s.State, s.Groups, s.Kernel), !within(maxCount, s.Vocabulary):
		return "a number is negative or larger than any model has"
	case s.Architecture != "mamba2" && (s.KVHeads < 1 || s.HeadWidth < 1 || s.FFN < 1):
		return "kv_heads, head_width and ffn must be at least 1"
	case s.Architecture == "mamba2" && (s.Inner < 1 || s.State < 1 || s.Groups < 1 || s.Kernel < 1):
		return "inner, state, groups and kernel must be at least 1"
	case s.ExpertsUsed > s.Experts:
		return "more experts are used than there are"
	}
	return ""
}

func (t VisionEncoder) problem() string {
	if t.Layers < 1 || t.Width < 1 || t.Heads < 1 || t.FFN < 1 || t.Patch < 1 || t.Side < 1 || t.Merge < 1 {
		return "every number must be at least 1"
	}
	if !within(maxLayers, t.Layers, t.Patch, t.Merge) || !within(maxWidth, t.Width, t.Heads, t.FFN, t.Side) {
		return "a number is larger than in any vision encoder"
	}
	return ""
}

// explain returns what package toml says of a file, and the line, 0 where it is unknown.
func explain(err error) (line int, why string) {
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		return p.Position.Line, p.Message
	}
	return 0, strings.TrimPrefix(err.Error(), "toml: ")
}
