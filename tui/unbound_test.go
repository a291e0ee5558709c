package tui

import (
	"regexp"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/talk"
)

// TestUnboundKeys takes the keys away, one binding at a time and all at once, and walks through
// every mode and every dialog: nothing panics, and no line names a key that is not there.
func TestUnboundKeys(t *testing.T) {
	look, _ := kit.NewLook(config.Interface{}, modes)
	every := map[string]config.Keys{}
	for _, n := range look.Keys.Named() {
		every[n.Name] = config.Keys{}
	}
	walk := func(name string, keys map[string]config.Keys) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walkEverywhere(t, keys)
		})
	}
	walk("all", every)
	for name := range every {
		walk(name, map[string]config.Keys{name: {}})
	}
}

func walkEverywhere(t *testing.T, keys map[string]config.Keys) {
	reply := func(steps ...enginetest.Step) enginetest.Reply { return steps }
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		reply(timings, enginetest.Text(growing)),
		reply(enginetest.Text("cut"), enginetest.End(engine.FinishLength)),
		reply(enginetest.Text("full"), enginetest.End(engine.FinishModelLength)),
		reply(enginetest.Text("half"), enginetest.Fail{Err: fault.Errorf(fault.Internal, "it broke")}),
		reply(),
		reply(enginetest.Emit{Event: engine.LeftOut{Messages: 2, Tokens: 900, Context: 4096}}, enginetest.Text("more")),
		reply(enginetest.Text("on and on"), enginetest.Wait(nil)),
	}}
	o, _ := kept(t, s)
	reviewing, _ := reviewable(t, s)
	coding, _ := coding(t)
	shelves := furnished(t)
	shelves.catalog = new(catalog.Catalog) // whether each model fits takes a while
	library := shelves.options(s)
	o.Changes, o.Folder = reviewing.Changes, coding.Folder
	o.Models, o.Downloads, o.Endpoints = library.Models, library.Downloads, library.Endpoints
	o.Settings.Keys = keys
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	for range len(s.Replies) - 1 {
		d.run(d.m.Settle(d.chat().(kit.Narrator).EnterLine("go")))
		d.until("an answer", d.busy)
		d.idle()
	}
	d.tries()
	d.run(d.m.show(0))
	d.run(d.m.Settle(d.chat().(kit.Narrator).EnterLine("go")))
	d.until("an answer", d.busy)
	d.tries()
	for i := range modes {
		d.run(d.m.show(i))
		for d.m.screens[i].Using() == nil || d.m.screens[i].Using().Engine == nil {
			d.take()
		}
		d.tries()
		commands := d.m.screens[i].Commands()
		if i == 0 {
			commands = d.m.Commands()
		}
		for _, c := range commands {
			d.run(d.m.show(i)) // closes the dialogs
			if d.run(d.m.Settle(c.Run(""))); d.m.Dialog() != nil {
				d.tries()
			}
		}
	}
	d.run(d.m.handle(talk.ModelsRequested{}))
	d.waits()
	for _, letter := range []string{"space", "i", "s", "/"} {
		d.pressed(letter)
		d.tries()
		d.m.dialogs = d.m.dialogs[:min(1, len(d.m.dialogs))]
	}
}

// noKey finds what is left of a hint without its key.
var noKey = regexp.MustCompile(`·  ?·|· *$|(?m)^ *· |Press  `)

// tries presses some keys, clicks on the last line, and looks at the frame.
func (d *driver) tries() {
	d.t.Helper()
	do := func(msg tea.Msg) {
		_, cmd := d.m.Update(msg)
		d.run(cmd)
	}
	for _, key := range []string{"x", "enter", "esc", "up", "tab"} {
		do(kit.KeyPress(key))
	}
	d.check()
	for x := 2; x < 80; x += 25 {
		at := tea.Mouse{X: x, Y: 23, Button: tea.MouseLeft}
		do(tea.MouseClickMsg(at))
		do(tea.MouseReleaseMsg(at))
	}
	d.check()
	if frame := d.frame(); noKey.MatchString(frame) {
		d.t.Fatalf("a hint has no key:\n%s", frame)
	}
}
