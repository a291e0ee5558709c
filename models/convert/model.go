package convert

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A model is what a configuration says, whichever layout it is of.
type model struct {
	file  string // that says it
	class string // MistralForCausalLM, or "params.json" for Mistral's layout
	arch  string // general.architecture

	layers, width, vocab int64
	heads, kvHeads       int64
	headWidth            int64
	hidden               int64 // of the feed-forward network
	experts, used        int64 // 0: one network for all tokens
	context              int64 // tokens; 0 while nothing says it
	eps, theta           float64
	yarn                 *yarn
	linear               float64 // factor of linear rope scaling; 0 for none
	temperature          float64 // of attention, Ministral 3's; 0 for none
	temperatureFrom      int64   // tokens
	window               int64   // of attention that the model was trained with; 0: all
	tied                 *bool   // nil while nothing says it
	embeds               bool    // it makes vectors, not text
	padded               int64   // tokens at the end of the vocabulary that may be nothing

	mamba  bool
	groups int64 // of Mamba's states
	vision *vision
}

// yarn is how rotary embeddings are stretched.
type yarn struct {
	factor, betaFast, betaSlow, logMultiplier float64
	original                                  int64 // tokens
}

// vision is a Pixtral vision encoder and the projector that joins it to the text model.
type vision struct {
	layers, width, heads, hidden int64
	patch, side, channels        int64 // pixels
	theta                        float64
	merge                        int64 // patches along each side that make a token
	norm                         bool  // before merging
	bias                         *bool // in the adapter; nil while nothing says it
}

// A reader takes values out of a configuration, and keeps the first thing that is
// wrong with it.
type reader struct {
	file string
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fileErrorf(r.file, format, args...)
	}
}

// Bounds of what llama.cpp can take: LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS, and for all
// else more than any model has.
const (
	maxLayers  = 512
	maxExperts = 512
	maxCount   = 1 << 30
)

// count is a number that must be a positive integer. Without it fallback is
// taken, and where that is 0 it is missing.
func (r *reader) count(key string, v *float64, fallback int64) int64 {
	switch {
	case v == nil && fallback == 0:
		r.fail("does not say %s", key)
		return 1
	case v == nil:
		return fallback
	case *v != math.Trunc(*v) || *v < 1 || *v > maxCount:
		r.fail("says that %s is %v", key, *v)
		return 1
	}
	return int64(*v)
}

// positive is a number above zero.
func (r *reader) positive(key string, v *float64, fallback float64) float64 {
	switch {
	case v == nil && fallback == 0:
		r.fail("does not say %s", key)
		return 1
	case v == nil:
		return fallback
	case !(*v > 0) || *v > math.MaxFloat32:
		r.fail("says that %s is %v", key, *v)
		return 1
	}
	return *v
}

// check finds numbers that cannot go together.
func (m *model) check(r *reader) {
	switch {
	case m.layers > maxLayers:
		r.fail("has %d layers, and llama.cpp takes %d", m.layers, maxLayers)
	case m.mamba:
	case m.heads%m.kvHeads != 0:
		r.fail("has %d heads of attention, which %d of keys do not divide", m.heads, m.kvHeads)
	case m.headWidth%2 != 0:
		r.fail("has heads of %d numbers, which cannot be rotated in pairs", m.headWidth)
	case m.experts > maxExperts:
		r.fail("has %d experts, and llama.cpp takes %d", m.experts, maxExperts)
	case m.experts > 0 && (m.used < 1 || m.used > m.experts):
		r.fail("uses %d of %d experts", m.used, m.experts)
	case m.temperature > 0 && m.yarn != nil && m.yarn.original != m.temperatureFrom:
		// llama.cpp has one number for both.
		r.fail("scales attention from %d tokens on and rotation from %d, which llama.cpp cannot run", m.temperatureFrom, m.yarn.original)
	}
	if v := m.vision; v != nil {
		switch {
		case v.layers > maxLayers:
			r.fail("has a vision encoder of %d layers, and %d are allowed", v.layers, maxLayers)
		case v.width%v.heads != 0 || v.width/v.heads%4 != 0:
			r.fail("has a vision encoder of width %d with %d heads, which cannot be rotated in two dimensions", v.width, v.heads)
		case v.channels != 3:
			r.fail("has pictures of %d colours", v.channels)
		}
	}
	if m.yarn != nil || m.temperature > 0 {
		m.arch = "mistral3" // llama.cpp's "llama" knows neither
	}
}

// contextLength is how many tokens the model was trained on, for configurations that do
// not say it: those of Mistral's layout before 2025. The second value reports whether it was
// worked out, from the version of the prompt format among others.
func (m *model) contextLength(tekken bool, version string) (int64, bool) {
	switch {
	case m.context > 0:
		return m.context, false
	case m.mamba:
		// It has no bound; this is what llama.cpp's converter writes.
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

// isFirstTekken reports whether a model with Tekken's vocabulary is of its first year:
// NeMo, Ministral 8B or Pixtral, whose prompts are of version v3-tekken. Theirs
// has the tokens of the version after it already.
func (m *model) isFirstTekken() bool {
	return m.theta == 1e6 && m.yarn == nil || m.window > 0 || m.class == "LlavaForConditionalGeneration"
}

// decodeConfig decodes JSON as Python writes it, with numbers that JSON does not
// have; those become null.
func decodeConfig(file string, data []byte, v any) error {
	if err := json.Unmarshal(withoutInfinity(data), v); err != nil {
		return fileErrorf(file, "cannot be read: %v", err)
	}
	return nil
}

// withoutInfinity replaces Infinity, -Infinity and NaN outside strings.
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
		if len(s) >= len(word) && string(s[:len(word)]) == word {
			return word
		}
	}
	return ""
}

// unsupported is the error of a model that cannot be converted.
func unsupported(file, format string, args ...any) error {
	return fault.Advise(fileErrorf(file, format, args...), "Supported architectures: %s, and the same models in Mistral's layout.", strings.Join(classes, ", "))
}

// classes are the architectures of config.json that can be converted.
var classes = []string{
	"MistralForCausalLM", "MixtralForCausalLM", "Ministral3ForCausalLM", "Mistral3ForConditionalGeneration",
	"LlavaForConditionalGeneration", "Mamba2ForCausalLM", "MistralModel", "LlamaForCausalLM",
}
