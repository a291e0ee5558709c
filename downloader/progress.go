package downloader

import (
	"slices"
	"sync"
	"time"
)

// Phase is the phase of a download.
type Phase int

// The phases in order.
const (
	Preparing   Phase = iota
	Waiting           // for another process that downloads the same file
	Downloading       // or waiting for a server: see Sample.Reason
	Verifying         // all bytes are received, and not all are hashed
	Finished
)

// A Sample is the progress at a moment.
type Sample struct {
	Phase   Phase
	Name    string        // of the file
	Have    int64         // bytes on the disk; falls only when Damaged grows
	Total   int64         // bytes; −1 while unknown
	Fetched int64         // bytes received in this run
	Checked int64         // bytes read back from the disk and hashed
	Damaged int64         // bytes that are downloaded again
	Rate    float64       // bytes per second in the last 10 s
	Left    time.Duration // remaining; grows only with Total and Damaged; −1 while unknown
	// Reason is why nothing arrives, or "". Until is when that ends, zero if unknown.
	Reason string
	Until  time.Time
}

// A Progress is the progress of one or several downloads. Its zero value is ready. It may be
// sampled at any time and from any goroutine.
type Progress struct {
	mu      sync.Mutex
	s       Sample
	planned int64 // bytes of Total of downloads that have not begun
	unknown int   // downloads of unknown size
	shares  []*share
	speed   meter
	left    countdown
}

// Plan announces files that will be downloaded, so that the total is known from the start.
func (p *Progress) Plan(files ...File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range files {
		p.planned += max(0, f.Size)
		p.s.Total += max(0, f.Size)
	}
}

// Sample returns the present progress.
func (p *Progress) Sample() Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, s := time.Now(), p.s
	s.Rate = p.speed.rate(now, 10*time.Second)
	s.Left = -1
	if p.unknown > 0 {
		s.Total = -1
	} else if s.Phase != Waiting {
		s.Left = p.left.next(now, s.Total-s.Have, p.speed.rate(now, 30*time.Second))
	}
	switch {
	case s.Phase == Finished && p.planned > 0:
		s.Phase = Preparing // of the next
	case s.Phase == Finished:
		s.Left = 0
	}
	return s
}

// A share is the part of one download in a progress.
type share struct {
	p     *Progress
	name  string
	size  int64 // −1 while unknown
	have  int64
	phase Phase
}

// begin adds a file to p, which may be nil.
func (p *Progress) begin(f File) *share {
	if p == nil {
		p = new(Progress)
	}
	s := &share{p: p, name: f.Name, size: -1}
	p.mu.Lock()
	p.unknown++
	p.shares = append(p.shares, s)
	p.mu.Unlock()
	s.setPhase(Preparing)
	if f.Size >= 0 {
		s.setSize(f.Size)
	}
	return s
}

// setSize sets the size, or changes it.
func (s *share) setSize(size int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	switch {
	case s.size == size:
		return
	case s.size >= 0:
		s.p.s.Total += size - s.size
		s.p.left.reset()
	case s.p.planned >= size:
		s.p.planned -= size
	default:
		s.p.s.Total += size
		s.p.left.reset()
	}
	if s.size < 0 {
		s.p.unknown--
	}
	s.size = size
}

func (s *share) setPhase(phase Phase) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.phase = phase
	s.p.s.Reason, s.p.s.Until = "", time.Time{}
	if phase == Downloading {
		s.p.speed.start(time.Now())
	}
	s.p.choose()
}

// end removes a finished download from the display.
func (s *share) end() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if len(s.p.shares) == 1 {
		return // keep showing the last one
	}
	s.p.shares = slices.DeleteFunc(s.p.shares, func(other *share) bool { return other == s })
	s.p.choose()
}

// choose selects the download to show: a download before a waiting one, and that before all
// others. p is locked.
func (p *Progress) choose() {
	for _, phase := range []Phase{Downloading, Waiting, Verifying, Preparing, Finished} {
		if i := slices.IndexFunc(p.shares, func(s *share) bool { return s.phase == phase }); i >= 0 {
			p.s.Phase, p.s.Name = phase, p.shares[i].name
			return
		}
	}
}

