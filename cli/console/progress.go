package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	xansi "github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

const (
	// patience is how long work may take before anything is shown.
	patience = time.Second
	// redraw is the shortest time between two changes of the line on a terminal.
	redraw = 100 * time.Millisecond
	// repeat is the time between two lines where stderr is not a terminal.
	repeat = 10 * time.Second
)

// progress shows on stderr what is going on: one line on a terminal, redrawn in
// place and erased at the end; elsewhere a plain line every ten seconds. It may be
// used from any goroutine.
type progress struct {
	w     io.Writer
	size  func() (columns, rows int)
	plain bool // no redrawing
	quiet bool // nothing at all

	mu    sync.Mutex
	timer *time.Timer
	line  func(columns int) string // what is going on; nil: nothing
	shown string                   // what is on the terminal; "": nothing
}

func newProgress(w io.Writer, screen term.Screen) *progress {
	return &progress{w: w, size: screen.Size, plain: !screen.Moves()}
}

// calm stops the redrawing, or with quiet all output.
func (p *progress) calm(quiet bool) { p.plain, p.quiet = true, quiet }

// wait shows line until erase, in place of any other. The line is called again
// whenever it is drawn, from another goroutine; it must not use p.
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

// tick draws the line and schedules the next tick.
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
	// The last column stays free: a full row would make the terminal wrap to
	// the next.
	line := xansi.Truncate(p.line(columns-1), columns-1, "…")
	if line != p.shown {
		fmt.Fprint(p.w, "\r"+line+"\x1b[K")
		p.shown = line
	}
	p.timer.Reset(redraw)
}

// erase removes the line and leaves no trace on a terminal.
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

// A Counter counts how much of some work is done, and what is being done. Set and
// Line may be called from different goroutines.
type Counter struct {
	Verb string // such as "quantizing"
	Unit string // what is counted, such as "chunk"; "": bytes

	mu          sync.Mutex
	began       time.Time
	done, total int64
	what        string
}

// Set says how much is done; what is shown behind it, such as a file's name.
func (m *Counter) Set(done, total int64, what string) { m.SetVerb("", done, total, what) }

// SetVerb also replaces the verb, unless it is empty.
func (m *Counter) SetVerb(verb string, done, total int64, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if verb != "" {
		m.Verb = verb
	}
	if m.began.IsZero() && total > 0 {
		m.began = time.Now()
	}
	m.done, m.total, m.what = done, total, what
}

// Line is the progress line.
func (m *Counter) Line(columns int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total == 0 {
		return m.Verb
	}
	amount := fmt.Sprintf("%s of %s", units.Size(m.done), units.Size(m.total))
	if m.Unit != "" {
		amount = fmt.Sprintf("%s %d of %d", m.Unit, m.done, m.total)
	}
	after := ""
	if m.done > 0 {
		left := time.Duration(float64(time.Since(m.began)) / float64(m.done) * float64(m.total-m.done))
		after = units.Duration(left) + " left"
	}
	if m.what != "" {
		after = strings.TrimPrefix(after+"  "+m.what, "  ")
	}
	return term.ProgressLine(m.Verb+", "+amount, float64(m.done)/float64(m.total), after, columns)
}
