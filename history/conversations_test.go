package history

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// aged sets when a conversation changed last.
func aged(t *testing.T, s *Store, id int64, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago).UnixMilli()
	if _, err := s.write.Exec("UPDATE conversations SET updated = ?, deleted = CASE WHEN deleted IS NULL THEN NULL ELSE ? END WHERE id = ?", at, at, id); err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, s *Store) []int64 {
	t.Helper()
	list, err := s.List(t.Context(), Conversation{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestDraftFromTheFirstKeystroke(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("a conversation without a word is listed: %v", got)
	}
	for _, draft := range []string{"H", "Ho", "How"} {
		if err := s.SaveDraft(t.Context(), c.ID, draft); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Conversation(t.Context(), c.ID)
	if err != nil || got.Draft != "How" || got.Mode != "chat" || got.Model != "ministral-3-8b" || got.Title != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if ids := listed(t, s); !slices.Equal(ids, []int64{c.ID}) {
		t.Errorf("listed: %v", ids)
	}
	said(t, s, c.ID, 0, engine.User, "How\n")
	if got, _ = s.Conversation(t.Context(), c.ID); got.Draft != "" || got.Title != "How" {
		t.Errorf("after it was sent: %+v", got)
	}
	// What is typed while an earlier message is sent stays.
	if err := s.SaveDraft(t.Context(), c.ID, "next"); err != nil {
		t.Fatal(err)
	}
	said(t, s, c.ID, got.Leaf, engine.User, "queued before")
	if got, _ = s.Conversation(t.Context(), c.ID); got.Draft != "next" {
		t.Errorf("draft %q", got.Draft)
	}
}

func TestListInPages(t *testing.T) {
	s := openTest(t)
	var want []int64
	for i := range 25 {
		c := started(t, s)
		said(t, s, c.ID, 0, engine.User, "hello")
		aged(t, s, c.ID, time.Duration(i/4)*time.Hour) // some changed at the same moment
		want = append(want, c.ID)
	}
	at := time.Now().UnixMilli()
	if _, err := s.write.Exec("UPDATE conversations SET updated = ? - 1000 * (id / 4)", at); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(want, func(a, b int64) int {
		if a/4 != b/4 {
			return int(a/4 - b/4)
		}
		return int(b - a)
	})
	var got []int64
	var last Conversation
	for {
		page, err := s.List(t.Context(), last, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.ID)
		}
		last = page[len(page)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages\n%v, want\n%v", got, want)
	}
}

func TestRename(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	said(t, s, c.ID, 0, engine.User, "How does  a\nslice grow?")
	for _, tt := range []struct {
		title, want string
		renamed     bool
	}{
		{"slices\nin Go ", "slices in Go", true},
		{"", "How does a slice grow?", false},
		{strings.Repeat("é", 200), strings.Repeat("é", 58) + "…", true},
	} {
		if err := s.Rename(t.Context(), c.ID, tt.title); err != nil {
			t.Fatal(err)
		}
		got, err := s.Conversation(t.Context(), c.ID)
		if err != nil || got.Title != tt.want || got.Renamed != tt.renamed {
			t.Errorf("%q: %+v, %v", tt.title, got, err)
		}
		if hits, err := s.Search(t.Context(), tt.want, 5); err != nil || len(hits) != 1 || len(hits[0].TitleMarks) == 0 {
			t.Errorf("search by %q: %+v, %v", tt.want, hits, err)
		}
	}
	if hits, _ := s.Search(t.Context(), "slices", 5); len(hits) != 0 {
		t.Errorf("found by an old title: %+v", hits)
	}
}

func TestChoose(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	if err := s.SetModel(t.Context(), c.ID, "code", "codestral"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Conversation(t.Context(), c.ID); err != nil || got.Mode != "code" || got.Model != "codestral" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	c := started(t, s)
	other := said(t, s, started(t, s).ID, 0, engine.User, "elsewhere")
	for name, err := range map[string]error{
		"draft":    s.SaveDraft(ctx, 99, "x"),
		"rename":   s.Rename(ctx, 99, "x"),
		"choose":   s.SetModel(ctx, 99, "x", "y"),
		"delete":   s.Delete(ctx, c.ID, 99),
		"restore":  s.Restore(ctx, c.ID), // it was not deleted
		"purge":    s.Purge(ctx, 99),
		"switch":   s.Switch(ctx, 99),
		"markdown": s.ExportMarkdown(ctx, t.Output(), 99, false),
		"json":     s.ExportJSON(ctx, t.Output(), 99),
		"conversation": func() error {
			_, err := s.Conversation(ctx, 99)
			return err
		}(),
		"path": func() error {
			_, err := s.Path(ctx, 99)
			return err
		}(),
		"add": func() error {
			_, err := s.Add(ctx, Message{Conversation: 99, Message: say(engine.User, "x")})
			return err
		}(),
		"parent": func() error {
			_, err := s.Add(ctx, Message{Conversation: c.ID, Parent: other.ID, Message: say(engine.User, "x")})
			return err
		}(),
		"begin": func() error {
			_, err := s.Begin(ctx, Message{Conversation: c.ID, Parent: 99, Message: say(engine.Assistant, "")})
			return err
		}(),
		"continue": func() error {
			_, err := s.Continue(ctx, 99)
			return err
		}(),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Restore(ctx, c.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete took one of two: %v", err)
	}
}

func TestDeleteAndUndo(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	a, b := started(t, s), started(t, s)
	said(t, s, a.ID, 0, engine.User, "apples")
	said(t, s, b.ID, 0, engine.User, "pears")
	if err := s.Delete(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Tidy(ctx); err != nil { // too early to remove it
		t.Fatal(err)
	}
	hits, err := s.Search(ctx, "apples", 5)
	if err != nil || len(hits) != 0 || !slices.Equal(listed(t, s), []int64{b.ID}) {
		t.Errorf("a deleted one is found: %v, %v, listed %v", hits, err, listed(t, s))
	}
	if err := s.Restore(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if hits, err = s.Search(ctx, "apples", 5); err != nil || len(hits) != 1 || len(listed(t, s)) != 2 {
		t.Errorf("after undo: %v, %v, listed %v", hits, err, listed(t, s))
	}
}

func TestRestoreLast(t *testing.T) {
	s := openTest(t)
	var ids []int64
	for range 3 {
		c := started(t, s)
		said(t, s, c.ID, 0, engine.User, "hello")
		ids = append(ids, c.ID)
	}
	for i, id := range ids[:2] {
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		aged(t, s, id, time.Duration(2-i)*time.Minute)
	}
	for _, want := range []int64{ids[1], ids[0]} {
		if c, err := s.RestoreLast(t.Context()); err != nil || c.ID != want {
			t.Errorf("%+v, %v, want %d", c, err, want)
		}
	}
	if _, err := s.RestoreLast(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing is deleted any more: %v", err)
	}
	if got := listed(t, s); len(got) != 3 {
		t.Errorf("listed: %v", got)
	}
}

func TestTidy(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	kept, deleted, empty, fresh := started(t, s), started(t, s), started(t, s), started(t, s)
	picture := engine.Chunk{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,AAAA"}
	file := engine.Chunk{Type: engine.TextChunk, Text: strings.Repeat("only here ", 100)}
	for c, content := range map[int64]engine.Content{kept.ID: {picture}, deleted.ID: {picture, file}} {
		if _, err := s.Add(ctx, Message{
			Conversation: c, Message: engine.Message{Role: engine.User, Content: content},
			Attached: []Attachment{{len(content) - 1, "x"}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(ctx, deleted.ID); err != nil {
		t.Fatal(err)
	}
	aged(t, s, deleted.ID, 25*time.Hour)
	aged(t, s, empty.ID, 25*time.Hour)
	if n := rows(t, s, "blobs"); n != 2 {
		t.Errorf("%d blobs before", n)
	}
	if err := s.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int64]error{kept.ID: nil, deleted.ID: ErrNotFound, empty.ID: ErrNotFound, fresh.ID: nil} {
		if _, err := s.Conversation(ctx, id); !errors.Is(err, want) {
			t.Errorf("conversation %d: %v, want %v", id, err, want)
		}
	}
	for table, want := range map[string]int{"messages": 1, "attached": 1, "blobs": 1, "words": 1, "titles": 1} {
		if n := rows(t, s, table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if p, err := s.Path(ctx, kept.ID); err != nil || p[0].Content[0].ImageURL != picture.ImageURL {
		t.Errorf("what is kept: %+v, %v", p, err)
	}
}

func TestPurgeAll(t *testing.T) {
	s := openTest(t)
	told(t, s)
	gone := told(t, s)
	if err := s.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := s.PurgeAll(t.Context()); err != nil || n != want {
			t.Errorf("%d removed, %v, want %d", n, err, want)
		}
	}
	for _, table := range []string{"conversations", "messages", "pieces", "attached", "blobs", "words", "titles"} {
		if n := rows(t, s, table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	said(t, s, started(t, s).ID, 0, engine.User, "a new beginning")
	if hits, err := s.Search(t.Context(), "beginning", 5); err != nil || len(hits) != 1 {
		t.Errorf("%+v, %v", hits, err)
	}
}

func rows(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.read.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneLine(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"  a \n\t b ", "a b"},
		{"twelve bytes", "twelve bytes"},
		{"thirteen words", "thirteen…"},
		{"indivisibilities", "indivisib…"},
		{"ééééééééé", "éééé…"},
		{"a\xffb", "ab"},
		{strings.Repeat(" ", 5000), ""},
	} {
		got := oneLine(tt.text, 12)
		if got != tt.want || len(got) > 12 || !utf8.ValidString(got) {
			t.Errorf("oneLine(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSystemAndParameters(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	var p engine.Parameters
	if err := p.Set("temperature", "0"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSystem(t.Context(), c.ID, "Be brief."); err != nil {
		t.Fatal(err)
	}
	if err := s.SetParameters(t.Context(), c.ID, p); err != nil {
		t.Fatal(err)
	}
	said(t, s, c.ID, 0, engine.User, "why?")
	check := func(s *Store, id int64) {
		t.Helper()
		c, err := s.Conversation(t.Context(), id)
		if err != nil || c.System != "Be brief." || c.Parameters.Temperature == nil || *c.Parameters.Temperature != 0 || c.Parameters.TopP != nil {
			t.Errorf("the conversation is %+v, %v", c, err)
		}
	}
	check(s, c.ID)
	var file, text bytes.Buffer
	if err := errors.Join(s.ExportJSON(t.Context(), &file, c.ID), s.ExportMarkdown(t.Context(), &text, c.ID, false)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "## Instructions\n\nBe brief.\n\n## You") {
		t.Errorf("the Markdown is %s", text.String())
	}
	other := openTest(t)
	ids, _, err := other.Import(t.Context(), &file)
	if err != nil || len(ids) != 1 {
		t.Fatalf("imported %v, %v", ids, err)
	}
	check(other, ids[0])
}

// The system prompt was the first message of a conversation in version 1.
func TestSystemOfAnOlderVersion(t *testing.T) {
	all := migrations
	t.Cleanup(func() { migrations = all })
	migrations = all[:1]
	path := filepath.Join(t.TempDir(), "history.db")
	old := connect(path)
	if err := errors.Join(create(path), migrate(t.Context(), old)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Exec(`INSERT INTO conversations (id, mode, model, created, updated, leaf) VALUES (1, 'chat', 'm', 1, 1, 2), (2, 'chat', 'm', 1, 1, NULL);
		INSERT INTO messages (id, conversation, parent, role, content, state, created) VALUES
		(1, 1, NULL, 'system', '{"chunks":[{"type":"text","text":"Be brief."}]}', 0, 1), (2, 1, 1, 'user', '{"chunks":[{"type":"text","text":"why?"}]}', 0, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	migrations = all
	s := openAt(t, path)
	for id, want := range map[int64]string{1: "Be brief.", 2: ""} {
		if c, err := s.Conversation(t.Context(), id); err != nil || c.System != want {
			t.Errorf("conversation %d is %+v, %v", id, c, err)
		}
	}
	messages, err := s.Path(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if list := Messages(messages); len(list) != 1 || list[0].Role != engine.User {
		t.Errorf("the request has %+v", list)
	}
}
