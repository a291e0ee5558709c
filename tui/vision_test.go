package tui

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/past"
)

// sunset writes a picture of so many pixels into a folder.
func sunset(t *testing.T, folder, name string, width, height int) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{R: 240, G: uint8(80 + 120*y/height), B: 60, A: 255}
			if y > height*2/3 {
				c = color.RGBA{R: 20, G: 40, B: uint8(60 + 60*x/width), A: 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// seeing are options with a model that sees, in a folder with two pictures.
func seeing(t *testing.T, texts ...string) (Options, *enginetest.Script) {
	s := replies(texts...)
	s.About.Can.Vision = true
	o := scripted(s)
	o.Folder = t.TempDir()
	sunset(t, o.Folder, "evening.png", 160, 90)
	sunset(t, o.Folder, "tall.png", 40, 80)
	return o, s
}

// vision goes to the mode, when the model is ready.
func (d *driver) vision() {
	d.t.Helper()
	d.sees("Ministral 3 8B")
	d.until("the model", func() bool { return d.chat().Using().State == engines.Ready })
	d.typed("/vision")
	d.pressed("enter")
	d.sees("Ask about an image.")
}

// attaches attaches a picture, and waits until it is counted.
func (d *driver) attaches(name string) {
	d.t.Helper()
	d.typed("/attach " + name)
	d.pressed("enter")
	d.until(name, func() bool { return d.running == 0 })
}

// answered takes results until no answer is on its way.
func (d *driver) answered() {
	d.t.Helper()
	d.until("the end of the answer", func() bool { return !d.busy() })
}

func TestVision(t *testing.T) {
	goldens(t, func() Options {
		o, _ := seeing(t, "The sun goes down over the *sea*.")
		return o
	}, func(d *driver) {
		d.vision()
		d.attaches("evening.png")
		d.asks("What is on it?")
		d.answered()
	})
}

func TestVisionOfTwo(t *testing.T) {
	goldens(t, func() Options {
		o, _ := seeing(t, "One is wide.")
		return o
	}, func(d *driver) {
		d.vision()
		d.attaches("evening.png")
		d.attaches("tall.png")
		d.sees("alt+.")
	})
}

func TestVisionEmpty(t *testing.T) {
	goldens(t, func() Options {
		o, _ := seeing(t, "")
		return o
	}, func(d *driver) { d.vision() })
}

func TestVisionGoesThroughPictures(t *testing.T) {
	o, s := seeing(t, "Both are warm.", "Wide.")
	d := drive(t, o, 120, 40)
	d.vision()
	d.attaches("evening.png")
	d.sees("evening.png 160×90 → 16 tokens")
	d.attaches("tall.png")
	d.sees("tall.png 40×80 → 16 tokens")
	d.pressed("alt+.")
	d.sees("evening.png 160×90")
	d.pressed("alt+.")
	d.sees("tall.png 40×80")
	d.typed("/image")
	d.pressed("enter")
	d.sees("evening.png 160×90")

	// The small picture is chosen by a click.
	x, y := 4, d.row("evening.png 160×90")+3
	d.drag(x, y, x, y)
	d.sees("tall.png 40×80")

	d.asks("Which is warmer?")
	d.answered()
	d.sees("Both are warm.")
	if c := last(t, s).Messages[0].Content; len(c) != 3 || c[0].Type != engine.ImageChunk || c[1].Type != engine.ImageChunk || c[2].Text != "Which is warmer?" {
		t.Errorf("it is asked %+v", c)
	}
	d.sees("tall.png 40×80") // they stay
	d.asks("And wider?")
	d.answered()
	if m := last(t, s).Messages; len(m) != 3 || len(m[0].Content) != 3 {
		t.Errorf("the second question has %d messages", len(m))
	}
	d.pressed("alt+.") // there are two
	d.sees("evening.png 160×90")
	d.pressed("alt+.")
	d.sees("tall.png 40×80")
	d.pressed("ctrl+n")
	d.misses("evening.png")
	d.misses("tall.png")
}

func TestVisionSaysThatTheModelIsBlind(t *testing.T) {
	o, s := seeing(t, "")
	s.About.Can.Vision, s.About.Architecture = false, "llama"
	d := drive(t, o, 120, 40)
	d.vision()
	d.typed("/attach evening.png")
	d.pressed("enter")
	d.sees("Ministral 3 8B has no vision encoder:")
	d.sees("ctrl+l another model")
}

// twoPages is a PDF of two empty pages.
const twoPages = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>endobj\n" +
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\n4 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>\n"

func TestDocumentIsAttachedByItsPages(t *testing.T) {
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		t.Skip("Poppler is not installed: ", err)
	}
	o, s := seeing(t, "Empty.")
	if err := os.WriteFile(filepath.Join(o.Folder, "paper.pdf"), []byte(twoPages), 0o644); err != nil {
		t.Fatal(err)
	}
	d := drive(t, o, 120, 40)
	d.vision()
	d.send(tea.PasteMsg{Content: filepath.Join(o.Folder, "paper.pdf")})
	d.sees("▣ paper.pdf, page 2 · 1540×770")
	d.asks("What is on them?")
	d.answered()
	if c := last(t, s).Messages[0].Content; len(c) != 3 || c[0].Type != engine.ImageChunk || c[1].Type != engine.ImageChunk {
		t.Errorf("%d chunks are sent", len(c))
	}
}

// crowded is a script whose context has no room for large pictures.
type crowded struct{ *enginetest.Script }

func (c crowded) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	if r.Chat == nil {
		return c.Script.Tokenize(ctx, r)
	}
	n := 0
	for _, k := range r.Chat.Messages[0].Content {
		if k.Type == engine.ImageChunk {
			w, h, err := preprocess.Size(k.ImageURL)
			if err != nil {
				return engine.Tokens{}, err
			}
			n += w * h / 100
		}
	}
	return engine.Tokens{IDs: make([]int32, n)}, nil
}

