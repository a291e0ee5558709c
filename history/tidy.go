package history

import (
	"context"
	"database/sql"
	"time"
)

const (
	// restoreTime is how long a deleted conversation can be restored.
	restoreTime = 24 * time.Hour
	// abandonedAfter is the age at which an unfinished answer counts as abandoned.
	abandonedAfter = time.Minute
)

// Tidy removes conversations that were deleted or abandoned a day ago, ends unfinished
// answers of killed processes, and frees disk space. It may run in the background.
func (s *Store) Tidy(ctx context.Context) error {
	now := time.Now()
	if err := s.endAnswers(ctx, now.Add(-abandonedAfter)); err != nil {
		return wrap("tidy the history", err)
	}
	err := s.purge(ctx, `SELECT id FROM conversations WHERE deleted < ?
		UNION ALL SELECT id FROM conversations WHERE deleted IS NULL AND leaf IS NULL AND draft = '' AND updated < ?`,
		now.Add(-restoreTime).UnixMilli(), now.Add(-restoreTime).UnixMilli())
	return wrap("tidy the history", err)
}

// Purge removes conversations and their attachments for good.
func (s *Store) Purge(ctx context.Context, ids ...int64) error {
	for _, id := range ids {
		if _, err := s.Conversation(ctx, id); err != nil {
			return err
		}
		if err := s.purge(ctx, "SELECT ?", id); err != nil {
			return wrap("remove a conversation", err)
		}
	}
	return nil
}

// PurgeAll removes all conversations for good, and returns how many the lists showed.
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
	return n, wrap("remove all conversations", err)
}

// endAnswers ends the unfinished answers that were begun before a time.
func (s *Store) endAnswers(ctx context.Context, before time.Time) error {
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
			return foldPieces(ctx, tx, id, Stopped, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purge removes the conversations that a query returns, each in its own transaction, so
// that other writers wait less.
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
				"DELETE FROM conversations WHERE id = ?", // cascades to the messages
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
	var ids []int64
	err := forEachRow(ctx, db, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, query, args...)
	return ids, err
}
