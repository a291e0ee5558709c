package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/modes/review/report"
)

type reviewFlags struct {
	format, failOn     string
	staged, unstaged   bool
	revisions, commit  string
	confidence         float64
	jobs               int
	load               loadFlags
	sureness, parallel bool     // the flags are given
	changes            []string // those that say which change git is to show
}

func (a *app) reviewCommand() *cobra.Command {
	var v reviewFlags
	cmd := &cobra.Command{
		Use:   "review [PATH]…",
		Short: "Review a change, or files",
		Long: `Review a change, or files: a diff that is piped in; or else what has changed in this
git repository, as git diff shows it; or the files and folders that are named, whole.
With --staged, --unstaged, --range or --commit, PATHs choose among the changed files.`,
		Example: `git diff | bise review
bise review --staged --fail-on major
bise review --range main...
bise review --format patch src/ | git apply`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			v.sureness, v.parallel = f.Changed("confidence"), f.Changed("jobs")
			for _, name := range []string{"staged", "unstaged", "range", "commit"} {
				if f.Changed(name) {
					v.changes = append(v.changes, "--"+name)
				}
			}
			return a.review(cmd.Context(), v, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.format, "format", "text", "write the findings as `FORMAT` (default: text): text, "+strings.Join(report.Formats(), ", "))
	f.StringVar(&v.failOn, "fail-on", "", "exit with 1 when a finding is at least as severe as `SEVERITY`: info, minor, major or critical")
	f.BoolVar(&v.staged, "staged", false, "review what git has staged")
	f.BoolVar(&v.unstaged, "unstaged", false, "review what git has not staged")
	f.StringVar(&v.revisions, "range", "", "review the change between two commits, `A..B`, or since one, A")
	f.StringVar(&v.commit, "commit", "", "review the commit `REV`")
	f.Float64Var(&v.confidence, "confidence", 0.5, "show findings that the model is at least so sure of, `X` from 0 to 1 (default: 0.5)")
	f.IntVar(&v.jobs, "jobs", 4, "ask about `N` parts of the change at once (default: 4)")
	v.load.add(cmd)
	return cmd
}

func (a *app) review(ctx context.Context, v reviewFlags, paths []string) error {
	if a.json && v.format == "text" {
		v.format = "json"
	}
	if err := v.check(); err != nil {
		return err
	}
	o, err := v.load.options(a.config)
	if err != nil {
		return err
	}
	c, why, err := a.subject(ctx, v, paths)
	if err != nil {
		return err
	}
	tree, err := os.OpenRoot(c.Root)
	if err != nil {
		return attach.ReadError(c.Root, err)
	}
	defer tree.Close()
	if len(c.Files) == 0 {
		a.note("There is nothing to review%s.", why)
		w, err := a.reviewWriter(v.format, c.Root, "")
		if err != nil {
			return err
		}
		return w.Done(review.Result{Findings: []review.Finding{}, Files: []review.Coverage{}})
	}
	e, err := a.lib.Open(ctx, a.model, o)
	if err != nil {
		return a.failed(err)
	}
	defer e.Close()
	options := review.Options{Tree: tree.FS(), Named: c.Named}
	if v.sureness {
		options.Confidence = &v.confidence
	}
	if v.parallel {
		options.Parallel = v.jobs
	}
	model := e.Info().Model
	w, err := a.reviewWriter(v.format, c.Root, model)
	if err != nil {
		return err
	}
	r, err := a.watchReview(review.Run(ctx, e, c.Files, options), model, w)
	if err != nil {
		return a.failed(err)
	}
	a.note("%s", r.Summary())
	for _, n := range r.Notes {
		a.note("%s", n)
	}
	for _, f := range r.Findings {
		if v.failOn != "" && f.Severity.AtLeast(review.Severity(v.failOn)) {
			return errNo
		}
	}
	return nil
}

// check refuses flags that cannot be meant.
func (v *reviewFlags) check() error {
	if len(v.changes) > 1 {
		return usageErrorf("%s and %s cannot both be meant", v.changes[0], v.changes[1])
	}
	if v.format != "text" && !slices.Contains(report.Formats(), v.format) {
		return usageErrorf("--format cannot be %q: it is text, %s", v.format, strings.Join(report.Formats(), ", "))
	}
	if v.failOn != "" && !slices.Contains(review.Severities, review.Severity(v.failOn)) {
		return usageErrorf("--fail-on cannot be %q: it is info, minor, major or critical", v.failOn)
	}
	if !(v.confidence >= 0 && v.confidence <= 1) {
		return usageErrorf("--confidence is %v and must be between 0 and 1", v.confidence)
	}
	if v.jobs < 1 || v.jobs > 64 {
		return usageErrorf("--jobs is %d and must be between 1 and 64", v.jobs)
	}
	return nil
}

// watchReview shows how far a review is and has its findings written.
func (a *app) watchReview(events func(func(review.Event, error) bool), model string, w report.Writer) (review.Result, error) {
	var parts int
	for event, err := range events {
		if err != nil {
			a.progress.erase()
			if t, ok := w.(*textReview); ok {
				err = errors.Join(err, t.rest())
			}
			return review.Result{}, err
		}
		switch event := event.(type) {
		case review.Loading:
			a.progress.wait(func(columns int) string {
				return withBar("loading "+model, event.Fraction, fmt.Sprintf("  %.0f %%", event.Fraction*100), columns)
			})
		case review.Planned:
			parts = event.Parts
		case review.Progress:
			a.progress.wait(func(columns int) string {
				text := fmt.Sprintf("reviewing %s of %s tokens", count(event.Done), count(event.Total))
				return withBar(text, float64(event.Done)/float64(max(1, event.Total)), fmt.Sprintf("  %d of %d answers", event.Parts, parts), columns)
			})
		case review.Found:
			a.progress.erase()
			if err := w.Found(event.Finding); err != nil {
				return review.Result{}, err
			}
		case review.Done:
			a.progress.erase()
			return event.Result, w.Done(event.Result)
		}
	}
	return review.Result{}, errors.New("the review has no end")
}

// subject finds what to review: what the flags select, else the named files, else
// what is piped in, else what has changed. Why says why there is nothing.
func (a *app) subject(ctx context.Context, v reviewFlags, paths []string) (c change.Change, why string, err error) {
	root, repository, err := change.Root(".")
	if err != nil {
		return c, "", err
	}
	c.Root = root
	switch {
	case len(v.changes) > 0:
		why = " there"
		c.Files, err = change.Git(ctx, change.Selection{Staged: v.staged, Commit: v.commit, Revisions: v.revisions}, paths...)
	case len(paths) == 1 && paths[0] == "-":
		c.Files, err = a.pipedDiff(ctx)
	case len(paths) > 0:
		c, err = change.Whole(ctx, root, paths)
	case a.piped():
		why = ": standard input is empty"
		c.Files, err = a.pipedDiff(ctx)
	case !repository:
		err = &fault.Error{Kind: fault.Usage, Msg: "there is nothing to review: this folder is in no git repository", Advice: "Pipe in a diff, or name files."}
	default:
		why = ": nothing has changed since the last commit"
		var staged bool
		if c.Files, staged, err = change.Current(ctx); err != nil {
			return c, "", err
		}
		if staged {
			a.note("All changes are staged: those are reviewed.")
		}
		if n := change.Untracked(ctx); n > 0 {
			a.note("%s not in git and not reviewed (git add -N takes them in).", are(n, "new file"))
		}
	}
	return c, why, err
}

func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

// pipedDiff reads a diff from stdin.
func (a *app) pipedDiff(ctx context.Context) ([]diff.File, error) {
	a.waitForStdin()
	defer a.progress.erase()
	return change.Read(ctx, "standard input", a.stdin)
}
