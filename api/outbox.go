package api

import (
	"net/http"
	"sync"
	"time"
)

const (
	// A stream that has nothing to say gets its headers after firstBeat, so that
	// clients see it was accepted, and then a comment every beat, so that read
	// timeouts do not end it. Errors before that are still answered with a status.
	firstBeat = time.Second
	beat      = 10 * time.Second

	// maxBehind is how many bytes an engine can be ahead of a slow client before
	// it has to wait.
	maxBehind = 1 << 20

	// writeWait is how long a client may take nothing before it counts as gone.
	writeWait = time.Minute
)

// An outbox sends an event stream from a separate goroutine: the engine writes into memory,
// and everything gathered meanwhile is sent at once.
type outbox struct {
	w    http.ResponseWriter
	form StreamForm
	wake chan struct{} // work is pending
	done chan struct{} // the sender has ended

	mu      sync.Mutex
	room    sync.Cond
	pending []byte
	started bool // headers are sent
	closed  bool
	gone    bool // the client is
}

func newOutbox(w http.ResponseWriter, form StreamForm) *outbox {
	o := &outbox{w: w, form: form, wake: make(chan struct{}, 1), done: make(chan struct{})}
	o.room.L = &o.mu
	go o.send()
	return o
}

// put appends to the pending events; appendTo can build them in place. It reports false
// when the client is gone.
func (o *outbox) put(appendTo func([]byte) []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) > maxBehind && !o.gone {
		o.room.Wait()
	}
	if o.gone || o.closed {
		return false
	}
	o.pending = appendTo(o.pending)
	o.notify()
	return true
}

// cancel ends a stream before its headers are sent, so that the response can be an error.
// It reports false if they are sent.
func (o *outbox) cancel() bool {
	o.mu.Lock()
	if o.started {
		o.mu.Unlock()
		return false
	}
	o.pending, o.closed = nil, true
	o.notify()
	o.mu.Unlock()
	<-o.done
	return true
}

// close sends the rest and waits until it is sent.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.notify()
	o.mu.Unlock()
	<-o.done
}

func (o *outbox) notify() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) send() {
	defer close(o.done)
	silence := time.NewTimer(firstBeat)
	defer silence.Stop()
	var spare []byte
	for {
		beating := false
		select {
		case <-o.wake:
		case <-silence.C:
			beating = true
		}

		o.mu.Lock()
		frames, closed, first := o.pending, o.closed, !o.started
		if beating && len(frames) == 0 && !closed {
			frames = append(frames, o.form.Beat...)
		}
		o.started = o.started || len(frames) > 0
		o.pending = spare[:0]
		o.room.Broadcast()
		o.mu.Unlock()

		if len(frames) > 0 {
			if !o.flush(frames, first) {
				logGone(o.w)
				o.mu.Lock()
				o.gone = true
				o.room.Broadcast()
				o.mu.Unlock()
				return
			}
			silence.Reset(beat)
		}
		if closed {
			return
		}
		spare = frames
	}
}

func (o *outbox) flush(frames []byte, first bool) bool {
	if first {
		h := o.w.Header()
		h.Set("Content-Type", o.form.ContentType)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // nginx would buffer the stream
	}
	c := http.NewResponseController(o.w)
	_ = c.SetWriteDeadline(time.Now().Add(writeWait)) // tests' recorders have none
	defer c.SetWriteDeadline(time.Time{})
	if _, err := o.w.Write(frames); err != nil {
		return false
	}
	return c.Flush() == nil
}
