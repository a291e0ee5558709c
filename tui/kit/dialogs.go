package kit

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"
)

// A ListDialog is a dialog that is a list. Types embed it and override the methods that
// differ.
type ListDialog struct {
	List
	Heading string
	Hints   func() []Hint
	Choose  func(row int) Outcome // enter, or a second click, on the selected row
	Refill  func() tea.Cmd        // the filter changed; nil: do nothing
}

func (d *ListDialog) Title() string          { return d.Heading }
func (d *ListDialog) Note() string           { return "" }
func (d *ListDialog) Init() tea.Cmd          { return nil }
func (d *ListDialog) Update(tea.Msg) tea.Cmd { return nil }
func (d *ListDialog) Bindings() []Hint       { return d.Hints() }
func (d *ListDialog) Footer() Footer         { return Footer{Hints: d.Hints()} }

func (d *ListDialog) Press(k tea.KeyPressMsg) Outcome {
	change := d.List.Press(k)
	switch {
	case change.Handled:
		return d.refill(change)
	case Matches(k, d.Look.Keys.Choose):
		return d.choose()
	case Matches(k, d.Look.Keys.Back):
		return Close(nil)
	}
	return Ignored()
}

func (d *ListDialog) Paste(text string) Outcome { return d.refill(d.List.Paste(text)) }

func (d *ListDialog) Click(_, y int) Outcome {
	if _, again := d.List.Click(y); again {
		return d.choose()
	}
	return Handled(nil)
}

func (d *ListDialog) refill(change ListChange) Outcome {
	if change.Filtered && d.Refill != nil {
		return Handled(d.Refill())
	}
	return Handled(nil)
}

func (d *ListDialog) choose() Outcome {
	d.Filtering = false // letters are keys again
	if i, ok := d.SelectedRow(); ok {
		return d.Choose(i)
	}
	return Handled(nil)
}

// A TextDialog is a dialog with text that scrolls. Types embed it.
type TextDialog struct {
	Look          *Look
	Lines         func() []string
	Width, Height int
	Top           int // the first visible line
}

func (d *TextDialog) Init() tea.Cmd            { return nil }
func (d *TextDialog) Update(tea.Msg) tea.Cmd   { return nil }
func (d *TextDialog) Paste(string) Outcome     { return Handled(nil) }
func (d *TextDialog) Resize(width, height int) { d.Width, d.Height = width, height; d.Scroll(0) }
func (d *TextDialog) last() int                { return max(0, len(d.Lines())-d.Height) }
func (d *TextDialog) Scroll(lines int)         { d.Top = max(0, min(d.Top+lines, d.last())) }

func (d *TextDialog) Press(k tea.KeyPressMsg) Outcome {
	top, ok := ScrollKey(k, d.Top, d.Height-1, d.last())
	d.Top = top
	return Outcome{Handled: ok}
}

func (d *TextDialog) View() ([]string, *tea.Cursor) {
	lines := d.Lines()
	visible := lines[min(d.Top, len(lines)):min(d.Top+d.Height, len(lines))]
	return d.Look.MarkMore(slices.Clone(visible), d.Width, d.Top > 0, d.Top+d.Height < len(lines)), nil
}

// ScrollKey returns the first visible line after a key that scrolls. It returns false for
// other keys.
func ScrollKey(k fmt.Stringer, top, page, last int) (int, bool) {
	switch k.String() {
	case "up":
		top--
	case "down":
		top++
	case "pgup":
		top -= page
	case "pgdown", "space":
		top += page
	case "home":
		top = 0
	case "end":
		top = last
	default:
		return top, false
	}
	return max(0, min(top, last)), true
}
