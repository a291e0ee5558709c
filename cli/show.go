package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/render/term"
)

// A shownModel is what bise show tells of a model.
type shownModel struct {
	Path          string         `json:"path"`
	Files         int            `json:"files"`
	Bytes         int64          `json:"bytes"`
	Name          string         `json:"name,omitempty"`
	Kind          string         `json:"kind,omitempty"` // general.type: model, adapter, mmproj, imatrix
	Architecture  string         `json:"architecture,omitempty"`
	Type          string         `json:"type,omitempty"`
	Parameters    int64          `json:"parameters"`
	Layers        int            `json:"layers,omitempty"`
	Width         int            `json:"width,omitempty"`
	Heads         int            `json:"heads,omitempty"`
	KVHeads       int            `json:"kv_heads,omitempty"`
	HeadWidth     int            `json:"head_width,omitempty"`
	Experts       int            `json:"experts,omitempty"`
	ExpertsUsed   int            `json:"experts_used,omitempty"`
	Window        int            `json:"window,omitempty"`
	Context       int            `json:"context,omitempty"`
	KVBytes       int64          `json:"kv_bytes_per_token,omitempty"` // as f16
	StateBytes    int64          `json:"state_bytes,omitempty"`
	Vocabulary    int            `json:"vocabulary,omitempty"`
	Tokenizer     string         `json:"tokenizer,omitempty"`
	Prompt        string         `json:"prompt_version,omitempty"`
	PromptSource  string         `json:"prompt_version_source,omitempty"`
	Licence       string         `json:"licence,omitempty"`
	Install       shownInstall   `json:"install"`
	Tensors       int            `json:"tensors"`
	TensorTypes   map[string]int `json:"tensor_types"`
	Metadata      map[string]any `json:"metadata"`
	List          []shownTensor  `json:"tensor_list,omitempty"`
	tensorSummary []string
}

type shownTensor struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Dims  []int64 `json:"dims"`
	Bytes int64   `json:"bytes"`
}

func (a *app) showCommand() *cobra.Command {
	var tensors, metadata bool
	cmd := &cobra.Command{
		Use:   "show REF",
		Short: "Tell what a model is and what its file holds",
		Long: `Tell what a model is and what its file holds: architecture, size, context, prompt
format and how that is known; its licence, what that forbids and when it was
accepted; where it came from, where it lies, and its hashes. --json has the whole of
the metadata.`,
		Example: `bise show codestral
bise show ./model.gguf --tensors`,
		Args: arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(args[0], tensors, metadata) },
	}
	cmd.Flags().BoolVar(&tensors, "tensors", false, "list the tensors")
	cmd.Flags().BoolVar(&metadata, "metadata", false, "list the metadata")
	return cmd
}

func (a *app) show(ref string, tensors, metadata bool) error {
	m, err := a.find(ref)
	if err != nil {
		return err
	}
	file, err := gguf.Read(m.Path)
	if err != nil {
		return &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot read %s: %v", m.Name, err), Advice: "Give the path of a GGUF file.", Cause: err}
	}
	s := describe(file, m)
	if tensors {
		for _, t := range file.Tensors {
			s.List = append(s.List, shownTensor{t.Name, t.Type.String(), t.Dims, t.Size()})
		}
	}
	switch {
	case a.json:
		return writeJSON(a.stdout, s)
	case tensors:
		t := &table{head: []string{"TENSOR", "TYPE", "DIMENSIONS", "SIZE"}, right: []int{3}}
		for _, x := range s.List {
			t.add(a.shown(x.Name), x.Type, dimensions(x.Dims), size(x.Bytes))
		}
		return a.print(t)
	case metadata:
		t := &table{}
		for key, v := range file.Metadata.All() {
			t.add(a.shown(key), a.shown(brief(&file.Metadata, key, v)))
		}
		return a.print(t)
	}
	return a.print(s.table(a))
}

// describe collects what a model's head tells.
func describe(file *gguf.File, model models.Model) shownModel {
	sum := file.Summary()
	m := &file.Metadata
	s := shownModel{
		Path: file.Parts[0].Path, Files: len(file.Parts), Bytes: file.Size(), Name: sum.Name, Architecture: sum.Architecture,
		Type: sum.FileType, Parameters: sum.Parameters, Layers: sum.Blocks, Width: sum.Width, Experts: sum.Experts,
		ExpertsUsed: sum.ExpertsUsed, Window: sum.Window, Context: sum.Context, KVBytes: sum.KVBytes(gguf.F16, gguf.F16),
		StateBytes: sum.StateBytes(), Vocabulary: sum.Vocabulary, Tensors: len(file.Tensors), TensorTypes: map[string]int{}, Metadata: map[string]any{},
	}
	s.Kind, _ = m.String("general.type")
	s.Licence, _ = m.String("general.license")
	if full, ok := m.String("general.license.name"); ok {
		s.Licence = strings.TrimSpace(full + " (" + s.Licence + ")")
	}
	if len(sum.Heads) > 0 {
		s.Heads, s.KVHeads, s.HeadWidth = slices.Max(sum.Heads), slices.Max(sum.KVHeads), sum.KeyWidth
	}
	bytes := map[string]int64{}
	for _, t := range file.Tensors {
		s.TensorTypes[t.Type.String()]++
		bytes[t.Type.String()] += t.Size()
	}
	kinds := slices.SortedFunc(maps.Keys(bytes), func(x, y string) int {
		return cmp.Or(cmp.Compare(bytes[y], bytes[x]), cmp.Compare(x, y))
	})
	for _, k := range kinds {
		s.tensorSummary = append(s.tensorSummary, fmt.Sprintf("%d %s (%s)", s.TensorTypes[k], k, size(bytes[k])))
	}
	for key, v := range m.All() {
		s.Metadata[key] = plainValue(m, key, v)
	}
	s.Install = installOf(model, abilities(model, file), termsIn(file))
	s.layout(file, model)
	return s
}

