package enginetest

import (
	"cmp"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

func testSeeds(t *testing.T, c *check) {
	differ := false
	for _, prompt := range []string{"Surprise me.", "Roll a die.", "Pick a card."} {
		one, again, two := c.wrote(t, prompt, 16, hot(7)), c.wrote(t, prompt, 16, hot(7)), c.wrote(t, prompt, 16, hot(8))
		if one.Text() != again.Text() {
			t.Errorf("%s: seed 7 gives %q, then %q", prompt, one.Text(), again.Text())
		}
		differ = differ || one.Text() != two.Text()
	}
	if !differ {
		t.Error("seeds 7 and 8 always give the same text at temperature 1")
	}
}

// testSettings checks that every setting is accepted and that disabled ones change nothing.
func testSettings(t *testing.T, c *check) {
	const prompt = "Set all the knobs."
	want := c.wrote(t, prompt, 12).Text()
	for _, s := range []struct {
		name string
		off  bool
		set  setting
	}{
		{"top_p", false, func(s *engine.Sampling) { s.Temperature, s.TopP, s.Seed = new(1.0), new(0.5), new(int64(1)) }},
		{"top_p 1", true, func(s *engine.Sampling) { s.TopP = new(1.0) }},
		{"top_k", false, func(s *engine.Sampling) { s.Temperature, s.TopK, s.Seed = new(1.0), new(5), new(int64(1)) }},
		{"top_k 0", true, func(s *engine.Sampling) { s.TopK = new(0) }},
		{"min_p", false, func(s *engine.Sampling) { s.Temperature, s.MinP, s.Seed = new(1.0), new(0.1), new(int64(1)) }},
		{"min_p 0", true, func(s *engine.Sampling) { s.MinP = new(0.0) }},
		{"typical_p", false, func(s *engine.Sampling) { s.Temperature, s.TypicalP, s.Seed = new(1.0), new(0.5), new(int64(1)) }},
		{"presence_penalty", false, func(s *engine.Sampling) { s.PresencePenalty = new(1.5) }},
		{"presence_penalty 0", true, func(s *engine.Sampling) { s.PresencePenalty = new(0.0) }},
		{"frequency_penalty", false, func(s *engine.Sampling) { s.FrequencyPenalty = new(1.5) }},
		{"frequency_penalty below 0", false, func(s *engine.Sampling) { s.FrequencyPenalty = new(-1.5) }},
		{"repeat_penalty", false, func(s *engine.Sampling) { s.RepeatPenalty, s.RepeatLastN = new(1.3), new(-1) }},
		{"repeat_penalty 1", true, func(s *engine.Sampling) { s.RepeatPenalty = new(1.0) }},
		{"dry", false, func(s *engine.Sampling) {
			s.DRYMultiplier, s.DRYBase, s.DRYAllowedLength, s.DRYPenaltyLastN = new(0.8), new(1.75), new(2), new(-1)
			s.DRYBreakers = []string{"\n", ":"}
		}},
		{"dry 0", true, func(s *engine.Sampling) { s.DRYMultiplier = new(0.0) }},
		{"all at once", false, func(s *engine.Sampling) {
			s.Temperature, s.TopP, s.TopK, s.MinP, s.TypicalP, s.Seed = new(0.8), new(0.9), new(40), new(0.01), new(0.95), new(int64(1))
			s.PresencePenalty, s.FrequencyPenalty, s.RepeatPenalty = new(0.1), new(0.1), new(1.1)
		}},
	} {
		a := c.wrote(t, prompt, 12, s.set)
		if a.Usage.CompletionTokens != 12 {
			t.Errorf("%s: %d tokens came, want 12", s.name, a.Usage.CompletionTokens)
		}
		if s.off && a.Text() != want {
			t.Errorf("%s: got %q, want %q as without it", s.name, a.Text(), want)
		}
	}
}

// testLookup checks that drafts change nothing in a greedy answer to a prompt that repeats
// itself, and that an engine without them says so.
func testLookup(t *testing.T, c *check) {
	prompt := strings.Repeat("Repeat this: one, two, three, four, five. ", 8)
	const n = 48
	c.wrote(t, prompt, 1) // so that every answer below has the same part of the prompt to evaluate
	for _, set := range []struct {
		name string
		set  setting
	}{
		{"greedy", func(*engine.Sampling) {}},
		{"penalties", func(s *engine.Sampling) {
			s.PresencePenalty, s.FrequencyPenalty, s.RepeatPenalty = new(0.5), new(0.1), new(1.1)
		}},
		{"logprobs", func(s *engine.Sampling) { s.Logprobs, s.TopLogprobs = true, 2 }},
		{"grammar", func(s *engine.Sampling) { s.Grammar = runesGrammar }},
		{"two", func(s *engine.Sampling) { s.N = 2 }},
	} {
		with := func(l engine.Lookup) Answer {
			return c.wrote(t, prompt, n, set.set, func(s *engine.Sampling) { s.Lookup = l })
		}
		off := with(engine.LookupOff)
		if off.Timings.Drafted > 0 || off.Timings.Accepted > 0 {
			t.Errorf("%s: %d tokens were drafted though lookup is off", set.name, off.Timings.Drafted)
		}
		for _, l := range []engine.Lookup{engine.LookupCopies, engine.LookupAuto} {
			on := with(l)
			if !slices.Equal(on.Texts, off.Texts) || !slices.Equal(on.Reasons, off.Reasons) {
				t.Errorf("%s: with lookup %q the answer is %q, without %q", set.name, l, on.Texts, off.Texts)
			}
			if len(on.Logprobs[0]) != len(off.Logprobs[0]) {
				t.Errorf("%s: with lookup %q there are %d logprobs, without %d", set.name, l, len(on.Logprobs[0]), len(off.Logprobs[0]))
			}
			if tm := on.Timings; tm.Accepted > tm.Drafted || tm.Accepted >= tm.Generated {
				t.Errorf("%s: %d of %d drafted tokens were accepted in an answer of %d", set.name, tm.Accepted, tm.Drafted, tm.Generated)
			}
		}
	}
}

func testLogprobs(t *testing.T, c *check) {
	const n = 8
	a := c.wrote(t, "How likely is rain?", n, func(s *engine.Sampling) { s.Logprobs, s.TopLogprobs = true, 5 })
	logs := a.Logprobs[0]
	if len(logs) != n {
		t.Fatalf("%d tokens have %d logprobs", n, len(logs))
	}
	var joined string
	for i, l := range logs {
		if l.Logprob > 1e-6 || math.IsNaN(l.Logprob) {
			t.Errorf("token %d has the logprob %v", i, l.Logprob)
		}
		if len(l.Top) != 5 {
			t.Errorf("token %d has %d alternatives, want 5", i, len(l.Top))
		}
		if !slices.IsSortedFunc(l.Top, func(a, b engine.Logprob) int { return cmp.Compare(b.Logprob, a.Logprob) }) {
			t.Errorf("the alternatives of token %d are not sorted: %+v", i, l.Top)
		}
		for _, alt := range slices.Concat(l.Top, []engine.Logprob{l}) {
			if len(alt.Bytes) == 0 && !slices.Contains(c.Ban, alt.ID) && alt.ID != c.EndToken {
				t.Errorf("token %d (%d, %q) has no bytes", i, alt.ID, alt.Token)
			}
			if !utf8.ValidString(alt.Token) {
				t.Errorf("token %d reads as %q, which is not whole runes", i, alt.Token)
			}
		}
		for _, b := range l.Bytes {
			joined += string([]byte{byte(b)})
		}
		// Probabilities are those before settings: what is banned, or the end that
		// min_tokens holds off, may be likelier.
		best := slices.IndexFunc(l.Top, func(alt engine.Logprob) bool {
			return !slices.Contains(c.Ban, alt.ID) && alt.ID != c.EndToken
		})
		if best >= 0 && l.Top[best].ID != l.ID && l.Top[best].Logprob > l.Logprob+1e-6 && c.EndToken != 0 {
			t.Errorf("token %d is %d (%v), and %d (%v) is likelier", i, l.ID, l.Logprob, l.Top[best].ID, l.Top[best].Logprob)
		}
	}
	if text := a.Text(); !strings.Contains(text, "\uFFFD") && strings.TrimLeft(joined, " ") != strings.TrimLeft(text, " ") {
		t.Errorf("the tokens are %q and the text is %q", joined, text)
	}
	if a := c.wrote(t, "How likely is rain?", n); len(a.Logprobs[0]) != 0 {
		t.Errorf("got %d logprobs without asking for them", len(a.Logprobs[0]))
	}
}

// testPromptLogprobs asks for the probabilities of several continuations of one text, as
// multiple-choice tests do.
func testPromptLogprobs(t *testing.T, c *check) {
	const question = "The wind that blows from the north west through the valley of the river, cold and dry, is the"
	ask := func(text string, tokens []int32, top int) Answer {
		t.Helper()
		r := engine.CompletionRequest{Prompt: text, Tokens: tokens, PromptLogprobs: true, Sampling: c.sampling(1)}
		r.Logprobs, r.TopLogprobs = true, top
		a, err := Collect(c.e.Complete(c.context(t), r))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Prompt) != a.Usage.PromptTokens {
			t.Fatalf("%q has %d tokens, and %d of them have logprobs", text, a.Usage.PromptTokens, len(a.Prompt))
		}
		if len(a.Logprobs[0]) == 0 {
			t.Errorf("%q: the answer, or its end, has no logprob", text)
		}
		return a
	}
	var first []engine.Logprob
	for i, end := range []string{" mistral", " bise", " sirocco", " mistral"} {
		fill := engine.CompletionRequest{Prompt: question + end}
		tokens, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{FIM: &fill})
		if err != nil {
			t.Fatal(err)
		}
		a := ask(question+end, nil, 3)
		for k, l := range a.Prompt {
			if l.ID != tokens.IDs[k] {
				t.Fatalf("token %d is %d, want %d", k, l.ID, tokens.IDs[k])
			}
			switch {
			case k == 0 && (l.Logprob != 0 || len(l.Top) > 0):
				t.Errorf("the first token has %+v", l)
			case k > 0 && (len(l.Top) != 3 || l.Logprob > l.Top[0].Logprob+1e-6 || l.Top[0].Logprob > 1e-6 || math.IsNaN(l.Logprob)):
				t.Errorf("token %d has %+v", k, l)
			}
			if i > 0 && k < len(first) && l.ID == first[k].ID && k < len(tokens.IDs)-6 && math.Abs(l.Logprob-first[k].Logprob) > 0.05 {
				t.Errorf("token %d has the logprob %v, and had %v before", k, l.Logprob, first[k].Logprob)
			}
		}
		if i == 0 {
			first = a.Prompt
		}
		byIDs := ask("", tokens.IDs, 0)
		for k, l := range byIDs.Prompt {
			if len(l.Top) > 0 || math.Abs(l.Logprob-a.Prompt[k].Logprob) > 0.05 {
				t.Errorf("by id, token %d has %+v, want the logprob %v", k, l, a.Prompt[k].Logprob)
			}
		}
	}
	r := engine.CompletionRequest{Prompt: question, Sampling: c.sampling(1)}
	if a, err := Collect(c.e.Complete(c.context(t), r)); err != nil || len(a.Prompt) > 0 {
		t.Errorf("without asking, %d tokens have logprobs, %v", len(a.Prompt), err)
	}
}

