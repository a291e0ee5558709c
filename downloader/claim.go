package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// poll is how often the holder of a file is looked at.
	poll = 250 * time.Millisecond
	// stale is how long a journal that says it is somebody's must not have changed
	// before it is taken from a process that cannot be asked, on another machine.
	stale = 10 * time.Second
	// beat is how often a journal is written while its owner lives.
	beat = 2 * time.Second
)

// owners has the IDs of the fetches of this process.
var owners sync.Map

// claim opens the partial file as soon as no other process is at work on it, and says
// what is known of it, nil for nothing. The error is errElsewhere when another process
// has finished it meanwhile.
func (w *fetch) claim(ctx context.Context) (*journal, error) {
	var (
		last  owner
		since time.Time // when last was seen first
	)
	for {
		part, err := w.dir.open(w.name + partSuffix)
		if err != nil {
			return nil, localError("open "+w.dest+partSuffix, err)
		}
		locked, err := part.TryLock()
		if err != nil {
			part.Close()
			return nil, localError("lock "+w.dest+partSuffix, err)
		}
		w.part = part
		mine := locked && w.holds()
		j := w.read()
		if mine && j != nil && j.Owner.ID != "" && !j.Owner.gone() {
			if j.Owner != last {
				last, since = j.Owner, time.Now()
			}
			mine = time.Since(since) >= stale
		}
		there, err := w.dir.look(w.name)
		if err != nil {
			err = localError("look at "+w.dest, err)
		} else if there != nil {
			if mine { // an empty one, made by opening it
				w.discard()
			}
			err = errElsewhere
		}
		if mine && err == nil {
			if j, err = w.take(j); err == nil {
				return j, nil
			}
		}
		w.part = nil
		part.Close()
		if err != nil {
			return nil, err
		}
		w.waiting(j)
		if err := sleep(ctx, poll); err != nil {
			return nil, err
		}
	}
}

// take says in the journal that the file is this fetch's, before anything is done to it,
// and gives what of the journal is of use.
func (w *fetch) take(j *journal) (*journal, error) {
	if j != nil && !j.fits(w.file) {
		slog.Info("what is there of a file is of another one", "file", w.dest)
		j = nil
	}
	own := journal{Name: w.file.Name, Hash: w.file.Hash, Unit: w.c.unit}
	if j != nil {
		own = *j
	}
	w.beat++
	own.Owner, w.notes, w.queue = w.owner(), own.notes, nil
	err := w.replace(&own, 0)
	if err != nil && j == nil && !errors.Is(err, errElsewhere) {
		w.discard()
	}
	return j, err
}

func (w *fetch) owner() owner {
	return owner{ID: w.id, Host: hostname(), PID: os.Getpid(), Beat: w.beat}
}

// waiting shows how far the one is who has the file.
func (w *fetch) waiting(j *journal) {
	w.share.enter(Waiting)
	who := "another process"
	if j != nil && j.Owner.ID != "" {
		if who = fmt.Sprintf("process %d", j.Owner.PID); j.Owner.Host != hostname() {
			who += " on " + j.Owner.Host
		}
		if j.Hash == w.file.Hash {
			w.share.sized(j.Size)
			w.share.at(restore(j).have())
		}
	}
	w.share.waits(who+" fetches it", time.Time{})
}

// gone reports whether an owner is known not to be at work any more.
func (o owner) gone() bool {
	if o.Host != hostname() {
		return false
	}
	if o.PID == os.Getpid() {
		_, here := owners.Load(o.ID)
		return !here
	}
	return o.PID <= 0 || !alive(o.PID)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// holds reports whether the partial file that is open is the one that others find.
func (w *fetch) holds() bool { return w.dir.is(w.name+partSuffix, w.part) }

// read is the journal, nil where there is none that can be relied on.
func (w *fetch) read() *journal {
	f, err := w.dir.view(w.name + journalSuffix)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			slog.Warn("a journal cannot be read", "file", w.dest, "error", err)
		}
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err != nil {
		return nil
	}
	j, err := parseJournal(data)
	if err != nil {
		slog.Warn("a journal is left aside", "file", w.dest, "error", err)
		return nil
	}
	return j
}

