package history

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestParseQuery(t *testing.T) {
	for _, tt := range []struct{ query, match string }{
		{"", ""},
		{"  \t ", ""},
		{"?", ""},
		{`"`, ""},
		{"slice", `"slice"*`},
		{"Slice  GROW", `"slice"* "grow"*`},
		{"a slice", `"a" "slice"*`},
		{`"slice grow"`, `"slice grow"`},
		{`how "slice gro`, `"how"* "slice gro"*`},
		{`say"hello there"now`, `"say"* "hello there" "now"*`},
		{"os.ReadFile", `"os readfile"*`},
		{"api/user.go:42", `"api user go 42"*`},
		{":=", `parts:":="`},
		{"x:=1", `"x 1" parts:":="`},
		{"C++", `parts:"c++"`},
		{"日", `"日"*`},
		{"日本", `"日本"*`},
		{"日本語", `"日本 本語"*`},
		{"🎉", `parts:"🎉"`},
		{"AND OR NOT NEAR(", `"and"* "or"* "not"* "near"*`},
		{"text:x -y ^z *", `"text x" "y" "z"`},
	} {
		if got := ParseQuery(tt.query).match(); got != tt.match {
			t.Errorf("%q: %s, want %s", tt.query, got, tt.match)
		}
	}
	if q := ParseQuery(strings.Repeat("ab ", 1000)); len(q.phrases) != maxPhrases {
		t.Errorf("a long query has %d phrases", len(q.phrases))
	}
}

// marked puts brackets around what is marked.
func marked(text string, marks []Range) string {
	var b strings.Builder
	last := 0
	for _, m := range marks {
		b.WriteString(text[last:m.Start] + "[" + text[m.Start:m.End] + "]")
		last = m.End
	}
	return b.String() + text[last:]
}

func TestMarks(t *testing.T) {
	for _, tt := range []struct{ query, text, want string }{
		{"", "nothing", "nothing"},
		{"slice", "A slice of Slices", "A [slice] of [Slices]"},
		{"eleve", "un Élève", "un [Élève]"},
		{`"slice"`, "A slice of slices", "A [slice] of slices"},
		{`"does a"`, "how does a slice; does, a", "how [does a] slice; [does, a]"},
		{"os.read", "os.ReadFile reads os", "[os.ReadFile] reads os"},
		{"name", "userName", "user[Name]"},
		{"user name", "userName", "[userName]"},
		{":=", "x := 1", "x [:=] 1"},
		{"c++", "C and C++", "C and [C++]"},
		{"日", "日本", "[日]本"},
		{"本", "日本", "日[本]"},
		{"日本語", "今日本語で", "今[日本語]で"},
		{"zebra", "A slice", "A slice"},
		{"slice zebra", "A slice", "A [slice]"},
	} {
		if got := marked(tt.text, ParseQuery(tt.query).Marks(tt.text)); got != tt.want {
			t.Errorf("%q in %q: %q, want %q", tt.query, tt.text, got, tt.want)
		}
	}
}

// FuzzQuery asks whatever people may type, of a history that was told whatever
// they may say: SQLite must understand it, and what is marked must be in the text.
// What was said must be found by its own words.
func FuzzQuery(f *testing.F) {
	s, err := Open(filepath.Join(f.TempDir(), "history.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	c, err := s.Start(f.Context(), "chat", "m")
	if err != nil {
		f.Fatal(err)
	}
	for _, q := range []string{`"slice grow`, "AND NOT (", "日本", "x:=1 \x00*", `a"b"c`, "C++ userName", "\u0301 é ﬁ"} {
		f.Add(q, "How does a slice grow? 日本語")
		f.Add("slice", q)
	}
	f.Fuzz(func(t *testing.T, query, text string) {
		if len(query) > 2*maxQuery || len(text) > 1000 {
			return
		}
		m, err := s.Add(t.Context(), Message{Conversation: c.ID, Message: say(engine.User, text)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.write.Exec("DELETE FROM words WHERE rowid = ?; DELETE FROM messages WHERE id = ?", m.ID, m.ID)
		hits, err := s.Search(t.Context(), query, 3)
		if err != nil {
			t.Fatalf("search %q: %v", query, err)
		}
		q := ParseQuery(query)
		marks := append([][]Range{q.Marks(text)}, marksOf(hits)...)
		texts := append([]string{text}, textsOf(hits)...)
		for i, list := range marks {
			last := -1
			for _, r := range list {
				if r.Start <= last || r.End <= r.Start || r.End > len(texts[i]) {
					t.Fatalf("%q: marks %v in %q", query, list, texts[i])
				}
				last = r.End
			}
		}
		if words, _ := terms(text); len(words) > 0 {
			w := words[len(query)%len(words)]
			own := `"` + text[w.start:w.end] + `"`
			if len(own) > maxTerm || ParseQuery(own).Empty() {
				return
			}
			found, err := findMessages(t.Context(), beginRead(t, s), ParseQuery(own))
			if err != nil || !slices.ContainsFunc(found, func(f match) bool { return f.message == m.ID }) {
				t.Fatalf("%q is not found by %s: %v, %v", text, own, found, err)
			}
		}
	})
}
