package answer

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/units"
)

// An embedding is a line of the output of bise embed.
type embedding struct {
	Index     int       `json:"index"`          // of the line of stdin, or of the file
	File      string    `json:"file,omitempty"` // as it was named
	Embedding []float32 `json:"embedding"`
	text      string
}

type embed struct {
	similar  []string // the texts to compare with
	top      int
	truncate bool
	size     int // components of a vector; 0: all
	load     flags.Load
}

// Embed is the command bise embed.
func Embed(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v embed
	cmd := &cobra.Command{
		Use:   "embed [FILE]…",
		Short: "Compute embeddings of texts, and how similar they are",
		Long: `Compute embeddings: for each file, or for each line of piped input, a line of JSON with
its index, from 0, and its embedding. Empty lines are skipped.

With --similarity, print a score and the text instead, the most similar text first. The
score is the cosine of the embeddings, at most 1. Given twice, --similarity compares its
two texts and prints one number; piped input is then not read.`,
		Example: `bise embed -m e5-mistral README.md
bise embed -m e5-mistral <questions.txt >vectors.jsonl
bise embed --similarity "How do I undo a commit?" --top 3 <questions.txt
bise embed --similarity "a cat" --similarity "a kitten"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(args); err != nil {
				return err
			}
			o, err := v.load.Options(conf)
			if err != nil {
				return err
			}
			open := func() (engine.Engine, error) {
				e, _, err := lib.OpenFor(cmd.Context(), "embed", flags.Model(cmd), o)
				return e, err
			}
			if len(v.similar) == 2 {
				return v.compare(cmd.Context(), con, open)
			}
			return v.run(cmd.Context(), con, open, args)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&v.similar, "similarity", nil, "print how similar the texts are to `TEXT`; given twice, compare the two")
	f.IntVar(&v.top, "top", 0, "with --similarity, print the `N` most similar texts (default: all)")
	f.BoolVar(&v.truncate, "truncate", false, "cut texts that are longer than the context")
	f.IntVar(&v.size, "dimension", 0, "keep the first `N` components")
	v.load.Add(cmd)
	return cmd
}

// check checks the flags.
func (v *embed) check(files []string) error {
	for _, text := range v.similar {
		if strings.TrimSpace(text) == "" {
			return fault.Errorf(fault.Usage, "--similarity needs a text")
		}
	}
	switch {
	case v.size < 0:
		return fault.Errorf(fault.Usage, "--dimension must not be negative")
	case v.top < 0:
		return fault.Errorf(fault.Usage, "--top must not be negative")
	case len(v.similar) > 2:
		return fault.Errorf(fault.Usage, "--similarity compares two texts, not %d", len(v.similar))
	case len(v.similar) == 2 && len(files) > 0:
		return fault.Errorf(fault.Usage, "two --similarity flags and files are mutually exclusive")
	case len(v.similar) != 1 && v.top > 0:
		return fault.Errorf(fault.Usage, "--top needs one --similarity")
	}
	return nil
}

// request asks for the vectors of texts.
func (v *embed) request(texts ...string) engine.EmbedRequest {
	return engine.EmbedRequest{Input: texts, Dimension: v.size, Truncate: v.truncate}
}

// run embeds files, or the lines of stdin.
func (v *embed) run(ctx context.Context, con *console.Console, open func() (engine.Engine, error), files []string) (err error) {
	out := bufio.NewWriterSize(con.Stdout, 1<<16)
	b := embedder{embed: v, con: con, open: open, atOnce: firstTexts}
	defer b.close()
	b.each = func(t embedding) error {
		if con.Out.Terminal() {
			con.Erase()
		}
		return console.WriteJSON(out, t)
	}
	b.flushed = out.Flush
	var r ranking
	if len(v.similar) > 0 {
		r.top = v.top
		b.each = func(t embedding) error {
			if r.query == nil {
				got, err := vectors(ctx, b.e, v.request(v.similar...))
				if err != nil {
					return nameLong(err, "the text of --similarity")
				}
				r.query = got[0]
			}
			r.add(t)
			return nil
		}
	}
	if len(files) > 0 {
		err = b.files(ctx, files)
	} else {
		err = b.lines(ctx)
	}
	con.Erase()
	if err != nil {
		return errors.Join(err, out.Flush())
	}
	if err := r.print(con, out); err != nil {
		return err
	}
	return out.Flush()
}

// compare prints how similar two texts are.
func (v *embed) compare(ctx context.Context, con *console.Console, open func() (engine.Engine, error)) error {
	e, err := open()
	if err != nil {
		return err
	}
	defer e.Close()
	con.Waitf("embedding")
	got, err := vectors(ctx, e, v.request(v.similar...))
	con.Erase()
	if err != nil {
		return nameLong(err, "a text of --similarity")
	}
	score := cosine(got[0], got[1])
	if con.JSON {
		return con.WriteJSON(struct {
			Score float64 `json:"score"`
		}{score})
	}
	_, err = fmt.Fprintf(con.Stdout, "%.4f\n", score)
	return err
}

// vectors returns a vector for each text of a request.
func vectors(ctx context.Context, e engine.Engine, r engine.EmbedRequest) ([][]float32, error) {
	got, err := e.Embed(ctx, r)
	if err != nil {
		return nil, nameDimension(err, r.Dimension, e)
	}
	if len(got.Vectors) != len(r.Input) {
		return nil, fmt.Errorf("embed %d texts: %d vectors came back", len(r.Input), len(got.Vectors))
	}
	return got.Vectors, nil
}

// nameDimension makes the error of vectors that have fewer components name the flag.
func nameDimension(err error, n int, e engine.Engine) error {
	if n == 0 || fault.KindOf(err) != fault.Invalid {
		return err
	}
	about := e.Info()
	if size := about.EmbeddingSize; size > 0 && n > size {
		return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid --dimension %d: the vectors of %s have %s", n, about.Model, units.Plural(size, "component")), Cause: err}
	}
	return err
}

// nameLong makes the error of a text that is too long name the text.
func nameLong(err error, text string) error {
	if fault.KindOf(err) != fault.TooLong {
		return err
	}
	msg := text + " is longer than the context"
	if over := engine.OverflowOf(err); over.Limit > 0 {
		msg = fmt.Sprintf("%s has %d tokens and the context holds %d", text, over.Tokens, over.Limit)
	}
	return &fault.Error{Kind: fault.TooLong, Msg: msg, Advice: "Split it, or cut long texts with --truncate.", Cause: err}
}

// cosine is the cosine of two vectors of length 1.
func cosine(a, b []float32) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// A similarity is a line of the output of bise embed --similarity.
type similarity struct {
	Score float64 `json:"score"`
	Index int     `json:"index"`
	File  string  `json:"file,omitempty"`
	Text  string  `json:"text,omitempty"` // of a line
}

// A ranking is how similar texts are to another one.
type ranking struct {
	query []float32
	top   int // texts that are kept; 0: all
	list  []similarity
}

func (r *ranking) add(t embedding) {
	s := similarity{Score: cosine(r.query, t.Embedding), Index: t.Index, File: t.File}
	if t.File == "" {
		s.Text = t.text
	}
	r.list = append(r.list, s)
	if r.top > 0 && len(r.list)/2 > r.top {
		r.sort()
	}
}

// sort puts the most similar texts first, and those of equal score in their order.
func (r *ranking) sort() {
	slices.SortStableFunc(r.list, func(a, b similarity) int { return cmp.Compare(b.Score, a.Score) })
	if r.top > 0 && len(r.list) > r.top {
		clear(r.list[r.top:])
		r.list = r.list[:r.top]
	}
}

func (r *ranking) print(con *console.Console, out io.Writer) error {
	r.sort()
	for _, s := range r.list {
		var err error
		if con.JSON {
			err = console.WriteJSON(out, s)
		} else {
			_, err = fmt.Fprintf(out, "%7.4f  %s\n", s.Score, con.CleanOut(cmp.Or(s.File, s.Text)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
