package tui

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// framesPerSecond is the maximum frame rate.
const framesPerSecond = 120

// frames is the interface as Bubble Tea runs it. Bubble Tea writes a frame whenever its timer
// fires, also while nothing changes: hundreds of context switches a second. frames fires instead
// of the timer, after a change.
type frames struct {
	*Model
	program *tea.Program
	sent    atomic.Bool   // a frameReady is on its way
	changed chan struct{} // a frame waits to be written
}

// frameReady arrives after Bubble Tea has taken the view that was drawn before.
type frameReady struct{}

// newProgram returns a program that shows m until ctx ends.
func newProgram(ctx context.Context, m *Model, options ...tea.ProgramOption) *tea.Program {
	f := &frames{Model: m, changed: make(chan struct{}, 1)}
	f.program = tea.NewProgram(f, append(options, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond), tea.WithFilter(f.filter))...)
	if ticks := replaceTimer(f.program); ticks != nil {
		m.tasks.Go(func() { f.pace(ctx, ticks) })
	}
	return f.program
}

// replaceTimer puts a channel in the place of the frame timer of a program that does not run
// yet. Bubble Tea has no option for that. It returns nil if this version of Bubble Tea
// keeps the timer elsewhere; the program then uses it.
func replaceTimer(p *tea.Program) chan<- time.Time {
	field := reflect.ValueOf(p).Elem().FieldByName("ticker")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*time.Ticker]() {
		return nil
	}
	ticks := make(chan time.Time)
	// A started timer wakes nobody while no goroutine receives from its own channel.
	timer := time.NewTicker(time.Hour)
	timer.C = ticks
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(timer))
	return ticks
}

func (f *frames) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := f.Model.Update(msg)
	return f, cmd
}

// View draws the frame, and announces it. The program receives the message after it has taken
// the frame, because one goroutine does both.
func (f *frames) View() tea.View {
	if f.sent.CompareAndSwap(false, true) {
		go f.program.Send(frameReady{})
	}
	return f.Model.View()
}

func (f *frames) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(frameReady); !ok {
		return msg
	}
	f.sent.Store(false)
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return nil // do not draw again
}

// pace has the changed frames written, up to the maximum rate.
func (f *frames) pace(ctx context.Context, ticks chan<- time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		}
		select {
		case <-ctx.Done():
			return
		case ticks <- time.Now(): // waits while another program has the terminal
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second / framesPerSecond):
		}
	}
}
