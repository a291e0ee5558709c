package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	xansi "github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/render/term"
)

// A listedConversation is a conversation as bise history tells it.
type listedConversation struct {
	ID      int64     `json:"id"`
	Title   string    `json:"title"`
	Mode    string    `json:"mode"`
	Model   string    `json:"model"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

func listConversation(c history.Conversation) listedConversation {
	l := listedConversation{c.ID, c.Title, c.Mode, c.Model, c.Created.UTC(), c.Updated.UTC()}
	if l.Title == "" {
		l.Title = c.Draft
	}
	return l
}

func (a *app) historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history VERB",
		Short: "List, search and export conversations",
		Long: `List, search and export conversations: those of the interface, and what bise ask was
asked. They are kept on this machine until they are removed; history = false in
config.toml keeps none.`,
		Example: `bise history list
bise history search slices
bise history show 12
bise history export >conversations.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var verbs []string
			for _, c := range cmd.Commands() {
				verbs = append(verbs, c.Name())
			}
			hint := "It has " + strings.Join(verbs, ", ") + "."
			if meant := suggest.Word(args[0], verbs); meant != "" {
				hint = "Did you mean bise history " + meant + "?"
			}
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("bise history has no verb %q", args[0]), Advice: hint}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.historyListCommand(), a.historySearchCommand(), a.historyShowCommand(),
		a.historyExportCommand(), a.historyImportCommand(), a.historyRmCommand(),
	)
	return cmd
}

// openHistory opens the conversations.
func (a *app) openHistory() (*history.Store, error) {
	s, err := history.Open(filepath.Join(a.places.Data, "history.db"))
	if err != nil {
		return nil, err
	}
	if aside := s.SetAside(); aside != "" {
		a.note("The history was damaged and is now %s. A new one is begun.", aside)
	}
	return s, nil
}

// withHistory opens the conversations for do, and tidies them before: then what a
// killed process left is found, too.
func (a *app) withHistory(ctx context.Context, do func(*history.Store) error) error {
	s, err := a.openHistory()
	if err != nil {
		return err
	}
	if err = s.Tidy(ctx); err == nil {
		err = do(s)
	}
	return errors.Join(err, s.Close())
}

func (a *app) historyListCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the conversations, the last one first",
		Example: "bise history list\nbise history list --limit 0 --json",
		Args:    arguments(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usageErrorf("--limit must not be negative")
			}
			return a.withHistory(cmd.Context(), func(s *history.Store) error { return a.historyList(cmd.Context(), s, limit) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "the last `N`, or all: 0 (default: 20)")
	return cmd
}

// listConversations are the last so many, or all for 0; more tells that there are
// others.
func listConversations(ctx context.Context, s *history.Store, limit int) (list []listedConversation, more bool, err error) {
	const page = 500
	list = []listedConversation{}
	for last := (history.Conversation{}); ; {
		found, err := s.List(ctx, last, page)
		if err != nil {
			return nil, false, err
		}
		for _, c := range found {
			if limit > 0 && len(list) == limit {
				return list, true, nil
			}
			list = append(list, listConversation(c))
		}
		if len(found) < page {
			return list, false, nil
		}
		last = found[page-1]
	}
}

func (a *app) historyList(ctx context.Context, s *history.Store, limit int) error {
	list, more, err := listConversations(ctx, s, limit)
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, list)
	}
	if len(list) == 0 {
		a.note("There is no conversation yet. Begin one with bise, or with bise ask.")
		return nil
	}
	t := &table{head: []string{"ID", "WHEN", "MODEL", "TITLE"}, right: []int{0}}
	for _, c := range list {
		model := c.Model
		if filepath.IsAbs(model) {
			model = strings.TrimSuffix(filepath.Base(model), ".gguf")
		}
		t.add(fmt.Sprint(c.ID), when(c.Updated), a.oneLine(model), a.oneLine(c.Title))
	}
	if err := a.print(t); err != nil {
		return err
	}
	if more {
		a.note("These are the last %d. All: bise history list --limit 0", limit)
	}
	return nil
}

// when says when something was: with the time of the day if it was in the last
// week.
func when(t time.Time) string {
	now := time.Now()
	day := history.Day(t, now)
	if now.Sub(t) < 6*24*time.Hour {
		day += t.Local().Format(" 15:04")
	}
	return day
}

// oneLine is a line of somebody's words as stdout may have it.
func (a *app) oneLine(s string) string {
	if a.out.Terminal() {
		s = term.Clean(s)
	}
	return strings.Join(strings.Fields(s), " ")
}

