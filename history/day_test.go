package history

import (
	"testing"
	"time"
)

func TestDay(t *testing.T) {
	paris := time.FixedZone("", 3600)
	now := time.Date(2026, 11, 24, 0, 30, 0, 0, paris) // a Tuesday
	for _, tt := range []struct {
		t    time.Time
		want string
	}{
		{now, "Today"},
		{now.Add(-time.Hour), "Yesterday"},
		{now.UTC().Add(-45 * time.Minute), "Yesterday"}, // the same day in UTC
		{now.AddDate(0, 0, -2), "Sunday"},
		{now.AddDate(0, 0, -6), "Wednesday"},
		{now.AddDate(0, 0, -7), "17 November"},
		{now.AddDate(0, 0, 1), "25 November"},
		{now.AddDate(-1, 0, 0), "24 November 2025"},
	} {
		if got := Day(tt.t, now); got != tt.want {
			t.Errorf("Day(%v) = %q, want %q", tt.t, got, tt.want)
		}
	}
}
