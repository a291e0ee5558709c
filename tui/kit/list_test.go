package kit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/config"
)

// listOf is a list of so many rows in groups of three.
func listOf(t *testing.T, n int) *List {
	l := &List{Look: newLook(t), Empty: []string{"There is nothing."}}
	var rows []Row
	for i := range n {
		rows = append(rows, Row{Group: fmt.Sprintf("group %d", i/3), Cells: []string{fmt.Sprintf("row %d", i), "details"}})
	}
	l.SetRows(rows)
	return l
}

func (l *List) text() string {
	lines, _ := l.View()
	return ansi.Strip(strings.Join(lines, "\n"))
}

// TestListShowsTheChosenRow walks through a list of any height.
func TestListShowsTheChosenRow(t *testing.T) {
	for _, height := range []int{5, 8, 12, 22, 48} {
		l := listOf(t, 40)
		l.Detail = func(row, _ int) []string { return []string{fmt.Sprintf("detail of %d", row), "more", "and more"} }
		see := func(key string) {
			t.Helper()
			l.Resize(80, height)
			text := l.text()
			if !strings.Contains(text, fmt.Sprintf("❯ row %d ", l.Selected)) {
				t.Fatalf("height %d, after %s: row %d is not seen:\n%s", height, key, l.Selected, text)
			}
			if n := strings.Count(text, "\n") + 1; n > height {
				t.Fatalf("height %d, after %s: %d lines:\n%s", height, key, n, text)
			}
		}
		for _, key := range []string{"down", "pgdown", "pgdown", "up", "end", "up", "up", "pgup", "home", "end", "pgup"} {
			for range 5 {
				l.Press(KeyPress(key))
				see(key)
			}
		}
	}
}

func TestListFilter(t *testing.T) {
	l := listOf(t, 3)
	if c := l.Press(KeyPress("r")); !c.Handled || !c.Filtered || l.Filter.Text != "r" {
		t.Errorf("a letter: %+v, the filter is %q", c, l.Filter.Text)
	}
	if c := l.Press(KeyPress("esc")); !c.Filtered || l.Filter.Text != "" {
		t.Errorf("esc: %+v", c)
	}
	if c := l.Press(KeyPress("esc")); c.Handled {
		t.Error("esc without a filter is not the list's")
	}

	l.FilterOnSlash = true
	if c := l.Press(KeyPress("d")); c.Handled {
		t.Error("letters are the caller's")
	}
	if c := l.Paste("x"); c.Handled {
		t.Error("so is what is pasted")
	}
	l.Press(KeyPress("/"))
	if c := l.Press(KeyPress("d")); !c.Filtered || l.Filter.Text != "d" {
		t.Errorf("after a slash: %+v, the filter is %q", c, l.Filter.Text)
	}
	l.SetRows(nil)
	l.Resize(80, 20)
	if !strings.Contains(l.text(), "There is nothing.") {
		t.Errorf("an empty list says\n%s", l.text())
	}
	if _, ok := l.SelectedRow(); ok {
		t.Error("there is no row to choose")
	}
}

func TestListClick(t *testing.T) {
	l := listOf(t, 9)
	l.Resize(80, 22)
	for y, line := range strings.Split(l.text(), "\n") {
		var n int
		if _, err := fmt.Sscanf(strings.TrimLeft(line, " ❯"), "row %d", &n); err != nil {
			if chosen, _ := l.Click(y); chosen {
				t.Errorf("line %q chooses row %d", line, l.Selected)
			}
			continue
		}
		l.Select(0)
		if chosen, again := l.Click(y); !chosen || again != (n == 0) || l.Selected != n {
			t.Errorf("a click on %q chooses row %d, again %v", line, l.Selected, again)
		}
		if _, again := l.Click(y); !again {
			t.Errorf("a second click on %q is none", line)
		}
	}
}

func TestListColumns(t *testing.T) {
	l := listOf(t, 0)
	l.AlignRight = []bool{false, true}
	l.SetRows([]Row{
		{Cells: []string{"Ministral 3 3B", "2.1 GB", "chat vision tools"}},
		{Cells: []string{"Codestral 22B", "13.3 GB", ""}, Dim: true},
	})
	l.Resize(80, 20)
	for _, want := range []string{"❯ Ministral 3 3B   2.1 GB  chat vision tools", "  Codestral 22B   13.3 GB"} {
		if !strings.Contains(l.text(), want) {
			t.Errorf("there is no %q in\n%s", want, l.text())
		}
	}
	l.Resize(30, 10)
	for line := range strings.SplitSeq(l.text(), "\n") {
		if ansi.StringWidth(line) > 30 {
			t.Errorf("too wide: %q", line)
		}
	}
}

// newLook is a look without settings.
func newLook(t testing.TB) *Look {
	t.Helper()
	look, unknown := NewLook(config.Interface{}, nil)
	if len(unknown) > 0 {
		t.Fatal("unknown keys: ", unknown)
	}
	return look
}
