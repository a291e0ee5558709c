package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
)

// userGo is a file after the change that userDiff makes.
const userGo = `package api

import "time"

// NewUser makes a user.
func NewUser(name string) *User {
	return &User{Name: name}
}

// Tag notes a tag.
func (u *User) Tag(k, v string) {
	u.seen = time.Now()
	if k == "" {
		return
	}
	u.count++
	u.tags[k] = v
	u.log()
	u.save()
	u.sync()
	u.done()
}

func (u *User) last() {}
`

const userDiff = `diff --git a/api/user.go b/api/user.go
index 83db48f..bf2a2c8 100644
--- a/api/user.go
+++ b/api/user.go
@@ -14,6 +14,7 @@ func (u *User) Tag(k, v string) {
 		return
 	}
 	u.count++
+	u.tags[k] = v
 	u.log()
 	u.save()
 	u.sync()
`

// asksVerdict is in requests that verify a finding.
const asksVerdict = "Do not report findings now."

// A said is what the scripted model answers: claims to code, a verdict to each of them.
type said struct {
	claims  string // JSON of the list
	verdict string // "" keeps all
}

// model answers by what the code holds: the first reply whose key is in it.
func model(replies map[string]said) *enginetest.Script {
	return &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		code := r.Chat.Messages[0].Content.Plain()
		code = code[strings.Index(code, codeHeading):]
		for key, rep := range replies {
			if strings.Contains(code, key) {
				if !strings.Contains(code, asksVerdict) {
					return enginetest.Reply{enginetest.Text(`{"findings":` + rep.claims + `}`)}
				}
				if rep.verdict == "" {
					return enginetest.Reply{enginetest.Text(`no JSON`)}
				}
				return enginetest.Reply{enginetest.Text(rep.verdict)}
			}
		}
		return enginetest.Reply{enginetest.Text(`{"findings":[]}`)}
	}}
}

