package code

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
)

// A layout is how a file is indented, where the file or its project says so.
type layout struct {
	tab    int    // columns of a tab; 0: not said
	indent string // one step of indentation; "": not said
}

const (
	maxEditorconfig = 64 << 10 // bytes
	maxTab          = 16       // columns
)

// layoutOf returns the layout of a file: that of its modeline, else that of the .editorconfig
// files in its folder and those above.
func layoutOf(path, text string) layout {
	said := map[string]string{}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		data, err := atomicfile.ReadFile(filepath.Join(dir, ".editorconfig"), maxEditorconfig)
		if err == nil {
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				break
			}
			pairs, root := editorconfig(string(data), filepath.ToSlash(rel))
			for key, value := range pairs {
				if _, ok := said[key]; !ok { // the nearest file counts
					said[key] = value
				}
			}
			if root {
				break
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	l := layout{tab: columns(said["tab_width"])}
	size := columns(said["indent_size"])
	switch {
	case l.tab == 0:
		l.tab = size
	case size == 0: // "tab", or not said
		size = l.tab
	}
	switch {
	case said["indent_style"] == "tab":
		l.indent = "\t"
	case said["indent_style"] == "space" && size > 0:
		l.indent = strings.Repeat(" ", size)
	}
	if n := modeline(text); n > 0 {
		l.tab = n
	}
	return l
}

// columns reads a width. It returns 0 for other values.
func columns(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxTab {
		return 0
	}
	return n
}

// editorconfig returns what a .editorconfig file says about a file below its folder, and whether
// it is the topmost one. Later sections count.
func editorconfig(text, rel string) (pairs map[string]string, root bool) {
	pairs = map[string]string{}
	section, applies := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			section, applies = true, matches(line[1:len(line)-1], rel)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.ToLower(strings.TrimSpace(value))
		switch {
		case !section:
			root = root || key == "root" && value == "true"
		case applies:
			pairs[key] = value
		}
	}
	return pairs, root
}

// matches reports whether a pattern of .editorconfig names a file. A pattern without a slash
// names files in all folders.
func matches(pattern, rel string) bool {
	var b strings.Builder
	b.WriteString("^")
	if !strings.Contains(pattern, "/") {
		b.WriteString("(.*/)?")
	}
	pattern = strings.TrimPrefix(pattern, "/")
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '{' && strings.Contains(pattern[i:], "}"):
			b.WriteString("(")
			depth++
		case c == '}' && depth > 0:
			b.WriteString(")")
			depth--
		case c == ',' && depth > 0:
			b.WriteString("|")
		case c == '[' && strings.IndexByte(pattern[i:], ']') > 1:
			end := i + strings.IndexByte(pattern[i:], ']')
			set := pattern[i+1 : end]
			b.WriteString("[")
			if set[0] == '!' {
				b.WriteString("^")
				set = set[1:]
			}
			b.WriteString(strings.NewReplacer(`\`, `\\`, "[", `\[`, "^", `\^`).Replace(set) + "]")
			i = end
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	expression, err := regexp.Compile(b.String() + "$")
	return err == nil && expression.MatchString(rel)
}

// modelines is how many lines at each end of a file can have a modeline.
const modelines = 5

var tabstop = regexp.MustCompile(`(?:^|\s)(?:(?:vim?|ex):.*?\b(?:ts|tabstop)=|-\*-.*\btab-width:\s*)(\d{1,2})\b`)

// modeline returns the width of tabs that a file sets for vim or Emacs, 0 if it sets none.
func modeline(text string) int {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i >= modelines && i < len(lines)-modelines-1 {
			continue
		}
		if m := tabstop.FindStringSubmatch(line); m != nil {
			return columns(m[1])
		}
	}
	return 0
}
