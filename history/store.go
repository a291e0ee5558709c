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

// busyTimeout is how long a writer waits for other processes. A transaction takes
// milliseconds, an import of thousands of conversations seconds.
const busyTimeout = 20 * time.Second

// A Store is an open history.
type Store struct {
	path     string
	setAside string
	// Writes use one connection. SQLite has one writer at a time, and waiting in line is
	// better than an error that says to try again.
	write *sql.DB
	read  *sql.DB
}

// Open opens the history at path, and creates it with its folder if it does not exist.
// Open renames a damaged file, never overwrites it, and starts a new history;
// [Store.DamagedPath] then returns the new name. It does not change a history of a newer bise
// or a database of another program.
func Open(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the history: %w", err)
	}
	s, err := open(path)
	if !isDamaged(err) {
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

// DamagedPath is the new path of a damaged history that Open renamed, or "".
func (s *Store) DamagedPath() string { return s.setAside }

// Close closes the history. Replies must be closed first.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

func open(path string) (_ *Store, err error) {
	defer func() {
		if err != nil && fault.KindOf(err) == "" {
			err = fmt.Errorf("cannot open the history %s: %w", path, err)
		}
	}()
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{path: path}
	// With synchronous=NORMAL a commit survives a crash of the process; a power failure
	// may lose the last commits. A piece of an answer is not worth waiting for the disk.
	// secure_delete=FAST overwrites deleted rows where that costs no further write.
	s.write = connect(path, "_txlock", "immediate", "_pragma", "synchronous(NORMAL)", "_pragma", "secure_delete(FAST)", "_pragma", "foreign_keys(ON)")
	s.write.SetMaxOpenConns(1)
	s.read = connect(path, "_pragma", "query_only(ON)")
	s.read.SetMaxOpenConns(4)
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	ctx := context.Background() // opening is short
	version, err := s.version(ctx)
	if err != nil {
		return nil, err
	}
	if version < len(migrations) {
		// Both must come before the tables, and outside of a transaction.
		if _, err := s.write.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL"); err != nil {
			return nil, err
		}
		if err := migrate(ctx, s.write); err != nil {
			return nil, err
		}
	}
	// A first read finds damage now instead of later.
	_, err = s.List(ctx, Conversation{}, 1)
	return s, err
}

// version is the version of the database, 0 for an empty file.
func (s *Store) version(ctx context.Context) (int, error) {
	var version, application, tables int
	err := s.write.QueryRowContext(ctx, "SELECT v.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version v, pragma_application_id a").
		Scan(&version, &application, &tables)
	switch {
	case err != nil:
		return 0, err
	case application != applicationID && (application != 0 || tables > 0):
		return 0, fault.Advise(fault.Errorf(fault.BadData, "cannot open the history: %s is another program's database", s.path),
			"Move the file away to start a new history.")
	case version > len(migrations):
		return 0, &fault.Error{
			Kind:   fault.BadData,
			Msg:    fmt.Sprintf("cannot open the history: %s has version %d of a newer bise, and this bise supports version %d", s.path, version, len(migrations)),
			Advice: "Install that version again, or move the file away to start a new history.",
		}
	}
	return version, nil
}

// create makes an empty file that only its owner may read. SQLite gives the files beside
// it the same mode.
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

// connect returns a pool of connections to the database.
func connect(path string, options ...string) *sql.DB {
	q := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
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

// isDamaged reports whether an error means that the file is not a valid database.
func isDamaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	code := e.Code() & 0xff // the primary result code
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// setAside renames the database and the files beside it, and returns the new name.
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
	// The log first: a new database with the old name would use it.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", err
		}
	}
	return aside, nil
}
