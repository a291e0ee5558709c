package library

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/models"
)

// Details describe a model file, without its weights.
type Details struct {
	Path         string         `json:"path"`
	Files        int            `json:"files"`
	Bytes        int64          `json:"bytes"`
	Name         string         `json:"name,omitempty"`
	Kind         string         `json:"kind,omitempty"` // general.type: model, adapter, mmproj, imatrix
	Architecture string         `json:"architecture,omitempty"`
	Type         string         `json:"type,omitempty"`
	Parameters   int64          `json:"parameters"`
	Layers       int            `json:"layers,omitempty"`
	Width        int            `json:"width,omitempty"`
	Heads        int            `json:"heads,omitempty"`
	KVHeads      int            `json:"kv_heads,omitempty"`
	HeadWidth    int            `json:"head_width,omitempty"`
	Experts      int            `json:"experts,omitempty"`
	ExpertsUsed  int            `json:"experts_used,omitempty"`
	Window       int            `json:"window,omitempty"`
	Context      int            `json:"context,omitempty"`
	KVBytes      int64          `json:"kv_bytes_per_token,omitempty"` // as f16
	StateBytes   int64          `json:"state_bytes,omitempty"`
	Vocabulary   int            `json:"vocabulary,omitempty"`
	Tokenizer    string         `json:"tokenizer,omitempty"`
	Prompt       string         `json:"prompt_version,omitempty"`
	PromptSource string         `json:"prompt_version_source,omitempty"`
	Efforts      []string       `json:"reasoning_efforts,omitempty"` // the default first
	Engine       string         `json:"engine,omitempty"`            // what runs it: built-in, or llama-server and its build
	EngineWhy    string         `json:"engine_why,omitempty"`        // a clause, or why nothing runs it
	Licence      string         `json:"licence,omitempty"`
	Install      Provenance     `json:"install"`
	Speed        *Run           `json:"speed,omitempty"` // the best recent one here
	Tensors      int            `json:"tensors"`
	TensorTypes  map[string]int `json:"tensor_types"`
	Metadata     map[string]any `json:"metadata"`
	List         []Tensor       `json:"tensor_list,omitempty"`

	TypeBytes map[string]int64 `json:"-"` // of the tensors of each type
	File      *gguf.File       `json:"-"`
}

// A Tensor is one of a model's tensors.
type Tensor struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Dims  []int64 `json:"dims"`
	Bytes int64   `json:"bytes"`
}

// A Provenance says where a model came from, and under which licence.
type Provenance struct {
	Origin   models.Origin     `json:"origin"`
	Program  string            `json:"program,omitempty"`
	Tag      string            `json:"tag,omitempty"`
	Source   *models.Source    `json:"source,omitempty"`
	Files    []models.File     `json:"files"`
	Licence  *models.Agreement `json:"licence,omitempty"`
	Forbids  []string          `json:"licence_forbids,omitempty"`
	Made     []models.Step     `json:"made,omitempty"`
	Can      []string          `json:"can"`
	Created  time.Time         `json:"created,omitzero"`
	Used     time.Time         `json:"used,omitzero"`
	Verified time.Time         `json:"verified,omitzero"`
}

// NewProvenance makes a Provenance. a is the licence in the model's file; the licence in
// its manifest overrides it.
func NewProvenance(m models.Model, can []string, a models.Agreement) Provenance {
	p := Provenance{
		Origin: m.Origin, Program: m.Program, Tag: m.Tag, Files: m.Files, Can: can, Used: m.Used, Verified: m.Verified,
	}
	if man := m.Manifest; man != nil {
		p.Source, p.Made, p.Created = &man.Source, man.Made, man.Created
		if man.Licence != (models.Agreement{}) {
			a = man.Licence
		}
	}
	if a.ID != "" || a.Name != "" {
		p.Licence = &a
		for _, use := range Terms(a).Forbids {
			p.Forbids = append(p.Forbids, string(use))
		}
	}
	return p
}

// Details reads the header of the model that ref names; tensors also lists its
// tensors.
func (l *Library) Details(ref string, tensors bool) (Details, error) {
	m, err := l.Find(ref)
	if err != nil {
		return Details{}, err
	}
	file, err := gguf.Read(m.Path)
	if err != nil {
		return Details{}, unreadable("read", m.Name, err)
	}
	d := newDetails(file, m)
	l.describeEngine(&d)
	if best, ok := speedOf(l.runs(), m); ok {
		d.Speed = &best
	}
	if tensors {
		for _, t := range file.Tensors {
			d.List = append(d.List, Tensor{t.Name, t.Type.String(), t.Dims, t.Size()})
		}
	}
	return d, nil
}

