package pull

import (
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/units"
)

// A Step is a step of a pull.
type Step string

const (
	Waiting    Step = "wait"     // for another process that downloads the same model
	Reusing    Step = "reuse"    // verify files that are on this machine already
	Fetching   Step = "fetch"    // download files
	Adapting   Step = "adapt"    // rewrite a file for the built-in engine
	Converting Step = "convert"  // original weights into a model file
	Quantizing Step = "quantize" // the converted file
	Verifying  Step = "verify"   // files without a known checksum
	Installing Step = "install"
)

// A Sample is the progress of a pull.
type Sample struct {
	Step  Step          `json:"step"`
	Name  string        `json:"name,omitempty"`   // the file, or the tensor
	Done  int64         `json:"done_bytes"`       // of this step
	Total int64         `json:"total_bytes"`      // −1 while unknown
	Rate  float64       `json:"bytes_per_second"` // recent
	Left  time.Duration `json:"left_ns"`          // to the end of this step; −1 while unknown
	// Reason says why a download is paused; Until is when it continues, zero if unknown.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Elsewhere is set if another process does the work.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// A Progress reports how far a pull is. Its zero value is ready to use, from any goroutine.
type Progress struct {
	mu    sync.Mutex
	now   Sample
	began time.Time // the step
	fetch *downloader.Progress
}

// Sample returns the progress.
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
		if took := time.Since(p.began).Seconds(); took > 0 && s.Done > 0 {
			s.Rate = float64(s.Done) / took
			if s.Total > 0 {
				s.Left = time.Duration(float64(s.Total-s.Done) / s.Rate * float64(time.Second))
			}
		}
	}
	return s
}

func (p *Progress) begin(step Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.began, p.fetch = Sample{Step: step, Total: -1, Left: -1}, time.Now(), nil
}

// fetching starts the download of files, which reports its progress to f.
func (p *Progress) fetching(f *downloader.Progress) {
	p.begin(Fetching)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetch = f
}

func (p *Progress) set(name string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Name, p.now.Done, p.now.Total = name, done, total
}

func (p *Progress) show(other Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	other.Elsewhere = true
	p.now, p.fetch = other, nil
}

// Share is how much of the step is done, 0 to 1; 0 where that is unknown.
func (s Sample) Share() float64 {
	if s.Total <= 0 {
		return 0
	}
	return float64(s.Done) / float64(s.Total)
}

// StepText describes the step; it is empty for a download.
func (s Sample) StepText() string {
	if s.Elsewhere {
		return "another bise process is downloading it"
	}
	return map[Step]string{
		Reusing: "checking local files", Adapting: "adapting", Converting: "converting", Quantizing: "quantizing", Verifying: "verifying", Installing: "installing",
	}[s.Step]
}

// AmountText describes progress, speed and time left, or why the download is paused:
// 1.21 of 2.15 GB · 38 MB/s · 25 s. It is empty if nothing is known.
func (s Sample) AmountText() string {
	var parts []string
	if s.Total > 0 {
		parts = append(parts, units.Part(s.Done, s.Total))
	}
	switch {
	case s.Reason != "":
		parts = append(parts, s.Reason)
	case s.Total > 0:
		if s.Rate > 0 {
			parts = append(parts, units.Size(int64(s.Rate))+"/s")
		}
		if s.Left >= 0 && s.Done < s.Total {
			parts = append(parts, units.Duration(s.Left))
		}
	}
	return strings.Join(parts, " · ")
}

// Line describes the progress of a pull as a text, the filled part of a progress bar
// and a text after it. Without a bar, the part is -1.
func (s Sample) Line(name string) (text string, share float64, after string) {
	if step := s.StepText(); step != "" {
		name += "  " + step
	}
	if s.Total <= 0 {
		return name, -1, s.AmountText()
	}
	return name + " ", s.Share(), s.AmountText()
}
