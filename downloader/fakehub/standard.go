package fakehub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

// Standard is a set of repositories and images for most tests:
//
//   - acme/tiny: both layouts of safetensors, GGUFs of several types, one split into three
//     parts, a projector, an empty file, and a file with an odd name
//   - acme/plain: the same without the last two
//   - acme/gated, acme/private, acme/disabled
//   - acme/many: 2,500 files
//   - solo: a repository without an owner
//   - acme/old: renamed to acme/tiny
//   - acme/licence-mrl, acme/nolicence
//   - the images library/tiny, library/locked (a key is needed) and ai/tiny (a token)
func Standard() Option {
	return option(func(h *Hub) {
		licensed := map[string]any{"license": "apache-2.0", "base_model": "acme/base"}
		research := map[string]any{"license": "other", "license_name": "mrl", "license_link": "https://mistral.ai/licenses/MRL-0.1.md"}
		plain := tiny()
		odd := slices.Concat(tiny(), []File{Text("sub/dir/weird name+%&#é.txt", "odd"), Text("empty.txt", "")})
		small := []File{Text("README.md", "# A model\n"), Text("LICENSE", "Be good.\n"), Text("config.json", `{"model_type":"mistral"}`), GGUF("model-Q4_K_M.gguf", "Q4_K_M", 4096)}
		for _, o := range []Option{
			Repo("acme/tiny", odd...).Card(licensed).Branch("refs/pr/1", small...),
			Repo("acme/plain", plain...).Card(licensed),
			Repo("acme/gated", small...).Card(research).Gated("manual"),
			Repo("acme/private", small...).Card(licensed).Private(),
			Repo("acme/disabled", small...).Disabled(),
			Repo("acme/many", many()...),
			Repo("solo", small...).Card(licensed),
			Rename("acme/old", "acme/tiny"),
			Repo("acme/licence-mrl", small...).Card(research),
			Repo("acme/nolicence", small[2:]...),
			Model("library/tiny:latest", image()...),
			Model("library/locked:latest", image()...).Signed(),
			Model("ai/tiny:latest", image()...).Docker(),
		} {
			o.apply(h)
		}
	})
}

// These files are hashed once for all hubs of a test run.
var many = sync.OnceValue(func() []File {
	files := make([]File, 2500)
	for i := range files {
		files[i] = Text(fmt.Sprintf("data/%04d.json", i), "{}")
	}
	return files
})

var tiny = sync.OnceValue(func() []File {
	files := []File{
		Text("README.md", "---\nlicense: apache-2.0\nbase_model: acme/base\n---\n# Tiny\n"),
		Text("LICENSE", "Apache License 2.0\n"),
		Text("config.json", `{"model_type":"mistral"}`),
		Text("generation_config.json", `{}`),
		Text("tokenizer.json", `{"version":"1.0"}`),
		Text("params.json", `{"dim":64}`),
		Text("tekken.json", `{"config":{}}`),
		Text("model.safetensors.index.json", `{"metadata":{"total_size":4096},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`),
		Safetensors("model-00001-of-00002.safetensors", "a", 3_000_000),
		Safetensors("model-00002-of-00002.safetensors", "b", 1_000_000),
		Safetensors("consolidated.safetensors", "c", 4_000_000),
		GGUF("tiny-Q4_K_M.gguf", "Q4_K_M", 1_000_000),
		GGUF("tiny-Q8_0.gguf", "Q8_0", 2_000_000),
		GGUF("mmproj-tiny-F16.gguf", "F16", 500_000),
		Text("pytorch_model.bin", "no pickles"),
	}
	for i := range 3 {
		files = append(files, GGUF(fmt.Sprintf("BF16/tiny-BF16-%05d-of-00003.gguf", i+1), "BF16", 700_000))
	}
	return files
})

var image = sync.OnceValue(func() []Layer {
	model := GGUF("model.gguf", "Q4_K_M", 1_000_000)
	return []Layer{
		{ModelLayer, model.Content},
		TextLayer(LicenseLayer, "Apache License 2.0\n"),
		TextLayer(TemplateLayer, "[INST] {{ .Prompt }} [/INST]"),
		TextLayer(ParamsLayer, `{"stop":["[INST]"],"temperature":0.15}`),
	}
})

// floats is the number of float32 in about size bytes, in whole blocks.
func floats(size int64) int64 { return max(32, size/4/32*32) }

// data is the content of a tensor.
func data(seed string, elements int64) Content {
	var n uint64
	for _, c := range seed {
		n = mix(n + uint64(c))
	}
	return Blob(n, elements*4)
}

var partName = regexp.MustCompile(`-(\d{5})-of-(\d{5})\.gguf$`)

// GGUF is a file with a valid header and a tensor of about size bytes. The engine cannot
// run it. The name of a part sets the metadata of a split file.
func GGUF(name, fileType string, size int64) File {
	var meta gguf.Metadata
	meta.Set("general.architecture", gguf.Of("llama"))
	meta.Set("general.name", gguf.Of(name))
	if t, ok := gguf.ParseFileType(fileType); ok {
		meta.Set("general.file_type", gguf.Of(uint32(t)))
	}
	tensor := gguf.Tensor{Name: "token_embd.weight", Type: gguf.F32, Dims: []int64{floats(size)}}
	if m := partName.FindStringSubmatch(name); m != nil {
		no, _ := strconv.Atoi(m[1]) // digits both
		count, _ := strconv.Atoi(m[2])
		meta.Set("split.no", gguf.Of(uint16(no-1)))
		meta.Set("split.count", gguf.Of(uint16(count)))
		meta.Set("split.tensors.count", gguf.Of(int32(count)))
		tensor.Name = fmt.Sprintf("blk.%d.ffn_up.weight", no-1)
	}
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &meta, []gguf.Tensor{tensor})
	if err == nil {
		var out io.Writer
		if out, err = w.Tensor(tensor.Name); err == nil {
			c := data(name, floats(size))
			_, err = io.Copy(out, io.NewSectionReader(c, 0, c.Size()))
		}
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		panic("fakehub: " + err.Error())
	}
	return Bytes(name, b.Bytes())
}

// Safetensors is a file with one tensor of about size bytes.
func Safetensors(name, tensor string, size int64) File {
	var b bytes.Buffer
	w, err := safetensors.NewWriter(&b, nil, []safetensors.Tensor{{Name: tensor, Type: safetensors.F32, Shape: []int64{floats(size)}}})
	if err == nil {
		c := data(name, floats(size))
		_, err = io.Copy(w, io.NewSectionReader(c, 0, c.Size()))
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		panic("fakehub: " + err.Error())
	}
	return Bytes(name, b.Bytes())
}
