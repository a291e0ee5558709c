package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

const (
	// candidates is how many messages are compared: the newest that match. A word
	// that more of them have tells them apart by little else than their age.
	candidates = 300
	// weighed is how much of the candidates' contents is read to compare them, in
	// bytes.
	weighed = 4 << 20
	// snippet is about how long an excerpt is, in bytes.
	snippet = 160
)

// A Hit is a conversation that a search found.
type Hit struct {
	Conversation Conversation
	TitleMarks   []Range // what matched in the title
	// Message is the message that matches best, 0 when only the title does.
	Message int64
	Role    engine.Role
	Text    string  // an excerpt of the message, on one line
	Marks   []Range // what matched in Text
	Matches int     // messages that match, among the newest 300 of all conversations
}

// Search finds conversations by what was written in them and by their titles, best first:
// how often the words are there, for how long a message, how recently. Deleted ones are
// not found.
func (s *Store) Search(ctx context.Context, query string, limit int) ([]Hit, error) {
	q := ParseQuery(query)
	if q.Empty() {
		return nil, nil
	}
	var hits []Hit
	err := inTx(ctx, s.read, func(tx *sql.Tx) error {
		found, err := find(ctx, tx, q)
		if err != nil {
			return err
		}
		if err := weigh(ctx, tx, q, found); err != nil {
			return err
		}
		titled, err := findTitles(ctx, tx, q.InTitles())
		if err != nil {
			return err
		}
		hits, err = gather(ctx, tx, q, append(found, titled...), limit)
		return err
	})
	return hits, failed("search the history", err)
}

// A match is a message that has the words, or a title.
type match struct {
	message, conversation int64
	updated               time.Time // of the conversation
	size                  int       // of the stored content, in bytes
	score                 float64
}

// find finds the newest messages that match. FTS5 gives them in the order of
// their ids without looking at the others; its own rank would look at all.
func find(ctx context.Context, tx *sql.Tx, q Query) ([]match, error) {
	rows, err := tx.QueryContext(ctx, `SELECT m.id, m.conversation, c.updated, octet_length(m.content)
		FROM words CROSS JOIN messages m ON m.id = words.rowid CROSS JOIN conversations c ON c.id = m.conversation
		WHERE words MATCH ? AND c.deleted IS NULL ORDER BY words.rowid DESC LIMIT ?`, q.match(), candidates)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []match
	for rows.Next() {
		var m match
		var updated int64
		if err := rows.Scan(&m.message, &m.conversation, &updated, &m.size); err != nil {
			return nil, err
		}
		m.updated = time.UnixMilli(updated)
		list = append(list, m)
	}
	return list, rows.Err()
}

// findTitles finds the conversations whose title matches.
func findTitles(ctx context.Context, tx *sql.Tx, q Query) ([]match, error) {
	rows, err := tx.QueryContext(ctx, `SELECT c.id, c.updated FROM titles CROSS JOIN conversations c ON c.id = titles.rowid
		WHERE titles MATCH ? AND c.deleted IS NULL ORDER BY titles.rowid DESC LIMIT ?`, q.match(), candidates)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []match
	for rows.Next() {
		m := match{score: 1} // as much as a message that has a word very often
		var updated int64
		if err := rows.Scan(&m.conversation, &updated); err != nil {
			return nil, err
		}
		m.updated = time.UnixMilli(updated)
		list = append(list, m)
	}
	return list, rows.Err()
}

// weigh says how well messages match.
func weigh(ctx context.Context, tx *sql.Tx, q Query, found []match) error {
	read, err := tx.PrepareContext(ctx, "SELECT content FROM messages WHERE id = ?")
	if err != nil {
		return err
	}
	defer read.Close()
	budget := weighed
	for i := range found {
		if budget -= found[i].size; budget < 0 {
			break
		}
		text, err := contentText(read.QueryRowContext(ctx, found[i].message))
		if err != nil {
			return err
		}
		found[i].score = q.score(text)
	}
	return nil
}

