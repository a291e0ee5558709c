package history

import (
	"context"
	"database/sql"
	"time"
)

const (
	// undoable is how long a deleted conversation can be restored.
	undoable = 24 * time.Hour
	// abandoned is the age of an answer that no process seems to write any more, and a
	// conversation in which there are no messages.
	abandoned = time.Minute
)

// Tidy removes what was deleted a day ago, ends answers that a killed process
// left unfinished, and gives room back to the system. It is for the background
// of a program that has started.
func (s *Store) Tidy(ctx context.Context) error {
	now := time.Now()
	if err := s.settle(ctx, now.Add(-abandoned)); err != nil {
		return failed("tidy the history", err)
	}
	err := s.purge(ctx, `SELECT id FROM conversations WHERE deleted < ?
		UNION ALL SELECT id FROM conversations WHERE deleted IS NULL AND leaf IS NULL AND draft = '' AND updated < ?`,
		now.Add(-undoable).UnixMilli(), now.Add(-undoable).UnixMilli())
	return failed("tidy the history", err)
}

// Purge removes conversations for good, with what was attached to them alone.
func (s *Store) Purge(ctx context.Context, ids ...int64) error {
	for _, id := range ids {
		if _, err := s.Conversation(ctx, id); err != nil {
			return err
		}
		if err := s.purge(ctx, "SELECT ?", id); err != nil {
			return failed("remove a conversation", err)
		}
	}
	return nil
}

// PurgeAll removes all conversations for good, the deleted ones with them, and
// tells how many there were.
func (s *Store) PurgeAll(ctx context.Context) (n int, err error) {
	err = inTx(ctx, s.write, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM conversations WHERE deleted IS NULL AND (leaf IS NOT NULL OR draft <> '')").Scan(&n); err != nil {
			return err
		}
		for _, statement := range []string{
			"INSERT INTO words (words) VALUES ('delete-all')",
			"INSERT INTO titles (titles) VALUES ('delete-all')",
			"DELETE FROM conversations",
			"DELETE FROM blobs",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = s.write.ExecContext(ctx, "VACUUM")
	}
	return n, failed("remove all conversations", err)
}

// settle ends the answers that were begun before a time.
func (s *Store) settle(ctx context.Context, before time.Time) error {
	ids, err := readIDs(ctx, s.read, "SELECT id FROM messages WHERE state = 1 AND created < ?", before.UnixMilli())
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := inTx(ctx, s.write, func(tx *sql.Tx) error {
			var state State
			if err := tx.QueryRowContext(ctx, "SELECT state FROM messages WHERE id = ?", id).Scan(&state); err != nil || state != Streaming {
				return err
			}
			return fold(ctx, tx, id, Stopped, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purge removes the conversations that a query gives, one in a transaction so
// that other writers need not wait for all.
func (s *Store) purge(ctx context.Context, query string, args ...any) error {
	ids, err := readIDs(ctx, s.read, query, args...)
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		err := inTx(ctx, s.write, func(tx *sql.Tx) error {
			for _, statement := range []string{
				"DELETE FROM words WHERE rowid IN (SELECT id FROM messages WHERE conversation = ?)",
				"DELETE FROM titles WHERE rowid = ?",
				"DELETE FROM conversations WHERE id = ?", // and what refers to it
			} {
				if _, err := tx.ExecContext(ctx, statement, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := s.write.ExecContext(ctx, "DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM attached WHERE blob = blobs.id)"); err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "PRAGMA incremental_vacuum")
	return err
}

func readIDs(ctx context.Context, db *sql.DB, query string, args ...any) ([]int64, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
