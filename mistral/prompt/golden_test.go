package prompt

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// model is a tokenizer file with what goes with it.
type model struct {
	tokenizer.Tokenizer
	Format
	pictures ImageGrid
}

// open makes the tokenizer and the format of a tokenizer file, which says its
// version in its name or in itself.
func open(t testing.TB, path string) model {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	var version string
	var settings *Settings
	if strings.HasSuffix(path, ".json") {
		f, err := tokenizer.ReadTekken(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if m.Tokenizer, err = f.Tokenizer(); err != nil {
			t.Fatal(err)
		}
		version = f.PromptVersion()
		if f.Image != nil {
			m.pictures = ImageGrid{Patch: f.Image.PatchSize, Merge: f.Image.MergeSize, Max: f.Image.MaxSize}
		}
		if f.Settings != nil {
			if settings, err = ParseSettings(f.Settings); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		f, err := tokenizer.ReadSentencePiece(data)
		if err != nil {
			t.Fatal(err)
		}
		if m.Tokenizer, err = f.Tokenizer(); err != nil {
			t.Fatal(err)
		}
		var pictures bool
		version = strings.TrimPrefix(filepath.Ext(path), ".")
		if version, pictures = strings.CutSuffix(version, "m1"); pictures {
			m.pictures = ImageGrid{Patch: 16, Merge: 1, Max: 1024}
		}
	}
	m.Format, err = ForVersion(version, Options{
		Has:      func(name string) bool { _, ok := m.ID(name); return ok },
		Images:   m.pictures.Patch > 0,
		Settings: settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var sizeInName = regexp.MustCompile(`_(\d+)x(\d+)\.`)

// encode puts a prompt's tokens together, those of its images too. Images
// have their size in the name that is all of their URL.
func (m model) encode(t testing.TB, p Prompt) []int32 {
	t.Helper()
	ids, places, err := Encode(m, p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range slices.Backward(places) {
		width, height := 1, 1 // one_pixel.png
		if size := sizeInName.FindStringSubmatch(p.Images[places[i].Image-1]); size != nil {
			width, _ = strconv.Atoi(size[1])
			height, _ = strconv.Atoi(size[2])
		}
		picture, err := m.pictures.Encode(m, width, height)
		if err != nil {
			t.Fatal(err)
		}
		ids = slices.Insert(ids, places[i].At, picture...)
	}
	return ids
}

type golden struct {
	Tokenizer string
	Chats     []struct {
		Name    string
		Request json.RawMessage
		Refused string
		Message string
		Tokens  []int32
	}
	Fims []struct {
		Prompt, Suffix string
		Refused        string
		Tokens         []int32
	}
}

// checkGolden compares with what mistral-common makes of conversations and of
// texts with a gap.
func checkGolden(t *testing.T, path, dir string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	m := open(t, filepath.Join(dir, g.Tokenizer))
	for _, c := range g.Chats {
		var r engine.ChatRequest
		if err := json.Unmarshal(bytes.ReplaceAll(c.Request, []byte(`"file:`), []byte(`"data:`)), &r); err != nil {
			t.Fatal(err)
		}
		p, err := m.Chat(&r)
		if c.Refused != "" {
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Unsupported {
				t.Errorf("%s: error %v, want a refusal like %q", c.Name, err, c.Message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := m.encode(t, p); !slices.Equal(got, c.Tokens) {
			t.Errorf("%s:\n got %v\nwant %v", c.Name, got, c.Tokens)
		}
	}
	for _, c := range g.Fims {
		p, err := m.Fill(c.Prompt, c.Suffix)
		if c.Refused != "" {
			if fault.KindOf(err) != fault.Unsupported {
				t.Errorf("%q and %q: error %v, want a refusal", c.Prompt, c.Suffix, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q and %q: %v", c.Prompt, c.Suffix, err)
			continue
		}
		if got := m.encode(t, p); !slices.Equal(got, c.Tokens) {
			t.Errorf("%q and %q:\n got %v\nwant %v", c.Prompt, c.Suffix, got, c.Tokens)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"sp_tiny.model.v1", "sp_tiny.model.v3", "tekken_tiny_v3.json", "tekken_tiny_v13.json"} {
		t.Run(name, func(t *testing.T) {
			checkGolden(t, filepath.Join("testdata", name+".golden.json"), "../tokenizer/testdata")
		})
	}
}

func TestSharedGolden(t *testing.T) {
	const shared = "../../../shared/fixtures/"
	goldens, _ := filepath.Glob(shared + "prompts/*.golden.json")
	if len(goldens) == 0 {
		t.Skip("../shared/fixtures is absent: the full vocabularies are not at hand")
	}
	for _, path := range goldens {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, path, shared+"tokenizers")
		})
	}
}
