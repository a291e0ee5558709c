package fakehub

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// answerHub responds for the hub and the registry.
func (h *Hub) answerHub(w http.ResponseWriter, r *http.Request, c *call) {
	switch c.route {
	case Manifest, Layers, Realm:
		h.answerRegistry(w, r, c)
		return
	}
	h.setHeaders(w, c)
	if c.route == Page && strings.HasPrefix(r.URL.Path, h.prefix+"/v2") {
		w.WriteHeader(http.StatusOK)
		return
	}
	user, ok := h.user(w, r, c)
	if !ok {
		return
	}
	switch {
	case c.route == User && user == "":
		fail(w, r, c, http.StatusUnauthorized, "", badLogin)
		return
	case c.route == User:
		writeJSON(w, r, map[string]any{"type": "user", "id": user, "name": user, "fullname": user, "orgs": []any{}, "auth": map[string]any{"type": "access_token"}})
		return
	case c.route == Harnesses:
		writeJSON(w, r, map[string]any{})
		return
	}
	repo, ok := h.repository(w, r, c, user)
	if !ok {
		return
	}
	if c.route == Page {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>%s</title><p>The page of the repository.</p>", repo.id)
		return
	}
	h.answerRepository(w, r, c, repo, user)
}

// setHeaders sets the headers of every response of the hub.
func (h *Hub) setHeaders(w http.ResponseWriter, c *call) {
	var id [16]byte
	rand.Read(id[:])
	bucket, quota := "api", 500
	switch c.route {
	case Resolve, ResolveCache, Raw:
		bucket, quota = "resolvers", 3000
	case Page:
		bucket, quota = "pages", 100
	}
	set := w.Header().Set
	set("X-Powered-By", "huggingface-moon")
	set("X-Request-Id", fmt.Sprintf("Root=1-%x-%x", id[:4], id[4:]))
	set("Ratelimit", fmt.Sprintf(`"%s";r=%d;t=201`, bucket, quota-1))
	set("Ratelimit-Policy", fmt.Sprintf(`"fixed window";"%s";q=%d;w=300`, bucket, quota))
	set("Vary", "Origin")
	set("Referrer-Policy", "strict-origin-when-cross-origin")
	set("Access-Control-Expose-Headers", "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash")
}

// fail sends an error as the hub does.
func fail(w http.ResponseWriter, r *http.Request, c *call, status int, code, message string) {
	set := w.Header().Set
	set("X-Error-Message", message)
	if code != "" {
		set("X-Error-Code", code)
	}
	if status == http.StatusUnauthorized {
		set("WWW-Authenticate", `Bearer realm="Authentication required", charset="UTF-8"`)
	}
	body, kind := []byte(message), "text/plain; charset=utf-8"
	if !slices.Contains([]Route{Resolve, ResolveCache, Raw}, c.route) {
		body, _ = json.Marshal(map[string]string{"error": message}) // a map of strings can be encoded
		kind = "application/json; charset=utf-8"
	}
	set("Content-Type", kind)
	write(w, r, status, body)
}

// write sends a body, or for HEAD its length.
func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("fakehub: " + err.Error())
	}
	tag := sha1.Sum(body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Etag", fmt.Sprintf(`W/"%x-%s"`, len(body), base64.RawStdEncoding.EncodeToString(tag[:])))
	write(w, r, http.StatusOK, body)
}

const badLogin = "Invalid username or password."

var tokenForm = regexp.MustCompile(`^Bearer hf_[A-Za-z0-9]+$`)

// user is the user of a request, "" without a token. An invalid token is an error even if
// none is needed.
func (h *Hub) user(w http.ResponseWriter, r *http.Request, c *call) (string, bool) {
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return "", true
	}
	if !tokenForm.MatchString(auth) {
		fail(w, r, c, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return "", false
	}
	h.mu.Lock()
	user, ok := h.tokens[strings.TrimPrefix(auth, "Bearer ")]
	h.mu.Unlock()
	if !ok {
		fail(w, r, c, http.StatusUnauthorized, "", badLogin)
	}
	return user, ok
}

