package answer

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/modes/review/report"
	"github.com/bise-sh/bise/units"
)

type reviewFlags struct {
	format, failOn     string
	staged, unstaged   bool
	revisions, commit  string
	confidence         float64
	jobs               int
	load               flags.Load
	allowPartial       bool
	sureness, parallel bool     // the flags are given
	changes            []string // the flags that select the change
}

// Review is the command bise review.
func Review(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v reviewFlags
	cmd := &cobra.Command{
		Use:   "review [PATH]…",
		Short: "Review a change or files",
		Long: `Review a change or files: a piped diff; or the changes in this git repository, as git
diff shows them; or the named files and folders as a whole. With --staged, --unstaged,
--range or --commit, PATHs select some of the changed files.`,
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
			return runReview(cmd.Context(), con, lib, conf, flags.Model(cmd), v, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.format, "format", "text", "write the findings as `FORMAT` (default: text): text, "+strings.Join(report.Formats(), ", "))
	f.StringVar(&v.failOn, "fail-on", "", "exit with 1 if a finding is at least as severe as `SEVERITY`: info, minor, major or critical")
	f.BoolVar(&v.allowPartial, "allow-partial", false, "with --fail-on, do not exit with 3 if a file could not be reviewed")
	f.BoolVar(&v.staged, "staged", false, "review the staged changes")
	f.BoolVar(&v.unstaged, "unstaged", false, "review the changes that are not staged")
	f.StringVar(&v.revisions, "range", "", "review the changes between two commits, `A..B`, or since one, A")
	f.StringVar(&v.commit, "commit", "", "review the commit `REV`")
	f.Float64Var(&v.confidence, "confidence", review.DefaultConfidence, "show findings with a confidence of at least `X`, 0 to 1 (default: 0.7)")
	f.IntVar(&v.jobs, "jobs", 4, "review `N` parts of the change at once (default: 4)")
	v.load.Add(cmd)
	return cmd
}

func runReview(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, v reviewFlags, paths []string) error {
	if con.JSON && v.format == "text" {
		v.format = "json"
	}
	if err := v.check(); err != nil {
		return err
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	c, why, err := findSubject(ctx, con, v, paths)
	if err != nil {
		return err
	}
	tree, err := os.OpenRoot(c.Root)
	if err != nil {
		return attach.ReadError(c.Root, err)
	}
	defer tree.Close()
	if len(c.Files) == 0 {
		con.Notef("Nothing to review%s.", why)
		w, err := reviewWriter(con, v.format, c.Root, "")
		if err != nil {
			return err
		}
		return w.Done(review.Result{Findings: []review.Finding{}, Files: []review.Coverage{}})
	}
	e, _, err := lib.OpenFor(ctx, "review", model, o)
	if err != nil {
		return con.Fail(err)
	}
	defer e.Close()
	options := review.Options{Tree: tree.FS(), Named: c.Named}
	if v.sureness {
		options.Confidence = &v.confidence
	}
	if v.parallel {
		options.Parallel = v.jobs
	}
	name := e.Info().Model
	w, err := reviewWriter(con, v.format, c.Root, name)
	if err != nil {
		return err
	}
	r, err := watchReview(ctx, con, review.Run(ctx, e, c.Files, options), name, w)
	if err != nil {
		return con.Fail(err)
	}
	unreviewed := r.Unreviewed()
	if unreviewed != "" {
		con.Warnf("%s", unreviewed)
	}
	con.Notef("%s", r.Summary())
	if r.Dropped.Rejected > 0 && v.confidence > 0 {
		con.Notef("--confidence 0 shows the doubtful findings, too.")
	}
	for _, n := range r.Notes {
		con.Notef("%s", n)
	}
	for _, f := range r.Findings {
		if v.failOn != "" && f.Severity.AtLeast(review.Severity(v.failOn)) {
			return console.ErrNo
		}
	}
	if unreviewed != "" && v.failOn != "" && !v.allowPartial {
		return console.ErrUnfinished
	}
	return nil
}

// check rejects invalid flags.
func (v *reviewFlags) check() error {
	if len(v.changes) > 1 {
		return fault.Errorf(fault.Usage, "%s and %s are mutually exclusive", v.changes[0], v.changes[1])
	}
	if v.format != "text" && !slices.Contains(report.Formats(), v.format) {
		return fault.Errorf(fault.Usage, "invalid --format %q: want text, %s", v.format, strings.Join(report.Formats(), ", "))
	}
	if v.failOn != "" && !slices.Contains(review.Severities, review.Severity(v.failOn)) {
		return fault.Errorf(fault.Usage, "invalid --fail-on %q: want info, minor, major or critical", v.failOn)
	}
	if !(v.confidence >= 0 && v.confidence <= 1) {
		return fault.Errorf(fault.Usage, "invalid --confidence %v: want 0 to 1", v.confidence)
	}
	if v.jobs < 1 || v.jobs > 64 {
		return fault.Errorf(fault.Usage, "invalid --jobs %d: want 1 to 64", v.jobs)
	}
	return nil
}

// watchReview shows how far a review is and has its findings written.
func watchReview(ctx context.Context, con *console.Console, events func(func(review.Event, error) bool), model string, w report.Writer) (review.Result, error) {
	var parts int
	for event, err := range events {
		if err != nil {
			con.Erase()
			if t, ok := w.(*textReview); ok {
				err = errors.Join(err, t.rest())
			}
			if done, ok := event.(review.Done); ok && ctx.Err() == nil {
				con.Warnf("%s", done.Result.Unreviewed())
			}
			return review.Result{}, err
		}
		switch event := event.(type) {
		case review.Loading:
			waitFor(con, progress.LoadingLine(model, event.Fraction))
		case review.Planned:
			parts = event.Parts
		case review.Progress:
			waitFor(con, event.Line(parts))
		case review.Found:
			con.Erase()
			if err := w.Found(event.Finding); err != nil {
				return review.Result{}, err
			}
		case review.Done:
			con.Erase()
			return event.Result, w.Done(event.Result)
		}
	}
	return review.Result{}, errors.New("the review has no end")
}

// findSubject finds what to review: what the flags select, else the named files, else
// a piped diff, else what has changed. Why says why there is nothing. An empty stdin is
// not a diff: CI systems and hooks give one to every command.
func findSubject(ctx context.Context, con *console.Console, v reviewFlags, paths []string) (c change.Change, why string, err error) {
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
		why = ": standard input is empty"
		c.Files, err = pipedDiff(ctx, con)
	case len(paths) > 0:
		c, err = change.Whole(ctx, root, paths)
	default:
		if con.Piped() {
			if c.Files, err = pipedDiff(ctx, con); err != nil || len(c.Files) > 0 {
				return c, "", err
			}
		}
		if !repository {
			return c, "", &fault.Error{Kind: fault.Usage, Msg: "nothing to review: not in a git repository", Advice: "Pipe in a diff, or name files."}
		}
		why = ": nothing has changed since the last commit"
		c.Files, err = currentChange(ctx, con)
	}
	return c, why, err
}

// currentChange returns what has changed in the git repository, and reports what of it
// is left out.
func currentChange(ctx context.Context, con *console.Console) ([]diff.File, error) {
	files, staged, err := change.Current(ctx)
	if err != nil {
		return nil, err
	}
	if con.Piped() {
		con.Notef("Standard input is empty: reviewing the changes in this git repository.")
	}
	if staged {
		con.Notef("All changes are staged: reviewing the staged changes.")
	} else if len(files) > 0 {
		more, err := change.Git(ctx, change.Selection{Staged: true})
		if err != nil {
			return nil, err
		}
		if n := len(more); n > 0 {
			con.Notef("%s staged and not reviewed (--staged reviews them).", are(n, "changed file"))
		}
	}
	if n := change.Untracked(ctx); n > 0 {
		con.Notef("%s not in git and not reviewed (add them with git add -N).", are(n, "new file"))
	}
	return files, nil
}

func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return units.Plural(n, noun) + " are"
}

// pipedDiff reads a diff from stdin.
func pipedDiff(ctx context.Context, con *console.Console) ([]diff.File, error) {
	input.WaitForStdin(con)
	defer con.Erase()
	return change.Read(ctx, "standard input", con.Stdin)
}
