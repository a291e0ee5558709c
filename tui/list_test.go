package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/config"
)

// listOf is a list of so many rows in groups of three.
func listOf(t *testing.T, n int) *list {
	l := &list{look: newLook(t), empty: []string{"There is nothing."}}
	var rows []row
	for i := range n {
		rows = append(rows, row{group: fmt.Sprintf("group %d", i/3), cells: []string{fmt.Sprintf("row %d", i), "about it"}})
	}
	l.show(rows)
	return l
}

func (l *list) text() string {
	lines, _ := l.view()
	return ansi.Strip(strings.Join(lines, "\n"))
}

// TestListShowsTheChosenRow walks through a list of any height.
func TestListShowsTheChosenRow(t *testing.T) {
	for _, height := range []int{5, 8, 12, 22, 48} {
		l := listOf(t, 40)
		l.detail = func(row, _ int) []string { return []string{fmt.Sprintf("detail of %d", row), "more", "and more"} }
		see := func(key string) {
			t.Helper()
			l.resize(80, height)
			text := l.text()
			if !strings.Contains(text, fmt.Sprintf("❯ row %d ", l.chosen)) {
				t.Fatalf("height %d, after %s: row %d is not seen:\n%s", height, key, l.chosen, text)
			}
			if n := strings.Count(text, "\n") + 1; n > height {
				t.Fatalf("height %d, after %s: %d lines:\n%s", height, key, n, text)
			}
		}
		for _, key := range []string{"down", "pgdown", "pgdown", "up", "end", "up", "up", "pgup", "home", "end", "pgup"} {
			for range 5 {
				l.press(keyNamed(key))
				see(key)
			}
		}
	}
}

func TestListFilter(t *testing.T) {
	l := listOf(t, 3)
	if c := l.press(keyNamed("r")); !c.handled || !c.filtered || l.filter.text != "r" {
		t.Errorf("a letter: %+v, the filter is %q", c, l.filter.text)
	}
	if c := l.press(keyNamed("esc")); !c.filtered || l.filter.text != "" {
		t.Errorf("esc: %+v", c)
	}
	if c := l.press(keyNamed("esc")); c.handled {
		t.Error("esc without a filter is not the list's")
	}

	l.letters = true
	if c := l.press(keyNamed("d")); c.handled {
		t.Error("letters are the caller's")
	}
	if c := l.paste("x"); c.handled {
		t.Error("so is what is pasted")
	}
	l.press(keyNamed("/"))
	if c := l.press(keyNamed("d")); !c.filtered || l.filter.text != "d" {
		t.Errorf("after a slash: %+v, the filter is %q", c, l.filter.text)
	}
	l.show(nil)
	l.resize(80, 20)
	if !strings.Contains(l.text(), "There is nothing.") {
		t.Errorf("an empty list says\n%s", l.text())
	}
	if _, ok := l.row(); ok {
		t.Error("there is no row to choose")
	}
}

func TestListClick(t *testing.T) {
	l := listOf(t, 9)
	l.resize(80, 22)
	for y, line := range strings.Split(l.text(), "\n") {
		var n int
		if _, err := fmt.Sscanf(strings.TrimLeft(line, " ❯"), "row %d", &n); err != nil {
			if chosen, _ := l.click(y); chosen {
				t.Errorf("line %q chooses row %d", line, l.chosen)
			}
			continue
		}
		l.choose(0)
		if chosen, again := l.click(y); !chosen || again != (n == 0) || l.chosen != n {
			t.Errorf("a click on %q chooses row %d, again %v", line, l.chosen, again)
		}
		if _, again := l.click(y); !again {
			t.Errorf("a second click on %q is none", line)
		}
	}
}

func TestListColumns(t *testing.T) {
	l := listOf(t, 0)
	l.right = []bool{false, true}
	l.show([]row{
		{cells: []string{"Ministral 3 3B", "2.1 GB", "chat vision tools"}},
		{cells: []string{"Codestral 22B", "13.3 GB", ""}, dim: true},
	})
	l.resize(80, 20)
	for _, want := range []string{"❯ Ministral 3 3B   2.1 GB  chat vision tools", "  Codestral 22B   13.3 GB"} {
		if !strings.Contains(l.text(), want) {
			t.Errorf("there is no %q in\n%s", want, l.text())
		}
	}
	l.resize(30, 10)
	for line := range strings.SplitSeq(l.text(), "\n") {
		if ansi.StringWidth(line) > 30 {
			t.Errorf("too wide: %q", line)
		}
	}
}

// newLook is a look without settings.
func newLook(t testing.TB) *Look {
	t.Helper()
	look, unknown := NewLook(config.Interface{}, modes)
	if len(unknown) > 0 {
		t.Fatal("unknown keys: ", unknown)
	}
	return look
}
