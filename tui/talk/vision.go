package talk

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

// Vision is the mode for questions about pictures: a conversation, with the
// pictures that it is about beside it or above.
type Vision struct {
	*Chat
	chosen int // of the pictures, the one that is shown large; -1: the newest
	tokens map[countKey]int

	pictureLines []string    // the pictures as lines
	beside       bool        // the wall is at the left of the conversation, not above it
	pictureSpace image.Point // that the wall takes: columns at the left, or rows above
	placements   []placement

	// resized is what is to be said of pictures that had to be made smaller. Who reads
	// the answer puts it here.
	resized atomic.Pointer[string]
}

// An picture is a picture of the conversation, or one that is to be sent with the
// next message.
type picture struct {
	name  string
	image *cachedImage
}

// A placement is where on the screen a picture is.
type placement struct {
	picture int
	area    image.Rectangle
}

// A countKey is what a picture is counted by: the model that is to see it.
type countKey struct {
	image *cachedImage
	model *engines.Model
}

const uncounted = 0 // tokens while they are counted, or where nobody can

func NewVision(o Options) *Vision {
	v := &Vision{
		Chat:   &Chat{newConversation(o, "vision", "Ask about a picture. @ finds one, ctrl+v pastes one")},
		chosen: -1, tokens: map[countKey]int{},
	}
	v.handler = v
	own := v.composer.commands
	v.composer.commands = func() []kit.Command { return append([]kit.Command{v.nextCommand()}, own()...) }
	return v
}

func (v *Vision) Shown() tea.Cmd {
	return tea.Batch(v.Chat.Shown(), v.images.ask(), v.count())
}

func (v *Vision) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(picturesCounted); ok {
		v.tokens[msg.cost] = msg.tokens
		return nil
	}
	cmd := v.Chat.Update(msg)
	if text := v.resized.Swap(nil); text != nil {
		v.notify(kit.Notice{Text: *text, Stays: true})
	}
	return tea.Batch(cmd, v.count())
}

// prepare has pictures made smaller where the context has no room for them.
func (v *Vision) prepare(e engine.Engine, r engine.ChatRequest, kept func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event)) {
	return vision.Fitting{Engine: e, Resized: func(_ int, before, after attach.Image, context int) {
		text := fmt.Sprintf("a picture is shown to the model in %d×%d instead of %d×%d: the context holds %s tokens",
			after.Width, after.Height, before.Width, before.Height, units.Count(context))
		v.resized.Store(&text)
	}}, r, kept
}

func (v *Vision) event(t *turn, event engine.Event, now time.Time) { t.take(event, now) }

func (v *Vision) finish(*turn, time.Time) {}

func (v *Vision) UseModel(ref string) tea.Cmd {
	cmd := v.Chat.UseModel(ref)
	return tea.Batch(cmd, v.count())
}

// pictures are the pictures there are, the newest last. One that was sent twice is
// the same picture.
func (v *Vision) pictures() []picture {
	var list []picture
	seen := map[*cachedImage]bool{}
	add := func(name string, s *cachedImage) {
		if s != nil && !seen[s] {
			seen[s] = true
			list = append(list, picture{name, s})
		}
	}
	for _, t := range v.transcript.turns {
		for _, a := range t.attached {
			add(a.Name, t.shots[a.Chunk])
		}
	}
	for _, a := range v.composer.attached {
		add(a.Name, a.image)
	}
	return list
}

// current is the picture that is shown large, by its place among n.
func (v *Vision) current(n int) int {
	if v.chosen < 0 || v.chosen >= n {
		return n - 1
	}
	return v.chosen
}

// next shows the next picture large.
func (v *Vision) next() {
	if n := len(v.pictures()); n > 0 {
		v.chosen = (v.current(n) + 1) % n
	}
}

func (v *Vision) nextCommand() kit.Command {
	return kit.Command{Name: "picture", Help: "show the next picture", Run: func(string) kit.Outcome {
		v.next()
		return kit.Handled(nil)
	}}
}

func (v *Vision) Commands() []kit.Command {
	return append([]kit.Command{v.nextCommand()}, v.Chat.Commands()...)
}

// nextPicture is the key that shows the next picture.
var nextPicture = kit.NewBinding("alt+.", "next picture")

func (v *Vision) Press(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, nextPicture) && len(v.pictures()) > 1 {
		v.next()
		return kit.Handled(nil)
	}
	return v.Chat.Press(k)
}

func (v *Vision) Bindings() []kit.Hint {
	list := v.Chat.Bindings()
	if len(v.pictures()) > 1 {
		list = append(list, kit.Hint{Binding: nextPicture})
	}
	return list
}

func (v *Vision) Footer() kit.Footer {
	f := v.Chat.Footer()
	if len(v.pictures()) > 1 && !v.busy() {
		f.Hints = append([]kit.Hint{{Binding: nextPicture}}, f.Hints...)
	}
	return f
}

// picturesCounted brings what a picture costs.
type picturesCounted struct {
	cost   countKey
	tokens int
}

// count is the command that counts what pictures cost, each once for a model.
func (v *Vision) count() tea.Cmd {
	if v.model == nil || v.model.State != engines.Ready {
		return nil
	}
	var cmds []tea.Cmd
	ctx, e := v.tasks.Context(), v.model.Engine
	for _, x := range v.pictures() {
		c := countKey{x.image, v.model}
		if _, begun := v.tokens[c]; begun || x.image.thumb == nil {
			continue
		}
		v.tokens[c] = uncounted
		width, height := x.image.width, x.image.height
		cmds = append(cmds, func() tea.Msg { return picturesCounted{c, tokensOf(ctx, vision.CountBy(e), width, height)} })
	}
	return tea.Batch(cmds...)
}

// tokensOf is what a picture costs, unknown where the model does not tell.
func tokensOf(ctx context.Context, count vision.Count, width, height int) int {
	n, err := vision.Tokens(ctx, count, width, height)
	if err != nil {
		return uncounted
	}
	return n
}

// cannotSee reports whether the model is known not to see.
func (v *Vision) cannotSee() bool {
	return v.model != nil && v.model.State == engines.Ready && v.model.Info.Architecture != "" && !v.model.Info.Can.Vision
}
