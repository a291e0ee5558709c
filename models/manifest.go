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

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/models/caches"
)

const (
	// manifestName is the file that makes a folder an installed model.
	manifestName    = "manifest.json"
	manifestVersion = 1 // that is written, and the newest that is read

	// Limits of what is read.
	maxManifest = 1 << 20 // bytes
	maxFiles    = 1024    // of one model
	maxText     = 4096    // bytes of a text in it
)

// A Role is the purpose of a file.
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
	// Path is set in a manifest only for files outside of the model's folder.
	Path string `json:"path,omitempty"`
}

// A Source is where a model was downloaded or imported from.
type Source struct {
	Kind Scheme `json:"kind"` // ByPath for an import
	// Ref downloads it again: codestral:q4_k_m, hf:owner/repo:file.gguf.
	Ref      string `json:"ref,omitempty"`
	Repo     string `json:"repo,omitempty"`     // owner/name, the URL, or the path
	Revision string `json:"revision,omitempty"` // commit of Hugging Face, digest of a registry's manifest
}

// An Agreement is the licence of an installed model.
type Agreement struct {
	ID         string    `json:"id,omitempty"` // as in package licence
	Name       string    `json:"name,omitempty"`
	Link       string    `json:"link,omitempty"`
	TextSHA256 string    `json:"text_sha256,omitempty"` // of the accepted text
	Accepted   time.Time `json:"accepted,omitzero"`     // zero if it needs no acceptance
}

// A Step is a local step that made the files.
type Step struct {
	Step    string `json:"step"`              // convert, quantize
	Type    string `json:"type,omitempty"`    // Q4_K_M, …
	Version string `json:"version,omitempty"` // of bise
}

// A Manifest describes an installed model. It is written at installation and does not
// change.
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
	Can     []string  `json:"can,omitempty"` // abilities of package catalog
	Created time.Time `json:"created"`
}

// ErrNewer reports a manifest that only a newer version of bise can read.
var ErrNewer = errors.New("the manifest is of a newer version of bise")

// ParseManifest reads and checks a manifest. The error for a later version is ErrNewer.
func ParseManifest(data []byte) (Manifest, error) {
	if len(data) > maxManifest {
		return Manifest{}, fmt.Errorf("the manifest is too large: %d bytes", len(data))
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	if version.Version > manifestVersion {
		return Manifest{}, ErrNewer
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	if err := m.Check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Check reports invalid values: file names that leave the model's folder, impossible
// sizes, missing weights.
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

func readManifest(dir string) (Manifest, error) {
	data, err := atomicfile.ReadFile(filepath.Join(dir, manifestName), maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(data)
}

func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(m)
	return b.Bytes(), err
}
