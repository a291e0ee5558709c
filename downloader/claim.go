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
	// pollInterval is how often a waiting fetch checks the owner of a file.
	pollInterval = 250 * time.Millisecond
	// staleAfter is how long a journal must be unchanged before a fetch takes it over from
	// an owner on another machine.
	staleAfter = 10 * time.Second
	// heartbeat is how often an owner writes its journal.
	heartbeat = 2 * time.Second
)

// owners is the set of the fetches of this process, by ID.
var owners sync.Map

// claim waits until no other process owns the partial file, opens it and returns its
// journal, which may be nil. If another process has finished the file, the error is
// errTakenOver.
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
		mine := locked && w.ownsPart()
		j := w.readJournal()
		if mine && j != nil && j.Owner.ID != "" && !j.Owner.isDead() {
			if j.Owner != last {
				last, since = j.Owner, time.Now()
			}
			mine = time.Since(since) >= staleAfter
		}
		there, err := w.dir.stat(w.name)
		if err != nil {
			err = localError("check "+w.dest, err)
		} else if there != nil {
			if mine { // empty, created by open
				w.removePartial()
			}
			err = errTakenOver
		}
		if mine && err == nil {
			if j, err = w.takeOwnership(j); err == nil {
				return j, nil
			}
		}
		w.part = nil
		part.Close()
		if err != nil {
			return nil, err
		}
		w.showWaiting(j)
		if err := sleep(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// takeOwnership writes this fetch as the owner to the journal, and returns the old journal
// if it is of the same file.
func (w *fetch) takeOwnership(j *journal) (*journal, error) {
	if j != nil && !j.fits(w.file) {
		slog.Info("discarding a partial file of another version", "file", w.dest)
		j = nil
	}
	own := journal{Name: w.file.Name, Hash: w.file.Hash, Unit: w.c.unit}
	if j != nil {
		own = *j
	}
	w.beat++
	own.Owner, w.notes, w.queue = w.owner(), own.notes, nil
	err := w.replaceJournal(&own, 0)
	if err != nil && j == nil && !errors.Is(err, errTakenOver) {
		w.removePartial()
	}
	return j, err
}

func (w *fetch) owner() owner {
	return owner{ID: w.id, Host: hostname(), PID: os.Getpid(), Beat: w.beat}
}

// showWaiting reports the progress of the process that owns the file.
func (w *fetch) showWaiting(j *journal) {
	w.share.setPhase(Waiting)
	who := "another process"
	if j != nil && j.Owner.ID != "" {
		if who = fmt.Sprintf("process %d", j.Owner.PID); j.Owner.Host != hostname() {
			who += " on " + j.Owner.Host
		}
		if j.Hash == w.file.Hash {
			w.share.setSize(j.Size)
			w.share.setHave(restoreQueue(j).written())
		}
	}
	w.share.setReason(who+" is downloading it", time.Time{})
}

// isDead reports whether an owner has certainly ended.
func (o owner) isDead() bool {
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

// ownsPart reports whether the open partial file still has its name.
func (w *fetch) ownsPart() bool { return w.dir.isSame(w.name+partSuffix, w.part) }

// readJournal returns the journal, nil without a valid one.
func (w *fetch) readJournal() *journal {
	f, err := w.dir.openRead(w.name + journalSuffix)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			slog.Warn("cannot read journal", "file", w.dest, "error", err)
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
		slog.Warn("ignoring invalid journal", "file", w.dest, "error", err)
		return nil
	}
	return j
}

// saveLoop saves the journal regularly, which also shows that its owner is alive.
func (w *fetch) saveLoop(ctx context.Context) error {
	tick := time.NewTicker(heartbeat)
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

// isTakenOver reports whether another fetch has taken the file over. It may do so where
// locks do not work and this fetch seemed dead.
func (w *fetch) isTakenOver() bool {
	j := w.readJournal()
	return j != nil && j.Owner.ID != "" && j.Owner.ID != w.id
}

// save syncs the file, and then records the complete chunks in the journal.
func (w *fetch) save() error {
	if w.isTakenOver() {
		return errTakenOver
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
	return w.replaceJournal(j, noted)
}

// replaceJournal replaces the journal. Its first noted notes are in the new journal.
func (w *fetch) replaceJournal(j *journal, noted int) error {
	name := w.name + journalSuffix
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
	if errors.Is(err, fs.ErrNotExist) && w.ownsPart() {
		return errTakenOver // another process wrote there too
	}
	if err != nil {
		_ = w.dir.remove(name + ".tmp")
		return localError("write "+w.dest+journalSuffix, err)
	}
	if back := w.readJournal(); back == nil || back.Owner.ID != j.Owner.ID {
		return errTakenOver
	}
	w.journal, w.notes = j, w.notes[noted:]
	return nil
}

// addNote adds a written chunk to the journal, so that a killed process does not lose it.
func (w *fetch) addNote(n note) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.notes) < maxChunks { // else the disk is very slow
		w.notes = append(w.notes, n)
		// If this fails, the next save fails too and reports it.
		_ = w.dir.append(w.name+journalSuffix, n.append(nil))
	}
}

// release closes the partial file for the next process. Why is the error of this fetch.
func (w *fetch) release(why error) {
	if w.part == nil { // it is installed
		return
	}
	switch {
	case errors.Is(why, errTakenOver) || !w.ownsPart():
	case w.queue == nil || w.queue.left == len(w.queue.chunks):
		w.removePartial()
	case w.journal != nil:
		w.journal.Owner = owner{}
		// If this fails, for instance on a full disk, the old journal is good enough.
		_ = w.replaceJournal(w.journal, 0)
	}
	w.part.Close()
	w.part = nil
}

// removePartial removes the partial file and its journal, which this process must own.
func (w *fetch) removePartial() {
	for _, suffix := range []string{journalSuffix, partSuffix} {
		_ = w.dir.remove(w.name + suffix)
	}
}

// removeLeftovers removes the partial file and the journal of a process that was killed
// after installing the file, or before noticing that it exists.
func (w *fetch) removeLeftovers() {
	part, err := w.dir.stat(w.name + partSuffix)
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
	if locked, err := w.part.TryLock(); err == nil && locked && w.ownsPart() {
		w.removePartial()
	}
	w.part.Close()
	w.part = nil
}
