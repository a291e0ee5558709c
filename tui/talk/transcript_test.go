package talk

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// transcriptOf shows texts as turns.
func transcriptOf(t *testing.T, width, height int, texts ...string) *transcript {
	tr := newTranscript(plainLook(t))
	for i, text := range texts {
		role := engine.User
		if i%2 == 1 {
			role = engine.Assistant
		}
		tr.turns = append(tr.turns, readTurn(tr.look, nil, history.Message{ID: int64(i + 1), Message: engine.Message{Role: role, Content: engine.Text(text)}}))
	}
	tr.resize(width, height)
	return tr
}

// all are all rows of a transcript.
func (tr *transcript) all() []string {
	var rows []string
	for at := tr.normalize(position{}); at != tr.end(); at = tr.after(at) {
		rows = append(rows, tr.rows(at)...)
	}
	return rows
}

func (tr *transcript) texts() []string {
	var list []string
	for _, r := range tr.visible() {
		list = append(list, r.text)
	}
	return list
}

// TestScrolling compares what is seen with a window on all rows, however one
// moves.
func TestScrolling(t *testing.T) {
	var texts []string
	for i := range 30 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("paragraph %d of a text\n\n", i), i%7+1))
	}
	for _, height := range []int{1, 3, 10, 1000} {
		tr := transcriptOf(t, 30, height, texts...)
		all := tr.all()
		top := max(0, len(all)-height)
		random := rand.New(rand.NewPCG(1, 2))
		for step := range 300 {
			want := all[top:min(len(all), top+height)]
			if got := tr.texts(); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("height %d, step %d: seen\n%s\nwant\n%s", height, step, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			by := random.IntN(21) - 10
			tr.scroll(by)
			top = max(0, min(top+by, len(all)-height))
		}
	}
}

// TestFollowing adds to the end while it is seen, and while it is not.
func TestFollowing(t *testing.T) {
	tr := transcriptOf(t, 40, 6, "question", strings.Repeat("line\n\n", 20))
	grow := func(text string) {
		tr.turns = append(tr.turns, readTurn(tr.look, nil, history.Message{Message: engine.Message{Role: engine.Assistant, Content: engine.Text(text)}}))
	}
	grow("new end")
	if got := tr.texts(); got[len(got)-1] != "new end" {
		t.Errorf("the end is not followed: %q", got)
	}
	tr.scroll(-5)
	before := strings.Join(tr.texts(), "\n")
	grow("newer end")
	if got := strings.Join(tr.texts(), "\n"); got != before {
		t.Errorf("what was read moved: %q, before %q", got, before)
	}
	tr.scroll(100)
	if got := tr.texts(); !tr.follow || got[len(got)-1] != "newer end" {
		t.Errorf("back at the end: %q", got)
	}
}

// TestChoosingBringsIntoView selects each turn in turn.
func TestChoosingBringsIntoView(t *testing.T) {
	var texts []string
	for i := range 12 {
		texts = append(texts, fmt.Sprintf("turn %d\n\n%s", i, strings.Repeat("more\n\n", i*3%11)))
	}
	tr := transcriptOf(t, 40, 10, texts...)
	see := func(i int) {
		t.Helper()
		tr.selectTurn(i)
		if seen := strings.Join(tr.texts(), "\n"); !strings.Contains(seen, fmt.Sprintf("turn %d", i)) {
			t.Errorf("turn %d is not seen:\n%s", i, seen)
		}
	}
	for i := 11; i >= 0; i-- {
		see(i)
	}
	for i := range 12 {
		see(i)
	}
}

func TestEmptyTranscript(t *testing.T) {
	tr := transcriptOf(t, 40, 10)
	tr.scroll(-3)
	tr.scroll(3)
	tr.scrollTo(position{})
	if len(tr.visible()) != 0 {
		t.Errorf("seen: %v", tr.visible())
	}
	if turn, copied := tr.click(0, 0); turn != -1 || copied != nil {
		t.Errorf("a click finds turn %d", turn)
	}
}

// TestLongBlocks checks that what grows without an end is cut, and code is copied
// whole all the same.
func TestLongBlocks(t *testing.T) {
	code := strings.Repeat("s = append(s, 1)\n", 1000)
	for _, tt := range []struct{ name, text string }{
		{"code", "```go\n" + code + "```\n\nend"},
		{"list", strings.Repeat("- item of a list\n", 1000)},
		{"prose", strings.Repeat("a line of prose that goes on\n", 1000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a markdownParts
			for piece := range strings.SplitAfterSeq(tt.text, " ") {
				a.add(piece)
				if n := len(a.blocks.Growing()); n > longestBlock+pieceBytes {
					t.Fatalf("a block of %d bytes grows", n)
				}
			}
			a.end()
			if len(a.parts) < 5 {
				t.Errorf("%d parts", len(a.parts))
			}
			if tt.name != "code" {
				return
			}
			turn := &turn{parts: a.parts}
			codes := turn.codes()
			if len(codes) != 1 || codes[0].code.source.String() != strings.TrimSuffix(code, "\n") {
				t.Errorf("%d codes; the first has %d bytes of %d", len(codes), codes[0].code.source.Len(), len(code)-1)
			}
			for _, p := range a.parts[1 : len(a.parts)-1] {
				if !p.joined {
					t.Error("there is a gap in the code")
				}
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for in, want := range map[string]string{
		`{"city": "Paris", "days": 2}`: "city: Paris, days: 2",
		`{}`:                           "",
		`{"a": {"b": [1, null]}}`:      `a: {"b": [1, null]}`,
		`not json`:                     "not json",
		`[1]`:                          "[1]",
		`{"a": "x`:                     `{"a": "x`,
	} {
		if got := arguments(in); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

// plainLook is a look without settings.
func plainLook(t testing.TB) *kit.Look {
	t.Helper()
	look, unknown := kit.NewLook(config.Interface{}, nil)
	if len(unknown) > 0 {
		t.Fatal("unknown keys: ", unknown)
	}
	return look
}
