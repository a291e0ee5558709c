package units

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 98_362_432: "98.4 MB", 999_400: "999 kB", 999_600: "1 MB",
		2_150_000_000: "2.15 GB", 13_300_000_000: "13.3 GB", 16_000_000_000: "16 GB", 1_500_000_000_000: "1.5 TB",
	} {
		equal(t, want, Size(bytes))
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 482: "482", 999: "999", 1000: "1k", 3212: "3.2k", 9849: "9.8k", 9960: "10k", 32768: "33k", 1_200_000: "1.2M"} {
		equal(t, want, Count(n))
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0.4 s", 25 * time.Second: "25 s", 3 * time.Minute: "3 min", 119 * time.Minute: "119 min", 3 * time.Hour: "3 h", -time.Second: "0.0 s",
	} {
		equal(t, want, Duration(d))
	}
	for d, want := range map[time.Duration]string{4 * time.Millisecond: "4 ms", 430 * time.Millisecond: "0.43 s", 12400 * time.Millisecond: "12.4 s"} {
		equal(t, want, Precise(d))
	}
}

func TestOthers(t *testing.T) {
	equal(t, "3.1 of 13.3 GB", Part(3_100_000_000, 13_300_000_000))
	equal(t, "940 MB of 13.3 GB", Part(940_000_000, 13_300_000_000))
	equal(t, "31 tok/s", Speed(31.2))
	equal(t, "0.6 tok/s", Speed(0.61))
	equal(t, "1 file", Plural(1, "file"))
	equal(t, "2 files", Plural(2, "file"))
	for share, want := range map[float64]string{0: "────", 0.5: "━━──", 1: "━━━━", -1: "────", 7: "━━━━"} {
		equal(t, want, Bar(share, 4))
	}
}

func equal(t *testing.T, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
