package system

import (
	"testing"
	"time"
)

func TestVerifiedAll(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
	for want, checks := range map[string][]time.Time{
		"all files verified 3 days ago":          {days(2), days(3)},
		"not verified yet (bise verify --all)":   {{}, {}},
		"1 not verified yet (bise verify --all)": {{}, days(3)},
	} {
		if got := verifiedAll(checks, now); got != want {
			t.Errorf("%v is %q", checks, got)
		}
	}
}
