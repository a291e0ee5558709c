package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/report"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// Offers lists completions for the beginning of a word. They use no network, and skip
// what cannot be read.
type offers func(ctx context.Context, begun string) []cobra.Completion

// offeredConversations is how many conversations a shell offers: the last ones.
const offeredConversations = 50

// addCompletions adds shell completions for arguments and flags. Without one, shells
// offer the names of files.
func addCompletions(root *cobra.Command, lib *library.Library, h *past.Opener) {
	installed, catalogue, conversations := offerModels(lib, nil), offerCatalogue(lib), offerConversations(h)
	texts := func(list ...string) offers {
		return func(context.Context, string) []cobra.Completion { return list }
	}
	words := map[string]offers{
		"pull": catalogue, "fit": either(installed, catalogue),
		"use": either(installed, offerEndpoints(lib)), "list": installed, "show": installed, "verify": installed, "bench": installed,
		"perplexity": installed, "imatrix": installed, "logits": installed,
		"rm":   offerModels(lib, func(m models.Model) bool { return m.CheckRemovable() == nil }),
		"stop": offerLoaded, "man": offerCommands(root), "help": offerCommands(root),
		"history show": conversations, "history export": conversations, "history rm": conversations,
	}
	paths := []string{"use", "fit", "show", "verify", "bench", "perplexity", "imatrix", "logits"} // are words of these too
	// The words of these are texts, or there are none.
	free := []string{"ask", "solve", "catalog", "doctor", "gc", "lsp", "ps", "serve", "version", "history list", "history search"}
	ofFlag := map[string]offers{
		"similarity": texts(), "accept-licence": offerLicences, "fail-on": offerSeverities, "type": offerTypes,
		"format": texts(append([]string{"text"}, report.Formats()...)...), "kv-type": texts(config.KVTypes...), "effort": texts(config.Efforts...), "use for": texts(config.Modes...), "layout": texts("hf", "native"),
		"perplexity base": installed, "convert type": texts("f32", "f16", "bf16", "q8_0"),
	}
	for _, cmd := range allCommands(root) {
		path := strings.TrimPrefix(cmd.CommandPath(), "bise ")
		if o, ok := words[path]; ok {
			cmd.ValidArgsFunction = offering(o, slices.Contains(paths, path))
		} else if slices.Contains(free, path) {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			o := ofFlag[f.Name]
			if own, ok := ofFlag[path+" "+f.Name]; ok {
				o = own
			}
			if o != nil {
				offerFor(cmd, f.Name, offering(o, f.Name == "base"))
			}
		})
	}
	offerFor(root, "model", offering(either(installed, offerEndpoints(lib)), true))
	offerFor(root, "log-level", offering(texts("debug", "info", "warn", "error"), false))
}

func offerFor(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic("cli: " + err.Error())
	}
}

// allCommands lists the commands and their subcommands.
func allCommands(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range root.Commands() {
		all = append(append(all, c), allCommands(c)...)
	}
	return all
}

// offering leaves what fits what is written and is not in the line yet. Where
// nothing does, files are offered if they may be meant too.
func offering(o offers, files bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if files {
			directive = cobra.ShellCompDirectiveDefault
		}
		var fit []cobra.Completion
		open := true // something is to be written behind each
		for _, c := range o(cmd.Context(), begun) {
			text, _, _ := strings.Cut(c, "\t")
			more := strings.HasSuffix(text, "/")
			if strings.HasPrefix(text, begun) && !slices.Contains(args, text) && !(more && text == begun) {
				fit = append(fit, c)
				open = open && more
			}
		}
		if open && len(fit) > 0 {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return fit, directive | cobra.ShellCompDirectiveKeepOrder
	}
}

// either offers all that several do.
func either(all ...offers) offers {
	return func(ctx context.Context, begun string) []cobra.Completion {
		var list []cobra.Completion
		for _, o := range all {
			for _, c := range o(ctx, begun) {
				text, _, _ := strings.Cut(c, "\t")
				if !slices.ContainsFunc(list, func(l string) bool { return l == text || strings.HasPrefix(l, text+"\t") }) {
					list = append(list, c)
				}
			}
		}
		return list
	}
}

func offerCommands(root *cobra.Command) offers {
	return func(context.Context, string) []cobra.Completion {
		var list []cobra.Completion
		for _, c := range root.Commands() {
			if !c.Hidden {
				list = append(list, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		}
		return list
	}
}

// offerModels offers the models on this machine that are right; nil: all.
func offerModels(lib *library.Library, right func(models.Model) bool) offers {
	return func(context.Context, string) []cobra.Completion {
		found, err := lib.Store().List()
		if err != nil {
			return nil
		}
		var list []cobra.Completion
		for _, m := range found {
			if right == nil || right(m) {
				list = append(list, cobra.CompletionWithDesc(term.Clean(m.Name), units.Size(m.Size)))
			}
		}
		return list
	}
}

func offerEndpoints(lib *library.Library) offers {
	return func(context.Context, string) []cobra.Completion {
		var list []cobra.Completion
		for name, e := range lib.Endpoints() {
			list = append(list, cobra.CompletionWithDesc(name+"/", "a model of "+e.URL))
		}
		slices.Sort(list)
		return list
	}
}

// offerCatalogue offers the models that can be fetched and, behind a colon, their
// types.
func offerCatalogue(lib *library.Library) offers {
	return func(_ context.Context, begun string) []cobra.Completion {
		c, err := lib.Catalog()
		if err != nil {
			return nil
		}
		var list []cobra.Completion
		for _, m := range c.All() {
			if !m.Local() {
				continue
			}
			if name, _, ok := strings.Cut(begun, ":"); !ok {
				list = append(list, cobra.CompletionWithDesc(m.Name, m.Title))
			} else if name == m.Name {
				for _, t := range quantize.Types() {
					if !t.Copy {
						list = append(list, cobra.CompletionWithDesc(m.Name+":"+strings.ToLower(t.Name), t.Note))
					}
				}
			}
		}
		return list
	}
}

func offerLoaded(ctx context.Context, _ string) []cobra.Completion {
	found, err := worker.List(ctx)
	if err != nil {
		return nil
	}
	var list []cobra.Completion
	for _, w := range found {
		list = append(list, cobra.CompletionWithDesc(term.Clean(w.Name), string(w.State)))
	}
	return list
}

func offerConversations(h *past.Opener) offers {
	return func(ctx context.Context, _ string) []cobra.Completion {
		if !h.Exists() {
			return nil
		}
		s, err := h.Open()
		if err != nil {
			return nil
		}
		defer s.Close()
		found, err := s.List(ctx, history.Conversation{}, offeredConversations)
		if err != nil {
			return nil
		}
		var list []cobra.Completion
		for _, c := range found {
			list = append(list, cobra.CompletionWithDesc(strconv.FormatInt(c.ID, 10), strings.Join(strings.Fields(term.Clean(c.Title)), " ")))
		}
		return list
	}
}

func offerTypes(context.Context, string) []cobra.Completion {
	var list []cobra.Completion
	for _, t := range quantize.Types() {
		list = append(list, cobra.CompletionWithDesc(t.Name, t.Note))
	}
	return list
}

func offerLicences(context.Context, string) []cobra.Completion {
	var list []cobra.Completion
	for _, l := range licence.All() {
		list = append(list, cobra.CompletionWithDesc(l.ID, l.Name))
	}
	return list
}

func offerSeverities(context.Context, string) []cobra.Completion {
	var list []cobra.Completion
	for _, s := range review.Severities {
		list = append(list, string(s))
	}
	return list
}