// layout tells how text is tokenized and conversations are laid out.
func (s *shownModel) layout(file *gguf.File, model models.Model) {
	m := &file.Metadata
	kind, ok := m.String("tokenizer.ggml.model")
	if !ok {
		return
	}
	pre, _ := m.String("tokenizer.ggml.pre")
	switch {
	case kind == "llama":
		s.Tokenizer = "SentencePiece"
	case kind == "gpt2" && pre == "tekken":
		s.Tokenizer = "Tekken"
	default:
		s.Tokenizer = strings.TrimSpace(kind + " " + pre)
	}
	l, err := layout.Read(file, model.Name, seenBy(model, file.Summary().Width))
	switch {
	case err == nil:
		s.Prompt, s.PromptSource = l.Format.Version(), string(l.Source)
		if l.Source == layout.None {
			s.Prompt = ""
		}
	case errors.Is(err, tokenizer.ErrUnsupported):
		if _, ok := m.String("tokenizer.chat_template"); ok {
			s.Prompt, s.PromptSource = "template", string(layout.Own)
		}
	}
}

// projector tells how the projector in a file cuts pictures.
func projector(path string) (prompt.ImageGrid, error) {
	file, err := gguf.Read(path)
	if err != nil {
		return prompt.ImageGrid{}, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot read %s: %v", path, err), Cause: err}
	}
	cut, _, err := layout.ImageGrid(&file.Metadata)
	return cut, err
}

func (s *shownModel) table(a *app) *table {
	t := &table{}
	row := func(what string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		if len(parts) > 0 {
			t.add(what, a.shown(strings.Join(parts, ", ")))
		}
	}
	when := func(ok bool, format string, args ...any) string {
		if !ok {
			return ""
		}
		return fmt.Sprintf(format, args...)
	}
	row("name", s.Name)
	kind := s.Kind
	if kind == "model" {
		kind = ""
	}
	row("kind", kind)
	row("architecture", s.Architecture, when(s.Layers > 0, "%s", plural(s.Layers, "layer")), when(s.Width > 0, "%d wide", s.Width),
		when(s.Heads > 0, "%s of %d (%d for keys and values)", plural(s.Heads, "head"), s.HeadWidth, s.KVHeads),
		when(s.Experts > 0, "%d experts, %d at a time", s.Experts, s.ExpertsUsed))
	row("parameters", when(s.Parameters > 0, "%s", billions(s.Parameters)))
	row("size", s.Type, size(s.Bytes), when(s.Files > 1, "%d files", s.Files))
	row("context", when(s.Context > 0, "%s tokens", count(s.Context)), when(s.KVBytes > 0, "%s of memory a token", size(s.KVBytes)),
		when(s.StateBytes > 0, "%s of memory a conversation", size(s.StateBytes)), when(s.Window > 0, "looks back %s", count(s.Window)))
	row("vocabulary", when(s.Vocabulary > 0, "%d tokens", s.Vocabulary), s.Tokenizer)
	row("prompt", s.Prompt, s.PromptSource)
	row("can", abilityWords(s.Install.Can))
	row("licence", s.Install.terms()...)
	row("tensors", fmt.Sprintf("%d: %s", s.Tensors, strings.Join(s.tensorSummary, ", ")))
	now := time.Now()
	row("from", s.Install.from()...)
	if !s.Install.Created.IsZero() {
		row("installed", day(s.Install.Created), s.Install.health(now))
	}
	if !s.Install.Used.IsZero() {
		row("used", ago(s.Install.Used, now))
	}
	if s.Install.Origin != models.Elsewhere { // else the person has just said where it is
		row("where", filepath.Dir(s.Path))
		for _, f := range s.Install.Files {
			row("file", s.Install.file(f)...)
		}
	}
	return t
}

// billions is a number of parameters as people say it: 7.25B, 135M.
func billions(n int64) string {
	switch x := float64(n); {
	case x >= 999.5e6:
		return short(x/1e9) + "B"
	case x >= 999.5e3:
		return short(x/1e6) + "M"
	default:
		return short(x/1e3) + "k"
	}
}

func dimensions(dims []int64) string {
	texts := make([]string, len(dims))
	for i, d := range dims {
		texts[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(texts, " × ")
}

// longValue is how many entries of a list, or bytes of a text, are shown.
const longValue = 64

// plainValue is a value of the metadata as JSON has it. Lists that are longer
// than anybody reads, such as vocabularies, are only counted.
func plainValue(m *gguf.Metadata, key string, v gguf.Value) any {
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
		return numbers(list)
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
	return numbers([]float64{f})[0]
}

// numbers are floats as JSON can have them.
func numbers(list []float64) []any {
	out := make([]any, len(list))
	for i, f := range list {
		out[i] = f
		if _, err := json.Marshal(f); err != nil {
			out[i] = fmt.Sprint(f) // NaN and infinities
		}
	}
	return out
}

// brief is a value on one line.
func brief(m *gguf.Metadata, key string, v gguf.Value) string {
	switch x := plainValue(m, key, v).(type) {
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

// shown takes out of a text what stdout would obey if it is a terminal: it is
// from a file.
func (a *app) shown(s string) string {
	if !a.out.Terminal() {
		return s
	}
	return term.Clean(s)
}
