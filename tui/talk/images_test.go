package talk

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"

	"github.com/bise-sh/bise/tui/kit"
)

// TestGalleryDrawsEachSizeOnce looks at what is shared.
func TestGalleryDrawsEachSizeOnce(t *testing.T) {
	g := NewImageCache(t.Context(), func(string) string { return "" })
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 160, 90))); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	a, err := readPastedImage(data)
	if err != nil {
		t.Fatal(err)
	}
	s := g.add(a.image)
	if g.add(again(t, data)) != s || g.get(a.Image.URL) != s {
		t.Error("the same picture is there twice")
	}
	first := g.blocks(s, kit.Dark, 20, 10)
	if second := g.blocks(s, kit.Dark, 20, 10); &second[0] != &first[0] {
		t.Error("it is drawn twice")
	}
	if fmt.Sprint(g.blocks(s, kit.Dark, 10, 10)) == fmt.Sprint(first) {
		t.Error("another size is the same")
	}
	if g.Next() != nil {
		t.Error("there is something to decode")
	}
	if msg := g.get("data:image/png;base64,AAAA"); msg.thumb != nil {
		t.Error("it is decoded before it is asked for")
	}
	decoded, ok := g.Next()().(imageDecoded)
	if !ok || decoded.err == nil {
		t.Errorf("decoded %+v", decoded)
	}
}

func again(t *testing.T, data []byte) *cachedImage {
	t.Helper()
	a, err := readPastedImage(data)
	if err != nil {
		t.Fatal(err)
	}
	return a.image
}
