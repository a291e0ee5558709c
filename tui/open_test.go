package tui

import (
	"context"
	"strings"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// bise -c shows the last conversation with a message, and what is attached goes into its
// next message.
func TestContinue(t *testing.T) {
	for _, named := range []bool{false, true} {
		s := enginetest.Says("because")
		o := remembering(t, longAgo()...)
		o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return s, nil }
		o.Continue, o.ModelNamed, o.Model = true, named, "third"
		o.Attached = []attach.Attachment{{Name: "notes.txt", Text: "the sky is blue\n"}}
		d := drive(t, o, 80, 24)
		d.sees("Nothing good: the runtime notices")
		d.sees("notes.txt · 1 line")
		d.asks("why?")
		d.sees("because")
		messages := last(t, s).Messages
		if n := len(messages); n != 3 || !strings.Contains(messages[2].Content.Plain(), "the sky is blue") {
			t.Errorf("sent %+v", messages)
		}
		used := d.chat().Using().Ref
		if third := used == "third"; third != named {
			t.Errorf("model named: %v: used %q", named, used)
		}
	}
}

func TestContinueWithoutConversation(t *testing.T) {
	o := remembering(t)
	o.Continue = true
	o.Attached = []attach.Attachment{{Text: "piped"}}
	d := drive(t, o, 80, 24)
	d.sees("No conversation to continue")
	d.sees("pasted text · 1 line")
}
