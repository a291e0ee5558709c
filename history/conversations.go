package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

// maxTitle is the longest title that is made of first words, in bytes.
const maxTitle = 120

// columns of a conversation, as scan reads them.
const columns = "c.id, c.title, c.renamed, c.mode, c.model, c.created, c.updated, c.draft, coalesce(c.leaf, 0)"

func (c *Conversation) scan(row interface{ Scan(...any) error }, more ...any) error {
	var created, updated int64
	err := row.Scan(append([]any{&c.ID, &c.Title, &c.Renamed, &c.Mode, &c.Model, &created, &updated, &c.Draft, &c.Leaf}, more...)...)
	c.Created, c.Updated = time.UnixMilli(created), time.UnixMilli(updated)
	return err
}

// Start begins a conversation, which lists show as soon as it has a draft or a
// message.
func (s *Store) Start(ctx context.Context, mode, model string) (Conversation, error) {
	now := time.UnixMilli(time.Now().UnixMilli())
	r, err := s.write.ExecContext(ctx, "INSERT INTO conversations (mode, model, created, updated) VALUES (?, ?, ?, ?)",
		mode, model, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return Conversation{}, failed("start a conversation", err)
	}
	id, err := r.LastInsertId()
	return Conversation{ID: id, Mode: mode, Model: model, Created: now, Updated: now}, err
}

// Conversation is one conversation, deleted or not. The error is [ErrNotFound]
// when there is none.
func (s *Store) Conversation(ctx context.Context, id int64) (Conversation, error) {
	var c Conversation
	err := c.scan(s.read.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE id = ?", id))
	return c, failed(fmt.Sprintf("read conversation %d", id), err)
}

// List is a page of conversations, the last changed first: those after the
// conversation that the page before ended with, or the first ones after the zero
// Conversation. Those without a message and a draft are left out.
func (s *Store) List(ctx context.Context, after Conversation, limit int) ([]Conversation, error) {
	query := "SELECT " + columns + " FROM conversations c WHERE deleted IS NULL AND (leaf IS NOT NULL OR draft <> '')"
	var args []any
	if after.ID != 0 {
		query += " AND (updated, id) < (?, ?)"
		args = append(args, after.Updated.UnixMilli(), after.ID)
	}
	rows, err := s.read.QueryContext(ctx, query+" ORDER BY updated DESC, id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, failed("list the conversations", err)
	}
	defer rows.Close()
	var list []Conversation
	for rows.Next() {
		var c Conversation
		if err := c.scan(rows); err != nil {
			return nil, failed("list the conversations", err)
		}
		list = append(list, c)
	}
	return list, failed("list the conversations", rows.Err())
}

// SaveDraft keeps the text in the composer, from the first key on.
func (s *Store) SaveDraft(ctx context.Context, id int64, draft string) error {
	return s.change(ctx, "save the draft", id, "draft = ?, updated = ?", draft, time.Now().UnixMilli())
}

// Choose keeps the mode and the model that the user chose for a conversation.
func (s *Store) Choose(ctx context.Context, id int64, mode, model string) error {
	return s.change(ctx, "change the model", id, "mode = ?, model = ?", mode, model)
}

// Rename gives a conversation the user's title. An empty one gives it its first
// words again.
func (s *Store) Rename(ctx context.Context, id int64, title string) error {
	title = oneLine(title, maxTitle)
	return failed(fmt.Sprintf("rename conversation %d", id), inTx(ctx, s.write, func(tx *sql.Tx) error {
		renamed := title != ""
		if !renamed {
			var err error
			if title, err = firstWords(ctx, tx, id); err != nil {
				return err
			}
		}
		return setTitle(ctx, tx, id, title, renamed)
	}))
}

// Delete takes conversations from the lists. [Store.Restore] restores them until
// [Store.Tidy] removes them for good.
func (s *Store) Delete(ctx context.Context, ids ...int64) error {
	return s.mark(ctx, "delete", time.Now().UnixMilli(), ids)
}

// Restore undoes Delete.
func (s *Store) Restore(ctx context.Context, ids ...int64) error {
	return s.mark(ctx, "restore", nil, ids)
}

// RestoreLast restores the conversation that was deleted last, as long as it is there.
// The error is [ErrNotFound] when there is none.
func (s *Store) RestoreLast(ctx context.Context) (Conversation, error) {
	var c Conversation
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		err := c.scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE deleted IS NOT NULL ORDER BY deleted DESC, id DESC LIMIT 1"))
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE conversations SET deleted = NULL WHERE id = ?", c.ID)
		}
		return err
	})
	return c, failed("restore the last conversation", err)
}

func (s *Store) mark(ctx context.Context, what string, deleted any, ids []int64) error {
	return inTx(ctx, s.write, func(tx *sql.Tx) error {
		for _, id := range ids {
			r, err := tx.ExecContext(ctx, "UPDATE conversations SET deleted = ? WHERE id = ? AND (deleted IS NULL) <> (? IS NULL)", deleted, id, deleted)
			if err := failed(fmt.Sprintf("%s conversation %d", what, id), touched(r, err)); err != nil {
				return err
			}
		}
		return nil
	})
}

// change sets columns of a conversation.
func (s *Store) change(ctx context.Context, what string, id int64, set string, args ...any) error {
	r, err := s.write.ExecContext(ctx, "UPDATE conversations SET "+set+" WHERE id = ?", append(args, id)...)
	return failed(what, touched(r, err))
}

// setTitle sets a title and what finds it.
func setTitle(ctx context.Context, tx *sql.Tx, id int64, title string, renamed bool) error {
	r, err := tx.ExecContext(ctx, "UPDATE conversations SET title = ?, renamed = ? WHERE id = ?", title, renamed, id)
	if err := touched(r, err); err != nil {
		return err
	}
	words, parts := indexed(title)
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO titles (rowid, text, parts) VALUES (?, ?, ?)", id, words, parts)
	return err
}

// touched is ErrNotFound for a change that found nothing.
func touched(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// failed wraps an error with what was attempted; nil stays nil.
func failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		err = ErrNotFound
	case damaged(err):
		return &fault.Error{
			Kind: fault.BadData, Msg: fmt.Sprintf("%s: the history is damaged: %v", what, err), Cause: err,
			Advice: "Save what can be read with bise history export, then move the file away to begin a new history.",
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// oneLine is the beginning of a text with every run of white space as a space, in at most
// limit bytes, cut between words where there are any.
func oneLine(text string, limit int) string {
	// Enough of a long text to fill the limit, unless it is nothing but space.
	if most := 64 * limit; len(text) > most {
		text = text[:most]
	}
	line := strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(line) <= limit {
		return line
	}
	cut := limit - len("…")
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	if space := strings.LastIndexByte(line[:cut], ' '); space > cut/2 {
		cut = space
	}
	return line[:cut] + "…"
}
