package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/report"
	"github.com/bise-sh/bise/render/term"
)

// Offers are what a shell may offer for a word of which somebody has written the
// beginning: each a text and, behind a tab, what it is. They ask no network, and
// what cannot be read is not offered.
type offers func(ctx context.Context, begun string) []cobra.Completion

// offeredConversations is how many conversations a shell offers: the last ones.
const offeredConversations = 50

// offer tells the shells what verbs and their flags take. Where nothing is told,
// they offer the names of files.
func (a *app) offer(root *cobra.Command) {
	texts := func(list ...string) offers {
		return func(context.Context, string) []cobra.Completion { return list }
	}
	installed := a.offerModels(nil)
	words := map[string]offers{
		"pull": a.offerCatalogue, "fit": either(installed, a.offerCatalogue),
		"list": installed, "show": installed, "verify": installed, "bench": installed,
		"perplexity": installed, "imatrix": installed, "logits": installed,
		"rm":   a.offerModels(func(m models.Model) bool { return m.CheckRemovable() == nil }),
		"stop": a.offerLoaded, "man": offerVerbs(root),
		"history show": a.offerConversations, "history export": a.offerConversations, "history rm": a.offerConversations,
	}
	paths := []string{"fit", "show", "verify", "bench", "perplexity", "imatrix", "logits"} // are words of these too
	// The words of these are texts, or there are none.
	free := []string{"ask", "solve", "catalog", "doctor", "gc", "lsp", "ps", "serve", "version", "history list", "history search"}
	flags := map[string]offers{
		"accept-licence": offerLicences, "fail-on": offerSeverities, "type": offerTypes,
		"format": texts(append([]string{"text"}, report.Formats()...)...), "kv-type": texts(config.KVTypes...), "layout": texts("hf", "native"),
		"perplexity base": installed, "convert type": texts("f32", "f16", "bf16", "q8_0"),
	}
	for _, cmd := range everyVerb(root) {
		path := strings.TrimPrefix(cmd.CommandPath(), "bise ")
		if o, ok := words[path]; ok {
			cmd.ValidArgsFunction = offering(o, slices.Contains(paths, path))
		} else if slices.Contains(free, path) {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			o := flags[f.Name]
			if own, ok := flags[path+" "+f.Name]; ok {
				o = own
			}
			if o != nil {
				offerFor(cmd, f.Name, offering(o, f.Name == "base"))
			}
		})
	}
	offerFor(root, "model", offering(either(installed, a.offerEndpoints), true))
	offerFor(root, "log-level", offering(texts("debug", "info", "warn", "error"), false))
}

func offerFor(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic("cli: " + err.Error())
	}
}

// everyVerb lists the verbs and the verbs of verbs.
func everyVerb(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range root.Commands() {
		all = append(append(all, c), everyVerb(c)...)
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

func offerVerbs(root *cobra.Command) offers {
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
func (a *app) offerModels(right func(models.Model) bool) offers {
	return func(context.Context, string) []cobra.Completion {
		found, err := a.lib.Store().List()
		if err != nil {
			return nil
		}
		var list []cobra.Completion
		for _, m := range found {
			if right == nil || right(m) {
				list = append(list, cobra.CompletionWithDesc(term.Clean(m.Name), size(m.Size)))
			}
		}
		return list
	}
}

func (a *app) offerEndpoints(context.Context, string) []cobra.Completion {
	var list []cobra.Completion
	for name, e := range a.lib.Endpoints() {
		list = append(list, cobra.CompletionWithDesc(name+"/", "a model of "+e.URL))
	}
	slices.Sort(list)
	return list
}

// offerCatalogue offers the models that can be fetched and, behind a colon, their
// types.
func (a *app) offerCatalogue(_ context.Context, begun string) []cobra.Completion {
	c, err := a.lib.Catalog()
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

func (a *app) offerLoaded(ctx context.Context, _ string) []cobra.Completion {
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

func (a *app) offerConversations(ctx context.Context, _ string) []cobra.Completion {
	if _, err := os.Stat(filepath.Join(a.places.Data, "history.db")); err != nil {
		return nil // and none is made
	}
	s, err := a.openHistory()
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