// setHave sets the bytes that are on the disk from before.
func (s *share) setHave(have int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Have += have - s.have
	s.have = have
}

// add counts received bytes, of which kept are new on the disk.
func (s *share) add(bytes, kept int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Fetched += bytes
	s.p.s.Have += kept
	s.have += kept
	s.p.s.Reason, s.p.s.Until = "", time.Time{}
	s.p.speed.add(time.Now(), kept)
}

// addChecked counts hashed bytes.
func (s *share) addChecked(bytes int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Checked += bytes
}

// subtract removes useless bytes.
func (s *share) subtract(bytes int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Damaged += bytes
	s.p.s.Have -= bytes
	s.have -= bytes
	s.p.left.reset()
}

// setReason sets why nothing arrives.
func (s *share) setReason(reason string, until time.Time) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Reason, s.p.s.Until = reason, until
}

// setSilent reports that nothing arrives, if no other reason is set.
func (s *share) setSilent() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.s.Phase == Downloading && s.p.s.Reason == "" {
		s.p.s.Reason = "the server sends nothing"
	}
}

// A meter counts bytes by the second.
type meter struct {
	began time.Time
	sums  [32]int64 // of the last seconds, each at its number modulo 32
	last  int64     // the newest second, counted from began
}

// advance clears the seconds since the last call.
func (m *meter) advance(now time.Time) {
	second := max(m.last, int64(now.Sub(m.began)/time.Second))
	for i := m.last + 1; i <= min(second, m.last+int64(len(m.sums))); i++ {
		m.sums[i%int64(len(m.sums))] = 0
	}
	m.last = second
}

func (m *meter) start(now time.Time) {
	if m.began.IsZero() {
		m.began = now
	}
}

func (m *meter) add(now time.Time, n int64) {
	m.start(now)
	m.advance(now)
	m.sums[m.last%int64(len(m.sums))] += n
}

// rate is the rate over the last while, at most 31 s, in bytes per second.
func (m *meter) rate(now time.Time, while time.Duration) float64 {
	if m.began.IsZero() {
		return 0
	}
	m.advance(now)
	seconds := min(int64(while/time.Second), m.last+1)
	var sum int64
	for i := range seconds {
		sum += m.sums[(m.last-i)%int64(len(m.sums))]
	}
	// The newest second has not ended yet.
	since := now.Sub(m.began) - time.Duration(m.last-seconds+1)*time.Second
	if since < 100*time.Millisecond {
		return 0
	}
	return float64(sum) / since.Seconds()
}

// A countdown is the remaining time for display. It runs faster or slower to meet the
// estimate, and never goes back.
type countdown struct {
	shown time.Duration
	at    time.Time // of shown; zero before the first estimate
	since time.Time // of the first call
}

// settleTime is how long to measure before the first estimate.
const settleTime = 2 * time.Second

func (c *countdown) reset() { *c = countdown{} }

// next is the time to show, with left bytes at a rate; −1 for none.
func (c *countdown) next(now time.Time, left int64, rate float64) time.Duration {
	if c.since.IsZero() {
		c.since = now
	}
	if rate > 0 && c.at.IsZero() && now.Sub(c.since) >= settleTime {
		c.shown, c.at = estimate(left, rate), now
	}
	if c.at.IsZero() {
		return -1
	}
	passed := now.Sub(c.at)
	c.at = now
	if rate > 0 && passed > 0 {
		const soon = 5.0 // seconds in which most of a difference is corrected
		whole := estimate(left, rate)
		if less := c.shown - whole; less > 0 {
			c.shown -= max(min(less, passed), time.Duration(float64(less)*min(1, passed.Seconds()/soon)))
		} else if whole > 0 {
			c.shown -= time.Duration(float64(passed) * c.shown.Seconds() / whole.Seconds())
		}
	}
	c.shown = max(0, c.shown)
	return c.shown
}

// estimate is how long bytes take at a rate.
func estimate(left int64, rate float64) time.Duration {
	const most = 1000 * time.Hour
	return time.Duration(min(float64(max(0, left))/rate, most.Seconds()) * float64(time.Second))
}
