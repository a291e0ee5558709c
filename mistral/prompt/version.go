package prompt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// The versions of Mistral's instruct format are those of its tokenizers. Each is
// described by a set of rules; the code that lays out a conversation asks the
// rules, never the version. The authority is mistral-common 1.13 in serving mode.
type rules struct {
	version string
	tekken  bool // else SentencePiece, which puts a space in front of every span

	// markers: [INST] and [/INST] are control tokens, else they are text.
	markers bool
	// systemBlock: system prompts keep their place, between control tokens. Otherwise
	// they are joined and written before the text of a user message: the first one if
	// systemFirst is set, else the last one.
	systemBlock, systemFirst bool
	// toolsFirst: the list of tools comes before the first user message, else
	// before the last one.
	toolsFirst bool
	calls      callStyle
	results    resultStyle
	// recent: calls and results before the last user message are left out.
	recent bool
	// sorted: results are put in the order of their calls and matched by id; else only
	// their numbers must match.
	sorted bool
	// textAndCalls: an assistant message may have both.
	textAndCalls bool
	// nineIDs: ids of calls must be nine letters or digits; else they only must exist, if
	// the version uses them.
	nineIDs bool
	// trim: spaces at the end of an assistant's text are cut.
	trim bool
	// chunkJoin goes between text chunks of one message.
	chunkJoin string

	images       bool // in user messages
	resultImages bool
	thinking     bool // in assistant messages
	systemThinks bool // in system messages
	systemAudio  bool // system prompts and audio can be in one conversation
	settings     bool // [MODEL_SETTINGS]

	// prefix and suffix name the control tokens of infill.
	prefix, suffix string
}

// callStyle is how an assistant's tool calls are written.
type callStyle int

const (
	noCalls     callStyle = iota
	plainCalls            // [TOOL_CALLS] [{"name": …, "arguments": …}, …]
	listedCalls           // the same with "id" at the end
	namedCalls            // for each call: [TOOL_CALLS] name [CALL_ID] id [ARGS] arguments
	briefCalls            // the same without id
)

// resultStyle is how a tool's result is written.
type resultStyle int

const (
	noResults     resultStyle = iota
	listedResults             // [TOOL_RESULTS] [{"name": …, "content": …}] [/TOOL_RESULTS]
	jsonResults               // [TOOL_RESULTS] {"content": …, "call_id": …} [/TOOL_RESULTS]
	namedResults              // [TOOL_RESULTS] id [TOOL_CONTENT] content [/TOOL_RESULTS]
	briefResults              // [TOOL_RESULTS] content [/TOOL_RESULTS]
)

// between separates joined messages.
const between = "\n\n"

// versions are the rules of every version, each made from the one before.
var versions = func() []rules {
	v1 := rules{version: "v1", systemFirst: true, chunkJoin: between}

	v2 := v1
	v2.version = "v2"
	v2.markers, v2.systemFirst, v2.trim = true, false, true
	v2.calls, v2.results, v2.recent = plainCalls, listedResults, true
	// v2's vocabulary has no infill tokens, and the reference writes <unk>; no v2 model
	// was trained for it.
	v2.prefix, v2.suffix = "<unk>", "<unk>"

	v3 := v2
	v3.version = "v3"
	v3.calls, v3.results, v3.recent, v3.nineIDs = listedCalls, jsonResults, false, true
	v3.images = true
	v3.prefix, v3.suffix = prefixToken, suffixToken

	v7 := v3
	v7.version = "v7"
	v7.systemBlock, v7.textAndCalls = true, true
	v7.results = namedResults

	v11 := v7
	v11.version, v11.tekken = "v11", true
	v11.calls, v11.sorted = namedCalls, true

	v13 := v11
	v13.version = "v13"
	v13.calls, v13.results, v13.toolsFirst, v13.nineIDs = briefCalls, briefResults, true, false
	v13.thinking, v13.systemThinks, v13.systemAudio = true, true, true

	v15 := v13
	v15.version = "v15"
	v15.systemThinks, v15.resultImages, v15.settings, v15.chunkJoin = false, true, true, ""

	tekken := func(r rules) rules {
		r.version += "-tekken"
		r.tekken = true
		return r
	}
	return []rules{v1, v2, v3, tekken(v3), v7, tekken(v7), v11, v13, v15}
}()

// Control tokens that more than the laying out of conversations knows.
const (
	bos         = "<s>"
	eos         = "</s>"
	beginCall   = "[TOOL_CALLS]"
	callID      = "[CALL_ID]"
	arguments   = "[ARGS]"
	beginThink  = "[THINK]"
	endThink    = "[/THINK]"
	beginAudio  = "[BEGIN_AUDIO]"
	audioToken  = "[AUDIO]"
	transcribe  = "[TRANSCRIBE]"
	prefixToken = "[PREFIX]"
	suffixToken = "[SUFFIX]"
)

// Options describe a model besides its version.
type Options struct {
	// Has reports whether the vocabulary has a control token of a name. Nil: it
	// has all that the version uses.
	Has func(name string) bool
	// Images: the model sees images.
	Images bool
	// Audio: the model hears audio.
	Audio bool
	// Settings are the settings of a model of version v15; nil means reasoning effort,
	// none or high.
	Settings *Settings
	// Thinks: the model is known to think before it answers. It is not needed for a
	// vocabulary with [THINK].
	Thinks bool
}

// ForVersion is the format of a version of Mistral's tokenizers: v1, v2, v3,
// v3-tekken, v7, v7-tekken, v11, v13 or v15.
func ForVersion(version string, o Options) (Format, error) {
	for _, r := range versions {
		if r.version != version {
			continue
		}
		if o.Has == nil {
			o.Has = func(string) bool { return true }
		}
		o.Settings = cmp.Or(o.Settings, &Settings{Efforts: []string{"none", "high"}, Effort: "none"})
		if !o.Has(beginThink) || !o.Has(endThink) {
			r.thinking, r.systemThinks = false, false
		}
		return &format{rules: r, Options: o}, nil
	}
	return nil, &fault.Error{
		Kind:   fault.Unsupported,
		Msg:    fmt.Sprintf("unknown prompt version %q", version),
		Advice: "The versions are " + strings.Join(versionNames(), ", ") + ".",
	}
}

func versionNames() []string {
	var names []string
	for _, r := range versions {
		names = append(names, r.version)
	}
	return names
}

// format is a version of Mistral's format for one model.
type format struct {
	rules
	Options
}

func (f *format) Version() string { return f.version }

// Efforts are the reasoning efforts that the model knows, its default first.
func (f *format) Efforts() []string {
	if !f.settings || len(f.Settings.Efforts) == 0 {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(f.Settings.Efforts), func(e string) bool { return e == f.Settings.Effort })
	return append([]string{f.Settings.Effort}, rest...)
}

func (f *format) Capabilities() engine.Capabilities {
	return engine.Capabilities{
		Chat:     true,
		FIM:      f.suffix == suffixToken && f.Has(prefixToken) && f.Has(suffixToken),
		Tools:    f.calls != noCalls,
		Thinking: f.thinking || f.Thinks,
	}
}

// Stops are the tokens that begin another role's message: a model that writes one has
// ended its answer.
func (f *format) Stops() []string {
	var stops []string
	for _, name := range []string{"[INST]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[MODEL_SETTINGS]"} {
		if f.markers && f.Has(name) && (name != "[SYSTEM_PROMPT]" || f.systemBlock) && (name != "[MODEL_SETTINGS]" || f.settings) {
			stops = append(stops, name)
		}
	}
	return stops
}
