package tui

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/tui/kit"
)

const reviewedDiff = `diff --git a/api/user.go b/api/user.go
--- a/api/user.go
+++ b/api/user.go
@@ -39,5 +39,6 @@ type User struct {
 
 func (u *User) Tag(k, v string) {
 	u.seen = time.Now()
+	u.tags[k] = v
 	u.log()
 }
diff --git a/go.sum b/go.sum
--- a/go.sum
+++ b/go.sum
@@ -1 +1 @@
-a
+b
diff --git a/store/open.go b/store/open.go
--- a/store/open.go
+++ b/store/open.go
@@ -16,5 +16,4 @@ func Open() {
 	f := file()
-	defer check(f.Close())
 	f.Sync()
 	f.Close()
 	return nil
`

const (
	nilMapFound  = `{"file":"api/user.go","line":42,"end_line":42,"code":"\tu.tags[k] = v","title":"write to a nil map","why":"Tag panics when the user was loaded without tags: NewUser leaves tags nil.","severity":"major","category":"bug","replacement":"\tif u.tags == nil {\n\t\tu.tags = map[string]string{}\n\t}\n\tu.tags[k] = v","confidence":90}`
	droppedFound = `{"file":"store/open.go","line":17,"end_line":18,"code":"f.Sync()","title":"error dropped","why":"What Sync and Close say is lost.","severity":"minor","category":"errors","replacement":null,"confidence":80}`
)

// reviewer answers with findings, and that they hold.
func reviewer(found ...string) *enginetest.Script {
	return &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if strings.Contains(r.Chat.Messages[0].Content.Plain(), "\nAnother reviewer has found ") {
			return enginetest.Reply{enginetest.Text(`{"holds":null}`)}
		}
		return enginetest.Reply{enginetest.Text(`{"findings":[` + strings.Join(found, ",") + `]}`)}
	}}
}

