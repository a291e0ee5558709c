package gguf

import (
	"bufio"
	"io"
)

// Architecture returns general.architecture of the file at path, "" if it has none. It reads the
// header only as far as it must: the key comes first in what converters write.
func Architecture(path string) (string, error) {
	paths, err := Parts(path)
	if err != nil {
		return "", err
	}
	f, size, err := open(paths[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := &header{r: bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<12), end: min(size, maxHeader), size: size}
	var m Metadata
	pairs, _ := h.start(&File{})
	for i := range pairs {
		h.pair(&m, i)
		if name, ok := m.String("general.architecture"); ok || h.err != nil {
			return name, h.err
		}
	}
	return "", h.err
}
