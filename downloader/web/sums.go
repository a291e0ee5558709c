package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/bise-sh/bise/downloader"
)

const maxSums = 1 << 20 // bytes

// findHash looks for the hash of a file in file.sha256 and SHA256SUMS beside it. A missing list
// is not an error.
func findHash(ctx context.Context, c *downloader.Client, u *url.URL, header http.Header) (downloader.Hash, string, error) {
	base := path.Base(u.Path)
	for _, beside := range []string{base + ".sha256", "SHA256SUMS"} {
		at := *u
		at.RawQuery, at.RawPath, at.Path = "", "", path.Join(path.Dir(u.Path), beside)
		f := downloader.File{Name: beside, Size: -1, Locate: downloader.At(&at, header)}
		data, err := c.Read(ctx, f, maxSums)
		if ctx.Err() != nil {
			return "", "", fmt.Errorf("open %s: %w", downloader.DisplayURL(u), err)
		}
		if err != nil {
			continue
		}
		if hash := parseSums(data, base, beside != "SHA256SUMS"); hash != "" {
			return hash, beside, nil
		}
	}
	return "", "", nil
}

// parseSums finds the hash of a file in a list of sha256sum: a hash, a space, a space or an
// asterisk, and a name; or of BSD: SHA256 (name) = hash. If the list is of one file, it may
// have only a hash.
func parseSums(list []byte, base string, alone bool) downloader.Hash {
	lines := bufio.NewScanner(bytes.NewReader(list))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		digits, rest, _ := strings.Cut(line, " ")
		file := strings.TrimPrefix(strings.TrimSpace(rest), "*")
		if bsd, ok := strings.CutPrefix(line, "SHA256 ("); ok {
			file, digits, _ = strings.Cut(bsd, ") = ")
		}
		if path.Base(file) != base && (!alone || file != "") {
			continue
		}
		if hash, err := downloader.SHA256(digits); err == nil {
			return hash
		}
	}
	return ""
}
