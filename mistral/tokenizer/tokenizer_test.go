package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const sharedTokenizers = "../../../shared/fixtures/tokenizers"

// open makes the tokenizer of a file in dir.
func open(t testing.TB, dir, name string) Tokenizer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var tok Tokenizer
	if strings.HasSuffix(name, ".json") {
		f, err := ReadTekken(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		tok, err = f.Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
	} else {
		f, err := ReadSentencePiece(data)
		if err != nil {
			t.Fatal(err)
		}
		tok, err = f.Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
	}
	return tok
}

var tiny = []string{"sp_tiny.model.v1", "sp_tiny.model.v3", "tekken_tiny_v3.json", "tekken_tiny_v13.json"}

// golden is what mistral-common makes of strings.
type golden struct {
	Tokenizer string `json:"tokenizer"`
	VocabSize int    `json:"vocab_size"`
	Strings   []struct {
		Text   string  `json:"text"`
		Tokens []int32 `json:"tokens"`
	} `json:"strings"`
}

func checkGolden(t *testing.T, path string, dir string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	tok := open(t, dir, g.Tokenizer)
	if g.VocabSize != 0 && tok.Len() != g.VocabSize {
		t.Errorf("%d tokens, want %d", tok.Len(), g.VocabSize)
	}
	for _, s := range g.Strings {
		if got := tok.Encode(s.Text, false); !slices.Equal(got, s.Tokens) {
			t.Errorf("%q:\n got %v\nwant %v", s.Text, got, s.Tokens)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, name := range tiny {
		t.Run(name, func(t *testing.T) {
			checkGolden(t, filepath.Join("testdata", name+".golden.json"), "testdata")
		})
	}
}

func TestSharedGolden(t *testing.T) {
	goldens, _ := filepath.Glob("../../../shared/fixtures/prompts/*.golden.json")
	if len(goldens) == 0 {
		t.Skip("../shared/fixtures is absent: the full vocabularies are not at hand")
	}
	for _, path := range goldens {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, path, sharedTokenizers)
		})
	}
}

// meta writes a file's vocabulary as a GGUF file has it.
func meta(t testing.TB, dir, name string) Meta {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".json") {
		f, err := ReadTekken(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		m := Meta{Model: "gpt2", Pre: "tekken"}
		for _, s := range f.Special {
			m.Tokens, m.Types = append(m.Tokens, s), append(m.Types, int32(typeControl))
		}
		for _, s := range f.Texts {
			m.Tokens, m.Types = append(m.Tokens, PieceText(s)), append(m.Types, int32(typeNormal))
		}
		return m
	}
	f, err := ReadSentencePiece(data)
	if err != nil {
		t.Fatal(err)
	}
	m := Meta{Model: "llama", AddSpacePrefix: f.DummyPrefix()}
	for _, p := range f.Pieces {
		m.Tokens, m.Types, m.Scores = append(m.Tokens, p.Text), append(m.Types, p.Type), append(m.Scores, p.Score)
	}
	return m
}

