package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/bise-sh/bise/models/caches"
)

const (
	// manifestName is the file that makes a folder an installed model.
	manifestName = "manifest.json"
	// manifestVersion is the version of manifests that is written, and the newest
	// that is read.
	manifestVersion = 1

	// Bounds of what is read.
	maxManifest = 1 << 20 // bytes
	maxFiles    = 1024    // of one model
	maxText     = 4096    // bytes of a text in it
)

// A Role is what a file is to its model.
type Role = caches.Role

const (
	Weights   = caches.Weights
	Projector = caches.Projector
	Adapter   = caches.Adapter
	Terms     = caches.Terms
)

// A File belongs to a model.
type File struct {
	Name   string `json:"name"`             // in the model's folder
	Size   int64  `json:"size"`             // bytes
	SHA256 string `json:"sha256,omitempty"` // 64 hexadecimal digits; "" where it is not known
	Role   Role   `json:"role"`
	// Path is where the file lies. In a manifest it is there only for files that
	// lie outside of the model's folder.
	Path string `json:"path,omitempty"`
}

// A Source is where a model came from.
type Source struct {
	Kind Scheme `json:"kind"` // ByPath for what was imported
	// Ref is what to write to get it again: codestral:q4_k_m, hf:owner/repo:file.gguf.
	Ref      string `json:"ref,omitempty"`
	Repo     string `json:"repo,omitempty"`     // owner/name, the address, or the path
	Revision string `json:"revision,omitempty"` // commit of Hugging Face, digest of a registry's manifest
}

// An Agreement is the licence that a model came under.
type Agreement struct {
	ID         string    `json:"id,omitempty"` // as in package licence
	Name       string    `json:"name,omitempty"`
	Link       string    `json:"link,omitempty"`
	TextSHA256 string    `json:"text_sha256,omitempty"` // of the text that was agreed to
	Accepted   time.Time `json:"accepted,omitzero"`     // zero when no one was asked
}

// A Step is something that was done here to make the files.
type Step struct {
	Step    string `json:"step"`              // convert, quantize
	Type    string `json:"type,omitempty"`    // Q4_K_M, …
	Version string `json:"version,omitempty"` // of bise
}

// A Manifest is what is known of an installed model. It is written when the
// model is installed and does not change.
type Manifest struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Tag     string    `json:"tag"`
	Title   string    `json:"title,omitempty"` // for display: Codestral 22B v0.1
	Type    string    `json:"type,omitempty"`  // Q4_K_M, …
	Source  Source    `json:"source"`
	Files   []File    `json:"files"`
	Licence Agreement `json:"licence,omitzero"`
	Made    []Step    `json:"made,omitempty"`
	Can     []string  `json:"can,omitempty"` // abilities, as the catalog calls them
	Created time.Time `json:"created"`
}

// ErrNewer reports a manifest that only a newer bise can read.
var ErrNewer = errors.New("the manifest is of a newer version of bise")

// ParseManifest reads a manifest and checks it as [Manifest.Check] does. One of a
// later version is ErrNewer.
func ParseManifest(data []byte) (Manifest, error) {
	if len(data) > maxManifest {
		return Manifest{}, fmt.Errorf("the manifest has %d bytes, more than a manifest needs", len(data))
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if version.Version > manifestVersion {
		return Manifest{}, ErrNewer
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if err := m.Check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Check finds what a manifest must not have: names that lead out of the model's
// folder, sizes that cannot be, no weights.
func (m *Manifest) Check() error {
	switch {
	case m.Version != manifestVersion:
		return fmt.Errorf("the manifest's version is %d", m.Version)
	case !ValidName(m.Name):
		return fmt.Errorf("the manifest names the model %q", m.Name)
	case !ValidName(m.Tag):
		return fmt.Errorf("the manifest's tag is %q", m.Tag)
	case len(m.Files) > maxFiles:
		return fmt.Errorf("the manifest lists %d files", len(m.Files))
	}
	texts := []string{m.Title, m.Type, string(m.Source.Kind), m.Source.Ref, m.Source.Repo, m.Source.Revision, m.Licence.ID, m.Licence.Name, m.Licence.Link, m.Licence.TextSHA256}
	for _, s := range m.Made {
		texts = append(texts, s.Step, s.Type, s.Version)
	}
	for _, text := range append(texts, m.Can...) {
		if len(text) > maxText {
			return fmt.Errorf("a text of the manifest has %d bytes", len(text))
		}
	}
	weights := false
	seen := map[string]bool{}
	for _, f := range m.Files {
		folded := strings.ToLower(f.Name)
		switch {
		case !validFile(f.Name):
			return fmt.Errorf("the manifest lists a file with the name %q", f.Name)
		case seen[folded]:
			return fmt.Errorf("the manifest lists %s twice", f.Name)
		case f.Size < 0:
			return fmt.Errorf("the manifest says that %s has %d bytes", f.Name, f.Size)
		case f.SHA256 != "" && !digest.MatchString(f.SHA256):
			return fmt.Errorf("the manifest's hash of %s is invalid", f.Name)
		case f.Path != "" && (!filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path || filepath.Base(f.Path) != f.Name):
			return fmt.Errorf("the manifest has %s at %q", f.Name, f.Path)
		case f.Role != Weights && f.Role != Projector && f.Role != Adapter && f.Role != Terms:
			return fmt.Errorf("the manifest says that %s is a %q", f.Name, f.Role)
		}
		seen[folded] = true
		weights = weights || f.Role == Weights
	}
	if !weights {
		return errors.New("the manifest lists no weights")
	}
	return nil
}

// readManifest reads the manifest of the model in a folder.
func readManifest(dir string) (Manifest, error) {
	data, err := readBounded(filepath.Join(dir, manifestName), maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(data)
}

// encode is the manifest as it is written.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(m)
	return b.Bytes(), err
}
