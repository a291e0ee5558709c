package pull

import (
	"strings"

	"github.com/bise-sh/bise/units"
)

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
		Reusing: "checking local files", Converting: "converting", Quantizing: "quantizing", Verifying: "verifying", Installing: "installing",
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
