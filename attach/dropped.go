package attach

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxDropped is the longest text that can be paths, in bytes.
const maxDropped = 1 << 16

// Dropped returns what a pasted text can mean as the paths of files that were dropped on a
// terminal: a list of paths for each way in which terminals write them, the likeliest first.
// The paths are absolute, or begin with ~/ or ./. The caller takes the first list whose files
// all exist.
//
// Terminals separate paths by spaces or newlines. They escape characters with backslashes,
// quote with ' or ", write file: URLs, or write the path as it is.
func Dropped(text string) [][]string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r", "\n"))
	if text == "" || len(text) > maxDropped || strings.Contains(text, "\x00") {
		return nil
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	var words, parts []string
	closed := true
	for _, line := range lines {
		list, ok := shellWords(line)
		words, closed = append(words, list...), closed && ok
		parts = append(parts, strings.Split(strings.ReplaceAll(line, " /", "\x00/"), "\x00")...)
	}
	if !closed {
		words = nil // an apostrophe in a name, not a quote
	}
	var all [][]string
	for _, list := range [][]string{words, lines, parts} {
		if paths, ok := droppedPaths(list); ok {
			all = append(all, paths)
		}
	}
	return all
}

// Existing returns the first list of [Dropped] whose paths all exist, as absolute paths; nil if
// there is none. ./ is in folder, and ~/ in home.
func Existing(lists [][]string, folder, home string) []string {
	for _, list := range lists {
		full := make([]string, 0, len(list))
		for _, path := range list {
			if rest, ok := strings.CutPrefix(path, "~/"); ok {
				path = filepath.Join(home, rest)
			} else if !filepath.IsAbs(path) {
				path = filepath.Join(folder, path)
			}
			if _, err := os.Stat(path); err != nil {
				break
			}
			full = append(full, path)
		}
		if len(full) == len(list) {
			return full
		}
	}
	return nil
}

// droppedPaths returns a list of paths and file: URLs as paths; false if one is neither.
func droppedPaths(list []string) ([]string, bool) {
	var paths []string
	for _, path := range list {
		path = strings.TrimSpace(path)
		if path == "" {
			continue
		}
		if u, err := url.Parse(path); err == nil && u.Scheme == "file" {
			path = u.Path
		}
		if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") && !strings.HasPrefix(path, "./") {
			return nil, false
		}
		paths = append(paths, path)
	}
	return paths, len(paths) > 0
}

// shellWords splits a line as a shell does, without expanding anything. It returns false if a
// quote is not closed.
func shellWords(line string) ([]string, bool) {
	var words []string
	var word strings.Builder
	var quote byte // 0: none
	begun := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote == '\'' && c == '\'', quote == '"' && c == '"':
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line) && (quote == 0 || strings.IndexByte("\"\\$`", line[i+1]) >= 0):
			i++
			begun = true
			word.WriteByte(line[i])
		case quote == '"':
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t':
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			begun = true
			word.WriteByte(c)
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words, quote == 0
}
