package tune

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func file(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`

func TestProblems(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{`, "line 2 is not valid JSON: it ends too early"},
		{"{\"text\":\"caf\xe9\"}", "line 2 is not UTF-8 text"},
		{`[]`, "line 2 is not a JSON object"},
		{`{"messages":"x"}`, "line 2 has the wrong type for messages"},
		{`{}`, "line 2 has none of messages, text and prompt"},
		{`{"messages":[{"role":"human","content":"a"},{"role":"assistant","content":"b"}]}`, `line 2 has the unknown role "human" in message 1: want system, user, assistant or tool`},
		{`{"messages":[{"content":"a"}]}`, "line 2 has no role in message 1"},
		{`{"messages":[{"role":"user","content":"a"}]}`, "line 2 has no assistant turn"},
		{`{"messages":[{"role":"assistant","content":"b"}]}`, "line 2 has an answer without a question, in message 1"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`, "line 2 ends with a message from user"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"assistant","content":"c"}]}`, "line 2 has two assistant turns in a row, messages 2 and 3"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""}]}`, "line 2 has an empty message 2"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0.5}]}`, "line 2 has the weight 0.5 in message 2: want 0 or 1"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0}]}`, "line 2 trains nothing"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"tool","content":"b"},{"role":"assistant","content":"b"}]}`, "line 2 has a tool's result without a call, in message 2"},
		{`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:,"}]},{"role":"assistant","content":"b"}]}`, "line 2 has an image in message 1"},
		{`{"text":"a"}`, "line 2 has the format text, but line 1 has the format conversation"},
		{`{"text":""}`, "line 2 has an empty text"},
		{`{"text":"a","prompt":"b"}`, "line 2 has more than one of messages, text and prompt"},
		{`{"prompt":"a","suffix":"b"}`, "line 2 has a prompt and no expected"},
		{`{"conversations":[{"from":"human","value":"a"}]}`, "line 2 has conversations in the format of ShareGPT"},
	} {
		r, err := Check(t.Context(), file(t, good, c.line, "", good), CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Err(); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.line, err, c.want)
		}
		if r.Repeated != 1 || r.Examples != 1 || r.Lines != 3 {
			t.Errorf("%s: %+v", c.line, r)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	for name, path := range map[string]string{"is empty": file(t, "", " ", "\t"), "no such file": filepath.Join(t.TempDir(), "none"), "not a regular file": t.TempDir()} {
		r, err := Check(t.Context(), path, CheckOptions{})
		if err == nil {
			err = r.Err()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
	r, err := Check(t.Context(), file(t, "\x00\x01", "\xff\xfe", "{]"), CheckOptions{})
	if err != nil || r.Wrong != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// endless gives n bytes without a line break, and then an example.
type endless struct {
	n    int64
	rest io.Reader
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return e.rest.Read(p)
	}
	n := min(int64(len(p)), e.n)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.n -= n
	return int(n), nil
}

func TestLongLineTakesLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var long int64
	lines := 0
	err := scan(t.Context(), &endless{1 << 30, strings.NewReader("\n" + good)}, func(n int, data []byte, size int64) error {
		if lines++; data == nil {
			long = size
		} else if string(data) != good || n != 2 {
			t.Errorf("line %d is %.20q", n, data)
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	if err != nil || long != 1<<30+1 || lines != 2 {
		t.Errorf("%d lines, %d bytes, %v", lines, long, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*maxLine {
		t.Errorf("took %d bytes", took)
	}
}

func TestScanEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if err := scan(ctx, &endless{1 << 40, nil}, nil); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestLengthsAndDuplicates(t *testing.T) {
	e := openTokenizer(t, "tekken_tiny_v3.json")
	valid, err := Check(t.Context(), file(t, `{"prompt":"v","completion":"w"}`), CheckOptions{Encoder: e, SequenceLength: 64})
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, good, `{ "messages" : [{"content":"a","role":"user"},{"role":"assistant","content":"b"}]}`,
		`{"messages":[{"role":"user","content":"v"},{"role":"assistant","content":"w"}]}`, `{"prompt":"`+strings.Repeat("long ", 50)+`","completion":"w"}`)
	used := 0
	r, err := Check(t.Context(), path, CheckOptions{Encoder: e, SequenceLength: 64, Validation: valid, Each: func(Example, []Sequence) error { used++; return nil }})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if r.Examples != 1 || used != 1 || r.Repeated != 1 || r.Known != 1 || r.TooLong != 1 || r.Tokens != 6 || r.Trained != 2 || r.Lengths.Max != 6 {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsLeft(t *testing.T) {
	path := file(t, good)
	valid, err := Check(t.Context(), path, CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(t.Context(), path, CheckOptions{Validation: valid})
	if err == nil {
		err = r.Err()
	}
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "all of its lines are in the validation data") {
		t.Error(err)
	}
	r, err = Check(t.Context(), path, CheckOptions{Encoder: openTokenizer(t, "tekken_tiny_v3.json"), SequenceLength: 3})
	if err == nil {
		err = r.Err()
	}
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "all of its lines are too long") {
		t.Error(err)
	}
}

func TestTextsAreSplit(t *testing.T) {
	e := openTokenizer(t, "tekken_tiny_v3.json")
	r, err := Check(t.Context(), file(t, `{"text":"`+strings.Repeat("a1", 50)+`"}`), CheckOptions{Encoder: e, SequenceLength: 16})
	if err != nil || r.Sequences < 2 || r.Lengths.Max > 16 || r.TooLong != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFix(t *testing.T) {
	from := file(t, "\ufeff"+good, good, `{"text":"other"}`, "{",
		`{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"r"}]}`,
		`{"messages":[{"role":"User","content":"s"},{"role":"assistant","content":"t"},{"role":"assistant","content":"u"},{"role":"user","content":"v"}]}`,
		`{"messages":[{"role":"user","content":"lonely"}]}`)
	to := filepath.Join(t.TempDir(), "fixed.jsonl")
	fixed, err := Fix(t.Context(), from, to, CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wrong, repeated := fixed.Data.WrongLines(), fixed.Data.RepeatedAt
	if want := (Fixed{Written: 3, Converted: 2, Shortened: 1, Joined: 1, Removed: 4, Data: fixed.Data}); fixed != want || !slices.Equal(repeated, []int{2}) {
		t.Errorf("%+v", fixed)
	}
	if want := "line 3 has the format text, but line 1 has the format conversation; line 4 is not valid JSON: it ends too early; line 7 has no assistant turn"; wrong != want {
		t.Errorf("removed: %s", wrong)
	}
	r, err := Check(t.Context(), to, CheckOptions{})
	if err != nil || r.Err() != nil || r.Examples != 3 || r.Repeated != 0 {
		t.Errorf("%+v, %v, %v", r, err, r.Err())
	}
	data, _ := os.ReadFile(to)
	if want := `{"messages":[{"role":"user","content":"s"},{"role":"assistant","content":"t\n\nu"}]}`; !strings.Contains(string(data), want) {
		t.Errorf("got %s", data)
	}
	for _, data := range []string{"{", good} {
		if _, err := Fix(t.Context(), file(t, data), to, CheckOptions{}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", data, err)
		}
	}
	if again, _ := os.ReadFile(to); string(again) != string(data) {
		t.Error("a failed fix changed the file")
	}
}

// With an encoder, lines that the model does not take are left out too.
func TestFixForAModel(t *testing.T) {
	call := `{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"short","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"short","content":"r"},{"role":"assistant","content":"b"}]}`
	long := `{"prompt":"` + strings.Repeat("long ", 50) + `","completion":"w"}`
	from := file(t, call, good, long)
	o := CheckOptions{Encoder: openTokenizer(t, "tekken_tiny_v3.json"), SequenceLength: 64}
	r, err := Check(t.Context(), from, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, advice := fault.Explain(r.Err()); !strings.Contains(advice, "bise tune -m MODEL --data "+from+" --fix FILE") {
		t.Errorf("advises %q", advice)
	}
	to := filepath.Join(t.TempDir(), "fixed.jsonl")
	fixed, err := Fix(t.Context(), from, to, o)
	if err != nil || fixed.Written != 1 || fixed.Removed != 2 || !slices.Equal(fixed.Data.TooLongAt, []int{3}) || !strings.HasPrefix(fixed.Data.WrongLines(), "line 1 does not suit the model: the tool call id") {
		t.Errorf("%+v, %v", fixed, err)
	}
	if r, err = Check(t.Context(), to, o); err != nil || r.Err() != nil || r.Examples != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheFirstLineHasTheFormat(t *testing.T) {
	from := file(t, `{"text":"a"}`, `{"prompt":"a","completion":"b"}`, `{"prompt":"c","completion":"d"}`)
	const want = "line 2 has the format conversation, but line 1 has the format text; line 3 has the format conversation, but line 1 has the format text"
	r, err := Check(t.Context(), from, CheckOptions{})
	if err != nil || r.WrongLines() != want {
		t.Errorf("%+v, %v", r, err)
	}
	fixed, err := Fix(t.Context(), from, filepath.Join(t.TempDir(), "fixed.jsonl"), CheckOptions{})
	if err != nil || fixed.Written != 1 || fixed.Data.WrongLines() != want {
		t.Errorf("%+v, %v", fixed, err)
	}
}

func TestManyWrongLines(t *testing.T) {
	lines := slices.Repeat([]string{"{", "{", good}, maxListed) // two of three are wrong
	r, err := Check(t.Context(), file(t, lines...), CheckOptions{})
	if err != nil || r.Wrong != 2*maxListed || len(r.Problems) != maxListed || len(r.RepeatedAt) != maxListed-1 {
		t.Fatalf("%+v, %v", r, err)
	}
	got := r.WrongLines()
	if want := "; line 7 is not valid JSON: it ends too early; also lines 8, 10-11, 13-14, "; !strings.Contains(got, want) || !strings.HasSuffix(got, ", 154-155 and 1896 more") {
		t.Error(got)
	}
}

func TestLineNumbers(t *testing.T) {
	for want, at := range map[string][]int{"line 9": {9}, "lines 9, 12-15": {9, 12, 13, 14, 15}, "lines 1-2 and 3 more": {1, 2}} {
		n := len(at)
		if strings.Contains(want, "more") {
			n += 3
		}
		if got := LineNumbers(at, n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"prompt":"a","suffix":"b","expected":"c"}`))
	f.Add([]byte(`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, _, err := mend(data)
		if err != nil {
			return
		}
		x.sum()
		var b strings.Builder
		w := bufio.NewWriter(&b)
		if err := errors.Join(writeExample(w, x), w.Flush()); err != nil {
			t.Fatal(err)
		}
		y, err := parse([]byte(b.String()))
		if err != nil || y.sum() != x.sum() {
			t.Errorf("%s was written as %s: %v", data, b.String(), err)
		}
	})
}
