package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
)

// A piece is a part of an answer as it came.
type piece struct {
	kind string // a chunk's type, or toolCall
	text string // of a tool call its JSON
}

const toolCall = "tool_call"

// A Reply writes an answer while it comes. Its methods are not for use by several
// goroutines at once.
type Reply struct {
	// Choice is the one that is kept of the answers to a request, the first unless
	// it is changed before events are taken.
	Choice int

	s *Store
	// ctx goes on when the request is stopped: what has come is kept.
	ctx      context.Context
	message  int64
	measured Measured
	size     int // bytes
	closed   bool
}

// Begin begins an answer after its parent and makes it the conversation's leaf.
// It needs what [Store.Add] needs, without a content unless the answer goes on
// from one, and the model in Measured.
func (s *Store) Begin(ctx context.Context, m Message) (*Reply, error) {
	m.State = Streaming
	if err := inTx(ctx, s.write, func(tx *sql.Tx) error { return s.add(ctx, tx, &m) }); err != nil {
		return nil, failed(fmt.Sprintf("save an answer of conversation %d", m.Conversation), err)
	}
	return &Reply{s: s, ctx: context.WithoutCancel(ctx), message: m.ID, measured: m.Measured, size: size(&m)}, nil
}

// Continue goes on with an answer that was cut.
func (s *Store) Continue(ctx context.Context, message int64) (*Reply, error) {
	r := &Reply{s: s, ctx: context.WithoutCancel(ctx), message: message}
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		list, err := readMessages(ctx, tx, []int64{message})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNotFound
		}
		r.measured, r.size = list[0].Measured, size(&list[0])
		r.measured.Finish = ""
		_, err = tx.ExecContext(ctx, "UPDATE messages SET state = ? WHERE id = ?", Streaming, message)
		return err
	})
	if err != nil {
		return nil, failed(fmt.Sprintf("continue message %d", message), err)
	}
	return r, nil
}

// Message is the id of the message that is written.
func (r *Reply) Message() int64 { return r.message }

// Take keeps what an event says of the answer. What has been taken is still there
// when the process is killed.
func (r *Reply) Take(event engine.Event) error {
	switch e := event.(type) {
	case engine.TextDelta:
		if e.Choice == r.Choice {
			return r.write(piece{string(engine.TextChunk), e.Text})
		}
	case engine.ThinkingDelta:
		if e.Choice == r.Choice {
			return r.write(piece{string(engine.ThinkingChunk), e.Text})
		}
	case engine.ToolCallDelta:
		if e.Choice == r.Choice {
			call, err := marshal(e.Call)
			if err != nil {
				return failed("save a piece of an answer", err)
			}
			return r.write(piece{toolCall, string(call)})
		}
	case engine.LeftOut:
		r.measured.LeftOut = e
	case engine.Finish:
		if e.Choice == r.Choice {
			r.measured.Finish = e.Reason
		}
	case engine.Done:
		r.measured.Usage, r.measured.Timings = e.Usage, e.Timings
	}
	return nil
}

func (r *Reply) write(p piece) error {
	if p.text == "" {
		return nil
	}
	if r.size += len(p.text); r.size > maxMessage {
		return sizeError(r.size)
	}
	_, err := r.s.write.ExecContext(r.ctx, `INSERT INTO pieces (message, seq, type, text)
		SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3 FROM pieces WHERE message = ?1`, r.message, p.kind, p.text)
	return failed("save a piece of an answer", err)
}

// Close ends the message: complete when the model ended it, stopped otherwise.
// Closing again does nothing.
func (r *Reply) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	state := Stopped
	if r.measured.Finish != "" {
		state = Complete
	}
	return failed("save an answer", inTx(r.ctx, r.s.write, func(tx *sql.Tx) error {
		if err := fold(r.ctx, tx, r.message, state, &r.measured); err != nil {
			return err
		}
		_, err := tx.ExecContext(r.ctx, "UPDATE conversations SET updated = ? WHERE id = (SELECT conversation FROM messages WHERE id = ?)",
			time.Now().UnixMilli(), r.message)
		return err
	}))
}

// fold joins a message's pieces with its content, and makes it found by its text.
// Somebody who still writes it may go on, and the rest is folded later: so nobody
// needs to know whether the process that began an answer is alive. A nil measured
// leaves what is there.
func fold(ctx context.Context, tx *sql.Tx, message int64, state State, measured *Measured) error {
	list, err := json.Marshal([]int64{message})
	if err != nil {
		return err
	}
	fresh, err := readPieces(ctx, tx, string(list))
	if err != nil {
		return err
	}
	var content string
	var role engine.Role
	if err := tx.QueryRowContext(ctx, "SELECT content, role FROM messages WHERE id = ?", message).Scan(&content, &role); err != nil {
		return err
	}
	var st stored
	if err := json.Unmarshal([]byte(content), &st); err != nil {
		return err
	}
	for _, p := range fresh[message] {
		if err := st.append(p); err != nil {
			return err
		}
	}
	if last := len(st.Chunks) - 1; last >= 0 && state == Complete {
		st.Chunks[last].Open = false
	}
	data, err := marshal(st)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE messages SET content = ?, state = ? WHERE id = ?", string(data), state, message); err != nil {
		return err
	}
	if measured != nil {
		if data, err = marshal(measured); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE messages SET measured = ? WHERE id = ?", string(data), message); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM pieces WHERE message = ?", message); err != nil {
		return err
	}
	return index(ctx, tx, message, role, st.text())
}

// append joins a piece with the content. Thinking at the end stays open, so that a
// stopped answer can go on with it; whatever follows closes it.
func (s *stored) append(p piece) error {
	last := len(s.Chunks) - 1
	if p.kind == toolCall {
		var call engine.ToolCall
		if err := json.Unmarshal([]byte(p.text), &call); err != nil {
			return fmt.Errorf("a tool call: %w", err)
		}
		s.ToolCalls = append(s.ToolCalls, call)
		if last >= 0 {
			s.Chunks[last].Open = false
		}
		return nil
	}
	kind := engine.ChunkType(p.kind)
	if last >= 0 && s.Chunks[last].Type == kind && s.Chunks[last].Blob == 0 {
		s.Chunks[last].Text += p.text
		return nil
	}
	if last >= 0 {
		s.Chunks[last].Open = false
	}
	s.Chunks = append(s.Chunks, storedChunk{Type: kind, Text: p.text, Open: kind == engine.ThinkingChunk})
	return nil
}

// readPieces reads the pieces of messages, given as a JSON list of ids, in the
// order in which they came. Those of one kind in a row are joined.
func readPieces(ctx context.Context, tx *sql.Tx, messages string) (map[int64][]piece, error) {
	rows, err := tx.QueryContext(ctx, "SELECT message, type, text FROM pieces WHERE message IN (SELECT value FROM json_each(?)) ORDER BY message, seq", messages)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := map[int64][]piece{}
	var current int64
	var kind string
	var run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			list[current] = append(list[current], piece{kind, run.String()})
			run.Reset()
		}
	}
	for rows.Next() {
		var id int64
		var p piece
		if err := rows.Scan(&id, &p.kind, &p.text); err != nil {
			return nil, err
		}
		if id != current || p.kind != kind || kind == toolCall {
			flush()
		}
		current, kind = id, p.kind
		run.WriteString(p.text)
	}
	flush()
	return list, rows.Err()
}
