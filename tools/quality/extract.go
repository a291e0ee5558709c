package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/math"
)

//go:embed extract/pairs.tsv extract/verify.py
var answers embed.FS

// A pair is a given and an expected answer, and whether they are the same in the eyes of a
// teacher.
type pair struct {
	Kind     string `json:"-"`
	Given    string `json:"given"`
	Text     bool   `json:"text"` // given is a solution from which the answer has to be extracted
	Expected string `json:"expected"`
	Same     bool   `json:"-"`
}

// A verdict is what math-verify says of a pair.
type verdict struct {
	Same     bool     `json:"same"`
	Parsed   []string `json:"parsed"`
	Expected []string `json:"expected"`
}

// extract compares the answers that modes/math takes for equal with those of math-verify.
func extract(arguments []string) error {
	flags := flag.NewFlagSet("quality extract", flag.ExitOnError)
	python := flags.String("python", "python3", "`PATH` of a Python that has math-verify")
	flags.Parse(arguments)
	all, err := pairs()
	if err != nil {
		return err
	}
	theirs, err := mathVerify(*python, all)
	if err != nil {
		return err
	}
	return extractTable(os.Stdout, all, theirs)
}

// pairs reads the pairs: their kind, the given and the expected answer, and same or differ.
func pairs() ([]pair, error) {
	data, err := answers.ReadFile("extract/pairs.tsv")
	if err != nil {
		return nil, err
	}
	var all []pair
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 || f[3] != "same" && f[3] != "differ" {
			return nil, fmt.Errorf("pairs.tsv: want kind, given, expected, and same or differ: %q", line)
		}
		p := pair{Kind: f[0], Given: f[1], Text: f[0] == "text", Expected: f[2], Same: f[3] == "same"}
		if p.Text {
			p.Given = strings.ReplaceAll(p.Given, `\n`, "\n")
		}
		all = append(all, p)
	}
	return all, nil
}

// equal reports whether modes/math takes a pair for equal.
func (p pair) equal() bool {
	given := math.Parse(p.Given)
	if p.Text {
		a := answerOf(p.Given, engine.FinishStop)
		if a.How == math.None {
			return false
		}
		given = a.Value
	}
	return math.Equal(given, math.Parse(p.Expected))
}

// mathVerify asks math-verify about all pairs.
func mathVerify(python string, all []pair) ([]verdict, error) {
	script, err := answers.ReadFile("extract/verify.py")
	if err != nil {
		return nil, err
	}
	var in, out bytes.Buffer
	for _, p := range all {
		if err := json.NewEncoder(&in).Encode(p); err != nil {
			return nil, err
		}
	}
	command := exec.Command(python, "-c", string(script))
	var errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = &in, &out, &errs
	if err := command.Run(); err != nil {
		// The last line of a traceback names the cause.
		why := cmp.Or(lastLines(strings.TrimSpace(errs.String()), 1), err.Error())
		return nil, fmt.Errorf("run math-verify with %s: %s", python, why)
	}
	verdicts := make([]verdict, len(all))
	decoder := json.NewDecoder(&out)
	for i := range verdicts {
		if err := decoder.Decode(&verdicts[i]); err != nil {
			return nil, fmt.Errorf("pair %d: %w", i+1, err)
		}
	}
	return verdicts, nil
}

// extractTable prints how often both judge right, by kind, and the pairs on which one does not.
func extractTable(w io.Writer, all []pair, theirs []verdict) error {
	type row struct{ pairs, ours, theirs, agree int }
	rows, total := map[string]*row{}, row{}
	var kinds []string
	var wrong strings.Builder
	for i, p := range all {
		r := rows[p.Kind]
		if r == nil {
			r = &row{}
			rows[p.Kind] = r
			kinds = append(kinds, p.Kind)
		}
		ours := p.equal()
		for _, r := range []*row{r, &total} {
			r.pairs++
			r.ours += one(ours == p.Same)
			r.theirs += one(theirs[i].Same == p.Same)
			r.agree += one(theirs[i].Same == ours)
		}
		var who []string
		if ours != p.Same {
			who = append(who, "bise")
		}
		if theirs[i].Same != p.Same {
			who = append(who, fmt.Sprintf("math-verify (%s for %s)", strings.Join(theirs[i].Parsed, " | "), strings.Join(theirs[i].Expected, " | ")))
		}
		if len(who) > 0 {
			fmt.Fprintf(&wrong, "%s: %q and %q are the same: %v. Wrong: %s\n", p.Kind, p.Given, p.Expected, p.Same, strings.Join(who, ", "))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kind\tpairs\tbise right\tmath-verify right\tboth agree")
	for _, k := range kinds {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\n", k, rows[k].pairs, rows[k].ours, rows[k].theirs, rows[k].agree)
	}
	fmt.Fprintf(t, "all\t%d\t%d\t%d\t%d\n", total.pairs, total.ours, total.theirs, total.agree)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s", wrong.String())
	return err
}
