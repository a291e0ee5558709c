package downloader

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/fault"
	"golang.org/x/sync/errgroup"
)

// Fetch downloads a file to dest, a path whose folder exists.
//
// Meanwhile its bytes are beside it in dest.part, and what is known of them in
// dest.journal; after whatever end, the next Fetch continues from there. Where another
// process is at work on the same file, this one waits, and takes over when it dies.
//
// A file that is at dest already stays: if its hash is the right one that is all, and
// otherwise it is an error of kind [Local]. When Fetch returns nil, dest has its size
// and, where one is known, its hash.
func (c *Client) Fetch(ctx context.Context, f File, dest string, p *Progress) (Result, error) {
	s := p.begin(f)
	defer s.end()
	result, err := c.fetch(ctx, f, dest, s)
	if err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", f.Name, err)
	}
	return result, nil
}

func (c *Client) fetch(ctx context.Context, f File, dest string, s *share) (Result, error) {
	hash, err := ParseHash(string(f.Hash))
	if err != nil {
		return Result{}, &fault.Error{Kind: fault.Refused, Msg: err.Error(), Advice: "The server, or what names the file, is wrong."}
	}
	f.Hash = hash
	if f.Size > maxSize {
		return Result{}, &fault.Error{Kind: fault.Refused, Msg: "it is said to have " + amount(f.Size), Advice: "No model is that large: the server is wrong."}
	}
	dir, err := c.disk(filepath.Dir(dest))
	if err != nil {
		return Result{}, localError("open its folder", err)
	}
	defer dir.close()
	w := &fetch{
		c: c, file: f, dest: dest, name: filepath.Base(dest), dir: dir, share: s,
		id: rand.Text(), source: newSource(f.Locate), opened: make(chan struct{}),
	}
	owners.Store(w.id, true)
	defer owners.Delete(w.id)
	for {
		if there, err := dir.look(w.name); err != nil {
			return Result{}, localError("look at "+dest, err)
		} else if there != nil {
			return w.compare(ctx, there)
		}
		saved, err := w.claim(ctx)
		if err == nil {
			var result Result
			result, err = w.run(ctx, saved)
			w.leave(err)
			if err == nil {
				return result, nil
			}
		}
		if !errors.Is(err, errElsewhere) {
			return Result{}, err
		}
		if err := sleep(ctx, mathrand.N(poll)); err != nil {
			return Result{}, err
		}
	}
}

// A fetch is one file on its way.
type fetch struct {
	c     *Client
	file  File
	dest  string
	name  string // of the file in dir
	dir   folder
	share *share
	id    string // as an owner

	part   file
	queue  *queue // nil while the size is not known
	source *source

	once      sync.Once
	opened    chan struct{} // closed when the server has given the first bytes
	beat      int64
	fetched   atomic.Int64 // bytes
	good      atomic.Int64 // when the last byte came, Unix nanoseconds
	answered  atomic.Bool  // whether a server has been there
	misranged atomic.Int64 // answers that were not as asked for
	attempts  []attempt    // of the connections, by number
	digest    *digest      // of the whole file when it is right

	mu        sync.Mutex
	validator string   // of the server's version, where no hash is known
	journal   *journal // the last that was written
	notes     []note   // of what it does not know to be safe
}

var (
	// errElsewhere reports that another process has the file, or has finished it.
	errElsewhere = errors.New("another process has taken it over")
	// errMismatch is that the bytes, each as it came, are not the right ones.
	errMismatch = errors.New("its hash is wrong")
	// errChanged is that the server has other bytes now than before.
	errChanged = errors.New("it has changed on the server")
)

// run fetches what the journal does not have, and gives the file its name.
func (w *fetch) run(ctx context.Context, saved *journal) (Result, error) {
	if err := w.prepare(ctx, saved); err != nil {
		return Result{}, err
	}
	for attempt := 1; ; attempt++ {
		err := w.transfer(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errMismatch) && !errors.Is(err, errChanged) {
			return Result{}, err
		}
		w.share.lost(w.queue.have())
		w.queue, w.source, w.validator, w.journal, w.notes = nil, newSource(w.file.Locate), "", nil, nil
		if attempt == 2 {
			return Result{}, &fault.Error{
				Kind: fault.Damaged, Cause: err, Msg: fmt.Sprintf("what the server sends is wrong, two times over: %v", err),
				Advice: "The server or a proxy on the way changes or mixes files: try again later, or another network.",
			}
		}
		if err := w.prepare(ctx, nil); err != nil {
			return Result{}, err
		}
	}
	if err := w.install(); err != nil {
		return Result{}, err
	}
	w.share.enter(Finished)
	return Result{Size: w.queue.size, SHA256: w.digest.sha256(), Verified: w.file.Hash != "", Fetched: w.fetched.Load()}, nil
}

// prepare makes the queue of what is there, or of a new beginning, and the room for the
// file.
func (w *fetch) prepare(ctx context.Context, saved *journal) error {
	w.good.Store(time.Now().UnixNano())
	if saved != nil {
		w.queue, w.validator = restore(saved), saved.Validator
		w.share.sized(saved.Size)
		w.share.at(w.queue.have())
		return w.reserve()
	}
	w.share.at(0)
	if err := w.part.Truncate(0); err != nil {
		return localError("empty "+w.dest+partSuffix, err)
	}
	if w.file.Size < 0 {
		w.share.enter(Downloading)
		return w.discover(ctx)
	}
	w.queue = newQueue(w.file.Size, w.c.unit)
	return w.reserve()
}

