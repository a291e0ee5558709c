package kit

import (
	"context"
	"sync"
)

// Tasks are what runs in the background. They end with the interface.
type Tasks struct {
	ctx     context.Context // a tea.Cmd takes no argument, so it is kept here
	running sync.WaitGroup
}

// NewTasks returns a Tasks whose work ends with ctx.
func NewTasks(ctx context.Context) *Tasks { return &Tasks{ctx: ctx} }

// Context ends with the interface. It is for commands.
func (t *Tasks) Context() context.Context { return t.ctx }

// Go runs f in a goroutine that [Tasks.Wait] waits for.
func (t *Tasks) Go(f func()) { t.running.Go(f) }

// Wait returns when everything that Go started has returned. The context must
// have ended before.
func (t *Tasks) Wait() { t.running.Wait() }
