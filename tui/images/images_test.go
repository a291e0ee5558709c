package images

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/tui/kit"
)

// TestGalleryDrawsEachSizeOnce looks at what is shared.
func TestGalleryDrawsEachSizeOnce(t *testing.T) {
	g := New(t.Context(), func(string) string { return "" })
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 160, 90))); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	s := g.Add(again(t, data))
	if g.Add(again(t, data)) != s || g.Get(s.URL) != s {
		t.Error("the same picture is there twice")
	}
	first := g.Blocks(s, kit.Dark, 20, 10)
	if second := g.Blocks(s, kit.Dark, 20, 10); &second[0] != &first[0] {
		t.Error("it is drawn twice")
	}
	if fmt.Sprint(g.Blocks(s, kit.Dark, 10, 10)) == fmt.Sprint(first) {
		t.Error("another size is the same")
	}
	if g.Next() != nil {
		t.Error("there is something to decode")
	}
	if msg := g.Get("data:image/png;base64,AAAA"); msg.Thumb != nil {
		t.Error("it is decoded before it is asked for")
	}
	decoded, ok := g.Next()().(imageDecoded)
	if !ok || decoded.err == nil {
		t.Errorf("decoded %+v", decoded)
	}
}

func again(t *testing.T, data []byte) *Image {
	t.Helper()
	p, err := attach.ReadImage("photo", data)
	if err != nil {
		t.Fatal(err)
	}
	return Of(p)
}
