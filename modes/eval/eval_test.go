package eval

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		line   string
		metric Metric
		right  string
	}{
		{`{"prompt": "a", "expected": "b"}`, Exact, "b"},
		{`{"prompt": "a", "expected": 7}`, Exact, "7"},
		{`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "weight": 1}`, Exact, "b"},
		{`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "not this"}], "contains": "c"}`, Contains, "contains c"},
		{`{"prompt": "a", "contains": ["b", "c"]}`, Contains, "contains b, c"},
		{`{"prompt": "a", "numeric": 1.50}`, Numeric, "1.50"},
		{`{"prompt": "a", "choices": ["x", "y"], "answer": 1}`, Choice, "y"},
		{`{"prompt": "a", "choices": ["x", "y"], "answer": "x"}`, Choice, "x"},
		{`{"prompt": "a", "choices": ["1", "0"], "answer": 1}`, Choice, "1"}, // a choice comes before an index
		{`{"prompt": "a", "schema": {"type": "object"}}`, Schema, "JSON that satisfies the schema"},
		{`{"prompt": "f(", "suffix": ")", "expected": "x"}`, Infill, "x"},
		{`{"prompt": "f(", "suffix": ")", "completion": "x"}`, Infill, "x"},
	} {
		got, err := Read(strings.NewReader("\n"+c.line), "x.jsonl")
		if err != nil || len(got) != 1 || got[0].Metric != c.metric || got[0].expectation() != c.right || got[0].Line != 2 {
			t.Errorf("%s: got %+v, %v", c.line, got, err)
			continue
		}
		if q := got[0].String(); !strings.HasPrefix(q, "a") && !strings.HasPrefix(q, "f(") {
			t.Errorf("%s: the question is %q", c.line, q)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for line, says := range map[string]string{
		``:                  "has no cases",
		`{"prompt": "a"}`:   "line 1 does not say what is right",
		`{"expected": "a"}`: "neither prompt nor messages",
		`{"prompt": "a", "messages": [{"role": "user", "content": "a"}], "expected": "b"}`: "both prompt and messages",
		`{"prompt": " ", "expected": "b"}`:                                                 "an empty prompt",
		`{"suffix": "a", "expected": "b"}`:                                                 "suffix and no prompt",
		`{"prompt": "a", "expected": " "}`:                                                 "expects an empty answer",
		`{"prompt": "a", "expected": ["b"]}`:                                               "line 1 has the wrong type for expected",
		`{"prompt": "a", "expected": "b", "numeric": 1}`:                                   "in 2 ways: expected, numeric",
		`{"prompt": "a", "choices": ["x"], "answer": 0}`:                                   "has 1 choice:",
		`{"prompt": "a", "choices": ["x", "x"], "answer": 0}`:                              `has the choice "x" twice`,
		`{"prompt": "a", "suffix": "b", "numeric": 3}`:                                     "has a suffix and numeric",
		`{"prompt": "a", "suffix": "b", "choices": ["x", "y"], "answer": 0}`:               "has a suffix and choices",
		`{"prompt": "a", "contains": ["b", ""]}`:                                           "an empty text under contains",
		`{"prompt": "a", "numeric": "nothing at all"}`:                                     "no number or expression",
		`{"messages": [{"role": "bogus", "content": "a"}], "expected": "b"}`:               `cannot be asked: message 1 has the invalid role "bogus"`,

		`{"prompt": "a", "choices": ["x", "y"], "answer": 2}`:   "not one of its choices",
		`{"prompt": "a", "choices": ["x", "y"]}`:                "choices and no answer",
		`{"prompt": "a", "choices": ["x", ""], "answer": 0}`:    "an empty choice",
		`{"prompt": "a", "schema": {"type": 7}}`:                "line 1",
		"{\"prompt\": \"caf\xe9\", \"expected\": \"b\"}":        "not UTF-8 text",
		`{"prompt": 7, "expected": "b"}`:                        "wrong type for prompt",
		`{"messages": [{"role": "assistant", "content": "b"}]}`: "no question before its answer",
		`{"messages": [{"role": "user", "content": "b"}]}`:      "does not say what is right",
		`[1]`:                             "line 1",
		`{"prompt": "a", "expected": "b"`: "not valid JSON: it ends too early",
		strings.Repeat("{}\n", 8):         "and 3 more",
		`{"x": "` + strings.Repeat("y", maxLine) + `"}`: "longer than 4 MiB",
	} {
		_, err := Read(strings.NewReader(line), "x.jsonl")
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "x.jsonl") {
			t.Errorf("%.80s: got %v, want %q", line, err, says)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"prompt": "a", "choices": ["x", "y"], "answer": 1}`))
	f.Add([]byte(`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, err := Read(bytes.NewReader(data), "x")
		for _, c := range cases {
			if err == nil && (c.Metric == "" || c.Metric != Infill && len(c.Messages) == 0 || c.Metric == Choice && c.Answer >= len(c.Choices)) {
				t.Errorf("got %+v", c)
			}
		}
	})
}

