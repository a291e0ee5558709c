package fakehub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"

	"github.com/bise-sh/bise/gguf"
)

// A Content is the bytes of a file.
type Content interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Blob is pseudo-random bytes, determined by the seed and the offset.
func Blob(seed uint64, size int64) Content { return blob{seed, size} }

type blob struct {
	seed uint64
	size int64
}

func (b blob) Size() int64 { return b.size }

func (b blob) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, b.size-off)))
	var word [8]byte
	for i := 0; i < n; {
		at := off + int64(i)
		binary.LittleEndian.PutUint64(word[:], mix(b.seed+uint64(at/8)))
		i += copy(p[i:n], word[at%8:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// mix is SplitMix64's output function.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A File is a file of a repository.
type File struct {
	Path    string
	Content Content
	Large   bool // kept in LFS: with a SHA-256, and at the CDN

	sums         func() sums
	architecture func() string // of a GGUF, "" of anything else
}

type sums struct {
	git    string // the blob's name: of the content, or of the pointer if it is large
	sha256 string
	xet    string
}

// Bytes is a file with data. Weights count as large even if they are small, as in the
// .gitattributes of repositories.
func Bytes(name string, data []byte) File { return Of(name, bytes.NewReader(data)) }

func Text(name, text string) File { return Bytes(name, []byte(text)) }

// Weights is a file of pseudo-random bytes.
func Weights(name string, seed uint64, size int64) File { return Of(name, Blob(seed, size)) }

// Of is a file with a content. Its hashes are computed when they are needed.
func Of(name string, c Content) File {
	f := File{Path: name, Content: c}
	f.Large = slices.Contains([]string{".safetensors", ".gguf", ".bin", ".model", ".pt", ".pth"}, path.Ext(name)) || c.Size() > 10<<20
	f.sums = sync.OnceValue(func() sums {
		sha := sha256.New()
		_, _ = io.Copy(sha, io.NewSectionReader(c, 0, c.Size())) // neither can fail
		s := sums{sha256: hex.EncodeToString(sha.Sum(nil))}
		if f.Large {
			s.git, s.xet = gitSum(bytes.NewReader([]byte(pointer(s.sha256, c.Size())))), sum("xet", s.sha256)
		} else {
			s.git = gitSum(c)
		}
		return s
	})
	f.architecture = sync.OnceValue(func() string {
		if path.Ext(name) != ".gguf" {
			return ""
		}
		header, err := gguf.Decode(c, c.Size())
		if err != nil {
			return ""
		}
		return header.Summary().Architecture
	})
	return f
}

// SHA256 of the content, in hex.
func (f File) SHA256() string { return f.sums().sha256 }

// GitSHA1 is git's name of the file: of its content, or of its LFS pointer.
func (f File) GitSHA1() string { return f.sums().git }

func pointer(sha256 string, size int64) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", sha256, size)
}

func gitSum(c Content) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", c.Size())
	_, _ = io.Copy(h, io.NewSectionReader(c, 0, c.Size()))
	return hex.EncodeToString(h.Sum(nil))
}

// sum is 64 hex digits made of words.
func sum(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return hex.EncodeToString(h.Sum(nil))
}
