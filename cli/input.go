package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/attach/web"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
)

// attachments returns what reads the attachments of a request.
func (a *app) attachments() *attach.Reader {
	return &attach.Reader{
		Stdin: a.stdin, Getenv: os.Getenv,
		Fetch:    func(ctx context.Context, u *url.URL) ([]byte, error) { return a.fetch(ctx, u, false) },
		Note:     func(text string) { a.note("%s", text) },
		Progress: a.attaching,
	}
}

// attaching shows what an attachment waits for.
func (a *app) attaching(status string) {
	if status == "" {
		a.progress.erase()
		return
	}
	a.progress.wait(func(int) string { return status })
}

// piped reports whether stdin is something other than a terminal.
func (a *app) piped() bool { return a.stdin != nil && !term.IsTerminal(a.stdin) }

// waitForStdin says that stdin is read. Call erase when it is.
func (a *app) waitForStdin() {
	a.progress.wait(func(int) string { return "reading standard input (end it with Ctrl-D, or use </dev/null)" })
}

// pipedText reads text from stdin. If stdin is a terminal, ok is false.
func (a *app) pipedText(ctx context.Context, r *attach.Reader) (text string, ok bool, err error) {
	if !a.piped() {
		return "", false, nil
	}
	a.waitForStdin()
	defer a.progress.erase()
	text, err = r.Text(ctx, attach.Stdin)
	return text, true, err
}

// fetch downloads an image, if the user agrees: the server learns of it.
func (a *app) fetch(ctx context.Context, u *url.URL, agreed bool) ([]byte, error) {
	if !agreed {
		if err := a.agreeToFetch(ctx, u); err != nil {
			return nil, err
		}
	}
	a.progress.wait(func(int) string { return "fetching " + a.plain(u.Redacted()) })
	defer a.progress.erase()
	return web.Fetch(ctx, u, thisBuild().Version)
}

// agreeToFetch asks the user, where there is a terminal to ask on.
func (a *app) agreeToFetch(ctx context.Context, u *url.URL) error {
	refused := &fault.Error{
		Kind:   fault.Usage,
		Msg:    fmt.Sprintf("%s was not fetched: a download needs your consent", u.Redacted()),
		Advice: "Answer the question with y, or use bise see --fetch.",
	}
	if a.json || !term.IsTerminal(a.stdin) || !a.err.Terminal() {
		return refused
	}
	fmt.Fprintf(a.stderr, "Fetch %s from %s? [y/N] ", a.plain(cmp.Or(strings.Trim(path.Base(u.Path), "/."), "an image")), a.plain(u.Host))
	answer, err := typed(ctx, bufio.NewReader(a.stdin))
	if err != nil {
		fmt.Fprintln(a.stderr)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return refused
}

// were returns a count with its noun and the verb.
func were(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return plural(n, noun) + " were"
}
