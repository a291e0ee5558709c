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
	"github.com/bise-sh/bise/units"
	"golang.org/x/sync/errgroup"
)

// Fetch downloads a file to dest, a path whose folder exists.
//
// The partial file is dest.part, and dest.journal records its state. After an error or a
// crash the next Fetch continues from there. If another process downloads the same file,
// Fetch waits, and takes over when that process dies.
//
// Fetch does not replace a file at dest. It succeeds if that file has the right hash; else
// the error is of kind [fault.File]. After success dest has its size and, if known, its
// hash.
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
		return Result{}, &fault.Error{Kind: fault.Refused, Msg: err.Error(), Advice: "The server, or the list of files, has an error."}
	}
	f.Hash = hash
	if f.Size > maxSize {
		return Result{}, &fault.Error{Kind: fault.Refused, Msg: "the server reports a size of " + units.Size(f.Size), Advice: "No model is that large: the server has an error."}
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
		if there, err := dir.stat(w.name); err != nil {
			return Result{}, localError("check "+dest, err)
		} else if there != nil {
			return w.compare(ctx, there)
		}
		saved, err := w.claim(ctx)
		if err == nil {
			var result Result
			result, err = w.run(ctx, saved)
			w.release(err)
			if err == nil {
				return result, nil
			}
		}
		if !errors.Is(err, errTakenOver) {
			return Result{}, err
		}
		if err := sleep(ctx, mathrand.N(pollInterval)); err != nil {
			return Result{}, err
		}
	}
}

// A fetch is the download of one file.
type fetch struct {
	c     *Client
	file  File
	dest  string
	name  string // of the file in dir
	dir   folder
	share *share
	id    string // as an owner

	part   file
	queue  *queue // nil while the size is unknown
	source *source

	once      sync.Once
	opened    chan struct{} // closed after the first response
	beat      int64
	fetched   atomic.Int64 // bytes
	good      atomic.Int64 // time of the last byte, in Unix nanoseconds
	answered  atomic.Bool  // whether a server has responded
	badRanges atomic.Int64 // responses with a wrong range
	attempts  []attempt    // of the connections, by number
	digest    *digest      // of the complete file

	mu        sync.Mutex
	validator string   // of the server's version, if the hash is unknown
	journal   *journal // the last one written
	notes     []note   // chunks that are not in the journal
}

var (
	// errTakenOver reports that another process has the file, or has finished it.
	errTakenOver = errors.New("another process has taken it over")
	// errMismatch reports that the received bytes have the wrong hash.
	errMismatch = errors.New("its hash is wrong")
	// errChanged reports that the file has changed during the download.
	errChanged = errors.New("it has changed on the server")
)

// run downloads what the journal does not have, and installs the file.
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
		w.share.subtract(w.queue.written())
		w.queue, w.source, w.validator, w.journal, w.notes = nil, newSource(w.file.Locate), "", nil, nil
		if attempt == 2 {
			return Result{}, fault.Advise(fault.Errorf(fault.Damaged, "the server sent a wrong file twice: %w", err),
				"The server or a proxy modifies or mixes files: try again later, or another network.")
		}
		if err := w.prepare(ctx, nil); err != nil {
			return Result{}, err
		}
	}
	if err := w.install(); err != nil {
		return Result{}, err
	}
	w.share.setPhase(Finished)
	return Result{Size: w.queue.size, SHA256: w.digest.sha256(), Verified: w.file.Hash != "", Fetched: w.fetched.Load()}, nil
}

// prepare makes the queue from the journal or for a new download, and reserves disk space.
func (w *fetch) prepare(ctx context.Context, saved *journal) error {
	w.good.Store(time.Now().UnixNano())
	if saved != nil {
		w.queue, w.validator = restoreQueue(saved), saved.Validator
		w.share.setSize(saved.Size)
		w.share.setHave(w.queue.written())
		return w.reserve()
	}
	w.share.setHave(0)
	if err := w.part.Truncate(0); err != nil {
		return localError("empty "+w.dest+partSuffix, err)
	}
	if w.file.Size < 0 {
		w.share.setPhase(Downloading)
		return w.discover(ctx)
	}
	w.queue = newQueue(w.file.Size, w.c.unit)
	return w.reserve()
}

