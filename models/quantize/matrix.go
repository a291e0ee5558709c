package quantize

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

// A Matrix is an importance matrix: how large the inputs of each tensor's columns are for a
// text, so that a quantizer can spend its bits where they matter.
type Matrix struct {
	Datasets  []string         // names of the texts
	Chunks    int              // of the texts; 0: unknown
	ChunkSize int              // tokens of a chunk; 0: unknown
	Entries   map[string]Entry // by tensor
}

// An Entry has the sums of a tensor, of one expert after the other.
type Entry struct {
	Sums   []float32 // of the squares of each column's inputs
	Counts []float32 // of summed inputs; one, or one per expert
}

// Values returns the importance of each column of a tensor, the mean square of its inputs;
// nil for an unknown tensor. Columns of unused experts have equal importance.
func (m *Matrix) Values(name string) []float32 {
	e, ok := m.Entries[name]
	if !ok {
		return nil
	}
	values := slices.Clone(e.Sums)
	columns := len(e.Sums) / len(e.Counts)
	for i, n := range e.Counts {
		part := values[i*columns : (i+1)*columns]
		for j := range part {
			if n > 0 {
				part[j] /= n
			} else {
				part[j] = 1
			}
		}
	}
	return values
}

func (e Entry) check(name string) error {
	if len(e.Sums) == 0 || len(e.Counts) == 0 || len(e.Sums)%len(e.Counts) != 0 {
		return fmt.Errorf("%s has %d sums and %d counts", name, len(e.Sums), len(e.Counts))
	}
	for _, list := range [][]float32{e.Sums, e.Counts} {
		for _, v := range list {
			if !(v >= 0 && v <= math.MaxFloat32) {
				return fmt.Errorf("%s has the number %v", name, v)
			}
		}
	}
	return nil
}

const maxMatrix = 4 << 30 // bytes of a file; the largest mixture of experts needs less

// ReadMatrix reads an importance matrix, as GGUF or in the older format imatrix.dat. Errors
// are of kind Invalid or NotFound.
func ReadMatrix(path string) (*Matrix, error) {
	m, err := readMatrix(path)
	if err == nil {
		return m, nil
	}
	e := fault.Errorf(fault.Invalid, "cannot read the importance matrix %s: %w", path, err)
	if errors.Is(err, os.ErrNotExist) {
		e.Kind, e.Msg = fault.NotFound, "there is no importance matrix "+path
	}
	return nil, fault.Advise(e, "Make one with bise imatrix.")
}

func readMatrix(path string) (*Matrix, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > maxMatrix {
		return nil, fmt.Errorf("it is too large: %d bytes", info.Size())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return decodeMatrix(f, info.Size())
}

func decodeMatrix(r io.ReaderAt, size int64) (*Matrix, error) {
	var magic [4]byte
	if n, err := r.ReadAt(magic[:], 0); err != nil && (n < len(magic) || !errors.Is(err, io.EOF)) {
		return nil, errors.New("the file is empty or cannot be read")
	}
	if string(magic[:]) == gguf.Magic {
		return decodeGGUF(r, size)
	}
	return decodeLegacy(io.NewSectionReader(r, 0, size), size)
}

const (
	sumsSuffix   = ".in_sum2"
	countsSuffix = ".counts"
)

// decodeGGUF reads the format of llama-imatrix and [Matrix.Encode].
func decodeGGUF(r io.ReaderAt, size int64) (*Matrix, error) {
	file, err := gguf.Decode(r, size)
	if err != nil {
		return nil, err
	}
	m := &Matrix{Entries: map[string]Entry{}}
	datasets, ok1 := file.Metadata.Strings("imatrix.datasets")
	chunks, ok2 := file.Metadata.Uint("imatrix.chunk_count")
	chunkSize, ok3 := file.Metadata.Uint("imatrix.chunk_size")
	if !ok1 || !ok2 || !ok3 || chunks > math.MaxInt32 || chunkSize > math.MaxInt32 {
		return nil, errors.New("the GGUF file is not an importance matrix")
	}
	m.Datasets, m.Chunks, m.ChunkSize = datasets, int(chunks), int(chunkSize)
	for _, t := range file.Tensors {
		name, isSums := strings.CutSuffix(t.Name, sumsSuffix)
		isCounts := false
		if !isSums {
			name, isCounts = strings.CutSuffix(t.Name, countsSuffix)
		}
		if !isSums && !isCounts {
			continue // of a newer version
		}
		if t.Type != gguf.F32 {
			return nil, fmt.Errorf("%s is of type %v, not F32", t.Name, t.Type)
		}
		values, err := readFloats(io.NewSectionReader(r, t.Offset, t.Size()), t.Elements())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		e := m.Entries[name]
		if isSums {
			e.Sums = values
		} else {
			e.Counts = values
		}
		m.Entries[name] = e
	}
	return m, m.check()
}

func (m *Matrix) check() error {
	if len(m.Entries) == 0 {
		return errors.New("it has no tensors")
	}
	for name, e := range m.Entries {
		if err := e.check(name); err != nil {
			return err
		}
	}
	return nil
}

// readFloats reads n float32; the caller has checked that the file has them.
func readFloats(r io.Reader, n int64) ([]float32, error) {
	values := make([]float32, n)
	buf := make([]byte, 4*min(n, 1<<14))
	for rest := values; len(rest) > 0; {
		part := buf[:4*min(len(rest), len(buf)/4)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		for i := range len(part) / 4 {
			rest[i] = math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))
		}
		rest = rest[len(part)/4:]
	}
	return values, nil
}

