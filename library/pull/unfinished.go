package pull

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

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
		plan := &Plan{Request: rec.Request, Name: m.Name, Tag: m.Tag, Title: m.Title, Type: m.Type, Source: m.Source, Accepted: m.Licence.Accepted, Can: m.Can, Download: -1}
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
