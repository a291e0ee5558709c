package downloader

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Progress
		a, b := File{Name: "a", Size: 1000}, File{Name: "b", Size: 3000}
		p.Plan(a, b)
		if s := p.Sample(); s.Total != 4000 || s.Left != -1 || s.Phase != Preparing {
			t.Errorf("planned: %+v", s)
		}
		first := p.begin(a)
		first.setPhase(Downloading)
		first.setHave(500)
		for range 5 {
			time.Sleep(time.Second)
			first.add(100, 100)
			p.Sample()
		}
		s := p.Sample()
		if s.Name != "a" || s.Have != 1000 || s.Fetched != 500 || s.Total != 4000 || s.Rate < 95 || s.Rate > 130 {
			t.Errorf("after the first: %+v", s)
		}
		if s.Left < 20*time.Second || s.Left > 31*time.Second {
			t.Errorf("3000 bytes at 100 in a second need %v", s.Left)
		}
		first.setPhase(Finished)
		if s := p.Sample(); s.Phase != Preparing || s.Left <= 0 {
			t.Errorf("with the first whole: %+v", s)
		}
		second := p.begin(b)
		first.end()
		second.setPhase(Downloading)
		second.setReason("a reason", time.Now().Add(time.Minute))
		if s := p.Sample(); s.Name != "b" || s.Total != 4000 || s.Reason != "a reason" || s.Until.IsZero() {
			t.Errorf("while it waits: %+v", s)
		}
		second.add(1000, 1000)
		second.subtract(500)
		if s := p.Sample(); s.Have != 1500 || s.Damaged != 500 || s.Reason != "" || !s.Until.IsZero() {
			t.Errorf("after damage: %+v", s)
		}
		// One that nobody planned, of unknown size.
		third := p.begin(File{Name: "c", Size: -1})
		if s := p.Sample(); s.Total != -1 || s.Left != -1 {
			t.Errorf("with one of unknown size: %+v", s)
		}
		third.setSize(50)
		third.setSize(60) // it has changed
		if s := p.Sample(); s.Total != 4060 {
			t.Errorf("with its size: %+v", s)
		}
		if s := p.Sample(); s.Name != "b" || s.Phase != Downloading {
			t.Errorf("with one at work: %+v", s)
		}
		second.setPhase(Finished)
		if s := p.Sample(); s.Name != "c" || s.Phase != Preparing {
			t.Errorf("with one whole: %+v", s)
		}
		second.end()
		third.setPhase(Finished)
		third.end()
		if s := p.Sample(); s.Left != 0 {
			t.Errorf("at the end: %+v", s)
		}
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		if got := m.rate(time.Now(), time.Minute); got != 0 {
			t.Errorf("before anything it is %v", got)
		}
		for range 20 {
			m.add(time.Now(), 50)
			time.Sleep(500 * time.Millisecond)
		}
		if got := m.rate(time.Now(), 10*time.Second); got < 95 || got > 105 {
			t.Errorf("100 bytes a second are %v", got)
		}
		// An hour later nothing is left of it, and a day's jump of the clock does no harm.
		if got := m.rate(time.Now().Add(time.Hour), 10*time.Second); got != 0 {
			t.Errorf("an hour later it is %v", got)
		}
		m.add(time.Now().Add(-24*time.Hour), 10) // F85
		if got := m.rate(time.Now().Add(-24*time.Hour), 10*time.Second); got < 0 {
			t.Errorf("a day before it is %v", got)
		}
	})
}

// TestCountdown has paces that change: the time left never grows, and comes to nothing
// when all is there.
func TestCountdown(t *testing.T) {
	for name, pace := range map[string]func(second int) int64{
		"steady":            func(int) int64 { return 1000 },
		"slower and slower": func(s int) int64 { return max(100, int64(2000-20*s)) },
		"faster and faster": func(s int) int64 { return int64(100 + 20*s) },
		"in bursts":         func(s int) int64 { return []int64{5000, 0, 0, 0, 0}[s%5] },
		"with a long pause": func(s int) int64 {
			if s > 20 && s < 80 {
				return 0
			}
			return 1000
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const whole = 100_000
				var p Progress
				s := p.begin(File{Size: whole})
				s.setPhase(Downloading)
				last := time.Duration(-1)
				began := time.Now()
				for second, have := 0, int64(0); have < whole; second++ {
					n := min(pace(second), whole-have)
					if n > 0 {
						s.add(n, n)
					}
					have += n
					time.Sleep(time.Second)
					left := p.Sample().Left
					if last >= 0 && left > last {
						t.Fatalf("after %d s %v are left, and %v were", second, left, last)
					}
					if last >= 0 && left < 0 {
						t.Fatalf("after %d s it is not known any more", second)
					}
					last = left
				}
				if took := time.Since(began); last > took/10+2*time.Second {
					t.Errorf("at the end, after %v, %v were left", took, last)
				}
			})
		})
	}
}
