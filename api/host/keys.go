package host

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

// A Hash is the SHA-256 of a key.
type Hash = [sha256.Size]byte

const (
	hashPrefix = "sha256:"
	keyPrefix  = "bise-"
	maxKeys    = 1 << 20 // bytes of a key file
)

const keyFileHead = `# Keys of bise serve: one on each line, and after a space a note of yours. A key that you
# write here is replaced by its hash when the server starts.
`

// Keys reads a file of keys. Keys that are not hashed yet are hashed in the file. If there is
// no file, Keys makes one with a new key, and returns that key: it is shown nowhere else.
func Keys(path string) (hashes []Hash, created string, err error) {
	data, err := atomicfile.ReadFile(path, maxKeys)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		created = keyPrefix + rand.Text()
		data = []byte(keyFileHead + created + " first\n")
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	case err == nil && len(bytes.TrimSpace(data)) == 0:
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, "", keyFileError(path, err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	plain := false
	for i, line := range lines {
		key, rest := splitKey(line)
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		hash, ok := parseHash(key)
		if !ok {
			hash, plain = sha256.Sum256([]byte(key)), true
			lines[i] = hashPrefix + hex.EncodeToString(hash[:]) + rest
		}
		hashes = append(hashes, hash)
	}
	if len(hashes) == 0 {
		return nil, "", keyFileError(path, errors.New("it has no key"))
	}
	if plain {
		err := atomicfile.WriteFile(path, []byte(strings.Join(lines, "")), 0o600)
		if err != nil {
			return nil, "", keyFileError(path, err)
		}
	}
	return hashes, created, nil
}

func splitKey(line string) (key, rest string) {
	i := strings.IndexAny(line, " \t\r\n")
	if i < 0 {
		return line, ""
	}
	return line[:i], line[i:]
}

func parseHash(key string) (h Hash, ok bool) {
	text, ok := strings.CutPrefix(key, hashPrefix)
	if !ok {
		return h, false
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(h) {
		return h, false
	}
	return Hash(data), true
}

func keyFileError(path string, err error) error {
	return &fault.Error{
		Kind: fault.Usage, Msg: fmt.Sprintf("cannot use the key file %s: %v", path, err),
		Advice: "Write a key into it, or delete it: bise serve then makes a new one.", Cause: err,
	}
}
