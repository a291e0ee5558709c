package history

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

const (
	// maxCandidates limits the messages that are ranked, to the newest that match. If more
	// messages have the words, their age is what matters.
	maxCandidates = 300
	// maxRanked limits the contents that are read for the ranking, in bytes.
	maxRanked = 4 << 20
	// snippet is the length of an excerpt, in bytes.
	snippet = 160
)

// A Hit is a conversation that a search found.
type Hit struct {
	Conversation Conversation
	TitleMarks   []Range // what matched in the title
	// Message is the best match, 0 if only the title matches.
	Message int64
	Role    engine.Role
	Text    string  // an excerpt of the message, on one line
	Marks   []Range // what matched in Text
	Matches int     // messages that match, among the newest 300 of all conversations
}

// Search finds conversations by their messages and titles, best match first. The rank
// depends on how often a message has the words, on its length and on its age. Deleted
// conversations are not found.
func (s *Store) Search(ctx context.Context, query string, limit int) ([]Hit, error) {
	q := ParseQuery(query)
	if q.Empty() {
		return nil, nil
	}
	var hits []Hit
	err := inTx(ctx, s.read, func(tx *sql.Tx) error {
		messages, err := findMessages(ctx, tx, q)
		if err == nil {
			err = rank(ctx, tx, q, messages)
		}
		if err != nil {
			return err
		}
		titles, err := findTitles(ctx, tx, q.InTitles())
		if err != nil {
			return err
		}
		hits, err = gather(ctx, tx, q, append(messages, titles...), limit)
		return err
	})
	return hits, wrap("search the history", err)
}

// A match is a message or a title with the words.
type match struct {
	message, conversation int64
	updated               int64   // of the conversation, in Unix milliseconds
	size                  int     // of the stored content, in bytes
	score                 float64 // from 0 to 1
}

// findMessages finds the newest messages that match. FTS5 returns them by descending ID
// and reads no others. Its own rank, bm25, would read all matches.
func findMessages(ctx context.Context, tx *sql.Tx, q Query) ([]match, error) {
	return findMatches(ctx, tx, q, `SELECT m.id, m.conversation, c.updated, octet_length(m.content), 0.0
		FROM words CROSS JOIN messages m ON m.id = words.rowid CROSS JOIN conversations c ON c.id = m.conversation
		WHERE words MATCH ? AND c.deleted IS NULL ORDER BY words.rowid DESC LIMIT ?`)
}

// findTitles finds the conversations whose title matches. The score of a title is the
// highest of a message.
func findTitles(ctx context.Context, tx *sql.Tx, q Query) ([]match, error) {
	return findMatches(ctx, tx, q, `SELECT 0, c.id, c.updated, 0, 1.0 FROM titles CROSS JOIN conversations c ON c.id = titles.rowid
		WHERE titles MATCH ? AND c.deleted IS NULL ORDER BY titles.rowid DESC LIMIT ?`)
}

func findMatches(ctx context.Context, tx *sql.Tx, q Query, query string) (list []match, err error) {
	err = forEachRow(ctx, tx, func(rows *sql.Rows) error {
		var m match
		err := rows.Scan(&m.message, &m.conversation, &m.updated, &m.size, &m.score)
		list = append(list, m)
		return err
	}, query, q.match(), maxCandidates)
	return list, err
}

// rank sets the scores of messages.
func rank(ctx context.Context, tx *sql.Tx, q Query, messages []match) error {
	read, err := tx.PrepareContext(ctx, "SELECT content FROM messages WHERE id = ?")
	if err != nil {
		return err
	}
	defer read.Close()
	budget := maxRanked
	for i := range messages {
		if budget -= messages[i].size; budget < 0 {
			break
		}
		var st stored
		if err := read.QueryRowContext(ctx, messages[i].message).Scan(jsonColumn{&st}); err != nil {
			return err
		}
		messages[i].score = q.score(st.text())
	}
	return nil
}

// score is BM25 of one text, from 0 to 1, without the rarity of words: every candidate has
// all of them.
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

// recency is 1 for the present, and halves with each month before.
func recency(t, now time.Time) float64 {
	return math.Exp2(-max(0, now.Sub(t).Hours()) / (30 * 24))
}

// gather makes the hits, one for each conversation.
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
			c = &conversation{score: recency(time.UnixMilli(m.updated), now) / 2}
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
	ids := slices.SortedFunc(maps.Keys(all), func(a, b int64) int {
		return cmp.Or(cmp.Compare(all[b].score, all[a].score), cmp.Compare(b, a))
	})
	var hits []Hit
	for _, id := range ids[:min(max(0, limit), len(ids))] {
		h := Hit{Message: all[id].best.message, Matches: all[id].matches}
		if err := h.Conversation.scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM conversations c WHERE id = ?", id)); err != nil {
			return nil, err
		}
		h.TitleMarks = q.InTitles().Marks(h.Conversation.Title)
		if h.Message != 0 {
			var st stored
			if err := tx.QueryRowContext(ctx, "SELECT content, role FROM messages WHERE id = ?", h.Message).Scan(jsonColumn{&st}, &h.Role); err != nil {
				return nil, err
			}
			h.Text, h.Marks = q.excerpt(st.text())
		}
		hits = append(hits, h)
	}
	return hits, nil
}

// excerpt returns the part of a text with the most matches close together, on one line,
// and the marks in it.
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
	line := joinFields(text[from:to])
	if from > 0 {
		line = "…" + line
	}
	if to < len(text) {
		line += "…"
	}
	return line, q.Marks(line)
}

// wordStart is the start of the first word after an offset, or the offset itself in a text
// without spaces.
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

// cutWord is the end of the last complete word in a truncated text, or of its last
// complete rune if it has no spaces.
func cutWord(text string) int {
	if i := strings.LastIndexFunc(text, unicode.IsSpace); i > len(text)/2 {
		return i
	}
	return len(cutRune(text))
}

// cutRune removes an incomplete rune from the end of a truncated text.
func cutRune(text string) string {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRuneInString(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}
