package history

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID identifies our databases in their header: "bise" in ASCII.
const applicationID = 0x62697365

// migrations update a database from one version (PRAGMA user_version) to the next. The
// first makes version 1 from an empty file. A released migration must not change.
var migrations = []string{
	`
	CREATE TABLE conversations (
		id      INTEGER PRIMARY KEY AUTOINCREMENT,
		title   TEXT NOT NULL DEFAULT '',
		renamed INTEGER NOT NULL DEFAULT 0,
		mode    TEXT NOT NULL,
		model   TEXT NOT NULL,
		created INTEGER NOT NULL, -- times are Unix milliseconds
		updated INTEGER NOT NULL,
		draft   TEXT NOT NULL DEFAULT '',
		leaf    INTEGER, -- NULL without messages
		deleted INTEGER  -- the time, or NULL
	);
	CREATE INDEX conversations_newest ON conversations (updated DESC, id DESC)
		WHERE deleted IS NULL AND (leaf IS NOT NULL OR draft <> '');
	CREATE INDEX conversations_created ON conversations (created);
	CREATE INDEX conversations_deleted ON conversations (deleted) WHERE deleted IS NOT NULL;

	CREATE TABLE messages (
		id           INTEGER PRIMARY KEY AUTOINCREMENT,
		conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
		parent       INTEGER, -- NULL for a first message
		role         TEXT NOT NULL,
		content      TEXT NOT NULL, -- JSON, see content.go
		state        INTEGER NOT NULL,
		created      INTEGER NOT NULL,
		measured     TEXT -- JSON
	);
	CREATE INDEX messages_by_conversation ON messages (conversation);
	CREATE INDEX messages_streaming ON messages (id) WHERE state = 1;

	-- The pieces of answers that are being written.
	CREATE TABLE pieces (
		message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
		seq     INTEGER NOT NULL,
		type    TEXT NOT NULL,
		text    TEXT NOT NULL,
		PRIMARY KEY (message, seq)
	) WITHOUT ROWID;

	-- Attachments, each stored once.
	CREATE TABLE blobs (
		id       INTEGER PRIMARY KEY,
		hash     BLOB NOT NULL UNIQUE, -- SHA-256 before compression
		deflated INTEGER NOT NULL,
		data     BLOB NOT NULL
	);
	CREATE TABLE attached (
		message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
		blob    INTEGER NOT NULL REFERENCES blobs,
		PRIMARY KEY (message, blob)
	) WITHOUT ROWID;
	CREATE INDEX attached_by_blob ON attached (blob);

	-- The terms of messages and titles, by their ids. terms.go makes the terms and
	-- separates them with spaces.
	CREATE VIRTUAL TABLE words USING fts5(text, parts, content='', contentless_delete=1, prefix='2 3',
		tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'");
	CREATE VIRTUAL TABLE titles USING fts5(text, parts, content='', contentless_delete=1,
		tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'");
	`,
	`
	ALTER TABLE conversations ADD COLUMN system TEXT NOT NULL DEFAULT ''; -- the system prompt
	ALTER TABLE conversations ADD COLUMN parameters TEXT; -- JSON
	-- It was a conversation's first message.
	UPDATE conversations SET system = coalesce((SELECT json_extract(content, '$.chunks[0].text')
		FROM messages WHERE conversation = conversations.id AND role = 'system' ORDER BY id LIMIT 1), '');
	`,
}

// migrate updates the database to the newest version. If two processes try, one waits.
func migrate(ctx context.Context, db *sql.DB) error {
	return inTx(ctx, db, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version >= len(migrations) {
			return nil
		}
		for i, m := range migrations[version:] {
			if _, err := tx.ExecContext(ctx, m); err != nil {
				return fmt.Errorf("update the history to version %d: %w", version+i+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(migrations)))
		return err
	})
}

// forEachRow runs a query and calls scan for each row.
func forEachRow(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, scan func(*sql.Rows) error, query string, args ...any,
) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inTx calls do in a transaction.
func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
