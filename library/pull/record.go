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
	recordName   = "pull.json"     // in a stage: what is pulled, and how far that is
	progressName = "progress.json" // in a stage: for processes that wait
	sourceName   = "source"        // in a stage: the folder of original weights

	recordVersion = 1
	maxRecord     = 1 << 20 // bytes
)

// A record is what a later process must know of a pull to continue with it. It is in the
// stage, and is replaced whole.
type record struct {
	Version  int                    `json:"version"`
	Request  Request                `json:"request"`
	Manifest models.Manifest        `json:"manifest"` // as far as it is known; its Files are those that are finished
	Files    []recordFile           `json:"files"`    // to be fetched
	Quantize string                 `json:"quantize,omitempty"`
	Done     []Step                 `json:"done,omitempty"`
	Sums     map[string]fetchedFile `json:"sums,omitempty"` // of files that have come, by name
}

// A recordFile is a file that is fetched, without its source.
type recordFile struct {
	Name string      `json:"name"`
	Role models.Role `json:"role,omitempty"` // "" of original weights
	Size int64       `json:"size"`
	Hash string      `json:"hash,omitempty"`
}

// A fetchedFile is a file that has come.
type fetchedFile struct {
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Verified bool   `json:"verified"`
	Path     string `json:"path,omitempty"` // where it lies, if another program has it
}

func (r *record) isDone(s Step) bool { return slices.Contains(r.Done, s) }

// readRecord reads the record of a stage. One that is not there, is not whole or is
// of another version is none.
func readRecord(dir string) (*record, bool) {
	f, err := os.Open(filepath.Join(dir, recordName))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return nil, false
	}
	return parseRecord(data)
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

// write replaces the record of a stage: on the disk, so that what it says is done
// is done after a power cut too.
func (r *record) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, recordName), append(data, '\n'), true)
}

// commit gives a file of the stage its name. Tests end the process there.
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

// progressInterval is how often a process that pulls says how far it is.
const progressInterval = 500 * time.Millisecond

// writeProgress writes how far the pull is for the processes that wait for it, until done is
// closed, and where it stands then if another run can continue. What cannot be written is
// not missed.
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

// readProgress is how far another process is.
func readProgress(dir string) (s Sample, ok bool) {
	f, err := os.Open(filepath.Join(dir, progressName))
	if err != nil {
		return Sample{}, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord))
	return s, err == nil && json.Unmarshal(data, &s) == nil
}

// removeContents empties a folder, except for some names.
func removeContents(dir string, keep ...string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
