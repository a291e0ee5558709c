package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// embedAtOnce is how many texts are sent in one request.
const embedAtOnce = 32

// An embedding is a line of the output of bise embed.
type embedding struct {
	Index     int       `json:"index"`          // of the line of stdin, or of the file
	File      string    `json:"file,omitempty"` // as it was named
	Embedding []float32 `json:"embedding"`
	text      string
}

func (a *app) embedCommand() *cobra.Command {
	var (
		dimension int
		load      loadFlags
	)
	cmd := &cobra.Command{
		Use:   "embed [FILE]…",
		Short: "Turn texts into vectors",
		Long: `Turn texts into vectors: each file, or else each line of what is piped in, gives
a line of JSON with its index, from 0, and its embedding. Empty lines are passed over.`,
		Example: `bise embed -m e5-mistral README.md
bise embed -m e5-mistral <questions.txt >vectors.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			texts, err := a.texts(cmd.Context(), args)
			if err != nil {
				return err
			}
			o, err := load.options(a.config)
			if err != nil {
				return err
			}
			return a.embed(cmd.Context(), texts, dimension, o)
		},
	}
	cmd.Flags().IntVar(&dimension, "dimension", 0, "keep the first `N` components")
	load.add(cmd)
	return cmd
}

// texts gathers what is to be embedded.
func (a *app) texts(ctx context.Context, files []string) ([]embedding, error) {
	in := a.attachments()
	var texts []embedding
	for i, path := range files {
		text, err := in.Text(ctx, path)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			return nil, usageErrorf("%s is empty", path)
		}
		texts = append(texts, embedding{Index: i, File: path, text: text})
	}
	if len(files) > 0 {
		return texts, nil
	}
	text, ok, err := a.pipedText(ctx, in)
	if err != nil {
		return nil, err
	}
	index := 0
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			texts = append(texts, embedding{Index: index, text: line})
		}
		index++
	}
	if !ok || len(texts) == 0 {
		return nil, &fault.Error{Kind: fault.Usage, Msg: "no text to embed", Advice: "Name files, or pipe in a text a line."}
	}
	return texts, nil
}

func (a *app) embed(ctx context.Context, texts []embedding, dimension int, o engine.LoadOptions) error {
	if dimension < 0 {
		return usageErrorf("--dimension must not be negative")
	}
	e, err := a.lib.Open(ctx, a.model, o)
	if err != nil {
		return err
	}
	defer e.Close()
	for done := 0; done < len(texts); {
		a.progress.wait(func(columns int) string {
			return withBar(fmt.Sprintf("embedding %d of %d", done, len(texts)), float64(done)/float64(len(texts)), "", columns)
		})
		batch := texts[done:min(done+embedAtOnce, len(texts))]
		r := engine.EmbedRequest{Dimension: dimension}
		for _, t := range batch {
			r.Input = append(r.Input, t.text)
		}
		got, err := e.Embed(ctx, r)
		if err != nil {
			return err
		}
		if len(got.Vectors) != len(batch) {
			return fmt.Errorf("embed %d texts: %d vectors came back", len(batch), len(got.Vectors))
		}
		a.progress.erase()
		for i, t := range batch {
			t.Embedding = got.Vectors[i]
			if err := writeJSON(a.stdout, t); err != nil {
				return err
			}
		}
		done += len(batch)
	}
	return nil
}
