package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// sizeError makes the error of a message that is too large to be kept.
func sizeError(n int) error {
	return &fault.Error{
		Kind: fault.BadData, Msg: fmt.Sprintf("cannot save the message: it has %d MB, more than the limit of %d MB", n/1_000_000, maxMessage/1_000_000),
		Advice: "Attach less.",
	}
}

// Add adds a whole message after its parent and makes it the conversation's leaf.
// It needs a conversation, a parent unless it is a first message, a role and a
// content; Attached lists the attachments. A draft that says the same is
// cleared with it. The message comes back with its id.
func (s *Store) Add(ctx context.Context, m Message) (Message, error) {
	m.State = Complete
	err := inTx(ctx, s.write, func(tx *sql.Tx) error { return s.add(ctx, tx, &m) })
	return m, failed(fmt.Sprintf("save a message of conversation %d", m.Conversation), err)
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, m *Message) error {
	if n := size(m); n > maxMessage {
		return sizeError(n)
	}
	c := Conversation{}
	if err := c.scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE id = ?", m.Conversation)); err != nil {
		return err
	}
	m.Created = time.UnixMilli(time.Now().UnixMilli())
	st, err := insert(ctx, tx, m)
	if err != nil {
		return err
	}
	if m.State != Streaming {
		if err := index(ctx, tx, m.ID, m.Role, st.text()); err != nil {
			return err
		}
	}
	if m.Role == engine.User && c.Title == "" {
		if err := setTitle(ctx, tx, c.ID, st.title(), false); err != nil {
			return err
		}
	}
	draft := c.Draft
	for _, k := range m.Content {
		if m.Role == engine.User && k.Type == engine.TextChunk && strings.TrimSpace(k.Text) == strings.TrimSpace(draft) {
			draft = ""
		}
	}
	_, err = tx.ExecContext(ctx, "UPDATE conversations SET leaf = ?, draft = ?, updated = ? WHERE id = ?", m.ID, draft, m.Created.UnixMilli(), c.ID)
	return err
}

