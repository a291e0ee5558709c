package kit

import (
	"context"
	"sync"
)

// Tasks runs work in the background that ends with the interface.
type Tasks struct {
	ctx     context.Context // a field because a tea.Cmd has no arguments
	running sync.WaitGroup
}

// NewTasks returns a Tasks whose work ends with ctx.
func NewTasks(ctx context.Context) *Tasks { return &Tasks{ctx: ctx} }

// Context returns a context for commands. It ends with the interface.
func (t *Tasks) Context() context.Context { return t.ctx }

// Go runs f in a goroutine that [Tasks.Wait] waits for.
func (t *Tasks) Go(f func()) { t.running.Go(f) }

// Wait returns when everything that Go started has returned. The context must
// have ended before.
func (t *Tasks) Wait() { t.running.Wait() }