func TestJudge(t *testing.T) {
	schema, err := Read(strings.NewReader(`{"prompt": "a", "schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		c      Case
		answer string
		ok     bool
	}{
		{Case{Metric: Exact, Expected: "b"}, " b\n", true},
		{Case{Metric: Exact, Expected: "b"}, "B", false},
		{Case{Metric: Contains, Contains: []string{"Paris", "france"}}, "In France: PARIS.", true},
		{Case{Metric: Contains, Contains: []string{"Paris", "Rome"}}, "Paris", false},
		{schema[0], `{"n": 1}`, true},
		{schema[0], "```json\n{\"n\": 1}\n```", true},
		{schema[0], `{"n": 1.5}`, false},
		{schema[0], `Here: {"n": 1}`, false},
		{Case{Metric: Infill, Expected: "x + 1"}, "x + 2", false},
	} {
		out := Outcome{Answer: x.answer}
		if x.c.judge(&out); out.OK != x.ok {
			t.Errorf("%s %q: %v", x.c.Metric, x.answer, out.OK)
		}
		if x.c.Metric == Infill && out.Similarity != 0.8 {
			t.Errorf("the similarity is %g", out.Similarity)
		}
	}
	if got := similarity("kitten", "sitting"); math.Abs(got-(1-3.0/7)) > 1e-12 {
		t.Errorf("got %g", got)
	}
	if similarity("", "") != 1 || similarity("", "abc") != 0 {
		t.Error("empty texts")
	}
	if i := mostFrequent([]string{"a", "b", " b", "a "}); i != 0 {
		t.Errorf("got %d", i)
	}
	if i := mostFrequent([]string{"c", "b", "b ", "a"}); i != 1 {
		t.Errorf("got %d", i)
	}
}

// The values are those of R: binom::binom.wilson and binom.test.
func TestStatistics(t *testing.T) {
	for _, x := range []struct {
		right, n  int
		low, high float64
	}{{0, 10, 0, 0.27753}, {8, 10, 0.49016, 0.94331}, {10, 10, 0.72247, 1}, {50, 100, 0.40383, 0.59617}} {
		if low, high := Wilson(x.right, x.n); math.Abs(low-x.low) > 1e-5 || math.Abs(high-x.high) > 1e-5 {
			t.Errorf("%d of %d: %.5f to %.5f", x.right, x.n, low, high)
		}
	}
	for _, x := range []struct {
		b, c int
		p    float64
	}{{0, 0, 1}, {1, 0, 1}, {5, 0, 0.0625}, {10, 2, 0.03857422}, {3, 3, 1}, {400, 300, 0.000179}} {
		if p := mcnemar(x.b, x.c); math.Abs(p-x.p) > 1e-5 {
			t.Errorf("%d and %d: %.8f", x.b, x.c, p)
		}
	}
	a := []Outcome{{Line: 1, OK: true}, {Line: 2, OK: true}, {Line: 3}, {Line: 4}, {Line: 9, OK: true}}
	b := []Outcome{{Line: 4}, {Line: 3, OK: true}, {Line: 2}, {Line: 1, OK: true}}
	if c := Compare(a, b); c != (Comparison{Both: 1, First: 1, Second: 1, Neither: 1, P: 1}) {
		t.Errorf("got %+v", c)
	}
}

// answering says what a case names as its answer after "say ".
func answering(t *testing.T) *enginetest.Script {
	return &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		if r.Complete != nil && r.Complete.Suffix != "" {
			return enginetest.Reply{enginetest.Text("x")}
		}
		words := strings.Split(strings.TrimPrefix(strings.SplitN(r.Text(), "\n", 2)[0], "say "), "|")
		return enginetest.Reply{enginetest.Text(words[choice%len(words)])}
	}}
}

