package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Fetch brings a file to dest, a path whose folder exists.
//
// Meanwhile its bytes lie beside it in dest.part, and what is known of them in
// dest.journal; after whatever end, the next Fetch goes on from there. A file that
// is at dest already stays if its hash is right, and is an error of kind [Local]
// otherwise. When Fetch returns nil, dest has its size and, where one is known, its
// hash.
func (c *Client) Fetch(ctx context.Context, f File, dest string, p *Progress) (Result, error) {
	s := p.begin(f)
	loc, err := f.Locate(ctx)
	if err != nil {
		return Result{}, err
	}
	req := (&http.Request{Method: http.MethodGet, URL: loc.URL, Header: loc.Header.Clone()}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	resp, err := c.Do(context.WithValue(ctx, trailKey{}, loc.trail), req)
	if err != nil {
		return Result{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Result{}, StatusError(resp)
	}
	defer resp.Body.Close()
	part, err := os.Create(dest + ".part")
	if err != nil {
		return Result{}, err
	}
	s.phase(Downloading)
	d := newDigest(f.Hash, f.Size)
	n, err := io.Copy(io.MultiWriter(part, d), resp.Body)
	err = errors.Join(err, part.Sync(), part.Close())
	if err != nil {
		return Result{}, err
	}
	if f.Size >= 0 && n != f.Size || !d.ok() {
		return Result{}, &Error{Kind: Damaged, Msg: fmt.Sprintf("fetch %s: its bytes are not the right ones", f.Name)}
	}
	if err := os.Rename(dest+".part", dest); err != nil {
		return Result{}, err
	}
	s.phase(Finished)
	return Result{Size: n, SHA256: d.sha256(), Verified: f.Hash != "", Fetched: n}, nil
}