func contentText(row *sql.Row, more ...any) (string, error) {
	var content []byte
	if err := row.Scan(append([]any{&content}, more...)...); err != nil {
		return "", err
	}
	var st stored
	if err := json.Unmarshal(content, &st); err != nil {
		return "", err
	}
	return st.text(), nil
}

// score is BM25's measure of one text, from 0 to 1: how often it has the phrases,
// against its length. How rare a word is does not count: every text here has all
// of them.
func (q Query) score(text string) float64 {
	const (
		k1      = 1.2
		b       = 0.75
		average = 150 // words in a message
	)
	words, parts := terms(text)
	length := k1 * (1 - b + b*float64(len(words))/average)
	var sum float64
	for _, p := range q.phrases {
		n := float64(len(p.marks(nil, words, parts)))
		sum += n / (n + length)
	}
	return sum / float64(len(q.phrases))
}

// recent is 1 for what was written now, and half of it for each month before.
func recent(t, now time.Time) float64 {
	return math.Exp2(-max(0, now.Sub(t).Hours()) / (30 * 24))
}

// gather makes hits of what was found, one for each conversation.
func gather(ctx context.Context, tx *sql.Tx, q Query, found []match, limit int) ([]Hit, error) {
	type conversation struct {
		best    match
		matches int
		score   float64
	}
	now := time.Now()
	all := map[int64]*conversation{}
	for _, m := range found {
		c := all[m.conversation]
		if c == nil {
			c = &conversation{score: recent(m.updated, now) / 2}
			all[m.conversation] = c
		}
		if m.message == 0 {
			c.score += m.score
			continue
		}
		if c.matches++; c.matches == 1 || m.score > c.best.score {
			c.score += m.score - c.best.score
			c.best = m
		}
	}
	ids := make([]int64, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int64) int { return cmp.Or(cmp.Compare(all[b].score, all[a].score), cmp.Compare(b, a)) })
	var hits []Hit
	for _, id := range ids[:min(max(0, limit), len(ids))] {
		h := Hit{Message: all[id].best.message, Matches: all[id].matches}
		if err := h.Conversation.scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE id = ?", id)); err != nil {
			return nil, err
		}
		h.TitleMarks = q.InTitles().Marks(h.Conversation.Title)
		if h.Message != 0 {
			text, err := contentText(tx.QueryRowContext(ctx, "SELECT content, role FROM messages WHERE id = ?", h.Message), &h.Role)
			if err != nil {
				return nil, err
			}
			h.Text, h.Marks = q.excerpt(text)
		}
		hits = append(hits, h)
	}
	return hits, nil
}

// excerpt is the piece of a text around the first place where most of the words
// are near each other, on one line, and the marks in it.
func (q Query) excerpt(text string) (string, []Range) {
	marks := q.Marks(text)
	start, most := 0, 0
	for i, m := range marks {
		n := 0
		for n < len(marks)-i && marks[i+n].End <= m.Start+snippet*3/4 {
			n++
		}
		if n > most {
			start, most = m.Start, n
		}
	}
	from := wordStart(text, start-snippet/4)
	to := min(len(text), from+snippet)
	if to < len(text) {
		to = from + cutWord(text[from:to])
	}
	line := strings.Join(strings.Fields(strings.ToValidUTF8(text[from:to], "")), " ")
	if from > 0 {
		line = "…" + line
	}
	if to < len(text) {
		line += "…"
	}
	return line, q.Marks(line)
}

// wordStart is the beginning of the first word after a place, the place itself in
// a text without spaces.
func wordStart(text string, at int) int {
	if at <= 0 {
		return 0
	}
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	if i := strings.IndexFunc(text[at:min(len(text), at+snippet/8)], unicode.IsSpace); i >= 0 {
		return at + i
	}
	return at
}

// cutWord is where the last whole word ends in a text that was cut, the end of
// its last whole rune where there is no space.
func cutWord(text string) int {
	if i := strings.LastIndexFunc(text, unicode.IsSpace); i > len(text)/2 {
		return i
	}
	end := len(text)
	for n := 0; end > 0 && n < utf8.UTFMax && !utf8.ValidString(text[end-1:]); n++ {
		end--
	}
	return end
}
