package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/tui/kit"
)

const growing = "Appending past the capacity allocates a new array, copies the old elements and returns a slice that points to it:\n\n" +
	"```go\ns := make([]int, 0, 2)\ns = append(s, 1, 2, 3) // cap is now 4\n```\n\n" +
	"Capacity doubles up to 256 elements, then grows by about a quarter."

// timings are some that do not depend on the machine.
var timings = enginetest.Took{Prefill: 300 * time.Millisecond, FirstToken: 400 * time.Millisecond, Decode: 3 * time.Second, Evaluated: 200, Generated: 94}

// about is a model with a context of its own.
var about = engine.Info{Model: "Ministral 3 8B", ContextLength: 32000, Can: engine.Capabilities{Chat: true}}

func says(pieces ...string) *enginetest.Script {
	reply := enginetest.Reply{timings}
	for _, p := range pieces {
		reply = append(reply, enginetest.Text(p))
	}
	return &enginetest.Script{About: about, Replies: []enginetest.Reply{reply}}
}

func (d *driver) asks(text string) {
	d.t.Helper()
	d.typed(text)
	d.send(kit.KeyPress("enter"))
}

// idle takes results until no answer is on its way.
func (d *driver) idle() {
	d.t.Helper()
	d.until("the end of the answer", func() bool { return !d.busy() })
}

func TestChat(t *testing.T) {
	goldens(t, func() Options { return scripted(says(strings.SplitAfter(growing, " ")...)) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.asks("How does a slice grow in Go?")
		d.idle()
	})
}

func TestChatSelected(t *testing.T) {
	goldens(t, func() Options { return scripted(says(growing)) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.asks("How does a slice grow in Go?")
		d.idle()
		d.pressed("alt+up")
	})
}

func TestCommandsPopup(t *testing.T) {
	goldens(t, func() Options { return scripted(says(growing)) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.typed("/")
	})
}

func TestSettings(t *testing.T) {
	goldens(t, func() Options { return scripted(says(growing)) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.pressed("ctrl+s")
	})
}
