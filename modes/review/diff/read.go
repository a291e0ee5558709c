package diff

import (
	"cmp"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
)

var errNone = errors.New("no diff found")

// Parse parses all diffs in a text, in order. A file that is changed twice, as in a
// series of mails, is returned twice. A blank text has no files; any other text without
// a unified diff is an error. The lines share the memory of the text.
func Parse(text string) ([]File, error) {
	text = decodeMails(text)
	files, plain := parseColoured(text)
	hunks := false
	for _, f := range files {
		hunks = hunks || len(f.Hunks) > 0
	}
	format := ""
	switch {
	case isWordDiff(text, plain, files):
		format = "word"
	case len(files) == 0 && strings.TrimSpace(text) != "":
		if format = otherFormat(text); format == "" {
			return nil, errNone
		}
	case !hunks && onlyBrief(plain, files):
		format = "brief"
	}
	if format != "" {
		return nil, &fault.Error{Kind: fault.Usage, Msg: "unsupported diff format " + format + ": want unified", Advice: "Make a unified diff with diff -u or git diff."}
	}
	return files, nil
}

// parse parses all diffs in a text.
func parse(text string) []File {
	p := parser{lines: lines{rest: text}}
	p.run()
	return p.files
}

// lines iterates over the lines of a text, with one line of lookahead.
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

// cutLine splits a text after its first line. ended is false if it has no newline.
func cutLine(s string) (line, rest string, ended bool) { return strings.Cut(s, "\n") }

type parser struct {
	lines
	files []File
	git   bool // a git header was found: text between files is not output of diff -r
	// crlf reports that the headers of the file end in CRLF. Then a conversion added a
	// carriage return to every line.
	crlf  bool
	index string // the path of svn's last Index line, if no file followed yet
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
			p.header(gitHeader{file: gitFile(head[len("diff --git "):]), renamed: Modified})
		case strings.HasPrefix(head, "diff --cc "), strings.HasPrefix(head, "diff --combined "):
			p.flush()
			p.git = true
			path := name(strings.TrimPrefix(strings.TrimPrefix(head, "diff --cc "), "diff --combined "))
			p.header(gitHeader{file: File{Old: path, New: path, Kind: Modified}, renamed: Modified, combined: true})
		case strings.HasPrefix(head, "Index: "):
			p.flush()
			p.index = head[len("Index: "):]
		case strings.HasPrefix(line, "--- ") && strings.HasPrefix(p.peek(), "+++ "):
			f := File{Kind: Modified}
			p.names(&f, line, p.next(), false)
			f.Damaged = p.hunks(&f) == 0 && !p.properties() || f.Damaged
			p.add(f)
		case p.index != "" && (isBody(line) || strings.HasPrefix(line, "--- ")):
			p.add(File{Old: p.index, New: p.index, Kind: Modified, Damaged: true})
			p.rest = at // it may be a hunk of this file
		case strings.HasPrefix(line, "@@") && len(p.files) > 0:
			// The previous hunk was truncated, and the rest of it was skipped, or this
			// header is invalid.
			f := &p.files[len(p.files)-1]
			p.rest = at
			if p.hunks(f) == 0 {
				p.next()
			}
			f.Damaged = true
		case strings.HasPrefix(head, svnBinary) && p.index != "":
			p.add(File{Old: p.index, New: p.index, Kind: Modified, Binary: true})
		case p.index != "" && strings.HasPrefix(p.peek(), propertyRule):
			p.flush() // the lines of its properties follow
		case !p.git:
			p.between(head)
		}
	}
	p.flush()
}

// add appends a file and clears the Index line. Text that only looks like a header has
// no path and is skipped.
func (p *parser) add(f File) {
	p.index = ""
	if f.Path() == "" {
		return
	}
	p.files = append(p.files, f)
}

// flush adds a file for an Index line without a diff: svn writes that for a change of
// properties only.
func (p *parser) flush() {
	if p.index != "" {
		p.add(File{Old: p.index, New: p.index, Kind: Modified})
	}
}

// svnBinary is svn's message in place of a binary change.
const svnBinary = "Cannot display: file marked as a binary type."

// propertyRule is the beginning of the line after the title of svn's changes of
// properties. The title is in the user's language.
const propertyRule = "________"

// properties reports whether changes of properties follow, after blank lines. Then svn
// writes names without hunks.
func (p *parser) properties() bool {
	_, rest, _ := cutLine(strings.TrimLeft(p.rest, "\r\n"))
	return strings.HasPrefix(rest, propertyRule)
}

