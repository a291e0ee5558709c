package caches

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxDepth is how many folders below a snapshot may be nested.
const maxDepth = 4

var sha256Name = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hub looks through a cache of the Hugging Face Hub, whose layout is described at
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache: for each
// repository, snapshots/COMMIT/PATH are links to blobs/HASH, and refs/NAME hold
// commits.
func (s *scan) hub(dir string) []Model {
	var list []Model
	for _, entry := range s.read(dir) {
		folder, ok := strings.CutPrefix(entry.Name(), "models--")
		owner, name, two := strings.Cut(folder, "--")
		if !ok || !two {
			continue
		}
		list = append(list, s.repository(filepath.Join(dir, entry.Name()), owner+"/"+name)...)
	}
	return list
}

// repository gives the models of a repository. Of files that several snapshots
// have, those of the main branch come first, then the newest.
func (s *scan) repository(dir, repo string) []Model {
	main, _ := readBounded(filepath.Join(dir, "refs", "main"), 4096)
	snapshots := s.read(filepath.Join(dir, "snapshots"))
	age := func(e os.DirEntry) int64 {
		if e.Name() == strings.TrimSpace(string(main)) {
			return -1 << 62
		}
		info, err := e.Info()
		if err != nil {
			return 0
		}
		return -info.ModTime().UnixNano() / 2
	}
	slices.SortStableFunc(snapshots, func(a, b os.DirEntry) int { return cmp.Compare(age(a), age(b)) })
	var list []Model
	seen := map[string]bool{}
	for _, snapshot := range snapshots {
		for _, m := range s.modelsBelow(filepath.Join(dir, "snapshots", snapshot.Name()), "", maxDepth) {
			if m.Missing == 0 && !seen[m.Ref] {
				seen[m.Ref] = true
				m.Ref = "hf:" + repo + ":" + m.Ref
				for i := range m.Files {
					m.Files[i].SHA256 = blobHash(m.Files[i].Path)
				}
				list = append(list, m)
			}
		}
	}
	return list
}

// modelsBelow gives the models in the folders below one; their refs are paths from
// there, after prefix.
func (s *scan) modelsBelow(dir, prefix string, depth int) []Model {
	entries := s.read(dir)
	list := InFolder(dir, entries)
	for i := range list {
		list[i].Ref = path.Join(prefix, filepath.Base(list[i].Files[0].Path))
	}
	if depth == 0 {
		return list
	}
	for _, entry := range entries {
		at := filepath.Join(dir, entry.Name())
		folder := entry.IsDir()
		if s.links && entry.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(at)
			folder = err == nil && info.IsDir()
		}
		if folder && entry.Name()[0] != '.' {
			list = append(list, s.modelsBelow(at, path.Join(prefix, entry.Name()), depth-1)...)
		}
	}
	return list
}

// blobHash is the SHA-256 by which a snapshot's link calls its file, "" when it does
// not: small files are called by their git hash, and without links (on Windows)
// nothing says it.
func blobHash(path string) string {
	to, err := os.Readlink(path)
	if err != nil || !sha256Name.MatchString(filepath.Base(to)) {
		return ""
	}
	return filepath.Base(to)
}
