package history

import (
	"context"
	"database/sql"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// A tree is the shape of a conversation.
type tree struct {
	order    []int64 // all messages, oldest first
	nodes    map[int64]node
	children map[int64][]int64 // oldest first; of 0 the first messages
}

type node struct {
	parent int64
	role   engine.Role
}

func readTree(ctx context.Context, tx *sql.Tx, conversation int64) (*tree, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, coalesce(parent, 0), role FROM messages WHERE conversation = ? ORDER BY id", conversation)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := &tree{nodes: map[int64]node{}, children: map[int64][]int64{}}
	for rows.Next() {
		var id int64
		var n node
		if err := rows.Scan(&id, &n.parent, &n.role); err != nil {
			return nil, err
		}
		t.order = append(t.order, id)
		t.nodes[id] = n
		t.children[n.parent] = append(t.children[n.parent], id)
	}
	return t, rows.Err()
}

// path is the way from a first message to this one. A parent is older than its
// children, so the way ends.
func (t *tree) path(leaf int64) []int64 {
	var path []int64
	for id := leaf; id != 0; {
		n, ok := t.nodes[id]
		if !ok {
			break
		}
		path = append(path, id)
		if n.parent >= id {
			break
		}
		id = n.parent
	}
	slices.Reverse(path)
	return path
}

// leaf is the newest message below this one, which may be itself.
func (t *tree) leaf(id int64) int64 {
	for len(t.children[id]) > 0 {
		id = t.children[id][len(t.children[id])-1]
	}
	return id
}

// versions are the messages that stand where this one does.
func (t *tree) versions(id int64) []int64 {
	n := t.nodes[id]
	var list []int64
	for _, sibling := range t.children[n.parent] {
		if t.nodes[sibling].role == n.role {
			list = append(list, sibling)
		}
	}
	return list
}
