package vision

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
)

// pixtral counts as Pixtral 12B does, and ten tokens for everything that is no picture.
func pixtral(_ context.Context, r *engine.ChatRequest) (int, error) {
	cut := prompt.ImageGrid{Patch: 16, Merge: 1, Max: 1024}
	n := 10
	for _, k := range r.Messages[0].Content {
		if k.Type == engine.ImageChunk {
			w, h, err := preprocess.Size(k.ImageURL)
			if err != nil {
				return 0, err
			}
			columns, rows := cut.Grid(w, h)
			n += (columns + 1) * rows
		}
	}
	return n, nil
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct{ w, h, want int }{
		{16, 16, 2},
		{1, 1, 2},
		{224, 112, 15 * 7},
		{1024, 1024, 65 * 64},
		{4000, 3000, 65 * 48},
		{8000, 8000, 65 * 64},
	} {
		if got, err := Tokens(t.Context(), pixtral, tt.w, tt.h); err != nil || got != tt.want {
			t.Errorf("%d×%d: %d tokens, %v, want %d", tt.w, tt.h, got, err, tt.want)
		}
	}
	wrong := errors.New("blind")
	if _, err := Tokens(t.Context(), func(context.Context, *engine.ChatRequest) (int, error) { return 0, wrong }, 1, 1); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
}

// grayPNG is a PNG file of a size.
func grayPNG(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFit(t *testing.T) {
	large, err := attach.ReadImage("large.png", grayPNG(t, 2000, 1500))
	if err != nil {
		t.Fatal(err)
	}
	small, err := attach.ReadImage("small.png", grayPNG(t, 320, 320))
	if err != nil {
		t.Fatal(err)
	}
	all := []attach.Image{large, small}
	cost := func(list []attach.Image) (sum int) {
		for _, p := range list {
			n, err := Tokens(t.Context(), pixtral, p.Width, p.Height)
			if err != nil {
				t.Fatal(err)
			}
			if w, h, err := preprocess.Size(p.URL); err != nil || w != p.Width || h != p.Height {
				t.Errorf("%s is %d×%d and sent as %d×%d, %v", p.Name, p.Width, p.Height, w, h, err)
			}
			sum += n
		}
		return sum
	}
	whole := cost(all)
	if got, err := Fit(t.Context(), pixtral, all, whole); err != nil || got[0].URL != large.URL || got[1].URL != small.URL {
		t.Errorf("what fits is changed: %v", err)
	}
	for _, budget := range []int{whole - 1, whole / 2, whole / 10} {
		got, err := Fit(t.Context(), pixtral, all, budget)
		if err != nil {
			t.Fatal(err)
		}
		// Rows of patches come and go as a whole, so that not all of a budget is used.
		if n := cost(got); n > budget || n < budget*3/4 {
			t.Errorf("%d tokens for a budget of %d", n, budget)
		}
		if shape := float64(got[0].Width) / float64(got[0].Height); shape < 1.3 || shape > 1.4 {
			t.Errorf("the shape is %f", shape)
		}
		if got[0].Name != "large.png" || got[0].Thumb.Rect.Empty() {
			t.Errorf("%+v", got[0])
		}
	}
	if _, err := Fit(t.Context(), pixtral, all, 20); fault.KindOf(err) != fault.TooLong || !strings.Contains(err.Error(), "20") {
		t.Errorf("no room: %v", err)
	}
}
