package history

import (
	"database/sql"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

func marksOf(hits []Hit) (all [][]Range) {
	for _, h := range hits {
		all = append(all, h.Marks, h.TitleMarks)
	}
	return all
}

func textsOf(hits []Hit) (all []string) {
	for _, h := range hits {
		all = append(all, h.Text, h.Conversation.Title)
	}
	return all
}

func beginRead(t *testing.T, s *Store) *sql.Tx {
	t.Helper()
	tx, err := s.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// searched are the conversations of a small history, by title.
func searched(t *testing.T) *Store {
	t.Helper()
	s := openTest(t)
	for _, talk := range []struct {
		title, text string
	}{
		{"one", "How does a slice grow in Go? Appending past the capacity allocates a new array."},
		{"two", "Über die Natur der Dinge, élève et maître"},
		{"three", "今日は日本語で話しましょう"},
		{"four", "x := append(xs, userName); if x != nil && y->z { os.ReadFile(path) }"},
		{"five", "C++ templates and C# generics"},
		{"six", "a slice of bread: slice it, then slice it again"},
		{"seven", "한국어를 배우고 있어요"},
		{"about bread", "nothing"},
	} {
		c := started(t, s)
		said(t, s, c.ID, 0, engine.User, talk.text)
		if err := s.Rename(t.Context(), c.ID, talk.title); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSearch(t *testing.T) {
	s := searched(t)
	for _, tt := range []struct{ query, want string }{
		{"", ""},
		{"slice", "six, one"}, // three times before once
		{"SLI", "six, one"},
		{"slice gro", "one"},
		{`"slice grow"`, "one"},
		{`"grow slice"`, ""},
		{"grow slice", "one"},
		{"uber", "two"},
		{"MAITRE eleve", "two"},
		{"日本", "three"},
		{"日", "three"},
		{"本語で話", "three"},
		{"日語", ""},
		{"배우", "seven"},
		{":=", "four"},
		{"!=", "four"},
		{"name", "four"},
		{"username", "four"},
		{"os.ReadFile", "four"},
		{"readfile(path)", "four"},
		{"c++", "five"},
		{"c#", "five"},
		{"c", "five"},
		{"t", "three, two"}, // of titles one letter is enough
		{"bread", "about bread, six"},
		{"nowhere", ""},
		{"slice nowhere", ""},
	} {
		hits, err := s.Search(t.Context(), tt.query, 10)
		if err != nil {
			t.Errorf("%q: %v", tt.query, err)
			continue
		}
		var titles []string
		for _, h := range hits {
			titles = append(titles, h.Conversation.Title)
			if len(h.Marks)+len(h.TitleMarks) == 0 {
				t.Errorf("%q marks nothing in %q", tt.query, h.Text)
			}
		}
		if got := strings.Join(titles, ", "); got != tt.want {
			t.Errorf("%q finds %s, want %s", tt.query, got, tt.want)
		}
	}
	hits, err := s.Search(t.Context(), "bread", 1)
	if err != nil || len(hits) != 1 || hits[0].Message != 0 || marked(hits[0].Conversation.Title, hits[0].TitleMarks) != "about [bread]" {
		t.Errorf("by title: %+v, %v", hits, err)
	}
}

func TestSearchFindsWhatIsAttachedByName(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	if _, err := s.Add(t.Context(), Message{
		Conversation: c.ID, Message: engine.Message{Role: engine.User, Content: engine.Content{
			{Type: engine.TextChunk, Text: "secret inside"}, {Type: engine.TextChunk, Text: "what is this?"},
		}},
		Attached: []Attachment{{0, "notes/plan.md"}},
	}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"plan.md": 1, "what": 1, "secret": 0} {
		if hits, err := s.Search(t.Context(), query, 5); err != nil || len(hits) != want {
			t.Errorf("%q: %+v, %v", query, hits, err)
		}
	}
	if c, _ = s.Conversation(t.Context(), c.ID); c.Title != "what is this?" {
		t.Errorf("title %q", c.Title)
	}
}

func TestSearchGathersAndRanks(t *testing.T) {
	s := openTest(t)
	old, fresh := started(t, s), started(t, s)
	for range 3 {
		said(t, s, old.ID, 0, engine.User, "a needle here")
	}
	said(t, s, fresh.ID, 0, engine.User, "a needle here")
	aged(t, s, old.ID, 300*24*time.Hour)
	hits, err := s.Search(t.Context(), "needle", 10)
	if err != nil || len(hits) != 2 || hits[0].Conversation.ID != fresh.ID || hits[1].Matches != 3 {
		t.Errorf("%+v, %v", hits, err)
	}
	if hits, err = s.Search(t.Context(), "needle", 0); err != nil || len(hits) != 0 {
		t.Errorf("none asked: %+v, %v", hits, err)
	}
}

func TestExcerpt(t *testing.T) {
	q := ParseQuery("slice grow")
	far := strings.Repeat("words before it ", 50)
	for _, tt := range []struct{ name, text, want string }{
		{"short", "A slice\n\ngrows", "A [slice] [grows]"},
		{"the place with both", "slice " + far + "how a slice grows " + far, "how a [slice] [grows] words"},
		{"no spaces", strings.Repeat("x", 1000) + " slice", "xxx [slice]"},
		{"cjk", strings.Repeat("日本語", 300) + "slice" + strings.Repeat("日本語", 300), "日本語[slice]日本語"},
	} {
		text, marks := q.excerpt(tt.text)
		if got := marked(text, marks); !strings.Contains(got, tt.want) || len(text) > snippet+2*len("…") || !utf8.ValidString(text) || strings.Contains(text, "\n") {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestRecent(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]float64{0: 1, -time.Hour: 1, 30 * 24 * time.Hour: 0.5, 60 * 24 * time.Hour: 0.25} {
		if got := recency(now.Add(-age), now); got != want {
			t.Errorf("%v ago: %v, want %v", age, got, want)
		}
	}
}
