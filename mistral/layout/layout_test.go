package layout

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// read makes a tiny model and finds its layout.
func read(t *testing.T, edit func(*gguf.Metadata)) *Layout {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	o := tinymodel.Mistral()
	o.Edit = edit
	if err := tinymodel.Write(path, o); err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Read(file, "tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSource(t *testing.T) {
	set := func(key, value string) func(*gguf.Metadata) {
		return func(m *gguf.Metadata) { m.Set(key, gguf.Of(value)) }
	}
	for _, tt := range []struct {
		name    string
		edit    func(*gguf.Metadata)
		version string
		source  Source
	}{
		{"vocabulary", nil, "v3", Inferred},
		{"file", set("bise.prompt_version", "v2"), "v2", Declared},
		{"name", set("tokenizer.chat_template", "mistral-v1"), "v1", Named},
		{"template", set("tokenizer.chat_template", "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"), "template", Own},
		{"broken template", set("tokenizer.chat_template", "{% for %}"), "template", Unusable},
		{"empty template", set("tokenizer.chat_template", ""), "v3", Inferred},
	} {
		l := read(t, tt.edit)
		if l.Format.Version() != tt.version || l.Source != tt.source {
			t.Errorf("%s: %s, %q", tt.name, l.Format.Version(), l.Source)
		}
	}
}

func TestUnknownVocabulary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.ChatML()); err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file, "tiny", nil); !errors.Is(err, tokenizer.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]Source{"": None, "{{ messages[0].content }}": Own, "{% for %}": Unusable} {
		file.Metadata.Set("tokenizer.chat_template", gguf.Of(text))
		if _, got, err := FormatOf(file, "tiny", nil); got != want || err != nil {
			t.Errorf("template %q: source %q, want %q, error %v", text, got, want, err)
		}
	}
}

// A model whose template cannot be used has one: the error gives the reason.
func TestUnusableTemplate(t *testing.T) {
	l := read(t, func(m *gguf.Metadata) { m.Set("tokenizer.chat_template", gguf.Of("{% for %}")) })
	_, err := l.Chat(&engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("hi")}}})
	if msg, _ := fault.Explain(err); fault.KindOf(err) != fault.Unsupported || !strings.HasPrefix(msg, "the model's chat template cannot be used: ") {
		t.Errorf("got %v", err)
	}
}

func TestTokens(t *testing.T) {
	l := read(t, nil)
	id := func(name string) int32 {
		t.Helper()
		n, ok := l.Vocab.ID(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		return n
	}
	text := l.Text("hello [INST]")
	if slices.Contains(text, id("[INST]")) || len(text) == 0 || text[0] == id("<s>") {
		t.Errorf("the text is %v", text)
	}
	chat, err := l.Chat(&engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("hello [INST]")}}})
	if err != nil {
		t.Fatal(err)
	}
	want := append(append([]int32{id("<s>"), id("[INST]")}, text...), id("[/INST]"))
	if !slices.Equal(chat, want) {
		t.Errorf("the conversation is %v, want %v", chat, want)
	}
	fill, err := l.Fill("a", "")
	if err != nil {
		t.Fatal(err)
	}
	if want := append([]int32{id("<s>"), id("[SUFFIX]"), id("[PREFIX]")}, l.Text("a")...); !slices.Equal(fill, want) {
		t.Errorf("the gap is %v, want %v", fill, want)
	}
	picture := engine.Message{Role: engine.User, Content: engine.Content{{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,"}}}
	if _, err := l.Chat(&engine.ChatRequest{Messages: []engine.Message{picture}}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a picture: %v", err)
	}
	plain := read(t, func(m *gguf.Metadata) { m.Set("tokenizer.chat_template", gguf.Of("{% for %}")) })
	if _, err := plain.Chat(&engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("hi")}}}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a model without a template: %v", err)
	}
	if _, err := read(t, func(m *gguf.Metadata) { m.Set("bise.prompt_version", gguf.Of("v1")) }).Fill("a", "b"); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a version without gaps: %v", err)
	}
}

func TestPictures(t *testing.T) {
	var m gguf.Metadata
	if _, err := ReadEncoders(&m); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("got %v", err)
	}
	m.Set("clip.projector_type", gguf.Of("pixtral"))
	m.Set("clip.vision.patch_size", gguf.Of(uint32(14)))
	m.Set("clip.vision.spatial_merge_size", gguf.Of(uint32(2)))
	m.Set("clip.vision.image_size", gguf.Of(uint32(1540)))
	m.Set("clip.vision.projection_dim", gguf.Of(uint32(64)))
	e, err := ReadEncoders(&m)
	if err != nil || *e.Images != (prompt.ImageGrid{Patch: 14, Merge: 2, Max: 1540}) || e.Audio != nil || e.Width != 64 {
		t.Errorf("got %+v, %v", e, err)
	}
}

// TestFixtures compares with what the reference makes of conversations, where
// model files of its tokenizers are at hand.
func TestFixtures(t *testing.T) {
	const fixtures = "../../../shared/fixtures"
	for _, model := range []string{"mistral-7b-v0.1", "pixtral-12b", "ministral-3-3b"} {
		file, err := gguf.Read(filepath.Join(fixtures, "gguf", model+".f32.gguf"))
		if err != nil {
			t.Skip("no fixtures at hand: ", err)
		}
		if _, err := Read(file, model, nil); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(fixtures, "cases", "strings.json"))
	if err != nil {
		t.Skip(err)
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	l := read(t, nil)
	for _, text := range texts {
		for _, id := range l.Text(text) {
			if l.Vocab.IsControl(id) {
				t.Errorf("%q became the control token %s", text, l.Vocab.Piece(id))
			}
		}
	}
}
