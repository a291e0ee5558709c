// Package diff reads, writes and applies changes of text files in the forms in
// which they travel: unified diffs of git, Mercurial, Subversion and diff(1),
// git's combined diffs of merges, and mails with any of them.
//
// Reading forgives what can be forgiven, because diffs are mangled on their way:
// what stands between files is passed over, a hunk that ends early keeps the
// lines it has. Paths are given as they are written, which may be anything; who
// opens them has to keep within a folder (os.Root).
package diff

// A File is what a diff says about one file.
type File struct {
	Old, New string // paths with their a/ and b/ taken off; "" for a file that is not there
	Kind     Kind
	OldMode  string // as git writes it, "100644"; "" where it is not told
	NewMode  string
	Binary   bool // the change is not text
	Damaged  bool // some hunk has fewer or more lines than it announces
	Hunks    []Hunk
}

// Kind is what happens to a file.
type Kind string

const (
	Modified Kind = "modified"
	Added    Kind = "added"
	Deleted  Kind = "deleted"
	Renamed  Kind = "renamed"
	Copied   Kind = "copied"
	// Whole is no change: the file as it is, in one hunk of context.
	Whole Kind = "whole"
)

// Path is the file's path after the change, or before it if the file is gone.
func (f *File) Path() string {
	if f.New != "" {
		return f.New
	}
	return f.Old
}

// A Hunk is a run of lines of a file before and after the change.
type Hunk struct {
	Old, New Span
	Section  string // what follows the header's last @@: the line that the hunk stands under
	Lines    []Line
}

// A Span is so many lines of a file from Start on. Lines are numbered from 1;
// an empty span has the number of the line before it.
type Span struct{ Start, Count int }

// End is the number of the last line, Start-1 for an empty span at Start.
func (s Span) End() int { return s.Start + s.Count - 1 }

// A Line is one line of a hunk.
type Line struct {
	Op       Op
	Old, New int    // its number before and after the change; 0 on the side where it is not
	Text     string // without the newline, with a carriage return if it has one
	NoEnd    bool   // the file ends here, without a newline
}

// Op is what happens to a line.
type Op byte

const (
	Context Op = ' '
	Add     Op = '+'
	Delete  Op = '-'
)

// Read makes a File of a text that is to be looked at as it is.
func Read(path, text string) File {
	f := File{Old: path, New: path, Kind: Whole}
	if text == "" {
		return f
	}
	var h Hunk
	for rest := text; rest != ""; {
		line, after, ended := cutLine(rest)
		n := len(h.Lines) + 1
		h.Lines = append(h.Lines, Line{Op: Context, Old: n, New: n, Text: line, NoEnd: !ended})
		rest = after
	}
	h.Old = Span{1, len(h.Lines)}
	h.New = h.Old
	f.Hunks = []Hunk{h}
	return f
}