// repository is the repository of a request, if the user may see it.
func (h *Hub) repository(w http.ResponseWriter, r *http.Request, c *call, user string) (*Repository, bool) {
	h.mu.Lock()
	repo, to := h.repos[c.id], h.renamed[c.id]
	h.mu.Unlock()
	switch {
	case to != "":
		w.Header().Set("Location", strings.Replace(r.URL.RequestURI(), "/"+c.id, "/"+to, 1))
		write(w, r, http.StatusTemporaryRedirect, []byte("Temporary Redirect. Redirecting to "+w.Header().Get("Location")))
	case repo == nil || repo.private && user != "ann":
		if user == "" {
			fail(w, r, c, http.StatusUnauthorized, "", badLogin)
		} else {
			fail(w, r, c, http.StatusNotFound, "RepoNotFound", "Repository not found")
		}
	case repo.disabled:
		fail(w, r, c, http.StatusForbidden, "", "Access to this resource is disabled.")
	default:
		return repo, true
	}
	return nil, false
}

// gate returns why a user has no access, or "".
func (r *Repository) gate(base, user string) string {
	model := "Access to model " + r.id + " is restricted"
	switch {
	case r.gated == "" || user == "ann":
		return ""
	case user == "":
		return model + ". You must have access to it and be authenticated to access it. Please log in."
	case user == "cat":
		return "Your request to access model " + r.id + " is awaiting a review from the repo authors."
	case user == "dan":
		return "Your request to access model " + r.id + " has been rejected by the repo's authors."
	case user == "eve":
		return "Your access to model " + r.id + " has been reset by the repo's authors. Visit " + base + "/" + r.id + " to submit a new request."
	}
	return model + " and you are not in the authorized list. Visit " + base + "/" + r.id + " to ask for access."
}

func (h *Hub) answerRepository(w http.ResponseWriter, r *http.Request, c *call, repo *Repository, user string) {
	denied := repo.gate(h.URL, user)
	content := slices.Contains([]Route{Resolve, ResolveCache, Raw, Access, XetToken}, c.route) && (c.route != Resolve || !licence(c.path))
	if content && denied != "" {
		status := http.StatusForbidden
		if user == "" {
			status = http.StatusUnauthorized
		}
		fail(w, r, c, status, "GatedRepo", denied)
		return
	}
	revision := c.revision
	if revision == "" || revision == "HEAD" {
		revision = "main"
	}
	h.mu.Lock()
	sha, files, ok := repo.at(revision)
	h.mu.Unlock()
	if !ok {
		fail(w, r, c, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return
	}
	c.revision = sha
	switch c.route {
	case Info:
		writeJSON(w, r, info(repo, sha, files, r.URL.Query().Get("blobs") != "", denied != ""))
	case Tree:
		h.tree(w, r, c, files, denied != "")
	case Paths:
		paths(w, r, files, denied != "")
	case Refs:
		h.refs(w, r, repo)
	case Access:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		write(w, r, http.StatusOK, []byte("OK"))
	case XetToken:
		writeJSON(w, r, map[string]any{"casUrl": h.CDNURL, "exp": h.now().Add(h.ttl).Unix(), "accessToken": "xet_fake"})
	default:
		h.resolve(w, r, c, repo)
	}
}

func info(repo *Repository, sha string, files []File, blobs, masked bool) map[string]any {
	siblings := []any{}
	for _, f := range files {
		s := map[string]any{"rfilename": f.Path}
		if blobs {
			s["size"], s["blobId"] = f.Content.Size(), f.GitSHA1()
			if f.Large {
				s["lfs"] = map[string]any{"sha256": mask(f.SHA256(), masked), "size": f.Content.Size(), "pointerSize": len(pointer(f.SHA256(), f.Content.Size()))}
			}
		}
		siblings = append(siblings, s)
	}
	var gated any = false
	if repo.gated != "" {
		gated = repo.gated
	}
	tags := []string{"text-generation"}
	if l, ok := repo.card["license"].(string); ok {
		tags = append(tags, "license:"+l)
	}
	owner, _, _ := strings.Cut(repo.id, "/")
	about := map[string]any{
		"_id": repo.oid(), "id": repo.id, "modelId": repo.id, "author": owner, "sha": sha, "private": repo.private, "gated": gated,
		"disabled": repo.disabled, "tags": tags, "pipeline_tag": "text-generation", "downloads": 7, "likes": 3,
		"createdAt": "2026-01-02T03:04:05.000Z", "lastModified": "2026-02-03T04:05:06.000Z", "cardData": repo.card, "siblings": siblings, "spaces": []string{},
	}
	for _, f := range files {
		if name := f.architecture(); name != "" {
			about["gguf"] = map[string]any{"architecture": name, "total": f.Content.Size()}
			break
		}
	}
	return about
}

// mask hides a hash from users without access.
func mask(hash string, masked bool) string {
	if masked {
		return strings.Repeat("*", len(hash))
	}
	return hash
}

// entry is a file in a tree.
func entry(f File, expand, masked bool) map[string]any {
	e := map[string]any{"type": "file", "oid": f.GitSHA1(), "size": f.Content.Size(), "path": f.Path}
	if f.Large {
		e["lfs"] = map[string]any{"oid": mask(f.SHA256(), masked), "size": f.Content.Size(), "pointerSize": len(pointer(f.SHA256(), f.Content.Size()))}
		e["xetHash"] = mask(f.sums().xet, masked)
	}
	if expand {
		e["lastCommit"] = map[string]any{"id": f.GitSHA1(), "title": "add files", "date": "2026-02-03T04:05:06.000Z"}
		e["securityFileStatus"] = map[string]any{"status": "safe", "avScan": nil, "pickleImportScan": nil}
	}
	return e
}

// folder is a directory in a tree.
func folder(name string) map[string]any {
	return map[string]any{"type": "directory", "oid": sum("tree", name)[:40], "size": 0, "path": name}
}

// isTrue parses a query parameter.
func isTrue(text string) bool { return text == "true" || text == "1" }

func (h *Hub) tree(w http.ResponseWriter, r *http.Request, c *call, files []File, masked bool) {
	q := r.URL.Query()
	recursive, expand := isTrue(q.Get("recursive")), isTrue(q.Get("expand"))
	var entries []map[string]any
	seen := map[string]bool{}
	for _, f := range files {
		inside, ok := strings.CutPrefix(f.Path, c.path+"/")
		if c.path == "" {
			inside, ok = f.Path, true
		}
		if !ok {
			continue
		}
		for i, char := range inside {
			name := path.Join(c.path, inside[:i])
			if char == '/' && !seen[name] && (recursive || !strings.Contains(inside[:i], "/")) {
				seen[name] = true
				entries = append(entries, folder(name))
			}
		}
		if recursive || !strings.Contains(inside, "/") {
			entries = append(entries, entry(f, expand, masked))
		}
	}
	if len(entries) == 0 && c.path != "" {
		fail(w, r, c, http.StatusNotFound, "EntryNotFound", c.path+" does not exist on \""+c.revision+"\"")
		return
	}
	size := h.pageSize
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		size = min(size, n)
	}
	at := 0
	if cursor, err := base64.RawURLEncoding.DecodeString(q.Get("cursor")); err == nil {
		at, _ = strconv.Atoi(string(cursor)) // ours, or 0
	}
	at = min(max(0, at), len(entries))
	end := min(at+size, len(entries))
	if end < len(entries) {
		q.Set("cursor", base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end))))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, strings.TrimSuffix(h.URL, h.prefix), r.URL.EscapedPath(), q.Encode()))
	}
	writeJSON(w, r, append([]map[string]any{}, entries[at:end]...))
}

