package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// TestEvalReport checks that a report replaces nothing unasked, and is refused before a model is
// measured if it cannot be written.
func TestEvalReport(t *testing.T) {
	t.Chdir(t.TempDir())
	const cases = `{"prompt": "Is 7 prime?", "expected": "yes"}` + "\n"
	write(t, "cases.jsonl", cases)
	write(t, "notes.txt", "mine")
	if err := os.Symlink("cases.jsonl", "link.html"); err != nil {
		t.Skip(err)
	}
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("yes")}}}
	for html, says := range map[string]string{
		"cases.jsonl":                      "--html names the file of the cases",
		"link.html":                        "--html names the file of the cases",
		"notes.txt":                        "notes.txt exists",
		filepath.Join("nowhere", "x.html"): "nowhere",
	} {
		r := runBise(t, s, "", "eval", "cases.jsonl", "--html", html)
		if r.code == fault.ExitOK || !strings.Contains(r.stderr, says) {
			t.Errorf("--html %s: %+v", html, r)
		}
	}
	if n := len(s.Requests()); n > 0 {
		t.Errorf("the model was asked %d times", n)
	}
	if data, err := os.ReadFile("cases.jsonl"); err != nil || string(data) != cases {
		t.Errorf("the cases are now %q, %v", data, err)
	}
	r := runBise(t, s, "", "eval", "cases.jsonl", "--html", "notes.txt", "--force")
	if page, err := os.ReadFile("notes.txt"); err != nil || r.code != fault.ExitOK || !strings.Contains(string(page), "Is 7 prime?") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestEvalWithoutState checks that a model is measured where nothing can be kept.
func TestEvalWithoutState(t *testing.T) {
	t.Chdir(t.TempDir())
	testPlaces(t)
	write(t, "cases.jsonl", `{"prompt": "Is 7 prime?", "expected": "yes"}`)
	write(t, "file", "")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "file"))
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text("yes")}}}
	r := runBise(t, s, "", "eval", "cases.jsonl")
	if r.code != fault.ExitOK || !strings.Contains(r.stdout, "100.0 %") || !strings.Contains(r.stderr, "The results are not kept: ") {
		t.Errorf("%+v", r)
	}
}
