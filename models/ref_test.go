package models

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestParseRef(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Ref
	}{
		{"codestral", Ref{Scheme: ByName, Name: "codestral"}},
		{"mistral-nemo:q8_0", Ref{Scheme: ByName, Name: "mistral-nemo", Tag: "q8_0"}},
		{"model.gguf", Ref{Scheme: ByPath, Name: "model.gguf"}},
		{"./model", Ref{Scheme: ByPath, Name: "./model"}},
		{"/a/b c:d", Ref{Scheme: ByPath, Name: "/a/b c:d"}},
		{"owner/repo", Ref{Scheme: ByPath, Name: "owner/repo"}},
		{"..", Ref{Scheme: ByPath, Name: ".."}},
		{"hf:acme/Tiny-GGUF", Ref{Scheme: HuggingFace, Repo: "acme/Tiny-GGUF"}},
		{"HF:acme/tiny:Q4_K_M", Ref{Scheme: HuggingFace, Repo: "acme/tiny", File: "Q4_K_M"}},
		{"hf:acme/tiny@refs/pr/1:sub/tiny.gguf", Ref{Scheme: HuggingFace, Repo: "acme/tiny", Revision: "refs/pr/1", File: "sub/tiny.gguf"}},
		{"hf.co/acme/tiny:Q8_0", Ref{Scheme: HuggingFace, Repo: "acme/tiny", File: "Q8_0"}},
		{"https://huggingface.co/acme/tiny", Ref{Scheme: HuggingFace, Repo: "acme/tiny"}},
		{"https://huggingface.co/acme/tiny/", Ref{Scheme: HuggingFace, Repo: "acme/tiny"}},
		{"https://huggingface.co/acme/tiny/tree/main", Ref{Scheme: HuggingFace, Repo: "acme/tiny"}},
		{"https://huggingface.co/acme/tiny/blob/main/a%20b/tiny.gguf", Ref{Scheme: HuggingFace, Repo: "acme/tiny", File: "a b/tiny.gguf"}},
		{"https://huggingface.co/acme/tiny/resolve/0123abc/tiny.gguf?download=true", Ref{Scheme: HuggingFace, Repo: "acme/tiny", Revision: "0123abc", File: "tiny.gguf"}},
		{"https://huggingface.co/acme/tiny/blob/refs%2Fpr%2F1/tiny.gguf", Ref{Scheme: HuggingFace, Repo: "acme/tiny", Revision: "refs/pr/1", File: "tiny.gguf"}},
		{"ollama:mistral-nemo", Ref{Scheme: Ollama, Host: "registry.ollama.ai", Repo: "library/mistral-nemo", Tag: "latest"}},
		{"ollama:acme/tiny:12b", Ref{Scheme: Ollama, Host: "registry.ollama.ai", Repo: "acme/tiny", Tag: "12b"}},
		{"ollama:hub.example.org:5000/acme/tiny:12b", Ref{Scheme: Ollama, Host: "hub.example.org:5000", Repo: "acme/tiny", Tag: "12b"}},
		{"https://ollama.com/library/mistral:7b", Ref{Scheme: Ollama, Host: "registry.ollama.ai", Repo: "library/mistral", Tag: "7b"}},
		{"https://example.org/a/model.gguf", Ref{Scheme: URL, Name: "https://example.org/a/model.gguf"}},
		{"lab/Mistral-Large:x", Ref{Scheme: Endpoint, Host: "lab", Name: "Mistral-Large:x"}},
	} {
		got, err := ParseRef(tt.text, "lab", "plateforme")
		if err != nil || got != tt.want {
			t.Errorf("ParseRef(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, text := range []string{
		"", "  ", strings.Repeat("a", 5000), "a\nb", "a:", ":a", "lab/",
		"hf:", "hf:acme", "hf:acme/", "hf:/tiny", "hf:acme/ti--ny", "hf:acme/tiny/more", "hf:acme/tiny:", "hf:acme/tiny@",
		"hf:acme/tiny:../../etc/passwd", "hf:acme/tiny:/etc/passwd", "hf:acme/tiny:a//b", `hf:acme/tiny:a\b`, "hf:../tiny", "hf:acme/tiny@../x",
		"https://huggingface.co/acme/tiny/blob", "https://huggingface.co/acme/tiny/blob/main", "https://huggingface.co/acme/tiny/blob/main/%2e%2e/x",
		"https://huggingface.co/acme/tiny/blob/main/a%0ab", "https://huggingface.co/acme/tiny/blob/main/%zz",
		"ollama:", "ollama:a/b/c/d", "ollama:a.b/c", "ollama:tiny:", "ollama:tiny:a/b", "ollama:-x", "ollama:bad host/a/b", "https://", "http:///x",
	} {
		got, err := ParseRef(text, "lab")
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseRef(%q) = %+v, %v", text, got, err)
		}
	}
}

// FuzzParseRef checks that what is read is written so that it is read again, and
// that what names a repository cannot lead out of one.
func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{
		"codestral:q8_0", "hf:acme/tiny@main:a/b.gguf", "https://hf.co/acme/tiny/blob/main/x", "ollama:h:1/a/b:c", "https://ollama.com/a/b", "lab/x", "../x", "http://x/y?z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text, "lab")
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseRef(r.String(), "lab")
		if err != nil || again != r {
			t.Fatalf("%q is %+v, is written %q, is %+v, %v", text, r, r.String(), again, err)
		}
		for _, part := range []string{r.Repo, r.File, r.Revision} {
			if strings.Contains("/"+part+"/", "/../") || strings.HasPrefix(part, "/") {
				t.Fatalf("%q leads out: %+v", text, r)
			}
		}
	})
}
