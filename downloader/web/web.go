// Package web finds files on plain web servers.
//
// A request for the first byte shows the size of a file. Its hash may be in a list of
// checksums beside it.
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

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/filename"
	"github.com/bise-sh/bise/fault"
)

// A Found is a file to download. Its Name is a valid file name.
type Found struct {
	downloader.File
	// Sums is the name of the list with its hash, or "". The list is from the same server,
	// so it protects against damage only.
	Sums string
}

// Open finds the file at a URL, or all parts in order if it is a part of a split GGUF. The hash
// is the expected one, or "". Several parts cannot have one.
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
		return nil, fault.Advise(fault.Errorf(fault.Refused, "open %s: the model has %d parts, and the hash is of one file", downloader.DisplayURL(u), len(parts)),
			"Omit the hash.")
	}
	var list []Found
	var names []string
	for _, at := range parts {
		f, err := open(ctx, c, at, header, want)
		if err != nil {
			return nil, err
		}
		if len(parts) > 1 {
			f.Name = path.Base(at.Path) // llama.cpp derives the other names from it
		}
		list, names = append(list, f), append(names, f.Name)
	}
	if err := filename.CheckAll(names); err != nil {
		return nil, fmt.Errorf("open %s: %w", downloader.DisplayURL(u), err)
	}
	return list, nil
}

// parse parses a URL. It moves user and password to a header, so that they are never shown.
func parse(address string) (*url.URL, http.Header, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return nil, nil, &fault.Error{
			Kind: fault.Refused, Msg: "invalid URL: want http:// or https://",
			Advice: "Use a URL such as https://example.org/model.gguf.",
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

// partName matches llama.cpp's names of the parts of a model.
var partName = regexp.MustCompile(`^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$`)

const maxParts = 1000

// parts lists the URLs of all parts of a split file, or only u.
func parts(u *url.URL) ([]*url.URL, error) {
	m := partName.FindStringSubmatch(u.Path)
	if m == nil {
		return []*url.URL{u}, nil
	}
	count, _ := strconv.Atoi(m[4]) // five digits
	if no, _ := strconv.Atoi(m[2]); no < 1 || no > count || count > maxParts {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("open %s: it is part %s of %s", downloader.DisplayURL(u), m[2], m[4]), Advice: "Check the URL."}
	}
	var list []*url.URL
	for no := range count {
		at := *u
		at.Path = fmt.Sprintf("%s%05d%s%s%s", m[1], no+1, m[3], m[4], m[5])
		at.RawPath = "" // String escapes Path again
		list = append(list, &at)
	}
	return list, nil
}

// open makes a request to find the size and the name of a file.
func open(ctx context.Context, c *downloader.Client, u *url.URL, header http.Header, want downloader.Hash) (Found, error) {
	req := &http.Request{Method: http.MethodGet, URL: u, Header: header.Clone()}
	// Some servers refuse HEAD, and others respond with a wrong length.
	req.Header.Set("Range", "bytes=0-0")
	resp, err := c.Do(ctx, req)
	if err != nil {
		return Found{}, fmt.Errorf("open %s: %w", downloader.DisplayURL(u), err)
	}
	size, err := sizeOf(resp)
	if err != nil {
		return Found{}, fmt.Errorf("open %s: %w", downloader.DisplayURL(u), err)
	}
	resp.Body.Close()
	f := Found{File: downloader.File{Name: name(resp, u), Size: size, Hash: want, Locate: downloader.At(u, header)}}
	if err := filename.Check(f.Name); err != nil {
		return Found{}, fmt.Errorf("open %s: %w", downloader.DisplayURL(u), err)
	}
	if want == "" {
		f.Hash, f.Sums, err = findHash(ctx, c, u, header)
	}
	return f, err
}

// sizeOf returns the size of a file from the response to a request for its first byte, −1
// if unknown. It closes the body after an error.
func sizeOf(resp *http.Response) (int64, error) {
	_, _, total, known := downloader.ContentRange(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if !known {
			total = -1
		}
		return total, nil
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

// name is the file name from the server, or else from the URL.
func name(resp *http.Response, u *url.URL) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	if base := path.Base(u.Path); base != "." && base != "/" {
		return base
	}
	return u.Hostname()
}
