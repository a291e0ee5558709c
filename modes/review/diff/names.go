package diff

import (
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/render/term"
)

// name parses a path in git's format, which is quoted like a C string if the path has
// unusual bytes.
func name(s string) string {
	if path, rest, ok := unquote(s); ok && rest == "" {
		return path
	}
	return s
}

// Name returns a path as text: quoted as git does if it has characters that cannot be
// shown, is not UTF-8 or begins with a quote, and else as it is. Different paths have
// different names.
func Name(path string) string {
	if term.Clean(path) == path && !strings.ContainsAny(path, "\t\n") && !strings.HasPrefix(path, `"`) {
		return path
	}
	return quoteBytes(path, true)
}

// ParseName returns the path of a name, which may be quoted.
func ParseName(s string) string { return name(s) }

// unquote parses a quoted string at the start of s.
func unquote(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", s, false
			}
			if at := strings.IndexByte(escapes, s[i]); at >= 0 {
				b.WriteByte(escaped[at])
				continue
			}
			n, digits := 0, 0
			for ; digits < 3 && i+digits < len(s) && s[i+digits] >= '0' && s[i+digits] <= '7'; digits++ {
				n = n<<3 | int(s[i+digits]-'0')
			}
			if digits != 3 || n > 255 {
				return "", s, false
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return "", s, false
}

// The letters after a backslash, and the bytes that they mean.
const (
	escapes = `abtnvfr"\`
	escaped = "\a\b\t\n\v\f\r\"\\"
)

// quote formats a path as git does with core.quotePath off: it keeps UTF-8 bytes.
func quote(path string) string { return quoteBytes(path, false) }

// quoteBytes formats a path as git does. ascii also quotes bytes that are not ASCII.
func quoteBytes(path string, ascii bool) string {
	var b strings.Builder
	quoted := false
	for i := range len(path) {
		c := path[i]
		switch at := strings.IndexByte(escaped, c); {
		case at >= 0:
			b.WriteString(`\` + escapes[at:at+1])
			quoted = true
		case c < ' ' || c == 0x7f || ascii && c >= utf8.RuneSelf:
			b.WriteString(`\` + string([]byte{'0' + c>>6, '0' + c>>3&7, '0' + c&7}))
			quoted = true
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return `"` + b.String() + `"`
	}
	return path
}

// gitFile parses the two paths of "diff --git a/x b/x". Paths with spaces make the line
// ambiguous. It is resolved by the rule that both paths are the same: for a renamed
// file, later header lines have the paths.
func gitFile(s string) File {
	f := File{Kind: Modified}
	if old, rest, ok := unquote(s); ok {
		new := name(strings.TrimPrefix(rest, " "))
		f.Old, f.New = stripPair(old, new, false, false)
		return f
	}
	for i := range len(s) {
		if s[i] != ' ' {
			continue
		}
		old, new := s[:i], name(s[i+1:])
		if old == new { // diff.noprefix
			f.Old, f.New = old, new
			return f
		}
		_, oldTail, ok := strings.Cut(old, "/")
		_, newTail, ok2 := strings.Cut(new, "/")
		if ok && ok2 && oldTail == newTail {
			f.Old, f.New = oldTail, newTail
			return f
		}
	}
	return f
}

// fileName parses the path of a --- or +++ line. none reports that the file does not
// exist: /dev/null, or a note that diff -N or svn write after the path.
func fileName(s string) (path string, none bool) {
	s = strings.TrimSuffix(s, "\r")
	path, note, _ := strings.Cut(s, "\t")
	if quoted, rest, ok := unquote(s); ok {
		path, note = quoted, strings.TrimPrefix(rest, "\t")
	}
	switch {
	case path == "/dev/null", note == "(nonexistent)", note == "(revision 0)":
		none = true
	case strings.HasPrefix(note, "1970-01-01 ") && strings.Contains(note, ":00:00.000000000"),
		strings.HasPrefix(note, "1969-12-31 ") && strings.Contains(note, ":00:00.000000000"),
		strings.HasPrefix(note, "Thu Jan 01 00:00:00 1970"): // Mercurial's
		none = true
	}
	return strings.TrimRight(path, " "), none
}

// stripPair removes a/ and b/, or git's other prefixes, from the two paths.
func stripPair(old, new string, gone, deleted bool) (string, string) {
	prefixed := func(path string, letters string) bool {
		return len(path) > 2 && path[1] == '/' && strings.IndexByte(letters, path[0]) >= 0
	}
	if (gone || prefixed(old, "aiwco")) && (deleted || prefixed(new, "biwco")) && old[:min(2, len(old))] != new[:min(2, len(new))] {
		old, new = old[min(2, len(old)):], new[min(2, len(new)):]
	}
	if gone {
		old = new
	}
	if deleted {
		new = old
	}
	return old, new
}
