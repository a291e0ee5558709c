package downloader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A troubledFolder asks before everything that is done to the disk, and does not do it
// when the answer is an error.
type troubledFolder struct {
	folder
	ask     func(op, name string) error
	room    int64 // 0 for what is really free
	noLocks bool  // everybody gets every lock
}

type troubledFile struct {
	file
	name string
	d    *troubledFolder
}

func (d *troubledFolder) free() (int64, bool) {
	if d.room > 0 {
		return d.room, true
	}
	return d.folder.free()
}

func (d *troubledFolder) open(name string) (file, error) {
	if err := d.ask("open", name); err != nil {
		return nil, err
	}
	f, err := d.folder.open(name)
	if err != nil {
		return nil, err
	}
	return &troubledFile{f, name, d}, nil
}

func (d *troubledFolder) isSame(name string, f file) bool {
	return d.folder.isSame(name, f.(*troubledFile).file)
}

func (d *troubledFolder) openRead(name string) (io.ReadCloser, error) {
	if err := d.ask("view", name); err != nil {
		return nil, err
	}
	return d.folder.openRead(name)
}

func (d *troubledFolder) write(name string, data []byte) error {
	if err := d.ask("write", name); err != nil {
		_ = d.folder.write(name, data[:len(data)/2])
		return err
	}
	return d.folder.write(name, data)
}

func (d *troubledFolder) append(name string, data []byte) error {
	if err := d.ask("append", name); err != nil {
		_ = d.folder.append(name, data[:len(data)/2])
		return err
	}
	return d.folder.append(name, data)
}

func (d *troubledFolder) rename(from, to string) error {
	if err := d.ask("rename", to); err != nil {
		return err
	}
	return d.folder.rename(from, to)
}

func (d *troubledFolder) remove(name string) error {
	if err := d.ask("remove", name); err != nil {
		return err
	}
	return d.folder.remove(name)
}

func (d *troubledFolder) sync() error {
	if err := d.ask("sync", "."); err != nil {
		return err
	}
	return d.folder.sync()
}

func (f *troubledFile) TryLock() (bool, error) {
	if f.d.noLocks {
		return true, nil
	}
	return f.file.TryLock()
}

func (f *troubledFile) Reserve(size int64) error {
	if err := f.d.ask("reserve", f.name); err != nil {
		return err
	}
	return f.file.Reserve(size)
}

func (f *troubledFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.d.ask("fill", f.name); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return f.file.WriteAt(p, at)
}

