package tokenizer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestReadTekken(t *testing.T) {
	data, err := os.ReadFile("testdata/tekken_tiny_v13.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadTekken(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if f.Version != "v13" || f.PromptVersion() != "v13" || len(f.Special) != 64 || len(f.Texts) != 960 || f.Settings != nil {
		t.Errorf("version %q, %d special, %d texts, settings %s", f.Version, len(f.Special), len(f.Texts), f.Settings)
	}
	if f.Image == nil || *f.Image != (TekkenImage{14, 1540, 2}) {
		t.Errorf("image %+v", f.Image)
	}
}

// tekkenJSON is a small tekken.json: the bytes, "ab", and changes to it.
func tekkenJSON(change ...string) string {
	var vocab []string
	for b := range 256 {
		vocab = append(vocab, `{"rank":`+itoa(b)+`,"token_bytes":"`+b64([]byte{byte(b)})+`","token_str":null}`)
	}
	vocab = append(vocab, `{"rank":256,"token_bytes":"YWI=","token_str":"ab"}`, `{"rank":257,"token_bytes":"YWJj","token_str":"abc"}`)
	doc := `{"config":{"pattern":` + quote(tekkenPattern) + `,"default_vocab_size":277,"default_num_special_tokens":20,"version":"v7"},"vocab":[` +
		strings.Join(vocab, ",") + `]}`
	return strings.NewReplacer(change...).Replace(doc)
}

func TestReadTekkenOldFile(t *testing.T) {
	f, err := ReadTekken(strings.NewReader(tekkenJSON(`"vocab"`, `"multimodal":{"image_patch_size":16,"max_image_size":1024},"vocab"`)))
	if err != nil {
		t.Fatal(err)
	}
	if f.PromptVersion() != "v7-tekken" || len(f.Special) != 20 || f.Special[19] != "[TOOL_CONTENT]" {
		t.Errorf("version %q, special %q", f.PromptVersion(), f.Special)
	}
	if f.Image == nil || *f.Image != (TekkenImage{16, 1024, 1}) {
		t.Errorf("image %+v", f.Image)
	}
	tok, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	// "abc" is listed after the last token, so it is none.
	if got, want := tok.Encode("abc", false), []int32{20 + 256, 20 + 'c'}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
}

func TestReadTekkenRefuses(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"not JSON", "{", "unexpected end"},
		{"no sizes", tekkenJSON(`"default_vocab_size":277,`, ``), "counts 0 tokens"},
		{"absurd size", tekkenJSON(`:277`, `:277000000000`), "counts 277000000000"},
		{"more texts than listed", tekkenJSON(`:277`, `:400`), "lists 258"},
		{"fewer tokens than special ones", tekkenJSON(`:277`, `:10`), "texts"},
		{"ranks out of order", tekkenJSON(`"rank":256`, `"rank":300`), "has rank 300"},
		{"special tokens out of order", tekkenJSON(`"vocab"`, `"special_tokens":[{"rank":1,"token_str":"<s>"}],"vocab"`), "has rank 1"},
		{"bytes that are not base64", tekkenJSON(`"YWI="`, `"*"`), "base64"},
		{"pictures without size", tekkenJSON(`"vocab"`, `"image":{},"vocab"`), "image settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadTekken(strings.NewReader(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	f, err := ReadTekken(strings.NewReader(tekkenJSON(`{N}`, `{Nd}`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tokenizer(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("another pattern: error %v", err)
	}
}

func TestReadSentencePiece(t *testing.T) {
	data, err := os.ReadFile("testdata/sp_tiny.model.v3")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadSentencePiece(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Pieces) != 2048 || f.BOS != 1 || f.EOS != 2 || f.Unknown != 0 || f.Pad != -1 || !f.DummyPrefix() {
		t.Errorf("%d pieces, bos %d, eos %d, unk %d, pad %d, dummy prefix %v", len(f.Pieces), f.BOS, f.EOS, f.Unknown, f.Pad, f.DummyPrefix())
	}
	if want := (SentencePiece{"[INST]", 0, 3}); f.Pieces[3] != want {
		t.Errorf("piece 3 is %+v, want %+v", f.Pieces[3], want)
	}
	for _, n := range []int{0, 1, 5, 100, len(data) - 1} {
		if _, err := ReadSentencePiece(data[:n]); err == nil {
			t.Errorf("the first %d bytes read as a whole", n)
		}
	}
}

func TestSentencePieceKinds(t *testing.T) {
	data, err := os.ReadFile("testdata/sp_tiny.model.v1")
	if err != nil {
		t.Fatal(err)
	}
	// A message may come in parts; what comes last holds.
	add := func(message, field protowire.Number, v uint64) []byte {
		part := protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), v)
		return protowire.AppendBytes(protowire.AppendTag(slices.Clone(data), message, protowire.BytesType), part)
	}
	for _, c := range []struct {
		name string
		data []byte
		ok   bool
	}{
		{"as it is", data, true},
		{"no dummy prefix", add(3, 3, 0), true},
		{"unigram", add(2, 3, 1), false},
		{"no byte fallback", add(2, 35, 0), false},
		{"space after words", add(2, 24, 1), false},
		{"spaces removed", add(3, 4, 1), false},
		{"spaces not escaped", add(3, 5, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := ReadSentencePiece(c.data)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Tokenizer(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrUnsupported) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzReadTekken(f *testing.F) {
	f.Add([]byte(`{"config":{"default_vocab_size":3,"default_num_special_tokens":2},"vocab":[{"rank":0,"token_bytes":"AA=="}]}`))
	f.Add([]byte(tekkenJSON()))
	f.Add([]byte(tekkenJSON(`"vocab"`, `"special_tokens":[{"rank":0,"token_str":"<s>"}],"image":{"image_patch_size":16,"max_image_size":1},"vocab"`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := ReadTekken(bytes.NewReader(data)); err == nil {
			checkUsable(t, file.Tokenizer)
		}
	})
}

func FuzzReadSentencePiece(f *testing.F) {
	f.Add([]byte("\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02\x12\x05\x18\x02\x98\x02\x01\x1a\x04\x18\x01 \x00"))
	for _, name := range tiny[:2] {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := ReadSentencePiece(data); err == nil {
			checkUsable(t, file.Tokenizer)
		}
	})
}

// checkUsable uses the tokenizer of a file that was read, if it has one.
func checkUsable(t *testing.T, open func() (Tokenizer, error)) {
	t.Helper()
	tok, err := open()
	if err != nil {
		if !errors.Is(err, ErrUnsupported) {
			t.Fatalf("error %v", err)
		}
		return
	}
	for _, id := range tok.Encode("Hello, wörld [INST]\n", false) {
		if id < 0 || int(id) >= tok.Len() || tok.IsControl(id) {
			t.Fatalf("id %d of %d", id, tok.Len())
		}
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func itoa(n int) string { return strconv.Itoa(n) }

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }
