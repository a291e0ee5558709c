package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// maxTitle is the longest title made from first words, in bytes.
const maxTitle = 120

// columns of a conversation, as scan reads them.
const columns = "c.id, c.title, c.renamed, c.mode, c.model, c.created, c.updated, c.draft, coalesce(c.leaf, 0), c.system, c.parameters"

func (c *Conversation) scan(row interface{ Scan(...any) error }, more ...any) error {
	var created, updated int64
	err := row.Scan(append([]any{&c.ID, &c.Title, &c.Renamed, &c.Mode, &c.Model, &created, &updated, &c.Draft, &c.Leaf, &c.System, jsonColumn{&c.Parameters}}, more...)...)
	c.Created, c.Updated = time.UnixMilli(created), time.UnixMilli(updated)
	return err
}

// Start creates a conversation. Lists show it once it has a draft or a message.
func (s *Store) Start(ctx context.Context, mode, model string) (Conversation, error) {
	now := time.UnixMilli(time.Now().UnixMilli())
	r, err := s.write.ExecContext(ctx, "INSERT INTO conversations (mode, model, created, updated) VALUES (?, ?, ?, ?)",
		mode, model, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return Conversation{}, wrap("start a conversation", err)
	}
	id, err := r.LastInsertId()
	return Conversation{ID: id, Mode: mode, Model: model, Created: now, Updated: now}, err
}

// Conversation returns a conversation, deleted or not. If it does not exist, the error is
// [ErrNotFound].
func (s *Store) Conversation(ctx context.Context, id int64) (Conversation, error) {
	var c Conversation
	err := c.scan(s.read.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE id = ?", id))
	return c, wrap(fmt.Sprintf("read conversation %d", id), err)
}

// List returns a page of conversations with a message or a draft, newest change first. The
// page begins after the given conversation, the last one of the page before; the zero
// Conversation asks for the first page.
func (s *Store) List(ctx context.Context, after Conversation, limit int) ([]Conversation, error) {
	query := "SELECT " + columns + " FROM conversations c WHERE deleted IS NULL AND (leaf IS NOT NULL OR draft <> '')"
	var args []any
	if after.ID != 0 {
		query += " AND (updated, id) < (?, ?)"
		args = append(args, after.Updated.UnixMilli(), after.ID)
	}
	var list []Conversation
	err := forEachRow(ctx, s.read, func(rows *sql.Rows) error {
		var c Conversation
		err := c.scan(rows)
		list = append(list, c)
		return err
	}, query+" ORDER BY updated DESC, id DESC LIMIT ?", append(args, limit)...)
	return list, wrap("list the conversations", err)
}

// Last returns the conversation that was changed last, of those with a message. found is
// false if there is none.
func (s *Store) Last(ctx context.Context) (c Conversation, found bool, err error) {
	err = forEachRow(ctx, s.read, func(rows *sql.Rows) error {
		found = true
		return c.scan(rows)
	}, "SELECT "+columns+" FROM conversations c WHERE deleted IS NULL AND leaf IS NOT NULL ORDER BY updated DESC, id DESC LIMIT 1")
	return c, found, wrap("find the last conversation", err)
}

// SaveDraft saves the text in the composer.
func (s *Store) SaveDraft(ctx context.Context, id int64, draft string) error {
	return s.update(ctx, "save the draft", id, "draft = ?, updated = ?", draft, time.Now().UnixMilli())
}

// SetModel saves the mode and the model that the user chose for a conversation.
func (s *Store) SetModel(ctx context.Context, id int64, mode, model string) error {
	return s.update(ctx, "change the model", id, "mode = ?, model = ?", mode, model)
}

// SetSystem saves the system prompt of a conversation.
func (s *Store) SetSystem(ctx context.Context, id int64, text string) error {
	return s.update(ctx, "save the system prompt", id, "system = ?", text)
}

// SetParameters saves what the user set for the answers of a conversation.
func (s *Store) SetParameters(ctx context.Context, id int64, p engine.Parameters) error {
	return s.update(ctx, "save the parameters", id, "parameters = ?", jsonColumn{&p})
}

// Rename sets the user's title of a conversation. An empty title restores the one made
// from its first words.
func (s *Store) Rename(ctx context.Context, id int64, title string) error {
	title = oneLine(title, maxTitle)
	return wrap(fmt.Sprintf("rename conversation %d", id), inTx(ctx, s.write, func(tx *sql.Tx) error {
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

// Delete hides conversations from the lists. [Store.Restore] undoes it until [Store.Tidy]
// removes them for good.
func (s *Store) Delete(ctx context.Context, ids ...int64) error {
	return s.setDeleted(ctx, "delete", time.Now().UnixMilli(), ids)
}

// Restore undoes Delete.
func (s *Store) Restore(ctx context.Context, ids ...int64) error {
	return s.setDeleted(ctx, "restore", nil, ids)
}

// RestoreLast restores the conversation that was deleted last. If there is no deleted one,
// the error is [ErrNotFound].
func (s *Store) RestoreLast(ctx context.Context) (Conversation, error) {
	var c Conversation
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		err := c.scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE deleted IS NOT NULL ORDER BY deleted DESC, id DESC LIMIT 1"))
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE conversations SET deleted = NULL WHERE id = ?", c.ID)
		}
		return err
	})
	return c, wrap("restore the last conversation", err)
}

func (s *Store) setDeleted(ctx context.Context, what string, deleted any, ids []int64) error {
	return inTx(ctx, s.write, func(tx *sql.Tx) error {
		for _, id := range ids {
			r, err := tx.ExecContext(ctx, "UPDATE conversations SET deleted = ? WHERE id = ? AND (deleted IS NULL) <> (? IS NULL)", deleted, id, deleted)
			if err := wrap(fmt.Sprintf("%s conversation %d", what, id), checkChanged(r, err)); err != nil {
				return err
			}
		}
		return nil
	})
}

// update sets columns of a conversation.
func (s *Store) update(ctx context.Context, what string, id int64, set string, args ...any) error {
	r, err := s.write.ExecContext(ctx, "UPDATE conversations SET "+set+" WHERE id = ?", append(args, id)...)
	return wrap(what, checkChanged(r, err))
}

// setTitle sets a title and its entry in the index.
func setTitle(ctx context.Context, tx *sql.Tx, id int64, title string, renamed bool) error {
	r, err := tx.ExecContext(ctx, "UPDATE conversations SET title = ?, renamed = ? WHERE id = ?", title, renamed, id)
	if err := checkChanged(r, err); err != nil {
		return err
	}
	words, parts := indexed(title)
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO titles (rowid, text, parts) VALUES (?, ?, ?)", id, words, parts)
	return err
}

// checkChanged returns ErrNotFound if a statement changed no row.
func checkChanged(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// wrap adds what was attempted to an error; nil stays nil.
func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		err = ErrNotFound
	case isDamaged(err):
		return &fault.Error{
			Kind: fault.BadData, Msg: fmt.Sprintf("%s: the history is damaged: %v", what, err), Cause: err,
			Advice: "Save what is readable with bise history export, then move the file away to start a new history.",
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// oneLine is the beginning of a text with single spaces for white space, in at most limit
// bytes, cut between words if possible.
func oneLine(text string, limit int) string {
	// Enough of a long text to fill the limit, unless it is only white space.
	line := joinFields(text[:min(len(text), 64*limit)])
	if len(line) <= limit {
		return line
	}
	return line[:cutWord(line[:limit-len("…")])] + "…"
}

// joinFields puts a text on one line, with single spaces for white space.
func joinFields(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
}