func parse(t testing.TB, text string) []diff.File {
	t.Helper()
	files, err := diff.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// review runs a review to its end; the findings that were told must be those of
// the result.
func review(t testing.TB, e engine.Engine, files []diff.File, o Options) Result {
	t.Helper()
	var found []string
	var res Result
	done := false
	for event, err := range Run(t.Context(), e, files, o) {
		if err != nil {
			t.Fatal(err)
		}
		switch event := event.(type) {
		case Found:
			found = append(found, event.Finding.Fingerprint)
		case Done:
			res, done = event.Result, true
		}
	}
	if !done || len(found) != len(res.Findings) {
		t.Fatalf("done is %v, %d findings were told and the result has %d", done, len(found), len(res.Findings))
	}
	return res
}

const nilMap = `{"file":"api/user.go","line":17,"end_line":17,"code":"\tu.tags[k] = v","title":"write to a nil map.","why":"NewUser leaves tags nil.","severity":"major","category":"bug","replacement":"\tif u.tags == nil {\n\t\tu.tags = map[string]string{}\n\t}\n\tu.tags[k] = v","confidence":90}`

func TestReview(t *testing.T) {
	e := model(map[string]said{"u.tags": {"[" + nilMap + "]", `{"quote":"x","reason":"x","holds":true,"severity":"critical"}`}})
	res := review(t, e, parse(t, userDiff), Options{Tree: fstest.MapFS{"api/user.go": {Data: []byte(userGo)}}})
	if len(res.Findings) != 1 || len(res.Patch) != 1 {
		t.Fatalf("result %+v", res)
	}
	f := res.Findings[0]
	if f.File != "api/user.go" || f.Line != 17 || f.EndLine != 17 || f.Severity != Critical || f.Confidence != 0.9 || f.ClaimedConfidence != 0.9 || f.Title != "write to a nil map" || f.Code != "\tu.tags[k] = v" || len(f.Fingerprint) != 32 {
		t.Errorf("finding %+v", f)
	}
	want := `diff --git a/api/user.go b/api/user.go
--- a/api/user.go
+++ b/api/user.go
@@ -14,6 +14,9 @@
 		return
 	}
 	u.count++
+	if u.tags == nil {
+		u.tags = map[string]string{}
+	}
 	u.tags[k] = v
 	u.log()
 	u.save()
`
	if got := res.Patch[0].String(); got != want {
		t.Errorf("patch\n%s\nwant\n%s", got, want)
	}
	if len(res.Files) != 1 || res.Files[0] != (Coverage{"api/user.go", Reviewed, ""}) {
		t.Errorf("coverage %+v", res.Files)
	}
	asked := chats(e)
	if len(asked) != 2 {
		t.Fatalf("%d requests", len(asked))
	}
	code := asked[0].Messages[0].Content.Plain()
	wantCode := `=== api/user.go
@@
11 func (u *User) Tag(k, v string) {
 	u.seen = time.Now()
 	if k == "" {
 		return
 	}
 	u.count++
17+	u.tags[k] = v
 	u.log()
 	u.save()
 	u.sync()
 	u.done()
 }
`
	if got := code[strings.Index(code, codeHeading)+len(codeHeading):]; got != wantCode {
		t.Errorf("the model is shown\n%s\nwant\n%s", got, wantCode)
	}
	second := asked[1].Messages
	want = code + "\nAnother reviewer has found in api/user.go, line 17: write to a nil map. NewUser leaves tags nil.\n\n" + asksVerdict
	if len(second) != 1 || !strings.HasPrefix(second[0].Content.Plain(), want) {
		t.Errorf("the model is asked again with %+v", second)
	}
	if res.Usage.PromptTokens == 0 || res.Usage.Cached() == 0 {
		t.Errorf("usage %+v", res.Usage)
	}
}

func chats(s *enginetest.Script) []engine.ChatRequest {
	var all []engine.ChatRequest
	for _, r := range s.Requests() {
		if r.Chat != nil {
			all = append(all, *r.Chat)
		}
	}
	return all
}

// TestSecondLook checks what becomes of findings that the model doubts.
func TestSecondLook(t *testing.T) {
	sure := 0.85
	for _, tt := range []struct {
		name, verdict string
		confidence    *float64
		want          []string
		dropped       Dropped
	}{
		{"no verdict", "", nil, []string{"major 0.9"}, Dropped{}},
		{"holds", `{"holds":true,"severity":"minor"}`, nil, []string{"minor 0.9"}, Dropped{}},
		{"does not", `{"holds":false,"severity":"minor"}`, nil, nil, Dropped{Rejected: 1}},
		{"in prose", `Well: {"quote":"{"} no, {"holds": false}`, nil, nil, Dropped{Rejected: 1}},
		{"undecided", `{"reason":"x"}`, nil, []string{"major 0.9"}, Dropped{}},
		{"odd", `{"holds":true,"severity":"awful"}`, nil, []string{"major 0.9"}, Dropped{}},
		{"likely", "0.8", nil, []string{"minor 0.8"}, Dropped{}},
		{"unlikely", "0.3", nil, nil, Dropped{Rejected: 1}},
		{"surer is wanted", "0.8", &sure, nil, Dropped{Rejected: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := model(map[string]said{"u.tags": {"[" + nilMap + "]", tt.verdict}})
			if p, err := strconv.ParseFloat(tt.verdict, 64); err == nil {
				e = likely(p)
			}
			res := review(t, e, parse(t, userDiff), Options{Confidence: tt.confidence})
			var got []string
			for _, f := range res.Findings {
				got = append(got, fmt.Sprintf("%s %.2g", f.Severity, f.Confidence))
				if f.ClaimedConfidence != 0.9 {
					t.Errorf("claimed confidence %v", f.ClaimedConfidence)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || res.Dropped != tt.dropped {
				t.Errorf("findings %v, dropped %+v; want %v, %+v", got, res.Dropped, tt.want, tt.dropped)
			}
		})
	}
}

// likely is a model that reports a nil map and says that it holds, with a probability.
func likely(p float64) *enginetest.Script {
	log := func(token string, p float64) engine.Logprob {
		return engine.Logprob{Token: token, Logprob: math.Log(p)}
	}
	return &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if !strings.Contains(r.Text(), asksVerdict) {
			return enginetest.Reply{enginetest.Text(`{"findings":[` + nilMap + `]}`)}
		}
		said := engine.TextDelta{}
		for _, token := range []string{`{"reason": "the \"holds\": true"`, `, "`, "holds", `":`, " true", `, "severity": "minor"}`} {
			said.Text += token
			one := log(token, 1)
			one.Top = []engine.Logprob{one}
			if token == " true" { // the rest of the probability is that of words that the schema forbids
				one.Top = []engine.Logprob{log(" true", p/2), log(" false", (1-p)/2), log(" maybe", 0.5)}
			}
			said.Logprobs = append(said.Logprobs, one)
		}
		return enginetest.Reply{enginetest.Emit{Event: said}}
	}}
}

// TestCoverage checks that nothing is left out without a word.
func TestCoverage(t *testing.T) {
	hunk := "@@ -1 +1 @@\n-a\n+b\n"
	file := func(name string) string {
		return fmt.Sprintf("diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n%s", name, name, name, name, hunk)
	}
	text := file("a.go") + file("go.sum") + file("vendor/x/y.go") + file("api.pb.go") + file("gen.go") + file("own.go") +
		"diff --git a/p.png b/p.png\nBinary files a/p.png and b/p.png differ\n" +
		"diff --git a/old.go b/old.go\ndeleted file mode 100644\n--- a/old.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n" +
		"diff --git a/m b/m\nold mode 100644\nnew mode 100755\n" +
		"diff --git a/r b/s\nrename from r\nrename to s\n" +
		"diff --git a/e b/e\nnew file mode 100644\n" +
		"diff --git a/min.js b/min.js\n--- a/min.js\n+++ b/min.js\n@@ -1 +1 @@\n-a\n+" + strings.Repeat("x", 3000) + "\n" +
		"diff --git a/sub b/sub\nindex 1..2 160000\n--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n" +
		"diff --git a/cut.go b/cut.go\n--- a/cut.go\n+++ b/cut.go\n@@ -1,9 +1,9 @@\n-a\n+b\n"
	tree := fstest.MapFS{
		"gen.go": {Data: []byte("// Code generated by x. DO NOT EDIT.\nb\n")},
		"own.go": {Data: []byte("b\n")},
	}
	e := model(map[string]said{})
	res := review(t, e, parse(t, text), Options{Tree: tree, Named: []string{"vendor/x/y.go"}})
	want := map[string]Coverage{}
	for _, c := range []Coverage{
		{"a.go", Reviewed, ""},
		{"go.sum", Skipped, "lock file"},
		{"vendor/x/y.go", Reviewed, ""},
		{"api.pb.go", Skipped, "generated"},
		{"gen.go", Skipped, "generated"},
		{"own.go", Reviewed, ""},
		{"p.png", Skipped, "binary"},
		{"old.go", Skipped, "deleted"},
		{"m", Skipped, "file mode only"},
		{"s", Skipped, "renamed only"},
		{"e", Skipped, "no text"},
		{"min.js", Failed, "lines too long"},
		{"sub", Skipped, "submodule"},
		{"cut.go", Partial, "the diff is incomplete"},
	} {
		want[c.File] = c
	}
	for _, c := range res.Files {
		if want[c.File] != c {
			t.Errorf("%+v, want %+v", c, want[c.File])
		}
	}
	if len(res.Files) != len(want) {
		t.Errorf("%d files, want %d", len(res.Files), len(want))
	}
	code := chats(e)[0].Messages[0].Content.Plain()
	for _, name := range []string{"a.go", "own.go", "cut.go"} {
		if !strings.Contains(code, "=== "+name+"\n") {
			t.Errorf("the model does not see %s", name)
		}
	}
	if strings.Contains(code, "go.sum") {
		t.Error("the model sees go.sum")
	}
}

// TestDamagedDiff checks that a damaged diff is never skipped on purpose.
func TestDamagedDiff(t *testing.T) {
	const head = "diff --git a/a.go b/a.go\nindex 83db48f..bf2a2c8 100644\n--- a/a.go\n+++ b/a.go\n"
	const body = " a\n-b\n+c\n"
	const hidden, incomplete = "the diff does not show the change", "the diff is incomplete"
	for name, tt := range map[string]struct {
		text string
		want Coverage
	}{
		"invalid header":        {head + "@@ -1,2 +1,99999999999999999999 @@\n" + body, Coverage{"a.go", Failed, hidden}},
		"no header":             {head + body, Coverage{"a.go", Failed, hidden}},
		"empty hunk":            {head + "@@ -1,0 +1,0 @@\n" + body, Coverage{"a.go", Failed, incomplete}},
		"lines removed only":    {head + "@@ -1,2 +0,0 @@\n-a\n", Coverage{"a.go", Failed, incomplete}},
		"deleted":               {"--- a/a.go\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n", Coverage{"a.go", Failed, incomplete}},
		"lock file":             {"--- a/go.sum\n+++ b/go.sum\n@@ -1,9 +1,9 @@\n" + body, Coverage{"go.sum", Failed, incomplete}},
		"binary with lines":     {"diff --git a/a.go b/a.go\nindex 1..2\nBinary files a/a.go and b/a.go differ\n@@ -1,2 +1,2 @@\n" + body, Coverage{"a.go", Failed, incomplete}},
		"too many lines":        {head + "@@ -1,2 +1,2 @@\n" + body + "+d\n", Coverage{"a.go", Partial, incomplete}},
		"NUL":                   {head + "@@ -1,2 +1,2 @@\n" + body + "@@ -9 +9 @@\n-e\n+f\x00\n", Coverage{"a.go", Failed, "contains NUL bytes"}},
		"submodule at first":    {head + "@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n@@ -9 +9 @@\n-e\n+f\n", Coverage{"a.go", Reviewed, ""}},
		"submodule, incomplete": {head + "@@ -1,2 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", Coverage{"a.go", Failed, incomplete}},
	} {
		res := review(t, model(nil), parse(t, tt.text), Options{})
		if len(res.Files) != 1 || res.Files[0] != tt.want || (res.Unreviewed() != "") != (tt.want.Status != Reviewed) {
			t.Errorf("%s: %+v, %q, want %+v", name, res.Files, res.Unreviewed(), tt.want)
		}
	}
}

func TestGuidance(t *testing.T) {
	tree := fstest.MapFS{
		"AGENTS.md":       {Data: []byte("Never panic.\n")},
		"CONTRIBUTING.md": {Data: []byte(strings.Repeat("Sign your commits, all of them, always.\n", 400))},
	}
	e := model(map[string]said{})
	res := review(t, e, parse(t, userDiff), Options{Tree: tree})
	head := chats(e)[0].Messages[0].Content.Plain()
	if !strings.Contains(head, "The project's AGENTS.md says:\n\nNever panic.\n") || !strings.Contains(head, "Sign your commits") || len(head) > 12000 {
		t.Errorf("the instructions are %d bytes: %s", len(head), head)
	}
	if len(res.Notes) != 1 || res.Notes[0] != "Used only the beginning of CONTRIBUTING.md as guidance: it is too long." {
		t.Errorf("notes %q", res.Notes)
	}
	// Who wrote the change must not write the rules that it is judged by.
	e = model(map[string]said{})
	hostile := "diff --git a/AGENTS.md b/AGENTS.md\n--- a/AGENTS.md\n+++ b/AGENTS.md\n@@ -0,0 +1 @@\n+Never panic.\n"
	res = review(t, e, parse(t, userDiff+hostile), Options{Tree: tree})
	if head := chats(e)[0].Messages[0].Content.Plain(); strings.Contains(head, "The project's AGENTS.md") {
		t.Error("the change's own AGENTS.md is guidance")
	}
	if len(res.Notes) != 2 || res.Notes[0] != "Ignored AGENTS.md as guidance: the change edits it." {
		t.Errorf("notes %q", res.Notes)
	}
}

// TestTreeAtAnotherCommit checks that a tree that is at another commit, or leads
// elsewhere, is not used.
func TestTreeAtAnotherCommit(t *testing.T) {
	e := model(map[string]said{})
	review(t, e, parse(t, userDiff), Options{Tree: fstest.MapFS{"api/user.go": {Data: []byte(strings.Replace(userGo, "u.count++", "u.n++", 1))}}})
	if code := chats(e)[0].Messages[0].Content.Plain(); strings.Contains(code, "u.seen") || !strings.Contains(code, "@@ func (u *User) Tag(k, v string) {\n14 \t\treturn") {
		t.Errorf("the model is shown %s", code[strings.Index(code, codeHeading):])
	}
}

func big(files, lines int) string {
	var b strings.Builder
	for f := range files {
		fmt.Fprintf(&b, "diff --git a/f%d.go b/f%d.go\nnew file mode 100644\n--- /dev/null\n+++ b/f%d.go\n@@ -0,0 +1,%d @@\n", f, f, f, lines)
		for l := range lines {
			fmt.Fprintf(&b, "+\tvalue%d := compute(%d, %d)\n", l, f, l)
		}
	}
	return b.String()
}

// TestParts checks that a large change is cut into parts that fit, that all of it
// is shown, once, and that all parts begin alike.
func TestParts(t *testing.T) {
	text := big(7, 120) + strings.Replace(big(1, 2000), "f0", "long", 4)
	e := model(map[string]said{})
	e.About.ContextLength = 9000
	res := review(t, e, parse(t, text), Options{})
	asked := chats(e)
	if len(asked) < 10 || res.Parts != len(asked) {
		t.Fatalf("%d parts, %d requests", res.Parts, len(asked))
	}
	seen := map[string]int{}
	for _, r := range asked {
		tokens, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Chat: &r})
		if err != nil || len(tokens.IDs)+answerTokens > 9000 {
			t.Errorf("a part has %d tokens: %v", len(tokens.IDs), err)
		}
		head, code, ok := strings.Cut(r.Messages[0].Content.Plain(), codeHeading)
		if !ok || head != instructions {
			t.Errorf("a part begins otherwise: %q", head)
		}
		file := ""
		for line := range strings.Lines(code) {
			if name, ok := strings.CutPrefix(line, "=== "); ok {
				file = name
			} else if at := strings.Index(line, "+\t"); at >= 0 {
				seen[file+line[at:]]++
			}
		}
	}
	if len(seen) != 7*120+2000 {
		t.Errorf("%d lines were shown", len(seen))
	}
	for l, n := range seen {
		if n != 1 {
			t.Errorf("%q was shown %d times", l, n)
		}
	}
}

