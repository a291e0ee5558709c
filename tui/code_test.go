package tui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/tui/code"
)

const counting = `package words

import "strings"

// Count counts the words of a text.
func Count(text string) map[string]int {
	count := map[string]int{}
	for _, word := range strings.Fields(text) {
		
	}
	return count
}
`

// coding is a folder with a file, and an engine that knows how its loop goes on.
func coding(t *testing.T) (Options, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"words.go": counting, "go.mod": "module words\n", "sub/other.txt": "a\nb\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	body := "\t\tif word != \"\" {\n\t\t\tcount[word]++\n\t\t}"
	o := scripted(&enginetest.Script{About: engine.Info{Model: "Codestral 22B"}, Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		_, begun, _ := strings.Cut(r.Complete.Prompt, "Fields(text) {\n")
		if *r.Complete.Temperature > 0 {
			return enginetest.Reply{enginetest.Text(strings.TrimPrefix("\t\tcount[strings.ToLower(word)]++", begun))}
		}
		rest, ok := strings.CutPrefix(body, begun)
		if !ok {
			return enginetest.Reply{enginetest.Text("")}
		}
		return enginetest.Reply{enginetest.Emit{Event: engine.Progress{Total: 100, Cached: 88}}, enginetest.Text(rest), enginetest.Text("\n\t}\n")}
	}})
	o.Folder = dir
	return o, dir
}

// suggests reports whether a suggestion stands after the cursor.
func (d *driver) suggests() bool { return strings.Contains(d.frame(), "tab accept") }

// saved saves the file and returns what it has then.
func (d *driver) saved(path string) string {
	d.t.Helper()
	d.pressed("ctrl+s")
	d.until("the end of saving", func() bool {
		return strings.Contains(d.m.notice.Text, "saved") || strings.Contains(d.m.notice.Text, "no changes")
	})
	text, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// opens opens a file in the code mode.
func (d *driver) opens(name string) {
	d.t.Helper()
	d.pressed("alt+3")
	d.sees("words.go")
	d.typed(name)
	d.pressed("enter")
	d.sees("ctrl+s save")
	d.until("the model", func() bool { return !strings.Contains(d.frame(), "no suggestions yet") })
}

// atLoop puts the cursor into the loop of counting, whose line is empty, and asks
// for a suggestion.
func (d *driver) atLoop() {
	d.t.Helper()
	for range 8 {
		d.pressed("down")
	}
	d.pressed("end", "alt+]")
	d.until("a suggestion", d.suggests)
}

func TestCode(t *testing.T) {
	goldens(t, func() Options { o, _ := coding(t); return o }, func(d *driver) {
		d.sees("Codestral 22B")
		d.opens("words")
		d.atLoop()
		d.m.screens[2].(*code.Mode).Current.Took = 90_000_000
	})
}

func TestCodeFiles(t *testing.T) {
	goldens(t, func() Options { o, _ := coding(t); return o }, func(d *driver) {
		d.sees("Codestral 22B")
		d.pressed("alt+3")
		d.sees("go.mod")
		d.typed("o")
	})
}

// TestCodeAccepting takes suggestions by the word, the line and whole.
func TestCodeAccepting(t *testing.T) {
	for _, tt := range []struct {
		name  string
		keys  []string
		want  string // of the loop
		ghost bool   // something is still suggested
	}{
		{"all", []string{"tab"}, "\t\tif word != \"\" {\n\t\t\tcount[word]++\n\t\t}\n", false},
		{"a word", []string{"ctrl+right"}, "\t\tif\n", true},
		{"two words", []string{"ctrl+right", "ctrl+right"}, "\t\tif word\n", true},
		{"a line", []string{"ctrl+down"}, "\t\tif word != \"\" {\n", true},
		{"two lines", []string{"ctrl+down", "ctrl+down"}, "\t\tif word != \"\" {\n\t\t\tcount[word]++\n", true},
		{"typed along", []string{"i", "f", "space"}, "\t\tif \n", true},
		{"no", []string{"esc"}, "\t\t\n", false},
		{"moved away", []string{"up", "down", "end"}, "\t\t\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, dir := coding(t)
			d := drive(t, o, 80, 24)
			d.opens("words")
			d.atLoop()
			d.pressed(tt.keys...)
			if got := d.suggests(); got != tt.ghost {
				t.Errorf("a suggestion is shown: %t", got)
			}
			if got, want := d.saved(filepath.Join(dir, "words.go")), strings.Replace(counting, "\t\t\n", tt.want, 1); got != want {
				t.Errorf("the text is\n%s", got)
			}
		})
	}
}

// TestCodeWhileTyping checks that suggestions come by themselves, and that what is
// known is not asked for again.
func TestCodeWhileTyping(t *testing.T) {
	o, _ := coding(t)
	d := drive(t, o, 80, 24)
	d.opens("words")
	for range 8 {
		d.pressed("down")
	}
	d.pressed("end")
	d.typed("if w")
	d.until("a suggestion", d.suggests)
	d.sees("if word != \"\" {")
	d.typed("o")
	d.sees("if word != \"\" {") // at once
	d.sees("from cache")
	d.typed("x")
	d.misses("rd != ")
}

func TestCodeAnother(t *testing.T) {
	o, _ := coding(t)
	d := drive(t, o, 80, 24)
	d.opens("words")
	d.atLoop()
	d.pressed("alt+]")
	d.sees("count[strings.ToLower(word)]++")
	d.pressed("alt+]")
	d.sees("if word != \"\" {")
}