// reviewable are options with changes to review in a folder, where the first file
// of the change is.
func reviewable(t *testing.T, s *enginetest.Script) (Options, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "api"), 0o700); err != nil {
		t.Fatal(err)
	}
	lines := append(slices.Repeat([]string{"// x"}, 38), "", "func (u *User) Tag(k, v string) {", "\tu.seen = time.Now()", "\tu.tags[k] = v", "\tu.log()", "}", "")
	if err := os.WriteFile(filepath.Join(dir, "api", "user.go"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := diff.Parse(reviewedDiff)
	if err != nil {
		t.Fatal(err)
	}
	o := scripted(s)
	o.Changes = func(context.Context) ([]change.Change, error) {
		return []change.Change{{Name: "not staged", Root: dir, Files: files}, {Name: "last commit", About: "store: open what is there", Root: dir, Files: files[2:]}}, nil
	}
	return o, filepath.Join(dir, "api", "user.go")
}

// reviewed drives a review to its end.
func reviewed(t *testing.T, o Options, width, height int) *driver {
	t.Helper()
	d := drive(t, o, width, height)
	d.pressed("alt+2")
	d.sees("not staged")
	d.pressed("enter")
	d.sees("2 of 3")
	return d
}

func TestReviewChoice(t *testing.T) {
	goldens(t, func() Options { o, _ := reviewable(t, reviewer()); return o }, func(d *driver) {
		d.pressed("alt+2")
		d.sees("last commit")
		d.until("the model", func() bool { return d.running == 0 })
	})
}

func TestReviewFindings(t *testing.T) {
	goldens(t, func() Options { o, _ := reviewable(t, reviewer(nilMapFound, droppedFound)); return o }, func(d *driver) {
		d.pressed("alt+2")
		d.sees("not staged")
		d.pressed("enter")
		d.until("the end", func() bool { return d.running == 0 })
	})
}

func TestReviewNothingFound(t *testing.T) {
	o, _ := reviewable(t, reviewer())
	d := drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("not staged")
	d.pressed("enter")
	d.sees("No findings. Reviewed 2 of 3 files; skipped go.sum (lock file).")
	d.pressed("esc")
	d.sees("Choose a change to review.")
}

func TestReviewNext(t *testing.T) {
	o, _ := reviewable(t, reviewer(nilMapFound, droppedFound))
	d := reviewed(t, o, 80, 24)
	d.sees("^^^^^^^^^^^^^")
	d.pressed("n")
	d.sees("What Sync and Close say is lost.")
	d.misses("^^^^")
	d.pressed("n")
	d.sees("NewUser leaves")
	d.pressed("/")
	d.typed("drop")
	d.sees("What Sync and Close say is lost.")
	d.misses("write to a nil map")
	d.pressed("esc")
	d.sees("write to a nil map")
}

func TestReviewApply(t *testing.T) {
	o, path := reviewable(t, reviewer(nilMapFound, droppedFound))
	read := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := read()
	d := reviewed(t, o, 100, 30)
	d.sees("suggested:")
	d.pressed("a")
	d.sees("applied to api/user.go · u undo")
	if want := strings.Replace(before, "\tu.tags[k] = v", "\tif u.tags == nil {\n\t\tu.tags = map[string]string{}\n\t}\n\tu.tags[k] = v", 1); read() != want {
		t.Errorf("the file is\n%s", read())
	}
	d.sees("✓ write to a nil map")
	d.pressed("u")
	d.sees("undone in api/user.go")
	if read() != before {
		t.Errorf("the file is\n%s", read())
	}
	d.misses("✓")
	d.pressed("n", "a")
	d.sees("this finding has no suggestion")

	// What somebody has changed there meanwhile stays.
	other := strings.Replace(before, "u.log()", "u.print()", 1)
	if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	d.pressed("n", "a")
	d.sees("the file has changed since the review")
	if read() != other {
		t.Errorf("the file is\n%s", read())
	}
}

func TestReviewDismiss(t *testing.T) {
	o, _ := reviewable(t, reviewer(nilMapFound, droppedFound))
	d := reviewed(t, o, 80, 24)
	d.pressed("d")
	d.sees(`dismissed "write to a nil map" · u undo`)
	d.sees("✗ write to a nil map")
	d.sees("What Sync and Close say is lost.") // of the next one
	d.pressed("u")
	d.until("the finding", func() bool { return !strings.Contains(d.frame(), "✗") })
	d.pressed("home", "d", "d", "d")
	d.sees("already dismissed")
	d.pressed("x")
	d.sees("reviewed 2 of 3 · 2 dismissed")
	d.sees("✗ write to a nil map")
	d.sees("✗ error dropped")
	d.pressed("r")
	d.sees("api/user.go:42")
	d.misses("✗")
}

// TestReviewOrder checks that the most severe findings come first, that those that need
// nothing are marked, counted and passed over, and that each can be undone later.
func TestReviewOrder(t *testing.T) {
	crash := strings.Replace(strings.Replace(droppedFound, `"minor"`, `"critical"`, 1), "error dropped", "it crashes", 1)
	info := `{"file":"api/user.go","line":43,"end_line":43,"code":"\tu.log()","title":"not a good name","why":"It logs what?","severity":"info","category":"readability","replacement":null,"confidence":90}`
	o, path := reviewable(t, reviewer(info, nilMapFound, crash))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := reviewed(t, o, 100, 30)
	d.until("the end", func() bool { return d.running == 0 })
	titles := func() string {
		var list []string
		for _, r := range d.m.Mode().(kit.Lister).AsList().Rows {
			list = append(list, r.Cells[2])
		}
		return strings.Join(list, ", ")
	}
	if got, want := titles(), "it crashes, write to a nil map, not a good name"; got != want {
		t.Fatalf("the findings are %s, want %s", got, want)
	}
	d.pressed("d") // the critical one
	if got, want := titles(), "write to a nil map, not a good name, ✗ it crashes"; got != want {
		t.Errorf("the findings are %s, want %s", got, want)
	}
	d.pressed("a")
	d.sees("applied to api/user.go")
	d.pressed("n", "n")
	d.sees("reviewed 2 of 3 · 1 applied · 1 dismissed")
	if at := d.m.Mode().(kit.Lister).AsList().Selected; at != 1 {
		t.Errorf("finding %d is selected, want the one without a decision", at)
	}
	d.pressed("home")
	d.sees("u undo")
	d.pressed("u")
	d.sees("undone in api/user.go")
	d.pressed("end", "u")
	d.until("the end", func() bool { return d.running == 0 })
	if got, want := titles(), "it crashes, write to a nil map, not a good name"; got != want {
		t.Errorf("the findings are %s, want %s", got, want)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file is\n%s", after)
	}
}

func TestReviewOpen(t *testing.T) {
	o, path := reviewable(t, reviewer(nilMapFound))
	o.Getenv = func(name string) string { return map[string]string{"EDITOR": "code --wait"}[name] }
	d := reviewed(t, o, 80, 24)
	var ran []string
	d.m.terminal.Exec = func(c *exec.Cmd, done func(error) tea.Msg) tea.Cmd {
		ran = c.Args
		return func() tea.Msg { return done(errors.New("no display")) }
	}
	d.pressed("o")
	d.sees("no display")
	if want := []string{"code", "--wait", "--goto", path + ":42"}; !slices.Equal(ran, want) {
		t.Errorf("%q was run, want %q", ran, want)
	}
}

func TestReviewAsk(t *testing.T) {
	o, _ := reviewable(t, reviewer(nilMapFound))
	d := reviewed(t, o, 100, 40)
	d.pressed("e")
	d.sees("loaded without tags: NewUser leaves tags nil.")
	d.typed("How can tags be nil?")
	d.sees("How can tags be nil?")
	d.misses("dismiss")
}

func TestReviewWhole(t *testing.T) {
	o, _ := reviewable(t, reviewer(nilMapFound, droppedFound))
	d := reviewed(t, o, 60, 10)
	d.misses("map[string]string{}")
	d.pressed("enter")
	d.misses("store/open.go")
	d.pressed("end")
	d.sees("map[string]string{}")
	d.pressed("home")
	d.sees("func (u *User)")
	d.pressed("esc")
	d.sees("store/open.go")
}

func TestReviewStops(t *testing.T) {
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Emit{Event: engine.Progress{Done: 1200, Total: 1400}}, enginetest.Wait(nil)}}}
	o, _ := reviewable(t, s)
	d := drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("not staged")
	d.pressed("enter")
	d.sees("esc stop")
	d.until("the model", func() bool { return len(s.Requests()) > 2 })
	d.pressed("esc")
	d.sees("The review was stopped.")
}