func (f *troubledFile) Sync() error {
	if err := f.d.ask("fsync", f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

// troubled makes a client whose disk asks first.
func troubled(t *testing.T, n *network, o Options, trouble *troubledFolder) *Client {
	c := n.client(t, o)
	c.disk = func(path string) (folder, error) {
		d, err := openHasty(path)
		own := *trouble
		own.folder = d
		if own.ask == nil {
			own.ask = func(string, string) error { return nil }
		}
		return &own, err
	}
	return c
}

// TestDiskFaults has what is done to the disk fail at one point; when it does not any
// more, the fetch goes on from there.
func TestDiskFaults(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name string
		op   string
		file string // that it is done to
		skip int    // times that it works
		err  error
		want fault.Kind
		kept bool // whether something is there to go on from
	}{
		{name: "F68 full in the middle", op: "fill", skip: 20, err: syscall.ENOSPC, want: fault.NoSpace, kept: true},
		{name: "F68 over quota in the middle", op: "fill", skip: 20, err: syscall.EDQUOT, want: fault.NoSpace, kept: true},
		{name: "F68 full at once", op: "reserve", err: syscall.ENOSPC, want: fault.NoSpace},
		{name: "F83 too large for the file system", op: "reserve", err: syscall.EFBIG, want: fault.File},
		{name: "F69 full at the first journal", op: "write", file: "model.journal.tmp", err: syscall.ENOSPC, want: fault.NoSpace},
		{name: "F69 full at a later journal", op: "write", file: "model.journal.tmp", skip: 2, err: syscall.ENOSPC, want: fault.NoSpace, kept: true},
		{name: "F69 a journal that cannot be renamed", op: "rename", file: "model.journal", skip: 2, err: syscall.EIO, want: fault.File, kept: true},
		{name: "F69 a late error", op: "fsync", skip: 1, err: syscall.EIO, want: fault.File, kept: true},
		{name: "F69 the last rename", op: "rename", file: "model", err: syscall.EIO, want: fault.File, kept: true},
		{name: "F70 a disk that is read only", op: "open", err: syscall.EROFS, want: fault.File},
		{name: "F70 no permission", op: "open", err: fs.ErrPermission, want: fault.File},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					trickle(w, r, data, testUnit, time.Second)
				})
				dest := filepath.Join(t.TempDir(), "model")
				var times atomic.Int32
				trouble := func(op, name string) error {
					if op == test.op && (test.file == "" || test.file == name) && int(times.Add(1)) > test.skip {
						return &fs.PathError{Op: op, Path: name, Err: test.err}
					}
					return nil
				}
				_, err := troubled(t, n, Options{Connections: 4}, &troubledFolder{ask: trouble}).Fetch(t.Context(), model(data, u), dest, nil)
				failed(t, err, test.want)
				if test.kept {
					alone(t, filepath.Dir(dest), "model.part", "model.journal")
				} else {
					alone(t, filepath.Dir(dest))
				}
				got, err := n.client(t, Options{}).Fetch(t.Context(), model(data, u), dest, nil)
				if err != nil {
					t.Fatal(err)
				}
				if kept := got.Fetched < int64(len(data)); kept != test.kept {
					t.Errorf("then %d bytes were fetched of %d", got.Fetched, len(data))
				}
				holds(t, dest, data)
			})
		})
	}
}

func TestF67NoRoom(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(48 * testUnit)
		asked := false
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
			asked = true
			whole(data)(w, r)
		})
		dest := filepath.Join(t.TempDir(), "model")
		_, err := troubled(t, n, Options{}, &troubledFolder{room: 1_000_000}).Fetch(t.Context(), model(data, u), dest, nil)
		failed(t, err, fault.NoSpace)
		if err != nil && (!strings.Contains(err.Error(), "3.3 MB") || !strings.Contains(err.Error(), "1 MB")) {
			t.Errorf("it says %v", err)
		}
		if asked {
			t.Error("the server was asked")
		}
		alone(t, filepath.Dir(dest))
	})
}

