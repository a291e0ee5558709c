package huggingface

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/filename"
)

// Files makes of entries what can be fetched, in the same order and under the names of
// their paths. It is an error if one of the paths could do harm, or if the hub does not
// give the files out to this user.
func (r *Repo) Files(ctx context.Context, entries ...Entry) ([]downloader.File, error) {
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = e.Path
	}
	if err := filename.CheckAll(paths); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.ID, err)
	}
	files := make([]downloader.File, len(entries))
	for i, e := range entries {
		f, err := r.file(ctx, e)
		if err != nil {
			return nil, err
		}
		files[i] = f
	}
	return files, nil
}

// file is an entry as it is fetched. Of one whose hash was hidden the hub is asked once
// more, now for the file itself: the response has the hash, or an error.
func (r *Repo) file(ctx context.Context, e Entry) (downloader.File, error) {
	if e.Hash == "" {
		found, err := r.resolve(ctx, e)
		if err != nil {
			return downloader.File{}, err
		}
		e.Hash = found.hash
	}
	locate := func(ctx context.Context) (downloader.Location, error) {
		found, err := r.resolve(ctx, e)
		return found.at, err
	}
	return downloader.File{Name: e.Path, Size: e.Size, Hash: e.Hash, Locate: locate}, nil
}

// Read downloads a small file into memory.
func (r *Repo) Read(ctx context.Context, e Entry, limit int64) ([]byte, error) {
	f, err := r.file(ctx, e)
	if err != nil {
		return nil, err
	}
	return r.hub.client.Read(ctx, f, limit)
}

// resolved is where the hub has a file at present, and what it says of its bytes.
type resolved struct {
	at   downloader.Location
	hash downloader.Hash // "" where it does not say
}

// resolve asks the hub for a file, and stops where it sends to the bytes. What it says
// of them stands in that answer, and never in the one that has them: a CDN's ETag may
// look like a SHA-256 and be none.
func (r *Repo) resolve(ctx context.Context, e Entry) (resolved, error) {
	about := subject{repo: r.ID, path: e.Path}
	u, err := r.hub.at("/" + r.ID + "/resolve/" + r.Commit + "/" + escapePath(e.Path))
	if err != nil {
		return resolved{}, err
	}
	req, err := r.hub.request(u)
	if err != nil {
		return resolved{}, err
	}
	for {
		resp, err := r.hub.client.Send(ctx, req)
		if err != nil {
			return resolved{}, fmt.Errorf("open %s: %w", about, err)
		}
		if !downloader.IsRedirect(resp) && resp.StatusCode != http.StatusOK {
			return resolved{}, r.hub.explain(ctx, resp, about)
		}
		found, err := r.check(resp, e)
		if err != nil {
			resp.Body.Close()
			return resolved{}, err
		}
		if !downloader.IsRedirect(resp) {
			resp.Body.Close()
			if err := downloader.LoginPage(resp); err != nil && !strings.HasSuffix(e.Path, ".html") {
				return resolved{}, fmt.Errorf("open %s: %w", about, err)
			}
			found.at = downloader.Location{URL: resp.Request.URL, Header: credentials(resp.Request)}
			return found, nil
		}
		if req, err = r.hub.client.Follow(resp); err != nil {
			return resolved{}, fmt.Errorf("open %s: %w", about, err)
		}
		ctx = req.Context()
		// The hub sends elsewhere within itself when a repository has a new name, and
		// a mirror to the hub.
		if hasMetadata(resp.Header) || !strings.Contains(req.URL.Path, "/resolve/") {
			found.at, err = r.hub.client.Location(resp)
			return found, err
		}
	}
}

// hasMetadata reports whether an answer says something of the file it is about.
func hasMetadata(h http.Header) bool {
	return h.Get("X-Repo-Commit") != "" || h.Get("X-Linked-Etag") != ""
}

// credentials are the headers that the bytes need.
func credentials(req *http.Request) http.Header {
	h := http.Header{}
	if auth := req.Header.Get("Authorization"); auth != "" {
		h.Set("Authorization", auth)
	}
	return h
}

// check compares what an answer says of a file with what the list says.
func (r *Repo) check(resp *http.Response, e Entry) (resolved, error) {
	h := resp.Header
	about := subject{repo: r.ID, path: e.Path}
	if sha := h.Get("X-Repo-Commit"); sha != "" && sha != r.Commit {
		return resolved{}, r.hub.nonsense(about, fmt.Sprintf("the file is of commit %.40q, and %s was asked for", sha, r.Commit), nil)
	}
	if text := h.Get("X-Linked-Size"); text != "" {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n != e.Size {
			return resolved{}, r.hub.nonsense(about, fmt.Sprintf("it has %d bytes in the list of files, and then %.20s", e.Size, text), nil)
		}
	}
	var found resolved
	if tag := strings.Trim(strings.TrimPrefix(h.Get("X-Linked-Etag"), "W/"), `"`); tag != "" {
		hash, err := parseTag(tag)
		if err == nil && e.Hash != "" && sameKind(hash, e.Hash) && hash != e.Hash {
			err = errors.New("its hash is another one than in the list of files")
		}
		if err != nil {
			return resolved{}, r.hub.nonsense(about, err.Error(), nil)
		}
		found.hash = hash
	}
	return found, nil
}

// parseTag reads an ETag that is a hash: 64 digits of SHA-256, or 40 of git.
func parseTag(tag string) (downloader.Hash, error) {
	if hash, err := downloader.SHA256(tag); err == nil {
		return hash, nil
	}
	if hash, err := downloader.GitSHA1(tag); err == nil {
		return hash, nil
	}
	return "", errors.New("its hash is invalid")
}

// sameKind reports whether two hashes are of one function.
func sameKind(a, b downloader.Hash) bool {
	kind := func(h downloader.Hash) string { k, _, _ := strings.Cut(string(h), ":"); return k }
	return kind(a) == kind(b)
}

// escapePath is a path as addresses have it: each segment on its own.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
