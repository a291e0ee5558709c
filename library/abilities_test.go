package library

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models"
)

func TestAbilities(t *testing.T) {
	set := func(key string, v gguf.Value) func(*gguf.Metadata) {
		return func(m *gguf.Metadata) { m.Set(key, v) }
	}
	template := func(text string) func(*gguf.Metadata) { return set("tokenizer.chat_template", gguf.Of(text)) }
	const messages = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' }}{% endfor %}"
	// As some converters write them: all tokens are text.
	plain := func(m *gguf.Metadata) {
		n, _ := m.Count("tokenizer.ggml.tokens")
		m.Set("tokenizer.ggml.token_type", gguf.List(slices.Repeat([]int32{1}, n)))
	}
	renamed := func(m *gguf.Metadata) {
		tokens, _ := m.Strings("tokenizer.ggml.tokens")
		for i, t := range tokens {
			tokens[i] = strings.Replace(t, "<|fim_", "<|other_", 1)
		}
		m.Set("tokenizer.ggml.tokens", gguf.List(tokens))
	}
	for _, tt := range []struct {
		name    string
		o       tinymodel.Options
		edit    func(*gguf.Metadata)
		can     string
		efforts string
	}{
		{"Mistral", tinymodel.Mistral(), nil, "chat fim tools", ""},
		{"version 13", tinymodel.Tekken13(), nil, "chat fim tools thinking", ""},
		{"version 15", tinymodel.Tekken13(), set("bise.prompt_version", gguf.Of("v15")), "chat fim tools thinking", "none high"},
		{"no template", tinymodel.ChatML(), template(""), "fim", ""},
		{"template without tools", tinymodel.ChatML(), template(messages), "chat fim", ""},
		{"template with tools", tinymodel.ChatML(), template("{% for t in tools or [] %}{{ t | tojson }}{% endfor %}" + messages), "chat fim tools", ""},
		{"template that refuses tools", tinymodel.ChatML(), template("{% if tools %}{{ raise_exception('no') }}{% endif %}" + messages), "chat fim", ""},
		{"template that drops tools", tinymodel.ChatML(), template("{% if tools is not defined %}{% set tools = none %}{% endif %}" + messages), "chat fim", ""},
		{"no tokens for infill", tinymodel.ChatML(), renamed, "chat", ""},
		{"tokens for infill as text", tinymodel.ChatML(), plain, "chat fim", ""},
		{"Mistral's tokens and another tokenizer", tinymodel.Tekken13(), set("tokenizer.ggml.pre", gguf.Of("llama-bpe")), "chat fim tools thinking", ""},
		{"pooling", tinymodel.Embedder(), nil, "embed", ""},
		{"pooling to rank", tinymodel.Mistral(), set("llama.pooling_type", gguf.Of(uint32(4))), "chat fim tools", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tiny.gguf")
			tt.o.Edit = tt.edit
			if err := tinymodel.Write(path, tt.o); err != nil {
				t.Fatal(err)
			}
			file, err := gguf.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			d := newDetails(file, models.Model{Name: "tiny", Path: path})
			if got := strings.Join(d.Install.Can, " "); got != tt.can {
				t.Errorf("it can %q, want %q", got, tt.can)
			}
			if got := strings.Join(d.Efforts, " "); got != tt.efforts {
				t.Errorf("efforts %q, want %q", got, tt.efforts)
			}
		})
	}
}