// TestCodeSaving saves, and keeps people from losing what they wrote or what
// others did.
func TestCodeSaving(t *testing.T) {
	o, dir := coding(t)
	path := filepath.Join(dir, "words.go")
	d := drive(t, o, 80, 24)
	d.opens("words")
	d.pressed("ctrl+s")
	d.sees("has no unsaved changes")
	d.typed("x")
	d.sees("words.go •")
	d.pressed("ctrl+c")
	d.sees("words.go has unsaved changes: ctrl+s saves them, ctrl+c again discards them")
	if d.quit {
		t.Fatal("it quit")
	}
	d.pressed("ctrl+s")
	d.sees("saved words.go")
	d.misses("•")
	want := func(text string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("the file is %q, %v", got, err)
		}
	}
	want("x" + counting)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}

	if err := os.WriteFile(path, []byte("others"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.typed("y")
	d.pressed("ctrl+s")
	d.sees("another program changed the file")
	want("others")
	d.pressed("ctrl+s")
	d.sees("saved words.go")
	want("xy" + counting)

	d.typed("z")
	d.pressed("alt+o")
	d.typed("go.mod")
	d.pressed("enter")
	d.sees("words.go has unsaved changes")
	d.pressed("enter")
	d.sees("module words")
	d.pressed("ctrl+c")
	d.until("the end", func() bool { return d.quit })
}

func TestCodeIndents(t *testing.T) {
	o, dir := coding(t)
	d := drive(t, o, 80, 24)
	d.opens("words")
	for range 7 {
		d.pressed("down")
	}
	d.pressed("end", "enter", "tab")
	d.typed("x")
	if got, want := d.saved(filepath.Join(dir, "words.go")), strings.Replace(counting, "text) {\n", "text) {\n\t\tx\n", 1); got != want {
		t.Errorf("the text is\n%s", got)
	}
}

// TestCodeTabs checks that tabs go to the stops that the project wants.
func TestCodeTabs(t *testing.T) {
	o, dir := coding(t)
	if err := os.WriteFile(filepath.Join(dir, ".editorconfig"), []byte("root = true\n[*.go]\ntab_width = 8\n[*.py]\nindent_style = space\nindent_size = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.py"), []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := drive(t, o, 80, 24)
	d.opens("words")
	d.sees(" 7          count := map")
	for range 6 {
		d.pressed("down")
	}
	d.pressed("end", "enter")
	d.typed("ab")
	d.pressed("tab")
	d.typed("c")
	d.sees("         ab      c")
	if c := d.m.View().Cursor; c.X != 5+17 {
		t.Errorf("the cursor is in column %d", c.X)
	}
	d.pressed("ctrl+s")
	d.sees("saved words.go")
	d.pressed("alt+o")
	d.typed("a.py")
	d.pressed("enter")
	d.sees("x = 1")
	d.pressed("tab")
	d.sees("   x = 1")
}

// TestCodeModelCannot checks that a model that cannot fill in says so once.
func TestCodeModelCannot(t *testing.T) {
	o, _ := coding(t)
	chat := scripted(&enginetest.Script{About: engine.Info{Model: "Mistral", Can: engine.Capabilities{Chat: true}}})
	o.Open = chat.Open
	d := drive(t, o, 80, 24)
	d.opens("words")
	d.typed("x")
	d.sees("Mistral cannot fill in the middle.")
	d.pressed("esc")
	d.misses("cannot fill in")
}

// TestCodeErrorGoes checks that an error goes with what caused it.
func TestCodeErrorGoes(t *testing.T) {
	o, _ := coding(t)
	chat := scripted(&enginetest.Script{About: engine.Info{Model: "Mistral", Can: engine.Capabilities{Chat: true}}})
	able := o.Open
	o.Open = func(ctx context.Context, ref string, l engine.LoadOptions) (engine.Engine, error) {
		if ref == "able" {
			return able(ctx, ref, l)
		}
		return chat.Open(ctx, ref, l)
	}
	d := drive(t, o, 80, 24)
	d.opens("words")
	for _, away := range [][]string{{"alt+1", "alt+3"}, {"alt+o", "enter"}} { // another mode, another file
		d.typed("x")
		d.sees("Mistral cannot fill in the middle.")
		d.typed("y")
		d.sees("Mistral cannot fill in the middle.")
		d.pressed("backspace", "backspace")
		d.pressed(away...)
		d.sees("ctrl+s save")
		d.misses("cannot fill in")
	}
	d.typed("x")
	d.sees("Mistral cannot fill in the middle.")
	d.run(d.m.Mode().(*code.Mode).UseModel("able"))
	d.misses("cannot fill in")

	open := func(path string) { // as /open does
		for _, c := range d.m.Mode().(*code.Mode).Commands() {
			if c.Name == "open" {
				d.run(c.Run(path).Cmd)
			}
		}
	}
	d.pressed("backspace")
	open("nosuch")
	d.sees("Cannot open nosuch")
	open("words.go")
	d.sees("func Count")
	d.misses("Cannot open")
}

// TestCodeWideLines moves along a line that is wider than the screen.
func TestCodeWideLines(t *testing.T) {
	o, dir := coding(t)
	line := strings.Repeat("abcdefghij", 30) + "世界 end"
	if err := os.WriteFile(filepath.Join(dir, "wide.txt"), []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := drive(t, o, 40, 12)
	d.pressed("alt+3")
	d.sees("wide.txt")
	d.typed("wide")
	d.pressed("enter")
	d.sees("abcdefghij")
	d.pressed("end")
	d.sees("世界 end")
	d.pressed("home")
	d.sees("1  abcdefghij")
	d.send(tea.MouseClickMsg{X: 8, Y: 1, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: 8, Y: 1, Button: tea.MouseLeft})
	d.typed("|")
	d.sees("abcd|efghij")
}
