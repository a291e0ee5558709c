package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/tui"
)

// gitArguments say which change git is to show.
func (v *reviewFlags) gitArguments() []string {
	switch {
	case v.staged:
		return []string{"diff", "--staged"}
	case v.commit != "":
		return []string{"show", "--format=", "--end-of-options", v.commit}
	case v.revisions != "":
		return []string{"diff", "--end-of-options", v.revisions}
	}
	return []string{"diff"}
}

// plainDiff are flags that make git write a diff as it is meant by default, and
// run no program that a repository may name.
var plainDiff = []string{"--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames"}

// gitChange is a change that git shows.
func gitChange(ctx context.Context, args, paths []string) ([]diff.File, error) {
	all := append([]string{args[0]}, plainDiff...)
	all = append(append(append(all, args[1:]...), "--"), paths...)
	out, err := git(ctx, all...)
	if err != nil {
		return nil, err
	}
	return parseDiff("what git "+args[0]+" shows", out)
}

// git runs git and gives what it writes.
func git(ctx context.Context, args ...string) ([]byte, error) {
	what := "git " + args[0]
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot run %s: %v", what, err), Advice: "Install git, or pipe in a diff."}
	}
	data, err := attach.ReadAll(ctx, out, attach.MaxText)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if errors.Is(err, attach.ErrTooLarge) {
			return nil, tooMuch("what " + what + " shows")
		}
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(problem.String()), "\n")
		if line == "" {
			line = err.Error()
		}
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s does not work: %s", what, strings.TrimPrefix(line, "fatal: ")), Advice: "See what is wrong by running it yourself, or pipe in a diff."}
	}
	return data, nil
}

func tooMuch(name string) error {
	return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s has more than %s", name, size(attach.MaxText)), Advice: "Review it in parts."}
}

// untracked counts the files that git knows nothing of.
func untracked(ctx context.Context) int {
	out, err := git(ctx, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return 0
	}
	return bytes.Count(out, []byte{0})
}

// readDiff reads a diff, which may be long.
func readDiff(ctx context.Context, name string, r io.Reader) ([]diff.File, error) {
	data, err := attach.ReadAll(ctx, r, attach.MaxText)
	switch {
	case errors.Is(err, attach.ErrTooLarge):
		return nil, tooMuch(name)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, attach.ReadError(name, err)
	}
	return parseDiff(name, data)
}

// wholeFiles takes files as they are, and all that are in folders. A file that
// holds a diff is taken for that.
func (a *app) wholeFiles(ctx context.Context, s *subject, paths []string) error {
	left := int64(attach.MaxText)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return attach.ReadError(path, err)
		}
		names := []string{path}
		if info.IsDir() {
			if names, err = filesIn(ctx, path); err != nil {
				return err
			}
		}
		for _, name := range names {
			data, err := readWhole(ctx, name, left)
			if err != nil {
				return err
			}
			left -= int64(len(data))
			if ext := filepath.Ext(name); !info.IsDir() && (ext == ".diff" || ext == ".patch") {
				if files, err := parseDiff(name, data); err == nil && len(files) > 0 {
					s.files = append(s.files, files...)
					continue
				}
			}
			shown := s.name(name)
			f := diff.Read(shown, string(data))
			if bytes.IndexByte(data, 0) >= 0 {
				f = diff.File{Old: shown, New: shown, Kind: diff.Whole, Binary: true}
			}
			s.files = append(s.files, f)
			if !info.IsDir() {
				s.asked = append(s.asked, shown)
			}
		}
	}
	return nil
}

// name is a file's path from the root, or as it was given when it is not in it.
func (s *subject) name(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		if rel, err := filepath.Rel(s.root, full); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return filepath.ToSlash(path)
}

func readWhole(ctx context.Context, name string, limit int64) ([]byte, error) {
	f, err := attach.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := attach.ReadAll(ctx, f, limit)
	if errors.Is(err, attach.ErrTooLarge) {
		return nil, tooMuch("what is named")
	}
	return data, err
}

// filesIn lists a folder's files: those that git has or would take in, or else all
// that are not hidden.
func filesIn(ctx context.Context, dir string) ([]string, error) {
	if _, repository, err := reviewRoot(dir); err == nil && repository {
		if out, err := git(ctx, "-C", dir, "ls-files", "--cached", "--others", "--exclude-standard", "-z"); err == nil {
			var names []string
			for name := range strings.SplitSeq(string(out), "\x00") {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if info, err := os.Lstat(path); name != "" && err == nil && info.Mode().IsRegular() {
					names = append(names, path)
				}
			}
			slices.Sort(names)
			return slices.Compact(names), nil
		}
	}
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		return nil, attach.ReadError(dir, err)
	}
	return names, nil
}

// reviewable is what the interface offers to review: what git knows to have
// changed.
func (a *app) reviewable(ctx context.Context) ([]tui.Change, error) {
	root, repository, err := reviewRoot(".")
	if err != nil || !repository {
		return nil, err
	}
	var changes []tui.Change
	for _, c := range []struct {
		name string
		args []string
	}{{"not staged", []string{"diff"}}, {"staged", []string{"diff", "--staged"}}} {
		files, err := gitChange(ctx, c.args, nil)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			changes = append(changes, tui.Change{Name: c.name, Root: root, Files: files})
		}
	}
	// A repository without a commit has no last one.
	subject, err := git(ctx, "log", "-1", "--format=%s")
	if err != nil {
		return changes, nil
	}
	files, err := gitChange(ctx, []string{"show", "--format=", "HEAD"}, nil)
	if err == nil && len(files) > 0 {
		changes = append(changes, tui.Change{Name: "last commit", About: strings.TrimSpace(string(subject)), Root: root, Files: files})
	}
	return changes, err
}
