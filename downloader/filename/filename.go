// Package filename checks names of files from a server.
//
// Names such as ../../.bashrc, aux.txt or a:b must do no harm, on this machine or on one
// that the files are copied to. So the rules of all systems apply.
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
	maxSegment = 240  // bytes; most file systems allow 255, and a download adds a suffix
	maxPath    = 1024 // bytes, of macOS
)

// device matches the names of devices on Windows, which apply with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³])$`)

// Check checks a path, with slashes between its segments. The error is of kind Refused.
func Check(path string) error {
	if why := problem(path); why != "" {
		return refuse(fmt.Sprintf("invalid file name %.100q from the server: it %s", path, why))
	}
	return nil
}

// CheckAll checks the paths of one folder. Two paths must not be the same file where case or
// Unicode normalization does not matter.
func CheckAll(paths []string) error {
	folded := map[string]string{}
	for _, p := range paths {
		if err := Check(p); err != nil {
			return err
		}
		key := fold(p)
		if other, ok := folded[key]; ok {
			return refuse(fmt.Sprintf("invalid file names from the server: %.100q and %.100q are the same file on some systems", other, p))
		}
		folded[key] = p
	}
	for key, p := range folded {
		for i, c := range key {
			if other, ok := folded[key[:i]]; ok && c == '/' {
				return refuse(fmt.Sprintf("invalid file names from the server: %.100q is a file and the folder of %.100q", other, p))
			}
		}
	}
	return nil
}

func refuse(what string) error {
	return &fault.Error{Kind: fault.Refused, Msg: what, Advice: "Nothing was downloaded. Do not trust this source."}
}

// fold makes names equal that are the same on some file systems.
func fold(path string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(path))) }

// problem describes what is wrong with a path, "" if it is valid.
func problem(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("has more than %d bytes", maxPath)
	case !utf8.ValidString(path):
		return "is not valid UTF-8"
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
		return "is a different name as a URL"
	}
	for segment := range strings.SplitSeq(path, "/") {
		if why := segmentProblem(segment); why != "" {
			return why
		}
	}
	if strings.HasPrefix(path, ".cache/") || strings.HasSuffix(path, ".part") || strings.HasSuffix(path, ".journal") {
		return "is reserved for downloads"
	}
	return ""
}

func segmentProblem(s string) string {
	stem, _, _ := strings.Cut(s, ".")
	switch {
	case s == "":
		return "has an empty part"
	case s == "." || s == "..":
		return "leaves its folder"
	case len(s) > maxSegment:
		return fmt.Sprintf("has a part of more than %d bytes", maxSegment)
	case strings.HasSuffix(s, " ") || strings.HasSuffix(s, "."):
		return "has a part that ends with a space or a dot"
	case device.MatchString(strings.TrimRight(stem, " ")):
		return "is a device on Windows"
	}
	return ""
}
