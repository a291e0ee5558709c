package diff

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// ErrNone reports a text in which there is no diff.
var ErrNone = errors.New("there is no diff in it")

// Parse reads all files of a text with diffs, in their order; a file that is
// changed twice, as in a series of mails, is there twice. A blank text has none,
// and one that is not blank fails with [ErrNone], or with advice when it is a diff of another format. The lines
// share the text's memory.
func Parse(text string) ([]File, error) {
	text = decodeMails(text)
	p := parser{lines: lines{rest: text}}
	p.run()
	if len(p.files) > 0 || strings.TrimSpace(text) == "" {
		return p.files, nil
	}
	if form := foreign(text); form != "" {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("it is a %s diff", form), Advice: "Make a unified one: diff -u, or git diff."}
	}
	return nil, ErrNone
}

// lines gives the lines of a text one by one, with a look at the next.
type lines struct{ rest string }

func (l *lines) peek() string {
	line, _, _ := cutLine(l.rest)
	return line
}

func (l *lines) next() string {
	line, rest, _ := cutLine(l.rest)
	l.rest = rest
	return line
}

// cutLine cuts a text after its first line; ended is false when no newline does.
func cutLine(s string) (line, rest string, ended bool) { return strings.Cut(s, "\n") }

type parser struct {
	lines
	files []File
	git   bool // a git header was there: what is between files is no output of diff -r
	// crlf tells that the headers of the file end in CRLF: something on the way has
	// ended all lines so, and they have one carriage return too many.
	crlf  bool
	index string // the path of svn's last Index line that no file was made of
}

func (p *parser) run() {
	for p.rest != "" {
		at := p.rest
		line := p.next()
		head := strings.TrimSuffix(line, "\r")
		switch {
		case strings.HasPrefix(head, "diff --git "):
			p.index = "" // svn diff --git writes both
			p.git = true
			p.header(gitFile(head[len("diff --git "):]))
		case strings.HasPrefix(head, "diff --cc "), strings.HasPrefix(head, "diff --combined "):
			p.flush()
			p.git = true
			path := name(strings.TrimPrefix(strings.TrimPrefix(head, "diff --cc "), "diff --combined "))
			p.header(File{Old: path, New: path, Kind: Modified})
		case strings.HasPrefix(head, "Index: "):
			p.flush()
			p.index = head[len("Index: "):]
		case strings.HasPrefix(line, "--- ") && strings.HasPrefix(p.peek(), "+++ "):
			f := File{Kind: Modified}
			p.names(&f, line, p.next(), false)
			p.hunks(&f)
			p.add(f)
		case strings.HasPrefix(line, "@@") && len(p.files) > 0:
			// The hunk before this one was cut short, and its rest was passed over.
			f := &p.files[len(p.files)-1]
			p.rest = at
			if p.hunks(f) == 0 {
				p.next()
			}
			f.Damaged = true
		case strings.HasPrefix(head, "Cannot display: file marked as a binary type.") && p.index != "":
			p.add(File{Old: p.index, New: p.index, Kind: Modified, Binary: true})
		case !p.git:
			p.between(head)
		}
	}
	p.flush()
}

// add appends a file and forgets the Index line that announced it. What only looks
// like a header names none.
func (p *parser) add(f File) {
	p.index = ""
	if f.Path() == "" {
		return
	}
	p.files = append(p.files, f)
}

// flush makes a file of an Index line that nothing came after: svn tells changes
// of properties alone so.
func (p *parser) flush() {
	if p.index != "" {
		p.add(File{Old: p.index, New: p.index, Kind: Modified})
	}
}

var (
	differ = regexp.MustCompile(`^(?:Binary files|Files) (.+) and (.+) differ$`)
	onlyIn = regexp.MustCompile(`^Only in (.+): ([^/]+)$`)
)

// between reads what diff -r says about files that it does not show.
func (p *parser) between(line string) {
	if m := differ.FindStringSubmatch(line); m != nil {
		p.add(File{Old: m[1], New: m[2], Kind: Modified, Binary: true})
	} else if m := onlyIn.FindStringSubmatch(line); m != nil && len(p.files) > 0 {
		// Which of the two folders it is in is not told. One that was seen before is.
		f := File{New: path.Join(m[1], m[2]), Kind: Added}
		for _, known := range p.files {
			if strings.HasPrefix(known.Old, strings.TrimSuffix(m[1], "/")+"/") {
				f = File{Old: f.New, Kind: Deleted}
				break
			}
		}
		p.add(f)
	}
}

