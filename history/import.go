package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

const (
	maxConversation = 256 << 20 // bytes in an exported file
	maxMessages     = 100_000   // of a conversation
	maxName         = 4096      // bytes of the name of a mode or a model
)

// importError makes the error of an invalid file, at an offset in bytes; cause may be nil.
func importError(what string, offset int64, cause error) error {
	msg := "cannot import the file: " + what
	if cause != nil {
		msg = fmt.Sprintf("%s, at byte %d: %v", msg, offset, cause)
	}
	return &fault.Error{
		Kind: fault.BadData, Msg: msg, Cause: cause,
		Advice: "Nothing was imported. Import a file that bise history export --json has written.",
	}
}

// bounded is a reader of at most limit bytes between two calls of more.
type bounded struct {
	r           io.Reader
	limit, left int
}

func (b *bounded) more() { b.left = b.limit }

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("it is larger than %d MB", b.limit/1_000_000)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// check validates a conversation.
func (e *exported) check() error {
	if len(e.Messages) > maxMessages {
		return fmt.Errorf("it has %d messages, more than %d", len(e.Messages), maxMessages)
	}
	if e.Leaf < 0 || e.Leaf > len(e.Messages) {
		return fmt.Errorf("its leaf is message %d of %d", e.Leaf, len(e.Messages))
	}
	if len(e.Draft) > maxMessage || len(e.System) > maxMessage || len(e.Mode) > maxName || len(e.Model) > maxName {
		return errors.New("its draft, system prompt, mode or model is too long")
	}
	for _, t := range []time.Time{e.Created, e.Updated} {
		if !isValidTime(t) {
			return fmt.Errorf("its time is %v", t)
		}
	}
	if err := e.Parameters.Check(); err != nil {
		return err
	}
	for i := range e.Messages {
		if err := e.Messages[i].check(i + 1); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return nil
}

func (m *exportedMessage) check(place int) error {
	switch m.Role {
	case engine.System, engine.User, engine.Assistant, engine.ToolRole:
	default:
		return fmt.Errorf("invalid role %q", m.Role)
	}
	if m.Parent < 0 || m.Parent >= place {
		return fmt.Errorf("its parent is message %d, which does not come before it", m.Parent)
	}
	if !isValidTime(m.Created) {
		return fmt.Errorf("its time is %v", m.Created)
	}
	for _, a := range m.Attached {
		if a.Chunk < 0 || a.Chunk >= len(m.Content) {
			return fmt.Errorf("invalid attachment: chunk %d of %d", a.Chunk, len(m.Content))
		}
	}
	if n := size(&Message{Message: m.Message}); n > maxMessage {
		return sizeError(n)
	}
	return nil
}

// isValidTime reports whether a time is after 1970 and has a year of four digits.
func isValidTime(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9999 }

// importOne adds a conversation and returns its id, 0 if it exists already.
func (s *Store) importOne(ctx context.Context, e *exported) (id int64, err error) {
	err = inTx(ctx, s.write, func(tx *sql.Tx) error {
		found, err := exists(ctx, tx, e)
		if err != nil || found {
			return err
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO conversations (mode, model, created, updated, draft, system, parameters) VALUES (?, ?, ?, ?, ?, ?, ?)",
			e.Mode, e.Model, e.Created.UnixMilli(), e.Updated.UnixMilli(), e.Draft, e.systemPrompt(), jsonColumn{&e.Parameters})
		if err != nil {
			return err
		}
		if id, err = r.LastInsertId(); err != nil {
			return err
		}
		ids := make([]int64, len(e.Messages)+1)
		for i, x := range e.Messages {
			m := Message{
				Conversation: id, Parent: ids[x.Parent], Message: x.Message, Attached: x.Attached,
				Created: x.Created, Measured: x.Measured,
			}
			if x.State != "" {
				m.State = Stopped // no process writes it any more
			}
			st, err := insert(ctx, tx, &m)
			if err != nil {
				return err
			}
			if err := index(ctx, tx, m.ID, m.Role, st.text()); err != nil {
				return err
			}
			ids[i+1] = m.ID
		}
		if e.Leaf > 0 {
			if _, err := tx.ExecContext(ctx, "UPDATE conversations SET leaf = ? WHERE id = ?", ids[e.Leaf], id); err != nil {
				return err
			}
		}
		return setTitle(ctx, tx, id, oneLine(e.Title, maxTitle), e.Renamed)
	})
	return id, wrap("import a conversation", err)
}

// systemPrompt returns the system prompt. It is a message in the files of older versions.
func (e *exported) systemPrompt() string {
	if e.System == "" && len(e.Messages) > 0 && e.Messages[0].Role == engine.System {
		return e.Messages[0].Content.Plain()
	}
	return e.System
}

// exists reports whether the history has a conversation with the same start and the same
// roles and times of messages.
func exists(ctx context.Context, tx *sql.Tx, e *exported) (bool, error) {
	var spoken strings.Builder
	for _, m := range e.Messages {
		fmt.Fprintf(&spoken, "%s %d\n", m.Role, m.Created.UnixMilli())
	}
	var found bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM conversations c WHERE created = ? AND deleted IS NULL AND ? = coalesce(
		(SELECT group_concat(role || ' ' || created || char(10), '' ORDER BY id) FROM messages WHERE conversation = c.id), ''))`,
		e.Created.UnixMilli(), spoken.String()).Scan(&found)
	return found, err
}
