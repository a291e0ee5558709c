package history

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// keepBlob stores data once and returns its row. Text is deflated if that halves it:
// logs and sources shrink to a fifth, images are compressed already.
func keepBlob(ctx context.Context, tx *sql.Tx, data []byte, isText bool) (id int64, err error) {
	hash := sha256.Sum256(data)
	err = tx.QueryRowContext(ctx, "SELECT id FROM blobs WHERE hash = ?", hash[:]).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	deflated := false
	if isText {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestSpeed) // the level is valid
		if _, err := w.Write(data); err != nil {
			return 0, err
		}
		if err := w.Close(); err != nil {
			return 0, err
		}
		if deflated = b.Len() < len(data)/2; deflated {
			data = b.Bytes()
		}
	}
	r, err := tx.ExecContext(ctx, "INSERT INTO blobs (hash, deflated, data) VALUES (?, ?, ?)", hash[:], deflated, data)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// readBlobs returns a function that reads a blob by its row, each once.
func readBlobs(ctx context.Context, tx *sql.Tx) func(int64) ([]byte, error) {
	cache := map[int64][]byte{}
	return func(id int64) ([]byte, error) {
		if data, ok := cache[id]; ok {
			return data, nil
		}
		var data []byte
		var deflated bool
		if err := tx.QueryRowContext(ctx, "SELECT deflated, data FROM blobs WHERE id = ?", id).Scan(&deflated, &data); err != nil {
			return nil, err
		}
		if deflated {
			var err error
			if data, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), maxMessage+1)); err != nil {
				return nil, fmt.Errorf("inflate: %w", err)
			}
		}
		cache[id] = data
		return data, nil
	}
}
