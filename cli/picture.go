package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/units"
)

// An imageSource says how the images of a command line are read.
type imageSource struct {
	pages string // of documents; "": the first ones
	fetch bool   // URLs without asking
}

// apply sets up a reader.
func (s imageSource) apply(a *app, r *attach.Reader) error {
	if s.pages != "" {
		pages, err := attach.ParsePages(s.pages)
		if err != nil {
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid value %q for --pages", s.pages), Advice: "Write numbers and ranges such as 3, 1-4 or 2,5-7."}
		}
		r.Pages = pages
	}
	if s.fetch {
		r.Fetch = func(ctx context.Context, u *url.URL) ([]byte, error) { return a.fetch(ctx, u, true) }
	}
	return nil
}

// imageURL reads an image file as a data: URL.
func imageURL(ctx context.Context, path string) (string, error) {
	images, err := (&attach.Reader{}).Images(ctx, path)
	if err != nil {
		return "", err
	}
	if len(images) != 1 {
		return "", fault.Errorf(fault.Invalid, "cannot read %s: it has %s, and one image is needed", path, plural(len(images), "page"))
	}
	return images[0].URL, nil
}

// counter counts tokens as the model will: by the header of its file if that is on
// this machine, so that nothing has to be loaded.
func (a *app) counter(e engine.Engine, eye string) vision.Count {
	ref, _ := a.lib.Choose(a.model)
	l, err := a.lib.Layout(ref, eye)
	if err != nil {
		return vision.CountBy(e)
	}
	return func(_ context.Context, r *engine.ChatRequest) (int, error) {
		ids, err := l.Chat(r)
		return len(ids), err
	}
}

// fitting makes images smaller when the context has no room for them, and says so.
func (a *app) fitting(e engine.Engine, images []attach.Image) engine.Engine {
	if len(images) == 0 {
		return e
	}
	return vision.Fitting{Engine: e, Resized: func(i int, before, after attach.Image, context int) {
		a.note("%s is made smaller, from %d×%d to %d×%d: the context holds %s tokens.",
			images[i].Name, before.Width, before.Height, after.Width, after.Height, units.Count(context))
	}}
}