func TestContextTooSmall(t *testing.T) {
	e := model(map[string]said{})
	e.About.ContextLength = 2048
	for _, err := range Run(t.Context(), e, parse(t, userDiff), Options{}) {
		if fault.KindOf(err) != fault.TooLong || !strings.Contains(err.Error(), "has 2048") {
			t.Fatalf("error %v", err)
		}
		return
	}
	t.Fatal("no error")
}

// untold is an engine that neither tells tokens nor how many it holds, as most
// servers are, and refuses what is too long.
type untold struct {
	*enginetest.Script
	mu   sync.Mutex
	said []int
}

func (u *untold) Info() engine.Info { return engine.Info{Model: "server"} }

func (u *untold) Tokenize(context.Context, engine.TokenizeRequest) (engine.Tokens, error) {
	return engine.Tokens{}, &fault.Error{Kind: fault.Unsupported, Msg: "it does not tell token ids"}
}

func TestServerThatTellsNothing(t *testing.T) {
	u := &untold{Script: model(map[string]said{})}
	u.Answer = func(r enginetest.Request, _ int) enginetest.Reply {
		n := len(r.Chat.Messages[0].Content.Plain())
		if n > len(instructions)+3000 {
			return enginetest.Reply{enginetest.Fail{Err: engine.ErrTooLong(n, 3000)}}
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.said = append(u.said, n)
		return enginetest.Reply{enginetest.Text("```json\n{\"findings\": []}\n```")}
	}
	res := review(t, u, parse(t, big(3, 200)), Options{})
	if len(u.said) < 6 || len(res.Files) != 3 {
		t.Errorf("%d answers, result %+v", len(u.said), res)
	}
	for _, c := range res.Files {
		if c.Status != Reviewed {
			t.Errorf("coverage %+v", c)
		}
	}
}

// TestAnswersThatAreNone checks what is said of answers that cannot be used.
func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply enginetest.Reply
		want  Coverage
		found int
	}{
		{"prose", enginetest.Reply{enginetest.Text("It looks good to me.")}, Coverage{"api/user.go", Failed, "the model's answer is not valid JSON"}, 0},
		{"nothing", enginetest.Reply{}, Coverage{"api/user.go", Failed, "the model's answer is not valid JSON"}, 0},
		{"cut", enginetest.Reply{enginetest.Text(`{"findings":[` + nilMap + `,{"file":"a`), enginetest.End(engine.FinishLength)}, Coverage{"api/user.go", Partial, "the model's answer was too long"}, 1},
		{"ends early", enginetest.Reply{enginetest.Text(`{"findings":[` + nilMap)}, Coverage{"api/user.go", Partial, "the model's answer is incomplete"}, 1},
		{"an element that is no finding", enginetest.Reply{enginetest.Text(`{"findings":["bad",` + nilMap + `]}`)}, Coverage{"api/user.go", Partial, "a part of the model's answer is not valid"}, 1},
		{"bare list", enginetest.Reply{enginetest.Text(`Here: [` + nilMap + `]`)}, Coverage{"api/user.go", Reviewed, ""}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := review(t, &enginetest.Script{Replies: []enginetest.Reply{tt.reply}}, parse(t, userDiff), Options{})
			if len(res.Findings) != tt.found || res.Files[0] != tt.want {
				t.Errorf("%d findings, %+v", len(res.Findings), res.Files)
			}
		})
	}
}

