package model

import (
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64 // −1: refused
	}{
		{"", 0},
		{"1000", 1000},
		{"500kB", 500_000},
		{"5MB", 5_000_000},
		{"2.5m", 2_500_000},
		{"1.5 MB/s", 1_500_000},
		{"1G", 1_000_000_000},
		{"0", -1},
		{"-5MB", -1},
		{"fast", -1},
		{"NaN", -1},
		{"1e30", -1},
	} {
		got, err := parseRate(c.text)
		if err != nil {
			got = -1
		}
		equal(t, "--limit-rate "+c.text, got, c.want)
	}
}

func TestPullLine(t *testing.T) {
	for _, c := range []struct {
		s    pull.Sample
		want string
	}{
		{pull.Sample{Step: pull.Fetching, Done: 3_100_000_000, Total: 13_300_000_000, Rate: 41e6, Left: 4 * time.Minute}, "codestral  ━━━━━━──────────────────  3.1 of 13.3 GB · 41 MB/s · 4 min"},
		{pull.Sample{Step: pull.Fetching, Done: 940_000_000, Total: 13_300_000_000, Left: -1}, "codestral  ━━──────────────────────  940 MB of 13.3 GB"},
		{pull.Sample{Step: pull.Fetching, Done: 1, Total: 2, Left: -1, Reason: "the server wants fewer requests"}, "codestral  ━━━━━━━━━━━━────────────  1 of 2 B · the server wants fewer requests"},
		{pull.Sample{Step: pull.Quantizing, Done: 5e9, Total: 1e10, Rate: 1e8, Left: 50 * time.Second}, "codestral  quantizing  ━━━━━━━━━━━━────────────  5 of 10 GB · 100 MB/s · 50 s"},
		{pull.Sample{Step: pull.Fetching, Done: 1e9, Total: 2e9, Left: -1, Elsewhere: true}, "codestral  another bise process is downloading it  ━━━━━━━━━━━━────────────  1 of 2 GB"},
		{pull.Sample{Step: pull.Waiting, Total: -1, Left: -1, Elsewhere: true}, "codestral  another bise process is downloading it"},
		{pull.Sample{Step: pull.Installing, Total: -1, Left: -1}, "codestral  installing"},
	} {
		equal(t, "the line", pullLine("codestral", c.s, 100), c.want)
	}
}

func TestTryIt(t *testing.T) {
	for can, want := range map[string]string{
		"chat fim":    "bise complete -m x main.go:10",
		"embed":       "bise embed -m x README.md",
		"chat vision": `bise see -m x photo.jpg "What is on it?"`,
		"chat math":   `bise solve -m x "2x - 3 = 11"`,
		"chat":        `bise ask -m x "How does a slice grow in Go?"`,
		"":            `bise ask -m x "How does a slice grow in Go?"`,
	} {
		equal(t, can, tryIt(models.Model{Name: "x", Manifest: &models.Manifest{Can: strings.Fields(can)}}), want)
	}
}

func TestPullAgain(t *testing.T) {
	for want, r := range map[string]pull.Request{
		"bise pull tiny": {Ref: "tiny"},
		"bise pull tiny --from-source --type Q6_K":   {Ref: "tiny", FromSource: true, Type: "Q6_K"},
		"bise pull https://h.org/m.gguf --sha256 00": {Ref: "https://h.org/m.gguf", SHA256: "00"},
	} {
		equal(t, "the command", r.Command(), want)
	}
}