// A foundConversation is one as bise history search tells it.
type foundConversation struct {
	listedConversation
	Message int64    `json:"message,omitempty"` // that matches best
	Role    string   `json:"role,omitempty"`
	Text    string   `json:"text,omitempty"`  // an excerpt
	Marks   [][2]int `json:"marks,omitempty"` // what matched in it, in bytes
	Matches int      `json:"matches"`
}

func (a *app) historySearchCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "search WORD…",
		Short: "Find conversations by what was said in them",
		Long: `Find conversations by what was said in them, the best first. All words must be there,
each as the beginning of one; words in double quotes must stand as they are. The exit
code is 1 when nothing is found.`,
		Example: `bise history search slice grow
bise history search '"a slice grows"'
bise history search os.ReadFile :=`,
		Args: arguments(cobra.MinimumNArgs(1), "what to search for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usageErrorf("--limit must be at least 1")
			}
			query := strings.Join(args, " ")
			if history.ParseQuery(query).Empty() {
				return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q has no word to search for", query), Advice: "Search for letters, digits, or operators such as :=."}
			}
			return a.withHistory(cmd.Context(), func(s *history.Store) error { return a.historySearch(cmd.Context(), s, query, limit) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "the best `N` (default: 20)")
	return cmd
}

func (a *app) historySearch(ctx context.Context, s *history.Store, query string, limit int) error {
	hits, err := s.Search(ctx, query, limit)
	if err != nil {
		return err
	}
	if a.json {
		found := []foundConversation{}
		for _, h := range hits {
			f := foundConversation{listConversation(h.Conversation), h.Message, string(h.Role), h.Text, nil, h.Matches}
			for _, m := range h.Marks {
				f.Marks = append(f.Marks, [2]int{m.Start, m.End})
			}
			found = append(found, f)
		}
		if err := writeJSON(a.stdout, found); err != nil {
			return err
		}
	} else if err := a.printHits(hits, history.ParseQuery(query)); err != nil {
		return err
	}
	if len(hits) == 0 {
		a.note("Nothing is found.")
		return errNo
	}
	return nil
}

// printHits writes what was found: a line for the conversation, and one of what was
// said below it.
func (a *app) printHits(hits []history.Hit, q history.Query) error {
	columns := 0
	if a.out.Terminal() {
		columns, _ = a.out.Size()
	}
	var b strings.Builder
	line := func(text string) {
		if columns > 0 {
			text = xansi.Truncate(text, columns, "…")
		}
		b.WriteString(text + "\n")
	}
	for _, h := range hits {
		id := fmt.Sprint(h.Conversation.ID)
		line(fmt.Sprintf("%s  %s  %s", id, when(h.Conversation.Updated), a.marked(h.Conversation.Title, q)))
		if h.Message != 0 {
			line(strings.Repeat(" ", len(id)+2) + a.marked(h.Text, q))
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// marked is a line in which what was found is bold, on a terminal.
func (a *app) marked(text string, q history.Query) string {
	text = a.oneLine(text)
	if !a.out.Moves() || a.accessible {
		return text
	}
	var b strings.Builder
	last := 0
	for _, m := range q.Marks(text) {
		b.WriteString(text[last:m.Start] + "\x1b[1m" + text[m.Start:m.End] + "\x1b[22m")
		last = m.End
	}
	return b.String() + text[last:]
}

func (a *app) historyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [ID]",
		Short: "Print a conversation, the last one if none is named",
		Long: `Print a conversation, the last one if none is named, as Markdown: drawn on a terminal.
What was attached and what the model thought is only named; --json has all of it.`,
		Example: "bise history show\nbise history show 12",
		Args:    arguments(cobra.MaximumNArgs(1), "at most one ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withHistory(cmd.Context(), func(s *history.Store) error { return a.historyShow(cmd.Context(), s, args) })
		},
	}
}

func (a *app) historyShow(ctx context.Context, s *history.Store, args []string) error {
	ids, err := conversationIDs(ctx, s, args)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		last, err := s.List(ctx, history.Conversation{}, 1)
		if err != nil {
			return err
		}
		if len(last) == 0 {
			return &fault.Error{Kind: fault.Usage, Msg: "there is no conversation yet", Advice: "Begin one with bise, or with bise ask."}
		}
		ids = []int64{last[0].ID}
	}
	if a.json {
		return s.ExportJSON(ctx, a.stdout, ids...)
	}
	var text strings.Builder
	if err := s.ExportMarkdown(ctx, &text, ids[0], true); err != nil {
		return err
	}
	sheet := a.sheet(false)
	return errors.Join(sheet.Print(text.String()), sheet.Close())
}

