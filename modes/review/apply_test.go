package review

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestApply(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "api", "user.go")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	e := model(map[string]said{"u.tags": {"[" + nilMap + "]", ""}})
	f := review(t, e, parse(t, userDiff), Options{Tree: fstest.MapFS{"api/user.go": {Data: []byte(userGo)}}}).Findings[0]

	// It applies where the lines are by now, and what is elsewhere stays.
	now := strings.Replace(userGo, "import", "// A line more.\nimport", 1)
	want := strings.Replace(now, "\tu.tags[k] = v", "\tif u.tags == nil {\n\t\tu.tags = map[string]string{}\n\t}\n\tu.tags[k] = v", 1)
	write(now)
	undo, err := f.Apply(root)
	if err != nil || read() != want {
		t.Fatalf("%v, the file is\n%s", err, read())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := undo(root); err != nil || read() != now {
		t.Errorf("%v, taken back it is\n%s", err, read())
	}

	// What somebody has written meanwhile is not lost.
	undo, err = f.Apply(root)
	if err != nil {
		t.Fatal(err)
	}
	write(want + "// more\n")
	if err := undo(root); !errors.Is(err, errChanged) || read() != want+"// more\n" {
		t.Errorf("%v, the file is\n%s", err, read())
	}
	write(strings.Replace(now, "u.log()", "u.print()", 1))
	if _, err := f.Apply(root); !errors.Is(err, errChanged) {
		t.Errorf("error %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "api", "*")); err != nil || len(left) != 1 {
		t.Errorf("files %v, %v", left, err)
	}

	// A path leads nowhere else.
	outside := f
	outside.File = "../" + filepath.Base(dir) + "/api/user.go"
	if _, err := outside.Apply(root); err == nil {
		t.Error("a path out of the folder was written to")
	}
	none := f
	none.Suggestion = nil
	if _, err := none.Apply(root); err == nil {
		t.Error("nothing was applied")
	}
}
