package convert

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A model is a configuration, of either layout.
type model struct {
	file  string // of the configuration
	class string // MistralForCausalLM, or "params.json" for Mistral's layout
	arch  string // general.architecture

	layers, width, vocab int64
	heads, kvHeads       int64
	headWidth            int64
	hidden               int64 // of the feed-forward network
	experts, used        int64 // 0: no mixture of experts
	context              int64 // tokens; 0: not stated
	eps, theta           float64
	yarn                 *yarn
	linear               float64 // factor of linear rope scaling; 0 for none
	temperature          float64 // of attention, Ministral 3's; 0 for none
	temperatureFrom      int64   // tokens
	window               int64   // of attention that the model was trained with; 0: all
	tied                 *bool   // nil: not stated
	embeds               bool    // an embedding model
	padded               int64   // unused tokens at the end of the vocabulary, at most

	latent  *latent  // nil: ordinary attention
	mixture *mixture // with latent attention

	mamba  bool
	groups int64 // of Mamba's states
	vision *vision
	audio  *audio
}

type yarn struct {
	factor, betaFast, betaSlow, logMultiplier float64
	original                                  int64 // tokens
}

// vision is a Pixtral vision encoder with its projector.
type vision struct {
	layers, width, heads, hidden int64
	patch, side, channels        int64 // pixels
	theta                        float64
	merge                        int64 // patches along each side that make a token
	norm                         bool  // before merging
	bias                         *bool // in the projector; nil: not stated
}

// audio is a Voxtral audio encoder with its projector.
type audio struct {
	layers, width, heads, hidden int64
	bins                         int64 // of the mel spectrogram
	positions                    int64 // frames of a window
	stack                        int64 // frames that make a token
}

// A reader reads values of a configuration and keeps the first error.
type reader struct {
	file string
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fileErrorf(r.file, format, args...)
	}
}

// Limits of llama.cpp: LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS. maxCount is for all else.
const (
	maxLayers  = 512
	maxExperts = 512
	maxCount   = 1 << 30
)

// count returns a positive integer; a fallback of 0 makes the key mandatory.
func (r *reader) count(key string, v *float64, fallback int64) int64 {
	n := r.positive(key, v, float64(fallback))
	if n != math.Trunc(n) || n > maxCount {
		r.fail("has an invalid %s: %v", key, n)
		return 1
	}
	return int64(n)
}

// countOrZero returns an integer of at least zero, by default zero.
func (r *reader) countOrZero(key string, v *float64) int64 {
	if v == nil || *v == 0 {
		return 0
	}
	return r.count(key, v, 0)
}

// positive returns a number above zero; a fallback of 0 makes the key mandatory.
func (r *reader) positive(key string, v *float64, fallback float64) float64 {
	switch {
	case v == nil && fallback == 0:
		r.fail("has no %s", key)
		return 1
	case v == nil:
		return fallback
	case !(*v > 0) || *v > math.MaxFloat32:
		r.fail("has an invalid %s: %v", key, *v)
		return 1
	}
	return *v
}

func (m *model) check(r *reader) {
	switch {
	case m.layers > maxLayers:
		r.fail("has %d layers, and llama.cpp supports %d", m.layers, maxLayers)
	case m.mamba:
	case m.heads%m.kvHeads != 0:
		r.fail("has %d attention heads, which %d key-value heads do not divide", m.heads, m.kvHeads)
	case m.headWidth%2 != 0:
		r.fail("has heads of odd width %d", m.headWidth)
	case m.experts > maxExperts:
		r.fail("has %d experts, and llama.cpp supports %d", m.experts, maxExperts)
	case m.experts > 0 && (m.used < 1 || m.used > m.experts):
		r.fail("uses %d of %d experts", m.used, m.experts)
	case m.latent != nil:
		m.checkLatent(r)
	case m.temperature > 0 && m.yarn != nil && m.yarn.original != m.temperatureFrom:
		// llama.cpp has one number for both.
		r.fail("scales attention from %d tokens and RoPE from %d, which llama.cpp cannot run", m.temperatureFrom, m.yarn.original)
	}
	if v := m.vision; v != nil {
		switch {
		case v.layers > maxLayers:
			r.fail("has a vision encoder of %d layers, and llama.cpp supports %d", v.layers, maxLayers)
		case v.width%v.heads != 0 || v.width/v.heads%4 != 0:
			r.fail("has a vision encoder of width %d with %d heads, which two-dimensional RoPE does not support", v.width, v.heads)
		case v.channels != 3:
			r.fail("has a vision encoder for %d colour channels: want 3", v.channels)
		}
	}
	if a := m.audio; a != nil {
		switch {
		case a.layers > maxLayers:
			r.fail("has an audio encoder of %d layers, and llama.cpp supports %d", a.layers, maxLayers)
		case a.width%a.heads != 0 || a.width%2 != 0 || a.width < 4:
			r.fail("has an audio encoder of width %d with %d heads", a.width, a.heads)
		case a.positions != 1500:
			r.fail("has an audio encoder for %d frames, and llama.cpp supports only 1500", a.positions)
		case a.positions%a.stack != 0:
			r.fail("joins %d frames of audio into one token, which do not divide %d", a.stack, a.positions)
		}
	}
	switch {
	case m.latent != nil:
		m.arch = "deepseek2" // llama.cpp's "mistral4" is the same, and newer
	case m.yarn != nil || m.temperature > 0:
		m.arch = "mistral3" // llama.cpp's "llama" knows neither
	}
}

