package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
)

const (
	// partTokens limits a part. Models find less in long texts, and an additional part
	// costs little more than its own tokens.
	partTokens = 4096
	// leastRoom is the smallest useful part, in tokens.
	leastRoom = 256
	// unknownContext is the assumed context length of a model that reports none.
	unknownContext = 32768
	// guidanceTokens limits the guidance from the project's documents.
	guidanceTokens = 1000
	// maxSource is the largest file read from the project's folder, in bytes.
	maxSource = 4 << 20
)

// A part is the code in one request.
type part struct {
	excerpts []excerpt
	tokens   int
}

// text formats the part for the model.
func (p *part) text() string {
	var b strings.Builder
	var file *diff.File
	for i := range p.excerpts {
		if f := p.excerpts[i].file; f != file {
			b.WriteString(heading(f))
			file = f
		}
		b.WriteString(p.excerpts[i].text())
	}
	return b.String()
}

// files returns the names of the files in the part, as the model sees them.
func (p *part) files() []string {
	var names []string
	for i := range p.excerpts {
		if name := diff.Name(p.excerpts[i].file.Path()); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// split halves a part that is too long. ok is false for a single line.
func (p *part) split() (a, b part, ok bool) {
	if n := len(p.excerpts); n > 1 {
		return part{excerpts: p.excerpts[:n/2], tokens: p.tokens / 2}, part{excerpts: p.excerpts[n/2:], tokens: p.tokens / 2}, true
	}
	x, y, ok := p.excerpts[0].split()
	return part{excerpts: []excerpt{x}, tokens: p.tokens / 2}, part{excerpts: []excerpt{y}, tokens: p.tokens / 2}, ok
}

// plan selects the files to review and divides them into parts.
func (r *run) plan(ctx context.Context) error {
	files := r.selectFiles()
	if len(files) == 0 {
		return nil
	}
	if err := r.buildHead(ctx); err != nil {
		return err
	}
	room, err := r.room()
	if err != nil {
		return err
	}
	p := packer{count: r.tokens.Count, room: room}
	around := aroundTokens
	for _, f := range files {
		g := r.texts[f]
		view := slices.Clone(g.ps)
		if g.src != nil && f.Kind != diff.Whole && f.Kind != diff.Added {
			around = g.src.surround(view, around)
		}
		if err := p.add(ctx, view); err != nil {
			return err
		}
	}
	r.parts = p.done()
	r.finished = make([]bool, len(r.parts))
	return nil
}

// selectFiles returns the files to review and records why others are not.
func (r *run) selectFiles() []*diff.File {
	var selected []*diff.File
	for i := range r.files {
		f := &r.files[i]
		name := f.Path()
		text := r.read(name)
		status, reason := planned(f, text, slices.Contains(r.o.Named, name))
		r.cover(f, status, reason)
		if status != Reviewed && status != Partial {
			continue
		}
		r.texts[f] = &fileText{src: sourceOf(f, text), ps: excerpts(f)}
		selected = append(selected, f)
	}
	return selected
}

// buildHead builds the text that begins all requests.
func (r *run) buildHead(ctx context.Context) error {
	var found []guide
	left := guidanceTokens
	for _, name := range guides {
		text := r.read(name)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if changes(r.files, name) {
			r.note("Ignored %s as guidance: the change edits it.", name)
			continue
		}
		text = plain(text)
		n, err := r.tokens.Count(ctx, text[:min(len(text), guidanceTokens*16)])
		if err != nil {
			return err
		}
		if n > left {
			text = truncate(text, len(text)*left/n)
			r.note("Used only the beginning of %s as guidance: it is too long.", name)
			n = left
		}
		if left -= n; strings.TrimSpace(text) != "" {
			found = append(found, guide{name, text})
		}
	}
	r.head = instructions + guidance(found) + codeHeading
	var err error
	r.headTokens, err = r.tokens.Count(ctx, r.head)
	return err
}

// truncate returns the whole lines in the first n bytes of a text.
func truncate(text string, n int) string {
	text = text[:min(len(text), n)]
	return text[:strings.LastIndexByte(text, '\n')+1]
}

// room returns the token limit of a part: the context without the instructions, and without
// an answer, or a verification and its verdict.
func (r *run) room() (int, error) {
	limit := r.engine.Info().ContextLength
	if limit == 0 {
		limit = unknownContext
	}
	const others = max(answerTokens, verificationTokens+verdictTokens)
	room := min(partTokens, (limit-r.headTokens-others)*19/20)
	if room < leastRoom {
		need := r.headTokens + others + leastRoom*20/19 + 1
		return 0, &fault.Error{
			Kind: fault.TooLong, Cause: &engine.ContextOverflow{Tokens: need, Limit: limit},
			Msg:    fmt.Sprintf("a review needs a context of at least %d tokens: this model has %d", need, limit),
			Advice: "Increase it with --context, or use a model with a longer context.",
		}
	}
	return room, nil
}

// read returns the text of a project file, or "" if it cannot be read.
func (r *run) read(name string) string {
	if r.o.Tree == nil || name == "" || !fs.ValidPath(path.Clean(name)) {
		return ""
	}
	f, err := r.o.Tree.Open(path.Clean(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err != nil || len(data) > maxSource {
		return ""
	}
	return string(data)
}

// A packer distributes the excerpts of files over parts, in order. A file that fits
// in one part is not divided.
type packer struct {
	count func(context.Context, string) (int, error)
	room  int
	parts []part
	open  part
}

// add packs the excerpts of one file.
func (p *packer) add(ctx context.Context, ps []excerpt) error {
	all := part{excerpts: ps}
	n, err := p.count(ctx, all.text())
	if err != nil {
		return err
	}
	all.tokens = n
	if n <= p.room {
		p.put(all)
		return nil
	}
	for _, one := range ps {
		if err := p.addOne(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// addOne packs one excerpt of a file that does not fit in a part.
func (p *packer) addOne(ctx context.Context, one excerpt) error {
	alone := part{excerpts: []excerpt{one}}
	n, err := p.count(ctx, alone.text())
	if err != nil {
		return err
	}
	if alone.tokens = n; n > p.room {
		if a, b, ok := one.split(); ok {
			return errors.Join(p.addOne(ctx, a), p.addOne(ctx, b))
		}
	}
	p.put(alone)
	return nil
}

// put adds to the open part, or starts a new one if it does not fit.
func (p *packer) put(more part) {
	if len(p.open.excerpts) > 0 && p.open.tokens+more.tokens > p.room {
		p.close()
	}
	p.open.excerpts = append(p.open.excerpts, more.excerpts...)
	p.open.tokens += more.tokens
}

func (p *packer) close() {
	p.parts = append(p.parts, p.open)
	p.open = part{}
}

func (p *packer) done() []part {
	if len(p.open.excerpts) > 0 {
		p.close()
	}
	return p.parts
}