// reserve makes sure of the room.
func (w *fetch) reserve() error {
	if err := room(w.dir, w.queue.size-w.part.Allocated(), w.file.Name); err != nil {
		return err
	}
	if err := w.part.Reserve(w.queue.size); err != nil {
		return localError(fmt.Sprintf("reserve %s for %s", amount(w.queue.size), w.dest), err)
	}
	return nil
}

// transfer has all that is missing fetched, hashed and noted.
func (w *fetch) transfer(ctx context.Context) error {
	w.share.enter(Downloading)
	if err := w.save(); err != nil {
		return err
	}
	connections := 1
	if each := 2 * w.queue.unit; w.queue.size > 2*each {
		connections = int(min(int64(w.c.connections), w.queue.size/each))
	}
	w.attempts = make([]attempt, connections+1)

	group, inner := errgroup.WithContext(ctx)
	watch, done := context.WithCancel(inner)
	group.Go(func() error {
		defer done()
		return w.hash(inner)
	})
	group.Go(func() error { return w.keep(watch) })
	group.Go(func() error { return w.watch(watch) })
	for who := 1; who <= connections; who++ {
		group.Go(func() error {
			if who > 1 {
				select {
				case <-w.opened:
				case <-watch.Done():
					return nil
				}
			}
			return w.connection(inner, who, connections)
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// hash follows the chunks as they become whole, each read back from the disk: from
// its cache, as they are young. One that is not what was written is fetched again.
func (w *fetch) hash(ctx context.Context) error {
	const tooOften = 3 // to be damaged by chance
	q := w.queue
	defer q.close()
	d := newDigest(w.file.Hash, q.size)
	buf := make([]byte, 512<<10)
	for i := range q.chunks {
		for {
			want, last, err := q.await(ctx, i)
			if err != nil {
				return err
			}
			if last {
				w.share.enter(Verifying)
			}
			next := d.clone()
			sum := newSum()
			if err := readBack(ctx, w.part, int64(i)*q.unit, q.length(i), buf, io.MultiWriter(next, sum)); err != nil {
				return err
			}
			if sum.Sum32() == want {
				d = next
				w.share.checked(q.length(i))
				break
			}
			if q.redo(i) == tooOften {
				return localError("read "+w.dest+partSuffix, errors.New("the disk does not keep what is written on it"))
			}
			w.share.lost(q.length(i))
			w.share.enter(Downloading)
		}
	}
	if !d.ok() {
		return errMismatch
	}
	w.digest = d
	return nil
}

// readBack copies n bytes of a file from an offset on.
func readBack(ctx context.Context, f io.ReaderAt, from, n int64, buf []byte, to io.Writer) error {
	for n > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := buf[:min(int64(len(buf)), n)]
		k, err := f.ReadAt(p, from)
		if k == 0 && err != nil && !errors.Is(err, io.EOF) {
			return localError("read what was fetched", err)
		}
		if k == 0 { // cut off: what is missing cannot have the right sum
			return nil
		}
		if _, err := to.Write(p[:k]); err != nil {
			return err
		}
		from, n = from+int64(k), n-int64(k)
	}
	return nil
}

// install gives the file its name.
func (w *fetch) install() error {
	if err := w.part.Sync(); err != nil {
		return localError("write "+w.dest, err)
	}
	if !w.holds() || w.elsewhere() {
		return errElsewhere
	}
	if there, err := w.dir.look(w.name); err != nil {
		return localError("look at "+w.dest, err)
	} else if there != nil {
		return inTheWay(w.dest)
	}
	if runtime.GOOS == "windows" { // it does not rename open files
		if err := w.part.Close(); err != nil {
			return localError("write "+w.dest, err)
		}
	}
	err := w.dir.rename(w.name+partSuffix, w.name)
	if errors.Is(err, fs.ErrNotExist) {
		return errElsewhere
	}
	if err == nil {
		err = w.dir.sync()
	}
	if err != nil {
		return localError("give "+w.dest+" its name", err)
	}
	w.part.Close() // all of it is synced
	w.part = nil
	_ = w.dir.remove(w.name + journalSuffix)
	return nil
}

func inTheWay(path string) error {
	return &fault.Error{
		Kind: fault.File, Msg: path + " is there already, and is another file",
		Advice: "Remove it, or choose another place.", Cause: fs.ErrExist,
	}
}

// compare looks at what is at dest already.
func (w *fetch) compare(ctx context.Context, info fs.FileInfo) (Result, error) {
	size := info.Size()
	if !info.Mode().IsRegular() || w.file.Hash == "" || w.file.Size >= 0 && w.file.Size != size {
		return Result{}, inTheWay(w.dest)
	}
	w.share.sized(size)
	w.share.at(size)
	w.share.enter(Verifying)
	f, err := w.dir.view(w.name)
	if err != nil {
		return Result{}, localError("read "+w.dest, err)
	}
	defer f.Close()
	d := newDigest(w.file.Hash, size)
	buf := make([]byte, 512<<10)
	for {
		n, err := f.Read(buf)
		d.Write(buf[:n])
		w.share.checked(int64(n))
		if errors.Is(err, io.EOF) {
			break
		}
		if ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		}
		if err != nil {
			return Result{}, localError("read "+w.dest, err)
		}
	}
	if !d.ok() {
		return Result{}, inTheWay(w.dest)
	}
	w.clear()
	w.share.enter(Finished)
	return Result{Size: size, SHA256: d.sha256(), Verified: true, Fetched: w.fetched.Load()}, nil
}