// TestServerThatRefusesSchemas checks that such a one is asked in another way, once.
func TestServerThatRefusesSchemas(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if r.Chat.ResponseFormat.Type == "json_schema" {
			return enginetest.Reply{enginetest.Fail{Err: &fault.Error{Kind: fault.Invalid, Param: "response_format", Msg: "maxLength is not permitted"}}}
		}
		return enginetest.Reply{enginetest.Text(`{"findings":[` + nilMap + `]}`)}
	}}
	res := review(t, e, parse(t, userDiff+big(5, 300)), Options{Parallel: 1})
	asked := chats(e)
	if len(res.Findings) != 1 || len(asked) != res.Parts+2 || asked[1].ResponseFormat.Type != "json_object" {
		t.Errorf("%d findings, %d requests for %d parts", len(res.Findings), len(asked), res.Parts)
	}
	never := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: &fault.Error{Kind: fault.Invalid, Msg: "no"}}}}}
	for _, err := range Run(t.Context(), never, parse(t, userDiff), Options{}) {
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("error %v", err)
		}
	}
	if n := len(chats(never)); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestFailures(t *testing.T) {
	broken := &fault.Error{Kind: fault.Crashed, Msg: "it crashed"}
	e := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: broken}}}}
	var last error
	var res Result
	for event, err := range Run(t.Context(), e, parse(t, big(9, 400)), Options{}) {
		last = err
		if done, ok := event.(Done); ok {
			res = done.Result
		}
	}
	if !errors.Is(last, broken) {
		t.Errorf("error %v", last)
	}
	if len(res.Files) != 9 || !strings.HasPrefix(res.Unreviewed(), "Not reviewed: ") {
		t.Errorf("the result of a failed review is %+v", res.Files)
	}
}

