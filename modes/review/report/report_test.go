package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/diff"
)

var result = review.Result{
	Findings: []review.Finding{
		{
			File: "api/user.go", Line: 42, EndLine: 43, Severity: review.Major, Category: "bug", Title: "write to a nil map", Why: "It panics: NewUser leaves tags nil.\nSeen, with 100%.",
			Code: "\tu.tags[k] = v\n\tu.log()", Confidence: 0.9, Fingerprint: "00112233445566778899aabbccddeeff",
			Suggestion: &review.Suggestion{Line: 42, EndLine: 42, Old: "\tu.tags[k] = v\n", New: "\tu.init()\n\tu.tags[k] = v\n"},
		},
		{File: "api/user.go", Line: 50, EndLine: 50, Severity: review.Info, Category: "performance", Title: "grows", Code: "x", Confidence: 0.5, Fingerprint: "ff", Suggestion: &review.Suggestion{Line: 51, EndLine: 50, New: "y\n"}},
		{File: "store/öpen, a:b%.go", Line: 17, EndLine: 19, Severity: review.Minor, Category: "errors", Title: "error dropped", Why: "<Close> & \"Sync\" fail.", Code: "f()\ng()\nh()", Confidence: 0.75, Fingerprint: "ff", Suggestion: &review.Suggestion{Line: 18, EndLine: 18, Old: "g()\n"}},
		{File: "../../etc/passwd", Line: 1, EndLine: 1, Severity: review.Critical, Category: "security", Title: "path", Code: "root", Confidence: 1, Fingerprint: "aa"},
	},
	Files: []review.Coverage{
		{File: "api/user.go", Status: review.Reviewed},
		{File: "go.sum", Status: review.Skipped, Reason: "lock file"},
		{File: "store/öpen, a:b%.go", Status: review.Partial, Reason: "the diff is incomplete"},
		{File: "../../etc/passwd", Status: review.Failed, Reason: "the model's answer is not valid JSON"},
	},
	Notes:   []string{"Used only the beginning of AGENTS.md as guidance: it is too long."},
	Dropped: review.Dropped{Unlocated: 1, Rejected: 2},
	Patch: []diff.File{{Old: "api/user.go", New: "api/user.go", Kind: diff.Modified, Hunks: []diff.Hunk{{
		Old: diff.Span{Start: 41, Count: 2}, New: diff.Span{Start: 41, Count: 3},
		Lines: []diff.Line{{Op: diff.Context, Text: "\tu.seen = now"}, {Op: diff.Add, Text: "\tu.init()"}, {Op: diff.Context, Text: "\tu.tags[k] = v"}},
	}}}},
	Usage: engine.Usage{PromptTokens: 900, CompletionTokens: 100, TotalTokens: 1000, PromptDetails: &engine.PromptTokensDetails{CachedTokens: 300}},
}

