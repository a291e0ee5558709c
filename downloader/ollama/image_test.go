package ollama

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

var (
	one = "sha256:" + strings.Repeat("1", 64)
	two = "sha256:" + strings.Repeat("2", 64)
)

// manifest is one with layers, each "type digest size".
func manifest(layers ...string) []byte {
	var list []string
	for _, l := range layers {
		f := strings.Fields(l)
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%s}`, f[0], f[1], f[2]))
	}
	return []byte(`{"schemaVersion":2,"mediaType":"` + dockerManifest + `","layers":[` + strings.Join(list, ",") + `]}`)
}

func TestF64_Manifests(t *testing.T) {
	const model = "application/vnd.ollama.image.model"
	many := make([]string, maxLayers+1)
	for i := range many {
		many[i] = fmt.Sprintf("application/vnd.ollama.image.tensor sha256:%064x 1", i)
	}
	for _, c := range []struct {
		name string
		data []byte
		kind fault.Kind // "" when it is right
		says string
	}{
		{"right", manifest(model+" "+one+" 5", "application/vnd.ollama.image.license "+two+" 5"), "", ""},
		{"with a parameter", manifest(model + ";x=y " + one + " 5"), "", ""},
		{"OCI", []byte(strings.Replace(string(manifest(model+" "+one+" 5")), dockerManifest, ociManifest, 1)), "", ""},
		{"no media type", []byte(strings.Replace(string(manifest(model+" "+one+" 5")), dockerManifest, "", 1)), "", ""},
		{"unknown layers", manifest(model+" "+one+" 5", "application/x-new "+two+" 5"), "", ""},
		{"the same twice", manifest(model+" "+one+" 5", model+" "+one+" 5"), "", ""},
		{"two sizes", manifest(model+" "+one+" 5", model+" "+one+" 6"), fault.Network, "two sizes"},
		{"another hash", manifest(model + " sha512:12 5"), fault.Network, "not a SHA-256"},
		{"upper case", manifest(model + " " + strings.ToUpper(one) + " 5"), fault.Network, "not a SHA-256"},
		{"a path for a hash", manifest(model + " sha256:../../x 5"), fault.Network, "not a SHA-256"},
		{"a negative size", manifest(model + " " + one + " -1"), fault.Network, "size"},
		{"a huge size", manifest(model + " " + one + " 9223372036854775807"), fault.Network, "size"},
		{"no size", manifest(model + " " + one + " null"), fault.Network, "size"},
		{"a broken size", manifest(model + " " + one + " 1.5"), fault.Network, "invalid manifest"},
		{"too many layers", manifest(many...), fault.Network, "4097 layers"},
		{"no layers", manifest(), fault.Network, "0 layers"},
		{"a list of manifests", []byte(`{"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{}]}`), fault.Refused, "manifest.list"},
		{"an index", []byte(`{"manifests":[{}]}`), fault.Refused, "not a model"},
		{"an old manifest", []byte(`{"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}`), fault.Refused, "manifest.v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := &Image{Name: Name{Host: Home, Repo: "library/x", Tag: "latest"}}
			err := i.parse(c.data)
			if c.kind != "" {
				expect(t, err, c.kind, c.says, "open x")
				return
			}
			if err != nil || len(i.LayersOf(Model)) != 1 {
				t.Errorf("%+v, %v", i.Layers, err)
			}
			if w, _, err := i.GGUF(); err != nil || w.Digest != one || w.Size != 5 {
				t.Errorf("%+v, %v", w, err)
			}
		})
	}
}

func TestGGUFOfAnImage(t *testing.T) {
	const ollama, docker = "application/vnd.ollama.image.", "application/vnd.docker.ai."
	for _, c := range []struct {
		layers    []string
		projector bool
		says      string
	}{
		{[]string{ollama + "model " + one + " 5", ollama + "projector " + two + " 5"}, true, ""},
		{[]string{docker + "gguf.v3 " + one + " 5", docker + "license " + two + " 5"}, false, ""},
		{[]string{ollama + "license " + one + " 5"}, false, "no weights"},
		{[]string{ollama + "tensor " + one + " 5"}, false, "separate tensors"},
		{[]string{ollama + "model " + one + " 5", ollama + "model " + two + " 5"}, false, "several models"},
		{[]string{ollama + "model " + one + " 0"}, false, "empty"},
	} {
		i := &Image{}
		if err := i.parse(manifest(c.layers...)); err != nil {
			t.Fatal(err)
		}
		w, p, err := i.GGUF()
		if c.says != "" {
			expect(t, err, fault.Missing, c.says)
		} else if err != nil || w.Digest != one || (p != nil) != c.projector {
			t.Errorf("%q: %+v, %+v, %v", c.layers, w, p, err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(manifest("application/vnd.ollama.image.model "+one+" 5", "application/vnd.ollama.image.license "+two+" 5"))
	f.Add([]byte(`{"layers":[{"size":-1}]}`))
	f.Add([]byte(`{"mediaType":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		i := &Image{}
		if len(data) > 64<<10 || i.parse(data) != nil {
			return
		}
		if !json.Valid(data) || len(i.Layers) == 0 {
			t.Errorf("%d layers of %q", len(i.Layers), data)
		}
		for _, l := range i.Layers {
			if f, err := i.File(l); err != nil || f.Size < 0 || string(f.Hash) != l.Digest {
				t.Errorf("%+v: %+v, %v", l, f, err)
			}
		}
		_, _, _ = i.GGUF() // must not panic
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://ollama.com/token",service="ollama.com",scope="repository:library/tiny:pull other"`)
	f.Add(`Bearer realm="a", Basic realm="b"`)
	f.Add(`Bearer realm=x,service=`)
	f.Fuzz(func(t *testing.T, header string) {
		if len(header) > 64<<10 {
			return
		}
		if c, ok := findChallenge([]string{header}); ok && (c.realm == "" || !strings.Contains(header, c.realm)) {
			t.Errorf("%+v of %q", c, header)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("registry.ollama.ai", "library/x", "latest")
	f.Add("h:1", "../x", "a/b")
	f.Fuzz(func(t *testing.T, host, repo, tag string) {
		if len(host)+len(repo)+len(tag) > 4096 {
			return
		}
		n, err := Name{Host: host, Repo: repo, Tag: tag}.normalize()
		if err != nil {
			return
		}
		u := n.url("manifests", n.Tag)
		if again, err := u.Parse(u.String()); err != nil || again.Path != u.Path || again.Host != u.Host || strings.Count(u.Path, "/") != 5 || strings.Contains(u.Path, "..") && !strings.Contains(repo+tag, "..") {
			t.Errorf("%+v becomes %s, %v", n, u, err)
		}
	})
}