// contextLength returns the context length, and whether it is inferred: configurations of
// Mistral's layout from before 2025 do not have it.
func (m *model) contextLength(tekken bool, version string) (int64, bool) {
	switch {
	case m.context > 0:
		return m.context, false
	case m.mamba:
		// It has no limit; llama.cpp's converter writes this number.
		return 1 << 20, false
	case m.yarn != nil:
		return int64(m.yarn.factor * float64(m.yarn.original)), true
	case tekken && version == "v7-tekken" && m.theta == 1e8:
		return 32768, true // Small 3
	case tekken:
		return 131072, true
	case version == "v7", m.width >= 12288:
		return 131072, true // Pixtral Large and Large 2
	case m.experts > 0 && m.width >= 6144:
		return 65536, true // Mixtral 8x22B
	}
	return 32768, true
}

// isFirstTekken reports whether a model with Tekken is one of the first, NeMo, Ministral 8B
// or Pixtral, with prompt version v3-tekken. Their vocabulary has newer tokens too.
func (m *model) isFirstTekken() bool {
	return m.theta == 1e6 && m.yarn == nil || m.window > 0 || m.class == "LlavaForConditionalGeneration"
}

func readConfig[T any](f *folder, name string, parse func(name string, data []byte) (T, error)) (T, error) {
	data, err := f.read(name, maxConfig)
	if err != nil {
		var zero T
		return zero, err
	}
	return parse(name, data)
}

// decodeConfig decodes JSON as Python writes it: Infinity and NaN become null.
func decodeConfig(file string, data []byte, v any) error {
	if err := json.Unmarshal(withoutInfinity(data), v); err != nil {
		return fileErrorf(file, "cannot be read: %v", err)
	}
	return nil
}

// withoutInfinity replaces Infinity, -Infinity and NaN outside of strings by null.
func withoutInfinity(data []byte) []byte {
	out := make([]byte, 0, len(data))
	inside := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inside && c == '\\' && i+1 < len(data):
			out = append(out, c)
			i++
		case c == '"':
			inside = !inside
		case !inside:
			if word := nonFiniteLiteral(data[i:]); word != "" {
				out = append(out, "null"...)
				i += len(word) - 1
				continue
			}
		}
		out = append(out, data[i])
	}
	return out
}

func nonFiniteLiteral(s []byte) string {
	for _, word := range []string{"-Infinity", "Infinity", "NaN"} {
		if bytes.HasPrefix(s, []byte(word)) {
			return word
		}
	}
	return ""
}

func unsupported(file, format string, args ...any) error {
	return fault.Advise(fileErrorf(file, format, args...), "Supported architectures: %s, and the same models in the native layout.", strings.Join(classes, ", "))
}

// classes are the architectures of config.json that can be converted.
var classes = []string{
	"MistralForCausalLM", "MixtralForCausalLM", "Ministral3ForCausalLM", "Mistral3ForConditionalGeneration",
	"LlavaForConditionalGeneration", "VoxtralForConditionalGeneration", "Mamba2ForCausalLM", "MistralModel", "LlamaForCausalLM",
}

// Supports returns an error if a model with this config.json or params.json cannot be
// converted. The error is a [*fault.Error].
func Supports(name string, config []byte) error {
	var err error
	switch name {
	case "config.json":
		_, err = parseHF(name, config)
	case "params.json":
		_, err = parseNative(name, config)
	default:
		err = fileErrorf(name, "is not a model configuration")
	}
	return err
}