func paths(w http.ResponseWriter, r *http.Request, files []File, masked bool) {
	var asked struct {
		Paths  []string `json:"paths"`
		Expand bool     `json:"expand"`
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
			write(w, r, http.StatusBadRequest, []byte(`{"error":"invalid JSON"}`))
			return
		}
	} else if r.ParseForm() == nil {
		asked.Paths, asked.Expand = r.Form["paths"], strings.EqualFold(r.Form.Get("expand"), "true")
	}
	entries := []map[string]any{}
	for _, p := range asked.Paths {
		i := slices.IndexFunc(files, func(f File) bool { return f.Path == p || strings.HasPrefix(f.Path, p+"/") })
		if i >= 0 && files[i].Path == p {
			entries = append(entries, entry(files[i], asked.Expand, masked))
		} else if i >= 0 {
			entries = append(entries, folder(p))
		}
	}
	writeJSON(w, r, entries)
}

func (h *Hub) refs(w http.ResponseWriter, r *http.Request, repo *Repository) {
	branches := []any{}
	h.mu.Lock()
	for _, name := range repo.branches() {
		if !strings.HasPrefix(name, "refs/") {
			branches = append(branches, map[string]string{"name": name, "ref": "refs/heads/" + name, "targetCommit": repo.refs[name]})
		}
	}
	h.mu.Unlock()
	writeJSON(w, r, map[string]any{"branches": branches, "tags": []any{}, "converts": []any{}})
}

// escapePath escapes each segment of a path.
func escapePath(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
