package huggingface

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// holding is a repository with files of some names.
func holding(names ...string) *Repo {
	r := &Repo{ID: "acme/x"}
	for i, name := range names {
		size := int64(1000 + i)
		if rest, ok := strings.CutPrefix(name, "empty "); ok {
			name, size = rest, 0
		}
		r.Tree = append(r.Tree, Entry{Path: name, Size: size})
	}
	return r
}

func paths(entries []Entry) string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Path)
	}
	return strings.Join(list, " ")
}

func TestTypeOf(t *testing.T) {
	for stem, want := range map[string]string{
		"Mistral-7B-Instruct-v0.3-Q4_K_M":     "Q4_K_M",
		"mistral-7b-instruct-v0.2.Q4_K_M":     "Q4_K_M",
		"mamba-codestral-7b-v0.1-q4_k_m":      "Q4_K_M",
		"devstralQ4_K_M":                      "Q4_K_M",
		"Mistral-Large-Instruct-2411-IQ3_XXS": "IQ3_XXS",
		"x-UD-Q4_K_XL":                        "UD-Q4_K_XL",
		"x-BF16":                              "BF16",
		"x.f16":                               "F16",
		"x-fp16":                              "F16",
		"x-MXFP4_MOE":                         "MXFP4_MOE",
		"x-TQ1_0":                             "TQ1_0",
		"x-Q8_0":                              "Q8_0",
		"BF16/model":                          "BF16",
		"Mistral-Large-Instruct-2411-Q4_K_M/whatever": "Q4_K_M",
		"Q8_0/x-Q4_0":    "Q4_0",
		"model":          "",
		"seq2":           "",
		"halff16":        "",
		"q3_test_Q4_K_M": "Q4_K_M",
		"x-Q4_K_M_final": "",
		"x.Q4":           "Q4",
		"":               "",
	} {
		if got := typeOf(stem); got != want {
			t.Errorf("%s: %q, not %q", stem, got, want)
		}
	}
}

func TestGGUFIsChosen(t *testing.T) {
	all := []string{
		"README.md", "x-Q2_K.gguf", "x-Q4_K_M.gguf", "x-Q4_K_S.gguf", "x-Q8_0.gguf", "x-BF16/x-BF16-00001-of-00002.gguf", "x-BF16/x-BF16-00002-of-00002.gguf",
		"x.imatrix.gguf", "imatrix_unsloth.gguf", "mtp-x-Q4_K_M.gguf", "mmproj-x-f16.gguf",
	}
	for _, c := range []struct {
		names                         []string
		want, weights, projector, typ string
	}{
		{all, "", "x-Q4_K_M.gguf", "mmproj-x-f16.gguf", "Q4_K_M"},
		{all, "q8_0", "x-Q8_0.gguf", "mmproj-x-f16.gguf", "Q8_0"},
		{all, "bf16", "x-BF16/x-BF16-00001-of-00002.gguf x-BF16/x-BF16-00002-of-00002.gguf", "mmproj-x-f16.gguf", "BF16"},
		{all, "x-Q2_K.gguf", "x-Q2_K.gguf", "mmproj-x-f16.gguf", "Q2_K"},
		{all, "x-BF16-00002-of-00002.gguf", "x-BF16/x-BF16-00001-of-00002.gguf x-BF16/x-BF16-00002-of-00002.gguf", "mmproj-x-f16.gguf", "BF16"},
		{all, "x-BF16/x-BF16-00001-of-00002.gguf", "x-BF16/x-BF16-00001-of-00002.gguf x-BF16/x-BF16-00002-of-00002.gguf", "mmproj-x-f16.gguf", "BF16"},
		{[]string{"x-Q3_K_M.gguf", "x-Q5_K_M.gguf", "x-Q8_0.gguf"}, "", "x-Q5_K_M.gguf", "", "Q5_K_M"},
		{[]string{"x-Q2_K.gguf", "x-Q8_0.gguf"}, "", "x-Q2_K.gguf", "", "Q2_K"},
		{[]string{"x-F16.gguf", "x-F32.gguf"}, "", "x-F16.gguf", "", "F16"},
		{[]string{"x-UD-Q4_K_XL.gguf", "x-Q8_0.gguf"}, "", "x-UD-Q4_K_XL.gguf", "", "UD-Q4_K_XL"},
		{[]string{"x-UD-Q4_K_M.gguf", "x-Q4_K_S.gguf"}, "q4_k_m", "x-UD-Q4_K_M.gguf", "", "UD-Q4_K_M"},
		{[]string{"x-UD-Q4_K_M.gguf", "x-Q4_K_M.gguf"}, "", "x-Q4_K_M.gguf", "", "Q4_K_M"},
		{[]string{"model.gguf"}, "", "model.gguf", "", ""},
		{[]string{"MODEL-Q4_K_M.GGUF"}, "", "MODEL-Q4_K_M.GGUF", "", "Q4_K_M"},
		{[]string{"a/x-Q4_K_M.gguf", "b/y-Q8_0.gguf", "a/mmproj-Q8_0.gguf", "mmproj-F16.gguf"}, "", "a/x-Q4_K_M.gguf", "a/mmproj-Q8_0.gguf", "Q4_K_M"},
		{[]string{"a/x-Q4_K_M.gguf", "b/mmproj-F16.gguf"}, "", "a/x-Q4_K_M.gguf", "", "Q4_K_M"},
		{[]string{"x-Q4_K_M.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf"}, "", "x-Q4_K_M.gguf", "mmproj-F16.gguf", "Q4_K_M"},
		{[]string{"x-Q4_K_M.gguf", "mmproj-x-f16.gguf", "mmproj-x-Q8_0.gguf"}, "", "x-Q4_K_M.gguf", "mmproj-x-Q8_0.gguf", "Q4_K_M"},
		{[]string{"x-BF16.gguf", "x-BF16-mmproj.gguf", "x-Q8_0-mmproj.gguf"}, "bf16", "x-BF16.gguf", "x-BF16-mmproj.gguf", "BF16"},
		{[]string{"x-Q4_K_M-00001-of-00002.gguf", "x-Q8_0.gguf"}, "", "", "", ""}, // what is asked for is not whole
		{[]string{"x-Q5_K_M-00001-of-00002.gguf", "x-Q8_0.gguf"}, "", "x-Q8_0.gguf", "", "Q8_0"},
	} {
		g, err := holding(c.names...).GGUF(c.want)
		if (err == nil) != (c.weights != "") {
			t.Errorf("%q of %q: %v", c.want, c.names, err)
			continue
		}
		projector := ""
		if g.Projector != nil {
			projector = g.Projector.Path
		}
		if paths(g.Weights) != c.weights || projector != c.projector || g.Type != c.typ {
			t.Errorf("%q of %q: %s and %q, %s", c.want, c.names, paths(g.Weights), projector, g.Type)
		}
	}
}

