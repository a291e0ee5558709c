package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

// The benchmarks run on a generated history of 10,000 conversations. With
// BISE_BENCH_MESSAGES=1000000 they have so many messages, 20,000 otherwise; making
// them takes minutes, so BISE_BENCH_HISTORY may name a file that is kept.

const benchConversations = 10_000

var syllables = strings.Fields("ka lo mi ter an pro ser vi con tex mar ble sti re di gno po ul fer ent ion al qua zu")

// benchWord is the n-th commonest word of an invented language.
func benchWord(n int) string {
	var b strings.Builder
	for n++; n > 0; n /= len(syllables) {
		b.WriteString(syllables[n%len(syllables)])
	}
	return b.String()
}

func benchHistory(b *testing.B) *Store {
	b.Helper()
	messages := 20_000
	if v := os.Getenv("BISE_BENCH_MESSAGES"); v != "" {
		var err error
		if messages, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	path := os.Getenv("BISE_BENCH_HISTORY")
	if path == "" {
		path = filepath.Join(b.TempDir(), "history.db")
	}
	_, err := os.Stat(path)
	made := !errors.Is(err, fs.ErrNotExist)
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if !made {
		generate(b, s, messages)
	}
	return s
}

func generate(b *testing.B, s *Store, messages int) {
	b.Helper()
	ctx := context.Background()
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 4, 50_000)
	now := time.Now()
	each := messages / benchConversations
	for from := 0; from < benchConversations; from += 100 {
		err := inTx(ctx, s.write, func(tx *sql.Tx) error {
			for c := from; c < from+100; c++ {
				at := now.Add(time.Duration(c-benchConversations) * time.Hour)
				r, err := tx.ExecContext(ctx, "INSERT INTO conversations (mode, model, created, updated) VALUES ('chat', 'ministral-3-8b', ?, ?)", at.UnixMilli(), at.UnixMilli())
				if err != nil {
					return err
				}
				id, _ := r.LastInsertId()
				m := Message{Conversation: id}
				for n := range each {
					var text strings.Builder
					for range 20 + random.IntN(80) {
						text.WriteString(benchWord(int(zipf.Uint64())))
						text.WriteByte(' ')
					}
					if random.IntN(4) == 0 {
						fmt.Fprintf(&text, "\n```go\nfor i := range %sName { x.%s(i) }\n```\n", benchWord(random.IntN(9000)), benchWord(random.IntN(9000)))
					}
					if random.IntN(1000) == 0 {
						text.WriteString(" needle in a haystack")
					}
					role := engine.User
					if n%2 == 1 {
						role = engine.Assistant
					}
					m = Message{Conversation: id, Parent: m.ID, Message: say(role, text.String()), Created: at}
					st, err := insert(ctx, tx, &m)
					if err != nil {
						return err
					}
					if err := index(ctx, tx, m.ID, m.Role, st.text()); err != nil {
						return err
					}
					if n == 0 {
						if err := setTitle(ctx, tx, id, st.title(), false); err != nil {
							return err
						}
					}
				}
				if _, err := tx.ExecContext(ctx, "UPDATE conversations SET leaf = ? WHERE id = ?", m.ID, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstPage is what a starting interface waits for.
func BenchmarkFirstPage(b *testing.B) {
	path := benchHistory(b).path
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		list, err := s.List(b.Context(), Conversation{}, 50)
		if err != nil || len(list) != 50 {
			b.Fatal(len(list), err)
		}
		_ = s.Close()
	}
}

func BenchmarkSearch(b *testing.B) {
	s := benchHistory(b)
	for _, query := range []string{
		benchWord(0), benchWord(0) + " " + benchWord(1), "k", "ka", "kal", "kalo", "kalom", `"` + benchWord(0) + " " + benchWord(2) + `"`,
		benchWord(3000), benchWord(30) + " " + benchWord(7000), "needle haystack", "nowhere", "needle nowhere", ":=", "Name",
	} {
		b.Run(strings.ReplaceAll(query, " ", "+"), func(b *testing.B) {
			n := 0
			for b.Loop() {
				hits, err := s.Search(b.Context(), query, 50)
				if err != nil {
					b.Fatal(err)
				}
				n = len(hits)
			}
			b.ReportMetric(float64(n), "hits")
		})
	}
}