const file = `{"prompt": "say yes", "expected": "yes"}
{"prompt": "say no", "expected": "yes"}
{"prompt": "say The answer is 7.0", "numeric": 7}
{"prompt": "f(", "suffix": ")", "expected": "x"}
{"prompt": "say {\"n\": 1}", "schema": {"required": ["n"]}}
{"prompt": "say a|b|b", "contains": "b"}
`

func run(t *testing.T, e engine.Engine, cases []Case, o Options) map[int]bool {
	t.Helper()
	right := map[int]bool{}
	if err := Run(t.Context(), e, cases, o, func(x Outcome) error {
		if x.Error != "" {
			t.Errorf("line %d: %s", x.Line, x.Error)
		}
		right[x.Line] = x.OK
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return right
}

func TestRun(t *testing.T) {
	cases, err := Read(strings.NewReader(file), "x")
	if err != nil {
		t.Fatal(err)
	}
	e := answering(t)
	for votes, last := range map[int]bool{1: false, 3: true} {
		got := run(t, e, cases, Options{Votes: votes, Parallel: 3})
		for line, want := range map[int]bool{1: true, 2: false, 3: true, 4: true, 5: true, 6: last} {
			if ok, asked := got[line]; !asked || ok != want {
				t.Errorf("%d votes, line %d: %v, want %v", votes, line, ok, want)
			}
		}
	}
	// A case that does not fit is one without an answer; another error ends the run.
	e = &enginetest.Script{About: engine.Info{ContextLength: 20}}
	var long Outcome
	if err := Run(t.Context(), e, []Case{{Line: 1, Metric: Exact, Expected: "x", Messages: []engine.Message{{Role: engine.User, Content: engine.Text(strings.Repeat("long ", 100))}}}}, Options{}, func(x Outcome) error { long = x; return nil }); err != nil || long.Error == "" || long.OK {
		t.Errorf("got %+v, %v", long, err)
	}
	failed := errors.New("no room")
	if err := Run(t.Context(), answering(t), cases, Options{}, func(Outcome) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), e, cases, Options{}, func(Outcome) error { return nil }); fault.KindOf(err) != fault.Closed {
		t.Errorf("got %v", err)
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		c    Comparison
		want string
	}{
		{Comparison{Both: 1, Neither: 11, P: 1}, "Both models are right in the same 1 of 12 cases."},
		{Comparison{First: 1, Second: 2, P: 1}, "a alone is right in 1 case, b alone in 2. Chance can explain that (McNemar's exact test, p = 1.000)."},
		{Comparison{Second: 20, P: 1e-6}, "a alone is right in 0 cases, b alone in 20. That is more than chance explains (McNemar's exact test, p < 0.001)."},
	} {
		if got := tt.c.Verdict("a", "b"); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// A vote that ends early gives no sum of tokens: they are counted.
func TestVotesCountTokens(t *testing.T) {
	solution := enginetest.Reply{enginetest.Text(`It is \boxed{3}.`)}
	e := &enginetest.Script{Replies: slices.Repeat([]enginetest.Reply{solution}, 9)}
	defer e.Close()
	cases, err := Read(strings.NewReader(`{"prompt": "1 + 2?", "numeric": 3}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), e, cases, Options{Votes: 9}, func(o Outcome) error {
		if !o.OK || o.Generated == 0 {
			t.Errorf("got %+v", o)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A model that cannot do what one case asks for answers the others.
func TestCaseThatTheModelCannotDo(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if r.Chat == nil {
			return enginetest.Reply{enginetest.Fail{Err: &fault.Error{Kind: fault.Unsupported, Msg: "it cannot fill in"}}}
		}
		return enginetest.Reply{enginetest.Text("b")}
	}}
	defer e.Close()
	cases, err := Read(strings.NewReader(`{"prompt": "a", "suffix": "c", "expected": "b"}`+"\n"+`{"prompt": "a", "expected": "b"}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	right, failed := 0, 0
	if err := Run(t.Context(), e, cases, Options{}, func(o Outcome) error {
		if o.OK {
			right++
		}
		if o.Error == "it cannot fill in" {
			failed++
		}
		return nil
	}); err != nil || right != 1 || failed != 1 {
		t.Errorf("%d right, %d failed, %v", right, failed, err)
	}
}

// A numeric answer in a solution that was cut off counts, and is reported as cut off.
func TestNumericCutOff(t *testing.T) {
	e := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("48 + 24 = 72 clips in to"), enginetest.End(engine.FinishLength)}}}
	defer e.Close()
	cases, err := Read(strings.NewReader(`{"prompt": "How many clips?", "numeric": 72}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), e, cases, Options{}, func(o Outcome) error {
		if !o.OK || !o.Cut {
			t.Errorf("got %+v", o)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	cases := []Case{{Line: 1}, {Line: 2}, {Line: 3}}
	r, err := OpenRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Add(Outcome{Line: 2, OK: true, Answer: "\u2028\n"}), r.Add(Outcome{Line: 1}), r.Close()); err != nil {
		t.Fatal(err)
	}
	// Killed while it wrote the third.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, `{"line": 3, "ok"`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = OpenRecord(path); err != nil {
		t.Fatal(err)
	}
	if m := r.Missing(cases); len(m) != 1 || m[0].Line != 3 {
		t.Errorf("missing are %v", m)
	}
	if err := errors.Join(r.Add(Outcome{Line: 3, OK: true}), r.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err = OpenRecord(path); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines := []int{}
	for _, o := range r.Outcomes(cases) {
		lines = append(lines, o.Line)
	}
	if !slices.Equal(lines, []int{1, 2, 3}) || len(r.Missing(cases)) != 0 {
		t.Errorf("the record has %v", lines)
	}
	one := Key([]byte("a"), engine.Info{Model: "m"}, Options{Parallel: 1})
	if one != Key([]byte("a"), engine.Info{Model: "m"}, Options{Parallel: 9}) || one == Key([]byte("a"), engine.Info{Model: "m"}, Options{Votes: 3}) || one == Key([]byte("am"), engine.Info{}, Options{}) {
		t.Error("the key does not tell measurements apart")
	}
}

// TestHTML has a question and an answer with markup, which must stay text.
func TestHTML(t *testing.T) {
	cases, err := Read(strings.NewReader(`{"prompt": "<script>alert(1)</script>", "expected": "b"}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	r := Report{File: "<x>", Cases: cases, Models: []ModelReport{
		{Model: "one", Outcomes: []Outcome{{Line: 1, Metric: Exact, OK: true, Answer: "<img src=x onerror=alert(1)>"}}},
		{Model: "two", Outcomes: []Outcome{{Line: 1, Metric: Exact, Error: "too long"}}},
	}}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script>", "<img", "<x>", "http:", "https:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"&lt;script&gt;", "too long", "100.0 %", "Chance can explain that", "✓", "✗"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if s := r.Summary(); s.Comparison.First != 1 || s.Models[1].Scores[0].Failed != 1 {
		t.Errorf("got %+v", s)
	}
}
