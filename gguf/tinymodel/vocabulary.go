package tinymodel

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// Vocabulary is the manner of a model's vocabulary.
type Vocabulary int

const (
	// SentencePiece is the vocabulary of Mistral's tokenizer version 3.
	SentencePiece Vocabulary = iota
	// ByteLevel is a BPE over bytes with the tokens of ChatML.
	ByteLevel
	// Tekken is a BPE over bytes with the control tokens of Mistral's tokenizer version 13.
	Tekken
)

// Token types of the metadata: enum llama_token_type of llama.h.
const (
	normal   = 1
	unknown  = 2
	control  = 3
	bytewise = 6
)

// A vocabulary is a list of tokens that grows.
type vocabulary struct {
	manner Vocabulary
	tokens []string
	types  []int32
	merges []string
	ids    map[string]int
}

func (v *vocabulary) len() int { return len(v.tokens) }

func (v *vocabulary) add(token string, kind int32) {
	if _, ok := v.ids[token]; ok {
		return
	}
	v.ids[token] = len(v.tokens)
	v.tokens = append(v.tokens, token)
	v.types = append(v.types, kind)
}

// join makes a token of two that are there.
func (v *vocabulary) join(left, right string) {
	if _, ok := v.ids[left+right]; !ok {
		v.add(left+right, normal)
		v.merges = append(v.merges, left+" "+right)
	}
}

// vocabulary makes one of as many tokens as the options ask for: control
// tokens and bytes, then a few words, then invented ones.
func (o Options) vocabulary() (*vocabulary, error) {
	v := &vocabulary{manner: o.Vocabulary, ids: map[string]int{}}
	space := "▁"
	switch o.Vocabulary {
	case ByteLevel:
		space = byteLevel(' ')
		v.addByteLevel(chatControl)
	case Tekken:
		space = byteLevel(' ')
		v.addByteLevel(tekkenControl)
	default:
		v.addSentencePiece(space)
	}
	if o.Tokens != 0 && o.Tokens < v.len() {
		return nil, fmt.Errorf("a vocabulary of %d tokens: %d are needed for control tokens and bytes", o.Tokens, v.len())
	}
	full := func() bool { return o.Tokens != 0 && v.len() >= o.Tokens }
	for word := range strings.FieldsSeq(words) {
		for left := space; word != "" && !full(); word = word[1:] {
			v.join(left, word[:1])
			left += word[:1]
		}
	}
	for i := 0; v.len() < o.Tokens; i++ {
		v.invent(i)
	}
	return v, nil
}

// Mistral's control tokens of version 3, in the order of its ids from 3 on.
var mistralControl = []string{
	"[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
	"[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[IMG]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
}

func (v *vocabulary) addSentencePiece(space string) {
	v.add("<unk>", unknown)
	v.add("<s>", control)
	v.add("</s>", control)
	for _, t := range mistralControl {
		v.add(t, control)
	}
	for b := range 256 {
		v.add(fmt.Sprintf("<0x%02X>", b), bytewise)
	}
	v.add(space, normal)
	for c := '!'; c <= '~'; c++ {
		v.add(string(c), normal)
	}
	for _, c := range "éèàçüñ€—…世界🙂" {
		v.add(string(c), normal)
	}
}

// The first three are SmolLM2's, with its ids; the others are what code models
// such as Qwen's have.
var chatControl = []string{
	"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
}

// Mistral's control tokens of version 13 that its prompts use, the first three with their ids.
var tekkenControl = []string{
	"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
	"[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
	"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]",
}

func (v *vocabulary) addByteLevel(tokens []string) {
	for _, t := range tokens {
		v.add(t, control)
	}
	for b := range 256 {
		v.add(byteLevel(byte(b)), normal)
	}
}

// byteLevel is the character of a byte in byte-level BPE: a printable byte itself, else a
// character from U+0100 on (bytes_to_unicode of GPT-2's encoder.py).
func byteLevel(b byte) string {
	shifted := rune(0x100)
	for c := range rune(256) {
		printable := c >= '!' && c <= '~' || c >= 0xA1 && c <= 0xFF && c != 0xAD
		if c == rune(b) {
			if printable {
				return string(c)
			}
			return string(shifted)
		}
		if !printable {
			shifted++
		}
	}
	panic("unreachable")
}

