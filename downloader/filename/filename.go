// Package filename decides which names from a server may become files here.
//
// A list of files is foreign: what it calls ../../.bashrc, aux.txt or a:b
// must do no harm, on the machine that reads it or on another one that the files are
// brought to. So the rules are those of all systems together.
package filename

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxSegment = 240  // bytes; 255 of most file systems, less what a download puts at the end
	maxPath    = 1024 // bytes, of macOS
)

// device are the names that Windows takes for devices, whatever follows a dot.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³])$`)

// Check reports whether a path, with slashes between its segments, may be made below a
// folder. The error is of kind Refused.
func Check(path string) error {
	if why := wrong(path); why != "" {
		return refuse(fmt.Sprintf("the server names a file %.100q, which %s", path, why))
	}
	return nil
}

// CheckAll is [Check] for paths in one folder, where also no two of them may meet: on a
// file system that takes upper and lower case for the same, or the two ways of writing é.
func CheckAll(paths []string) error {
	folded := map[string]string{}
	for _, p := range paths {
		if err := Check(p); err != nil {
			return err
		}
		key := fold(p)
		if other, ok := folded[key]; ok {
			return refuse(fmt.Sprintf("the server names two files %.100q and %.100q, which are one on some systems", other, p))
		}
		folded[key] = p
	}
	for key, p := range folded {
		for i, c := range key {
			if other, ok := folded[key[:i]]; ok && c == '/' {
				return refuse(fmt.Sprintf("the server names %.100q a file, and a folder with %.100q in it", other, p))
			}
		}
	}
	return nil
}

func refuse(what string) error {
	return &fault.Error{Kind: fault.Refused, Msg: what, Advice: "Nothing was fetched: do not trust what is there."}
}

// fold makes those names equal that a file system may take for the same.
func fold(path string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(path))) }

// wrong is a clause about what a path must not be, "" when it may be.
func wrong(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("has more than %d bytes", maxPath)
	case !utf8.ValidString(path):
		return "is no text"
	}
	for _, c := range path {
		switch {
		case unicode.IsControl(c):
			return "has control characters"
		case unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029':
			return "has characters that change how it looks"
		case strings.ContainsRune(`\:*?"<>|`, c):
			return fmt.Sprintf("has a %q", c)
		}
	}
	if plain, err := url.PathUnescape(path); err == nil && plain != path {
		return "is another name when it is read as an address"
	}
	for segment := range strings.SplitSeq(path, "/") {
		if why := wrongSegment(segment); why != "" {
			return why
		}
	}
	if strings.HasPrefix(path, ".cache/") || strings.HasSuffix(path, ".part") || strings.HasSuffix(path, ".journal") {
		return "is a name that a download needs for itself"
	}
	return ""
}

func wrongSegment(s string) string {
	stem, _, _ := strings.Cut(s, ".")
	switch {
	case s == "":
		return "does not begin and end with a name, or has nothing between slashes"
	case s == "." || s == "..":
		return "leads out of its folder"
	case len(s) > maxSegment:
		return fmt.Sprintf("has a name of more than %d bytes in it", maxSegment)
	case strings.HasSuffix(s, " ") || strings.HasSuffix(s, "."):
		return "has a name in it that ends with a space or a dot"
	case device.MatchString(strings.TrimRight(stem, " ")):
		return "is a device on Windows"
	}
	return ""
}