// decodeLegacy reads imatrix.dat: the number of entries, each with a name, the number of
// chunks, and sums to divide by it; then in newer files the number of chunks again and the
// text's name (load_legacy_imatrix of llama.cpp's quantize.cpp).
func decodeLegacy(r io.Reader, size int64) (*Matrix, error) {
	d := &legacy{r: bufio.NewReader(r), left: size}
	m := &Matrix{Entries: map[string]Entry{}}
	entries := d.int("the number of entries")
	if d.err == nil && (entries < 1 || entries > size/12) {
		return nil, errors.New("the file is not an importance matrix")
	}
	for i := int64(0); i < entries && d.err == nil; i++ {
		name := d.text(fmt.Sprintf("the name of entry %d", i+1), gguf.MaxName)
		chunks := d.int("the chunks of " + name)
		sums := d.floats("the sums of " + name)
		if d.err == nil && chunks < 1 {
			chunks = 1
		}
		m.Entries[name] = Entry{Sums: sums, Counts: []float32{float32(chunks)}}
	}
	if d.err != nil {
		return nil, d.err
	}
	if d.left > 0 {
		m.Chunks = int(max(0, d.int("the number of chunks")))
		m.Datasets = []string{d.text("the name of the text", 1<<16)}
	}
	if d.err != nil {
		return nil, d.err
	}
	return m, m.check()
}

// legacy reads 32-bit numbers; after the first error it reads zeros.
type legacy struct {
	r    *bufio.Reader
	left int64 // bytes of the file
	err  error
}

func (d *legacy) read(b []byte, what string) {
	if d.err == nil && int64(len(b)) > d.left {
		d.err = fmt.Errorf("the file ends inside %s", what)
	}
	if d.err != nil {
		clear(b)
		return
	}
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.err = fmt.Errorf("%s: %w", what, err)
	}
	d.left -= int64(len(b))
}

func (d *legacy) int(what string) int64 {
	var b [4]byte
	d.read(b[:], what)
	return int64(int32(binary.LittleEndian.Uint32(b[:])))
}

// count reads a length of items of size bytes, and checks that the file has them.
func (d *legacy) count(what string, size, limit int64) int64 {
	n := d.int(what)
	if d.err == nil && (n < 0 || n > limit || n > d.left/size) {
		d.err = fmt.Errorf("invalid length of %s: %d", what, n)
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *legacy) text(what string, limit int64) string {
	b := make([]byte, d.count(what, 1, limit))
	d.read(b, what)
	return string(bytes.TrimRight(b, "\x00"))
}

func (d *legacy) floats(what string) []float32 {
	n := d.count(what, 4, math.MaxInt32)
	if d.err != nil {
		return nil
	}
	values, err := readFloats(d.r, n)
	if err != nil {
		d.err = fmt.Errorf("%s: %w", what, err)
	}
	d.left -= 4 * n
	return values
}

// Encode writes the matrix as GGUF, in the format of llama-imatrix.
func (m *Matrix) Encode(w io.Writer) error {
	var meta gguf.Metadata
	meta.Set("general.type", gguf.Of("imatrix"))
	meta.Set("imatrix.datasets", gguf.List(m.Datasets))
	meta.Set("imatrix.chunk_count", gguf.Of(uint32(m.Chunks)))
	meta.Set("imatrix.chunk_size", gguf.Of(uint32(m.ChunkSize)))
	var tensors []gguf.Tensor
	var data [][]float32
	for _, name := range slices.Sorted(maps.Keys(m.Entries)) {
		e := m.Entries[name]
		if err := e.check(name); err != nil {
			return fmt.Errorf("write the importance matrix: %w", err)
		}
		n := int64(len(e.Counts))
		for _, t := range []struct {
			suffix string
			values []float32
		}{{sumsSuffix, e.Sums}, {countsSuffix, e.Counts}} {
			dims := []int64{int64(len(t.values)) / n, n}
			if n == 1 {
				dims = dims[:1]
			}
			tensors = append(tensors, gguf.Tensor{Name: name + t.suffix, Type: gguf.F32, Dims: dims})
			data = append(data, t.values)
		}
	}
	out, err := gguf.NewWriter(w, &meta, tensors)
	if err != nil {
		return fmt.Errorf("write the importance matrix: %w", err)
	}
	for i, t := range tensors {
		b := make([]byte, 0, t.Size())
		for _, v := range data[i] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		tw, err := out.Tensor(t.Name)
		if err != nil {
			return err
		}
		if _, err := tw.Write(b); err != nil {
			return fmt.Errorf("write the importance matrix: %w", err)
		}
	}
	return out.Close()
}

// Metadata returns the keys of a file that is quantized with the matrix at path, in the
// order of llama-quantize.
func (m *Matrix) Metadata(path string) *gguf.Metadata {
	var meta gguf.Metadata
	meta.Set("quantize.imatrix.file", gguf.Of(path))
	if len(m.Datasets) > 0 {
		meta.Set("quantize.imatrix.dataset", gguf.Of(m.Datasets[0]))
	}
	meta.Set("quantize.imatrix.entries_count", gguf.Of(uint32(len(m.Entries))))
	if m.Chunks > 0 {
		meta.Set("quantize.imatrix.chunks_count", gguf.Of(uint32(m.Chunks)))
	}
	return &meta
}
