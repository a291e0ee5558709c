package layout

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/gguf"
)

func TestProjector(t *testing.T) {
	file := func(dir, name string, width uint32) {
		t.Helper()
		var m gguf.Metadata
		m.Set("general.architecture", gguf.Of("clip"))
		m.Set("clip.projector_type", gguf.Of("pixtral"))
		m.Set("clip.vision.projection_dim", gguf.Of(width))
		var b bytes.Buffer
		w, err := gguf.NewWriter(&b, &m, nil)
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, model string
		there       map[string]uint32
		want        string
	}{
		{"none", "pixtral.gguf", nil, ""},
		{"its own", "pixtral.gguf", map[string]uint32{"pixtral.mmproj.gguf": 64, "small.mmproj.gguf": 64}, "pixtral.mmproj.gguf"},
		{"the only one", "pixtral-q4.gguf", map[string]uint32{"mmproj-model-f16.gguf": 64}, "mmproj-model-f16.gguf"},
		{"of another model", "mistral-7b.gguf", map[string]uint32{"mmproj-model-f16.gguf": 128}, ""},
		{"the only one that fits", "x.gguf", map[string]uint32{"a.mmproj.gguf": 128, "b.mmproj.gguf": 64}, "b.mmproj.gguf"},
		{"most alike", "pixtral-12b-q4_k_m.gguf", map[string]uint32{"pixtral-12b.bf16.mmproj.gguf": 64, "small-24b.mmproj.gguf": 64}, "pixtral-12b.bf16.mmproj.gguf"},
		{"by the publishers' way", "Small-24B-Q4.gguf", map[string]uint32{"mmproj-pixtral-12b.gguf": 64, "mmproj-small-24b-f16.gguf": 64}, "mmproj-small-24b-f16.gguf"},
		{"not clear", "x.gguf", map[string]uint32{"a.mmproj.gguf": 64, "b.mmproj.gguf": 64}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a [1] folder")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, width := range c.there {
				file(dir, name, width)
			}
			got := Projector(filepath.Join(dir, c.model), 64)
			if c.want != "" {
				c.want = filepath.Join(dir, c.want)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
