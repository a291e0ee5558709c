package history

import (
	"context"
	"database/sql"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// A tree is the structure of a conversation.
type tree struct {
	order    []int64 // all messages, oldest first
	nodes    map[int64]node
	children map[int64][]int64 // oldest first; the first messages are children of 0
}

type node struct {
	parent int64
	role   engine.Role
	failed bool // an answer without a word
}

func readTree(ctx context.Context, tx *sql.Tx, conversation int64) (*tree, error) {
	t := &tree{nodes: map[int64]node{}, children: map[int64][]int64{}}
	err := forEachRow(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var n node
		err := rows.Scan(&id, &n.parent, &n.role, &n.failed)
		t.order = append(t.order, id)
		t.nodes[id] = n
		t.children[n.parent] = append(t.children[n.parent], id)
		return err
	}, "SELECT id, coalesce(parent, 0), role, content = '{}' AND measured ->> '$.error' IS NOT NULL FROM messages WHERE conversation = ? ORDER BY id", conversation)
	return t, err
}

// path lists the messages from a first one to the leaf.
func (t *tree) path(leaf int64) []int64 {
	var path []int64
	for id := leaf; ; {
		n, ok := t.nodes[id]
		if !ok {
			break
		}
		path = append(path, id)
		if n.parent >= id { // in a damaged database; a parent is older
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

// versions are the messages with the same parent and role, without failed answers.
func (t *tree) versions(id int64) []int64 {
	n := t.nodes[id]
	var list []int64
	for _, sibling := range t.children[n.parent] {
		if s := t.nodes[sibling]; s.role == n.role && (!s.failed || sibling == id) {
			list = append(list, sibling)
		}
	}
	return list
}
