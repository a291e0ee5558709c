package models

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/caches"
)

// A Scheme is the kind of a reference.
type Scheme string

const (
	ByName      Scheme = "name"     // of the catalog, or of an installed model
	ByPath      Scheme = "path"     // a file or a folder of this machine
	HuggingFace Scheme = "hf"       // a repository of the Hugging Face Hub
	Ollama      Scheme = "ollama"   // a model of a registry that speaks Ollama's protocol
	URL         Scheme = "url"      // a file of a web server
	Endpoint    Scheme = "endpoint" // a model of a server of config.toml
)

// Defaults of an Ollama reference.
const (
	ollamaHost      = "registry.ollama.ai"
	ollamaNamespace = "library"
	ollamaTag       = "latest"
)

// A Ref is a parsed reference to a model.
type Ref struct {
	Scheme Scheme
	// Name is a model's name in the catalog, the store or an endpoint, the path of ByPath,
	// or the URL.
	Name string
	// Tag is a variant of the model, such as "q8_0"; of Ollama "latest" by default.
	Tag string
	// Host is the server of Ollama, or the name of the endpoint.
	Host string
	// Repo is "owner/name", of Hugging Face and Ollama.
	Repo string
	// Revision is a branch, tag or commit of Hugging Face; "": its main branch.
	Revision string
	// File is a path in a Hugging Face repository, or a quantization type such as "Q4_K_M".
	File string
}

