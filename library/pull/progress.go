package pull

import (
	"sync"
	"time"

	"github.com/bise-sh/bise/downloader"
)

// A Step is what a pull is at.
type Step string

const (
	Waiting    Step = "wait"     // for another process that downloads the same model
	Reusing    Step = "reuse"    // what another program has here; its bytes are checked
	Fetching   Step = "fetch"    // files from a server
	Converting Step = "convert"  // original weights into a model file
	Quantizing Step = "quantize" // that one into a smaller
	Verifying  Step = "verify"   // what has no hash that is known
	Installing Step = "install"
)

// A Sample is how far a pull is at a moment.
type Sample struct {
	Step  Step          `json:"step"`
	Name  string        `json:"name,omitempty"`   // the file, or the tensor
	Done  int64         `json:"done_bytes"`       // of this step
	Total int64         `json:"total_bytes"`      // −1 while unknown
	Rate  float64       `json:"bytes_per_second"` // of late
	Left  time.Duration `json:"left_ns"`          // to the end of this step; −1 while unknown
	// Reason says why nothing comes, "" while something does; Until is when that
	// ends, zero where it cannot be known.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Elsewhere is set where another process does it, and this one waits.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// A Progress reports how far a pull is. Its zero value is ready. It is sampled, at any
// time and from any goroutine.
type Progress struct {
	mu    sync.Mutex
	now   Sample
	began time.Time // the step
	first int64     // bytes that were done when it began
	fetch *downloader.Progress
}

// Sample is how far the pull is.
func (p *Progress) Sample() Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.now
	switch {
	case s.Step == Fetching && p.fetch != nil:
		f := p.fetch.Sample()
		s.Name, s.Done, s.Total, s.Rate, s.Left, s.Reason, s.Until = f.Name, f.Have, f.Total, f.Rate, f.Left, f.Reason, f.Until
		s.Elsewhere = f.Phase == downloader.Waiting
	case s.Elsewhere, s.Step == Waiting:
	default:
		if took := time.Since(p.began).Seconds(); took > 0 && s.Done > p.first {
			s.Rate = float64(s.Done-p.first) / took
			if s.Total > 0 {
				s.Left = time.Duration(float64(s.Total-s.Done) / s.Rate * float64(time.Second))
			}
		}
	}
	return s
}

// begin enters a step.
func (p *Progress) begin(step Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.began, p.first, p.fetch = Sample{Step: step, Total: -1, Left: -1}, time.Now(), 0, nil
}

// fetching enters the download of files, whose own progress is shown.
func (p *Progress) fetching(f *downloader.Progress) {
	p.begin(Fetching)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetch = f
}

// set reports how far the step is.
func (p *Progress) set(name string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Name, p.now.Done, p.now.Total = name, done, total
}

// show shows how far another process is.
func (p *Progress) show(other Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	other.Elsewhere = true
	p.now, p.fetch = other, nil
}
