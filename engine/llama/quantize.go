//go:build cgo

package llama

import (
	"cmp"
	"sync"
	"time"

	"github.com/bise-sh/bise/fault"
)

// Quantize writes a file with other tensor types. It uses llama.cpp's quantizer, so every
// byte is the same. It calls progress, which may be nil, ten times a second from another
// goroutine.
//
// Quantize cannot be cancelled and may abort the process: call it in a process that can
// be killed, after package gguf has checked the file. The caller removes what a failed
// run leaves behind.
func Quantize(o Quantization, progress func(Quantized)) (Quantized, error) {
	Backends()
	quantizing.Lock()
	defer quantizing.Unlock()
	q := newQuantizer()
	defer q.free()
	for name, values := range o.Matrix {
		q.matrix(name, values)
	}
	for _, t := range o.Tensors {
		q.tensorType(t.Pattern, t.Type)
	}
	for _, f := range o.Metadata {
		if f.Text != "" {
			q.text(f.Key, f.Text)
		} else {
			q.number(f.Key, f.Number)
		}
	}
	o.Threads = cmp.Or(o.Threads, Threads())
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if progress != nil {
					progress(q.progress())
				}
			}
		}
	}()
	err := q.run(o)
	close(done)
	<-watched
	if err != nil {
		return q.progress(), fault.Errorf(fault.BadModel, "cannot quantize %s: %w", o.In, err)
	}
	return q.progress(), nil
}

// quantizing is held while the quantizer redirects llama.cpp's log.
var quantizing sync.Mutex