// The hubs' rules for names of repositories: validate_repo_id of
// https://huggingface.co/docs/huggingface_hub, and types/model/name.go of Ollama.
var (
	hubPart    = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$`)
	ollamaPart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$`)
	ollamaSite = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?$`)
)

const maxRef = 4096 // bytes

// ParseRef reads a reference:
//
//	codestral, mistral-nemo:q8_0            a name of the catalog or of the store
//	./model.gguf, model.gguf                a path
//	hf:owner/repo[@revision][:file]         Hugging Face; file is a path or a quantization
//	hf.co/owner/repo, https://huggingface.co/owner/repo/blob/main/model.gguf
//	ollama:[host/][namespace/]model[:tag]   Ollama's registry, or another
//	https://example.org/model.gguf          a file of any other server
//	endpoint/model                          of an endpoint that has one of the names
//
// An error is of kind Invalid.
func ParseRef(text string, endpoints ...string) (Ref, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return Ref{}, refError(text, "it is empty", "")
	case len(text) > maxRef:
		return Ref{}, refError(text[:32]+"…", "it is too long", "")
	case strings.ContainsFunc(text, unicode.IsControl):
		return Ref{}, refError(text, "it has control characters", "")
	}
	if rest, ok := cutPrefixFold(text, "hf:"); ok {
		return parseHub(text, rest)
	}
	if rest, ok := cutPrefixFold(text, "ollama:"); ok {
		return parseOllama(text, rest)
	}
	bare := text
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := cutPrefixFold(text, scheme); ok {
			bare = rest
		}
	}
	for _, site := range []string{"huggingface.co/", "www.huggingface.co/", "hf.co/"} {
		if rest, ok := cutPrefixFold(bare, site); ok {
			return parseHubPage(text, rest)
		}
	}
	if rest, ok := cutPrefixFold(bare, "ollama.com/"); ok && bare != text {
		return parseOllama(text, strings.TrimPrefix(rest, ollamaNamespace+"/"))
	}
	if bare != text {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return Ref{}, refError(text, "it is not a URL", "")
		}
		return Ref{Scheme: URL, Name: text}, nil
	}
	if host, model, ok := strings.Cut(text, "/"); ok && slices.Contains(endpoints, host) {
		if model == "" {
			return Ref{}, refError(text, "it names an endpoint but no model", "")
		}
		return Ref{Scheme: Endpoint, Host: host, Name: model}, nil
	}
	if isPath(text) {
		return Ref{Scheme: ByPath, Name: text}, nil
	}
	name, tag, tagged := strings.Cut(text, ":")
	if name == "" || tagged && tag == "" {
		return Ref{}, refError(text, "the name or the tag is empty", "Write a name such as codestral or codestral:q8_0.")
	}
	return Ref{Scheme: ByName, Name: name, Tag: tag}, nil
}

// isPath reports whether text has a path separator or ends in .gguf.
func isPath(text string) bool {
	_, _, _, named := caches.Stem(text)
	return named || text == "." || text == ".." || strings.ContainsFunc(text, func(r rune) bool { return r == '/' || r < 128 && os.IsPathSeparator(uint8(r)) })
}

// parseHub reads owner/repo[@revision][:file].
func parseHub(text, rest string) (Ref, error) {
	rest, file, named := strings.Cut(rest, ":")
	repo, revision, pinned := strings.Cut(rest, "@")
	if named && file == "" || pinned && revision == "" {
		return Ref{}, refError(text, "it ends with a separator", hubForm)
	}
	return checkHub(text, Ref{Scheme: HuggingFace, Repo: repo, Revision: revision, File: file})
}

const hubForm = "Write hf:owner/repo, hf:owner/repo:file.gguf or hf:owner/repo:Q4_K_M."

func checkHub(text string, r Ref) (Ref, error) {
	owner, name, _ := strings.Cut(r.Repo, "/")
	switch {
	case !hubPart.MatchString(owner) || !hubPart.MatchString(name) || strings.Contains(r.Repo, "--") || strings.Contains(r.Repo, ".."):
		return Ref{}, refError(text, fmt.Sprintf("%q is not a repository", r.Repo), hubForm)
	case r.File != "" && !isCleanPath(r.File):
		return Ref{}, refError(text, fmt.Sprintf("%q is not a file of a repository", r.File), hubForm)
	case r.Revision != "" && !isCleanPath(r.Revision):
		return Ref{}, refError(text, fmt.Sprintf("%q is not a revision", r.Revision), hubForm)
	}
	return r, nil
}

// parseHubPage reads the path of the URL of a repository, or of a file in it.
func parseHubPage(text, rest string) (Ref, error) {
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	if len(parts) <= 2 || !slices.Contains([]string{"blob", "resolve", "raw", "tree"}, parts[2]) {
		return parseHub(text, strings.Trim(rest, "/"))
	}
	if len(parts) < 4 {
		return Ref{}, refError(text, "the URL has no revision", "")
	}
	for i := range parts {
		part, err := url.PathUnescape(parts[i])
		if err != nil {
			return Ref{}, refError(text, "it is not a URL", "")
		}
		parts[i] = part
	}
	r := Ref{Scheme: HuggingFace, Repo: parts[0] + "/" + parts[1], Revision: parts[3]}
	if parts[2] != "tree" {
		if r.File = strings.Join(parts[4:], "/"); r.File == "" {
			return Ref{}, refError(text, "it does not name a file of a repository", "")
		}
	}
	if r.Revision == "main" {
		r.Revision = ""
	}
	return checkHub(text, r)
}

// parseOllama reads [host/][namespace/]model[:tag].
func parseOllama(text, rest string) (Ref, error) {
	const form = "Write ollama:model or ollama:model:tag."
	r := Ref{Scheme: Ollama, Host: ollamaHost, Tag: ollamaTag}
	parts := strings.Split(rest, "/")
	last := len(parts) - 1
	if model, tag, ok := strings.Cut(parts[last], ":"); ok {
		parts[last], r.Tag = model, tag
	}
	switch len(parts) {
	case 1:
		parts = []string{ollamaNamespace, parts[0]}
	case 3:
		r.Host, parts = parts[0], parts[1:]
	}
	if len(parts) != 2 || !ollamaPart.MatchString(parts[0]) || strings.Contains(parts[0], ".") || !ollamaPart.MatchString(parts[1]) ||
		!ollamaPart.MatchString(r.Tag) || !ollamaSite.MatchString(r.Host) {
		return Ref{}, refError(text, fmt.Sprintf("%q is not a model of a registry", rest), form)
	}
	r.Repo = parts[0] + "/" + parts[1]
	return r, nil
}

// String writes the reference so that ParseRef reads it.
func (r Ref) String() string {
	after := func(mark, s string) string {
		if s == "" {
			return ""
		}
		return mark + s
	}
	switch r.Scheme {
	case HuggingFace:
		return "hf:" + r.Repo + after("@", r.Revision) + after(":", r.File)
	case Ollama:
		name := strings.TrimPrefix(r.Repo, ollamaNamespace+"/")
		if r.Host != ollamaHost {
			name = r.Host + "/" + r.Repo
		}
		if r.Tag != ollamaTag {
			name += ":" + r.Tag
		}
		return "ollama:" + name
	case Endpoint:
		return r.Host + "/" + r.Name
	}
	return r.Name + after(":", r.Tag)
}

// isCleanPath reports whether a slash-separated path does not leave its folder.
func isCleanPath(p string) bool {
	return p != "" && p == path.Clean(p) && !path.IsAbs(p) && p != "." && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsAny(p, `\:@`) &&
		!strings.ContainsFunc(p, unicode.IsControl)
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func refError(text, why, advice string) error {
	if advice == "" {
		advice = "Write the name of a model, the path of a GGUF file, hf:owner/repo, ollama:model or a URL."
	}
	return fault.Advise(fault.Errorf(fault.Invalid, "invalid model reference %q: %s", text, why), "%s", advice)
}
