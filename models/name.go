package models

import (
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/caches"
)

// validName matches names and tags, which are names of folders on every system.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,94}[a-z0-9_-])?$`)

// reservedName matches the names of devices on Windows, with any extension:
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
var reservedName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)`)

// ValidName reports whether a text can be the name or the tag of a model in the
// store: lower-case letters, digits, dots, dashes and underscores.
func ValidName(s string) bool {
	return validName.MatchString(s) && !strings.Contains(s, "..") && !reservedName.MatchString(s)
}

// validFile reports whether a text can be the name of a file in a model's folder
// on every system.
func validFile(s string) bool {
	if s == "" || len(s) > 255 || !utf8.ValidString(s) || strings.EqualFold(s, manifestName) || reservedName.MatchString(s) {
		return false
	}
	if strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || strings.ContainsRune(`/\:*?"<>|`, r)
	})
}

// NameOf derives a name and a tag from the name of a file or a repository:
// Mistral-7B-v0.3.Q4_K_M.gguf is mistral-7b-v0.3 and q4_k_m. Either may be empty.
func NameOf(file string) (name, tag string) {
	stem, _, _, _ := caches.Stem(filepath.Base(file))
	if i := strings.LastIndexAny(stem, ".-_"); i > 0 {
		// Types contain underscores, so try the longest suffix first.
		for at := range i + 1 {
			if !strings.ContainsRune(".-_", rune(stem[at])) {
				continue
			}
			if t, ok := gguf.ParseFileType(stem[at+1:]); ok {
				stem, tag = stem[:at], strings.ToLower(t.String())
				break
			}
		}
	}
	for _, end := range []string{"-gguf", ".gguf", "_gguf"} {
		if n := len(stem) - len(end); n > 0 && strings.EqualFold(stem[n:], end) {
			stem = stem[:n]
		}
	}
	name = strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); {
		case r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)), r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, stem)
	for _, twice := range []string{"..", "--"} {
		for strings.Contains(name, twice) {
			name = strings.ReplaceAll(name, twice, twice[:1])
		}
	}
	name = strings.Trim(name[:min(len(name), 96)], ".-_")
	if !ValidName(name) {
		name = ""
	}
	return name, tag
}
