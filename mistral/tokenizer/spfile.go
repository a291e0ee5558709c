package tokenizer

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A SentencePieceFile is a tokenizer.model: the parts of ModelProto
// (sentencepiece_model.proto) that byte-pair models need.
type SentencePieceFile struct {
	Pieces []SentencePiece
	// BOS, EOS, Unknown and Pad are ids, -1 for none.
	BOS, EOS, Unknown, Pad int32

	spec spSpec
}

// A SentencePiece is one entry of the vocabulary; its place is its id.
type SentencePiece struct {
	Text  string // with U+2581 for space, <0xNN> for a byte
	Score float32
	Type  int32 // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; as in GGUF
}

// spSpec holds the trainer and normalizer settings of a model.
type spSpec struct {
	model             uint64 // 2 is byte pairs
	byteFallback      bool
	whitespaceSuffix  bool
	charsMap          int // bytes of normalization rules
	dummyPrefix       bool
	removeWhitespaces bool
	escapeWhitespaces bool
}

// spMaxPieces bounds a vocabulary; Mistral's have 32,768 pieces at most.
const spMaxPieces = 1 << 20

// ReadSentencePiece reads the bytes of a tokenizer.model.
func ReadSentencePiece(data []byte) (*SentencePieceFile, error) {
	f := &SentencePieceFile{BOS: 1, EOS: 2, Unknown: 0, Pad: -1, spec: spSpec{
		model: 1, dummyPrefix: true, removeWhitespaces: true, escapeWhitespaces: true,
	}}
	err := fields(data, func(number protowire.Number, v value) error {
		switch number {
		case 1:
			p, err := readPiece(v.bytes)
			if err != nil {
				return fmt.Errorf("piece %d: %w", len(f.Pieces), err)
			}
			if len(f.Pieces) == spMaxPieces {
				return errors.New("too many pieces")
			}
			f.Pieces = append(f.Pieces, p)
		case 2:
			return fields(v.bytes, f.trainer)
		case 3:
			return fields(v.bytes, f.normalizer)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read SentencePiece model: %w", err)
	}
	if len(f.Pieces) == 0 {
		return nil, errors.New("read SentencePiece model: it has no pieces")
	}
	return f, nil
}

func readPiece(data []byte) (SentencePiece, error) {
	p := SentencePiece{Type: int32(typeNormal)}
	err := fields(data, func(number protowire.Number, v value) error {
		switch number {
		case 1:
			p.Text = string(v.bytes)
		case 2:
			p.Score = math.Float32frombits(uint32(v.number))
		case 3:
			p.Type = int32(v.number)
		}
		return nil
	})
	return p, err
}

func (f *SentencePieceFile) trainer(number protowire.Number, v value) error {
	switch number {
	case 3:
		f.spec.model = v.number
	case 24:
		f.spec.whitespaceSuffix = v.number != 0
	case 35:
		f.spec.byteFallback = v.number != 0
	case 40:
		f.Unknown = int32(v.number)
	case 41:
		f.BOS = int32(v.number)
	case 42:
		f.EOS = int32(v.number)
	case 43:
		f.Pad = int32(v.number)
	}
	return nil
}

func (f *SentencePieceFile) normalizer(number protowire.Number, v value) error {
	switch number {
	case 2:
		f.spec.charsMap = len(v.bytes)
	case 3:
		f.spec.dummyPrefix = v.number != 0
	case 4:
		f.spec.removeWhitespaces = v.number != 0
	case 5:
		f.spec.escapeWhitespaces = v.number != 0
	}
	return nil
}

// DummyPrefix reports whether a space is put in front of every text.
func (f *SentencePieceFile) DummyPrefix() bool { return f.spec.dummyPrefix }

// Tokenizer returns the file's tokenizer. The error wraps [ErrUnsupported] unless the
// model is byte pairs with byte fallback and without normalization.
func (f *SentencePieceFile) Tokenizer() (Tokenizer, error) {
	switch s := f.spec; {
	case s.model != 2:
		return nil, unsupported("SentencePiece model of type %d", s.model)
	case !s.byteFallback || s.whitespaceSuffix || s.charsMap > 0 || s.removeWhitespaces || !s.escapeWhitespaces:
		return nil, unsupported("SentencePiece model that changes text: %+v", s)
	}
	tokens := make([]spPiece, len(f.Pieces))
	for i, p := range f.Pieces {
		tokens[i] = spPiece{p.Text, p.Score, pieceType(p.Type)}
	}
	t, err := newSentencePiece(tokens, f.spec.dummyPrefix)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// value is a protobuf field's value: bytes of a length-delimited field, else the bits of a
// number.
type value struct {
	bytes  []byte
	number uint64
}

// fields calls do with every field of a message, in order.
func fields(data []byte, do func(protowire.Number, value) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var v value
		switch kind {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(data)
			v.number = uint64(bits)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := do(number, v); err != nil {
			return err
		}
	}
	return nil
}
