package fakehub

import (
	"maps"
	"slices"
	"strings"
)

// The valid tokens. Ann may read private and gated repositories. Bob has not asked for
// access, Cat's request is pending, Dan's was rejected, and Eve's access was revoked.
const (
	Ann = "hf_annAnnAnnAnnAnnAnnAnnAnnAnnAnnAn1"
	Bob = "hf_bobBobBobBobBobBobBobBobBobBobBo2"
	Cat = "hf_catCatCatCatCatCatCatCatCatCatCa3"
	Dan = "hf_danDanDanDanDanDanDanDanDanDanDa4"
	Eve = "hf_eveEveEveEveEveEveEveEveEveEveEv5"
)

// Revoke makes a token invalid.
func (h *Hub) Revoke(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tokens, token)
}

// A Repository is a repository with all its commits. It is an [Option] of [New].
type Repository struct {
	id       string
	gated    string // "", "auto" or "manual"
	private  bool
	disabled bool
	card     map[string]any
	commits  map[string][]File
	refs     map[string]string // commit, by branch, tag or refs/…
}

// Repo is a public repository with one commit, on the branch main.
func Repo(id string, files ...File) *Repository {
	r := &Repository{id: id, commits: map[string][]File{}, refs: map[string]string{}}
	r.commit("main", files)
	return r
}

// Gated makes users ask for access, which is granted "auto" or "manual".
func (r *Repository) Gated(how string) *Repository { r.gated = how; return r }

// Private hides the repository from all but Ann.
func (r *Repository) Private() *Repository { r.private = true; return r }

// Disabled makes the hub refuse the repository.
func (r *Repository) Disabled() *Repository { r.disabled = true; return r }

// Card sets the front matter of the repository's README.
func (r *Repository) Card(facts map[string]any) *Repository { r.card = facts; return r }

// Branch adds a branch, or a ref such as "refs/pr/1", with its own files.
func (r *Repository) Branch(name string, files ...File) *Repository { r.commit(name, files); return r }

// Head is the commit of a branch.
func (r *Repository) Head(branch string) string { return r.refs[branch] }

func (r *Repository) apply(h *Hub) {
	h.repos[r.id] = r
}

func (r *Repository) commit(branch string, files []File) string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	words := []string{r.id, branch, r.refs[branch]}
	for _, f := range files {
		words = append(words, f.Path)
	}
	sha := sum(words...)[:40]
	r.commits[sha] = files
	r.refs[branch] = sha
	return sha
}

// Commit adds a commit with exactly these files to a branch, and returns its hash.
func (h *Hub) Commit(id, branch string, files ...File) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.repos[id].commit(branch, files)
}

// Add adds a repository or an image to a running hub.
func (h *Hub) Add(o Option) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o.apply(h)
}

// oid is the hub's identifier of the repository.
func (r *Repository) oid() string { return sum("oid", r.id)[:24] }

// at is the commit of a revision: a branch, a tag, or a commit.
func (r *Repository) at(revision string) (sha string, files []File, ok bool) {
	if sha, ok = r.refs[revision]; !ok {
		sha = revision
	}
	files, ok = r.commits[sha]
	return sha, files, ok
}

func (r *Repository) file(sha, path string) (File, bool) {
	i := slices.IndexFunc(r.commits[sha], func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return r.commits[sha][i], true
}

// licence reports whether a file of a gated repository is public.
func licence(path string) bool {
	return slices.Contains([]string{"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"}, path)
}

// branches are the names of the branches, in order.
func (r *Repository) branches() []string { return slices.Sorted(maps.Keys(r.refs)) }
