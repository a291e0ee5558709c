package pull

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/models"
)

const (
	// Files of a stage.
	recordName   = "pull.json"
	progressName = "progress.json" // for processes that wait
	sourceName   = "source"        // the folder of the original weights

	recordVersion = 1
	maxRecord     = 1 << 20 // bytes
)

// A record is what another process needs to continue a pull.
type record struct {
	Version  int                    `json:"version"`
	Request  Request                `json:"request"`
	Manifest models.Manifest        `json:"manifest"` // incomplete; Files are the verified ones
	Files    []recordFile           `json:"files"`    // to download
	Quantize string                 `json:"quantize,omitempty"`
	Done     []Step                 `json:"done,omitempty"`
	Sums     map[string]fetchedFile `json:"sums,omitempty"` // of downloaded files, by name
}

// A recordFile is a file to download, without its source.
type recordFile struct {
	Name string      `json:"name"`
	Role models.Role `json:"role,omitempty"` // "" of original weights
	Size int64       `json:"size"`
	Hash string      `json:"hash,omitempty"`
}

// A fetchedFile is a downloaded or reused file.
type fetchedFile struct {
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Verified bool   `json:"verified"`
	Path     string `json:"path,omitempty"` // where another program has it; "": in the stage
}

func (r *record) isDone(s Step) bool { return slices.Contains(r.Done, s) }

// readRecord reads the record of a stage, unless it is missing, damaged or of another
// version.
func readRecord(dir string) (*record, bool) {
	return parseRecord(readStart(filepath.Join(dir, recordName)))
}

// readStart reads at most maxRecord bytes of a file; it returns none if it cannot be read.
func readStart(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, maxRecord))
	return data
}

func parseRecord(data []byte) (*record, bool) {
	var r record
	if json.Unmarshal(data, &r) != nil || r.Version != recordVersion {
		return nil, false
	}
	for _, f := range r.Files {
		if filepath.Base(f.Name) != f.Name || f.Name == "." || f.Name == ".." || f.Size < -1 {
			return nil, false
		}
	}
	return &r, true
}

// write replaces the record of a stage.
func (r *record) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, recordName), append(data, '\n'), true)
}

// commit is replaced by tests that end the process there.
var commit = (*atomicfile.File).Commit

// replace writes a file of the stage; durable means that it survives a power failure.
func replace(path string, data []byte, durable bool) error {
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	f.NoSync = !durable
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	return commit(f)
}

// progressInterval is how often the progress is written.
const progressInterval = 500 * time.Millisecond

// writeProgress writes the progress for processes that wait, until done is closed, and once
// more if another run can continue. Errors are ignored.
func writeProgress(dir string, p *Progress, done <-chan struct{}) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for last := false; ; {
		if data, err := json.Marshal(p.Sample()); err == nil {
			_ = replace(filepath.Join(dir, progressName), data, false)
		}
		if last {
			return
		}
		select {
		case <-done:
			if _, ok := readRecord(dir); !ok {
				return
			}
			last = true
		case <-tick.C:
		}
	}
}

// readProgress reads the progress of another process.
func readProgress(dir string) (s Sample, ok bool) {
	ok = json.Unmarshal(readStart(filepath.Join(dir, progressName)), &s) == nil
	return s, ok
}

// removeContents empties a folder, except for the names to keep.
func removeContents(dir string, keep func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if keep == nil || !keep(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
