package downloader

import (
	"context"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"sync"
)

// maxSpan is how many chunks a connection requests at once.
const maxSpan = 4

// A chunk is the unit of the journal.
type chunk struct {
	at    int64  // written bytes, from its start
	sum   uint32 // CRC-32C of the written bytes
	owner int    // the connection that writes it, or 0
	redos int    // how often it was damaged
}

// A queue assigns the chunks of a file to connections, in order, so that hashing can follow
// closely. Only the owner of a chunk writes it. Another connection may finish it later.
type queue struct {
	size, unit int64

	mu      sync.Mutex
	chunks  []chunk
	left    int  // incomplete chunks
	single  bool // the server does not support ranges
	closed  bool
	changed chan struct{} // closed by any change of a chunk
}

func newQueue(size, unit int64) *queue {
	for size/unit >= maxChunks {
		unit *= 2
	}
	q := &queue{size: size, unit: unit, changed: make(chan struct{})}
	q.chunks = make([]chunk, (size+unit-1)/unit)
	q.left = len(q.chunks)
	return q
}

// restoreQueue makes the queue from a journal. Hashing verifies every chunk later.
func restoreQueue(j *journal) *queue {
	q := newQueue(j.Size, j.Unit)
	for i := range q.chunks {
		if j.done(i) {
			q.markDone(i, j.sum(i))
		}
	}
	for _, n := range j.notes {
		q.markDone(n.chunk, n.sum)
	}
	return q
}

// length is the length of a chunk.
func (q *queue) length(i int) int64 { return min(q.unit, q.size-int64(i)*q.unit) }

func (q *queue) whole(i int) bool { return q.chunks[i].at == q.length(i) }

// notify wakes the waiting goroutines. The queue is locked.
func (q *queue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait waits, unlocked, for a change or the end of ctx. The queue is locked.
func (q *queue) wait(ctx context.Context) error {
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-changed:
		return nil
	}
}

// A span is what a connection downloads: the chunks from first to before last, from an offset
// of the file. Whole is the complete file, of which existing chunks are skipped.
type span struct {
	first, last int
	from, to    int64 // bytes
	whole       bool
}

// take assigns the next span to a connection, by its number above 0. If no chunk is free, it
// takes over a part of the longest span. It waits while there is nothing to do; ok is false
// at the end.
func (q *queue) take(ctx context.Context, who, connections int) (s span, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.closed {
			return span{}, false
		}
		if q.left > 0 && q.single {
			if q.takeAll(who) {
				return span{last: len(q.chunks), to: q.size, whole: true}, true
			}
		} else if q.left > 0 {
			if first, last, ok := q.findFree(connections); ok {
				return q.assign(first, last, who), true
			}
			if first, last, ok := q.findHalf(); ok {
				return q.assign(first, last, who), true
			}
		}
		if q.wait(ctx) != nil {
			return span{}, false
		}
	}
}

// findFree finds chunks without owner.
func (q *queue) findFree(connections int) (first, last int, ok bool) {
	for first < len(q.chunks) && (q.chunks[first].owner != 0 || q.whole(first)) {
		first++
	}
	most := max(1, min(maxSpan, q.left/(2*connections)))
	for last = first; last < len(q.chunks) && last < first+most; last++ {
		// An incomplete chunk must be the first of a request.
		if c := q.chunks[last]; c.owner != 0 || q.whole(last) || last > first && c.at > 0 {
			break
		}
	}
	return first, last, last > first
}

// findHalf finds the second half of the longest sequence of chunks that a connection has not
// begun.
func (q *queue) findHalf() (first, last int, ok bool) {
	most := 0
	for i := 0; i < len(q.chunks); {
		owner, n := q.chunks[i].owner, i
		for n < len(q.chunks) && q.chunks[n].owner == owner {
			n++
		}
		if owner != 0 && n-i-1 > most { // the first is being fetched
			most = n - i - 1
			first, last = i+1+most/2, n
		}
		i = n
	}
	return first, last, most > 0
}

func (q *queue) assign(first, last, who int) span {
	for i := first; i < last; i++ {
		q.chunks[i].owner = who
	}
	return span{
		first: first, last: last,
		from: int64(first)*q.unit + q.chunks[first].at, to: min(int64(last)*q.unit, q.size),
	}
}

// takeAll assigns all missing chunks to a connection, unless another one owns some.
func (q *queue) takeAll(who int) bool {
	for i := range q.chunks {
		if o := q.chunks[i].owner; o != 0 && o != who {
			return false
		}
	}
	for i := range q.chunks {
		if !q.whole(i) {
			q.chunks[i].owner = who
		}
	}
	return true
}

// fetchWhole switches to downloading the complete file in one request. With a number it
// assigns the chunks to that connection; ok is false if another one owns some.
func (q *queue) fetchWhole(who int) (s span, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.single = true
	defer q.notify()
	if who == 0 || !q.takeAll(who) {
		return span{}, false
	}
	return span{last: len(q.chunks), to: q.size, whole: true}, true
}

// owns reports whether a connection owns a chunk, and how much of it is written.
func (q *queue) owns(who, i int) (at int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.chunks[i].at, q.chunks[i].owner == who
}

// addWritten records bytes written by the owner of a chunk, and returns the checksum of a
// complete chunk.
func (q *queue) addWritten(i int, p []byte) (sum uint32, whole bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &q.chunks[i]
	c.sum = crc32.Update(c.sum, castagnoli, p)
	c.at += int64(len(p))
	if q.whole(i) {
		c.owner = 0
		q.left--
		q.notify()
		return c.sum, true
	}
	return 0, false
}

// release frees the unfinished chunks of a connection.
func (q *queue) release(who int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.chunks {
		if q.chunks[i].owner == who {
			q.chunks[i].owner = 0
		}
	}
	q.notify()
}

// await waits until a chunk is complete. It returns the chunk's checksum, and whether all
// chunks are complete.
func (q *queue) await(ctx context.Context, i int) (sum uint32, all bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.whole(i) {
		if err := q.wait(ctx); err != nil {
			return 0, false, err
		}
	}
	return q.chunks[i].sum, q.left == 0, nil
}

// markDone marks a chunk as complete.
func (q *queue) markDone(i int, sum uint32) {
	if !q.whole(i) {
		q.left--
	}
	q.chunks[i].at, q.chunks[i].sum = q.length(i), sum
}

// markMissing marks a chunk as missing, and returns how often that was done.
func (q *queue) markMissing(i int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &q.chunks[i]
	c.at, c.sum = 0, 0
	c.redos++
	q.left++
	q.notify()
	return c.redos
}

// written is the number of written bytes.
func (q *queue) written() (bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.chunks {
		bytes += q.chunks[i].at
	}
	return bytes
}

// close ends the download.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notify()
}

// record writes the complete chunks to a journal.
func (q *queue) record(j *journal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.Size, j.Unit = q.size, q.unit
	j.Done, j.Sums = make([]byte, (len(q.chunks)+7)/8), make([]byte, 4*len(q.chunks))
	for i := range q.chunks {
		if q.whole(i) {
			j.Done[i/8] |= 1 << (i % 8)
			binary.LittleEndian.PutUint32(j.Sums[4*i:], q.chunks[i].sum)
		}
	}
}

func newSum() hash.Hash32 { return crc32.New(castagnoli) }
