package past

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
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// A listedConversation is a conversation in the output of bise history.
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

// History is the command bise history.
func History(con *console.Console, h *Opener) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history VERB",
		Short: "List, search and export conversations",
		Long: `List, search and export conversations from the interface and from bise ask. They stay on
this machine until you remove them. With history = false in config.toml, none are saved.`,
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
		historyListCommand(con, h), historySearchCommand(con, h), historyShowCommand(con, h),
		historyExportCommand(con, h), historyImportCommand(con, h), historyRmCommand(con, h),
	)
	return cmd
}

func historyListCommand(con *console.Console, h *Opener) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the conversations, newest first",
		Example: "bise history list\nbise history list --limit 0 --json",
		Args:    flags.Args(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return fault.Errorf(fault.Usage, "--limit must not be negative")
			}
			return h.Use(cmd.Context(), func(s *history.Store) error { return historyList(cmd.Context(), con, s, limit) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "list at most `N` conversations, 0 for all (default: 20)")
	return cmd
}

// listConversations returns the last limit conversations, or all for 0. more reports
// whether others exist.
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

func historyList(ctx context.Context, con *console.Console, s *history.Store, limit int) error {
	list, more, err := listConversations(ctx, s, limit)
	if err != nil {
		return err
	}
	if con.JSON {
		return con.WriteJSON(list)
	}
	if len(list) == 0 {
		con.Notef("No conversations yet. Start one with bise or bise ask.")
		return nil
	}
	t := &console.Table{Head: []string{"ID", "WHEN", "MODEL", "TITLE"}, Right: []int{0}}
	for _, c := range list {
		model := c.Model
		if filepath.IsAbs(model) {
			model = strings.TrimSuffix(filepath.Base(model), ".gguf")
		}
		t.Add(fmt.Sprint(c.ID), when(c.Updated), oneLine(con, model), oneLine(con, c.Title))
	}
	if err := con.Print(t); err != nil {
		return err
	}
	if more {
		con.Notef("These are the last %d. All: bise history list --limit 0", limit)
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

// oneLine formats a text on one line; for a terminal it is cleaned.
func oneLine(con *console.Console, s string) string {
	if con.Out.Terminal() {
		s = term.Clean(s)
	}
	return strings.Join(strings.Fields(s), " ")
}

// A foundConversation is a conversation in the output of bise history search.
type foundConversation struct {
	listedConversation
	Message int64    `json:"message,omitempty"` // that matches best
	Role    string   `json:"role,omitempty"`
	Text    string   `json:"text,omitempty"`  // an excerpt
	Marks   [][2]int `json:"marks,omitempty"` // what matched in it, in bytes
	Matches int      `json:"matches"`
}

func historySearchCommand(con *console.Console, h *Opener) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "search WORD…",
		Short: "Search the text of conversations",
		Long: `Search the text of conversations, best matches first. All words must occur, each as the
beginning of a word; words in double quotes must occur as they are. The exit code is 1
if nothing is found.`,
		Example: `bise history search slice grow
bise history search '"a slice grows"'
bise history search os.ReadFile :=`,
		Args: flags.Args(cobra.MinimumNArgs(1), "what to search for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return fault.Errorf(fault.Usage, "--limit must be at least 1")
			}
			query := strings.Join(args, " ")
			if history.ParseQuery(query).Empty() {
				return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q has no word to search for", query), Advice: "Search for letters, digits, or operators such as :=."}
			}
			return h.Use(cmd.Context(), func(s *history.Store) error { return historySearch(cmd.Context(), con, s, query, limit) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "list at most `N` conversations (default: 20)")
	return cmd
}

func historySearch(ctx context.Context, con *console.Console, s *history.Store, query string, limit int) error {
	hits, err := s.Search(ctx, query, limit)
	if err != nil {
		return err
	}
	if con.JSON {
		found := []foundConversation{}
		for _, h := range hits {
			f := foundConversation{listConversation(h.Conversation), h.Message, string(h.Role), h.Text, nil, h.Matches}
			for _, m := range h.Marks {
				f.Marks = append(f.Marks, [2]int{m.Start, m.End})
			}
			found = append(found, f)
		}
		if err := con.WriteJSON(found); err != nil {
			return err
		}
	} else if err := printHits(con, hits, history.ParseQuery(query)); err != nil {
		return err
	}
	if len(hits) == 0 {
		con.Notef("Nothing found.")
		return console.ErrNo
	}
	return nil
}

// printHits writes a line for each conversation, with an excerpt below it.
func printHits(con *console.Console, hits []history.Hit, q history.Query) error {
	columns := 0
	if con.Out.Terminal() {
		columns, _ = con.Out.Size()
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
		line(fmt.Sprintf("%s  %s  %s", id, when(h.Conversation.Updated), marked(con, h.Conversation.Title, q)))
		if h.Message != 0 {
			line(strings.Repeat(" ", len(id)+2) + marked(con, h.Text, q))
		}
	}
	_, err := io.WriteString(con.Stdout, b.String())
	return err
}

// marked is a line in which what was found is bold, on a terminal.
func marked(con *console.Console, text string, q history.Query) string {
	text = oneLine(con, text)
	if !con.Out.Moves() || con.Accessible {
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

func historyShowCommand(con *console.Console, h *Opener) *cobra.Command {
	return &cobra.Command{
		Use:   "show [ID]",
		Short: "Print a conversation",
		Long: `Print a conversation as Markdown, the last one if none is named. On a terminal it is
rendered. Attachments and thinking are only mentioned; --json prints everything.`,
		Example: "bise history show\nbise history show 12",
		Args:    flags.Args(cobra.MaximumNArgs(1), "at most one ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return h.Use(cmd.Context(), func(s *history.Store) error { return historyShow(cmd.Context(), con, s, args) })
		},
	}
}

func historyShow(ctx context.Context, con *console.Console, s *history.Store, args []string) error {
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
			return &fault.Error{Kind: fault.Usage, Msg: "no conversations yet", Advice: "Start one with bise or bise ask."}
		}
		ids = []int64{last[0].ID}
	}
	if con.JSON {
		return s.ExportJSON(ctx, con.Stdout, ids...)
	}
	var text strings.Builder
	if err := s.ExportMarkdown(ctx, &text, ids[0], true); err != nil {
		return err
	}
	sheet := con.Sheet(false)
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
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("there is no conversation %d", id), Advice: "bise history list shows them."}
		case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid conversation ID %q", arg), Advice: "IDs are numbers: bise history list shows them."}
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

func historyExportCommand(con *console.Console, h *Opener) *cobra.Command {
	var markdown bool
	var out string
	cmd := &cobra.Command{
		Use:   "export [ID]…",
		Short: "Export conversations as JSON or Markdown",
		Long: `Export conversations, all if none is named, as JSON for bise history import, with every
version of every message and the attachments. --markdown writes the versions that were
last shown.`,
		Example: `bise history export -o conversations.json
bise history export 12 --markdown >slices.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if markdown && con.JSON {
				return fault.Errorf(fault.Usage, "--markdown and --json are mutually exclusive")
			}
			return h.Use(cmd.Context(), func(s *history.Store) error {
				return historyExport(cmd.Context(), con, s, args, markdown, out)
			})
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` (default: standard output)")
	return cmd
}

func historyExport(ctx context.Context, con *console.Console, s *history.Store, args []string, markdown bool, out string) error {
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
		if !con.Out.Terminal() {
			return write(con.Stdout)
		}
		var text strings.Builder
		if err := write(&text); err != nil {
			return err
		}
		_, err := io.WriteString(con.Stdout, term.Clean(text.String()))
		return err
	}
	if err := writeFile(out, write); err != nil {
		return fault.Errorf(fault.Usage, "cannot write %s: %v", out, err)
	}
	con.Notef("%s in %s.", units.Plural(len(ids), "conversation"), out)
	return nil
}

// writeFile writes a file atomically; only the user may read it.
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

func historyImportCommand(con *console.Console, h *Opener) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Import exported conversations",
		Long: `Import exported conversations from a file, or from standard input with -. Conversations
that the history has already are skipped.`,
		Example: "bise history import conversations.json",
		Args:    flags.Args(cobra.ExactArgs(1), "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return h.Use(cmd.Context(), func(s *history.Store) error { return historyImport(cmd.Context(), con, s, args[0]) })
		},
	}
}

