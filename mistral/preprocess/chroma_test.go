package preprocess

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadMatchesLibjpeg compares JPEGs, bit by bit, with what libjpeg decodes;
// testdata/jpegs.py made both.
func TestReadMatchesLibjpeg(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jpg")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".jpg") + ".rgb")
			if err != nil {
				t.Fatal(err)
			}
			img, err := Decode("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(data))
			if err != nil {
				t.Fatal(err)
			}
			if len(want) != 3*img.Rect.Dx()*img.Rect.Dy() {
				t.Fatalf("the image has %v pixels", img.Rect)
			}
			n, worst := 0, 0
			for i, w := range want {
				if d := int(img.Pix[i/3*4+i%3]) - int(w); d != 0 {
					n++
					worst = max(worst, d, -d)
				}
			}
			if n > 0 {
				t.Errorf("%d of %d values differ, by %d at most", n, len(want), worst)
			}
		})
	}
}
