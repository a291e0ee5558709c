package huggingface

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

func TestSourceIsOneLayout(t *testing.T) {
	h := fakehub.New(t, fakehub.Standard())
	r := open(t, reach(t, h, Options{}), "acme/tiny")
	s, err := r.Source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Layout != HF || paths(s.Weights) != "model-00001-of-00002.safetensors model-00002-of-00002.safetensors" || paths(s.Left) != "consolidated.safetensors" {
		t.Errorf("%s: %s, and not %s", s.Layout, paths(s.Weights), paths(s.Left))
	}
	if want := "LICENSE README.md config.json generation_config.json params.json tekken.json tokenizer.json"; paths(s.Rest) != want {
		t.Errorf("%s", paths(s.Rest))
	}
	if s.Size() < 4_000_000 {
		t.Errorf("%d bytes", s.Size())
	}
}

// index is an index of safetensors in which each file has a tensor.
func index(files ...string) string {
	var list []string
	for _, f := range files {
		list = append(list, `"`+f+`.weight":"`+f+`"`)
	}
	return `{"weight_map":{` + strings.Join(list, ",") + `}}`
}

func TestF61_Sources(t *testing.T) {
	file := func(name string) fakehub.File { return fakehub.Weights(name, 1, 1000) }
	text := fakehub.Text
	config, params := text("config.json", "{}"), text("params.json", "{}")
	for _, c := range []struct {
		name    string
		files   []fakehub.File
		layout  Layout
		weights string
		says    string
	}{
		{"one file", []fakehub.File{config, file("model.safetensors")}, HF, "model.safetensors", ""},
		{"Mistral's own", []fakehub.File{params, file("consolidated.safetensors"), text("tokenizer.model.v3", "x")}, Native, "consolidated.safetensors", ""},
		{"Mistral's own in parts", []fakehub.File{params, file("consolidated-00001-of-00002.safetensors"), file("consolidated-00002-of-00002.safetensors")}, Native, "consolidated-00001-of-00002.safetensors consolidated-00002-of-00002.safetensors", ""},
		{"parts without an index", []fakehub.File{config, file("model-00001-of-00002.safetensors"), file("model-00002-of-00002.safetensors")}, HF, "model-00001-of-00002.safetensors model-00002-of-00002.safetensors", ""},
		{"a part is missing", []fakehub.File{config, file("model-00001-of-00003.safetensors"), file("model-00003-of-00003.safetensors")}, "", "", "00002"},
		{"the index names what is not there", []fakehub.File{config, text("model.safetensors.index.json", index("a.safetensors", "b.safetensors")), file("a.safetensors")}, "", "", `"b.safetensors"`},
		{"the index leads elsewhere", []fakehub.File{config, text("model.safetensors.index.json", index("../a.safetensors")), file("a.safetensors")}, "", "", "are missing"},
		{"the index names no weights", []fakehub.File{config, text("model.safetensors.index.json", index("config.json"))}, "", "", "not a safetensors"},
		{"the index is empty", []fakehub.File{config, text("model.safetensors.index.json", `{}`), file("model.safetensors")}, "", "", "index is empty"},
		{"the index is none", []fakehub.File{config, text("model.safetensors.index.json", `[`), file("model.safetensors")}, "", "", "invalid index"},
		{"what is not whole does not count", []fakehub.File{config, params, file("model-00001-of-00002.safetensors"), file("consolidated.safetensors")}, Native, "consolidated.safetensors", ""},
		{"not a configuration", []fakehub.File{file("model.safetensors")}, "", "", "config.json is missing"},
		{"another's configuration", []fakehub.File{config, file("consolidated.safetensors")}, "", "", "params.json is missing"},
		{"whole and in parts", []fakehub.File{config, file("model.safetensors"), file("model-00001-of-00001.safetensors")}, "", "", "twice"},
		{"pickles", []fakehub.File{config, file("pytorch_model.bin")}, "", "", "are pickle files"},
		{"GGUF", []fakehub.File{file("x-Q4_K_M.gguf")}, "", "", "need no conversion"},
		{"nothing", []fakehub.File{config}, "", "", "another repository"},
		{"empty weights", []fakehub.File{config, fakehub.Text("model.safetensors", "")}, "", "", "is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fakehub.New(t, fakehub.Repo("acme/x", c.files...))
			s, err := open(t, reach(t, h, Options{}), "acme/x").Source(t.Context())
			if c.layout == "" {
				kind, text := kindOf(err)
				if kind != fault.Missing && kind != fault.Network || !strings.Contains(text, c.says) {
					t.Errorf("%s: %s", kind, text)
				}
				return
			}
			if err != nil || s.Layout != c.layout || paths(s.Weights) != c.weights {
				t.Errorf("%s: %s, %v", s.Layout, paths(s.Weights), err)
			}
		})
	}
}
