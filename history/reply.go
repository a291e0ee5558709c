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

// A piece is a part of an answer, in the order of generation.
type piece struct {
	kind string // a chunk's type, or toolCall
	text string // JSON for a tool call
}

const toolCall = "tool_call"

// A Reply writes an answer while it streams. It is for one goroutine at a time.
type Reply struct {
	// Choice is the number of the choice to save. It is set before the first event.
	Choice int

	s *Store
	// ctx is not cancelled with the request: what was generated is saved.
	ctx      context.Context
	message  int64
	measured Measured
	size     int // bytes
	closed   bool
}

// Begin begins an answer after its parent and makes it the conversation's leaf. The message
// needs what [Store.Add] needs, but content only if the answer continues it, and the model
// in Measured.
func (s *Store) Begin(ctx context.Context, m Message) (*Reply, error) {
	m.State = Streaming
	if err := inTx(ctx, s.write, func(tx *sql.Tx) error { return s.add(ctx, tx, &m) }); err != nil {
		return nil, wrap(fmt.Sprintf("save an answer of conversation %d", m.Conversation), err)
	}
	return &Reply{s: s, ctx: context.WithoutCancel(ctx), message: m.ID, measured: m.Measured, size: size(&m)}, nil
}

// Continue continues a stopped answer.
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
		r.measured.Finish, r.measured.Error = "", ""
		_, err = tx.ExecContext(ctx, "UPDATE messages SET state = ? WHERE id = ?", Streaming, message)
		return err
	})
	if err != nil {
		return nil, wrap(fmt.Sprintf("continue message %d", message), err)
	}
	return r, nil
}

// Message is the ID of the answer.
func (r *Reply) Message() int64 { return r.message }

// Record saves an event of the answer. It survives a crash of the process.
func (r *Reply) Record(event engine.Event) error {
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
				return wrap("save a piece of an answer", err)
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
	return wrap("save a piece of an answer", err)
}

// Close ends the message: complete if the model ended it, else stopped. Another call does
// nothing.
func (r *Reply) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	state := Stopped
	if r.measured.Finish != "" {
		state = Complete
	}
	return wrap("save an answer", inTx(r.ctx, r.s.write, func(tx *sql.Tx) error {
		if err := foldPieces(r.ctx, tx, r.message, state, &r.measured); err != nil {
			return err
		}
		_, err := tx.ExecContext(r.ctx, "UPDATE conversations SET updated = ? WHERE id = (SELECT conversation FROM messages WHERE id = ?)",
			time.Now().UnixMilli(), r.message)
		return err
	}))
}

// foldPieces moves a message's pieces into its content, and indexes its text. A process
// that still writes the answer may continue, and the rest is folded later. So the caller
// need not know whether that process is alive. A nil measured changes nothing.
func foldPieces(ctx context.Context, tx *sql.Tx, message int64, state State, measured *Measured) error {
	list, err := json.Marshal([]int64{message})
	if err != nil {
		return err
	}
	fresh, err := readPieces(ctx, tx, string(list))
	if err != nil {
		return err
	}
	var st stored
	var role engine.Role
	if err := tx.QueryRowContext(ctx, "SELECT content, role FROM messages WHERE id = ?", message).Scan(jsonColumn{&st}, &role); err != nil {
		return err
	}
	if err := st.append(fresh[message]); err != nil {
		return err
	}
	if last := len(st.Chunks) - 1; last >= 0 && state == Complete {
		st.Chunks[last].Open = false
	}
	if _, err := tx.ExecContext(ctx, "UPDATE messages SET content = ?, state = ? WHERE id = ?", jsonColumn{&st}, state, message); err != nil {
		return err
	}
	if measured != nil {
		if _, err := tx.ExecContext(ctx, "UPDATE messages SET measured = ? WHERE id = ?", jsonColumn{measured}, message); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM pieces WHERE message = ?", message); err != nil {
		return err
	}
	return index(ctx, tx, message, role, st.text())
}

// append adds pieces to the content. Thinking at the end stays open, so that a stopped
// answer can continue with it; the next piece closes it.
func (s *stored) append(pieces []piece) error {
	for _, p := range pieces {
		last := len(s.Chunks) - 1
		kind := engine.ChunkType(p.kind)
		if last >= 0 && s.Chunks[last].Type == kind && s.Chunks[last].Blob == 0 {
			s.Chunks[last].Text += p.text
			continue
		}
		if last >= 0 {
			s.Chunks[last].Open = false
		}
		if p.kind != toolCall {
			s.Chunks = append(s.Chunks, storedChunk{Type: kind, Text: p.text, Open: kind == engine.ThinkingChunk})
			continue
		}
		var call engine.ToolCall
		if err := json.Unmarshal([]byte(p.text), &call); err != nil {
			return fmt.Errorf("a tool call: %w", err)
		}
		s.ToolCalls = append(s.ToolCalls, call)
	}
	return nil
}

// readPieces reads the pieces of messages, given as a JSON list of IDs, in order. It joins
// consecutive pieces of one kind.
func readPieces(ctx context.Context, tx *sql.Tx, messages string) (map[int64][]piece, error) {
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
	err := forEachRow(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var p piece
		err := rows.Scan(&id, &p.kind, &p.text)
		if id != current || p.kind != kind || kind == toolCall {
			flush()
		}
		current, kind = id, p.kind
		run.WriteString(p.text)
		return err
	}, "SELECT message, type, text FROM pieces WHERE message IN (SELECT value FROM json_each(?)) ORDER BY message, seq", messages)
	flush()
	return list, err
}
