package huggingface

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader"
)

// most is how much foreign text a fuzzer tries, in bytes.
const most = 64 << 10

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://x/a?b=c>; rel="next", <y>; rel=last`)
	f.Add(`<<>>;;rel=next<`)
	f.Fuzz(func(t *testing.T, header string) {
		if len(header) > most {
			return
		}
		if got := nextLink([]string{header}); got != "" && !strings.Contains(header, "<"+got+">") {
			t.Errorf("%q is not in %q", got, header)
		}
	})
}

func FuzzModelInfo(f *testing.F) {
	f.Add([]byte(`{"id":"a/b","sha":"` + sha1Digits + `","gated":"auto","cardData":{"license":["mit"],"base_model":"x"}}`))
	f.Add([]byte(`{"gated":null,"cardData":{"license":7}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var info modelInfo
		if len(data) > most || json.Unmarshal(data, &info) != nil {
			return
		}
		_ = info.CardData.card().LicenceID()
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(`[{"type":"file","path":"a-00001-of-00002.gguf","oid":"` + sha1Digits + `","size":3,"lfs":{"oid":"` + sha256Digits + `","size":3}}]`))
	f.Add([]byte(`[{"type":"file","path":"x-UD-Q4_K_XL.gguf","size":-1,"lfs":{}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var page []treeEntry
		if len(data) > most || json.Unmarshal(data, &page) != nil {
			return
		}
		r := &Repo{ID: "acme/x", hub: &Hub{base: &url.URL{Scheme: "https", Host: "x"}}}
		for _, p := range page {
			e, err := p.entry()
			if err != nil {
				continue
			}
			if e.Size < 0 || e.Size > maxFile {
				t.Errorf("%+v", e)
			}
			if hash, err := downloader.ParseHash(string(e.Hash)); err != nil || hash != e.Hash {
				t.Errorf("%+v: %v", e, err)
			}
			r.Tree = append(r.Tree, e)
		}
		for _, want := range []string{"", "Q8_0", "x.gguf"} {
			if g, err := r.GGUF(want); err == nil && len(g.Weights) == 0 {
				t.Errorf("a model without weights of %s", data)
			}
		}
		_ = r.GGUFs()
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map":{"a":"model.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > most {
			return
		}
		names, err := parseIndex(data)
		if err == nil && len(names) == 0 {
			t.Error("an index of nothing")
		}
	})
}

func FuzzRepositoryNames(f *testing.F) {
	f.Add("acme/tiny", "sub/a b%2F#?.txt")
	f.Add("a/../b", "é")
	f.Fuzz(func(t *testing.T, id, path string) {
		if len(id)+len(path) > most {
			return
		}
		u, err := url.Parse("https://hub.example" + "/x/" + escapePath(path))
		if err != nil || strings.TrimPrefix(u.Path, "/x/") != path || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q becomes %v, %v", path, u, err)
		}
		if isRepo(id) && (url.PathEscape(id) != strings.Replace(id, "/", "%2F", 1) || strings.Contains(id, "..")) {
			t.Errorf("%q is taken for a repository", id)
		}
	})
}
