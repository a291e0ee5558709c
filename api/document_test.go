package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestTextDocument(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		name, data string
		text, fail string
	}{
		{"base64", "data:text/plain;base64," + b64("Grüße"), "a.txt\nGrüße", ""},
		{"a charset", "data:text/plain;charset=utf-8;base64," + b64("x"), "a.txt\nx", ""},
		{"no padding", "data:text/markdown;base64," + strings.TrimRight(b64("x"), "="), "a.txt\nx", ""},
		{"percent", "data:text/plain,a%20b", "a.txt\na b", ""},
		{"no type", "data:;base64," + b64("x"), "a.txt\nx", ""},
		{"JSON", "data:application/json;base64," + b64("{}"), "a.txt\n{}", ""},
		{"bare base64", b64("x y"), "a.txt\nx y", ""},
		{"byte order mark", "data:text/plain;base64," + b64("\uFEFFx"), "a.txt\nx", ""},
		{"PDF", "data:application/pdf;base64," + b64("%PDF-1.4"), "", "PDFs are not read here"},
		{"PDF as text", "data:text/plain;base64," + b64("%PDF-1.4\n"), "", "PDFs are not read here"},
		{"bare PDF", b64("%PDF-1.7\n%äöü"), "", "PDFs are not read here"},
		{"a word processor's", "data:application/msword;base64," + b64("x"), "", `"application/msword"`},
		{"an image", "data:image/png;base64," + b64("x"), "", `"image/png"`},
		{"not UTF-8", "data:text/plain;base64," + b64("\xff\xfe"), "", "not text in UTF-8"},
		{"a null byte", "data:text/plain;base64," + b64("a\x00b"), "", "not text in UTF-8"},
		{"not base64", "data:text/plain;base64,?", "", "not valid base64"},
		{"no comma", "data:text/plain", "", "no comma"},
		{"nothing", "", "", "is empty"},
		{"elsewhere", "https://example.org/a.txt", "", "not fetched"},
		{"a file", "file:///etc/passwd", "", "not fetched"},
	} {
		text, err := api.TextDocument("here", "a.txt", tt.data)
		if text != tt.text || (err != nil) != (tt.fail != "") || err != nil && (!strings.Contains(err.Error(), tt.fail) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: got %q, %v", tt.name, text, err)
		}
	}
}

func FuzzTextDocument(f *testing.F) {
	f.Add("data:text/plain;base64,QQ==")
	f.Add("data:,%")
	f.Fuzz(func(t *testing.T, data string) {
		if text, err := api.TextDocument("p", "", data); err == nil && !json.Valid([]byte(mustJSON(t, text))) {
			t.Errorf("%q is %q", data, text)
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A listener keeps the text that it is asked.
type listener struct {
	*talker
	heard string
}

func (e *listener) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	for _, k := range r.Messages[len(r.Messages)-1].Content {
		e.heard += k.Text + "\n"
	}
	return e.talker.Chat(ctx, r)
}

// Text documents of Mistral's and OpenAI's clients reach the model, others are a 400.
func TestDocuments(t *testing.T) {
	text := "data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte("secret word"))
	pdf := "data:application/pdf;base64," + base64.StdEncoding.EncodeToString([]byte("%PDF-1.4"))
	for _, tt := range []struct {
		chunk  string
		status int
		part   string
	}{
		{`{"type":"document_url","document_url":"` + text + `","document_name":"n.txt"}`, 200, "n.txt\nsecret word"},
		{`{"type":"file","file":{"filename":"f.txt","file_data":"` + text + `"}}`, 200, "f.txt\nsecret word"},
		{`{"type":"document_url","document_url":"` + pdf + `"}`, 400, "PDFs are not read here"},
		{`{"type":"file","file":{"filename":"f.pdf","file_data":"` + pdf + `"}}`, 400, "PDFs are not read here"},
		{`{"type":"document_url","document_url":"https://example.org/a.pdf"}`, 400, "not fetched"},
		{`{"type":"document_url"}`, 422, "Field required"},
		{`{"type":"file","file_id":"7"}`, 400, "not read by their ID"},
		{`{"type":"file","file":{"file_id":"7"}}`, 400, "not read by their ID"},
		{`{"type":"file","file":7}`, 422, "valid dictionary"},
	} {
		e := &listener{talker: &talker{tokens: 1}}
		w := ask(t, api.New(one(e)), "POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What?"},`+tt.chunk+`]}]}`)
		heard := w.Body.String()
		if tt.status == 200 {
			heard = e.heard
		}
		if w.Code != tt.status || !strings.Contains(heard, tt.part) {
			t.Errorf("%s: %d %s, the model heard %q", tt.chunk, w.Code, w.Body, e.heard)
		}
	}
}
