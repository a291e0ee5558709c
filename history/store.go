package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busy is how long a writer waits for another process's. A transaction takes
// milliseconds; an import of thousands of conversations, seconds.
const busy = 20 * time.Second

// A Store is an open history.
type Store struct {
	path     string
	setAside string
	// Writes go through one connection, in turn: SQLite has one writer at a time,
	// and waiting in line is better than an error that says to try again.
	write *sql.DB
	read  *sql.DB
}

// Open opens the history at path, and makes it when it is not there, with its
// folder. A file that is damaged is renamed, never overwritten, and a new history
// begun: [Store.SetAside] then returns its new name. A history
// of a newer bise and a database of another program are left as they are.
func Open(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	s, err := open(path)
	if !damaged(err) {
		return s, err
	}
	aside, err := setAside(path)
	if err != nil {
		return nil, fmt.Errorf("set the damaged history aside: %w", err)
	}
	if s, err = open(path); err != nil {
		return nil, err
	}
	s.setAside = aside
	return s, nil
}

// SetAside is where a damaged history was moved when this one was opened, "" when
// nothing was wrong.
func (s *Store) SetAside() string { return s.setAside }

// Close closes the history. Writers of answers must be closed before.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

func open(path string) (_ *Store, err error) {
	defer func() {
		if err != nil && fault.KindOf(err) == "" {
			err = fmt.Errorf("open the history %s: %w", path, err)
		}
	}()
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{path: path}
	// Without synchronous=FULL a commit survives the process, and the machine's
	// power all but the last moments: a piece of an answer is not worth waiting for
	// the disk. What is deleted is overwritten where that costs no further write.
	s.write = connect(path, "_txlock", "immediate", "_pragma", "synchronous(NORMAL)", "_pragma", "secure_delete(FAST)", "_pragma", "foreign_keys(ON)")
	s.write.SetMaxOpenConns(1)
	s.read = connect(path, "_pragma", "query_only(ON)")
	s.read.SetMaxOpenConns(4)
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	ctx := context.Background() // opening is short and has no caller to wait for
	version, err := s.version(ctx)
	if err != nil {
		return nil, err
	}
	if version < len(migrations) {
		// Both come before the tables, and outside of a transaction.
		if _, err := s.write.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL"); err != nil {
			return nil, err
		}
		if err := migrate(ctx, s.write); err != nil {
			return nil, err
		}
	}
	// A glance at each table: damage that shows here is damage that would show later.
	_, err = s.List(ctx, Conversation{}, 1)
	return s, err
}

// version is the database's, 0 for an empty file.
func (s *Store) version(ctx context.Context) (int, error) {
	var version, application, tables int
	err := s.write.QueryRowContext(ctx, "SELECT v.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version v, pragma_application_id a").
		Scan(&version, &application, &tables)
	switch {
	case err != nil:
		return 0, err
	case application != applicationID && (application != 0 || tables > 0):
		return 0, &fault.Error{
			Kind: fault.BadData, Msg: fmt.Sprintf("cannot open the history: %s is another program's database", s.path),
			Advice: "Move the file away to begin a new history.",
		}
	case version > len(migrations):
		return 0, &fault.Error{
			Kind:   fault.BadData,
			Msg:    fmt.Sprintf("cannot open the history: %s has version %d of a newer bise, and this bise knows version %d", s.path, version, len(migrations)),
			Advice: "Install that version again, or move the file away to begin a new history.",
		}
	}
	return version, nil
}

// create makes the file, empty, so that no other process may read it: SQLite gives the
// files beside it the same mode.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o600)
	}
	return nil
}

// connect gives connections to the database, made when they are needed.
func connect(path string, options ...string) *sql.DB {
	q := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}}
	for i := 0; i < len(options); i += 2 {
		q.Add(options[i], options[i+1])
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		panic("history: " + err.Error()) // the driver is linked in
	}
	db.SetMaxIdleConns(4) // reopening reads the schema again
	return db
}

// damaged reports whether an error says that the file is no database, or a broken
// one.
func damaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	code := e.Code() & 0xff // without what extends it
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// setAside renames the database and the files beside it, and gives the new name.
func setAside(path string) (string, error) {
	ext := filepath.Ext(path)
	stem := fmt.Sprintf("%s.damaged-%s", strings.TrimSuffix(path, ext), time.Now().Format("20060102-150405"))
	aside := stem + ext
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-%d%s", stem, n, ext)
	}
	// The log first: alone under the old name it would be taken for a new file's.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", err
		}
	}
	return aside, nil
}