// TestInTheWay has what is at dest, or where the partial file belongs, already.
func TestInTheWay(t *testing.T) {
	data := content(4 * testUnit)
	canary := []byte("somebody's")
	for _, test := range []struct {
		name string
		make func(t *testing.T, dir string)
		hash Hash
		good bool
		want string // the error's words
	}{
		{name: "the right file", good: true, hash: sha(data), make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "model"), data)
		}},
		{name: "the right file, and what a killed process left", good: true, hash: sha(data), make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "model"), data)
			write(t, filepath.Join(dir, "model.part"), nil)
			write(t, filepath.Join(dir, "model.journal"), []byte("x"))
		}},
		{name: "F70 another file", want: "exists", hash: sha(data), make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "model"), canary)
		}},
		{name: "F70 another file of the same size", want: "exists", hash: sha(data), make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "model"), bytes.Repeat([]byte("x"), len(data)))
		}},
		{name: "F70 a file when nothing is known", want: "exists", make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "model"), data)
		}},
		{name: "F70 a folder", want: "exists", hash: sha(data), make: func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "model"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "F55 a link for the partial file", want: "not a regular file", hash: sha(data), make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "canary"), canary)
			if err := os.Symlink("canary", filepath.Join(dir, "model.part")); err != nil {
				t.Skip("no links here: ", err)
			}
		}},
		{name: "F55 a link that leads outside", want: "not a regular file", hash: sha(data), make: func(t *testing.T, dir string) {
			if err := os.Symlink(filepath.Join(dir, "..", "elsewhere"), filepath.Join(dir, "model.part")); err != nil {
				t.Skip("no links here: ", err)
			}
		}},
		{name: "a folder for the partial file", want: "not a regular file", hash: sha(data), make: func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "model.part"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "F81 a pipe for the partial file", want: "not a regular file", hash: sha(data), make: func(t *testing.T, dir string) {
			pipe(t, filepath.Join(dir, "model.part"))
		}},
		{name: "F81 a pipe for the journal", good: true, hash: sha(data), make: func(t *testing.T, dir string) {
			pipe(t, filepath.Join(dir, "model.journal"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				dir := filepath.Join(t.TempDir(), "in")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				test.make(t, dir)
				before := snapshot(t, dir)
				f := model(data, n.serve(t, "host.test", whole(data)))
				f.Hash = test.hash
				dest := filepath.Join(dir, "model")
				_, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, nil)
				if test.good {
					if err != nil {
						t.Fatal(err)
					}
					holds(t, dest, data)
					return
				}
				failed(t, err, fault.File)
				if err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("it says %v", err)
				}
				if after := snapshot(t, dir); after != before {
					t.Errorf("there was\n%s\nand is\n%s", before, after)
				}
				if _, err := os.Lstat(filepath.Join(dir, "..", "elsewhere")); err == nil {
					t.Error("something was made outside")
				}
			})
		})
	}
	t.Run("no folder", func(t *testing.T) {
		_, err := client(t, Options{}).Fetch(t.Context(), File{Name: "model", Size: 1}, filepath.Join(t.TempDir(), "no", "model"), nil)
		failed(t, err, fault.File)
	})
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// snapshot says what is in a folder.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&text, "%s %v", e.Name(), e.Type())
		if e.Type().IsRegular() {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, " %s", sha(data))
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// half fetches about the half of a file, and leaves the rest for later.
func half(t *testing.T, n *network, data []byte, dest string) File {
	t.Helper()
	stop := errors.New("half")
	ctx, cancel := context.WithCancelCause(t.Context())
	var chunks atomic.Int32
	var good atomic.Bool
	u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
		if good.Load() {
			whole(data)(w, r)
			return
		}
		from, to, _ := asked(r)
		drop(w, r, data, to-from)
		if int(chunks.Add(int32((to-from)/testUnit))) > len(data)/testUnit/2 {
			cancel(stop)
		}
	})
	_, err := n.client(t, Options{Connections: 1}).Fetch(ctx, model(data, u), dest, nil)
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	alone(t, filepath.Dir(dest), "model.part", "model.journal")
	good.Store(true)
	return model(data, u)
}

