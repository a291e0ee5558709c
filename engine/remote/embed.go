package remote

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

type embedRequest struct {
	Model           string   `json:"model"`
	Input           []string `json:"input"`
	OutputDimension int      `json:"output_dimension,omitempty"` // La Plateforme's name
	Dimensions      int      `json:"dimensions,omitempty"`       // OpenAI's
	EncodingFormat  string   `json:"encoding_format,omitempty"`
	Truncate        bool     `json:"truncate,omitempty"` // bise's
}

type embedAnswer struct {
	Data []struct {
		Index     int    `json:"index"`
		Embedding vector `json:"embedding"`
	} `json:"data"`
	Usage engine.Usage `json:"usage"`
	Bise  *wire.Extra  `json:"bise"`
}

// Embed turns texts into vectors.
func (e *Engine) Embed(ctx context.Context, req engine.EmbedRequest) (engine.Embeddings, error) {
	dialect, end, err := e.start(ctx)
	if err != nil {
		return engine.Embeddings{}, err
	}
	defer end()
	body := embedRequest{Model: e.model(req.Model), Input: req.Input}
	if body.Input == nil {
		body.Input = []string{}
	}
	switch dialect {
	case Plateforme:
		body.OutputDimension = req.Dimension
	case Bise:
		body.OutputDimension, body.EncodingFormat, body.Truncate = req.Dimension, "base64", req.Truncate
	default:
		body.Dimensions, body.EncodingFormat = req.Dimension, "base64"
	}
	resp, err := e.post(ctx, "/v1/embeddings", body, jsonType)
	if err != nil {
		return engine.Embeddings{}, err
	}
	var answer embedAnswer
	if err := e.decode(ctx, resp, &answer); err != nil {
		return engine.Embeddings{}, err
	}
	all := engine.Embeddings{Vectors: make([][]float32, len(req.Input)), Usage: answer.Usage}
	if x := answer.Bise; dialect == Bise && x != nil && x.Timings != nil {
		all.Load = x.Timings.Load
	}
	for _, d := range answer.Data {
		if d.Index < 0 || d.Index >= len(all.Vectors) || all.Vectors[d.Index] != nil {
			return engine.Embeddings{}, fault.Errorf(fault.Internal, "%s answered %d texts with a vector number %d", e.base.Host, len(req.Input), d.Index)
		}
		all.Vectors[d.Index] = d.Embedding
	}
	if len(answer.Data) != len(all.Vectors) {
		return engine.Embeddings{}, fault.Errorf(fault.Internal, "%s answered %d texts with %d vectors", e.base.Host, len(req.Input), len(answer.Data))
	}
	return all, nil
}

// A vector is in JSON a list of numbers, or base64 of little-endian 32-bit floats.
type vector []float32

// UnmarshalJSON reads either form, whichever was asked for: not every server
// knows that it can be asked.
func (v *vector) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		return json.Unmarshal(data, (*[]float32)(v))
	}
	var raw []byte // which JSON has as base64
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	if len(raw)%4 != 0 {
		return fmt.Errorf("a vector has %d bytes: not a multiple of 4", len(raw))
	}
	*v = make(vector, len(raw)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// Tokenize returns the token ids of a text or of a request. Only bise servers support it.
func (e *Engine) Tokenize(ctx context.Context, req engine.TokenizeRequest) (engine.Tokens, error) {
	dialect, end, err := e.start(ctx)
	if err != nil {
		return engine.Tokens{}, err
	}
	defer end()
	if dialect != Bise {
		return engine.Tokens{}, &fault.Error{
			Kind: fault.Unsupported, Msg: e.base.Host + " cannot tokenize",
			Advice: "Use a model on this machine.",
		}
	}
	body := struct {
		Model string `json:"model,omitempty"`
		engine.TokenizeRequest
	}{e.c.Model, req}
	resp, err := e.post(ctx, "/v1/bise/tokenize", body, jsonType)
	if err != nil {
		return engine.Tokens{}, err
	}
	var tokens wire.Tokens
	if err := e.decode(ctx, resp, &tokens); err != nil {
		return engine.Tokens{}, err
	}
	return tokens.Engine(), nil
}
