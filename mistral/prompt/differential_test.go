package prompt

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// TestDifferential compares with the lines that testdata/differential.py writes.
func TestDifferential(t *testing.T) {
	path := os.Getenv("BISE_DIFFERENTIAL")
	if path == "" {
		t.Skip("BISE_DIFFERENTIAL names no file of cases; testdata/differential.py makes one")
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	models := make(map[string]model)
	lines := bufio.NewReader(file)
	var same, refused, different int
	for d := json.NewDecoder(lines); d.More(); {
		var c struct {
			Tokenizer, Refused string
			Request            *engine.ChatRequest
			Prompt, Suffix     *string
			Text               *string
			Tokens             []int32
		}
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		m, opened := models[c.Tokenizer]
		if !opened {
			m = open(t, c.Tokenizer)
			models[c.Tokenizer] = m
		}
		var got []int32
		var err error
		var p Prompt
		switch {
		case c.Request != nil:
			p, err = m.Chat(c.Request)
		case c.Prompt != nil:
			p, err = m.Fill(*c.Prompt, *c.Suffix)
		default:
			p = Prompt{Segments: []Segment{{Text: *c.Text}}}
		}
		if err == nil {
			got = m.encodeReal(t, p)
		}
		switch {
		case c.Refused != "" && err != nil:
			refused++
		case c.Refused == "" && slices.Equal(got, c.Tokens):
			same++
		default:
			if different++; different <= 10 {
				asked, _ := json.Marshal(c)
				t.Errorf("refused by the reference: %q\nrefused here: %v\n got %v\n%s", c.Refused, err, got, asked)
			}
		}
	}
	t.Logf("%d the same, %d refused by both, %d different", same, refused, different)
}

// encodeReal is encode for images that are PNG files.
func (m model) encodeReal(t *testing.T, p Prompt) []int32 {
	t.Helper()
	ids, places, err := Encode(m, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range slices.Backward(places) {
		_, data, _ := strings.Cut(p.Images[place.Image-1], ",")
		size, err := png.DecodeConfig(base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := m.pictures.Encode(m, size.Width, size.Height)
		if err != nil {
			t.Fatal(err)
		}
		ids = slices.Insert(ids, place.At, picture...)
	}
	return ids
}
