package convert

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// A card has facts of a folder that are not in the configuration.
type card struct {
	licence, licenceName, licenceLink string
	template                          string // Jinja
	eos                               string // end-of-answer token; "": that of the tokenizer
	pooling                           uint32 // enum llama_pooling_type; 0 for none
	endsTexts                         bool   // the tokenizer puts its EOS token after a text
}

// Values of llama.cpp's enum llama_pooling_type.
const (
	poolMean = 1
	poolCLS  = 2
	poolLast = 3
)

func readCard(f *folder) (card, error) {
	var c card
	if f.has("README.md") {
		text, err := f.read("README.md", maxReadme)
		if err != nil {
			return c, err
		}
		facts := frontMatter(string(text))
		c.licence, c.licenceName, c.licenceLink = facts["license"], facts["license_name"], facts["license_link"]
	}
	if f.has("tokenizer_config.json") {
		var doc struct {
			Template json.RawMessage `json:"chat_template"`
			EOS      json.RawMessage `json:"eos_token"`
			AddEOS   bool            `json:"add_eos_token"`
		}
		if err := f.decode("tokenizer_config.json", maxTokenizer, &doc); err != nil {
			return c, err
		}
		c.template = templateOf(doc.Template)
		c.eos = tokenOf(doc.EOS)
		c.endsTexts = doc.AddEOS
	}
	if f.has("chat_template.json") {
		var doc struct {
			Template json.RawMessage `json:"chat_template"`
		}
		if err := f.decode("chat_template.json", maxConfig, &doc); err != nil {
			return c, err
		}
		c.template = cmp.Or(templateOf(doc.Template), c.template)
	}
	if f.has("chat_template.jinja") {
		text, err := f.read("chat_template.jinja", maxConfig)
		if err != nil {
			return c, err
		}
		c.template = string(text)
	}
	if f.has("1_Pooling/config.json") {
		var doc struct {
			CLS  bool `json:"pooling_mode_cls_token"`
			Mean bool `json:"pooling_mode_mean_tokens"`
			Last bool `json:"pooling_mode_lasttoken"`
		}
		const name = "1_Pooling/config.json"
		if err := f.decode(name, maxConfig, &doc); err != nil {
			return c, err
		}
		switch {
		case doc.Last:
			c.pooling = poolLast
		case doc.Mean:
			c.pooling = poolMean
		case doc.CLS:
			c.pooling = poolCLS
		default:
			return c, fileErrorf(name, "has a pooling that llama.cpp does not support")
		}
	}
	return c, checkModules(f)
}

// checkModules refuses an embedding model whose vectors need more than pooling and length 1.
func checkModules(f *folder) error {
	const name = "modules.json"
	if !f.has(name) {
		return nil
	}
	var modules []struct {
		Type string `json:"type"`
	}
	if err := f.decode(name, maxConfig, &modules); err != nil {
		return err
	}
	for _, m := range modules {
		switch m.Type[strings.LastIndexByte(m.Type, '.')+1:] {
		case "Transformer", "Pooling", "Normalize":
		default:
			return fileErrorf(name, "has the module %q, which llama.cpp does not support", m.Type)
		}
	}
	return nil
}

func (f *folder) decode(name string, max int64, v any) error {
	data, err := f.read(name, max)
	if err != nil {
		return err
	}
	return decodeConfig(name, data, v)
}

// templateOf reads a chat template: a string, or the default of a list.
func templateOf(data json.RawMessage) string {
	var one string
	if json.Unmarshal(data, &one) == nil {
		return one
	}
	var list []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if json.Unmarshal(data, &list) == nil {
		for _, t := range list {
			if t.Name == "default" {
				return t.Template
			}
		}
	}
	return ""
}

// tokenOf reads a token: a string, or an object with it.
func tokenOf(data json.RawMessage) string {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return text
	}
	var t addedToken
	_ = json.Unmarshal(data, &t)
	return t.Content
}

// frontMatter reads the plain values of a model card's YAML, without lists and blocks.
func frontMatter(text string) map[string]string {
	text, ok := strings.CutPrefix(strings.TrimPrefix(text, "\ufeff"), "---")
	if !ok {
		return nil
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text, _, ok = strings.Cut(text, "\n---")
	if !ok {
		return nil
	}
	facts := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(key) == "" || strings.ContainsAny(key[:1], " \t-#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		if value != "" && !strings.ContainsAny(value[:1], "[{|>&*!") {
			facts[strings.TrimSpace(key)] = value
		}
	}
	return facts
}

func (c *card) describe(meta *gguf.Metadata) {
	for _, x := range []struct{ key, value string }{
		{"general.license", c.licence}, {"general.license.name", c.licenceName}, {"general.license.link", c.licenceLink},
	} {
		if x.value != "" {
			meta.Set(x.key, gguf.Of(x.value))
		}
	}
}