func (w *fetch) reserve() error {
	if err := room(w.dir, w.queue.size-w.part.Allocated(), w.file.Name); err != nil {
		return err
	}
	if err := w.part.Reserve(w.queue.size); err != nil {
		return localError(fmt.Sprintf("reserve %s for %s", units.Size(w.queue.size), w.dest), err)
	}
	return nil
}

// transfer downloads, hashes and records all missing chunks.
func (w *fetch) transfer(ctx context.Context) error {
	w.share.setPhase(Downloading)
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
	group.Go(func() error { return w.saveLoop(watch) })
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

// hash hashes the chunks in order as they become complete. It reads each one back from the
// disk, usually from its cache. A chunk with a wrong checksum is downloaded again.
func (w *fetch) hash(ctx context.Context) error {
	const maxFailures = 3
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
				w.share.setPhase(Verifying)
			}
			next := d.clone()
			sum := newSum()
			if err := readBack(ctx, w.part, int64(i)*q.unit, q.length(i), buf, io.MultiWriter(next, sum)); err != nil {
				return err
			}
			if sum.Sum32() == want {
				d = next
				w.share.addChecked(q.length(i))
				break
			}
			if q.markMissing(i) == maxFailures {
				return localError("read "+w.dest+partSuffix, errors.New("the disk returns other bytes than were written"))
			}
			w.share.subtract(q.length(i))
			w.share.setPhase(Downloading)
		}
	}
	if !d.ok() {
		return errMismatch
	}
	w.digest = d
	return nil
}

// readBack copies n bytes of a file from an offset.
func readBack(ctx context.Context, f io.ReaderAt, from, n int64, buf []byte, to io.Writer) error {
	for n > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := buf[:min(int64(len(buf)), n)]
		k, err := f.ReadAt(p, from)
		if k == 0 && err != nil && !errors.Is(err, io.EOF) {
			return localError("read the partial file", err)
		}
		if k == 0 { // truncated, so the checksum will be wrong
			return nil
		}
		if _, err := to.Write(p[:k]); err != nil {
			return err
		}
		from, n = from+int64(k), n-int64(k)
	}
	return nil
}

// install renames the partial file to its final name.
func (w *fetch) install() error {
	if err := w.part.Sync(); err != nil {
		return localError("write "+w.dest, err)
	}
	if !w.ownsPart() || w.isTakenOver() {
		return errTakenOver
	}
	if there, err := w.dir.stat(w.name); err != nil {
		return localError("check "+w.dest, err)
	} else if there != nil {
		return existsError(w.dest)
	}
	if runtime.GOOS == "windows" { // it does not rename open files
		if err := w.part.Close(); err != nil {
			return localError("write "+w.dest, err)
		}
	}
	err := w.dir.rename(w.name+partSuffix, w.name)
	if errors.Is(err, fs.ErrNotExist) {
		return errTakenOver
	}
	if err == nil {
		err = w.dir.sync()
	}
	if err != nil {
		return localError("rename "+w.dest+partSuffix, err)
	}
	w.part.Close() // it is synced
	w.part = nil
	_ = w.dir.remove(w.name + journalSuffix)
	return nil
}

func existsError(path string) error {
	return &fault.Error{
		Kind: fault.File, Msg: path + " exists and is another file",
		Advice: "Remove it, or choose another folder.", Cause: fs.ErrExist,
	}
}

// compare checks the file at dest.
func (w *fetch) compare(ctx context.Context, info fs.FileInfo) (Result, error) {
	size := info.Size()
	if !info.Mode().IsRegular() || w.file.Hash == "" || w.file.Size >= 0 && w.file.Size != size {
		return Result{}, existsError(w.dest)
	}
	w.share.setSize(size)
	w.share.setHave(size)
	w.share.setPhase(Verifying)
	f, err := w.dir.openRead(w.name)
	if err != nil {
		return Result{}, localError("read "+w.dest, err)
	}
	defer f.Close()
	d := newDigest(w.file.Hash, size)
	buf := make([]byte, 512<<10)
	for {
		n, err := f.Read(buf)
		d.Write(buf[:n])
		w.share.addChecked(int64(n))
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
		return Result{}, existsError(w.dest)
	}
	w.removeLeftovers()
	w.share.setPhase(Finished)
	return Result{Size: size, SHA256: d.sha256(), Verified: true, Fetched: w.fetched.Load()}, nil
}