func (c crowded) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	if w, _, err := preprocess.Size(r.Messages[0].Content[0].ImageURL); err != nil || w > 120 {
		return func(yield func(engine.Event, error) bool) { yield(nil, engine.ErrTooLong(144, 100)) }
	}
	return c.Script.Chat(ctx, r)
}

func TestVisionMakesRoom(t *testing.T) {
	o, s := seeing(t, "It is small.")
	o.Open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return crowded{s}, nil }
	d := drive(t, o, 120, 40)
	d.vision()
	d.attaches("evening.png")
	d.asks("What is it?")
	d.answered()
	d.sees("It is small.")
	d.sees("image resized to ")
	d.sees(" from 160×90: the context holds 100 tokens")
	if w, _, err := preprocess.Size(last(t, s).Messages[0].Content[0].ImageURL); err != nil || w > 120 {
		t.Errorf("the model sees %d columns, %v", w, err)
	}
}

func TestDamagedPictureIsNotAttached(t *testing.T) {
	o, _ := seeing(t, "")
	whole, err := os.ReadFile(filepath.Join(o.Folder, "evening.png"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"cut.png": whole[:len(whole)/2], "photo.heic": []byte("\x00\x00\x00\x1cftypheic\x00")} {
		if err := os.WriteFile(filepath.Join(o.Folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := drive(t, o, 200, 24)
	d.vision()
	d.typed("/attach cut.png")
	d.pressed("enter")
	d.sees("the PNG image is damaged or truncated")
	d.send(tea.PasteMsg{Content: filepath.Join(o.Folder, "cut.png")}) // then it is a text, and why is said
	d.sees("▍ " + o.Folder[:20])
	d.sees("the PNG image is damaged")
	d.pressed("ctrl+u")
	d.typed("/attach photo.heic")
	d.pressed("enter")
	d.sees("in HEIC format, which bise does not read. Convert it:")
}

// TestPixelsWhereTheTerminalHasThem plays a terminal that answers as kitty does.
func TestPixelsWhereTheTerminalHasThem(t *testing.T) {
	o, _ := seeing(t, "")
	sunset(t, o.Folder, "evening.png", 800, 450)
	d := drive(t, o, 120, 40)
	d.vision()
	d.send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	d.send(tea.TerminalVersionMsg{Name: "kitty(0.39.1)"})
	sent := func() string { return strings.Join(d.raw, "") }
	d.attaches("evening.png")
	d.until("the image", func() bool { return strings.Contains(sent(), "U=1") })
	if n := strings.Count(d.m.View().Content, "\U0010eeee"); n == 0 {
		t.Errorf("no placeholders:\n%s", d.frame())
	}
	before := len(d.raw)
	d.typed("a question") // sends it no second time
	d.until("everything", func() bool { return d.running == 0 })
	if len(d.raw) != before {
		t.Errorf("sent again: %.60q", d.raw[before:])
	}
	// At another size the picture is another, and the old one is freed.
	d.send(tea.WindowSizeMsg{Width: 100, Height: 20})
	d.until("the other size", func() bool { return strings.Count(sent(), "U=1") == 2 })
	if !strings.Contains(sent(), "a=d") {
		t.Error("the first size is not freed")
	}
	// Colours that are changed on the way would name another picture.
	d.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI256})
	if strings.Contains(d.m.View().Content, "\U0010eeee") {
		t.Error("there are placeholders in 256 colours")
	}
}

// TestVisionAtEverySize looks at every frame: driver.send checks them.
func TestVisionAtEverySize(t *testing.T) {
	for _, terminal := range []string{"xterm(390)", "kitty(0.39.1)"} {
		o, _ := seeing(t, "Both are warm, and both are of an evening by the sea, at which nobody looks.")
		sunset(t, o.Folder, "日本語 with a name that goes on and on and on and on.png", 900, 300)
		d := drive(t, o, 120, 40)
		d.vision()
		d.send(tea.TerminalVersionMsg{Name: terminal})
		d.attaches("evening.png")
		d.attaches("tall.png")
		d.asks("Which is warmer?")
		d.answered()
		d.attaches("日本語 with a name that goes on and on and on and on.png")
		for width := 1; width < 130; width += 11 {
			for height := 1; height < 45; height += 5 {
				d.send(tea.WindowSizeMsg{Width: width, Height: height})
			}
		}
	}
}

// TestPicturesComeBack resumes a conversation whose picture is in the history alone.
func TestPicturesComeBack(t *testing.T) {
	s := replies("The sun.")
	s.About.Can.Vision = true
	o, _ := kept(t, s)
	o.Folder = t.TempDir()
	sunset(t, o.Folder, "evening.png", 160, 90)
	d := drive(t, o, 80, 24)
	d.sees("Ministral 3 8B")
	d.typed("/attach evening.png")
	d.pressed("enter")
	d.sees("▣ evening.png · 160×90")
	d.asks("What is it?")
	d.sees("The sun.")
	d.idle()
	d.sees("▀▀▀▀")
	d.store()
	id := d.newest().ID
	d.end()

	d = drive(t, o, 80, 24)
	d.send(past.Chosen{ID: id})
	d.sees("▣ evening.png · 160×90")
	d.sees("▀▀▀▀")
}
