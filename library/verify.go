package library

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/verify"
)

// A Verification is the result of reading all of a model's bytes.
type Verification struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// Compared is set if checksums were compared, and not only format and numbers checked.
	Compared bool `json:"hashes_compared"`
	OK       bool `json:"ok"`
	verify.Report
}

// Verify reads all of a model.
func (l *Library) Verify(ctx context.Context, m models.Model, progress func(done, total int64)) (Verification, error) {
	v := Verification{Name: m.Name, Path: m.Path, Compared: m.HasChecksums()}
	v.Problems = []verify.Problem{}
	switch {
	case v.Compared:
		damage, err := l.Store().Verify(ctx, m, progress)
		if err != nil {
			return v, err
		}
		v.Files, v.Bytes = len(m.Files), m.Size
		for _, d := range damage {
			v.Problems = append(v.Problems, verify.Problem{What: d.Path + ": " + d.What})
		}
	case m.Problem != nil:
		v.Problems = append(v.Problems, verify.Problem{What: m.Problem.Error()})
	default:
		began := time.Now()
		r, err := verify.Verify(ctx, m.Path, progress)
		if err != nil {
			return v, err
		}
		v.Report = r
		if len(r.Problems) == 0 {
			_ = l.Store().MarkVerified(m, began)
		}
	}
	v.OK = len(v.Problems) == 0
	return v, nil
}

// Garbage lists removed models in the trash, downloads that were interrupted longer than
// stageAge ago, and conversation states that were not used for stateAge.
func (l *Library) Garbage(stageAge, stateAge time.Duration) ([]models.Leftover, error) {
	list, err := l.Store().Leftovers(stageAge)
	if err != nil {
		return nil, err
	}
	return append(list, oldStates(l.options.Places.KV, time.Now().Add(-stateAge))...), nil
}

func oldStates(dir string, then time.Time) []models.Leftover {
	var list []models.Leftover
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".kv" {
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(then) {
			list = append(list, models.NewLeftover("saved conversation", path, info.Size(), info.ModTime(), func() error { return os.Remove(path) }))
		}
		return nil
	})
	return list
}