// TestF78DamagedBetweenRuns has the partial file change while nobody is at work on it.
// Only what was damaged is fetched again.
func TestF78DamagedBetweenRuns(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, part string)
		most   int // chunks that are lost
		all    bool
	}{
		{name: "nothing", damage: func(*testing.T, string) {}},
		{name: "a bit turned", most: 1, damage: func(t *testing.T, part string) {
			change(t, part, func(b []byte) []byte { b[testUnit/2] ^= 4; return b })
		}},
		{name: "bits turned in two chunks", most: 2, damage: func(t *testing.T, part string) {
			change(t, part, func(b []byte) []byte { b[testUnit/2] ^= 4; b[3*testUnit] ^= 1; return b })
		}},
		{name: "cut off", most: 48, damage: func(t *testing.T, part string) {
			change(t, part, func(b []byte) []byte { return b[:5*testUnit+7] })
		}},
		{name: "made longer", damage: func(t *testing.T, part string) {
			change(t, part, func(b []byte) []byte { return append(b, "more"...) })
		}},
		{name: "replaced by zeros", most: 48, damage: func(t *testing.T, part string) {
			change(t, part, func(b []byte) []byte { return make([]byte, len(b)) })
		}},
		{name: "removed", all: true, most: 48, damage: func(t *testing.T, part string) {
			if err := os.Remove(part); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "F77 its journal emptied", all: true, damage: func(t *testing.T, part string) {
			change(t, strings.TrimSuffix(part, ".part")+".journal", func([]byte) []byte { return nil })
		}},
		{name: "F77 its journal cut off", all: true, damage: func(t *testing.T, part string) {
			change(t, strings.TrimSuffix(part, ".part")+".journal", func(b []byte) []byte { return b[:len(b)/9] })
		}},
		{name: "F77 its journal made huge", all: true, damage: func(t *testing.T, part string) {
			if err := os.Truncate(strings.TrimSuffix(part, ".part")+".journal", 1<<30); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "F77 its journal removed", all: true, damage: func(t *testing.T, part string) {
			if err := os.Remove(strings.TrimSuffix(part, ".part") + ".journal"); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "F77 a journal of another file", all: true, damage: func(t *testing.T, part string) {
			write(t, strings.TrimSuffix(part, ".part")+".journal", aJournal().encode())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				dest := filepath.Join(t.TempDir(), "model")
				f := half(t, n, data, dest)
				test.damage(t, dest+".part")
				var p Progress
				stop := watchProgress(t, &p)
				got, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, &p)
				stop()
				if err != nil {
					t.Fatal(err)
				}
				holds(t, dest, data)
				lost := int(p.Sample().Damaged)
				if lost > test.most*testUnit || test.most > 0 && lost == 0 && !test.all {
					t.Errorf("%d bytes were lost", lost)
				}
				if all := got.Fetched == int64(len(data)); all != test.all && test.most < 48 {
					t.Errorf("%d bytes were fetched of %d", got.Fetched, len(data))
				}
			})
		})
	}
}

func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, f(data))
}

// TestF79FolderGone has somebody take the folder away in the middle.
func TestF79FolderGone(t *testing.T) {
	for name, away := range map[string]func(t *testing.T, dir string){
		"removed": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		},
		"renamed, and another in its place": func(t *testing.T, dir string) {
			if err := errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700)); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("a folder in use stays where it is")
			}
			bubble(t, func(t *testing.T, n *network) {
				data := content(48 * testUnit)
				dir := filepath.Join(t.TempDir(), "in")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				var once sync.Once
				var requests atomic.Int32
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) > 5 {
						once.Do(func() { away(t, dir) })
					}
					trickle(w, r, data, testUnit, time.Second)
				})
				_, err := n.client(t, Options{}).Fetch(t.Context(), model(data, u), filepath.Join(dir, "model"), nil)
				if name == "removed" {
					failed(t, err, fault.File)
					if _, err := os.Stat(dir); err == nil {
						t.Error("the folder was made again")
					}
					return
				}
				// The folder that was opened is the one that gets the file.
				if err != nil {
					t.Fatal(err)
				}
				alone(t, dir)
				holds(t, filepath.Join(dir+".old", "model"), data)
			})
		})
	}
}

// TestF75NoLocks has several fetches of one file where every lock is given to
// everybody.
func TestF75NoLocks(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(48 * testUnit)
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) { trickle(w, r, data, testUnit/2, time.Second) })
		dest := filepath.Join(t.TempDir(), "model")
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				got, err := troubled(t, n, Options{Connections: 2}, &troubledFolder{noLocks: true}).Fetch(t.Context(), model(data, u), dest, nil)
				if err != nil || !got.Verified {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		group.Wait()
		holds(t, dest, data)
	})
}

