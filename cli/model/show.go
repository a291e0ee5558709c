package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// Show is the command bise show.
func Show(con *console.Console, lib *library.Library) *cobra.Command {
	var tensors, metadata bool
	cmd := &cobra.Command{
		Use:   "show REF",
		Short: "Show the details of a model",
		Long: `Show the details of a model: architecture, size, context, prompt format and its source;
its licence, the restrictions and when it was accepted; its origin, files and
checksums. --json prints all of the metadata.`,
		Example: `bise show codestral
bise show ./model.gguf --tensors`,
		Args: flags.Args(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error { return runShow(con, lib, args[0], tensors, metadata) },
	}
	cmd.Flags().BoolVar(&tensors, "tensors", false, "list the tensors")
	cmd.Flags().BoolVar(&metadata, "metadata", false, "list the metadata")
	return cmd
}

func runShow(con *console.Console, lib *library.Library, ref string, tensors, metadata bool) error {
	s, err := lib.Details(ref, tensors)
	if err != nil {
		return err
	}
	switch {
	case con.JSON:
		return con.WriteJSON(s)
	case tensors:
		t := &console.Table{Head: []string{"TENSOR", "TYPE", "DIMENSIONS", "SIZE"}, Right: []int{3}}
		for _, x := range s.List {
			t.Add(con.CleanOut(x.Name), x.Type, dimensions(x.Dims), units.Size(x.Bytes))
		}
		return con.Print(t)
	case metadata:
		t := &console.Table{}
		for key := range s.File.Metadata.All() {
			t.Add(con.CleanOut(key), con.CleanOut(s.MetadataLine(key)))
		}
		return con.Print(t)
	}
	return con.Print(detailsTable(con, &s))
}

func detailsTable(con *console.Console, s *library.Details) *console.Table {
	t := &console.Table{}
	row := func(what string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		if len(parts) > 0 {
			t.Add(what, con.CleanOut(strings.Join(parts, ", ")))
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
	row("architecture", s.Architecture, when(s.Layers > 0, "%s", units.Plural(s.Layers, "layer")), when(s.Width > 0, "%d wide", s.Width),
		when(s.Heads > 0, "%s of %d (%d for keys and values)", units.Plural(s.Heads, "head"), s.HeadWidth, s.KVHeads),
		when(s.Experts > 0, "%d experts, %d at a time", s.Experts, s.ExpertsUsed))
	row("parameters", when(s.Parameters > 0, "%s", billions(s.Parameters)))
	row("size", s.Type, units.Size(s.Bytes), when(s.Files > 1, "%d files", s.Files))
	row("context", when(s.Context > 0, "%s tokens", units.Count(s.Context)), when(s.KVBytes > 0, "%s of memory a token", units.Size(s.KVBytes)),
		when(s.StateBytes > 0, "%s of memory a conversation", units.Size(s.StateBytes)), when(s.Window > 0, "looks back %s", units.Count(s.Window)))
	row("vocabulary", when(s.Vocabulary > 0, "%d tokens", s.Vocabulary), s.Tokenizer)
	row("prompt", s.Prompt, s.PromptSource)
	if len(s.Efforts) > 0 {
		row("effort", s.Efforts[0]+" (the default)", strings.Join(s.Efforts[1:], ", "))
	}
	row("engine", s.Engine, s.EngineWhy)
	row("can", library.AbilityText(s.Install.Can))
	if r := s.Speed; r != nil {
		row("speed", units.Speed(r.Rate), r.Backend, fmt.Sprintf("measured at a context of %s tokens", units.Count(r.Context)))
	}
	row("licence", s.Install.LicenceText())
	var types []string
	for _, t := range s.TypesBySize() {
		types = append(types, fmt.Sprintf("%d %s (%s)", s.TensorTypes[t], t, units.Size(s.TypeBytes[t])))
	}
	row("tensors", fmt.Sprintf("%d: %s", s.Tensors, strings.Join(types, ", ")))
	now := time.Now()
	row("from", s.Install.SourceText())
	if !s.Install.Created.IsZero() {
		row("installed", library.DateText(s.Install.Created), when(!s.Install.Verified.IsZero(), "verified %s", units.Ago(s.Install.Verified, now)))
	}
	if !s.Install.Used.IsZero() {
		row("used", units.Ago(s.Install.Used, now))
	}
	if s.Install.Origin != models.Elsewhere { // else the person has just said where it is
		row("where", filepath.Dir(s.Path))
		for _, f := range s.Install.Files {
			row("file", filepath.Base(f.Path), units.Size(f.Size), when(f.SHA256 != "", "sha256 %s", f.SHA256))
		}
	}
	return t
}

// billions is a number of parameters as people say it: 7.25B, 135M.
func billions(n int64) string {
	switch x := float64(n); {
	case x >= 999.5e6:
		return units.Short(x/1e9) + "B"
	case x >= 999.5e3:
		return units.Short(x/1e6) + "M"
	default:
		return units.Short(x/1e3) + "k"
	}
}

func dimensions(dims []int64) string {
	texts := make([]string, len(dims))
	for i, d := range dims {
		texts[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(texts, " × ")
}