func TestReviewFails(t *testing.T) {
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "the model crashed", Advice: "Try another one."}}}}}
	o, _ := reviewable(t, s)
	d := drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("not staged")
	d.pressed("enter")
	d.sees("The model crashed.")
	d.sees("Try another one.")
	d.sees("r review again")

	o.Changes = func(context.Context) ([]change.Change, error) { return nil, errors.New("git is not there") }
	d = drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("Git is not there.")
	o.Changes = nil
	d = drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("No changes in this git repository. Change a file, then press r.")
}

// TestReviewUnreadable checks that an unreadable answer does not look like a review
// without findings.
func TestReviewUnreadable(t *testing.T) {
	o, _ := reviewable(t, &enginetest.Script{Answer: func(enginetest.Request, int) enginetest.Reply {
		return enginetest.Reply{enginetest.Text("It looks good to me.")}
	}})
	d := drive(t, o, 80, 24)
	d.pressed("alt+2")
	d.sees("not staged")
	d.pressed("enter")
	d.sees("Not reviewed: api/user.go")
}

// TestReviewLinear reviews by lines that are typed.
func TestReviewLinear(t *testing.T) {
	o, path := reviewable(t, reviewer(nilMapFound, droppedFound))
	l := listen(t, o)
	l.hears("/help lists commands")
	l.types("/review")
	l.hears("Choose a change to review.")
	l.hears("last commit")
	l.types("1")
	l.hears("error dropped")
	l.hears("skipped go.sum (lock file).")
	l.types("apply 1")
	l.hears("Applied to api/user.go")
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "map[string]string{}") {
		t.Errorf("%v, the file is\n%s", err, data)
	}
	l.types("2")
	l.hears("What Sync and Close say is lost.")
	l.types("/dismiss")
	l.hears("(/undo)")
	l.types("/quit")
	l.ends()
}
