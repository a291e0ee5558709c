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
	// maxConversation is the most that one conversation of a file may hold, in bytes.
	maxConversation = 256 << 20
	// maxMessages is how many messages.
	maxMessages = 100_000
)

// importError makes the error of a file that is not an exported history, or a damaged
// one, at an offset in bytes; cause may be nil.
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

// bounded is a reader that gives n bytes until more is allowed.
type bounded struct {
	r           io.Reader
	limit, left int
}

// more allows as much again.
func (b *bounded) more() { b.left = b.limit }

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("it is larger than %d MB", b.limit/1_000_000)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// check finds what would make a conversation that cannot be.
func (e *exported) check() error {
	if len(e.Messages) > maxMessages {
		return fmt.Errorf("it has %d messages, more than %d", len(e.Messages), maxMessages)
	}
	if e.Leaf < 0 || e.Leaf > len(e.Messages) {
		return fmt.Errorf("its leaf is message %d of %d", e.Leaf, len(e.Messages))
	}
	if len(e.Draft) > maxMessage || len(e.Mode) > maxName || len(e.Model) > maxName {
		return errors.New("its draft, mode or model is too long")
	}
	for _, t := range []time.Time{e.Created, e.Updated} {
		if !possible(t) {
			return fmt.Errorf("its time is %v", t)
		}
	}
	for i := range e.Messages {
		if err := e.Messages[i].check(i + 1); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return nil
}

// maxName is the longest name of a mode or a model, in bytes.
const maxName = 4096

func (m *exportedMessage) check(place int) error {
	switch m.Role {
	case engine.System, engine.User, engine.Assistant, engine.ToolRole:
	default:
		return fmt.Errorf("its role is %q", m.Role)
	}
	if m.Parent < 0 || m.Parent >= place {
		return fmt.Errorf("its parent is message %d, which does not come before it", m.Parent)
	}
	if !possible(m.Created) {
		return fmt.Errorf("its time is %v", m.Created)
	}
	for _, a := range m.Attached {
		if a.Chunk < 0 || a.Chunk >= len(m.Content) {
			return fmt.Errorf("attached is chunk %d of %d", a.Chunk, len(m.Content))
		}
	}
	if n := size(&Message{Message: m.Message}); n > maxMessage {
		return sizeError(n)
	}
	return nil
}

// possible reports whether a time is one that a clock can have shown: it fits
// milliseconds, and four digits for the year.
func possible(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9999 }

// importOne adds a conversation and gives its id, 0 when it is here already.
func (s *Store) importOne(ctx context.Context, e *exported) (id int64, err error) {
	err = inTx(ctx, s.write, func(tx *sql.Tx) error {
		here, err := isHere(ctx, tx, e)
		if err != nil || here {
			return err
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO conversations (mode, model, created, updated, draft) VALUES (?, ?, ?, ?, ?)",
			e.Mode, e.Model, e.Created.UnixMilli(), e.Updated.UnixMilli(), e.Draft)
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
				m.State = Stopped // whatever wrote it does so no longer
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
	return id, failed("import a conversation", err)
}

// isHere reports whether the history has a conversation that began at the same
// moment and in which the same ones spoke at the same moments.
func isHere(ctx context.Context, tx *sql.Tx, e *exported) (bool, error) {
	var said strings.Builder
	for _, m := range e.Messages {
		fmt.Fprintf(&said, "%s %d\n", m.Role, m.Created.UnixMilli())
	}
	var here bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM conversations c WHERE created = ? AND deleted IS NULL AND ? = coalesce(
		(SELECT group_concat(role || ' ' || created || char(10), '' ORDER BY id) FROM messages WHERE conversation = c.id), ''))`,
		e.Created.UnixMilli(), said.String()).Scan(&here)
	return here, err
}
