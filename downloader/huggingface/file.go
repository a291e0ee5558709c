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

// Files returns the files to download for entries, in the same order. It fails if a path is
// unsafe, or if the user has no access.
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

// file makes a file to download. If the list hides its hash, file requests the file itself: the
// response has the hash, or is an error.
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

// resolved is the present location of a file, with its hash.
type resolved struct {
	at   downloader.Location
	hash downloader.Hash // "" if unknown
}

// resolve requests a file from the hub up to the redirect to its bytes. The metadata is in the
// response with the redirect, never in the one with the bytes: a CDN's ETag may look like a
// SHA-256 without being one.
func (r *Repo) resolve(ctx context.Context, e Entry) (resolved, error) {
	about := subject{repo: r.ID, path: e.Path}
	u, err := r.hub.url("/" + r.ID + "/resolve/" + r.Commit + "/" + escapePath(e.Path))
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
			if err := downloader.LoginPage(resp); err != nil && !strings.HasSuffix(e.Path, ".html") {
				resp.Body.Close()
				return resolved{}, fmt.Errorf("open %s: %w", about, err)
			}
			found.at, err = r.hub.client.Location(resp)
			return found, err
		}
		if req, err = r.hub.client.Follow(resp); err != nil {
			return resolved{}, fmt.Errorf("open %s: %w", about, err)
		}
		ctx = req.Context()
		// The hub redirects to the new name of a repository, and a mirror to the hub.
		if hasMetadata(resp.Header) || !strings.Contains(req.URL.Path, "/resolve/") {
			found.at, err = r.hub.client.Location(resp)
			return found, err
		}
	}
}

// hasMetadata reports whether a response describes a file.
func hasMetadata(h http.Header) bool {
	return h.Get("X-Repo-Commit") != "" || h.Get("X-Linked-Etag") != ""
}

// check compares a response with the list of files.
func (r *Repo) check(resp *http.Response, e Entry) (resolved, error) {
	h := resp.Header
	about := subject{repo: r.ID, path: e.Path}
	if sha := h.Get("X-Repo-Commit"); sha != "" && sha != r.Commit {
		return resolved{}, r.hub.protocolError(about, fmt.Sprintf("the file is of commit %.40q, not %s", sha, r.Commit), nil)
	}
	if text := h.Get("X-Linked-Size"); text != "" {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n != e.Size {
			return resolved{}, r.hub.protocolError(about, fmt.Sprintf("it has %d bytes in the list of files, but %.20s in the response", e.Size, text), nil)
		}
	}
	var found resolved
	if tag := strings.Trim(strings.TrimPrefix(h.Get("X-Linked-Etag"), "W/"), `"`); tag != "" {
		hash, err := parseTag(tag)
		if err == nil && e.Hash != "" && sameKind(hash, e.Hash) && hash != e.Hash {
			err = errors.New("its hash differs from the list of files")
		}
		if err != nil {
			return resolved{}, r.hub.protocolError(about, err.Error(), nil)
		}
		found.hash = hash
	}
	return found, nil
}

// parseTag parses an ETag with a hash: 64 digits of SHA-256, or 40 of git.
func parseTag(tag string) (downloader.Hash, error) {
	if hash, err := downloader.SHA256(tag); err == nil {
		return hash, nil
	}
	if hash, err := downloader.GitSHA1(tag); err == nil {
		return hash, nil
	}
	return "", errors.New("its hash is invalid")
}

func sameKind(a, b downloader.Hash) bool {
	kind := func(h downloader.Hash) string { k, _, _ := strings.Cut(string(h), ":"); return k }
	return kind(a) == kind(b)
}

// escapePath escapes each segment of a path.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
