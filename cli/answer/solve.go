package answer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/math"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/render/latex"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// maxProblem is the longest problem, in bytes; a book's chapter has fewer.
const maxProblem = 1_000_000

type solve struct {
	votes    int
	raw      bool
	sampling flags.Sampling
	load     flags.Load
}

// Solve is the command bise solve.
func Solve(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v solve
	cmd := &cobra.Command{
		Use:   "solve [PROBLEM]…",
		Short: "Solve a mathematical problem",
		Long: `Solve a mathematical problem: print the worked solution, and the final answer last. The
problem can be piped in.

With --votes the model writes several solutions at once, and the most frequent answer
wins. It stops early if the result is certain. Answers count as equal if they mean the
same. Where possible the answer is checked: roots are inserted into the equation, and
expressions are evaluated.`,
		Example: `bise solve "A number is doubled, then reduced by 3, giving 11. What is it?"
bise solve --votes 16 "How many primes are less than 100?"
bise solve -m mathstral < problem.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSolve(cmd.Context(), con, lib, conf, flags.Model(cmd), v, strings.Join(args, " "))
		},
	}
	f := cmd.Flags()
	f.IntVar(&v.votes, "votes", 1, "generate `N` solutions and choose the most frequent answer")
	f.BoolVar(&v.raw, "raw", false, "do not render Markdown and mathematics")
	v.sampling.Add(cmd)
	v.load.Add(cmd)
	return cmd
}

func runSolve(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, v solve, problem string) error {
	if v.votes < 1 || v.votes > math.MaxVotes {
		return fault.Errorf(fault.Usage, "invalid --votes %d: want 1 to %d", v.votes, math.MaxVotes)
	}
	piped, _, err := input.PipedText(ctx, con, input.New(con))
	if err != nil {
		return err
	}
	problem = strings.TrimSpace(strings.Join([]string{strings.TrimSpace(piped), strings.TrimSpace(problem)}, "\n\n"))
	if problem == "" {
		return &fault.Error{Kind: fault.Usage, Msg: "no problem given", Advice: `Give a problem: bise solve "2x - 3 = 11", or pipe one in.`}
	}
	if len(problem) > maxProblem {
		return fault.Errorf(fault.Usage, "problem too long: %s, at most %s allowed", units.Size(int64(len(problem))), units.Size(maxProblem))
	}
	p := math.Problem{Text: problem, Votes: v.votes}
	if p.Sampling, err = v.sampling.Options(conf.Sampling); err != nil {
		return err
	}
	if v.sampling.TemperatureSet() {
		p.Temperature = p.Sampling.Temperature
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	e, _, err := lib.OpenFor(ctx, "math", model, o)
	if err != nil {
		return con.Fail(err)
	}
	defer e.Close()
	p.Effort = library.Effort(conf.Sampling, e.Info())
	if note := e.Info().EffortNote(p.Effort); note != "" {
		con.Notef("%s", note)
	}
	s := solving{con: con, v: v, began: time.Now(), show: show{con: con, progress: progress.Progress{Model: e.Info().Model}, limit: p.Sampling.MaxTokens}}
	r, err := math.Solve(ctx, e, p, s.watch)
	con.Erase()
	if err = errors.Join(err, s.failed); err != nil {
		return con.Fail(errors.Join(err, s.close()))
	}
	if con.JSON {
		err = solvedJSON(con, r)
	} else {
		err = s.solved(r)
	}
	if err == nil && r.Answer.How == math.None {
		con.Notef("%s", noAnswer(r))
		return console.ErrNo
	}
	return err
}

// noAnswer says that there is none, and what to do.
func noAnswer(r math.Result) string {
	where := "the solution"
	if r.Votes > 1 {
		where = fmt.Sprintf("%d solutions", r.Votes)
	}
	switch reason := r.Solution.Reason; {
	case reason == engine.FinishRefusal:
		return "No answer found: the model refuses. State the question differently, or name another model with -m."
	case r.Cut > 0 && reason != engine.FinishStop && !reason.IsCutOff():
		return fmt.Sprintf("No answer found in %s: %s.", where, chat.CutOff(reason, 0))
	case r.Cut > 1 && r.Cut == r.Votes:
		return fmt.Sprintf("No answer found: all %s are cut off. Allow more tokens with --max-tokens or --context.", where)
	case r.Cut > 0 && r.Votes > 1:
		return fmt.Sprintf("No answer found in %s, %d of them cut off. Allow more tokens with --max-tokens or --context.", where, r.Cut)
	case r.Cut > 0:
		return "No answer found: the solution is cut off. Allow more tokens with --max-tokens or --context."
	case r.Votes > 1:
		return fmt.Sprintf("No answer found in %s. State the question more precisely, or name another model with -m.", where)
	}
	return "No answer found in the solution. State the question more precisely, or try --votes 8."
}

// solving shows a problem while it is solved: one solution as it is written, the
// count where there are several.
type solving struct {
	con    *console.Console
	v      solve
	show   show
	began  time.Time
	sheet  console.Sheet // of the solution; nil before its first piece and after the last
	failed error         // of the output
}

func (s *solving) watch(m *math.Session, event engine.Event) {
	switch e := event.(type) {
	case engine.TextDelta:
		if s.con.JSON || s.failed != nil {
			return
		}
		if len(m.Solutions) > 1 {
			s.count(m)
			return
		}
		s.show.write()
		s.failed = s.print(e.Text)
	case engine.Finish:
		if len(m.Solutions) > 1 {
			s.count(m)
		} else if !s.con.JSON {
			s.failed = errors.Join(s.failed, s.close()) // a notice begins a line
			s.show.finish(e, false)
		}
	default:
		s.show.await(event)
	}
}

func (s *solving) print(text string) error {
	if s.sheet == nil {
		s.sheet = s.con.Sheet(s.v.raw)
	}
	return s.sheet.Print(text)
}

// close ends the solution's text.
func (s *solving) close() error {
	if s.sheet == nil {
		return nil
	}
	sheet := s.sheet
	s.sheet = nil
	return sheet.Close()
}

// count shows the votes so far.
func (s *solving) count(m *math.Session) {
	bytes := 0
	for _, v := range m.Solutions {
		bytes += len(v.Text)
	}
	votes := m.VotesLine(latex.Line)
	s.con.Wait(func(int) string {
		return fmt.Sprintf("%s · %s generated · %s", votes, units.Size(int64(bytes)), units.Duration(time.Since(s.began)))
	})
}

// solved shows the solution, if it is not there yet, and its answer.
func (s *solving) solved(r math.Result) error {
	if s.v.votes > 1 {
		if err := s.print(r.Solution.Text); err != nil {
			return err
		}
	}
	if err := s.close(); err != nil {
		return err
	}
	if r.Answer.How == math.None {
		return nil
	}
	answer := latex.Line(r.Answer.Text)
	if s.v.raw || !s.con.Out.Terminal() {
		answer = term.Clean(r.Answer.Text)
	}
	if _, err := fmt.Fprintf(s.con.Stdout, "\n%s\n", answer); err != nil {
		return err
	}
	s.con.Notef("%s", r.Evidence())
	if len(r.Groups) > 1 {
		s.con.Notef("%s", r.VotesLine(latex.Line))
	}
	return nil
}

// solvedJSON writes what came of a problem as one line of JSON.
func solvedJSON(con *console.Console, r math.Result) error {
	type group struct {
		Answer string `json:"answer"`
		Count  int    `json:"count"`
	}
	type check struct {
		OK   bool   `json:"ok"`
		Text string `json:"text"`
	}
	out := struct {
		Answer   *string    `json:"answer"` // null when there is none
		Solution string     `json:"solution"`
		Cut      bool       `json:"cut"` // the solution was cut off before it marked its answer
		Label    math.Label `json:"label"`
		Agree    int        `json:"agree"`
		Votes    int        `json:"votes"`
		CutVotes int        `json:"cut_votes"` // how many of them were cut off
		Tally    []group    `json:"tally"`
		Check    *check     `json:"check"`
	}{Solution: r.Solution.Text, Cut: r.Solution.Cut(), Label: r.Label, Agree: r.Agree, Votes: r.Votes, CutVotes: r.Cut, Tally: []group{}}
	if r.Answer.How != math.None {
		out.Answer = &r.Answer.Text
	}
	for _, g := range r.Groups {
		out.Tally = append(out.Tally, group{g.Answer.Text, len(g.Choices)})
	}
	if r.Check != nil {
		out.Check = &check{r.Check.OK, r.Check.Text}
	}
	return con.WriteJSON(out)
}
