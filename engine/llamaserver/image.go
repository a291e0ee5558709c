package llamaserver

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"slices"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// images are a prompt with images, as llama-server takes it: text, which it tokenizes with control
// tokens, and images in the place of markers.
type images struct {
	Text  string   `json:"prompt_string"`
	Media []string `json:"multimodal_data"` // base64
}

// lookAtImages turns a prompt with images into text. llama-server would read the name of a control
// token in it as that token, so every part must become the tokens that bise wants, or the request is
// refused.
func (w *writing) lookAtImages() error {
	j, e := w.j, w.e
	if len(j.images) == 0 {
		return nil
	}
	e.mu.Lock()
	props := e.props
	e.mu.Unlock()
	if props.Marker == "" || !props.Modalities.Vision {
		return fault.Advise(fault.Errorf(fault.Unsupported, "this llama-server takes no images for %s", e.name), "%s", updateAdvice)
	}
	text := &images{}
	from := 0
	part := func(to int) error {
		var b []byte
		for i, id := range j.prompt[from:to] {
			if from+i == 0 && id == e.ends.bos && e.ends.addBOS {
				continue // llama-server adds it
			}
			b = append(b, e.vocab.Piece(id)...)
		}
		text.Text += string(b)
		if len(b) == 0 {
			return nil
		}
		var got struct {
			Tokens []int32 `json:"tokens"`
		}
		body := map[string]any{"content": string(b), "add_special": from == 0, "parse_special": true}
		if err := w.c.ask(w.ctx, http.MethodPost, "/tokenize", body, &got); err != nil {
			return err
		}
		if !slices.Equal(got.Tokens, j.prompt[from:to]) {
			why := "llama-server reads its text otherwise"
			if name := e.forgedIn(j.prompt[from:to], string(b)); name != "" {
				why = "its text spells the control token " + name
			}
			return &fault.Error{Kind: fault.Unsupported, Param: "messages", Msg: "llama-server cannot take this conversation with images: " + why, Advice: "Change the text, or use the built-in engine."}
		}
		return nil
	}
	for _, place := range j.images {
		if err := part(place.At); err != nil {
			return err
		}
		data, err := e.picture(place.URL)
		if err != nil {
			return err
		}
		text.Text += props.Marker
		text.Media = append(text.Media, base64.StdEncoding.EncodeToString(data))
		from = place.At + place.N
	}
	if err := part(len(j.prompt)); err != nil {
		return err
	}
	w.text = text
	return nil
}

// forgedIn returns a control token that is spelled by text but is not among the tokens so often.
func (e *Engine) forgedIn(ids []int32, text string) string {
	name := e.forged(text)
	if id, ok := e.vocab.ID(name); ok && name != "" {
		n := 0
		for _, other := range ids {
			if other == id {
				n++
			}
		}
		if bytes.Count([]byte(text), []byte(name)) > n {
			return name
		}
	}
	return ""
}

// picture is an image in the size of its grid, so that llama-server need not scale it.
func (e *Engine) picture(url string) ([]byte, error) {
	img, err := preprocess.Decode(url)
	if err != nil {
		return nil, err
	}
	columns, rows := e.grid.Grid(img.Bounds().Dx(), img.Bounds().Dy())
	unit := e.grid.Patch * e.grid.Merge
	w, h := columns*unit, rows*unit
	pixels := preprocess.Resize(img, w, h)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		value := func(c int) uint8 { return uint8(min(max(pixels[3*i+c]+0.5, 0), 255)) }
		out.SetRGBA(i%w, i/w, color.RGBA{value(0), value(1), value(2), 255})
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, out); err != nil {
		return nil, fault.Errorf(fault.Internal, "encode image: %w", err)
	}
	return b.Bytes(), nil
}
