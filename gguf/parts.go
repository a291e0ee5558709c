package gguf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// partName is how llama.cpp names the files of a model that was split:
// llama_split_path of llama.cpp.
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// Parts returns the files of the model at path, which may be any of them, or path alone
// if its name is not that of a part. A missing part is an error.
func Parts(path string) ([]string, error) {
	dir, name := filepath.Split(path)
	found := partName.FindStringSubmatch(name)
	if found == nil {
		return []string{path}, nil
	}
	no, _ := strconv.Atoi(found[2])
	count, _ := strconv.Atoi(found[3])
	if no < 1 || no > count {
		return nil, fmt.Errorf("read %s: %w", path, malformed("by its name it is part %d of %d", no, count))
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	var paths, missing []string
	for i := range count {
		p := fmt.Sprintf("%s-%05d-of-%05d.gguf", found[1], i+1, count)
		if _, err := os.Stat(dir + p); err != nil {
			missing = append(missing, p)
			continue
		}
		paths = append(paths, dir+p)
	}
	if len(missing) > 0 {
		const some = 3
		list := strings.Join(missing[:min(some, len(missing))], ", ")
		if n := len(missing) - some; n > 0 {
			list += fmt.Sprintf(" and %d more", n)
		}
		return nil, fmt.Errorf("read %s: %w", path, malformed("of its %d parts, %d are missing: %s", count, len(missing), list))
	}
	return paths, nil
}

// checkPart reports whether the file is what its name says, part i of n. A model
// in one file may still say that it is split: then its name was changed.
func (f *File) checkPart(i, n int) error {
	count, split := f.Metadata.Uint("split.count")
	no, _ := f.Metadata.Uint("split.no")
	if !split && n == 1 {
		return nil
	}
	if split && count <= 1 && n == 1 {
		return nil
	}
	if !split {
		return malformed("by its name it is a part of a model, but it does not say which")
	}
	if count != uint64(n) || no != uint64(i) {
		return malformed("it says it is part %d of %d; parts must keep the names they were made with", no+1, count)
	}
	return nil
}

// checkWhole reports whether the parts make a model together.
func (f *File) checkWhole() error {
	if len(f.Parts) == 1 {
		return nil
	}
	if n, ok := f.Metadata.Uint("split.tensors.count"); ok && n != uint64(len(f.Tensors)) {
		return malformed("its parts have %d tensors, its metadata says %d", len(f.Tensors), n)
	}
	names := make(map[string]bool, len(f.Tensors))
	for _, t := range f.Tensors {
		if names[t.Name] {
			return malformed("there are two tensors named %q", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}