// invent adds word number i, a number written in syllables as digits. Words with fewer
// syllables come before it, so that merges can build on them.
func (v *vocabulary) invent(i int) {
	const consonants, vowels = "bcdfghjklmnpqrstvwxyz", "aeiou"
	const base = len(consonants) * len(vowels)
	syllable := func(n int) (string, string) { return consonants[n/5 : n/5+1], vowels[n%5 : n%5+1] }
	if i < base {
		v.join(syllable(i))
		return
	}
	var word func(int) string
	word = func(n int) string {
		c, w := syllable(n % base)
		if n < base {
			return c + w
		}
		return word(n/base-1) + c + w
	}
	c, w := syllable(i % base)
	v.join(word(i/base-1), c+w)
}

// describe writes the vocabulary down as llama.cpp reads it.
func (v *vocabulary) describe(m *gguf.Metadata) {
	const t = "tokenizer."
	m.Set(t+"ggml.tokens", gguf.List(v.tokens))
	m.Set(t+"ggml.token_type", gguf.List(v.types))
	if v.manner == Tekken {
		m.Set(t+"ggml.model", gguf.Of("gpt2"))
		m.Set(t+"ggml.pre", gguf.Of("tekken"))
		m.Set(t+"ggml.merges", gguf.List(v.merges))
		m.Set(t+"ggml.bos_token_id", gguf.Of(uint32(1)))
		m.Set(t+"ggml.eos_token_id", gguf.Of(uint32(2)))
		m.Set(t+"ggml.unknown_token_id", gguf.Of(uint32(0)))
		m.Set(t+"ggml.add_bos_token", gguf.Of(true))
		m.Set("bise.prompt_version", gguf.Of("v13"))
		return
	}
	if v.manner == ByteLevel {
		m.Set(t+"ggml.model", gguf.Of("gpt2"))
		m.Set(t+"ggml.pre", gguf.Of("smollm"))
		m.Set(t+"ggml.merges", gguf.List(v.merges))
		m.Set(t+"ggml.bos_token_id", gguf.Of(uint32(v.ids["<|im_start|>"])))
		m.Set(t+"ggml.eos_token_id", gguf.Of(uint32(v.ids["<|im_end|>"])))
		m.Set(t+"ggml.add_bos_token", gguf.Of(false))
		m.Set(t+"chat_template", gguf.Of(chatMLTemplate))
		return
	}
	scores := make([]float32, v.len())
	for i := range scores {
		if v.types[i] == normal {
			scores[i] = -float32(i) // SentencePiece joins the pair of the highest score first
		}
	}
	m.Set(t+"ggml.model", gguf.Of("llama"))
	m.Set(t+"ggml.pre", gguf.Of("default"))
	m.Set(t+"ggml.scores", gguf.List(scores))
	m.Set(t+"ggml.bos_token_id", gguf.Of(uint32(1)))
	m.Set(t+"ggml.eos_token_id", gguf.Of(uint32(2)))
	m.Set(t+"ggml.unknown_token_id", gguf.Of(uint32(0)))
	m.Set(t+"ggml.add_bos_token", gguf.Of(true))
	m.Set(t+"ggml.add_space_prefix", gguf.Of(true))
	m.Set(t+"chat_template", gguf.Of(mistralTemplate))
}

// chatMLTemplate is SmolLM2's.
const chatMLTemplate = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`

// mistralTemplate is the part of Mistral 7B v0.3's without tools.
const mistralTemplate = `{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + '[/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}`

// words are what the small vocabularies can say in one token or a few.
const words = `the of and to in is that it was for on are as with be at one have this from or had by but
what some we can out other were all there when up use your how said an each she which do their time if will way
about many then them would write like so these her long make thing see him two has look more day could go come did
number sound no most people my over know water than call first who may down side been now find hello world func
return package import string error nil type struct range int const var else true false print main`
