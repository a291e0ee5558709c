package cli

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 98_362_432: "98.4 MB", 999_400: "999 kB", 999_600: "1 MB",
		2_150_000_000: "2.15 GB", 13_300_000_000: "13.3 GB", 16_000_000_000: "16 GB", 1_500_000_000_000: "1.5 TB",
	} {
		equal(t, "size", size(bytes), want)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 482: "482", 999: "999", 1000: "1k", 3212: "3.2k", 9849: "9.8k", 9960: "10k", 32768: "33k", 1_200_000: "1.2M"} {
		equal(t, "count", count(n), want)
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0.4 s", 25 * time.Second: "25 s", 3 * time.Minute: "3 min", 119 * time.Minute: "119 min", 3 * time.Hour: "3 h", -time.Second: "0.0 s",
	} {
		equal(t, "long", long(d), want)
	}
	for d, want := range map[time.Duration]string{4 * time.Millisecond: "4 ms", 430 * time.Millisecond: "0.43 s", 12400 * time.Millisecond: "12.4 s"} {
		equal(t, "precise", precise(d), want)
	}
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"it broke": "it broke.", "it broke.": "it broke.", "why?": "why?", "": ""} {
		equal(t, "sentence", sentence(in), want)
	}
}