func newDetails(file *gguf.File, model models.Model) Details {
	sum := file.Summary()
	m := &file.Metadata
	d := Details{
		Path: file.Parts[0].Path, Files: len(file.Parts), Bytes: file.Size(), Name: sum.Name, Architecture: sum.Architecture,
		Type: sum.FileType, Parameters: sum.Parameters, Layers: sum.Blocks, Width: sum.Width, Experts: sum.Experts,
		ExpertsUsed: sum.ExpertsUsed, Window: sum.Window, Context: sum.Context, KVBytes: sum.KVBytes(gguf.F16, gguf.F16),
		StateBytes: sum.StateBytes(), Vocabulary: sum.Vocabulary, Tensors: len(file.Tensors),
		TensorTypes: map[string]int{}, TypeBytes: map[string]int64{}, Metadata: map[string]any{}, File: file,
	}
	d.Kind, _ = m.String("general.type")
	d.Licence, _ = m.String("general.license")
	if full, ok := m.String("general.license.name"); ok {
		d.Licence = strings.TrimSpace(full + " (" + d.Licence + ")")
	}
	if len(sum.Heads) > 0 {
		d.Heads, d.KVHeads, d.HeadWidth = slices.Max(sum.Heads), slices.Max(sum.KVHeads), sum.KeyWidth
	}
	for _, t := range file.Tensors {
		d.TensorTypes[t.Type.String()]++
		d.TypeBytes[t.Type.String()] += t.Size()
	}
	for key, v := range m.All() {
		d.Metadata[key] = metadataValue(m, key, v)
	}
	d.Install = NewProvenance(model, abilities(model, file), licenceIn(file))
	d.readLayout(model)
	return d
}

// TypesBySize lists the types of the tensors, those with the most bytes first.
func (d *Details) TypesBySize() []string {
	return slices.SortedFunc(maps.Keys(d.TypeBytes), func(x, y string) int {
		return cmp.Or(cmp.Compare(d.TypeBytes[y], d.TypeBytes[x]), cmp.Compare(x, y))
	})
}

func (d *Details) readLayout(model models.Model) {
	m := &d.File.Metadata
	kind, ok := m.String("tokenizer.ggml.model")
	if !ok {
		return
	}
	pre, _ := m.String("tokenizer.ggml.pre")
	switch {
	case kind == "llama":
		d.Tokenizer = "SentencePiece"
	case kind == "gpt2" && pre == "tekken":
		d.Tokenizer = "Tekken"
	default:
		d.Tokenizer = strings.TrimSpace(kind + " " + pre)
	}
	f, source, err := layout.FormatOf(d.File, model.Name, encoders(model, d.File))
	if err != nil {
		return
	}
	d.PromptSource = string(source)
	if f.Capabilities().Chat {
		d.Prompt, d.Efforts = f.Version(), prompt.Efforts(f)
	}
}

// longValue is how many entries of a list, or characters of a text, are shown.
const longValue = 64

// metadataValue returns a value for JSON. Long lists, such as vocabularies, are only counted.
func metadataValue(m *gguf.Metadata, key string, v gguf.Value) any {
	if v.Kind() == gguf.Array && v.Len() > longValue {
		return map[string]any{"count": v.Len(), "of": v.Elem().String()}
	}
	if list, ok := m.Strings(key); ok && v.Kind() == gguf.Array {
		return list
	}
	if text, ok := m.String(key); ok {
		return text
	}
	if b, ok := m.Bool(key); ok {
		return b
	}
	if v.Kind() == gguf.Array {
		if list, ok := m.Ints(key); ok {
			return list
		}
		list, _ := m.Floats(key)
		return jsonNumbers(list)
	}
	if n, ok := m.Int(key); ok {
		return n
	}
	if n, ok := m.Uint(key); ok {
		return n
	}
	f, _ := m.Float(key)
	if v.Kind() == gguf.Float32 {
		// The shortest number that is the same float32.
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	return jsonNumbers([]float64{f})[0]
}

// jsonNumbers returns values for JSON: NaN and infinities become text.
func jsonNumbers(list []float64) []any {
	out := make([]any, len(list))
	for i, f := range list {
		out[i] = f
		if _, err := json.Marshal(f); err != nil {
			out[i] = fmt.Sprint(f)
		}
	}
	return out
}

// MetadataLine is a value of the metadata on one line.
func (d *Details) MetadataLine(key string) string {
	switch x := d.Metadata[key].(type) {
	case map[string]any:
		return fmt.Sprintf("%d × %s", x["count"], x["of"])
	case string:
		if line := []rune(x); len(line) > longValue {
			return strconv.Quote(string(line[:longValue])) + "…"
		}
		return strconv.Quote(x)
	default:
		data, err := json.Marshal(x)
		if err != nil {
			return fmt.Sprint(x)
		}
		return string(data)
	}
}