// TestTogether has several fetches of one file: one does it, and the others see how
// far it is.
func TestTogether(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(48 * testUnit)
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) { trickle(w, r, data, testUnit/2, time.Second) })
		dest := filepath.Join(t.TempDir(), "model")
		var group sync.WaitGroup
		var fetched atomic.Int64
		progress := make([]Progress, 3)
		for i := range progress {
			group.Go(func() {
				got, err := n.client(t, Options{Connections: 2}).Fetch(t.Context(), model(data, u), dest, &progress[i])
				if err != nil || !got.Verified {
					t.Errorf("%+v, %v", got, err)
				}
				fetched.Add(got.Fetched)
			})
		}
		time.Sleep(30 * time.Second)
		waiting := 0
		for i := range progress {
			s := progress[i].Sample()
			if s.Phase != Waiting {
				continue
			}
			waiting++
			if s.Have == 0 || s.Total != int64(len(data)) || !strings.Contains(s.Reason, fmt.Sprint(os.Getpid())) {
				t.Errorf("who waits sees %+v", s)
			}
		}
		if waiting != 2 {
			t.Errorf("%d wait", waiting)
		}
		group.Wait()
		if fetched.Load() != int64(len(data)) {
			t.Errorf("%d bytes were fetched of %d", fetched.Load(), len(data))
		}
		holds(t, dest, data)
	})
}

// TestF76StaleOwner has a journal that says somebody is at work: a process that is
// gone, one of another machine that is not heard of any more, or one that lives.
func TestF76StaleOwner(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name  string
		owner owner
		beats int // how often the owner is heard of
		least time.Duration
		most  time.Duration
	}{
		{name: "a process that is gone", owner: owner{ID: "x", Host: hostname(), PID: 1 << 30}, most: time.Second},
		{name: "this process, before", owner: owner{ID: "x", Host: hostname(), PID: os.Getpid()}, most: time.Second},
		{name: "another machine", owner: owner{ID: "x", Host: "elsewhere", PID: 1}, least: staleAfter, most: staleAfter + time.Second},
		{name: "another machine that lives a while", owner: owner{ID: "x", Host: "elsewhere", PID: 1}, beats: 10, least: 10*heartbeat + staleAfter, most: 11*heartbeat + staleAfter + time.Second},
		{name: "a process that lives", owner: owner{ID: "x", Host: hostname(), PID: os.Getppid()}, least: staleAfter, most: staleAfter + time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				dest := filepath.Join(t.TempDir(), "model")
				f := half(t, n, data, dest)
				own := func(beat int64) {
					raw, err := os.ReadFile(dest + ".journal")
					if err != nil {
						t.Error(err)
						return
					}
					j, err := parseJournal(raw)
					if err != nil {
						t.Error(err)
						return
					}
					j.Owner = test.owner
					j.Owner.Beat = beat
					text := j.encode()
					for _, n := range j.notes {
						text = n.append(text)
					}
					write(t, dest+".tmp", text)
					if err := os.Rename(dest+".tmp", dest+".journal"); err != nil {
						t.Error(err)
					}
				}
				own(0)
				began := time.Now()
				var group sync.WaitGroup
				group.Go(func() {
					for i := range test.beats {
						time.Sleep(heartbeat)
						own(int64(i + 1))
					}
				})
				got, err := n.client(t, Options{}).Fetch(t.Context(), f, dest, nil)
				group.Wait()
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < test.least || took > test.most {
					t.Errorf("it took %v", took)
				}
				if got.Fetched >= int64(len(data)) {
					t.Error("nothing was kept")
				}
				holds(t, dest, data)
			})
		})
	}
}

// TestTakenAway has another process take a file over from one that was not heard of
// for a while: that one steps back, and finds it whole.
func TestTakenAway(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(48 * testUnit)
		var slow atomic.Bool
		slow.Store(true)
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
			if slow.Load() {
				trickle(w, r, data, testUnit/2, time.Second)
				return
			}
			whole(data)(w, r)
		})
		dest := filepath.Join(t.TempDir(), "model")
		done := make(chan error)
		go func() {
			_, err := troubled(t, n, Options{Connections: 2}, &troubledFolder{noLocks: true}).Fetch(t.Context(), model(data, u), dest, nil)
			done <- err
		}()
		time.Sleep(9 * time.Second) // between two beats
		raw, err := os.ReadFile(dest + ".journal")
		if err != nil {
			t.Fatal(err)
		}
		j, err := parseJournal(raw)
		if err != nil {
			t.Fatal(err)
		}
		j.Owner = owner{ID: "x", Host: "elsewhere", PID: 1}
		write(t, dest+".journal", j.encode())
		slow.Store(false)
		// Nobody is heard of from there, so it is taken back.
		began := time.Now()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < staleAfter {
			t.Errorf("it was taken back after %v", took)
		}
		holds(t, dest, data)
	})
}

