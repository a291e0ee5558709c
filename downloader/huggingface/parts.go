package huggingface

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// partName matches the parts of a split file, as llama.cpp and transformers name them.
var partName = regexp.MustCompile(`(?i)^(.+)-(\d{5})-of-(\d{5})\.(gguf|safetensors)$`)

// A set is the files of one model: one, or all parts in order.
type set struct {
	stem  string // the path without the number of a part and the extension
	count int    // of parts, by their names; 1 for a file that is not split
	parts []part
}

type part struct {
	no int
	Entry
}

// sets groups the files with an extension by model.
func sets(tree []Entry, extension string) []*set {
	var list []*set
	find := map[string]*set{}
	for _, e := range tree {
		if !strings.EqualFold(path.Ext(e.Path), extension) {
			continue
		}
		stem, no, count := e.Path[:len(e.Path)-len(extension)], 1, 1
		if m := partName.FindStringSubmatch(e.Path); m != nil {
			stem = m[1]
			no, _ = strconv.Atoi(m[2]) // five digits each
			count, _ = strconv.Atoi(m[3])
		}
		key := fmt.Sprintf("%s %d %t", stem, count, stem+extension == e.Path)
		s := find[key]
		if s == nil {
			s = &set{stem: stem, count: count}
			find[key], list = s, append(list, s)
		}
		s.parts = append(s.parts, part{no, e})
	}
	for _, s := range list {
		slices.SortStableFunc(s.parts, func(a, b part) int { return cmp.Compare(a.no, b.no) })
	}
	return list
}

func (s *set) files() []Entry {
	list := make([]Entry, len(s.parts))
	for i, p := range s.parts {
		list[i] = p.Entry
	}
	return list
}

func total(files []Entry) int64 {
	var n int64
	for _, e := range files {
		n += e.Size
	}
	return n
}

// checkParts returns an error if a set is incomplete.
func (r *Repo) checkParts(s *set) error {
	const some = 3
	var missing []string
	for no := 1; no <= s.count && len(missing) < some; no++ {
		if !slices.ContainsFunc(s.parts, func(p part) bool { return p.no == no }) {
			missing = append(missing, fmt.Sprintf("%05d", no))
		}
	}
	switch {
	case len(missing) > 0:
		return r.missing(fmt.Sprintf("of the %d parts of %s, these are missing: %s", s.count, s.stem, strings.Join(missing, ", ")), incompleteAdvice)
	case len(s.parts) != s.count:
		return r.missing(fmt.Sprintf("%s: found %d parts, want %d", s.stem, len(s.parts), s.count), incompleteAdvice)
	}
	return r.checkSizes(s.files())
}

const incompleteAdvice = "The upload is incomplete: choose another file or another repository."

// checkSizes returns an error if a file of weights is empty.
func (r *Repo) checkSizes(files []Entry) error {
	for _, e := range files {
		if e.Size == 0 {
			return r.missing(e.Path+" is empty", incompleteAdvice)
		}
	}
	return nil
}
