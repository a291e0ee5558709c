package library

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/fit"
)

const (
	maxSpeeds = 1 << 20 // bytes of the file
	// keptRuns is how many runs of a model on a backend are kept: one of them was hardly
	// disturbed, and none is old.
	keptRuns = 8
	// shortestRun is the number of tokens below which an answer says little about speed.
	shortestRun = 16
)

// A Run is one answer of a model on this machine.
type Run struct {
	Path        string    `json:"path"`
	Fingerprint string    `json:"fingerprint"` // of the file, as in engine.Info
	Backend     string    `json:"backend"`     // devices
	GPU         bool      `json:"gpu,omitempty"`
	Context     int       `json:"context"` // tokens at its end
	Tokens      int       `json:"tokens"`  // generated
	Rate        float64   `json:"tokens_per_second"`
	Time        time.Time `json:"time"`
}

func (r Run) sameModel(o Run) bool {
	return r.Fingerprint == o.Fingerprint && r.Backend == o.Backend
}

func (l *Library) speedsFile() string {
	return filepath.Join(l.options.Places.State, "speeds.json")
}

// recordEvery is how often the runs of a model are recorded: that writes a file and asks the
// worker, and a server has many answers at once.
const recordEvery = 10 * time.Second

// isDue reports whether an answer of the model in a file should be recorded.
func (l *Library) isDue(path string, d engine.Done) bool {
	if d.Timings.Generated < shortestRun {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.recorded[path]) < recordEvery {
		return false
	}
	l.recorded[path] = time.Now()
	return true
}

// RecordRun records how fast a model decoded one answer, so that its speed here is known. An
// answer with accepted drafts says how well it copied instead.
func (l *Library) RecordRun(m models.Model, info engine.Info, d engine.Done) {
	rate := d.Timings.DecodeRate()
	if d.Timings.Accepted > 0 || d.Timings.Generated < shortestRun || rate <= 0 || info.Fingerprint == "" {
		return
	}
	run := Run{
		Path: m.Path, Fingerprint: info.Fingerprint, Backend: strings.Join(info.Devices, ", "), GPU: info.GPULayers > 0,
		Context: d.Usage.TotalTokens, Tokens: d.Timings.Generated, Rate: rate, Time: time.Now().UTC().Truncate(time.Second),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.addRun(run); err != nil {
		slog.Info("speed not recorded", "err", err)
	}
}

// addRun writes a run. Another process may write at the same time; then one run is lost.
func (l *Library) addRun(run Run) error {
	list := []Run{run}
	same := 1
	for _, r := range l.runs() {
		if r.sameModel(run) {
			same++
		}
		if !r.sameModel(run) || same <= keptRuns {
			list = append(list, r)
		}
	}
	const most = 1000 // runs
	data, err := json.Marshal(list[:min(len(list), most)])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.speedsFile()), 0o700); err != nil {
		return err
	}
	return atomicfile.WriteFile(l.speedsFile(), append(data, '\n'), 0o600)
}

// runs reads the recorded runs, the newest first; none if the file is wrong.
func (l *Library) runs() []Run {
	data, err := atomicfile.ReadFile(l.speedsFile(), maxSpeeds)
	var list []Run
	if err != nil || json.Unmarshal(data, &list) != nil {
		return nil
	}
	return list
}

// speedOf returns the best recent run of a model on the backend that it used last.
func speedOf(runs []Run, m models.Model) (best Run, ok bool) {
	if !slices.ContainsFunc(runs, func(r Run) bool { return r.Path == m.Path }) {
		return Run{}, false
	}
	fingerprint, err := gguf.Fingerprint(m.Path)
	if err != nil {
		return Run{}, false
	}
	for _, r := range runs {
		switch {
		case r.Fingerprint != fingerprint || !(r.Rate > 0):
		case !ok:
			best, ok = r, true
		case r.sameModel(best) && cmp.Compare(r.Rate, best.Rate) > 0:
			best = r
		}
	}
	return best, ok
}

// SpeedOf returns how fast a model decodes here, in tokens per second; 0 if it has not run.
func (l *Library) SpeedOf(m models.Model) float64 {
	best, _ := speedOf(l.runs(), m)
	return best.Rate
}

// withRun sets the measured speed of a plan, if the model ran on the processors that the
// plan names.
func withRun(p fit.Plan, best Run) fit.Plan {
	if best.GPU == (p.Layers > 0) {
		p.Measured = best.Rate
	}
	return p
}

// Plan plans the model for a machine, with the speed that it has reached there. ok is false
// if Needs is unknown.
func (i Installed) Plan(h fit.Machine, o engine.LoadOptions) (p fit.Plan, ok bool) {
	if i.Needs == nil {
		return p, false
	}
	return withRun(i.Needs.Plan(h, o), i.best), true
}
