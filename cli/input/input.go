// Package input reads what a command line attaches to a request: files, standard
// input, the clipboard and URLs.
package input

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/attach/web"
	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// New returns what reads the attachments of a request.
func New(con *console.Console) *attach.Reader {
	return &attach.Reader{
		Stdin: con.Stdin, Getenv: os.Getenv,
		Fetch:    func(ctx context.Context, u *url.URL) ([]byte, error) { return fetch(ctx, con, u, false) },
		Note:     func(text string) { con.Notef("%s", text) },
		Progress: con.Progress,
	}
}

// WaitForStdin shows that stdin is read, until the progress line is erased.
func WaitForStdin(con *console.Console) {
	con.Waitf("reading standard input (end it with Ctrl-D, or use </dev/null)")
}

// PipedText reads text from stdin. If stdin is a terminal, ok is false.
func PipedText(ctx context.Context, con *console.Console, r *attach.Reader) (text string, ok bool, err error) {
	if !con.Piped() {
		return "", false, nil
	}
	WaitForStdin(con)
	defer con.Erase()
	text, err = r.Text(ctx, attach.Stdin)
	return text, true, err
}

// Files reads files and, if piped is set, the piped input: texts, images and documents.
// Blank input is not an attachment.
func Files(ctx context.Context, con *console.Console, r *attach.Reader, paths []string, piped bool) ([]attach.Attachment, error) {
	var attached []attach.Attachment
	for _, path := range paths {
		list, err := r.File(ctx, path, "")
		if err != nil {
			return nil, err
		}
		attached = append(attached, list...)
	}
	if !piped || !con.Piped() || slices.Contains(paths, attach.Stdin) {
		return attached, nil
	}
	WaitForStdin(con)
	defer con.Erase()
	list, err := r.File(ctx, attach.Stdin, "")
	for _, a := range list {
		if a.Image != nil || strings.TrimSpace(a.Text) != "" {
			attached = append(attached, a)
		}
	}
	return attached, err
}

// An ImageSource says how the images of a command line are read.
type ImageSource struct {
	Pages string // of documents; "": the first ones
	Fetch bool   // URLs without asking
}

// Apply sets up a reader.
func (s ImageSource) Apply(con *console.Console, r *attach.Reader) error {
	if s.Pages != "" {
		pages, err := attach.ParsePages(s.Pages)
		if err != nil {
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid value %q for --pages", s.Pages), Advice: "Write numbers and ranges such as 3, 1-4 or 2,5-7."}
		}
		r.Pages = pages
	}
	if s.Fetch {
		r.Fetch = func(ctx context.Context, u *url.URL) ([]byte, error) { return fetch(ctx, con, u, true) }
	}
	return nil
}

// ImageURL reads an image file as a data: URL.
func ImageURL(ctx context.Context, path string) (string, error) {
	images, err := (&attach.Reader{}).Images(ctx, path)
	if err != nil {
		return "", err
	}
	if len(images) != 1 {
		return "", fault.Errorf(fault.Invalid, "cannot read %s: it has %s, and one image is needed", path, units.Plural(len(images), "page"))
	}
	return images[0].URL, nil
}

// fetch downloads an image, if the user agrees: the server learns of it.
func fetch(ctx context.Context, con *console.Console, u *url.URL, agreed bool) ([]byte, error) {
	if !agreed {
		if err := agreeToFetch(ctx, con, u); err != nil {
			return nil, err
		}
	}
	con.Waitf("fetching %s", con.Clean(u.Redacted()))
	defer con.Erase()
	return web.Fetch(ctx, u, build.Current().Version)
}

// agreeToFetch asks the user, where there is a terminal to ask on.
func agreeToFetch(ctx context.Context, con *console.Console, u *url.URL) error {
	refused := &fault.Error{
		Kind:   fault.Usage,
		Msg:    fmt.Sprintf("%s was not fetched: a download needs your consent", u.Redacted()),
		Advice: "Answer the question with y, or use bise see --fetch.",
	}
	if !con.Asks() {
		return refused
	}
	question := fmt.Sprintf("Fetch %s from %s?", con.Clean(cmp.Or(strings.Trim(path.Base(u.Path), "/."), "an image")), con.Clean(u.Host))
	if agrees, err := con.Agrees(ctx, question); err != nil || agrees {
		return err
	}
	return refused
}
