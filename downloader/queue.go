package downloader

import (
	"context"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"sync"
)

// maxSpan is how many chunks a connection asks for at once.
const maxSpan = 4

// A chunk is the unit of what is remembered.
type chunk struct {
	at    int64  // bytes of it that are written, from its beginning
	sum   uint32 // CRC-32C of those
	owner int    // the connection that writes it, 0 for none
	redos int    // how often it was found damaged
}

// A queue hands the chunks of a file to connections, in order, so that hashing can follow
// closely. A chunk has one owner at a time, which alone writes it; another connection
// continues what it leaves unfinished.
type queue struct {
	size, unit int64

	mu      sync.Mutex
	chunks  []chunk
	left    int  // chunks that are not whole
	single  bool // the server sends the whole file or nothing
	closed  bool
	changed chan struct{} // closed when a chunk becomes whole, or missing, or free
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

// restore makes the queue of a journal. What it says is believed for the time being:
// hashing looks at every chunk.
func restore(j *journal) *queue {
	q := newQueue(j.Size, j.Unit)
	for i := range q.chunks {
		if j.done(i) {
			q.adopt(i, j.sum(i))
		}
	}
	for _, n := range j.notes {
		q.adopt(n.chunk, n.sum)
	}
	return q
}

// length is that of a chunk.
func (q *queue) length(i int) int64 { return min(q.unit, q.size-int64(i)*q.unit) }

func (q *queue) whole(i int) bool { return q.chunks[i].at == q.length(i) }

// tell wakes who waits. The queue is locked.
func (q *queue) tell() {
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

// A span is what a connection is to fetch: chunks from first to before last, from
// an offset of the file on. Whole is all of the file in one piece, of which what is
// there already is passed over.
type span struct {
	first, last int
	from, to    int64 // bytes
	whole       bool
}

// take gives a connection, by its number above 0, what to fetch next, of which it
// becomes the owner. Where nothing is free it takes from the connection that has
// most before it. It waits while there is nothing at all to do; ok is false when
// there will not be.
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
			if first, last, ok := q.free(connections); ok {
				return q.give(first, last, who), true
			}
			if first, last, ok := q.longest(); ok {
				return q.give(first, last, who), true
			}
		}
		if q.wait(ctx) != nil {
			return span{}, false
		}
	}
}

// free finds chunks without owner.
func (q *queue) free(connections int) (first, last int, ok bool) {
	for first < len(q.chunks) && (q.chunks[first].owner != 0 || q.whole(first)) {
		first++
	}
	most := max(1, min(maxSpan, q.left/(2*connections)))
	for last = first; last < len(q.chunks) && last < first+most; last++ {
		// One that is begun cannot be in the middle of a request.
		if c := q.chunks[last]; c.owner != 0 || q.whole(last) || last > first && c.at > 0 {
			break
		}
	}
	return first, last, last > first
}

// longest finds the second half of what the connection with most before it has not
// begun.
func (q *queue) longest() (first, last int, ok bool) {
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

func (q *queue) give(first, last, who int) span {
	for i := first; i < last; i++ {
		q.chunks[i].owner = who
	}
	return span{
		first: first, last: last,
		from: int64(first)*q.unit + q.chunks[first].at, to: min(int64(last)*q.unit, q.size),
	}
}

// takeAll gives all that is missing, unless another connection still has some of it.
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

// alone changes to fetching the whole file in one piece. With a number it gives that
// connection the chunks, and ok is whether no other connection has any.
func (q *queue) alone(who int) (s span, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.single = true
	defer q.tell()
	if who == 0 || !q.takeAll(who) {
		return span{}, false
	}
	return span{last: len(q.chunks), to: q.size, whole: true}, true
}

// owns reports whether a chunk is a connection's to write, and how much of it is
// written.
func (q *queue) owns(who, i int) (at int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.chunks[i].at, q.chunks[i].owner == who
}

// wrote takes in that the owner of a chunk has written more of it. When that makes it
// whole, it says the sum.
func (q *queue) wrote(i int, p []byte) (sum uint32, whole bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &q.chunks[i]
	c.sum = crc32.Update(c.sum, castagnoli, p)
	c.at += int64(len(p))
	if q.whole(i) {
		c.owner = 0
		q.left--
		q.tell()
		return c.sum, true
	}
	return 0, false
}

// release frees what a connection has not finished.
func (q *queue) release(who int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.chunks {
		if q.chunks[i].owner == who {
			q.chunks[i].owner = 0
		}
	}
	q.tell()
}

// await waits until a chunk is whole, and says its sum, and whether none is missing.
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

// adopt takes in that a chunk is there.
func (q *queue) adopt(i int, sum uint32) {
	if !q.whole(i) {
		q.left--
	}
	q.chunks[i].at, q.chunks[i].sum = q.length(i), sum
}

// redo makes a chunk that was whole missing, and says how often that was done.
func (q *queue) redo(i int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &q.chunks[i]
	c.at, c.sum = 0, 0
	c.redos++
	q.left++
	q.tell()
	return c.redos
}

// have is how many bytes are written.
func (q *queue) have() (bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.chunks {
		bytes += q.chunks[i].at
	}
	return bytes
}

// close ends it: nothing more is fetched.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.tell()
}

// record notes in a journal which chunks are whole.
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
