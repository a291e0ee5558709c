package preprocess

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func dataURL(data []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
}

func encode(t testing.TB, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return dataURL(b.Bytes())
}

// TestResizeMatchesReference compares with the normalised pixels that Mistral's own
// code computes for images that it resizes.
func TestResizeMatchesReference(t *testing.T) {
	const fixtures = "../../../shared/fixtures"
	mean := [3]float64{0.48145466, 0.4578275, 0.40821073}
	std := [3]float64{0.26862954, 0.26130258, 0.27577711}
	for _, c := range []struct {
		model, golden, image string
		width, height        int
	}{
		{"pixtral-12b", "golden", "exact_224x112.png", 224, 112},
		{"pixtral-12b", "golden-resized", "grad_300x100.jpg", 304, 112},
		{"small-3.1-24b", "golden-resized", "grad_300x100.jpg", 308, 112},
	} {
		t.Run(c.model+"/"+c.image, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(fixtures, "models", c.model, c.golden+".safetensors"))
			if err != nil {
				t.Skip("no fixtures: ", err)
			}
			file, err := os.ReadFile(filepath.Join(fixtures, "cases", c.image))
			if err != nil {
				t.Fatal(err)
			}
			img, err := Decode(dataURL(file))
			if err != nil {
				t.Fatal(err)
			}
			got := Resize(img, c.width, c.height)
			want := tensor(t, data, "pixels")
			if len(want) != len(got) {
				t.Fatalf("%d values, want %d", len(got), len(want))
			}
			worst, n := 0.0, c.width*c.height
			for i, v := range got {
				ch, at := i%3, i/3
				ref := (want[ch*n+at]*std[ch] + mean[ch]) * 255
				worst = max(worst, math.Abs(float64(v)-ref))
			}
			if worst > 1e-2 {
				t.Errorf("the largest error of a value is %g", worst)
			}
			t.Logf("the largest error is %g of 255", worst)
		})
	}
}

func tensor(t *testing.T, data []byte, name string) []float64 {
	t.Helper()
	n := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Offsets []int `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	raw := data[8+int(n):][header[name].Offsets[0]:header[name].Offsets[1]]
	out := make([]float64, len(raw)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return out
}

func TestReadTransparent(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	img.Set(0, 0, color.NRGBA{255, 0, 0, 255})
	got, err := Decode(encode(t, img))
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{255, 0, 0, 255, 255, 255}; !slices.Equal(Resize(got, 2, 1), want) {
		t.Errorf("got %v, want %v", Resize(got, 2, 1), want)
	}
}

func TestInvalidImages(t *testing.T) {
	huge := bytes.Clone([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x02\x00\x00\x00"))
	for name, url := range map[string]string{
		"web":     "https://example.com/a.png",
		"empty":   "data:image/png;base64,",
		"text":    dataURL([]byte("no image")),
		"base64":  "data:image/png;base64,***",
		"percent": "data:image/png,%89PNG",
		"bomb":    dataURL(huge),
	} {
		if _, err := Decode(url); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Size(url); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: size: %v", name, err)
		}
	}
}

// TestReadAnimation reads a first frame that is smaller than the canvas.
func TestReadAnimation(t *testing.T) {
	colours := color.Palette{color.RGBA{A: 255}, color.RGBA{R: 255, A: 255}}
	first := image.NewPaletted(image.Rect(1, 1, 3, 2), colours)
	first.SetColorIndex(2, 1, 1)
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{
		Image: []*image.Paletted{first, image.NewPaletted(image.Rect(0, 0, 4, 3), colours)}, Delay: []int{1, 1},
		Config: image.Config{ColorModel: colours, Width: 4, Height: 3},
	}); err != nil {
		t.Fatal(err)
	}
	img, err := Read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if w, h, err := Dimensions(b.Bytes()); err != nil || image.Rect(0, 0, w, h) != img.Bounds() {
		t.Errorf("the header says %d×%d, %v, and the image has %v", w, h, err, img.Bounds())
	}
	for at, want := range map[image.Point]color.RGBA{{0, 0}: {255, 255, 255, 255}, {1, 1}: {A: 255}, {2, 1}: {R: 255, A: 255}, {3, 2}: {255, 255, 255, 255}} {
		if got := img.RGBAAt(at.X, at.Y); got != want {
			t.Errorf("at %v it is %v, want %v", at, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, h, err := Size(dataURL(data))
		if err == nil && w*h > 1<<20 {
			return
		}
		img, err := Decode(dataURL(data))
		if err != nil {
			return
		}
		if got := Resize(img, 5, 7); len(got) != 3*5*7 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
