package review

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/modes/review/diff"
)

// TestNames checks that files with unusual names are shown to the model, accepted back
// and reported as the same file, although all of them have the same content.
func TestNames(t *testing.T) {
	names := []string{
		"a b.py", "caf\xe9.py", "caf\xe8.py", "caf\u00e9.py", "tab\there.py", "new\nline.py", `quo"te.py`, `"quoted".py`, `back\slash.py`, "\x1b[31m.py", "a\u202egpj.py", "agpj.py", "-x.py", "u\u0308.py", "\u00fc.py",
	}
	var files []diff.File
	for _, name := range names {
		f := diff.File{Old: name, New: name, Kind: diff.Modified, Hunks: []diff.Hunk{{
			Old: diff.Span{Start: 1, Count: 1}, New: diff.Span{Start: 1, Count: 1},
			Lines: []diff.Line{{Op: diff.Delete, Old: 1, Text: "a = 1"}, {Op: diff.Add, New: 1, Text: "a = unknown_name()"}},
		}}}
		// As git writes it, which quotes some of them.
		parsed := parse(t, f.String())
		if len(parsed) != 1 || parsed[0].New != name {
			t.Fatalf("%q is parsed as %+v", name, parsed)
		}
		files = append(files, parsed...)
	}
	var accepted []string
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if strings.Contains(r.Text(), asksVerdict) {
			return enginetest.Reply{enginetest.Text("no JSON")}
		}
		var s struct {
			Properties struct {
				Findings struct {
					Items struct {
						Properties struct {
							File struct {
								Enum []string `json:"enum"`
							} `json:"file"`
						} `json:"properties"`
					} `json:"items"`
				} `json:"findings"`
			} `json:"properties"`
		}
		if err := json.Unmarshal(r.Chat.ResponseFormat.JSONSchema.Schema, &s); err != nil {
			t.Error(err)
		}
		accepted = s.Properties.Findings.Items.Properties.File.Enum
		code := r.Chat.Messages[0].Content.Plain()
		var list []string
		for _, name := range accepted {
			if !strings.Contains(code, "=== "+name+"\n") {
				t.Errorf("%q is not shown", name)
			}
			file, err := json.Marshal(name)
			if err != nil {
				t.Error(err)
			}
			list = append(list, fmt.Sprintf(`{"file":%s,"line":1,"code":"a = unknown_name()","title":"t","severity":"major","category":"bug","confidence":90}`, file))
		}
		return enginetest.Reply{enginetest.Text(`{"findings":[` + strings.Join(list, ",") + `]}`)}
	}}
	for chunk := range slices.Chunk(files, maxFindings) {
		res := review(t, e, chunk, Options{})
		var want, got []string
		for _, f := range chunk {
			want = append(want, f.New)
		}
		for _, f := range res.Findings {
			got = append(got, f.File)
		}
		if !slices.Equal(got, want) {
			t.Errorf("findings in %q, want %q; the model saw %q", got, want, accepted)
		}
	}
}