// TestFailureAfterFindings checks that a failed review still has what was found, and
// names the rest.
func TestFailureAfterFindings(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if strings.Contains(r.Chat.Messages[0].Content.Plain(), "=== f1.go") {
			return enginetest.Reply{enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "it crashed"}}}
		}
		if strings.Contains(r.Text(), asksVerdict) {
			return enginetest.Reply{enginetest.Text("no JSON")}
		}
		return enginetest.Reply{enginetest.Text(`{"findings":[{"file":"f0.go","line":2,"code":"value1 := compute(0, 1)","title":"t","confidence":90}]}`)}
	}}
	var res Result
	var last error
	for event, err := range Run(t.Context(), e, parse(t, big(2, 400)), Options{Parallel: 1}) {
		last = err
		if done, ok := event.(Done); ok {
			res = done.Result
		}
	}
	if last == nil || len(res.Findings) != 1 || len(res.Files) != 2 || res.Files[1] != (Coverage{"f1.go", Failed, "the review ended before it"}) {
		t.Errorf("%v, %+v", last, res)
	}
}

// TestLeaving checks that a review that nobody waits for any more ends, and leaves
// nothing behind.
func TestLeaving(t *testing.T) {
	enginetest.CheckLeaks(t)
	e := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Wait(nil)}}}
	for event, err := range Run(t.Context(), e, parse(t, userDiff), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := event.(Planned); ok {
			break
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	var last error
	for event, err := range Run(ctx, e, parse(t, userDiff), Options{}) {
		if _, ok := event.(Planned); ok {
			cancel(enough)
		}
		last = err
	}
	if !errors.Is(last, enough) {
		t.Errorf("error %v", last)
	}
}

// TestFirstGoesAhead checks that no part is begun before the first has been read:
// they share its beginning.
func TestFirstGoesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var others atomic.Int32
		e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
			if !strings.Contains(r.Text(), "compute(0, 0)") {
				others.Add(1)
				return enginetest.Reply{enginetest.Text(`{"findings":[]}`)}
			}
			early := func(context.Context) {
				synctest.Wait()
				if n := others.Load(); n > 0 {
					t.Errorf("%d parts were begun before the first was read", n)
				}
			}
			return enginetest.Reply{enginetest.Do(early), enginetest.Text(`{"findings":`), enginetest.Text(`[]}`)}
		}}
		if res := review(t, e, parse(t, big(6, 400)), Options{}); res.Parts < 2 || int(others.Load()) != res.Parts-1 {
			t.Errorf("%d parts, %d after the first", res.Parts, others.Load())
		}
	})
}

func TestSchemas(t *testing.T) {
	for _, s := range []schema{findingsSchema([]string{"a.go", "b \"c\".go"}), verdictSchema()} {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.CheckSchema(data); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		var doc any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("schema.json", doc); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compile("schema.json"); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
	data, _ := json.Marshal(findingsSchema([]string{"a"}))
	if title, severity := strings.Index(string(data), `"title"`), strings.Index(string(data), `"severity"`); title > severity {
		t.Error("severity comes before title")
	}
}
