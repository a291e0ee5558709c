package enginetest

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

func testLength(t *testing.T, c *check) {
	for _, n := range []int{1, 2, 7, 33} {
		a := c.wrote(t, "How long is a piece of string?", n)
		if a.Reason() != engine.FinishLength {
			t.Errorf("max_tokens %d: the reason is %q, want %q", n, a.Reason(), engine.FinishLength)
		}
		if a.Usage.CompletionTokens != n {
			t.Errorf("max_tokens %d: %d tokens were counted", n, a.Usage.CompletionTokens)
		}
	}
	long := c.wrote(t, "How long is a piece of string?", 33).Text()
	short := c.wrote(t, "How long is a piece of string?", 20).Text()
	if !strings.HasPrefix(long, strings.TrimRight(short, "\uFFFD")) {
		t.Errorf("20 tokens are %q, which does not begin the 33 tokens %q", short, long)
	}
}

func testMinTokens(t *testing.T, c *check) {
	if c.EndToken == 0 {
		t.Skip("the token that ends an answer is not known")
	}
	end := func(s *engine.Sampling) {
		s.MinTokens = 0
		s.LogitBias = map[int32]float64{c.EndToken: 100}
	}
	if a := c.wrote(t, "Be brief.", 12, end); a.Text() != "" || a.Reason() != engine.FinishStop {
		t.Errorf("with the end forced: got %q, %s, want nothing and %s", a.Text(), a.Reason(), engine.FinishStop)
	}
	a := c.wrote(t, "Be brief.", 12, end, func(s *engine.Sampling) { s.MinTokens = 5 })
	if n := a.Usage.CompletionTokens; n < 5 || n >= 12 || a.Reason() != engine.FinishStop {
		t.Errorf("with the end forced and min_tokens 5: %d tokens, %s, want 5 or 6 and %s", n, a.Reason(), engine.FinishStop)
	}
}

// A stopper is a place in a text that a stop string can be taken from.
type stopper struct {
	prompt string
	n      int
	text   string
	bounds []int // where tokens begin within the text, on the bounds of runes
}

// stopper writes texts until one is fit to be stopped: of runes that are whole,
// with tokens that are known.
func (c *check) stopper(t *testing.T) stopper {
	t.Helper()
	prompts := []string{"Stop me.", "Where does the wind come from?", "Name a river.", "1, 2, 3", "Which gull is the oldest?", "Count the gulls.", "é", "Sing."}
	for _, prompt := range prompts {
		const n = 32
		a := c.wrote(t, prompt, n, func(s *engine.Sampling) { s.Logprobs = true })
		text := a.Text()
		var joined string
		var bounds []int
		for _, l := range a.Logprobs[0] {
			bounds = append(bounds, len(joined))
			for _, b := range l.Bytes {
				joined += string([]byte{byte(b)})
			}
		}
		// The blank that some tokenizers put before the first word is not shown.
		cut := len(joined) - len(text)
		if cut < 0 || joined[cut:] != text || strings.TrimLeft(joined[:cut], " ") != "" {
			continue
		}
		var inside []int
		for _, b := range bounds {
			if b -= cut; b > 0 && b < len(text) && utf8.RuneStart(text[b]) {
				inside = append(inside, b)
			}
		}
		if len(inside) >= 4 {
			return stopper{prompt, n, text, inside}
		}
	}
	t.Skip("no greedy text of this model is made of whole runes")
	return stopper{}
}

// around are some runes on both sides of a place.
func (s stopper) around(place, runes int) string {
	from, to := place, place
	for range runes {
		_, size := utf8.DecodeLastRuneInString(s.text[:from])
		from -= size
		_, size = utf8.DecodeRuneInString(s.text[to:])
		to += size
	}
	return s.text[from:to]
}

// stopsAt checks that the text ends before the earliest of the stop strings.
func (c *check) stopsAt(t *testing.T, s stopper, stops ...string) {
	t.Helper()
	a := c.wrote(t, s.prompt, s.n, func(p *engine.Sampling) { p.Stop = stops })
	cut := len(s.text)
	for _, stop := range stops {
		if i := strings.Index(s.text, stop); i >= 0 {
			cut = min(cut, i)
		}
	}
	if a.Text() != s.text[:cut] {
		t.Errorf("stop %q: got %q, want %q of %q", stops, a.Text(), s.text[:cut], s.text)
	}
	if a.Reason() != engine.FinishStop {
		t.Errorf("stop %q: the reason is %q, want %q", stops, a.Reason(), engine.FinishStop)
	}
	if found := a.Stops[0]; !slices.Contains(stops, found) || !strings.HasPrefix(s.text[cut:], found) {
		t.Errorf("stop %q: %q ended the text, of %q", stops, found, s.text)
	}
}

