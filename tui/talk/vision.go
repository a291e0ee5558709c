package talk

import (
	"image"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
)

// Vision is the mode for questions about images: a conversation with its images beside or
// above it.
type Vision struct {
	*Chat
	chosen int // the large image; -1: the newest
	tokens map[countKey]int

	imageLines []string    // the images as lines
	beside     bool        // images are left of the conversation, not above
	imageSpace image.Point // columns at the left, or rows above
	placements []placement

	// resized is a note about images that were shrunk. The goroutine that reads the answer
	// sets it.
	resized atomic.Pointer[string]
}

// A namedImage is an image of the conversation or of the composer.
type namedImage struct {
	name  string
	image *images.Image
}

// A placement is the area of an image on the screen.
type placement struct {
	index int
	area  image.Rectangle
}

// A countKey identifies a token count: it depends on the image and the model.
type countKey struct {
	image *images.Image
	model *engines.Model
}

const uncounted = 0 // being counted, or unknown

func NewVision(o Options) *Vision {
	v := &Vision{
		Chat:   &Chat{newConversation(o, "vision", "Ask about an image. @ adds a file, ctrl+v pastes")},
		chosen: -1, tokens: map[countKey]int{},
	}
	v.handler, v.composer.shrinksImages = v, true
	v.commands = []kit.Command{{Name: "image", Help: "show the next image", Run: func(string) kit.Outcome {
		v.next()
		return kit.Handled(nil)
	}}}
	return v
}

func (v *Vision) Shown() tea.Cmd {
	return tea.Batch(v.Chat.Shown(), v.images.Detect(), v.count())
}

func (v *Vision) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(tokensCounted); ok {
		v.tokens[msg.key] = msg.tokens
		return nil
	}
	cmd := v.Chat.Update(msg)
	if text := v.resized.Swap(nil); text != nil {
		v.notify(kit.Notice{Text: *text, Stays: true})
	}
	return tea.Batch(cmd, v.count())
}

// prepare shrinks images that do not fit the context.
func (v *Vision) prepare(e engine.Engine, r engine.ChatRequest, record func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event)) {
	return vision.Fitting{Engine: e, Resized: func(_ int, before, after attach.Image, context int) {
		text := vision.ResizedNote("image", before, after, context)
		v.resized.Store(&text)
	}}, r, record
}

func (v *Vision) event(t *turn, event engine.Event, now time.Time) { t.take(event, now) }

func (v *Vision) finish(*turn, time.Time) {}

func (v *Vision) UseModel(ref string) tea.Cmd {
	cmd := v.Chat.UseModel(ref)
	return tea.Batch(cmd, v.count())
}

// imageList returns the images, the newest last. Each is listed once.
func (v *Vision) imageList() []namedImage {
	var list []namedImage
	seen := map[*images.Image]bool{}
	add := func(name string, s *images.Image) {
		if s != nil && !seen[s] {
			seen[s] = true
			list = append(list, namedImage{name, s})
		}
	}
	for _, t := range v.transcript.turns {
		for _, a := range t.attached {
			add(a.Name, t.attachedImages[a.Chunk])
		}
	}
	for _, a := range v.composer.attached {
		add(a.Name, a.image)
	}
	return list
}

// current returns the index of the large image among n.
func (v *Vision) current(n int) int {
	if v.chosen < 0 || v.chosen >= n {
		return n - 1
	}
	return v.chosen
}

// next selects the next image.
func (v *Vision) next() {
	if n := len(v.imageList()); n > 0 {
		v.chosen = (v.current(n) + 1) % n
	}
}

// nextImage selects the next image.
var nextImage = kit.NewBinding("alt+.", "next image")

func (v *Vision) Press(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, nextImage) && len(v.imageList()) > 1 {
		v.next()
		return kit.Handled(nil)
	}
	return v.Chat.Press(k)
}

func (v *Vision) Bindings() []kit.Hint {
	list := v.Chat.Bindings()
	if len(v.imageList()) > 1 {
		list = append(list, kit.Hint{Binding: nextImage})
	}
	return list
}

func (v *Vision) Footer() kit.Footer {
	f := v.Chat.Footer()
	if len(v.imageList()) > 1 && !v.busy() {
		f.Hints = append([]kit.Hint{{Binding: nextImage}}, f.Hints...)
	}
	return f
}

// tokensCounted has the token count of an image.
type tokensCounted struct {
	key    countKey
	tokens int
}

// count is a command that counts the tokens of new images, once for each model.
func (v *Vision) count() tea.Cmd {
	if v.model == nil || v.model.State != engines.Ready {
		return nil
	}
	var cmds []tea.Cmd
	ctx, counter := v.tasks.Context(), v.model.Counter()
	for _, x := range v.imageList() {
		c := countKey{x.image, v.model}
		if _, begun := v.tokens[c]; begun || x.image.Thumb == nil {
			continue
		}
		v.tokens[c] = uncounted
		width, height := x.image.Width, x.image.Height
		cmds = append(cmds, func() tea.Msg { return tokensCounted{c, counter.Image(ctx, width, height)} })
	}
	return tea.Batch(cmds...)
}

// check returns the error of a model that is ready and has no vision encoder.
func (v *Vision) check() error {
	if v.model == nil || v.model.State != engines.Ready {
		return nil
	}
	return vision.Check(v.model.Info)
}
