package answer

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/render/term"
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

// Embed is the command bise embed.
func Embed(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var (
		dimension int
		load      flags.Load
	)
	cmd := &cobra.Command{
		Use:   "embed [FILE]…",
		Short: "Compute embeddings of texts",
		Long: `Compute embeddings: for each file, or for each line of piped input, a line of JSON with
its index, from 0, and its embedding. Empty lines are skipped.`,
		Example: `bise embed -m e5-mistral README.md
bise embed -m e5-mistral <questions.txt >vectors.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			texts, err := readTexts(cmd.Context(), con, args)
			if err != nil {
				return err
			}
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			return runEmbed(cmd.Context(), con, lib, flags.Model(cmd), texts, dimension, o)
		},
	}
	cmd.Flags().IntVar(&dimension, "dimension", 0, "keep the first `N` components")
	load.Add(cmd)
	return cmd
}

// readTexts reads the texts.
func readTexts(ctx context.Context, con *console.Console, files []string) ([]embedding, error) {
	in := input.New(con)
	var texts []embedding
	for i, path := range files {
		text, err := in.Text(ctx, path)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			return nil, fault.Errorf(fault.Usage, "%s is empty", path)
		}
		texts = append(texts, embedding{Index: i, File: path, text: text})
	}
	if len(files) > 0 {
		return texts, nil
	}
	text, ok, err := input.PipedText(ctx, con, in)
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

func runEmbed(ctx context.Context, con *console.Console, lib *library.Library, model string, texts []embedding, dimension int, o engine.LoadOptions) error {
	if dimension < 0 {
		return fault.Errorf(fault.Usage, "--dimension must not be negative")
	}
	e, _, err := lib.OpenFor(ctx, "embed", model, o)
	if err != nil {
		return err
	}
	defer e.Close()
	for done := 0; done < len(texts); {
		con.Wait(func(columns int) string {
			return term.ProgressLine(fmt.Sprintf("embedding %d of %d", done, len(texts)), float64(done)/float64(len(texts)), "", columns)
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
		con.Erase()
		for i, t := range batch {
			t.Embedding = got.Vectors[i]
			if err := con.WriteJSON(t); err != nil {
				return err
			}
		}
		done += len(batch)
	}
	return nil
}
