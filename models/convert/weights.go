package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/safetensors"
)

type weights struct {
	folder  *folder
	files   []string // names of the open files
	open    map[string]*os.File
	tensors map[string]*source
}

// A source is a tensor in a file.
type source struct {
	safetensors.Tensor
	file string
	in   io.ReaderAt
	used bool
}

func (s *source) errorf(format string, args ...any) *fault.Error {
	return tensorErrorf(s.file, s.Name, format, args...)
}

// fp8Scale and nativeScale are the suffixes of FP8 scales: of transformers, of
// compressed-tensors and of Mistral.
var fp8Scale = []string{"_scale_inv", "_scale"}

const nativeScale = ".qscale_weight"

// openWeights opens the files of a layout. stem begins their names.
func openWeights(f *folder, stem string) (*weights, error) {
	w := &weights{folder: f, open: map[string]*os.File{}, tensors: map[string]*source{}}
	if err := w.fill(stem); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *weights) close() {
	for _, f := range w.open {
		f.Close()
	}
}

func (w *weights) fill(stem string) error {
	if index := stem + ".safetensors.index.json"; w.folder.has(index) {
		return w.indexed(index)
	}
	names, err := shards(w.folder, stem)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.add(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// indexed opens the files of an index and adds the listed tensors.
func (w *weights) indexed(index string) error {
	data, err := w.folder.read(index, maxIndex)
	if err != nil {
		return err
	}
	var doc struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fileErrorf(index, "cannot be read: %v", err)
	}
	if len(doc.Map) == 0 {
		return fileErrorf(index, "lists no tensors")
	}
	byFile := map[string]map[string]bool{}
	for tensor, file := range doc.Map {
		if file != path.Base(file) || file == "." || file == ".." {
			return tensorErrorf(index, tensor, "is outside the folder, in %q", file)
		}
		if byFile[file] == nil {
			byFile[file] = map[string]bool{}
		}
		byFile[file][tensor] = true
	}
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		if err := w.add(file, byFile[file]); err != nil {
			return err
		}
	}
	for _, tensor := range slices.Sorted(maps.Keys(doc.Map)) {
		if w.tensors[tensor] == nil {
			return tensorErrorf(doc.Map[tensor], tensor, "is listed in the index but missing")
		}
	}
	return nil
}

// add adds the wanted tensors of a file, or all if wanted is nil.
func (w *weights) add(name string, wanted map[string]bool) error {
	file, size, err := w.folder.open(name)
	if err != nil {
		return err
	}
	w.open[name] = file
	w.files = append(w.files, name)
	header, err := safetensors.Decode(file, size)
	if err != nil {
		return readError(name, err)
	}
	for _, t := range header.Tensors {
		if wanted != nil && !wanted[t.Name] {
			continue
		}
		if before := w.tensors[t.Name]; before != nil {
			return tensorErrorf(name, t.Name, "is also in %s", before.file)
		}
		w.tensors[t.Name] = &source{Tensor: t, file: name, in: file}
	}
	return nil
}

// shard matches the name of a part: model-00001-of-00003.safetensors.
var shard = regexp.MustCompile(`^(.+)-(\d{1,6})-of-(\d{1,6})\.safetensors$`)

const maxShards = 4096

func shards(f *folder, stem string) ([]string, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	found, of := map[int]string{}, 0
	for _, name := range names {
		m := shard.FindStringSubmatch(name)
		if m == nil || m[1] != stem {
			continue
		}
		i, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		if n < 1 || n > maxShards || i < 1 || i > n {
			return nil, fileErrorf(name, "is part %d of %d by its name", i, n)
		}
		if of != 0 && of != n {
			return nil, fileErrorf(name, "is one of %d parts by its name, but another file is one of %d", n, of)
		}
		found[i], of = name, n
	}
	switch {
	case slices.Contains(names, stem+".safetensors"):
		return []string{stem + ".safetensors"}, nil
	case of == 0:
		return nil, fileErrorf(stem+".safetensors", "is missing")
	}
	list := make([]string, of)
	for i := range list {
		if list[i] = found[i+1]; list[i] == "" {
			return nil, fileErrorf(fmt.Sprintf("%s-%05d-of-%05d.safetensors", stem, i+1, of), "is missing")
		}
	}
	return list, nil
}

func (w *weights) has(name string) bool { return w.tensors[name] != nil }

// find returns the first existing tensor of the names, and marks it as used.
func (w *weights) find(names ...string) (*source, error) {
	for _, name := range names {
		if t := w.tensors[name]; t != nil {
			t.used = true
			return t, nil
		}
	}
	file := w.folder.path
	if len(w.files) == 1 {
		file = w.files[0]
	}
	return nil, tensorErrorf(file, names[0], "is missing")
}

// scales returns the factors of an FP8 tensor: one for all, or one for each of its slices
// along the first of three dimensions, which are experts.
func (w *weights) scales(t *source) ([]float32, error) {
	var s *source
	for _, end := range fp8Scale {
		s = cmp.Or(s, w.tensors[t.Name+end])
	}
	if stem, ok := strings.CutSuffix(t.Name, ".weight"); ok {
		s = cmp.Or(s, w.tensors[stem+nativeScale])
	}
	if s == nil {
		return nil, t.errorf("has type FP8 but no scale")
	}
	s.used = true
	n := s.Elements()
	if n != 1 && !(len(t.Shape) == 3 && n == t.Shape[0] && s.Shape[0] == n) {
		return nil, s.errorf("has shape %v: want one scale for the whole tensor, or one for each expert", s.Shape)
	}
	size := s.Type.Size()
	decode := decoders[s.Type]
	if decode == nil || s.Type == safetensors.F8E4M3 {
		return nil, s.errorf("is a scale of unsupported type %s", s.Type)
	}
	b := make([]byte, n*size)
	if _, err := s.in.ReadAt(b, s.Offset); err != nil {
		return nil, readError(s.file, err)
	}
	v := make([]float32, n)
	decode(v, b)
	for _, f := range v {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return nil, s.errorf("has an invalid scale: %v", f)
		}
	}
	return v, nil
}
