package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
)

// interruptible returns a context that ends, with cause console.ErrInterrupted, when the
// user presses Ctrl-C or the system terminates the process. The second time
// the process exits at once.
//
// A broken pipe becomes an error of the write instead of the death of the
// process, so that an answer without a reader stops in its worker.
func interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan os.Signal, 2)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for n := 0; ; n++ {
			select {
			case <-ended:
				if n > 0 {
					os.Exit(fault.ExitInterrupted)
				}
				cancel(console.ErrInterrupted)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ended)
		signal.Stop(pipe)
		close(done)
		<-gone
		cancel(nil)
	}
}
