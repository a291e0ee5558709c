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

// Command returns the command that starts or continues the pull.
func (r Request) Command() string {
	words := []string{"bise pull", r.Ref}
	if r.FromSource {
		words = append(words, "--from-source")
	}
	if r.Type != "" {
		words = append(words, "--type "+r.Type)
	}
	if r.SHA256 != "" {
		words = append(words, "--sha256 "+r.SHA256)
	}
	return strings.Join(words, " ")
}

// TermsText returns the text of the licence, or else its summary.
func (p *Plan) TermsText() string {
	if text := strings.TrimSpace(string(p.Text)); text != "" {
		return text
	}
	return p.Terms.Summary + "\n\nThe model comes without the text of the licence."
}