// write is a report of the result in a format.
func write(t *testing.T, format string, r review.Result) string {
	t.Helper()
	var b bytes.Buffer
	w, err := New(format, &b, Tool{Version: "1.2.3", Model: "codestral"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if err := w.Found(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Done(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSuggestionsThatAreNotUTF8 checks that only a patch has a suggestion with bytes
// that a text cannot have.
func TestSuggestionsThatAreNotUTF8(t *testing.T) {
	r := review.Result{Findings: []review.Finding{{
		File: "f", Line: 1, EndLine: 1, Severity: review.Major, Category: "bug", Title: "t", Code: "caf\xe9 bad",
		Suggestion: &review.Suggestion{Line: 1, EndLine: 1, Old: "caf\xe9 bad\n", New: "caf\xe9 good\n"},
	}}}
	for _, format := range Formats() {
		if got := write(t, format, r); strings.Contains(got, "good") {
			t.Errorf("%s has the suggestion: %s", format, got)
		}
	}
}

// TestNamesThatAreNotUTF8 checks that two such files stay two files.
func TestNamesThatAreNotUTF8(t *testing.T) {
	r := review.Result{Files: []review.Coverage{}}
	for _, name := range []string{"caf\xe9.py", "caf\xe8.py"} {
		r.Findings = append(r.Findings, review.Finding{File: name, Line: 1, EndLine: 1, Severity: review.Major, Category: "bug", Title: "t", Code: "x"})
	}
	for _, format := range Formats() {
		got := write(t, format, r)
		if strings.Contains(got, "\ufffd") || strings.Contains(got, `\ufffd`) {
			t.Errorf("%s has a replacement character: %s", format, got)
		}
		if format == "sarif" && !strings.Contains(got, `"caf%E9.py"`) {
			t.Errorf("no URI: %s", got)
		}
	}
}

func TestReports(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			golden.RequireEqual(t, write(t, format, result))
		})
	}
	if _, err := New("html", nil, Tool{}); err == nil {
		t.Error("html is a format")
	}
}

func TestEveryCategoryIsDescribed(t *testing.T) {
	for _, c := range review.Categories {
		if descriptions[c] == "" {
			t.Errorf("%s has no description", c)
		}
	}
}

// TestReportsKeepTheirSchemas holds reports to the schemas that SARIF's and
// Reviewdog's authors publish.
func TestReportsKeepTheirSchemas(t *testing.T) {
	for format, file := range map[string]string{"sarif": "sarif-schema-2.1.0.json", "rdjson": "DiagnosticResult.json", "rdjsonl": "Diagnostic.json"} {
		t.Run(format, func(t *testing.T) {
			c := jsonschema.NewCompiler()
			c.AssertFormat()
			schema, err := c.Compile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []review.Result{result, {}} {
				for d := json.NewDecoder(strings.NewReader(write(t, format, r))); d.More(); {
					var v any
					if err := d.Decode(&v); err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(v); err != nil {
						t.Error(err)
					}
				}
			}
			if err := schema.Validate(map[string]any{"version": 2, "message": 7, "diagnostics": 7}); err == nil {
				t.Error("the schema takes anything")
			}
		})
	}
}

// GitHub resolves each URI as Go's url.Parse reads it.
func TestSARIFNamesEveryFile(t *testing.T) {
	for _, name := range []string{
		"12:30 notes.py", "a:b.py", "http://x", "src/a:b.py", "c:\\x.py", "a b", " a", "50%.txt", "%41", "q?x", "a#b", "[x]", "ö.go", "caf\xe9", "a\"b<c>", "tab\tnew\nline", "*", "~a", "@x", "a;b=c", "日本.py", "x`y^z{|}",
	} {
		uri := artifact(name).URI
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || path.Clean(u.Path) != path.Clean(name) {
			t.Errorf("%q is %q: %+v, %v", name, uri, u, err)
		}
		if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}[]", r) }) {
			t.Errorf("%q is %q, which has characters that a URI must not have", name, uri)
		}
	}
	if uri := artifact("12:30 notes.py").URI; uri != "./12:30%20notes.py" {
		t.Error(uri)
	}
}

func TestCheckstyleIsXML(t *testing.T) {
	f := result.Findings[0]
	f.Title, f.File = "a \"b\" <c> & \x1b]52;", "x\"y<z.go"
	var out checkstyle
	if err := xml.Unmarshal([]byte(write(t, "checkstyle", review.Result{Findings: []review.Finding{f}})), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Files) != 1 || out.Files[0].Name != f.File || len(out.Files[0].Errors) != 1 || out.Files[0].Errors[0].Line != 42 || !strings.HasPrefix(out.Files[0].Errors[0].Message, `a "b" <c> & `) {
		t.Errorf("%+v", out)
	}
}

// TestCommandsCannotBeForged checks that a finding's words make no second command.
func TestCommandsCannotBeForged(t *testing.T) {
	f := result.Findings[0]
	f.File, f.Title, f.Why = "a\n::error::b.go", "x\r\n::set-output name=a::b", "y\n::error file=c::d\x1b[2J"
	got := write(t, "github", review.Result{Findings: []review.Finding{f}})
	if strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\x1b") || !strings.HasPrefix(got, "::error file=a%0A%3A%3Aerror%3A%3Ab.go,line=42,endLine=43,title=major%3A x%0D%0A") {
		t.Errorf("%q", got)
	}
}