func testLogitBias(t *testing.T, c *check) {
	const prompt = "Which way?"
	logprobs := func(s *engine.Sampling) { s.Logprobs, s.TopLogprobs = true, 20 }
	a := c.wrote(t, prompt, 1, logprobs)
	if len(a.Logprobs[0]) != 1 {
		t.Fatalf("the token has %d logprobs", len(a.Logprobs[0]))
	}
	greedy := a.Logprobs[0][0]
	other := int32(-1)
	for _, alt := range greedy.Top {
		if alt.ID != greedy.ID && alt.ID != c.EndToken && !slices.Contains(c.Ban, alt.ID) && utf8.ValidString(alt.Token) && strings.TrimSpace(alt.Token) != "" {
			other = alt.ID
		}
	}
	if other < 0 {
		t.Fatalf("no alternative to %q has a text: %+v", greedy.Token, greedy.Top)
	}
	bias := func(id int32, by float64) setting {
		return func(s *engine.Sampling) { s.LogitBias = map[int32]float64{id: by} }
	}
	for i, l := range c.wrote(t, prompt, 4, logprobs, bias(other, 100)).Logprobs[0] {
		if l.ID != other {
			t.Errorf("token %d is %d (%q) with a bias of 100 on %d", i, l.ID, l.Token, other)
		}
	}
	if l := c.wrote(t, prompt, 1, logprobs, bias(greedy.ID, -100)).Logprobs[0]; len(l) != 1 || l[0].ID == greedy.ID {
		t.Errorf("the first tokens are %+v with a bias of -100 on %d", l, greedy.ID)
	}
}