// keep saves what has come every now and then, also to show that its owner lives.
func (w *fetch) keep(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := w.save(); err != nil {
			return err
		}
	}
}

// elsewhere reports whether another fetch has taken the file over, which it may do
// where locks are of no use, and this one was not heard of.
func (w *fetch) elsewhere() bool {
	j := w.read()
	return j != nil && j.Owner.ID != "" && j.Owner.ID != w.id
}

// save makes what is whole safe on the disk, and then says so in the journal.
func (w *fetch) save() error {
	if w.elsewhere() {
		return errElsewhere
	}
	w.beat++
	w.mu.Lock()
	j := &journal{Name: w.file.Name, Hash: w.file.Hash, Validator: w.validator, Owner: w.owner()}
	w.queue.record(j)
	noted := len(w.notes)
	w.mu.Unlock()
	if err := w.part.Sync(); err != nil {
		return localError("write "+w.dest+partSuffix, err)
	}
	return w.replace(j, noted)
}

// replace puts a journal in the place of the one before, which has so many notes that
// the new one does not need.
func (w *fetch) replace(j *journal, noted int) error {
	name := w.name + journalSuffix
	// No caller has to wait for the disk to note something down.
	err := w.dir.write(name+".tmp", j.encode())
	w.mu.Lock()
	defer w.mu.Unlock()
	if notes := w.notes[noted:]; len(notes) > 0 && err == nil {
		var lines []byte
		for _, n := range notes {
			lines = n.append(lines)
		}
		err = w.dir.append(name+".tmp", lines)
	}
	if err == nil {
		err = w.dir.rename(name+".tmp", name)
	}
	if errors.Is(err, fs.ErrNotExist) && w.holds() {
		return errElsewhere // another process wrote there too
	}
	if err != nil {
		_ = w.dir.remove(name + ".tmp")
		return localError("write "+w.dest+journalSuffix, err)
	}
	if back := w.read(); back == nil || back.Owner.ID != j.Owner.ID {
		return errElsewhere
	}
	w.journal, w.notes = j, w.notes[noted:]
	return nil
}

// noteDown adds to the journal that a chunk was written, which a process that is killed
// after that has then not fetched in vain.
func (w *fetch) noteDown(n note) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.notes) < maxChunks { // else the disk is so slow that saving lags far behind
		w.notes = append(w.notes, n)
		// Where this fails the next save fails too, and says why.
		_ = w.dir.append(w.name+journalSuffix, n.append(nil))
	}
}

// leave lets the partial file go for the next process. Why is the error that led here.
func (w *fetch) leave(why error) {
	if w.part == nil { // it has its name
		return
	}
	switch {
	case errors.Is(why, errElsewhere) || !w.holds():
	case w.queue == nil || w.queue.left == len(w.queue.chunks):
		w.discard()
	case w.journal != nil:
		w.journal.Owner = owner{}
		// When this fails, with the disk full for instance, the journal as it is is good
		// enough, and why is what to tell.
		_ = w.replace(w.journal, 0)
	}
	w.part.Close()
	w.part = nil
}

// discard removes what is there of a file, which must be this process's.
func (w *fetch) discard() {
	for _, suffix := range []string{journalSuffix, partSuffix} {
		_ = w.dir.remove(w.name + suffix)
	}
}

// clear removes what a process left that was killed after it had given the file its
// name, or before it saw that it has it.
func (w *fetch) clear() {
	part, err := w.dir.look(w.name + partSuffix)
	if err != nil || part != nil && !part.Mode().IsRegular() {
		return
	}
	if part == nil {
		_ = w.dir.remove(w.name + journalSuffix)
		return
	}
	if w.part, err = w.dir.open(w.name + partSuffix); err != nil {
		return
	}
	if locked, err := w.part.TryLock(); err == nil && locked && w.holds() {
		w.discard()
	}
	w.part.Close()
	w.part = nil
}
