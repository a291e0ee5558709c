package kit

import (
	"strings"
	"testing"
)

// played presses keys by their names in an editor, and gives the text with a bar
// where the cursor is. A word that is no key is typed.
func played(e *Editor, keys *Keymap, script string) string {
	for _, word := range strings.Fields(script) {
		if _, named := namedKeys[word]; named || strings.ContainsRune(word, '+') && len(word) > 1 {
			e.Press(KeyOf(KeyPress(word)), keys)
			continue
		}
		for _, r := range word {
			e.Press(KeyOf(KeyPress(string(r))), keys)
		}
	}
	return withCursor(e)
}

func withCursor(e *Editor) string { return e.Text[:e.Cursor] + "|" + e.Text[e.Cursor:] }

func TestEditor(t *testing.T) {
	keys, _ := NewKeymap(nil, nil)
	for _, tt := range []struct{ name, script, want string }{
		{"typing", "hello space world", "hello world|"},
		{"left and delete", "abc left left delete", "a|c"},
		{"backspace at the beginning", "home backspace abc", "abc|"},
		{"words", "one space two.three alt+left ctrl+left alt+left", "one |two.three"},
		{"word right", "one space two home alt+right", "one| two"},
		{"delete word", "one space two ctrl+w", "one |"},
		{"delete and insert again", "one space two ctrl+u ctrl+y ctrl+y", "one twoone two|"},
		{"to the end", "abc left left ctrl+k", "a|"},
		{"undo typing in one step", "one space two alt+z", "one|"},
		{"undo and redo", "one backspace ctrl+_ ctrl+_ alt+/", "one|"},
		{"undo nothing", "ctrl+_ a", "a|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Editor{Width: 40}
			got := played(e, keys, tt.script)
			if got != tt.want {
				t.Errorf("it is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestEditorClusters goes through characters of several runes in one step each.
func TestEditorClusters(t *testing.T) {
	keys, _ := NewKeymap(nil, nil)
	for _, c := range []string{"é", "e\u0301", "日", "👩‍👩‍👧", "🇫🇷", "ש", "\n"} {
		e := &Editor{Width: 40}
		e.Insert("a" + c + "b")
		for _, want := range []string{"a" + c + "|b", "a|" + c + "b"} {
			if got := played(e, keys, "left"); got != want {
				t.Errorf("left: %q, want %q", got, want)
			}
		}
		if got := played(e, keys, "delete"); got != "a|b" {
			t.Errorf("deleting %q leaves %q", c, got)
		}
		if got := played(e, keys, "alt+z right backspace"); got != "a|b" {
			t.Errorf("deleting %q back leaves %q", c, got)
		}
	}
}

func TestEditorRows(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		width      int
		want       string // rows, apart by |
	}{
		{"empty", "", 10, ""},
		{"fits", "one two", 10, "one two"},
		{"words", "one two three", 10, "one two |three"},
		{"long word", "abcdefghijkl", 6, "abcde|fghij|kl"},
		{"lines", "a\n\nb\n", 10, "a||b|"},
		{"wide", "日本語日本", 6, "日本|語日|本"},
		{"tab", "a\tbc", 6, "a\t|bc"},
		{"narrow", "日", 1, "日"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Editor{Width: tt.width, Text: tt.text}
			var rows []string
			for _, r := range e.Rows() {
				rows = append(rows, tt.text[r.From:r.To])
			}
			if got := strings.Join(rows, "|"); got != tt.want {
				t.Errorf("rows %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEditorUpAndDown(t *testing.T) {
	keys, _ := NewKeymap(nil, nil)
	e := &Editor{Width: 40}
	e.Insert("a long line\nab\nanother line")
	if got := played(e, keys, "up up"); got != "a long line|\nab\nanother line" {
		t.Errorf("up twice: %q", got)
	}
	if got := played(e, keys, "down down"); got != "a long line\nab\nanother lin|e" && got != "a long line\nab\nanother line|" {
		t.Errorf("down twice: %q", got)
	}
	if e.Press(KeyOf(KeyPress("down")), keys) {
		t.Error("there is no row below the last")
	}
}

func TestEditorSingleLine(t *testing.T) {
	e := &Editor{SingleLine: true, Width: 20}
	e.Insert("a\nb\tc\x1b[31m")
	if e.Text != "a b c" {
		t.Errorf("it is %q", e.Text)
	}
}

// TestLongLine writes into a line of 10,000 characters.
func TestLongLine(t *testing.T) {
	keys, _ := NewKeymap(nil, nil)
	e := &Editor{Width: 80}
	e.Insert(strings.Repeat("x", 10_000))
	played(e, keys, "up up left y")
	e.ScrollTo(8)
	lines, x, y := e.View(8)
	if len(lines) != 8 || y < 0 || y >= 8 || x < 0 || x >= 80 {
		t.Errorf("%d lines, the cursor at %d, %d", len(lines), x, y)
	}
}

func TestVim(t *testing.T) {
	for _, tt := range []struct{ name, text, script, want string }{
		{"leave", "one two", "esc", "one tw|o"},
		{"motions", "one two three", "esc 0 w w b", "one |two three"},
		{"end of word", "one two", "esc 0 e", "on|e two"},
		{"counts", "one two three four", "esc 0 3w", "one two three |four"},
		{"delete word", "one two three", "esc 0 dw", "|two three"},
		{"delete two words", "one two three", "esc 0 2dw", "|three"},
		{"change word", "one two", "esc 0 cw x esc", "|x two"},
		{"delete line", "one\ntwo\nthree", "esc k dd", "one\n|three"},
		{"put line", "one\ntwo", "esc dd p", "one\n|two"},
		{"put before", "one\ntwo", "esc yy P", "one\n|two\ntwo"},
		{"change line", "one\ntwo", "esc cc x esc", "one\n|x"},
		{"to the end", "one two", "esc 0 w D", "one| "},
		{"x and undo", "abc", "esc 0 x x u", "|bc"},
		{"replace", "abc", "esc 0 rx", "|xbc"},
		{"find", "a,b,c", "esc 0 f,", "a|,b,c"},
		{"till", "a,b,c", "esc 0 dt,", "|,b,c"},
		{"find back", "a,b,c", "esc F,", "a,b|,c"},
		{"append", "ab", "esc 0 a x esc", "a|xb"},
		{"open below", "one", "esc o two esc", "one\ntw|o"},
		{"open above", "one", "esc O two esc", "tw|o\none"},
		{"insert at the beginning", "  ab", "esc I x esc", "  |xab"},
		{"first and last line", "a\nb\nc", "esc gg", "|a\nb\nc"},
		{"last line", "a\nb\nc", "esc gg G", "a\nb\n|c"},
		{"repeat", "one two three", "esc 0 dw .", "|three"},
		{"repeat an insertion", "a b", "esc 0 cw x esc w .", "x |x"},
		{"join", "one\n  two", "esc gg J", "one| two"},
		{"swap case", "aB", "esc 0 ~ ~", "Ab|"},
		{"yank to the end and put", "ab", "esc 0 y$ p", "aa|bb"},
		{"nothing there", "ab", "esc 0 fz x", "|b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, _ := NewKeymap(nil, nil)
			e, v := &Editor{Width: 40}, new(Vim)
			e.Insert(tt.text)
			for _, word := range strings.Fields(tt.script) {
				names := strings.Split(word, "")
				if word == "esc" {
					names = []string{word}
				}
				for _, k := range names {
					if k := KeyOf(KeyPress(k)); !v.Press(e, k, keys) {
						e.Press(k, keys)
					}
				}
			}
			if got := withCursor(e); got != tt.want {
				t.Errorf("it is %q, want %q", got, tt.want)
			}
		})
	}
}