func TestGGUFThatCannotBeChosen(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
		says  string
	}{
		{[]string{"config.json"}, "", "it has no GGUF. Choose a repository"},
		{[]string{"x-Q4_K_M.gguf", "x-Q8_0.gguf"}, "Q5_K_M", "no GGUF of type \"Q5_K_M\". Did you mean hf:acme/x:Q4_K_M?"},
		{[]string{"x-Q4_K_M.gguf", "x-Q8_0.gguf"}, "bf16", "It has Q4_K_M, Q8_0."},
		{[]string{"x-Q4_K_M.gguf"}, "x-Q4_K.gguf", "Did you mean hf:acme/x:x-Q4_K_M.gguf?"},
		{[]string{"a-Q4_K_M.gguf", "b-Q4_K_M.gguf"}, "", "it has 2 models of type Q4_K_M. Name the file, as in hf:acme/x:a-Q4_K_M.gguf."},
		{[]string{"a/m.gguf", "b/m.gguf"}, "m.gguf", "no file \"m.gguf\""},
		{[]string{"empty x-Q4_K_M.gguf"}, "", "is empty"},
		{[]string{"x-00001-of-00000.gguf"}, "", "found 1 parts, want 0"},
	} {
		_, err := holding(c.names...).GGUF(c.want)
		expect(t, err, fault.Missing, c.says)
	}
}

func TestF39_F61_PartsThatAreMissing(t *testing.T) {
	var parts []string
	for i := range 5 {
		if i != 2 {
			parts = append(parts, fmt.Sprintf("x-Q4_K_M-%05d-of-00005.gguf", i+1))
		}
	}
	_, err := holding(parts...).GGUF("Q4_K_M")
	expect(t, err, fault.Missing, "of the 5 parts", "00003")
	_, err = holding("x-Q4_K_M-00001-of-00003.gguf", "x-Q4_K_M-00001-of-00002.gguf").GGUF("x-Q4_K_M-00001-of-00002.gguf")
	expect(t, err, fault.Missing, "of the 2 parts", "00002")
	if len(holding(parts...).GGUFs()) != 0 {
		t.Error("what is not whole is offered")
	}
}

func TestGGUFsAreListedBySize(t *testing.T) {
	r := holding("x-Q8_0.gguf", "x-Q4_K_M.gguf", "x-F16-00001-of-00002.gguf", "x-F16-00002-of-00002.gguf", "mmproj-F16.gguf")
	var types []string
	for _, g := range r.GGUFs() {
		types = append(types, g.Type)
	}
	if want := []string{"Q8_0", "Q4_K_M", "F16"}; !slices.Equal(types, want) {
		t.Errorf("%q", types)
	}
}
