package review

import (
	"strings"
	"testing"
	"unicode"
)

func TestElements(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string // titles
		cut      bool
		err      error
	}{
		{"form", `{"findings":[{"title":"a"},{"title":"b"}]}`, []string{"a", "b"}, false, nil},
		{"empty", `{"findings":[]}`, nil, false, nil},
		{"fenced", "Sure:\n```json\n{\"findings\": [{\"title\":\"a\"}]}\n```\n", []string{"a"}, false, nil},
		{"other keys", `{"summary":{"findings":1},"n":[1],"findings":[{"title":"a"}],"x":1}`, []string{"a"}, false, nil},
		{"bare", `[{"title":"a"}]`, []string{"a"}, false, nil},
		{"words with brackets", `I looked at a[i] {twice}. {"findings":[{"title":"a"}]}`, []string{"a"}, false, nil},
		{"cut in an element", `{"findings":[{"title":"a"},{"title":"b`, []string{"a"}, true, nil},
		{"cut between", `{"findings":[{"title":"a"}`, []string{"a"}, true, nil},
		{"cut at once", `{"findings":[`, nil, true, nil},
		{"cut before", `{"find`, nil, false, errNoJSON},
		{"no list", `{"findings":"none"}`, nil, false, errNoJSON},
		{"prose", `nothing`, nil, false, errNoJSON},
		{"elements of another kind", `{"findings":["a",1,null,{"title":"b"}]}`, []string{"", "b"}, false, nil},
		{"fields of another kind", `{"findings":[{"title":7,"line":{"a":1},"replacement":[1],"confidence":null}]}`, []string{""}, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, state, err := elements[claim](tt.in, "findings")
			var titles []string
			for _, c := range got {
				titles = append(titles, string(c.Title))
			}
			if strings.Join(titles, ",") != strings.Join(tt.want, ",") || len(titles) != len(tt.want) || (state == truncated) != tt.cut || err != tt.err {
				t.Errorf("%q, %q, %v", titles, state, err)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]number{
		`42`: 42, `"42"`: 42, `"42-45"`: 42, `0.9`: 90, `"0.85"`: 85, `1`: 1, `90.5`: 90, `-3`: 0, `"high"`: 0, `null`: 0, `1e9`: 1, `99999999999999`: 0, `{}`: 0, `""`: 0,
	} {
		got, _, err := elements[claim](`[{"line":`+in+`}]`, "findings")
		if err != nil || len(got) != 1 || got[0].Line != want {
			t.Errorf("%s is %+v, %v, want %d", in, got, err, want)
		}
	}
}

func TestReplacements(t *testing.T) {
	for in, want := range map[string]string{`"a\n"`: "a\n", `""`: "", `null`: "none", `7`: "none", `["a"]`: "none"} {
		got, _, err := elements[claim](`[{"replacement":`+in+`}]`, "findings")
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %+v, %v", in, got, err)
		}
		text := "none"
		if r := got[0].Replacement; r != nil {
			text = *r
		}
		if text != want {
			t.Errorf("%s is %q, want %q", in, text, want)
		}
	}
}

// TestWordsCommandNothing checks that the parts of an answer that are shown cannot
// command a terminal or change the direction of text. A file name is only compared.
func TestWordsCommandNothing(t *testing.T) {
	got, _, err := elements[claim](`[{"title":"\u001b[2Jx\u0007","why":"a\u001b]52;c;aGk=\u0007b\n\u202ec\u2069"}]`, "findings")
	if err != nil || got[0].Title != "x" || got[0].Why != "ab\nc" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzElements(f *testing.F) {
	f.Add(`{"findings":[` + nilMap + `]}`)
	f.Add("```json\n[{\"title\":\"a\",\"line\":\"3-4\",\"confidence\":0.5}]\n```")
	f.Add(`{"findings":[{"title":"a","why":"\u001b[0m"},{"ti`)
	files := parse(f, userDiff+places)
	var ps []excerpt
	grounds := map[string]*fileText{}
	for i := range files {
		own := excerpts(&files[i])
		grounds[files[i].Path()] = &fileText{ps: own}
		ps = append(ps, own...)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 1<<14 {
			t.Skip("long")
		}
		claims, _, _ := elements[claim](in, "findings")
		for _, c := range claims {
			finding, p, ok := anchor(c, ps)
			if !ok {
				continue
			}
			if strings.ContainsFunc(finding.Title+finding.Why, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
				t.Errorf("%q commands the terminal", finding.Title+finding.Why)
			}
			if finding.Line < p.first() || finding.EndLine > p.last() || finding.EndLine < finding.Line || finding.Code == "" {
				t.Errorf("%+v is not in its excerpt", finding)
			}
			if c.Replacement == nil {
				continue
			}
			if s := grounds[finding.File].suggest(*c.Replacement, &finding); s != nil && (s.Line < finding.Line || s.EndLine > finding.EndLine || s.Old == s.New) {
				t.Errorf("%+v is no suggestion for %+v", s, finding)
			}
		}
	})
}