var (
	differ = regexp.MustCompile(`^(?:Binary files|Files) (.+) and (.+) differ$`)
	binary = regexp.MustCompile(`^Binary file (.+) has changed$`) // Mercurial's
	onlyIn = regexp.MustCompile(`^Only in (.+): ([^/]+)$`)
)

// between parses the messages of diff -r about files without a text diff.
func (p *parser) between(line string) {
	if m := differ.FindStringSubmatch(line); m != nil {
		p.add(File{Old: m[1], New: m[2], Kind: Modified, Binary: true})
	} else if m := binary.FindStringSubmatch(line); m != nil {
		p.add(File{Old: m[1], New: m[1], Kind: Modified, Binary: true})
	} else if m := onlyIn.FindStringSubmatch(line); m != nil && len(p.files) > 0 {
		// The message does not say whether this is the old or the new folder. It is the
		// old one if an earlier file was in it.
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

// A gitHeader is the header of a git diff of one file.
type gitHeader struct {
	file     File
	renamed  Kind // Renamed, Copied or Modified
	combined bool // it is of a merge: there are no hunks if the result is that of a parent
	changed  bool // the contents before and after differ
}

// header parses the rest of a git diff of one file: extended headers, names, hunks.
func (p *parser) header(h gitHeader) {
	f := &h.file
	for p.rest != "" {
		line := strings.TrimSuffix(p.peek(), "\r")
		word, value, _ := strings.Cut(line, " ")
		switch {
		case word == "index":
			h.changed = h.changed || contentsDiffer(value, f.Kind)
		case word == "similarity", word == "dissimilarity":
			h.changed = h.changed || value != "index 100%"
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
			h.renamed = Renamed
		case strings.HasPrefix(line, "copy to "):
			f.New = name(value[len("to "):])
			h.renamed = Copied
		default:
			p.body(&h)
			return
		}
		p.next()
	}
	p.body(&h)
}

// emptyBlobs are the hashes of an empty file in git, as SHA-1 and as SHA-256.
var emptyBlobs = []string{"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"}

// contentsDiffer reports whether the hashes of an index line are those of a change that
// has text: the contents differ, and it does not add an empty file.
func contentsDiffer(value string, kind Kind) bool {
	hashes, _, _ := strings.Cut(value, " ")
	before, after, _ := strings.Cut(hashes, "..")
	isEmpty := func(blob string) bool { return len(after) >= 4 && strings.HasPrefix(blob, after) }
	return before != after && !(kind == Added && slices.ContainsFunc(emptyBlobs, isEmpty))
}

// lacksText reports whether a change without text is incomplete: nothing in the header
// explains why there is none.
func (h *gitHeader) lacksText() bool {
	switch f := &h.file; {
	case h.combined, f.Kind == Deleted: // git diff --irreversible-delete omits the text
		return false
	case f.Kind == Modified && (f.OldMode == "" || f.NewMode == ""):
		return true
	}
	return h.changed
}

// body parses the text after the extended headers.
func (p *parser) body(h *gitHeader) {
	f := &h.file
	if f.Kind == Modified {
		f.Kind = h.renamed
	}
	line := p.peek()
	switch head := strings.TrimSuffix(line, "\r"); {
	case head == "GIT binary patch", strings.HasPrefix(head, "Binary files ") && strings.HasSuffix(head, " differ"),
		binary.MatchString(head), strings.HasPrefix(head, svnBinary):
		p.next()
		f.Binary = true
	case strings.HasPrefix(line, "--- "):
		p.next()
		if !strings.HasPrefix(p.peek(), "+++ ") {
			f.Damaged = true
			break
		}
		p.names(f, line, p.next(), true)
		f.Damaged = p.hunks(f) == 0 && !h.combined && !p.properties() || f.Damaged
	default:
		f.Damaged = h.lacksText()
	}
	f.Damaged = f.Damaged || isBody(p.peek())
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

// names parses the --- and +++ lines. After a valid git header, they only indicate
// whether the old or the new file does not exist.
func (p *parser) names(f *File, from, to string, header bool) {
	p.crlf = strings.HasSuffix(from, "\r")
	old, gone := fileName(from[len("--- "):])
	new, deleted := fileName(to[len("+++ "):])
	if !header || f.Path() == "" {
		f.Old, f.New = stripPair(old, new, gone, deleted)
	}
	switch {
	case gone && deleted: // contradictory: keep the header's paths
	case gone:
		f.Kind, f.Old = Added, ""
	case deleted:
		f.Kind, f.New = Deleted, ""
	}
}

// hunks parses the hunks of a file and returns their number.
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
		f.Damaged = f.Damaged || !whole || f.Kind == Deleted && r.hunk.New.Count > 0
		f.Hunks = append(f.Hunks, r.hunk)
	}
	return len(f.Hunks) - n
}