// A memDisk keeps what is written and what is safe apart. At an operation of a number
// it goes down, and nothing is done any more.
type memDisk struct {
	mu     sync.Mutex
	names  map[string]*memFile // as they are seen
	safe   map[string]*memFile // as they were at the last sync
	undone []func(names map[string]*memFile)
	down   int // the operation at which it goes down, counted to 0
	random *rand.Rand
}

type memFile struct {
	d    *memDisk
	data []byte // as it is seen
	safe []byte
	// dirty has the pages that are written and not safe.
	dirty map[int]bool
	size  int
}

const page = 4096 // bytes

var errDown = errors.New("the machine is down")

func newMemDisk(seed uint64) *memDisk {
	return &memDisk{names: map[string]*memFile{}, safe: map[string]*memFile{}, random: rand.New(rand.NewPCG(seed, 1))}
}

// step counts an operation. The disk is locked.
func (d *memDisk) step() error {
	d.down--
	if d.down <= 0 {
		return errDown
	}
	return nil
}

// crash is the disk as it is found after the machine went down: some of what was not
// made safe is there, and some is not.
func (d *memDisk) crash() {
	for _, do := range d.undone[:d.random.IntN(len(d.undone)+1)] {
		do(d.safe)
	}
	d.undone = nil
	d.names = map[string]*memFile{}
	for name, f := range d.safe {
		data := slices.Grow(bytes.Clone(f.safe), f.size)[:max(len(f.safe), f.size)]
		for p := range f.dirty {
			if from := p * page; d.random.IntN(2) == 0 && from < len(f.data) {
				to := min(from+page, len(f.data), len(data))
				if from < to {
					copy(data[from:to], f.data[from:to])
				}
			}
		}
		g := &memFile{d: d, data: data, safe: bytes.Clone(data), dirty: map[int]bool{}, size: len(data)}
		d.safe[name], d.names[name] = g, g
	}
}

func (d *memDisk) change(do func(names map[string]*memFile)) {
	do(d.names)
	d.undone = append(d.undone, do)
}

func (d *memDisk) open(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return nil, err
	}
	f := d.names[name]
	if f == nil {
		f = &memFile{d: d, dirty: map[int]bool{}}
		d.change(func(names map[string]*memFile) { names[name] = f })
	}
	return f, nil
}

func (d *memDisk) stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[name]
	if f == nil {
		return nil, nil
	}
	return memInfo{name: name, size: len(f.data)}, nil
}

type memInfo struct {
	fs.FileInfo
	name string
	size int
}

func (i memInfo) Size() int64       { return int64(i.size) }
func (i memInfo) Mode() fs.FileMode { return 0o600 }

func (d *memDisk) openRead(name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[name]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(bytes.Clone(f.data))), nil
}

func (d *memDisk) write(name string, data []byte) error {
	f, err := d.open(name)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}

func (d *memDisk) append(name string, data []byte) error {
	info, _ := d.stat(name)
	if info == nil {
		return fs.ErrNotExist
	}
	f, err := d.open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, info.Size())
	return err
}

func (d *memDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return fs.ErrNotExist
	}
	d.change(func(names map[string]*memFile) {
		names[to] = f
		delete(names, from)
	})
	return nil
}

func (d *memDisk) isSame(name string, f file) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name] == f
}

func (d *memDisk) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	d.change(func(names map[string]*memFile) { delete(names, name) })
	return nil
}

