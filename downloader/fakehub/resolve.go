package fakehub

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// resolve sends a file, or redirects to it. It redirects to a signed URL of the CDN for a
// large file.
func (h *Hub) resolve(w http.ResponseWriter, r *http.Request, c *call, repo *Repository) {
	set := w.Header().Set
	set("X-Repo-Commit", c.revision)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, r, c, http.StatusMethodNotAllowed, "", "Method not allowed")
		return
	}
	h.mu.Lock()
	f, ok := repo.file(c.revision, c.path)
	h.mu.Unlock()
	if !ok {
		fail(w, r, c, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	switch {
	case c.route == Raw && f.Large:
		set("Content-Type", "text/plain; charset=utf-8")
		write(w, r, http.StatusOK, []byte(pointer(f.SHA256(), f.Content.Size())))
	case c.route == Resolve && f.Large:
		h.redirectToCDN(w, r, c, repo, f)
	case c.route == Resolve && !repo.private && repo.gated == "":
		at := fmt.Sprintf("%s/api/resolve-cache/models/%s/%s/%s", h.prefix, repo.id, c.revision, escapePath(f.Path))
		set("Location", at+"?"+url.QueryEscape(r.URL.Path)+"=&etag="+url.QueryEscape(`"`+f.GitSHA1()+`"`))
		set("Content-Type", "text/plain; charset=utf-8")
		write(w, r, http.StatusTemporaryRedirect, []byte("Temporary Redirect. Redirecting to "+w.Header().Get("Location")))
	default:
		set("Content-Type", "text/plain; charset=utf-8")
		set("Etag", `"`+f.GitSHA1()+`"`)
		set("Content-Disposition", disposition(f.Path))
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(f.Content, 0, f.Content.Size()))
	}
}

func disposition(name string) string {
	base := path.Base(name)
	return fmt.Sprintf("inline; filename*=UTF-8''%s; filename=\"%s\";", url.PathEscape(base), strings.ReplaceAll(base, `"`, `\"`))
}

func (h *Hub) redirectToCDN(w http.ResponseWriter, r *http.Request, c *call, repo *Repository, f File) {
	tag := `"` + f.SHA256() + `"`
	set := w.Header().Set
	set("X-Linked-Size", fmt.Sprint(f.Content.Size()))
	set("X-Linked-Etag", tag)
	set("X-Xet-Hash", f.sums().xet)
	set("Link", fmt.Sprintf(`<%s/api/models/%s/xet-read-token/%s>; rel="xet-auth", <%s/v1/reconstructions/%s>; rel="xet-reconstruction-info"`,
		h.URL, repo.id, c.revision, h.CDNURL, f.sums().xet))
	set("Cache-Control", "no-store")
	set("Vary", "Origin, Accept")
	set("Accept-Ranges", "bytes")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	at := "/xet-bridge-us/" + repo.oid() + "/" + f.sums().xet
	h.mu.Lock()
	h.objects[at] = object{f.Path, f.Content}
	h.mu.Unlock()
	set("Location", h.sign(at, path.Base(f.Path)))
	set("Content-Type", "text/plain; charset=utf-8")
	write(w, r, http.StatusFound, []byte("Found. Redirecting to "+w.Header().Get("Location")))
}
