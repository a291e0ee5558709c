// Package web finds files of plain web servers, which know nothing of models.
//
// Such a server may not say how long a file is, or what its bytes come to. What can be
// known is found out: by asking for the first byte, and by looking for the sums that
// people put beside what they publish.
package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/filename"
	"github.com/bise-sh/bise/fault"
)

// A Found is a file that can be fetched. Its Name may be that of a file here.
type Found struct {
	downloader.File
	// Sums is the name of the file beside it that its hash is from, "" when the hash was
	// given or is not known. It is from the same server: it tells of damage on the way,
	// and nothing of who made it.
	Sums string
}

// Open finds the file at an address, and where its name is that of a part of a split
// GGUF, all parts in order. The hash is the one that its bytes must have, "" when that
// is not known; there is none for several parts.
func Open(ctx context.Context, c *downloader.Client, address string, want downloader.Hash) ([]Found, error) {
	u, header, err := parse(address)
	if err != nil {
		return nil, err
	}
	parts, err := parts(u)
	if err != nil {
		return nil, err
	}
	if want != "" && len(parts) > 1 {
		return nil, &fault.Error{
			Kind: fault.Refused, Msg: fmt.Sprintf("open %s: a hash was given, and it is of %d parts", plain(u), len(parts)),
			Advice: "Leave the hash out.",
		}
	}
	var list []Found
	var names []string
	for _, at := range parts {
		f, err := open(ctx, c, at, header, want)
		if err != nil {
			return nil, err
		}
		if len(parts) > 1 {
			f.Name = path.Base(at.Path) // llama.cpp finds the others by it
		}
		list, names = append(list, f), append(names, f.Name)
	}
	if err := filename.CheckAll(names); err != nil {
		return nil, fmt.Errorf("open %s: %w", plain(u), err)
	}
	return list, nil
}

// parse reads an address. A user and password in it become a header, and are shown
// nowhere.
func parse(address string) (*url.URL, http.Header, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return nil, nil, &fault.Error{
			Kind: fault.Refused, Msg: "open the URL: it is not an http or https URL",
			Advice: "Write one such as https://example.org/model.gguf.",
		}
	}
	u.Fragment, u.RawFragment = "", ""
	header := http.Header{}
	if u.User != nil {
		password, _ := u.User.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	return u, header, nil
}

// plain is an address as it can be shown: queries may hold signatures.
func plain(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// partName is how llama.cpp names the parts of a model.
var partName = regexp.MustCompile(`^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$`)

const maxParts = 1000

// parts are the addresses of all parts of the file at an address, which may be any of
// them; only itself when it is not a part.
func parts(u *url.URL) ([]*url.URL, error) {
	m := partName.FindStringSubmatch(u.Path)
	if m == nil {
		return []*url.URL{u}, nil
	}
	count, _ := strconv.Atoi(m[4]) // five digits
	if no, _ := strconv.Atoi(m[2]); no < 1 || no > count || count > maxParts {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("open %s: it is part %s of %s", plain(u), m[2], m[4]), Advice: "Check the address."}
	}
	var list []*url.URL
	for no := range count {
		at := *u
		at.Path = fmt.Sprintf("%s%05d%s%s%s", m[1], no+1, m[3], m[4], m[5])
		at.RawPath = "" // an escape that needs to stay is made again from Path
		list = append(list, &at)
	}
	return list, nil
}

// open finds out about one file.
func open(ctx context.Context, c *downloader.Client, u *url.URL, header http.Header, want downloader.Hash) (Found, error) {
	req := &http.Request{Method: http.MethodGet, URL: u, Header: header.Clone()}
	// HEAD is refused by some servers, and others answer it with another length.
	req.Header.Set("Range", "bytes=0-0")
	resp, err := c.Do(ctx, req)
	if err != nil {
		return Found{}, fmt.Errorf("open %s: %w", plain(u), err)
	}
	size, err := sizeOf(resp)
	if err != nil {
		return Found{}, fmt.Errorf("open %s: %w", plain(u), err)
	}
	resp.Body.Close()
	f := Found{File: downloader.File{Name: name(resp, u), Size: size, Hash: want, Locate: downloader.At(u, header)}}
	if err := filename.Check(f.Name); err != nil {
		return Found{}, fmt.Errorf("open %s: %w", plain(u), err)
	}
	if want == "" {
		f.Hash, f.Sums, err = sums(ctx, c, u, header)
	}
	return f, err
}

// sizeOf reads how long a file is from the answer to a request for its first byte, −1
// when it does not tell. Of an error the body is closed.
func sizeOf(resp *http.Response) (int64, error) {
	total, known := total(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if known {
			return total, nil
		}
		return -1, nil
	case http.StatusRequestedRangeNotSatisfiable: // an empty file has no first byte
		if known && total == 0 {
			return 0, nil
		}
	case http.StatusOK:
		if err := downloader.LoginPage(resp); err != nil {
			resp.Body.Close()
			return 0, err
		}
		return resp.ContentLength, nil
	}
	return 0, downloader.ResponseError(resp)
}

// total reads the length of the whole from a Content-Range: RFC 9110, 14.4.
func total(header string) (n int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	_, text, slash := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, strings.EqualFold(unit, "bytes") && slash && err == nil && n >= 0
}

// name is what a file is called: by its server, or else by its address.
func name(resp *http.Response, u *url.URL) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	if base := path.Base(u.Path); base != "." && base != "/" {
		return base
	}
	return u.Hostname()
}
