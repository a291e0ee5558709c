package downloader

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

const (
	sha256Prefix = "sha256:"
	gitPrefix    = "git-sha1:"
)

// A Hash is the expected hash of a file: "sha256:" or "git-sha1:" and lower-case hex digits,
// or "" if unknown. git's hash is the SHA-1 of "blob", a space, the length in decimal, a zero
// byte, and the content.
type Hash string

// ParseHash parses a Hash. Digits may be upper-case.
func ParseHash(text string) (Hash, error) {
	if text == "" {
		return "", nil
	}
	lower := strings.ToLower(text)
	for prefix, size := range map[string]int{sha256Prefix: sha256.Size, gitPrefix: sha1.Size} {
		digits, ok := strings.CutPrefix(lower, prefix)
		if !ok {
			continue
		}
		if sum, err := hex.DecodeString(digits); err == nil && len(sum) == size {
			return Hash(lower), nil
		}
	}
	return "", fmt.Errorf("invalid hash %.80q", text)
}

// SHA256 makes a Hash from the 64 hex digits of a SHA-256.
func SHA256(digits string) (Hash, error) { return ParseHash(sha256Prefix + digits) }

// GitSHA1 makes a Hash from the 40 hex digits of a git blob's name.
func GitSHA1(digits string) (Hash, error) { return ParseHash(gitPrefix + digits) }

// A digest computes the SHA-256 of a file, and the expected hash if that is of another kind.
type digest struct {
	want Hash
	sum  hash.Hash
	git  hash.Hash // nil unless want is git's
}

// newDigest starts the digest of a file of size bytes.
func newDigest(want Hash, size int64) *digest {
	d := &digest{want: want, sum: sha256.New()}
	if strings.HasPrefix(string(want), gitPrefix) {
		d.git = sha1.New()
		fmt.Fprintf(d.git, "blob %d\x00", size)
	}
	return d
}

func (d *digest) Write(p []byte) (int, error) {
	if d.git != nil {
		d.git.Write(p)
	}
	return d.sum.Write(p)
}

func (d *digest) sha256() Hash { return Hash(sha256Prefix + hex.EncodeToString(d.sum.Sum(nil))) }

// got is the hash of the same kind as the expected one.
func (d *digest) got() Hash {
	if d.git != nil {
		return Hash(gitPrefix + hex.EncodeToString(d.git.Sum(nil)))
	}
	return d.sha256()
}

// ok reports whether the hash is the expected one, or none is expected.
func (d *digest) ok() bool { return d.want == "" || d.want == d.got() }

func (d *digest) clone() *digest {
	c := &digest{want: d.want, sum: clone(d.sum)}
	if d.git != nil {
		c.git = clone(d.git)
	}
	return c
}

func clone(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic("downloader: a hash cannot be cloned: " + err.Error())
	}
	return c.(hash.Hash)
}
