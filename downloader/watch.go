package downloader

import (
	"context"
	"slices"
	"time"
)

const (
	// slowAfter is how long the speed of a connection is measured.
	slowAfter = 10 // seconds
	// slowShare is the fraction of the other connections' speed below which it is slow.
	slowShare = 10
	// maxDrops is how often in a row a connection is restarted: the server may limit it.
	maxDrops = 3
	// quietAfter is how long nothing arrives before it is reported.
	quietAfter = 5 * time.Second
)

// watch restarts connections that are much slower than the others, and reports when nothing
// arrives.
func (w *fetch) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var (
		history = make([][]int64, len(w.attempts)) // bytes at each of the last seconds
		usual   int64                              // bytes in slowAfter
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var rates []int64
		for who := 1; who < len(w.attempts); who++ {
			h := append(history[who], w.attempts[who].bytes.Load())
			if len(h) > slowAfter+1 {
				h = h[1:]
			}
			history[who] = h
			if len(h) > slowAfter && w.attempts[who].age() >= 0 {
				rates = append(rates, h[slowAfter]-h[0])
			}
		}
		if len(rates) == len(w.attempts)-1 && len(rates) > 1 {
			slices.Sort(rates)
			usual = rates[len(rates)/2]
		}
		for who := 1; who < len(w.attempts); who++ {
			h := history[who]
			if len(h) > slowAfter && w.attempts[who].age() >= slowAfter*time.Second && (h[slowAfter]-h[0])*slowShare < usual {
				w.attempts[who].drop()
			}
		}
		if time.Since(time.Unix(0, w.good.Load())) >= quietAfter {
			w.share.setSilent()
		}
	}
}

// age is the age of an attempt, below 0 without one.
func (a *attempt) age() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop == nil {
		return -1
	}
	return time.Since(a.began)
}

// drop ends an attempt, so that its connection starts another one.
func (a *attempt) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil && a.drops.Add(1) <= maxDrops {
		a.stop(errSlow)
	}
}
