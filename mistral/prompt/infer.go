package prompt

import (
	"slices"
	"strings"
)

// Meta is what a model file says about its prompt format.
type Meta struct {
	Version      string // bise.prompt_version, which our converter writes
	Settings     string // bise.prompt_settings: model_settings_builder of tekken.json
	Architecture string // general.architecture
	Name         string // general.name and the file name, which may say more
	Template     string // tokenizer.chat_template
	Tekken       bool   // tokenizer.ggml.model is gpt2, as Tekken's, else llama, as SentencePiece's
	// Has reports whether the vocabulary has a control token of a name.
	Has    func(name string) bool
	Images bool // the model sees images
	Audio  bool // the model hears audio
}

// Infer returns the format of a model file, and whether it is one of Mistral's. A version
// in the file comes first, or a chat template that is the name of a version, as
// llama.cpp's converter writes it. Another vendor's template means that the model was
// trained with it. Else the vocabulary decides, and the template where versions share one.
func Infer(m Meta) (Format, bool) {
	version := m.Version
	if version == "" {
		version = m.infer()
	}
	o := Options{Has: m.Has, Images: m.Images, Audio: m.Audio, Thinks: strings.Contains(strings.ToLower(m.Name), "magistral")}
	if m.Settings != "" {
		settings, err := ParseSettings([]byte(m.Settings))
		if err != nil {
			return nil, false
		}
		o.Settings = settings
	}
	f, err := ForVersion(version, o)
	return f, err == nil
}

// architectures lists the architectures of Mistral's models in GGUF files.
var architectures = []string{"llama", "mistral", "mistral3", "mistral4", "deepseek2", "mamba2"}

// infer names the version, "" for a model that is not Mistral's.
func (m *Meta) infer() string {
	if version, named := strings.CutPrefix(m.Template, "mistral-"); named && slices.Contains(versionNames(), version) {
		return version
	}
	if !slices.Contains(architectures, m.Architecture) || m.Template != "" && !strings.Contains(m.Template, "[INST]") {
		return ""
	}
	switch {
	case !m.Has("[INST]") || !m.Has("[AVAILABLE_TOOLS]"):
		return m.inferV1()
	case m.Tekken:
		return m.inferTekken()
	case m.Has("[SYSTEM_PROMPT]"):
		return "v7"
	case m.Has(suffixToken):
		return "v3"
	}
	return "v2"
}

// inferV1 distinguishes Mistral's first models from Llama 2 and its derivatives, which have
// the same markers as text and a vocabulary of the same kind.
func (m *Meta) inferV1() string {
	if m.Tekken || strings.Contains(m.Template, "<<SYS>>") {
		return ""
	}
	name := strings.ToLower(m.Name)
	if strings.Contains(name, "mistral") || strings.Contains(name, "mixtral") {
		return "v1"
	}
	return ""
}

func (m *Meta) inferTekken() string {
	name := strings.ToLower(m.Name)
	says := func(s string) bool { return strings.Contains(m.Template, s) }
	switch {
	case m.Has("[MODEL_SETTINGS]"):
		return "v15"
	case m.Has(arguments):
		// Both versions have the tokens of both; v13 does not write ids.
		if says(callID) || m.Template == "" && !m.Has(beginThink) && !strings.Contains(name, "devstral") {
			return "v11"
		}
		return "v13"
	case says("[SYSTEM_PROMPT]"):
		return "v7-tekken"
	case m.Template != "" || !m.Has("[SYSTEM_PROMPT]"):
		return "v3-tekken"
	}
	// The token came before models that use it.
	for _, early := range []string{"nemo", "pixtral-12b", "pixtral 12b", "ministral-8b", "ministral 8b"} {
		if strings.Contains(name, early) {
			return "v3-tekken"
		}
	}
	return "v7-tekken"
}