// Tokens that are parts of runes come in any order and make whole runes, or
// U+FFFD where they do not. Collect checks that each piece is whole.
func testHalfRunes(t *testing.T, c *check) {
	tokens, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{Text: &c.HalfRunes})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(tokens.Pieces, func(p string) bool { return !utf8.ValidString(p) }) {
		t.Logf("no token of %q is part of a rune", c.HalfRunes)
	}
	bias := map[int32]float64{}
	for _, id := range tokens.IDs {
		bias[id] = 100
	}
	for seed := range int64(4) {
		a := c.wrote(t, "Speak in tongues.", 24, hot(seed), func(s *engine.Sampling) { s.LogitBias = bias })
		if a.Text() == "" || a.Usage.CompletionTokens != 24 {
			t.Errorf("seed %d: %d tokens are %q", seed, a.Usage.CompletionTokens, a.Text())
		}
	}
}

// grammarTests are grammars, an expression that matches their sentences, and a
// sentence for a [Script] to reply.
var grammarTests = []struct{ grammar, want, reply string }{
	{`root ::= "yes" | "no"`, `\A(yes|no)\z`, "yes"},
	{"root ::= year \"-\" [0-9]{2}\nyear ::= [0-9]{4}", `\A[0-9]{4}-[0-9]{2}\z`, "2025-12"},
	{`root ::= "(" root ")" | "é"`, `\A\(*é\)*\z`, "((é))"},
}

