package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review"
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
	s, err := a.subject(ctx, v, paths)
	if err != nil {
		return err
	}
	tree, err := os.OpenRoot(s.root)
	if err != nil {
		return cannotRead(s.root, err)
	}
	defer tree.Close()
	if len(s.files) == 0 {
		a.note("There is nothing to review%s.", s.why)
		w, err := a.reviewWriter(v.format, s.root, "")
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
	options := review.Options{Tree: tree.FS(), Asked: s.asked}
	if v.sureness {
		options.Confidence = &v.confidence
	}
	if v.parallel {
		options.Parallel = v.jobs
	}
	model := e.Info().Model
	w, err := a.reviewWriter(v.format, s.root, model)
	if err != nil {
		return err
	}
	r, err := a.watchReview(review.Run(ctx, e, s.files, options), model, w)
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
		case review.Reading:
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

// A subject is what is to be reviewed.
type subject struct {
	root  string // the folder that paths begin at
	files []diff.File
	asked []string // files that were named
	why   string   // there are no files
}

// subject finds what is to be reviewed: what the flags say, else files that are
// named, else what is piped in, else what has changed.
func (a *app) subject(ctx context.Context, v reviewFlags, paths []string) (subject, error) {
	root, repository, err := reviewRoot(".")
	if err != nil {
		return subject{}, err
	}
	s := subject{root: root}
	switch {
	case len(v.changes) > 0:
		s.why = " there"
		s.files, err = gitChange(ctx, v.gitArguments(), paths)
	case len(paths) == 1 && paths[0] == "-":
		s.files, err = a.pipedDiff(ctx)
	case len(paths) > 0:
		err = a.wholeFiles(ctx, &s, paths)
	case a.piped():
		s.why = ": standard input is empty"
		s.files, err = a.pipedDiff(ctx)
	case !repository:
		err = &fault.Error{Kind: fault.Usage, Msg: "there is nothing to review: this folder is in no git repository", Advice: "Pipe in a diff, or name files."}
	default:
		s.why = ": nothing has changed since the last commit"
		err = a.changed(ctx, &s)
	}
	return s, err
}

// changed takes what git diff shows, or what is staged if it shows nothing.
func (a *app) changed(ctx context.Context, s *subject) (err error) {
	if s.files, err = gitChange(ctx, []string{"diff"}, nil); err != nil {
		return err
	}
	if len(s.files) == 0 {
		if s.files, err = gitChange(ctx, []string{"diff", "--staged"}, nil); err != nil {
			return err
		}
		if len(s.files) > 0 {
			a.note("All changes are staged: those are reviewed.")
		}
	}
	if n := untracked(ctx); n > 0 {
		a.note("%s not in git and not reviewed (git add -N takes them in).", are(n, "new file"))
	}
	return nil
}

func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

// reviewRoot is the top of the git repository around a folder, or the folder itself.
func reviewRoot(dir string) (root string, repository bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, fmt.Errorf("find the current folder: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, true, nil
		}
		if at == filepath.Dir(at) {
			return dir, false, nil
		}
	}
}

// pipedDiff reads a diff from stdin.
func (a *app) pipedDiff(ctx context.Context) ([]diff.File, error) {
	a.progress.wait(func(int) string { return "reading standard input (end it with Ctrl-D, or use </dev/null)" })
	defer a.progress.erase()
	return readDiff(ctx, "standard input", a.stdin)
}

// parseDiff reads the text of a diff, bytes as they are: files need not be UTF-8.
func parseDiff(name string, data []byte) ([]diff.File, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &fault.Error{Kind: fault.Usage, Msg: name + " is UTF-16 text", Advice: "Convert it: iconv -f UTF-16 -t UTF-8."}
	}
	files, err := diff.Parse(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if err == nil {
		return files, nil
	}
	e := &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot review %s: %v", name, err), Advice: "Pipe in what git diff writes, or name the files to review."}
	if form, ok := errors.AsType[*fault.Error](err); ok {
		e.Advice = form.Advice
	}
	return nil, e
}
