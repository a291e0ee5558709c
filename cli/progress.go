package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	xansi "github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

const (
	// patience is how long something may take before anything is shown.
	patience = time.Second
	// redraw is the least time between two changes of the line on a terminal.
	redraw = 100 * time.Millisecond
	// repeat is the time between two lines where stderr is no terminal.
	repeat = 10 * time.Second
)

// progress tells on stderr what is being waited for: one line on a terminal,
// drawn over and erased when the waiting ends; elsewhere a plain line every ten
// seconds. It may be used from any goroutine.
type progress struct {
	w     io.Writer
	size  func() (columns, rows int)
	plain bool // no redrawing
	quiet bool // nothing at all

	mu    sync.Mutex
	timer *time.Timer
	line  func(columns int) string // what is being waited for; nil: nothing
	shown string                   // what stands on the terminal; "": nothing
}

func newProgress(w io.Writer, screen term.Screen) *progress {
	return &progress{w: w, size: screen.Size, plain: !screen.Moves()}
}

// calm keeps the progress from redrawing, or altogether.
func (p *progress) calm(quiet bool) { p.plain, p.quiet = true, quiet }

// wait begins to wait for something, or goes on with something else, that line
// describes in so many columns. The line is asked for again whenever it is drawn,
// from another goroutine, until erase; it must not use p.
func (p *progress) wait(line func(columns int) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		return
	}
	p.line = line
	if p.timer == nil {
		first := patience
		if p.plain {
			first = repeat
		}
		p.timer = time.AfterFunc(first, p.tick)
	}
}

// tick draws the line and comes back for the next time.
func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return
	}
	if p.plain {
		fmt.Fprintln(p.w, p.line(80))
		p.timer.Reset(repeat)
		return
	}
	columns, _ := p.size()
	// The last column stays free: a full row would make the terminal go on to
	// the next.
	line := xansi.Truncate(p.line(columns-1), columns-1, "…")
	if line != p.shown {
		fmt.Fprint(p.w, "\r"+line+"\x1b[K")
		p.shown = line
	}
	p.timer.Reset(redraw)
}

// erase ends the waiting and leaves no trace on a terminal.
func (p *progress) erase() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.shown != "" {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = ""
	}
}

// A reading says how far a prompt is read, and guesses how long the rest takes
// from the pace so far.
type reading struct {
	began time.Time
	first int // tokens that were done when it began
	now   engine.Progress
}

// update takes news in.
func (r *reading) update(p engine.Progress) {
	if r.began.IsZero() && p.Queued == 0 {
		r.began, r.first = time.Now(), p.Done
	}
	r.now = p
}

// left is how long the rest takes at the pace so far, 0 when there is none yet.
func (r reading) left() time.Duration {
	done := r.now.Done - r.first
	if done <= 0 {
		return 0
	}
	return time.Since(r.began) / time.Duration(done) * time.Duration(r.now.Total-r.now.Done)
}

func (r reading) line(columns int) string {
	if r.now.Queued > 0 {
		return fmt.Sprintf("waiting for %s before this one", plural(r.now.Queued, "request"))
	}
	text := fmt.Sprintf("reading %s of %s tokens", count(r.now.Done), count(r.now.Total))
	after := ""
	if left := r.left().Round(time.Second); left > 0 {
		after = fmt.Sprintf("  %.0f s left", left.Seconds())
		if left >= 2*time.Minute {
			after = fmt.Sprintf("  %.0f min left", left.Minutes())
		}
	}
	share := float64(r.now.Done) / float64(max(1, r.now.Total))
	return withBar(text, share, after, columns)
}

// withBar puts a bar between two texts, as long as there is room for it.
func withBar(text string, share float64, after string, columns int) string {
	room := min(24, columns-xansi.StringWidth(text)-xansi.StringWidth(after)-1)
	if room < 4 {
		return text + after
	}
	return text + " " + units.Bar(share, room) + after
}
