package history

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openTest(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "history.db"))
}

func say(role engine.Role, text string) engine.Message {
	return engine.Message{Role: role, Content: engine.Text(text)}
}

// started is a new conversation.
func started(t *testing.T, s *Store) Conversation {
	t.Helper()
	c, err := s.Start(t.Context(), "chat", "ministral-3-8b")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said adds a message of a text after a parent.
func said(t *testing.T, s *Store, conversation, parent int64, role engine.Role, text string) Message {
	t.Helper()
	m, err := s.Add(t.Context(), Message{Conversation: conversation, Parent: parent, Message: say(role, text)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOpenMakesAFileOfOnesOwn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "a", "b", "history.db")
	s := openAt(t, path)
	said(t, s, started(t, s).ID, 0, engine.User, "hello")
	for _, f := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(f), info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	if s.DamagedPath() != "" {
		t.Errorf("set aside: %q", s.DamagedPath())
	}
}

func TestOpenOddPaths(t *testing.T) {
	names := []string{"a b.db", "50%25.db", "a#b.db", "ä.db"}
	if runtime.GOOS != "windows" {
		names = append(names, "a?mode=memory.db")
	}
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		s := openAt(t, path)
		started(t, s)
		if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeType != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the user reads begins with what was attempted.
func TestOpenWithoutAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(file, "history.db"))
	if err == nil {
		s.Close()
	}
	if want := "cannot open the history " + filepath.Join(file, "history.db"); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestOpenKeepsWhatWasSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c := started(t, s)
	said(t, s, c.ID, 0, engine.User, "hello")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{path + "-wal", path + "-shm"} {
		if _, err := os.Stat(f); err == nil {
			t.Errorf("%s is left after Close", filepath.Base(f))
		}
	}
	p, err := openAt(t, path).Path(t.Context(), c.ID)
	if err != nil || len(p) != 1 || p[0].Content.Plain() != "hello" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestOpenTogether opens one new history from many places at once: each waits for
// the one that makes the tables.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.Start(t.Context(), "chat", "m"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := openAt(t, path)
	ids, err := readIDs(t.Context(), s.read, "SELECT id FROM conversations")
	if err != nil || len(ids) != 8 || s.DamagedPath() != "" {
		t.Errorf("%d conversations, %v, set aside %q", len(ids), err, s.DamagedPath())
	}
}

func TestOpenLeavesANewerHistoryAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	before, _ := os.ReadFile(path)
	_, err = Open(path)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Advice == "" || !strings.Contains(err.Error(), fmt.Sprintf("has version 1000 of a newer bise, and this bise supports version %d", len(migrations))) {
		t.Fatalf("error %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	onlyFile(t, path)
}

func TestOpenLeavesAForeignDatabaseAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	db := connect(path)
	if _, err := db.Exec("CREATE TABLE bookmarks (url TEXT)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	before, _ := os.ReadFile(path)
	_, err := Open(path)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Advice == "" || !strings.Contains(e.Msg, "another program's") {
		t.Fatalf("error %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

// onlyFile checks that nothing lies beside a file.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the history: %v, %v", entries, err)
	}
}

func TestOpenSetsDamageAside(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "history.db")
	s, err := Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		said(t, s, started(t, s).ID, 0, engine.User, strings.Repeat("hello ", 100))
	}
	_ = s.Close()
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"text", bytes.Repeat([]byte("not a database\n"), 500)},
		{"short text", []byte("hello")},
		{"zeros in the schema", append(append(bytes.Clone(good[:100]), make([]byte, 3996)...), good[4096:]...)},
		{"the first page only", good[:4096]},
		{"noise", append(bytes.Clone(good[:100]), bytes.Repeat([]byte{0xA5, 0x17, 0xFF}, len(good)/3)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			for suffix, data := range map[string][]byte{"": tt.data, "-wal": []byte("log")} {
				if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := openAt(t, path)
			aside := s.DamagedPath()
			if filepath.Dir(aside) != filepath.Dir(path) || filepath.Ext(aside) != ".db" || !strings.Contains(aside, "damaged") {
				t.Fatalf("set aside at %q", aside)
			}
			if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, tt.data) {
				t.Errorf("what was set aside is not what was there: %d bytes of %d, %v", len(kept), len(tt.data), err)
			}
			said(t, s, started(t, s).ID, 0, engine.User, "a new beginning")
			if list, err := s.List(t.Context(), Conversation{}, 10); err != nil || len(list) != 1 {
				t.Errorf("the new history: %v, %v", list, err)
			}
		})
	}
}

func TestSetAsideOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.db")
	seen := map[string]bool{}
	for i := range 3 {
		if err := os.WriteFile(path, fmt.Appendf(nil, "damage %d, not a database", i), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(s.DamagedPath())
		if err != nil || seen[s.DamagedPath()] || string(kept) != fmt.Sprintf("damage %d, not a database", i) {
			t.Errorf("%d: %q holds %q, %v", i, s.DamagedPath(), kept, err)
		}
		seen[s.DamagedPath()] = true
		_ = s.Close()
	}
}

func TestDamageWhileUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c := started(t, s)
	said(t, s, c.ID, 0, engine.User, "hello")
	var page int64
	if err := s.write.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xFF}, 4096), (page-1)*4096); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	s = openAt(t, path) // what it looks at is in order
	_, err = s.Path(t.Context(), c.ID)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Advice == "" || !strings.Contains(e.Msg, "the history is damaged") {
		t.Errorf("error %v", err)
	}
}

func TestMigrationIsOneStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	old := migrations
	t.Cleanup(func() { migrations = old })
	migrations = append(old[:len(old):len(old)], "CREATE TABLE extra (a); THIS IS NOT SQL")
	if _, err := Open(path); err == nil {
		t.Fatal("a broken migration opened")
	}
	migrations = old
	s := openAt(t, path) // nothing of it is there
	var n int
	if err := s.read.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	migrations = append(old[:len(old):len(old)], "CREATE TABLE extra (a)")
	next := openAt(t, path)
	if err := next.read.QueryRow("SELECT count(*) FROM extra").Scan(&n); err != nil {
		t.Error(err)
	}
	var version int
	if err := next.read.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v", version, err)
	}
}

func TestInTxUndoesWhatFailed(t *testing.T) {
	s := openTest(t)
	bang := errors.New("bang")
	err := inTx(t.Context(), s.write, func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO conversations (mode, model, created, updated) VALUES ('', '', 0, 0)"); err != nil {
			return err
		}
		return bang
	})
	if !errors.Is(err, bang) {
		t.Fatal(err)
	}
	if ids, err := readIDs(t.Context(), s.read, "SELECT id FROM conversations"); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
}