func TestFromGGUF(t *testing.T) {
	texts := []string{"", "Hello, world", "  two  spaces\n\n", "Ünïcödé 日本語 🙂", "[INST] </s> [REFERENCE_DOC_3]", "\x00\x7f\u2581"}
	for _, name := range tiny {
		t.Run(name, func(t *testing.T) {
			want := open(t, "testdata", name)
			got, err := FromGGUF(meta(t, "testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() != want.Len() {
				t.Fatalf("%d tokens, want %d", got.Len(), want.Len())
			}
			for id := range int32(want.Len()) {
				if !bytes.Equal(got.Piece(id), want.Piece(id)) || got.IsControl(id) != want.IsControl(id) {
					t.Errorf("token %d: %q, control %v; want %q, %v", id, got.Piece(id), got.IsControl(id), want.Piece(id), want.IsControl(id))
				}
			}
			for _, s := range texts {
				for _, bare := range []bool{false, true} {
					if g, w := got.Encode(s, bare), want.Encode(s, bare); !slices.Equal(g, w) {
						t.Errorf("%q: %v, want %v", s, g, w)
					}
				}
			}
		})
	}
}

func TestFromGGUFRefuses(t *testing.T) {
	sp := func(change func(*Meta)) func(*testing.T) Meta {
		return func(t *testing.T) Meta { m := meta(t, "testdata", "sp_tiny.model.v3"); change(&m); return m }
	}
	tekken := func(change func(*Meta)) func(*testing.T) Meta {
		return func(t *testing.T) Meta { m := meta(t, "testdata", "tekken_tiny_v3.json"); change(&m); return m }
	}
	for _, c := range []struct {
		name string
		meta func(*testing.T) Meta
	}{
		{"another model", sp(func(m *Meta) { m.Model = "bert" })},
		{"another splitter", tekken(func(m *Meta) { m.Pre = "llama-bpe" })},
		{"types missing", sp(func(m *Meta) { m.Types = nil })},
		{"scores missing", sp(func(m *Meta) { m.Scores = nil })},
		{"scores all alike", sp(func(m *Meta) {
			for i := range m.Scores {
				m.Scores[i] = -1000
			}
		})},
		{"a byte missing", sp(func(m *Meta) { m.Types[800] = int32(typeNormal) })},
		{"a byte that is none", sp(func(m *Meta) { m.Tokens[800] = "<0xZZ>" })},
		{"piece with a space", sp(func(m *Meta) { m.Tokens[1500] = "a b" })},
		{"piece twice", sp(func(m *Meta) { m.Tokens[1500] = m.Tokens[1501] })},
		{"unknown type", sp(func(m *Meta) { m.Types[1500] = 9 })},
		{"no texts", tekken(func(m *Meta) { m.Tokens, m.Types = m.Tokens[:64], m.Types[:64] })},
		{"bytes out of order", tekken(func(m *Meta) { m.Tokens[65], m.Tokens[66] = m.Tokens[66], m.Tokens[65] })},
		{"text not in the alphabet", tekken(func(m *Meta) { m.Tokens[500] = "日" })},
		{"text twice", tekken(func(m *Meta) { m.Tokens[500] = m.Tokens[501] })},
		{"text added", tekken(func(m *Meta) {
			m.Tokens, m.Types = append(m.Tokens, "added"), append(m.Types, int32(typeOwn))
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := FromGGUF(c.meta(t)); !errors.Is(err, ErrUnsupported) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAddedControlTokens(t *testing.T) {
	m := meta(t, "testdata", "tekken_tiny_v3.json")
	m.Tokens = append(m.Tokens, "<|im_start|>", "[PAD0]")
	m.Types = append(m.Types, int32(typeOwn), int32(typeUnused))
	tekken, err := FromGGUF(m)
	if err != nil {
		t.Fatal(err)
	}
	m = meta(t, "testdata", "sp_tiny.model.v3")
	m.Tokens = append(m.Tokens, "<|im_start|>", "[PAD0]")
	m.Types = append(m.Types, int32(typeOwn), int32(typeUnused))
	m.Scores = append(m.Scores, 0, 0)
	sp, err := FromGGUF(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []Tokenizer{tekken, sp} {
		id, ok := tok.ID("<|im_start|>")
		if !ok || int(id) != tok.Len()-2 || !tok.IsControl(id) {
			t.Errorf("<|im_start|> is %d, %v", id, ok)
		}
		if slices.Contains(tok.Encode("a<|im_start|>b", false), id) {
			t.Error("text became a control token")
		}
	}
}

// A token's text is what Encode has read: pieces put together give the text back.
func TestPieces(t *testing.T) {
	for _, name := range tiny {
		tok := open(t, "testdata", name)
		for _, text := range []string{"", " ", "Hello  world\n", "ÀÉ 日本 🙂\x00", "[INST]", "a\u00a0b"} {
			for _, bare := range []bool{false, true} {
				var b []byte
				for _, id := range tok.Encode(text, bare) {
					if tok.IsControl(id) {
						t.Errorf("%s: %q gives control token %d", name, text, id)
					}
					b = append(b, tok.Piece(id)...)
				}
				want := text
				if strings.HasPrefix(name, "sp") && !bare && text != "" {
					want = " " + text
				}
				if string(b) != want {
					t.Errorf("%s: %q, bare %v, reads %q", name, text, bare, b)
				}
			}
		}
		for _, id := range []int32{-1, int32(tok.Len())} {
			if tok.Piece(id) != nil || tok.IsControl(id) {
				t.Errorf("%s: token %d exists", name, id)
			}
		}
	}
}

func TestID(t *testing.T) {
	for _, c := range []struct {
		file, name string
		id         int32
		ok         bool
	}{
		{"sp_tiny.model.v1", "<s>", 1, true},
		{"sp_tiny.model.v1", "[INST]", 0, false},
		{"sp_tiny.model.v3", "[TOOL_CALLS]", 5, true},
		{"sp_tiny.model.v3", "[REFERENCE_DOC_0]", 0, false}, // user-defined: text
		{"tekken_tiny_v3.json", "[TOOL_CALLS]", 9, true},
		{"tekken_tiny_v13.json", "[THINK]", 34, true},
		{"tekken_tiny_v13.json", "a", 0, false},
	} {
		tok := open(t, "testdata", c.file)
		if id, ok := tok.ID(c.name); id != c.id || ok != c.ok {
			t.Errorf("%s: %s is %d, %v; want %d, %v", c.file, c.name, id, ok, c.id, c.ok)
		}
	}
}

func TestIllFormedText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\xffb", "a\ufffdb"},
		{"\xe2\x98", "\ufffd"},
		{"\xe2\x98a", "\ufffda"},
		{"\xf0\x9f\x99\xf0\x9f\x99\x82", "\ufffd🙂"},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"}, // a surrogate
		{"\xc0\xaf", "\ufffd\ufffd"},
		{"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
		{"\xe0\x80", "\ufffd\ufffd"},
		{"é\ufffd", "é\ufffd"},
	} {
		if got := valid(c.in); got != c.want {
			t.Errorf("%q reads %q, want %q", c.in, got, c.want)
		}
		for _, name := range tiny {
			tok := open(t, "testdata", name)
			if !slices.Equal(tok.Encode(c.in, false), tok.Encode(c.want, false)) {
				t.Errorf("%s: %q and %q differ", name, c.in, c.want)
			}
		}
	}
}

// Time grows with length, not with its square: with squares this would take an hour.
func TestLongTexts(t *testing.T) {
	n := 1 << 18
	if testing.Short() {
		n = 1 << 14
	}
	for _, name := range []string{"sp_tiny.model.v3", "tekken_tiny_v13.json"} {
		tok := open(t, "testdata", name)
		for _, unit := range []string{"a", "é", "A", " ", "\n", ".", "\u0301", "ab", "[", "日", "\u0301A", " \n"} {
			text := strings.Repeat(unit, n/len(unit))
			read := 0
			for _, id := range tok.Encode(text, true) {
				read += len(tok.Piece(id))
			}
			if read != len(text) {
				t.Errorf("%s: %d bytes of %q read as %d", name, len(text), unit, read)
			}
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "Hello", " \n\t", "Ünïcödé", "[REFERENCE_DOC_1]", "a\xffb", "\u2581", "ǅabc\u0301ABC"} {
		f.Add(s)
	}
	var toks []Tokenizer
	for _, name := range tiny {
		toks = append(toks, open(f, "testdata", name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := strings.ReplaceAll(valid(text), spaceMark, " ")
		for i, tok := range toks {
			var b []byte
			for _, id := range tok.Encode(text, true) {
				if tok.IsControl(id) {
					t.Fatalf("%s: control token %d", tiny[i], id)
				}
				b = append(b, tok.Piece(id)...)
			}
			got := strings.ReplaceAll(string(b), spaceMark, " ")
			if got != want {
				t.Fatalf("%s: %q reads %q", tiny[i], text, got)
			}
		}
		if !utf8.ValidString(want) {
			t.Fatalf("%q is not valid", want)
		}
	})
}
