package answer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

const (
	// firstTexts is how many texts the first request has. Models differ in speed by a factor of a
	// thousand, so the number then follows the time that a request takes.
	firstTexts = 8
	mostTexts  = 256
	// textBytes is how many bytes a text has on average, at most; longer texts are sent in smaller
	// numbers.
	textBytes = 1 << 10
	// A request should take between shortRequest and longRequest: progress is shown after each.
	shortRequest = 250 * time.Millisecond
	longRequest  = time.Second
)

// An embedder embeds texts several at once, and passes each on with its vector, in order. It holds
// only the texts of one request.
type embedder struct {
	*embed
	con     *console.Console
	open    func() (engine.Engine, error)
	e       engine.Engine // nil before the first text
	each    func(embedding) error
	flushed func() error // after each request
	show    func()       // progress

	pending []embedding
	bytes   int // of these
	atOnce  int // texts of a request
}

func (b *embedder) close() {
	if b.e != nil {
		b.e.Close()
	}
}

// files embeds whole files.
func (b *embedder) files(ctx context.Context, paths []string) error {
	counter := &console.Counter{Verb: "embedding", Unit: "file"}
	done := 0
	b.show = func() {
		counter.Set(int64(done), int64(len(paths)), "")
		b.con.Wait(counter.Line)
	}
	for i, path := range paths {
		text, err := input.New(b.con).Text(ctx, path)
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "" {
			return fault.Errorf(fault.Usage, "%s is empty", path)
		}
		if err := b.add(ctx, embedding{Index: i, File: path, text: text}, i < len(paths)-1); err != nil {
			return err
		}
		done = i + 1 - len(b.pending)
	}
	return nil
}

// lines embeds the lines of stdin that are not blank. It does not wait for more of them than have
// been written.
func (b *embedder) lines(ctx context.Context) error {
	none := &fault.Error{Kind: fault.Usage, Msg: "no text to embed", Advice: "Name files, or pipe in a text a line."}
	if !b.con.Piped() {
		return none
	}
	index, noted, done, size := -1, false, int64(0), fileSize(b.con.Stdin)
	counter := &console.Counter{Verb: "embedding"}
	b.show = func() {
		if size > 0 {
			counter.Set(min(done, size), size, "")
		} else {
			counter.SetVerb(fmt.Sprintf("embedding line %d", index+1), 0, 0, "")
		}
		b.con.Wait(counter.Line)
	}
	input.WaitForStdin(b.con)
	err := console.EachLine(ctx, attach.UTF8("standard input", b.con.Stdin), func(line []byte, more bool) error {
		index++
		text, note, err := attach.DecodeLine(lineName(index), line)
		if err != nil {
			return err
		}
		if note != "" && !noted {
			b.con.Notef("%s", note)
			noted = true
		}
		if strings.TrimSpace(text) != "" {
			err = b.add(ctx, embedding{Index: index, text: text}, more)
		} else if !more {
			err = b.flush(ctx)
		}
		done += int64(len(line)) + 1
		return err
	}, func() error { return b.flush(ctx) })
	if err == nil && b.e == nil {
		return none
	}
	return err
}

// lineName is what errors call a line.
func lineName(index int) string { return fmt.Sprintf("line %d", index+1) }

// fileSize is the size of a file that is read from its beginning, or 0.
func fileSize(r io.Reader) int64 {
	f, ok := r.(*os.File)
	if !ok {
		return 0
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// add adds a text to the next request. If more is not set, the request does not wait for others.
func (b *embedder) add(ctx context.Context, t embedding, more bool) error {
	b.pending = append(b.pending, t)
	b.bytes += len(t.text)
	if more && len(b.pending) < b.atOnce && b.bytes < b.atOnce*textBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush embeds the pending texts.
func (b *embedder) flush(ctx context.Context) error {
	if len(b.pending) == 0 {
		return nil
	}
	if b.e == nil {
		e, err := b.open()
		if err != nil {
			return err
		}
		b.e = e
	}
	b.show()
	texts := b.pending
	b.pending, b.bytes = b.pending[:0], 0
	if err := b.embedAll(ctx, texts); err != nil {
		return err
	}
	return b.flushed()
}

// embedAll embeds texts in one request. If one is too long, it embeds those before it, and the
// error names it.
func (b *embedder) embedAll(ctx context.Context, texts []embedding) error {
	r := b.request()
	for _, t := range texts {
		r.Input = append(r.Input, t.text)
	}
	began := time.Now()
	got, err := vectors(ctx, b.e, r)
	if fault.KindOf(err) == fault.TooLong {
		if len(texts) == 1 {
			return nameLong(err, cmp.Or(texts[0].File, lineName(texts[0].Index)))
		}
		half := len(texts) / 2
		if err := b.embedAll(ctx, texts[:half]); err != nil {
			return err
		}
		return b.embedAll(ctx, texts[half:])
	}
	if err != nil {
		return err
	}
	switch took := time.Since(began); {
	case took < shortRequest:
		b.atOnce = min(2*b.atOnce, mostTexts)
	case took > longRequest:
		b.atOnce = max(1, b.atOnce/2)
	}
	for i, t := range texts {
		t.Embedding = got[i]
		if err := b.each(t); err != nil {
			return err
		}
	}
	return nil
}
