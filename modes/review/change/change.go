// Package change finds what there is to review: a diff that is read, what git says
// has changed, or whole files.
//
// Git runs in the current folder. It writes plain diffs and runs no program that a
// repository may name.
package change

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/units"
)

// A Change is something that can be reviewed.
type Change struct {
	Name  string // what it is: "not staged", "last commit"
	About string // which of several: a commit's subject; may be empty
	Root  string // the folder that paths begin at
	Files []diff.File
	Named []string // the files that the user named
}

// maxFiles is how many files of a folder are read.
const maxFiles = math.MaxInt

// Root returns the top of the git repository around a folder, or the folder itself.
func Root(dir string) (root string, repository bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, fmt.Errorf("find the current folder: %w", err)
	}
	if os.Getenv("GIT_DIR") != "" || os.Getenv("GIT_WORK_TREE") != "" {
		if top, err := git(context.Background(), "-C", dir, "rev-parse", "--show-toplevel"); err == nil {
			return filepath.FromSlash(strings.TrimSuffix(string(top), "\n")), true, nil
		}
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

// A Selection says which change git shows. The zero Selection is what is not staged.
type Selection struct {
	Staged    bool
	Commit    string // a revision
	Revisions string // a range, or a revision since which
}

// args returns the arguments for git.
func (s Selection) args() []string {
	switch {
	case s.Staged:
		return []string{"diff", "--staged"}
	case s.Commit != "":
		// A merge is compared with its first parent: CI systems check out merges.
		return []string{"show", "--format=", "--no-notes", "--diff-merges=first-parent", "--end-of-options", s.Commit}
	case s.Revisions != "":
		return []string{"diff", "--end-of-options", s.Revisions}
	}
	return []string{"diff"}
}

// plainConfig overrides the settings that change git's output, or run programs, and have
// no flag. Unknown settings have no effect on old versions of git.
var plainConfig = []string{
	"diff.relative=false", "diff.noprefix=false", "diff.mnemonicPrefix=false", "diff.suppressBlankEmpty=false",
	"diff.autoRefreshIndex=true", "diff.interHunkContext=0", "diff.renameLimit=1000", "core.quotePath=false",
	"log.showSignature=false", "log.showRoot=true", "log.follow=false", "core.fsmonitor=false", "i18n.logOutputEncoding=UTF-8",
}

// plainDiff are flags that make git write a diff as it does by default, and run no
// program that a repository may name.
var plainDiff = []string{
	"--patch", "--no-color", "--no-color-moved", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
	"--unified=3", "--find-renames=50%", "--diff-algorithm=myers", "--indent-heuristic", "--word-diff=none",
	"--submodule=short", "--ignore-submodules=untracked", "-O/dev/null",
}

// changesOutput reports whether an environment variable changes what git writes or what
// paths mean. The variables that say where the repository is stay: hooks need them.
func changesOutput(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_ATTR_SOURCE", "GIT_PAGER", "GIT_PAGER_IN_USE", "GIT_FLUSH",
		"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
		"GIT_NOTES_DISPLAY_REF", "GIT_OPTIONAL_LOCKS":
		return true
	}
	return strings.HasPrefix(name, "GIT_TRACE")
}

// Git returns a change that git shows, or the part of it in paths.
func Git(ctx context.Context, s Selection, paths ...string) ([]diff.File, error) {
	args := s.args()
	all := append([]string{args[0]}, plainDiff...)
	all = append(append(append(all, args[1:]...), "--"), paths...)
	out, err := git(ctx, all...)
	if err != nil {
		return nil, err
	}
	return Parse("the output of git "+args[0], out)
}

// Current returns what is not staged, or what is staged if there is nothing else.
func Current(ctx context.Context) (files []diff.File, staged bool, err error) {
	if files, err = Git(ctx, Selection{}); err != nil || len(files) > 0 {
		return files, false, err
	}
	files, err = Git(ctx, Selection{Staged: true})
	return files, len(files) > 0, err
}

// Untracked returns how many files git does not track, 0 if it cannot say.
func Untracked(ctx context.Context) int {
	out, err := git(ctx, "ls-files", "--others", "--exclude-standard", "-z", "--", ":/")
	if err != nil {
		return 0
	}
	return bytes.Count(out, []byte{0})
}

