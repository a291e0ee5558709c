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

	"github.com/bise-sh/bise/atomicfile"
)

const maxDepth = 4 // of folders below a snapshot

var sha256Name = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hub reads a cache of the Hugging Face Hub: for each repository, snapshots/COMMIT/PATH are
// links to blobs/HASH, and refs/NAME hold commits. See
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
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

// repository returns the models of a repository. If several snapshots have a file, the main
// branch comes first, then the newest snapshot.
func (s *scan) repository(dir, repo string) []Model {
	main, _ := atomicfile.ReadFile(filepath.Join(dir, "refs", "main"), 4096)
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

// modelsBelow returns the models in a folder and its subfolders; their refs are relative
// paths, after prefix.
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

// blobHash returns the SHA-256 in the target of a snapshot's link. It returns "" for small
// files, which have a git hash, and on Windows, where there are no links.
func blobHash(path string) string {
	to, err := os.Readlink(path)
	if err != nil || !sha256Name.MatchString(filepath.Base(to)) {
		return ""
	}
	return filepath.Base(to)
}

// studio reads LM Studio's folder: PUBLISHER/REPOSITORY/FILE
// (https://lmstudio.ai/docs/app/basics/import-model).
func (s *scan) studio(dir string) []Model {
	var list []Model
	for _, m := range s.modelsBelow(dir, "", 3) {
		if m.Missing == 0 {
			m.Ref = "lmstudio:" + m.Ref
			list = append(list, m)
		}
	}
	return list
}