const runesGrammar = `root ::= "é漢😀"+`

func testGrammar(t *testing.T, c *check) {
	grammar := func(source string) setting {
		return func(s *engine.Sampling) { s.MinTokens, s.Grammar = 0, source }
	}
	for _, g := range grammarTests {
		for seed := range int64(3) {
			a := c.wrote(t, "Answer in form.", c.fits(200), hot(seed), grammar(g.grammar))
			if broken(a.Text()) {
				continue
			}
			if a.Reason() == engine.FinishStop && !regexp.MustCompile(g.want).MatchString(a.Text()) {
				t.Errorf("seed %d: %q does not satisfy %s", seed, a.Text(), g.grammar)
			}
			if a.Reason() != engine.FinishStop && !strings.Contains(g.grammar, "root \")\"") {
				t.Errorf("seed %d: %q ended with %q, want %q", seed, a.Text(), a.Reason(), engine.FinishStop)
			}
		}
	}
	// Runes of several tokens, cut off anywhere.
	want := strings.Repeat("é漢😀", 200)
	for n := 1; n < 24; n++ {
		a := c.wrote(t, "Speak in tongues.", n, grammar(runesGrammar))
		if !strings.HasPrefix(want, strings.TrimRight(a.Text(), "\uFFFD")) {
			t.Errorf("%d tokens are %q, which the grammar does not allow", n, a.Text())
		}
	}
}

// broken reports text that no grammar check can judge. llama.cpp's grammars do not check
// the continuation bytes of a rune, so a model with random weights can write text that is
// not UTF-8.
func broken(text string) bool { return strings.Contains(text, "\uFFFD") }

func (c *check) formed(t *testing.T, f engine.ResponseFormat, n int, settings ...setting) Answer {
	t.Helper()
	req := Chat("Answer in JSON.")
	req.ResponseFormat = &f
	req.Sampling = c.sampling(c.fits(n), append([]setting{free}, settings...)...)
	return collected(t, c.e.Chat(c.context(t), req))
}

func testJSONObject(t *testing.T, c *check) {
	for seed := range int64(3) {
		a := c.formed(t, engine.ResponseFormat{Type: "json_object"}, 300, hot(seed))
		text := strings.TrimSpace(a.Text())
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil && a.Reason() == engine.FinishStop && !broken(text) {
			t.Errorf("seed %d: %q is not an object: %v", seed, text, err)
		}
		if !strings.HasPrefix(text, "{") {
			t.Errorf("seed %d: %q does not begin an object", seed, text)
		}
	}
}

// testSchema has values of bounded length, so that any model comes to an end.
const testSchema = `{
	"type": "object",
	"properties": {
		"kind": {"enum": ["wind", "rain"]},
		"strong": {"type": "boolean"},
		"force": {"type": "integer", "minimum": 0, "maximum": 12},
		"name": {"type": "string", "maxLength": 6},
		"days": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
		"at": {"type": "object", "properties": {"north": {"type": "boolean"}}, "required": ["north"], "additionalProperties": false}
	},
	"required": ["kind", "strong", "force", "name", "days", "at"],
	"additionalProperties": false
}`