// header reads the rest of a file of git's: extended headers, names, hunks.
func (p *parser) header(f File) {
	renamed := Modified
	for p.rest != "" {
		line := strings.TrimSuffix(p.peek(), "\r")
		word, value, _ := strings.Cut(line, " ")
		switch {
		case word == "index", word == "similarity", word == "dissimilarity":
		case strings.HasPrefix(line, "old mode "):
			f.OldMode = value[len("mode "):]
		case strings.HasPrefix(line, "new mode "):
			f.NewMode = value[len("mode "):]
		case strings.HasPrefix(line, "mode "):
			f.OldMode, f.NewMode, _ = strings.Cut(value, "..")
			f.OldMode, _, _ = strings.Cut(f.OldMode, ",")
		case strings.HasPrefix(line, "deleted file mode "):
			f.Kind, f.OldMode = Deleted, value[len("file mode "):]
		case strings.HasPrefix(line, "new file mode "):
			f.Kind, f.NewMode = Added, value[len("file mode "):]
		case strings.HasPrefix(line, "rename from "), strings.HasPrefix(line, "copy from "):
			f.Old = name(value[len("from "):])
		case strings.HasPrefix(line, "rename to "):
			f.New = name(value[len("to "):])
			renamed = Renamed
		case strings.HasPrefix(line, "copy to "):
			f.New = name(value[len("to "):])
			renamed = Copied
		default:
			p.body(&f, renamed)
			return
		}
		p.next()
	}
	p.body(&f, renamed)
}

// body reads what comes after the extended headers.
func (p *parser) body(f *File, renamed Kind) {
	if f.Kind == Modified {
		f.Kind = renamed
	}
	line := p.peek()
	switch head := strings.TrimSuffix(line, "\r"); {
	case head == "GIT binary patch", strings.HasPrefix(head, "Binary files ") && strings.HasSuffix(head, " differ"):
		p.next()
		f.Binary = true
	case strings.HasPrefix(line, "--- "):
		p.next()
		if strings.HasPrefix(p.peek(), "+++ ") {
			p.names(f, line, p.next(), true)
			p.hunks(f)
		}
	}
	switch f.Kind {
	case Added:
		f.Old = ""
	case Deleted:
		f.New = ""
	default: // a header may lack one of the two
		f.Old, f.New = cmp.Or(f.Old, f.New), cmp.Or(f.New, f.Old)
	}
	p.add(*f)
}

// names reads the lines --- and +++. In a file that git has a header for, they
// only tell what is not there, unless the header could not be read.
func (p *parser) names(f *File, from, to string, header bool) {
	p.crlf = strings.HasSuffix(from, "\r")
	old, gone := fileName(from[len("--- "):])
	new, deleted := fileName(to[len("+++ "):])
	if !header || f.Path() == "" {
		f.Old, f.New = stripPair(old, new, gone, deleted)
	}
	switch {
	case gone && deleted: // nothing becomes nothing: keep what the header says
	case gone:
		f.Kind, f.Old = Added, ""
	case deleted:
		f.Kind, f.New = Deleted, ""
	}
}

// hunks reads hunks of a file, and gives their number.
func (p *parser) hunks(f *File) int {
	n := len(f.Hunks)
	for strings.HasPrefix(p.peek(), "@@") {
		h, parents, ok := hunkHeader(strings.TrimSuffix(p.peek(), "\r"))
		if !ok {
			break
		}
		p.next()
		r := hunkReader{hunk: h, parents: parents, crlf: p.crlf}
		whole := r.read(&p.lines)
		f.Damaged = f.Damaged || !whole
		f.Binary = f.Binary || r.binary
		f.Hunks = append(f.Hunks, r.hunk)
	}
	return len(f.Hunks) - n
}

var (
	normal  = regexp.MustCompile(`(?m)^\d+(,\d+)?[acd]\d+(,\d+)?\r?\n(<|>) `)
	context = regexp.MustCompile(`(?m)^\*{15}.*\n\*\*\* \d`)
)

// foreign is the form of a diff that is not unified, "" if it is none.
func foreign(text string) string {
	switch {
	case context.MatchString(text):
		return "context"
	case normal.MatchString(text):
		return "plain"
	}
	return ""
}
