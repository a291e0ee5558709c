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
	ID          string // the present name
	RequestedID string // the requested name, which may be an old one
	Commit      string // 40 hex digits
	Gated       string // "auto" or "manual" if users must ask for access, or ""
	Card        Card
	// Architecture is the architecture of its GGUFs according to the hub: "llama"; may be "".
	Architecture string
	Tree         []Entry // all files, by their paths

	hub *Hub
}

// A Card is the front matter of a README. The uploader writes it, and it may be wrong: the
// licence of a base model also applies to its derivatives.
type Card struct {
	Licence     string   // "apache-2.0"; "other" with a LicenceName
	LicenceName string   // "mrl"
	LicenceLink string   // to its text
	Base        []string // repositories of the base models
}

// LicenceID is the most specific name of the licence, or "".
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

// isRepo reports whether a text is a valid name of a repository: owner/name, or name for some
// old ones.
func isRepo(id string) bool {
	parts := strings.Split(id, "/")
	return len(parts) <= 2 && !slices.ContainsFunc(parts, func(p string) bool { return !repoPart.MatchString(p) }) &&
		!strings.Contains(id, "--") && !strings.Contains(id, "..") && !strings.HasSuffix(id, ".git")
}

// maxRevision is the limit of a branch name in bytes.
const maxRevision = 255

// Open opens a repository, such as owner/name, at the commit of a revision: a branch, a tag, a
// commit or refs/pr/1; "" is the default branch.
func (h *Hub) Open(ctx context.Context, id, revision string) (*Repo, error) {
	about := subject{repo: id, revision: revision}
	if !isRepo(id) {
		return nil, fault.Advise(fault.Errorf(fault.Refused, "%.100q is not a repository of Hugging Face", id),
			"A repository is an owner and a name, such as mistralai/Ministral-3-3B-Instruct-2512-GGUF.")
	}
	if len(revision) > maxRevision || strings.ContainsFunc(revision, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("%.100q is not a revision of %s", revision, id), Advice: "Name a branch, a tag or a commit."}
	}
	path := "/api/models/" + id
	if revision != "" {
		path += "/revision/" + url.PathEscape(revision)
	}
	u, err := h.url(path)
	if err != nil {
		return nil, err
	}
	var info modelInfo
	if _, err := h.ask(ctx, u, about, &info); err != nil {
		return nil, err
	}
	if !commit.MatchString(info.SHA) || commit.MatchString(revision) && info.SHA != revision {
		return nil, h.protocolError(about, "the commit is missing or wrong", nil)
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

// modelInfo is the hub's description of a repository. Every field may be missing or null.
type modelInfo struct {
	ID       string   `json:"id"`
	SHA      string   `json:"sha"`
	Gated    gated    `json:"gated"`
	CardData cardData `json:"cardData"`
	GGUF     struct {
		Architecture stringList `json:"architecture"`
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
	License     stringList `json:"license"`
	LicenseName stringList `json:"license_name"`
	LicenseLink stringList `json:"license_link"`
	BaseModel   stringList `json:"base_model"`
}

func (c cardData) card() Card {
	return Card{Licence: c.License.first(), LicenceName: c.LicenseName.first(), LicenceLink: c.LicenseLink.first(), Base: c.BaseModel}
}

// stringList is a string or a list of strings. Cards are written by hand, so other values are
// ignored.
type stringList []string

func (w *stringList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = nil
		if one != "" {
			*w = stringList{one}
		}
		return nil
	}
	var many []string
	if json.Unmarshal(data, &many) == nil {
		*w = many
	}
	return nil
}

func (w stringList) first() string {
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

// licenceNames are the files with the text of a licence. A gated repository shows them to all
// users.
var licenceNames = []string{"LICENSE", "LICENSE.md", "LICENSE.txt"}

// Licence reads the text of the repository's licence. Text and name are empty without one.
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
