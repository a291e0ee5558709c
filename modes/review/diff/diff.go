// Package diff reads, writes and applies diffs of text files: unified diffs of git,
// Mercurial, Subversion and diff(1), combined diffs of git merges, and mails that
// contain any of these.
//
// The parser is tolerant, because mail programs and terminals damage diffs: it skips
// text between files and keeps the lines of a truncated hunk. It marks such files. Paths are untrusted: a
// caller must open them within a folder (os.Root).
package diff

// A File is the change of one file.
type File struct {
	Old, New string // paths without a/ and b/; "" for a file that does not exist
	Kind     Kind
	OldMode  string // in git's format, "100644"; "" if unknown
	NewMode  string
	Binary   bool // the change is not text
	Damaged  bool // a header is invalid, lines are missing, or there are more than it announces
	Hunks    []Hunk
}

// Kind is the kind of change.
type Kind string

const (
	Modified Kind = "modified"
	Added    Kind = "added"
	Deleted  Kind = "deleted"
	Renamed  Kind = "renamed"
	Copied   Kind = "copied"
	// Whole marks a file without a change: one context hunk has the whole file.
	Whole Kind = "whole"
)

// Path returns the path after the change, or before it for a deleted file.
func (f *File) Path() string {
	if f.New != "" {
		return f.New
	}
	return f.Old
}

// A Hunk is a range of lines of a file before and after the change.
type Hunk struct {
	Old, New Span
	Section  string // the text after the header's last @@, usually the enclosing function
	Lines    []Line
}

// A Span is a range of Count lines that begins at Start. Lines are numbered from 1;
// the Start of an empty span is the line before it.
type Span struct{ Start, Count int }

// A Line is one line of a hunk.
type Line struct {
	Op       Op
	Old, New int    // its number before and after the change; 0 if it does not exist there
	Text     string // without the newline, but with a carriage return
	NoEnd    bool   // the last line of the file, without a newline
}

// Op is the operation on a line.
type Op byte

const (
	Context Op = ' '
	Add     Op = '+'
	Delete  Op = '-'
)

// Read returns a File of kind Whole for a text.
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