// insert writes a message's row and its blobs, sets its id and gives its content
// as it is stored.
func insert(ctx context.Context, tx *sql.Tx, m *Message) (*stored, error) {
	var parent, measured any
	if m.Parent != 0 {
		var of int64
		err := tx.QueryRowContext(ctx, "SELECT conversation FROM messages WHERE id = ?", m.Parent).Scan(&of)
		if errors.Is(err, sql.ErrNoRows) || err == nil && of != m.Conversation {
			return nil, fmt.Errorf("its parent, message %d: %w", m.Parent, ErrNotFound)
		} else if err != nil {
			return nil, err
		}
		parent = m.Parent
	}
	if m.Measured != (Measured{}) {
		data, err := marshal(m.Measured)
		if err != nil {
			return nil, err
		}
		measured = string(data)
	}
	for _, a := range m.Attached {
		if a.Chunk < 0 || a.Chunk >= len(m.Content) {
			return nil, fmt.Errorf("attached chunk %d of %d", a.Chunk, len(m.Content))
		}
	}
	st, blobs, err := store(ctx, tx, m)
	if err != nil {
		return nil, err
	}
	content, err := marshal(st)
	if err != nil {
		return nil, err
	}
	r, err := tx.ExecContext(ctx, "INSERT INTO messages (conversation, parent, role, content, state, created, measured) VALUES (?, ?, ?, ?, ?, ?, ?)",
		m.Conversation, parent, m.Role, string(content), m.State, m.Created.UnixMilli(), measured)
	if err != nil {
		return nil, err
	}
	if m.ID, err = r.LastInsertId(); err != nil {
		return nil, err
	}
	for _, b := range blobs {
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO attached (message, blob) VALUES (?, ?)", m.ID, b); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// index makes a message found by its text, when a user or a model has said it.
func index(ctx context.Context, tx *sql.Tx, id int64, role engine.Role, text string) error {
	if role != engine.User && role != engine.Assistant {
		return nil
	}
	words, parts := indexed(text)
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO words (rowid, text, parts) VALUES (?, ?, ?)", id, words, parts)
	return err
}

// size is how much a message holds, in bytes.
func size(m *Message) int {
	n := len(m.ToolCallID) + len(m.Name)
	for _, k := range m.Content {
		n += len(k.Text) + len(k.ImageURL) + len(k.Raw)
	}
	for _, c := range m.ToolCalls {
		n += len(c.ID) + len(c.Function.Name) + len(c.Function.Arguments)
	}
	return n
}

// firstWords is the title that a conversation's first words make.
func firstWords(ctx context.Context, tx *sql.Tx, conversation int64) (string, error) {
	var content string
	err := tx.QueryRowContext(ctx, "SELECT content FROM messages WHERE conversation = ? AND role = ? ORDER BY id LIMIT 1", conversation, engine.User).Scan(&content)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	var st stored
	if err := json.Unmarshal([]byte(content), &st); err != nil {
		return "", err
	}
	return st.title(), nil
}

// Path reads a conversation as the user sees it: the messages from the first to the leaf,
// with their versions. It is empty while there are no messages.
func (s *Store) Path(ctx context.Context, conversation int64) ([]Message, error) {
	var path []Message
	err := inTx(ctx, s.read, func(tx *sql.Tx) error {
		var leaf int64
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(leaf, 0) FROM conversations WHERE id = ?", conversation).Scan(&leaf); err != nil {
			return err
		}
		t, err := readTree(ctx, tx, conversation)
		if err != nil {
			return err
		}
		ids := t.path(leaf)
		path, err = readMessages(ctx, tx, ids)
		for i := range path {
			path[i].Versions = t.versions(path[i].ID)
		}
		return err
	})
	return path, failed(fmt.Sprintf("read conversation %d", conversation), err)
}

// All reads all messages of a conversation, parents before their children.
func (s *Store) All(ctx context.Context, conversation int64) ([]Message, error) {
	var all []Message
	err := inTx(ctx, s.read, func(tx *sql.Tx) error {
		t, err := readTree(ctx, tx, conversation)
		if err != nil {
			return err
		}
		all, err = readMessages(ctx, tx, t.order)
		for i := range all {
			all[i].Versions = t.versions(all[i].ID)
		}
		return err
	})
	return all, failed(fmt.Sprintf("read conversation %d", conversation), err)
}

// Switch makes a message, usually one of another's versions, part of its conversation's
// path, which then continues to the newest message below it.
func (s *Store) Switch(ctx context.Context, message int64) error {
	return s.lead(ctx, message, true)
}

// Reveal makes a message part of its conversation's path, as Switch does, unless it
// is.
func (s *Store) Reveal(ctx context.Context, message int64) error {
	return s.lead(ctx, message, false)
}

// lead leads the path of a conversation through a message.
func (s *Store) lead(ctx context.Context, message int64, onward bool) error {
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		var conversation, leaf int64
		err := tx.QueryRowContext(ctx, "SELECT c.id, coalesce(c.leaf, 0) FROM messages m JOIN conversations c ON c.id = m.conversation WHERE m.id = ?", message).
			Scan(&conversation, &leaf)
		if err != nil {
			return err
		}
		t, err := readTree(ctx, tx, conversation)
		if err != nil || !onward && slices.Contains(t.path(leaf), message) {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE conversations SET leaf = ? WHERE id = ?", t.leaf(message), conversation)
		return err
	})
	return failed(fmt.Sprintf("switch to message %d", message), err)
}

// readMessages reads messages in the order of their ids.
func readMessages(ctx context.Context, tx *sql.Tx, ids []int64) ([]Message, error) {
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	fresh, err := readPieces(ctx, tx, string(list))
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT id, conversation, coalesce(parent, 0), role, content, state, created, coalesce(measured, '{}')
		FROM messages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`, string(list))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	blob := readBlobs(ctx, tx)
	var all []Message
	for rows.Next() {
		var m Message
		var content, measured string
		var created int64
		if err := rows.Scan(&m.ID, &m.Conversation, &m.Parent, &m.Role, &content, &m.State, &created, &measured); err != nil {
			return nil, err
		}
		m.Created = time.UnixMilli(created)
		var st stored
		if err := json.Unmarshal([]byte(content), &st); err != nil {
			return nil, fmt.Errorf("message %d: %w", m.ID, err)
		}
		if err := json.Unmarshal([]byte(measured), &m.Measured); err != nil {
			return nil, fmt.Errorf("message %d: %w", m.ID, err)
		}
		for _, p := range fresh[m.ID] {
			if err := st.append(p); err != nil {
				return nil, fmt.Errorf("message %d: %w", m.ID, err)
			}
		}
		if err := st.message(&m, blob); err != nil {
			return nil, fmt.Errorf("message %d: %w", m.ID, err)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}