// List returns the changes of the repository around the current folder: what is not
// staged, what is staged and the last commit, as far as there are any.
func List(ctx context.Context) ([]Change, error) {
	root, repository, err := Root(".")
	if err != nil || !repository {
		return nil, err
	}
	var changes []Change
	for _, c := range []struct {
		name string
		s    Selection
	}{{"not staged", Selection{}}, {"staged", Selection{Staged: true}}} {
		files, err := Git(ctx, c.s)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			changes = append(changes, Change{Name: c.name, Root: root, Files: files})
		}
	}
	// A repository without a commit has no last one.
	subject, err := git(ctx, "log", "-1", "--no-color", "--format=%s")
	if err != nil {
		return changes, nil
	}
	files, err := Git(ctx, Selection{Commit: "HEAD"})
	if err == nil && len(files) > 0 {
		changes = append(changes, Change{Name: "last commit", About: strings.TrimSpace(string(subject)), Root: root, Files: files})
	}
	return changes, err
}

// Read reads a diff.
func Read(ctx context.Context, name string, r io.Reader) ([]diff.File, error) {
	data, err := attach.ReadAll(ctx, r, attach.MaxText)
	switch {
	case errors.Is(err, attach.ErrTooLarge):
		return nil, tooLarge(name)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, attach.ReadError(name, err)
	}
	return Parse(name, data)
}

// Parse parses a diff. Its bytes stay as they are, since files need not be UTF-8;
// only UTF-16 with a byte order mark is decoded.
func Parse(name string, data []byte) ([]diff.File, error) {
	files, err := diff.Parse(attach.TrimMark(data))
	if err == nil {
		return files, nil
	}
	e := &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("cannot review %s: %v", name, err), Advice: "Use the output of git diff, or name the files to review."}
	if form, ok := errors.AsType[*fault.Error](err); ok {
		e.Advice = form.Advice
	}
	return nil, e
}

// Whole returns files as they are, and all files in folders. A named file that holds
// a diff is read as a diff.
func Whole(ctx context.Context, root string, paths []string) (Change, error) {
	c := Change{Root: root}
	left := int64(attach.MaxText)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return c, attach.ReadError(path, err)
		}
		names := []string{path}
		if info.IsDir() {
			if names, err = regularFiles(ctx, path); err != nil {
				return c, err
			}
		}
		for _, name := range names {
			data, err := readWhole(ctx, name, left)
			if err != nil {
				return c, err
			}
			left -= int64(len(data))
			if ext := filepath.Ext(name); !info.IsDir() && (ext == ".diff" || ext == ".patch") {
				if files, err := Parse(name, data); err == nil && len(files) > 0 {
					c.Files = append(c.Files, files...)
					continue
				}
			}
			shown := relative(root, name)
			f := diff.Read(shown, string(data))
			if bytes.IndexByte(data, 0) >= 0 {
				f = diff.File{Old: shown, New: shown, Kind: diff.Whole, Binary: true}
			}
			c.Files = append(c.Files, f)
			if !info.IsDir() {
				c.Named = append(c.Named, shown)
			}
		}
	}
	return c, nil
}

// regularFiles lists the files in a folder. Git also lists files that were deleted.
func regularFiles(ctx context.Context, folder string) ([]string, error) {
	list, _, err := attach.FilesIn(ctx, folder, maxFiles)
	var names []string
	for _, name := range list {
		path := filepath.Join(folder, name)
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			names = append(names, path)
		}
	}
	return names, err
}

// relative returns a path from the root, or as it was given when it is not in it.
func relative(root, path string) string {
	if full, err := filepath.Abs(path); err == nil {
		if rel, err := filepath.Rel(root, full); err == nil && filepath.IsLocal(rel) {
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
		return nil, tooLarge("the named files")
	}
	return data, err
}

func tooLarge(name string) error {
	return &fault.Error{
		Kind: fault.Invalid, Msg: fmt.Sprintf("cannot review %s: more than %s", name, units.Size(attach.MaxText)),
		Advice: "Review it in parts.",
	}
}

// git runs git and returns its output.
func git(ctx context.Context, args ...string) ([]byte, error) {
	command := "git " + args[0]
	flags := []string{"--no-pager"}
	for _, setting := range plainConfig {
		flags = append(flags, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, "git", append(flags, args...)...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), changesOutput), "GIT_OPTIONAL_LOCKS=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e := fault.Errorf(fault.Invalid, "cannot run %s: %w", command, err)
		e.Advice = "Install git, or give a diff."
		return nil, e
	}
	data, err := attach.ReadAll(ctx, out, attach.MaxText)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if errors.Is(err, attach.ErrTooLarge) {
			return nil, tooLarge("the output of " + command)
		}
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if line == "" {
			line = err.Error()
		}
		return nil, &fault.Error{
			Kind: fault.Invalid, Msg: fmt.Sprintf("%s failed: %s", command, strings.TrimPrefix(line, "fatal: ")),
			Advice: "Run it yourself to see what is wrong, or give a diff.",
		}
	}
	return data, nil
}