func historyImport(ctx context.Context, con *console.Console, s *history.Store, path string) error {
	in := con.Stdin
	if path != "-" {
		f, err := attach.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	con.Wait(func(int) string { return "importing " + path })
	ids, present, err := s.Import(ctx, in)
	con.Erase()
	if err != nil {
		return err
	}
	if con.JSON {
		return con.WriteJSON(struct {
			Imported []int64 `json:"imported"`
			Present  int     `json:"present"`
		}{append([]int64{}, ids...), present})
	}
	text := "Imported " + units.Plural(len(ids), "conversation")
	if present > 0 {
		text += fmt.Sprintf(", skipped %d that the history has", present)
	}
	con.Notef("%s.", text)
	return nil
}

func historyRmCommand(con *console.Console, h *Opener) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "rm ID…",
		Short:   "Remove conversations permanently",
		Example: "bise history rm 12 13\nbise history rm --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == !all {
				return &fault.Error{Kind: fault.Usage, Msg: "bise history rm takes the IDs of conversations, or --all", Advice: "bise history list shows them."}
			}
			return h.Use(cmd.Context(), func(s *history.Store) error { return historyRm(cmd.Context(), con, s, args, all) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove all conversations")
	return cmd
}

func historyRm(ctx context.Context, con *console.Console, s *history.Store, args []string, all bool) error {
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
	if con.JSON {
		return con.WriteJSON(struct {
			Removed int `json:"removed"`
		}{n})
	}
	con.Notef("Removed %s.", units.Plural(n, "conversation"))
	return nil
}
