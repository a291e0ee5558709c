package pull

import (
	"cmp"
	"encoding/json"
	"errors"
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
	Adapted  string                 `json:"adapted,omitempty"` // the file that took the place of the downloaded weights
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
	data, _ := atomicfile.ReadFile(filepath.Join(dir, recordName), maxRecord)
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

func readProgress(dir string) (s Sample, ok bool) {
	data, _ := atomicfile.ReadFile(filepath.Join(dir, progressName), maxRecord)
	ok = json.Unmarshal(data, &s) == nil
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

// An Unfinished is a pull that was begun and not finished. Pulling the same request again
// continues it; [Puller.Forget] removes its files.
type Unfinished struct {
	Plan  *Plan     // what is known without network access: request, names, type and licence
	Begun time.Time // or last continued
	At    Sample    // the last known progress
}

// Unfinished lists the pulls that were begun and not finished, the latest first, including
// pulls that a process is working on.
func (p *Puller) Unfinished() ([]Unfinished, error) {
	dir := filepath.Dir(p.Store.Staging("name", "tag"))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []Unfinished
	for _, e := range entries {
		stage := filepath.Join(dir, e.Name())
		rec, ok := readRecord(stage)
		if !ok || !e.IsDir() || rec.Manifest.Name == "" || p.Store.Staging(rec.Manifest.Name, rec.Manifest.Tag) != stage {
			continue // another kind of stage
		}
		m := rec.Manifest
		plan := &Plan{Request: rec.Request, Name: m.Name, Tag: m.Tag, Title: m.Title, Type: m.Type, Source: m.Source, Accepted: m.Licence.Accepted, Can: m.Can, Download: -1, llamaServer: p.LlamaServer}
		u := Unfinished{Plan: plan, At: Sample{Total: -1, Left: -1}}
		if info, err := os.Stat(filepath.Join(stage, recordName)); err == nil {
			u.Begun = info.ModTime()
		}
		if s, ok := readProgress(stage); ok {
			u.At = Sample{Step: s.Step, Name: s.Name, Done: s.Done, Total: s.Total, Left: -1}
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Unfinished) int {
		return cmp.Or(b.Begun.Compare(a.Begun), cmp.Compare(a.Plan.Name, b.Plan.Name))
	})
	return list, nil
}
