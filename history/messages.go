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

func sizeError(n int) error {
	return fault.Advise(fault.Errorf(fault.BadData, "cannot save the message: it has %d MB, more than the limit of %d MB", n/1_000_000, maxMessage/1_000_000),
		"Attach less.")
}

// Add adds a complete message after its parent and makes it the conversation's leaf.
// The message needs Conversation, Parent unless it is the first one, Role and Content;
// Attached lists the attachments. Add clears a draft with the same text, and returns the
// message with its ID.
func (s *Store) Add(ctx context.Context, m Message) (Message, error) {
	m.State = Complete
	err := inTx(ctx, s.write, func(tx *sql.Tx) error { return s.add(ctx, tx, &m) })
	return m, wrap(fmt.Sprintf("save a message of conversation %d", m.Conversation), err)
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

// insert writes the row and the blobs of a message, sets its ID and returns its stored
// content.
func insert(ctx context.Context, tx *sql.Tx, m *Message) (*stored, error) {
	var parent, measured any
	if m.Parent != 0 {
		var of int64
		err := tx.QueryRowContext(ctx, "SELECT conversation FROM messages WHERE id = ?", m.Parent).Scan(&of)
		if errors.Is(err, sql.ErrNoRows) || err == nil && of != m.Conversation {
			return nil, fmt.Errorf("parent %d: %w", m.Parent, ErrNotFound)
		} else if err != nil {
			return nil, err
		}
		parent = m.Parent
	}
	if m.Measured != (Measured{}) {
		measured = jsonColumn{&m.Measured}
	}
	for _, a := range m.Attached {
		if a.Chunk < 0 || a.Chunk >= len(m.Content) {
			return nil, fmt.Errorf("invalid attachment: chunk %d of %d", a.Chunk, len(m.Content))
		}
	}
	st, blobs, err := storeContent(ctx, tx, m)
	if err != nil {
		return nil, err
	}
	r, err := tx.ExecContext(ctx, "INSERT INTO messages (conversation, parent, role, content, state, created, measured) VALUES (?, ?, ?, ?, ?, ?, ?)",
		m.Conversation, parent, m.Role, jsonColumn{st}, m.State, m.Created.UnixMilli(), measured)
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

// index adds a message of the user or the model to the full-text index.
func index(ctx context.Context, tx *sql.Tx, id int64, role engine.Role, text string) error {
	if role != engine.User && role != engine.Assistant {
		return nil
	}
	words, parts := indexed(text)
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO words (rowid, text, parts) VALUES (?, ?, ?)", id, words, parts)
	return err
}

// size is the size of a message with its attachments, in bytes.
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

// firstWords is the title from a conversation's first question, "" without one.
func firstWords(ctx context.Context, tx *sql.Tx, conversation int64) (string, error) {
	var st stored
	err := tx.QueryRowContext(ctx, "SELECT content FROM messages WHERE conversation = ? AND role = ? ORDER BY id LIMIT 1", conversation, engine.User).Scan(jsonColumn{&st})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return st.title(), err
}

// Fail saves why an answer failed.
func (s *Store) Fail(ctx context.Context, message int64, why error) error {
	msg, _ := fault.Explain(why)
	r, err := s.write.ExecContext(ctx, "UPDATE messages SET measured = json_set(coalesce(measured, '{}'), '$.error', ?) WHERE id = ?",
		oneLine(msg, maxError), message)
	return wrap("save why an answer failed", checkChanged(r, err))
}

// maxError is the longest saved reason of a failure, in bytes.
const maxError = 1000

// Path reads a conversation as the user sees it: the messages from the first to the leaf,
// with their versions. It is empty without messages.
func (s *Store) Path(ctx context.Context, conversation int64) ([]Message, error) {
	return s.readConversation(ctx, conversation, false)
}

// All reads all messages of a conversation, parents before their children.
func (s *Store) All(ctx context.Context, conversation int64) ([]Message, error) {
	return s.readConversation(ctx, conversation, true)
}

func (s *Store) readConversation(ctx context.Context, conversation int64, all bool) ([]Message, error) {
	var list []Message
	err := inTx(ctx, s.read, func(tx *sql.Tx) error {
		t, err := readTree(ctx, tx, conversation)
		if err != nil {
			return err
		}
		ids := t.order
		if !all {
			var leaf int64
			if err := tx.QueryRowContext(ctx, "SELECT coalesce(leaf, 0) FROM conversations WHERE id = ?", conversation).Scan(&leaf); err != nil {
				return err
			}
			ids = t.path(leaf)
		}
		list, err = readMessages(ctx, tx, ids)
		for i := range list {
			list[i].Versions = t.versions(list[i].ID)
		}
		return err
	})
	return list, wrap(fmt.Sprintf("read conversation %d", conversation), err)
}

// Switch makes the path of a conversation go through a message, such as another version,
// and on to the newest message below it.
func (s *Store) Switch(ctx context.Context, message int64) error {
	return s.setPath(ctx, message, true)
}

// Reveal is Switch for a message that is not on its conversation's path yet.
func (s *Store) Reveal(ctx context.Context, message int64) error {
	return s.setPath(ctx, message, false)
}

func (s *Store) setPath(ctx context.Context, message int64, always bool) error {
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		var conversation, leaf int64
		err := tx.QueryRowContext(ctx, "SELECT c.id, coalesce(c.leaf, 0) FROM messages m JOIN conversations c ON c.id = m.conversation WHERE m.id = ?", message).
			Scan(&conversation, &leaf)
		if err != nil {
			return err
		}
		t, err := readTree(ctx, tx, conversation)
		if err != nil || !always && slices.Contains(t.path(leaf), message) {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE conversations SET leaf = ? WHERE id = ?", t.leaf(message), conversation)
		return err
	})
	return wrap(fmt.Sprintf("switch to message %d", message), err)
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
	blob := readBlobs(ctx, tx)
	var all []Message
	err = forEachRow(ctx, tx, func(rows *sql.Rows) error {
		var m Message
		var st stored
		var created int64
		err := rows.Scan(&m.ID, &m.Conversation, &m.Parent, &m.Role, jsonColumn{&st}, &m.State, &created, jsonColumn{&m.Measured})
		m.Created = time.UnixMilli(created)
		if err == nil {
			err = st.append(fresh[m.ID])
		}
		if err == nil {
			err = st.message(&m, blob)
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", m.ID, err)
		}
		all = append(all, m)
		return nil
	}, `SELECT id, conversation, coalesce(parent, 0), role, content, state, created, measured
		FROM messages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`, string(list))
	return all, err
}
