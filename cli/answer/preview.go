package answer

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/preview"
	"github.com/bise-sh/bise/units"
)

const (
	// previewColumns is how wide a picture is drawn at most.
	previewColumns = 80
	// previewed is how many images are drawn; the others are only listed.
	previewed = 6
)

// A seenPicture is the event of a picture that is shown to the model.
type seenPicture struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Format string `json:"format"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Tokens int    `json:"tokens,omitempty"`
}

// showImages shows images and says what each costs, before anything is asked.
func showImages(ctx context.Context, con *console.Console, images []attach.Image, count vision.Count) error {
	draw := con.Err.Moves() && !con.Quiet && !con.Accessible && !con.JSON
	var terminal preview.Terminal
	if draw {
		terminal = previewTerminal(ctx, con.Stderr, con.NoColor)
	}
	sum := 0
	for i, p := range images {
		tokens, err := vision.Tokens(ctx, count, p.Width, p.Height)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case fault.KindOf(err) == fault.Unsupported, fault.KindOf(err) == fault.Network, fault.KindOf(err) == fault.NotFound:
			tokens = 0 // a server that does not count
		case err != nil:
			return err
		}
		sum += tokens
		if con.JSON {
			if err := con.WriteJSON(seenPicture{"picture", p.Name, p.Format, p.Width, p.Height, tokens}); err != nil {
				return err
			}
			continue
		}
		if draw && i < previewed {
			con.Erase()
			columns, rows := con.Err.Size()
			size := terminal.Fit(p.Thumb.Rect.Max, min(columns-1, previewColumns), max(1, rows*2/3/min(len(images), 2)))
			fmt.Fprint(con.Stderr, terminal.Draw(p.Thumb, size))
		}
		con.Notef("%s", vision.Caption(p.Name, p.Width, p.Height, tokens))
	}
	if len(images) > 1 && sum > 0 && !con.JSON {
		con.Notef("%s, %s tokens", units.Plural(len(images), "picture"), units.Count(sum))
	}
	return nil
}

// previewTerminal learns how images are drawn on a terminal.
func previewTerminal(ctx context.Context, w io.Writer, noColor bool) preview.Terminal {
	t := preview.Detect(os.Getenv).AskTmux(ctx)
	t.Profile = colorprofile.Detect(w, os.Environ())
	if noColor {
		t.Protocol, t.Profile = preview.Blocks, colorprofile.ASCII
	}
	t.Light = console.Background(os.Getenv("COLORFGBG")) == markdown.Light
	if f, ok := w.(*os.File); ok {
		t.Cell = preview.Cell(f)
	}
	return t
}

// tokenCounter counts tokens as the model will: by the header of its file if that is on
// this machine, so that nothing has to be loaded.
func tokenCounter(lib *library.Library, ref string, e engine.Engine, projector string) vision.Count {
	l, err := lib.Layout(ref, projector)
	if err != nil {
		return vision.CountBy(e)
	}
	return func(_ context.Context, r *engine.ChatRequest) (int, error) {
		ids, err := l.Chat(r)
		return len(ids), err
	}
}

// fitting makes images smaller when the context has no room for them, and says so.
func fitting(con *console.Console, e engine.Engine, images []attach.Image) engine.Engine {
	if len(images) == 0 {
		return e
	}
	return vision.Fitting{Engine: e, Resized: func(i int, before, after attach.Image, context int) {
		con.Notef("%s.", vision.ResizedNote(images[i].Name, before, after, context))
	}}
}