const testSchemaReply = `{"kind": "wind", "strong": true, "force": 7, "name": "bise", "days": [true, false], "at": {"north": true}}`

// satisfies returns how an answer violates testSchema, or "".
func satisfies(text string) string {
	var v struct {
		Kind   *string `json:"kind"`
		Strong *bool   `json:"strong"`
		Force  *int    `json:"force"`
		Name   *string `json:"name"`
		Days   []bool  `json:"days"`
		At     *struct {
			North *bool `json:"north"`
		} `json:"at"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err.Error()
	}
	switch {
	case d.More():
		return "something follows the object"
	case v.Kind == nil || *v.Kind != "wind" && *v.Kind != "rain":
		return "kind"
	case v.Strong == nil:
		return "strong"
	case v.Force == nil || *v.Force < 0 || *v.Force > 12:
		return "force"
	case v.Name == nil || utf8.RuneCountInString(*v.Name) > 6:
		return "name"
	case len(v.Days) < 1 || len(v.Days) > 3:
		return "days"
	case v.At == nil || v.At.North == nil:
		return "at"
	}
	return ""
}

func testJSONSchema(t *testing.T, c *check) {
	f := engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Name: "weather", Schema: json.RawMessage(testSchema), Strict: true}}
	finished := false
	for seed := range int64(8) {
		a := c.formed(t, f, 600, hot(seed))
		if a.Reason() != engine.FinishStop || broken(a.Text()) {
			t.Logf("seed %d: %q does not show it: %s", seed, a.Text(), a.Reason())
			continue
		}
		finished = true
		if wrong := satisfies(a.Text()); wrong != "" {
			t.Errorf("seed %d: %q does not satisfy the schema: %s", seed, a.Text(), wrong)
		}
	}
	if !finished {
		t.Error("no answer came to its end in whole runes")
	}
}

var callID = regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)

func testTools(t *testing.T, c *check) {
	tools := []engine.Tool{
		{Type: "function", Function: engine.Function{Name: "get_wind", Description: "The wind at a place.", Parameters: json.RawMessage(
			`{"type":"object","properties":{"north":{"type":"boolean"},"days":{"type":"integer","minimum":1,"maximum":9}},"required":["north","days"],"additionalProperties":false}`)}},
		{Type: "function", Function: engine.Function{Name: "get_rain", Description: "The rain.", Parameters: json.RawMessage(
			`{"type":"object","properties":{"north":{"type":"boolean"},"days":{"type":"integer","minimum":1,"maximum":9}},"required":["north","days"],"additionalProperties":false}`)}},
	}
	for _, choice := range []engine.ToolChoice{{Mode: "any"}, {Function: "get_rain"}} {
		for seed := range int64(2) {
			req := Chat("How is the weather?")
			req.Tools, req.ToolChoice, req.ParallelToolCalls = tools, choice, new(false)
			req.Sampling = c.sampling(c.fits(400), free, hot(seed))
			a := collected(t, c.e.Chat(c.context(t), req))
			if a.Reason() != engine.FinishToolCalls || len(a.Calls[0]) == 0 {
				t.Errorf("%+v, seed %d: got %d calls and the text %q, %s, want a call and %s", choice, seed, len(a.Calls[0]), a.Text(), a.Reason(), engine.FinishToolCalls)
				continue
			}
			for i, call := range a.Calls[0] {
				f := call.Function
				if f.Name != "get_rain" && (f.Name != "get_wind" || choice.Function != "") {
					t.Errorf("%+v: %q was called", choice, f.Name)
				}
				if !callID.MatchString(call.ID) || call.Index != i {
					t.Errorf("call %d has the id %q and the index %d", i, call.ID, call.Index)
				}
				var args struct {
					North *bool
					Days  *int
				}
				if err := json.Unmarshal([]byte(f.Arguments), &args); err != nil || args.North == nil || args.Days == nil || *args.Days < 1 || *args.Days > 9 {
					t.Errorf("the arguments %q do not satisfy the schema: %v", f.Arguments, err)
				}
			}
		}
	}
	req := Chat("How is the weather?")
	req.Tools, req.ToolChoice = tools, engine.ToolChoice{Mode: "none"}
	req.Sampling = c.sampling(16)
	if a := collected(t, c.e.Chat(c.context(t), req)); len(a.Calls[0]) > 0 {
		t.Errorf("%+v were called although no tool may be", a.Calls[0])
	}
}