// conversationIDs are the conversations that the arguments name, each of which
// there must be.
func conversationIDs(ctx context.Context, s *history.Store, args []string) ([]int64, error) {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err == nil {
			_, err = s.Conversation(ctx, id)
		}
		switch {
		case errors.Is(err, history.ErrNotFound):
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("there is no conversation %d", id), Advice: "bise history list tells those there are."}
		case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q is no conversation's ID", arg), Advice: "IDs are numbers: bise history list tells them."}
		case err != nil:
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// allConversations are the ids of all that are listed, the oldest first.
func allConversations(ctx context.Context, s *history.Store) ([]int64, error) {
	list, _, err := listConversations(ctx, s, 0)
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[len(list)-1-i] = c.ID
	}
	return ids, err
}

func (a *app) historyExportCommand() *cobra.Command {
	var markdown bool
	var out string
	cmd := &cobra.Command{
		Use:   "export [ID]…",
		Short: "Write conversations as JSON, or as Markdown",
		Long: `Write conversations, all if none is named, as JSON that bise history import reads, with
every version of every message and what was attached. As Markdown, for reading: each
as it was seen last.`,
		Example: `bise history export -o conversations.json
bise history export 12 --markdown >slices.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if markdown && a.json {
				return usageErrorf("--markdown and --json exclude each other")
			}
			return a.withHistory(cmd.Context(), func(s *history.Store) error {
				return a.historyExport(cmd.Context(), s, args, markdown, out)
			})
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` (default: standard output)")
	return cmd
}

func (a *app) historyExport(ctx context.Context, s *history.Store, args []string, markdown bool, out string) error {
	ids, err := conversationIDs(ctx, s, args)
	if err == nil && len(args) == 0 {
		ids, err = allConversations(ctx, s)
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		if !markdown {
			return s.ExportJSON(ctx, w, ids...)
		}
		for i, id := range ids {
			if i > 0 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := s.ExportMarkdown(ctx, w, id, false); err != nil {
				return err
			}
		}
		return nil
	}
	if out == "" {
		if !a.out.Terminal() {
			return write(a.stdout)
		}
		var text strings.Builder
		if err := write(&text); err != nil {
			return err
		}
		_, err := io.WriteString(a.stdout, term.Clean(text.String()))
		return err
	}
	if err := writeFile(out, write); err != nil {
		return usageErrorf("cannot write %s: %v", out, err)
	}
	a.note("%s in %s.", plural(len(ids), "conversation"), out)
	return nil
}

// writeFile makes a file that is whole or not there, which only the person may
// read.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Discard()
		return err
	}
	return f.Commit()
}

func (a *app) historyImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "import FILE",
		Short:   "Take in conversations that were exported",
		Long:    "Take in conversations that were exported, from a file or, as -, from stdin. Those that are\nhere already are passed over.",
		Example: "bise history import conversations.json",
		Args:    arguments(cobra.ExactArgs(1), "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withHistory(cmd.Context(), func(s *history.Store) error { return a.historyImport(cmd.Context(), s, args[0]) })
		},
	}
}

func (a *app) historyImport(ctx context.Context, s *history.Store, path string) error {
	in := a.stdin
	if path != "-" {
		f, err := attach.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	a.progress.wait(func(int) string { return "importing " + path })
	ids, present, err := s.Import(ctx, in)
	a.progress.erase()
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, struct {
			Imported []int64 `json:"imported"`
			Present  int     `json:"present"`
		}{append([]int64{}, ids...), present})
	}
	text := were(len(ids), "conversation") + " imported"
	if present > 0 {
		text += "; " + were(present, "conversation") + " here already"
	}
	a.note("%s.", text)
	return nil
}

func (a *app) historyRmCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "rm ID…",
		Short:   "Remove conversations for good",
		Example: "bise history rm 12 13\nbise history rm --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == !all {
				return &fault.Error{Kind: fault.Usage, Msg: "bise history rm takes the IDs of conversations, or --all", Advice: "bise history list tells them."}
			}
			return a.withHistory(cmd.Context(), func(s *history.Store) error { return a.historyRm(cmd.Context(), s, args, all) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove all conversations")
	return cmd
}

func (a *app) historyRm(ctx context.Context, s *history.Store, args []string, all bool) error {
	ids, err := conversationIDs(ctx, s, args)
	n := len(ids)
	switch {
	case err != nil:
	case all:
		n, err = s.PurgeAll(ctx)
	default:
		err = s.Purge(ctx, ids...)
	}
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, struct {
			Removed int `json:"removed"`
		}{n})
	}
	a.note("%s removed.", were(n, "conversation"))
	return nil
}
