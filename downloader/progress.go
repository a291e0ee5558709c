package downloader

import (
	"slices"
	"sync"
	"time"
)

// Phase is what a fetch is at.
type Phase int

// The phases of a fetch, in order. One that finds another process at work on the
// same file waits, and may find the file whole after that.
const (
	Preparing   Phase = iota
	Waiting           // for another process; what it has is shown
	Downloading       // or waiting for a server: see Sample.Reason
	Verifying         // the last byte has come, and not all of them are hashed
	Finished
)

// A Sample is how far things are at a moment.
type Sample struct {
	Phase   Phase
	Name    string        // of the file
	Have    int64         // bytes on the disk; falls only when Damaged grows
	Total   int64         // bytes; −1 while unknown
	Fetched int64         // bytes that came over the network in this run
	Checked int64         // bytes that were read back from the disk and hashed
	Damaged int64         // bytes that had to be given up, and are fetched again
	Rate    float64       // bytes per second in the last 10 s
	Left    time.Duration // to the end; never grows but with Total and Damaged; −1 while unknown
	// Reason says why nothing comes, "" while something does. Until is when that
	// ends, zero where it cannot be known.
	Reason string
	Until  time.Time
}

// A Progress reports how far a fetch is, or several of them, one after another or at
// once. Its zero value is ready. It is sampled, at any time and from any goroutine.
type Progress struct {
	mu      sync.Mutex
	s       Sample
	planned int64 // bytes of Total that no fetch has begun with
	unknown int   // fetches whose size is not known
	shares  []*share
	speed   meter
	left    countdown
}

// Plan announces files that will be fetched, so that the whole is known from the
// beginning.
func (p *Progress) Plan(files ...File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range files {
		p.planned += max(0, f.Size)
		p.s.Total += max(0, f.Size)
	}
}

// Sample is how far things are.
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

// A share is one fetch's part in a progress.
type share struct {
	p     *Progress
	name  string
	size  int64 // −1 while unknown
	have  int64
	phase Phase
}

// begin takes part in p, which may be nil, with a file.
func (p *Progress) begin(f File) *share {
	if p == nil {
		p = new(Progress)
	}
	s := &share{p: p, name: f.Name, size: -1}
	p.mu.Lock()
	p.unknown++
	p.shares = append(p.shares, s)
	p.mu.Unlock()
	s.enter(Preparing)
	if f.Size >= 0 {
		s.sized(f.Size)
	}
	return s
}

// sized reports the size once it is known, or that it is another one.
func (s *share) sized(size int64) {
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

// enter reports the next phase.
func (s *share) enter(phase Phase) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.phase = phase
	s.p.s.Reason, s.p.s.Until = "", time.Time{}
	if phase == Downloading {
		s.p.speed.start(time.Now())
	}
	s.p.choose()
}

// end takes the share's part back from what is shown, when its fetch has ended.
func (s *share) end() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if len(s.p.shares) == 1 {
		return // the last one stays to be seen
	}
	s.p.shares = slices.DeleteFunc(s.p.shares, func(other *share) bool { return other == s })
	s.p.choose()
}

// choose finds the fetch that is shown, of several: one that downloads something before
// one that waits, and that before all others. p is locked.
func (p *Progress) choose() {
	for _, phase := range []Phase{Downloading, Waiting, Verifying, Preparing, Finished} {
		if i := slices.IndexFunc(p.shares, func(s *share) bool { return s.phase == phase }); i >= 0 {
			p.s.Phase, p.s.Name = phase, p.shares[i].name
			return
		}
	}
}

// at reports how much of the file is on the disk without having been fetched now.
func (s *share) at(have int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Have += have - s.have
	s.have = have
}

// came counts bytes from the network, of which kept are new on the disk.
func (s *share) came(bytes, kept int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Fetched += bytes
	s.p.s.Have += kept
	s.have += kept
	s.p.s.Reason, s.p.s.Until = "", time.Time{}
	s.p.speed.add(time.Now(), kept)
}

// checked reports bytes that were hashed.
func (s *share) checked(bytes int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Checked += bytes
}

// lost reports bytes on the disk that are good for nothing.
func (s *share) lost(bytes int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Damaged += bytes
	s.p.s.Have -= bytes
	s.have -= bytes
	s.p.left.reset()
}

// waits reports why nothing comes.
func (s *share) waits(reason string, until time.Time) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.s.Reason, s.p.s.Until = reason, until
}

// quiet reports that nothing comes, where no other reason is known.
func (s *share) quiet() {
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

// advance empties the seconds that have begun since the last time.
func (m *meter) advance(now time.Time) {
	second := max(m.last, int64(now.Sub(m.began)/time.Second))
	for i := m.last + 1; i <= min(second, m.last+int64(len(m.sums))); i++ {
		m.sums[i%int64(len(m.sums))] = 0
	}
	m.last = second
}

// start begins the first second.
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

// rate is bytes per second in the last while, of at most 31 s.
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
	// The newest second has not passed whole.
	since := now.Sub(m.began) - time.Duration(m.last-seconds+1)*time.Second
	if since < 100*time.Millisecond {
		return 0
	}
	return float64(sum) / since.Seconds()
}

// A countdown is the time left as it is shown. It runs faster or slower as the
// estimate says, so that both come to nothing at once, and never goes back.
type countdown struct {
	shown time.Duration
	at    time.Time // when shown was right; zero before the first time
	since time.Time // when the first estimate was asked for
}

// settle is how long the pace is watched before there is an estimate.
const settle = 2 * time.Second

func (c *countdown) reset() { *c = countdown{} }

// next is what to show, with n bytes left that come at a rate; −1 for nothing.
func (c *countdown) next(now time.Time, left int64, rate float64) time.Duration {
	if c.since.IsZero() {
		c.since = now
	}
	if rate > 0 && c.at.IsZero() && now.Sub(c.since) >= settle {
		c.shown, c.at = estimate(left, rate), now
	}
	if c.at.IsZero() {
		return -1
	}
	passed := now.Sub(c.at)
	c.at = now
	if rate > 0 && passed > 0 {
		const soon = 5.0 // seconds in which most of a difference is made good
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
