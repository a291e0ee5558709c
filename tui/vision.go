package tui

import (
	"context"
	"fmt"
	"image"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// visionMode is the mode for questions about pictures: a conversation, with the
// pictures that it is about beside it or above.
type visionMode struct {
	*chatMode
	chosen int // of the pictures, the one that is shown large; -1: the newest
	costs  map[cost]int

	wall   []string    // the pictures as lines
	beside bool        // the wall is at the left of the conversation, not above it
	room   image.Point // that the wall takes: columns at the left, or rows above
	hung   []hanging

	// shrunk is what is to be said of pictures that had to be made smaller. Who reads
	// the answer puts it here.
	shrunk atomic.Pointer[string]
}

// An exhibit is a picture of the conversation, or one that is to be sent with the
// next message.
type exhibit struct {
	name string
	shot *shot
}

// A hanging is where on the screen a picture is.
type hanging struct {
	exhibit int
	area    image.Rectangle
}

// A cost is what a picture is counted by: the model that is to see it.
type cost struct {
	shot  *shot
	model *engines.Model
}

const unknown = 0 // tokens while they are counted, or where nobody can

func newVision(o TalkOptions) *visionMode {
	v := &visionMode{
		chatMode: &chatMode{newConversation(o, "vision", "Ask about a picture. @ finds one, ctrl+v pastes one")},
		chosen:   -1, costs: map[cost]int{},
	}
	v.craft = v
	own := v.composer.commands
	v.composer.commands = func() []kit.Command { return append([]kit.Command{v.nextCommand()}, own()...) }
	return v
}

func (v *visionMode) Shown() tea.Cmd {
	return tea.Batch(v.chatMode.Shown(), v.gallery.ask(), v.count())
}

func (v *visionMode) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(picturesCounted); ok {
		v.costs[msg.cost] = msg.tokens
		return nil
	}
	cmd := v.chatMode.Update(msg)
	if text := v.shrunk.Swap(nil); text != nil {
		v.notify(kit.Notice{Text: *text, Stays: true})
	}
	return tea.Batch(cmd, v.count())
}

// begin has pictures made smaller where the context has no room for them.
func (v *visionMode) begin(e engine.Engine, r engine.ChatRequest, kept func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event)) {
	return vision.Fitting{Engine: e, Resized: func(_ int, before, after attach.Image, context int) {
		text := fmt.Sprintf("a picture is shown to the model in %d×%d instead of %d×%d: the context holds %s tokens",
			after.Width, after.Height, before.Width, before.Height, units.Count(context))
		v.shrunk.Store(&text)
	}}, r, kept
}

func (v *visionMode) take(t *turn, event engine.Event, now time.Time) { t.take(event, now) }

func (v *visionMode) end(*turn, time.Time) {}

func (v *visionMode) UseModel(ref string) tea.Cmd {
	cmd := v.chatMode.UseModel(ref)
	return tea.Batch(cmd, v.count())
}

// exhibits are the pictures there are, the newest last. One that was sent twice is
// the same picture.
func (v *visionMode) exhibits() []exhibit {
	var list []exhibit
	seen := map[*shot]bool{}
	add := func(name string, s *shot) {
		if s != nil && !seen[s] {
			seen[s] = true
			list = append(list, exhibit{name, s})
		}
	}
	for _, t := range v.transcript.turns {
		for _, a := range t.attached {
			add(a.Name, t.shots[a.Chunk])
		}
	}
	for _, a := range v.composer.attached {
		add(a.Name, a.shot)
	}
	return list
}

// current is the picture that is shown large, by its place among n.
func (v *visionMode) current(n int) int {
	if v.chosen < 0 || v.chosen >= n {
		return n - 1
	}
	return v.chosen
}

// next shows the next picture large.
func (v *visionMode) next() {
	if n := len(v.exhibits()); n > 0 {
		v.chosen = (v.current(n) + 1) % n
	}
}

func (v *visionMode) nextCommand() kit.Command {
	return kit.Command{Name: "picture", Help: "show the next picture", Run: func(string) kit.Outcome {
		v.next()
		return kit.Handled(nil)
	}}
}

func (v *visionMode) Commands() []kit.Command {
	return append([]kit.Command{v.nextCommand()}, v.chatMode.Commands()...)
}

// nextPicture is the key that shows the next picture.
var nextPicture = kit.NewBinding("alt+.", "next picture")

func (v *visionMode) Press(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, nextPicture) && len(v.exhibits()) > 1 {
		v.next()
		return kit.Handled(nil)
	}
	return v.chatMode.Press(k)
}

func (v *visionMode) Bindings() []kit.Hint {
	list := v.chatMode.Bindings()
	if len(v.exhibits()) > 1 {
		list = append(list, kit.Hint{Binding: nextPicture})
	}
	return list
}

func (v *visionMode) Footer() kit.Footer {
	f := v.chatMode.Footer()
	if len(v.exhibits()) > 1 && !v.busy() {
		f.Hints = append([]kit.Hint{{Binding: nextPicture}}, f.Hints...)
	}
	return f
}

// picturesCounted brings what a picture costs.
type picturesCounted struct {
	cost   cost
	tokens int
}

// count is the command that counts what pictures cost, each once for a model.
func (v *visionMode) count() tea.Cmd {
	if v.model == nil || v.model.State != engines.Ready {
		return nil
	}
	var cmds []tea.Cmd
	ctx, e := v.tasks.Context(), v.model.Engine
	for _, x := range v.exhibits() {
		c := cost{x.shot, v.model}
		if _, begun := v.costs[c]; begun || x.shot.thumb == nil {
			continue
		}
		v.costs[c] = unknown
		width, height := x.shot.width, x.shot.height
		cmds = append(cmds, func() tea.Msg { return picturesCounted{c, tokensOf(ctx, vision.CountBy(e), width, height)} })
	}
	return tea.Batch(cmds...)
}

// tokensOf is what a picture costs, unknown where the model does not tell.
func tokensOf(ctx context.Context, count vision.Count, width, height int) int {
	n, err := vision.Tokens(ctx, count, width, height)
	if err != nil {
		return unknown
	}
	return n
}

// blind reports whether the model is known not to see.
func (v *visionMode) blind() bool {
	return v.model != nil && v.model.State == engines.Ready && v.model.Info.Architecture != "" && !v.model.Info.Can.Vision
}
