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
	// partTokens is how long a part is, in tokens. Models find less in long texts,
	// and a part costs next to nothing but its own tokens.
	partTokens = 4096
	// leastRoom is how many tokens of code a part must have room for.
	leastRoom = 256
	// unknownContext is what a model is taken to hold that does not say it.
	unknownContext = 32768
	// guidanceTokens is how much of the project's guidance is shown.
	guidanceTokens = 1000
	// maxSource is the largest file that is read from the project's folder, in bytes.
	maxSource = 4 << 20
)

// A part is what one request is about.
type part struct {
	passages []passage
	tokens   int
}

// text is the part as the model reads it.
func (p *part) text() string {
	var b strings.Builder
	var file *diff.File
	for i := range p.passages {
		if f := p.passages[i].file; f != file {
			b.WriteString(heading(f))
			file = f
		}
		b.WriteString(p.passages[i].text())
	}
	return b.String()
}

// files are the paths of what the part has something of.
func (p *part) files() []string {
	var names []string
	for i := range p.passages {
		if name := p.passages[i].file.Path(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// split halves a part that turned out too long. One line cannot be halved.
func (p *part) split() (a, b part, ok bool) {
	if n := len(p.passages); n > 1 {
		return part{passages: p.passages[:n/2], tokens: p.tokens / 2}, part{passages: p.passages[n/2:], tokens: p.tokens / 2}, true
	}
	x, y, ok := p.passages[0].split()
	return part{passages: []passage{x}, tokens: p.tokens / 2}, part{passages: []passage{y}, tokens: p.tokens / 2}, ok
}

// plan chooses what is reviewed and cuts it into parts.
func (r *run) plan(ctx context.Context) error {
	files := r.choose()
	if len(files) == 0 {
		return nil
	}
	if err := r.instruct(ctx); err != nil {
		return err
	}
	room, err := r.room()
	if err != nil {
		return err
	}
	p := packer{count: r.count, room: room}
	around := aroundTokens
	for _, f := range files {
		g := r.grounds[f]
		view := slices.Clone(g.ps)
		if g.src != nil && f.Kind != diff.Whole && f.Kind != diff.Added {
			around = g.src.surround(view, around)
		}
		if err := p.add(ctx, view); err != nil {
			return err
		}
	}
	r.parts = p.done()
	return nil
}

// choose finds out which files are reviewed, and what is known of them.
func (r *run) choose() []*diff.File {
	var chosen []*diff.File
	for i := range r.files {
		f := &r.files[i]
		name := f.Path()
		text := r.read(name)
		if reason := unreviewed(f, text, slices.Contains(r.o.Asked, name)); reason != "" {
			r.cover(f, Skipped, reason)
			continue
		}
		if f.Damaged {
			r.cover(f, Partly, "the diff has not all of its lines")
		} else {
			r.cover(f, Reviewed, "")
		}
		r.grounds[f] = &ground{src: sourceOf(f, text), ps: passages(f)}
		chosen = append(chosen, f)
	}
	return chosen
}

// instruct makes the beginning of all requests.
func (r *run) instruct(ctx context.Context) error {
	var found []guide
	left := guidanceTokens
	for _, name := range guides {
		text := r.read(name)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if changes(r.files, name) {
			r.note("%s is not taken as guidance: it is part of the change.", name)
			continue
		}
		text = shown(text)
		n, err := r.count(ctx, text[:min(len(text), guidanceTokens*16)])
		if err != nil {
			return err
		}
		if n > left {
			text = cut(text, len(text)*left/n)
			r.note("Only the beginning of %s is taken as guidance.", name)
			n = left
		}
		if left -= n; strings.TrimSpace(text) != "" {
			found = append(found, guide{name, text})
		}
	}
	r.head = instructions + guidance(found) + codeHeading
	var err error
	r.headTokens, err = r.count(ctx, r.head)
	return err
}

// cut gives at most n bytes of a text, up to the end of a line.
func cut(text string, n int) string {
	text = text[:min(len(text), n)]
	return text[:strings.LastIndexByte(text, '\n')+1]
}

// room is how many tokens a part may have: what the context holds beside the
// instructions, two answers and the second question.
func (r *run) room() (int, error) {
	limit := r.engine.Info().ContextLength
	if limit == 0 {
		limit = unknownContext
	}
	const others = 2*answerTokens + verdictTokens
	room := min(partTokens, (limit-r.headTokens-others)*19/20)
	if room < leastRoom {
		need := r.headTokens + others + leastRoom*20/19 + 1
		return 0, &fault.Error{
			Kind: fault.TooLong, Cause: &engine.ContextOverflow{Tokens: need, Limit: limit},
			Msg:    fmt.Sprintf("a review needs a context of %d tokens at least, and this one holds %d", need, limit),
			Advice: "Use a model with a longer context, or give it more with --context.",
		}
	}
	return room, nil
}

// count is how many tokens a text has. Servers that do not tell are taken to have
// tokens of three bytes.
func (r *run) count(ctx context.Context, text string) (int, error) {
	if r.guess {
		return estimate(len(text)), nil
	}
	tokens, err := r.engine.Tokenize(ctx, engine.TokenizeRequest{Text: &text})
	if fault.KindOf(err) == fault.Unsupported {
		r.guess = true
		return estimate(len(text)), nil
	}
	return len(tokens.IDs), err
}

// estimate is how many tokens so many bytes of code are likely to be.
func estimate(bytes int) int { return (bytes + 2) / 3 }

// read gives a file of the project, "" when it cannot be had.
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

// A packer puts the passages of files into parts, in their order. A file goes into
// one part if it fits.
type packer struct {
	count func(context.Context, string) (int, error)
	room  int
	parts []part
	open  part
}

// add packs the passages of one file.
func (p *packer) add(ctx context.Context, ps []passage) error {
	all := part{passages: ps}
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
		if err := p.long(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// long packs one passage of a file that does not fit a part.
func (p *packer) long(ctx context.Context, one passage) error {
	alone := part{passages: []passage{one}}
	n, err := p.count(ctx, alone.text())
	if err != nil {
		return err
	}
	if alone.tokens = n; n > p.room {
		if a, b, ok := one.split(); ok {
			return errors.Join(p.long(ctx, a), p.long(ctx, b))
		}
	}
	p.put(alone)
	return nil
}

// put adds to the open part, or begins another.
func (p *packer) put(more part) {
	if len(p.open.passages) > 0 && p.open.tokens+more.tokens > p.room {
		p.close()
	}
	p.open.passages = append(p.open.passages, more.passages...)
	p.open.tokens += more.tokens
}

func (p *packer) close() {
	p.parts = append(p.parts, p.open)
	p.open = part{}
}

func (p *packer) done() []part {
	if len(p.open.passages) > 0 {
		p.close()
	}
	return p.parts
}