func (d *memDisk) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	for _, do := range d.undone {
		do(d.safe)
	}
	d.undone = nil
	return nil
}

func (d *memDisk) free() (int64, bool) { return 0, false }
func (d *memDisk) close() error        { return nil }

func (f *memFile) ReadAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	return copy(p, f.data[at:]), nil
}

func (f *memFile) WriteAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step(); err != nil {
		return 0, err
	}
	if need := int(at) + len(p); need > len(f.data) {
		f.data = append(f.data, make([]byte, need-len(f.data))...)
	}
	copy(f.data[at:], p)
	for p0 := int(at) / page; p0 <= (int(at)+len(p))/page; p0++ {
		f.dirty[p0] = true
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step(); err != nil {
		return err
	}
	if int(size) < len(f.data) {
		f.data = f.data[:size]
	} else {
		f.data = append(f.data, make([]byte, int(size)-len(f.data))...)
	}
	f.size = int(size)
	return nil
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step(); err != nil {
		return err
	}
	f.safe, f.size = bytes.Clone(f.data), len(f.data)
	clear(f.dirty)
	return nil
}

func (f *memFile) Reserve(size int64) error    { return f.Truncate(size) }
func (f *memFile) StartWriteback(int64, int64) {}
func (f *memFile) Allocated() int64            { return 0 }
func (f *memFile) TryLock() (bool, error)      { return true, nil }
func (f *memFile) Close() error                { return nil }

// TestF72PowerLoss has the machine go down at every single operation on the disk, and
// lose some of what was not made safe. What is found after that is never a wrong file
// of the right name, and never a journal that claims what is gone; and the next fetch
// ends well.
func TestF72PowerLoss(t *testing.T) {
	data := content(12*testUnit + 100)
	fetch := func(t *testing.T, n *network, d *memDisk) error {
		t.Helper()
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) { trickle(w, r, data, testUnit/2, 500*time.Millisecond) })
		c := n.client(t, Options{Connections: 3})
		c.disk = func(string) (folder, error) { return d, nil }
		_, err := c.Fetch(t.Context(), model(data, u), "model", nil)
		return err
	}
	ended := false
	for at := 1; !ended; at++ {
		if at > 1000 {
			t.Fatal("it never ends")
		}
		if testing.Short() && at%7 > 0 {
			continue
		}
		d := newMemDisk(uint64(at))
		d.down = at
		bubble(t, func(t *testing.T, n *network) {
			err := fetch(t, n, d)
			ended = err == nil && d.down > 1
			if err != nil && !errors.Is(err, errDown) {
				t.Fatalf("operation %d: %v", at, err)
			}
		})
		d.crash()
		if f := d.names["model"]; f != nil && !bytes.Equal(f.data, data) {
			t.Fatalf("operation %d: the file is there and wrong", at)
		}
		if f := d.names["model.journal"]; f != nil {
			j, err := parseJournal(f.data)
			if err != nil {
				t.Fatalf("operation %d: %v", at, err)
			}
			part := d.names["model.part"]
			for i := range j.chunks() {
				from := int64(i) * j.Unit
				if !j.done(i) || part == nil { // it has its name, or comes with the next sync
					continue
				}
				if to := min(from+j.Unit, j.Size); int64(len(part.data)) < to || crc32.Checksum(part.data[from:to], castagnoli) != j.sum(i) {
					t.Fatalf("operation %d: the journal claims chunk %d, which is gone", at, i)
				}
			}
		}
		d.down = 1 << 30
		bubble(t, func(t *testing.T, n *network) {
			if err := fetch(t, n, d); err != nil {
				t.Fatalf("operation %d, the next time: %v", at, err)
			}
		})
		if f := d.names["model"]; f == nil || !bytes.Equal(f.data, data) || len(d.names) != 1 {
			t.Fatalf("operation %d, the next time: %d files", at, len(d.names))
		}
	}
}