// Stop strings are taken from where one token ends and the next begins.
func testStop(t *testing.T, c *check) {
	s := c.stopper(t)
	for i, place := range s.bounds {
		if i >= 6 {
			break
		}
		for runes := 1; runes <= 4; runes += 3 {
			c.stopsAt(t, s, s.around(place, runes))
		}
	}
	// One that is complete only with the last token.
	c.stopsAt(t, s, s.text[s.bounds[len(s.bounds)-3]:])
	c.stopsAt(t, s, s.text)
}

func testStopSeveral(t *testing.T, c *check) {
	s := c.stopper(t)
	early, late := s.around(s.bounds[0], 1), s.around(s.bounds[len(s.bounds)-1], 1)
	c.stopsAt(t, s, early, late)
	c.stopsAt(t, s, late, early)
	c.stopsAt(t, s, "a string that does not occur in the answer", late)

	// With several choices each one stops for itself.
	a := c.wrote(t, s.prompt, s.n, func(p *engine.Sampling) { p.Stop, p.N = []string{late}, 2 })
	for i, text := range a.Texts {
		if want, _, _ := strings.Cut(s.text, late); text != want && !c.BatchNumerics {
			t.Errorf("choice %d: got %q, want %q", i, text, want)
		}
	}
}

func testStopUnmatched(t *testing.T, c *check) {
	want := c.wrote(t, "Write a long story.", 24)
	same := func(name string, stops ...string) {
		t.Helper()
		got := c.wrote(t, "Write a long story.", 24, func(s *engine.Sampling) { s.Stop = stops })
		if got.Text() != want.Text() || got.Reason() != engine.FinishLength {
			t.Errorf("%s: got %q, %s, want %q, %s", name, got.Text(), got.Reason(), want.Text(), engine.FinishLength)
		}
	}
	same("a stop string longer than the text", want.Text()+"!")
	same("a stop string that is long", want.Text()+strings.Repeat("x", 500))
	var many []string
	for i := range 64 {
		many = append(many, strings.Repeat("none such ", 4)+string(rune('!'+i)))
	}
	same("64 stop strings", many...)
}

func testUsage(t *testing.T, c *check) {
	const prompt = "What does it cost?"
	one := c.wrote(t, prompt, 10)
	three := c.wrote(t, prompt, 10, hot(1), func(s *engine.Sampling) { s.N = 3 })
	for _, u := range []engine.Usage{one.Usage, three.Usage} {
		if u.PromptTokens <= 0 || u.TotalTokens != u.PromptTokens+u.CompletionTokens {
			t.Errorf("the total of %+v is not the sum of its parts", u)
		}
		if u.Cached() < 0 || u.Cached() > u.PromptTokens {
			t.Errorf("%d of %d prompt tokens were cached", u.Cached(), u.PromptTokens)
		}
	}
	if one.Usage.PromptTokens != three.Usage.PromptTokens {
		t.Errorf("the prompt has %d tokens for one answer and %d for three", one.Usage.PromptTokens, three.Usage.PromptTokens)
	}
	if one.Usage.CompletionTokens != 10 || three.Usage.CompletionTokens != 30 {
		t.Errorf("%d and %d tokens were written, want 10 and 30", one.Usage.CompletionTokens, three.Usage.CompletionTokens)
	}
	for _, tm := range []engine.Timings{one.Timings, three.Timings} {
		for name, d := range map[string]int64{
			"queue": int64(tm.Queue), "load": int64(tm.Load), "restore": int64(tm.Restore), "prefill": int64(tm.Prefill),
			"first token": int64(tm.FirstToken), "decode": int64(tm.Decode), "evaluated": int64(tm.Evaluated), "generated": int64(tm.Generated),
		} {
			if d < 0 {
				t.Errorf("the timing %s is %d", name, d)
			}
		}
	}
}

func testCache(t *testing.T, c *check) {
	prompt := "Remember this: " + strings.Repeat("the gulls came back from the sea. ", 4)
	c.wrote(t, prompt, 4)
	if u := c.wrote(t, prompt, 4).Usage; u.Cached() <= 0 {
		t.Errorf("none of the %d prompt tokens of a repeated request were cached", u.PromptTokens)
	}
}

func testChoices(t *testing.T, c *check) {
	for _, n := range []int{0, 1, 3} {
		a := c.wrote(t, "Tell me a lie.", 16, hot(7), func(s *engine.Sampling) { s.N = n })
		if len(a.Reasons) != max(1, n) {
			t.Fatalf("n %d: %d choices finished", n, len(a.Reasons))
		}
		for i, r := range a.Reasons {
			if r != engine.FinishLength {
				t.Errorf("n %d: the reason of choice %d is %q, want %q", n, i, r, engine.FinishLength)
			}
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(a.Texts))); n > 1 && len(distinct) == 1 {
			t.Errorf("n %d: all choices are %q at temperature 1", n, a.Text())
		}
	}
}
