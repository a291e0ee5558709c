package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/render/term"
)

func (a *app) showCommand() *cobra.Command {
	var tensors, metadata bool
	cmd := &cobra.Command{
		Use:   "show REF",
		Short: "Tell what a model is and what its file holds",
		Long: `Tell what a model is and what its file holds: architecture, size, context, prompt
format and how that is known; its licence, what that forbids and when it was
accepted; where it came from, where it lies, and its hashes. --json has the whole of
the metadata.`,
		Example: `bise show codestral
bise show ./model.gguf --tensors`,
		Args: arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(args[0], tensors, metadata) },
	}
	cmd.Flags().BoolVar(&tensors, "tensors", false, "list the tensors")
	cmd.Flags().BoolVar(&metadata, "metadata", false, "list the metadata")
	return cmd
}

func (a *app) show(ref string, tensors, metadata bool) error {
	s, err := a.lib.Details(ref, tensors)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		return writeJSON(a.stdout, s)
	case tensors:
		t := &table{head: []string{"TENSOR", "TYPE", "DIMENSIONS", "SIZE"}, right: []int{3}}
		for _, x := range s.List {
			t.add(a.shown(x.Name), x.Type, dimensions(x.Dims), size(x.Bytes))
		}
		return a.print(t)
	case metadata:
		t := &table{}
		for key := range s.File.Metadata.All() {
			t.add(a.shown(key), a.shown(s.MetadataLine(key)))
		}
		return a.print(t)
	}
	return a.print(a.detailsTable(&s))
}

func (a *app) detailsTable(s *library.Details) *table {
	t := &table{}
	row := func(what string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		if len(parts) > 0 {
			t.add(what, a.shown(strings.Join(parts, ", ")))
		}
	}
	when := func(ok bool, format string, args ...any) string {
		if !ok {
			return ""
		}
		return fmt.Sprintf(format, args...)
	}
	row("name", s.Name)
	kind := s.Kind
	if kind == "model" {
		kind = ""
	}
	row("kind", kind)
	row("architecture", s.Architecture, when(s.Layers > 0, "%s", plural(s.Layers, "layer")), when(s.Width > 0, "%d wide", s.Width),
		when(s.Heads > 0, "%s of %d (%d for keys and values)", plural(s.Heads, "head"), s.HeadWidth, s.KVHeads),
		when(s.Experts > 0, "%d experts, %d at a time", s.Experts, s.ExpertsUsed))
	row("parameters", when(s.Parameters > 0, "%s", billions(s.Parameters)))
	row("size", s.Type, size(s.Bytes), when(s.Files > 1, "%d files", s.Files))
	row("context", when(s.Context > 0, "%s tokens", count(s.Context)), when(s.KVBytes > 0, "%s of memory a token", size(s.KVBytes)),
		when(s.StateBytes > 0, "%s of memory a conversation", size(s.StateBytes)), when(s.Window > 0, "looks back %s", count(s.Window)))
	row("vocabulary", when(s.Vocabulary > 0, "%d tokens", s.Vocabulary), s.Tokenizer)
	row("prompt", s.Prompt, s.PromptSource)
	row("can", abilityWords(s.Install.Can))
	row("licence", licenceParts(s.Install)...)
	var types []string
	for _, t := range s.TypesBySize() {
		types = append(types, fmt.Sprintf("%d %s (%s)", s.TensorTypes[t], t, size(s.TypeBytes[t])))
	}
	row("tensors", fmt.Sprintf("%d: %s", s.Tensors, strings.Join(types, ", ")))
	now := time.Now()
	row("from", sourceParts(s.Install)...)
	if !s.Install.Created.IsZero() {
		row("installed", day(s.Install.Created), verifiedAgo(s.Install.Verified, now))
	}
	if !s.Install.Used.IsZero() {
		row("used", ago(s.Install.Used, now))
	}
	if s.Install.Origin != models.Elsewhere { // else the person has just said where it is
		row("where", filepath.Dir(s.Path))
		for _, f := range s.Install.Files {
			row("file", fileParts(f)...)
		}
	}
	return t
}

// billions is a number of parameters as people say it: 7.25B, 135M.
func billions(n int64) string {
	switch x := float64(n); {
	case x >= 999.5e6:
		return short(x/1e9) + "B"
	case x >= 999.5e3:
		return short(x/1e6) + "M"
	default:
		return short(x/1e3) + "k"
	}
}

func dimensions(dims []int64) string {
	texts := make([]string, len(dims))
	for i, d := range dims {
		texts[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(texts, " × ")
}

// shown takes out of a text what stdout would obey if it is a terminal: it is
// from a file.
func (a *app) shown(s string) string {
	if !a.out.Terminal() {
		return s
	}
	return term.Clean(s)
}
