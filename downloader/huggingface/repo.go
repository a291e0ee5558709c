package huggingface

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A Repo is a model's repository at one commit.
type Repo struct {
	ID          string // as the hub calls it
	RequestedID string // as it was asked for; another name than ID once it was renamed
	Commit      string // 40 hex digits
	Gated       string // "auto" or "manual" where people must ask for access first, or ""
	Card        Card
	// Architecture is that of its GGUFs, as the hub has read it in them: "llama"; ""
	// where it does not say.
	Architecture string
	Tree         []Entry // all files, by their paths

	hub *Hub
}

// A Card is what the front matter of a README says. The uploader writes it, and some have
// it wrong: the licence of a base model holds for what is made of it.
type Card struct {
	Licence     string   // "apache-2.0"; "other" where LicenceName says it
	LicenceName string   // "mrl"
	LicenceLink string   // to its text
	Base        []string // repositories of the models that it was made of
}

// LicenceID is the licence by its most telling name, "" where none is stated.
func (c Card) LicenceID() string {
	if c.LicenceName != "" && (c.Licence == "" || c.Licence == "other") {
		return c.LicenceName
	}
	return c.Licence
}

var (
	// repoPart is a half of a repository's name: validate_repo_id of huggingface_hub.
	repoPart = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$`)
	commit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// isRepo reports whether a text can be the name of a repository, such as owner/name or
// for old ones name.
func isRepo(id string) bool {
	parts := strings.Split(id, "/")
	return len(parts) <= 2 && !slices.ContainsFunc(parts, func(p string) bool { return !repoPart.MatchString(p) }) &&
		!strings.Contains(id, "--") && !strings.Contains(id, "..") && !strings.HasSuffix(id, ".git")
}

// maxRevision is how many bytes the name of a branch has at most.
const maxRevision = 255

// Open finds a repository, such as owner/name, and pins it to the commit that a
// revision is: a branch, a tag, a commit or refs/pr/1; "" is its default branch.
func (h *Hub) Open(ctx context.Context, id, revision string) (*Repo, error) {
	about := subject{repo: id, revision: revision}
	if !isRepo(id) {
		return nil, &fault.Error{
			Kind: fault.Refused, Msg: fmt.Sprintf("%.100q is not a repository of Hugging Face", id),
			Advice: "A repository is an owner and a name, such as mistralai/Ministral-3-3B-Instruct-2512-GGUF.",
		}
	}
	if len(revision) > maxRevision || strings.ContainsFunc(revision, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("%.100q is not a revision of %s", revision, id), Advice: "Name a branch, a tag or a commit."}
	}
	path := "/api/models/" + id
	if revision != "" {
		path += "/revision/" + url.PathEscape(revision)
	}
	u, err := h.at(path)
	if err != nil {
		return nil, err
	}
	var info modelInfo
	if _, err := h.ask(ctx, u, about, &info); err != nil {
		return nil, err
	}
	if !commit.MatchString(info.SHA) || commit.MatchString(revision) && info.SHA != revision {
		return nil, h.nonsense(about, "it names no commit, or another one", nil)
	}
	r := &Repo{ID: id, RequestedID: id, Commit: info.SHA, Gated: string(info.Gated), hub: h, Card: info.CardData.card(), Architecture: info.GGUF.Architecture.first()}
	if isRepo(info.ID) {
		r.ID = info.ID
	}
	if r.Tree, err = h.tree(ctx, r.ID, r.Commit); err != nil {
		return nil, err
	}
	return r, nil
}

// modelInfo is what the hub says of a repository, as far as it matters here. Every field
// may be missing or null.
type modelInfo struct {
	ID       string   `json:"id"`
	SHA      string   `json:"sha"`
	Gated    gated    `json:"gated"`
	CardData cardData `json:"cardData"`
	GGUF     struct {
		Architecture words `json:"architecture"`
	} `json:"gguf"`
}

// gated is false, "auto" or "manual".
type gated string

func (g *gated) UnmarshalJSON(data []byte) error {
	var how any
	if err := json.Unmarshal(data, &how); err != nil {
		return err
	}
	switch how := how.(type) {
	case string:
		*g = gated(how)
	case bool:
		if how {
			*g = "manual"
		}
	}
	return nil
}

type cardData struct {
	License     words `json:"license"`
	LicenseName words `json:"license_name"`
	LicenseLink words `json:"license_link"`
	BaseModel   words `json:"base_model"`
}

func (c cardData) card() Card {
	return Card{Licence: c.License.first(), LicenceName: c.LicenseName.first(), LicenceLink: c.LicenseLink.first(), Base: c.BaseModel}
}

// words is a text or a list of them. Cards are written by hand, so what is neither is
// as good as nothing.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = nil
		if one != "" {
			*w = words{one}
		}
		return nil
	}
	var many []string
	if json.Unmarshal(data, &many) == nil {
		*w = many
	}
	return nil
}

func (w words) first() string {
	if len(w) == 0 {
		return ""
	}
	return w[0]
}

// Entry finds a file by its path.
func (r *Repo) Entry(path string) (Entry, bool) {
	i := slices.IndexFunc(r.Tree, func(e Entry) bool { return e.Path == path })
	if i < 0 {
		return Entry{}, false
	}
	return r.Tree[i], true
}

// licenceNames are where the text of a licence is. A gated repository shows them to all
// users.
var licenceNames = []string{"LICENSE", "LICENSE.md", "LICENSE.txt"}

// Licence is the text of the repository's licence and the name of its file; "" where it
// has none.
func (r *Repo) Licence(ctx context.Context) (text []byte, name string, err error) {
	const most = 1 << 20 // bytes
	for _, name := range licenceNames {
		if e, ok := r.Entry(name); ok {
			text, err := r.Read(ctx, e, most)
			return text, name, err
		}
	}
	return nil, "", nil
}
