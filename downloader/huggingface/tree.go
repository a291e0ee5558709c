package huggingface

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bise-sh/bise/downloader"
)

// An Entry is a file of a repository.
type Entry struct {
	Path string
	Size int64 // bytes
	// Hash is "" if the user has no access.
	Hash downloader.Hash
}

const (
	maxPages   = 2000
	maxEntries = 200_000
	maxFile    = 8 << 40 // bytes
)

// treeEntry is an entry of the hub's list. For a large file, oid is the hash of its pointer.
type treeEntry struct {
	Type string `json:"type"`
	OID  string `json:"oid"`
	Size *int64 `json:"size"`
	Path string `json:"path"`
	LFS  *struct {
		OID  string `json:"oid"`
		Size *int64 `json:"size"`
	} `json:"lfs"`
}

// tree lists the files of a commit.
func (h *Hub) tree(ctx context.Context, repo, commit string) ([]Entry, error) {
	about := subject{repo: repo}
	u, err := h.url("/api/models/" + repo + "/tree/" + commit + "?recursive=true&expand=false")
	if err != nil {
		return nil, err
	}
	files, seen := map[string]Entry{}, map[string]bool{}
	for pages := 1; u != nil; pages++ {
		if seen[u.String()] || pages > maxPages {
			return nil, h.protocolError(about, "the list of files is endless", nil)
		}
		seen[u.String()] = true
		var page []treeEntry
		resp, err := h.ask(ctx, u, about, &page)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if t.Type != "file" {
				continue
			}
			e, err := t.entry()
			if err != nil {
				return nil, h.protocolError(about, err.Error(), nil)
			}
			if other, ok := files[e.Path]; ok && other != e {
				return nil, h.protocolError(about, fmt.Sprintf("it lists %q twice with different contents", e.Path), nil)
			}
			if files[e.Path] = e; len(files) > maxEntries {
				return nil, h.protocolError(about, fmt.Sprintf("it has more than %d files", maxEntries), nil)
			}
		}
		if u, err = h.next(resp, about); err != nil {
			return nil, err
		}
	}
	list := make([]Entry, 0, len(files))
	for _, e := range files {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

func (t treeEntry) entry() (Entry, error) {
	e := Entry{Path: t.Path}
	size, digits, parse := t.Size, t.OID, downloader.GitSHA1
	if t.LFS != nil {
		digits, parse = t.LFS.OID, downloader.SHA256
		if t.LFS.Size != nil {
			size = t.LFS.Size
		}
	}
	if size == nil || *size < 0 || *size > maxFile {
		return Entry{}, fmt.Errorf("the size of %q is invalid", t.Path)
	}
	e.Size = *size
	if strings.Trim(digits, "*") == "" { // hidden or missing
		return e, nil
	}
	hash, err := parse(digits)
	if err != nil {
		return Entry{}, fmt.Errorf("the hash of %q is invalid", t.Path)
	}
	e.Hash = hash
	return e, nil
}

// next is the URL of the next page of a list, or nil. A mirror may send the hub's URL; its path
// below /api/ is the same.
func (h *Hub) next(resp *http.Response, about subject) (*url.URL, error) {
	link := nextLink(resp.Header.Values("Link"))
	if link == "" {
		return nil, nil
	}
	u, err := resp.Request.URL.Parse(link)
	if err == nil && downloader.SameOrigin(u, h.base) && u.User == nil {
		return u, nil
	}
	if err != nil || !strings.HasPrefix(u.EscapedPath(), "/api/") || u.User != nil {
		return nil, h.protocolError(about, "the list of files continues on another server", nil)
	}
	return h.url(u.EscapedPath() + "?" + u.RawQuery)
}

// nextLink is the target of the link with the relation next: RFC 8288.
func nextLink(headers []string) string {
	for _, text := range headers {
		for {
			_, rest, ok := strings.Cut(text, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			text = ""
			if i := strings.IndexByte(params, '<'); i >= 0 {
				params, text = params[:i], params[i:]
			}
			for p := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == ';' || r == ',' }) {
				key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(key, "rel") && slices.Contains(strings.Fields(strings.ToLower(strings.Trim(value, `"`))), "next") {
					return target
				}
			}
		}
	}
	return ""
}
